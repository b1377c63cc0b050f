"""The expressions inside artifacts: find them all, and say which define of which library each one names.

``Expression.language`` decides: ``text/cql-identifier`` (and the legacy ``text/cql.identifier``) names a define;
``text/cql-expression`` (``text/cql.expression``) is CQL text; ``text/cql`` is a define's name where there is one of that
name, else CQL text. Names are looked up in the library of ``Expression.reference``, else in the library that qualifies them
(``Library.Define``), else in the artifact's first library. CQL IG: http://hl7.org/fhir/uv/cql/using-expressions.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from guideway.guideline.names import objects, text_of

if TYPE_CHECKING:
    from guideway.guideline.compiled import CompiledGuideline

Json = dict[str, Any]

IDENTIFIERS = frozenset({"text/cql-identifier", "text/cql.identifier", "text/cql-name", "text/cql.name"})
INLINE = frozenset({"text/cql-expression", "text/cql.expression"})
EITHER = "text/cql"
FHIRPATH = "text/fhirpath"
CQL_LANGUAGES = IDENTIFIERS | INLINE | {EITHER}


COMPANION = "Expressions"
"""How the name of a library ends that holds the expressions of artifacts."""


def companion_of(library: str) -> str:
    """The library of the expressions that refer to a library; of none: that of the guideline."""
    return f"{library or 'Guideline'}{COMPANION}"


def is_companion(library: str) -> bool:
    """Whether a library is called as one of expressions."""
    return library.endswith(COMPANION)


class Found(msgspec.Struct, frozen=True):
    """An Expression and where in the artifact it stands (JSON pointer)."""

    expression: Json
    pointer: str
    inputs: tuple[Json, ...] = ()
    """The inputs (with an id) of the action on which it stands as a condition."""


class Bound(msgspec.Struct, frozen=True):
    """Which define an expression names; ``error`` in words where it names none, and ``lacking`` what is wrong with its library
    where no define of that can be found."""

    library: str | None = None
    define: str | None = None
    error: str | None = None
    lacking: str | None = None


def expressions_of(resource: Json) -> Iterator[Found]:
    """Every Expression in an artifact: conditions, dynamic values, extensions, alternatives."""
    pending: list[tuple[Any, str, tuple[Json, ...]]] = [(resource, "", ())]
    while pending:
        node, pointer, inputs = pending.pop()
        if isinstance(node, dict):
            if isinstance(node.get("language"), str) and isinstance(node.get("expression"), str):
                yield Found(node, pointer, inputs)
            own = inputs_of(node) if "input" in node else ()
            pending += [
                (value, f"{pointer}/{name}", own if own and name in _WITH_INPUTS else inputs)
                for name, value in reversed(node.items())
                if isinstance(value, dict | list)
            ]
        elif isinstance(node, list):
            pending += [(value, f"{pointer}/{index}", inputs) for index, value in reversed(list(enumerate(node)))]


_WITH_INPUTS = ("condition", "extension")
"""Where on an action the expressions are that decide whether it applies, or say something of that."""


def inputs_of(action: Json) -> tuple[Json, ...]:
    """The inputs of an action that have an id, by which its conditions name them."""
    return tuple(each for each in objects(action.get("input")) if text_of(each.get("id")))


def named_inputs(text: str, inputs: Iterable[Json]) -> tuple[Json, ...]:
    """Those whose id stands in a text as a name."""
    import re

    return tuple(each for each in inputs if re.search(rf"(?<![\w.-]){re.escape(each['id'])}(?![\w-])", text))


def inline_key(text: str, inputs: Iterable[Json]) -> str:
    """What tells one CQL expression from another: its text, and the inputs that it may name."""
    named = named_inputs(text, inputs) if inputs else ()
    return f"{text}\n{named}" if named else text


def unquoted(name: str) -> str:
    """A CQL identifier without its quotes."""
    name = name.strip()
    return name[1:-1] if len(name) > 1 and name[0] == name[-1] and name[0] in '"`' else name


def bind(guideline: CompiledGuideline, expression: Json, libraries: list[str], inputs: Iterable[Json] = ()) -> Bound:
    """The define that a CQL expression names, in an artifact that refers to ``libraries`` (canonicals), on an action with these
    ``inputs``."""
    language = expression.get("language")
    text = str(expression.get("expression", "")).strip()
    reference = expression.get("reference")
    wanted = reference if isinstance(reference, str) else libraries[0] if libraries else None
    library = guideline.library_name(wanted) if wanted else None
    if wanted and library is None:
        lacking = f"its library {wanted} is not in this guideline"
        return Bound(error=f"{text!r}: {lacking}", lacking=lacking)
    if language not in INLINE:
        found = _define(guideline, text, library, [guideline.library_name(x) for x in libraries[1:]] if not reference else [])
        if found is not None:
            return found
    if language in INLINE or language == EITHER:
        inline = guideline.inline.get((library or "", inline_key(text, inputs)))
        if inline is not None:
            return Bound(*inline)
    if library is None:
        return Bound(error=f"{text!r}: the artifact names no library to look it up in")
    if language in IDENTIFIERS or (language == EITHER and text.replace(" ", "").isalnum()):
        return _no_define(guideline, library, unquoted(text))
    problem = guideline.inline_errors.get((library, inline_key(text, inputs)))
    return Bound(error=f"{text!r}: {problem or 'this CQL expression was not compiled'}")


def _define(guideline: CompiledGuideline, text: str, library: str | None, others: list[str | None]) -> Bound | None:
    name = unquoted(text)
    for candidate in (library, *others):
        if candidate is not None and guideline.has_define(candidate, name):
            return Bound(candidate, name)
    head, dot, rest = text.partition(".")
    qualifier = unquoted(head)
    if dot and library is not None:
        target = guideline.aliases.get(library, {}).get(qualifier) or qualifier
        if guideline.has_define(target, unquoted(rest)):
            return Bound(target, unquoted(rest))
    return None


def _no_define(guideline: CompiledGuideline, library: str, name: str) -> Bound:
    from difflib import get_close_matches

    known = guideline.defines.get(library)
    if known is None:
        lacking = f"library {library} could not be translated"
        return Bound(error=f"{name!r}: {lacking}", lacking=lacking, library=library)
    near = get_close_matches(name, known, 1, 0.6)
    return Bound(error=f"library {library} has no define {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
