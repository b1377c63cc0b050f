"""The tags that authors put on defines, and the data elements they declare.

A comment directly before a define may hold ``@name: value`` lines; the translator keeps them on the ExpressionDef as ELM
annotations (``{"type": "Annotation", "t": [{"name": …, "value": …}]}``). ``@dataElement: <id>`` makes the define a data
element: something that a user can supply, and that explanations name when it is missing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from guideway.guideline.compiled import Element

if TYPE_CHECKING:
    from guideway.elm import nodes

Tags = tuple[tuple[str, str], ...]


def tags_of(annotations: Any) -> Tags:
    """The tags among the annotations of an ELM node, in order; annotations of other kinds are passed over."""
    found: list[tuple[str, str]] = []
    for annotation in annotations or ():
        tags = annotation.get("t") if isinstance(annotation, dict) else getattr(annotation, "t", None)
        for tag in tags or ():
            name = tag.get("name") if isinstance(tag, dict) else getattr(tag, "name", None)
            value = tag.get("value") if isinstance(tag, dict) else getattr(tag, "value", None)
            if isinstance(name, str):
                found.append((name.lstrip("@"), value.strip() if isinstance(value, str) else ""))
    return tuple(found)


def element_of(
    library: str, define: nodes.ExpressionDef, type_name: str | None, value_set: Callable[[str], str | None]
) -> Element | None:
    """The data element that a define declares, or None; ``value_set`` resolves a local value-set name to its canonical."""
    tags = tags_of(define.annotation)
    known = dict(reversed(tags))
    name = known.get("dataElement")
    if not name or define.name is None:
        return None
    declared = known.get("valueset")
    return Element(
        library=library,
        define=define.name,
        id=name,
        display=known.get("display") or define.name,
        unit=known.get("unit") or None,
        value_set=(value_set(declared.strip('"')) or declared) if declared else None,
        question=known.get("question") or None,
        type=type_name,
        tags=tags,
    )
