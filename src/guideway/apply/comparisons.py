"""The comparisons that decided, in words that hold: ``0.8 10*9/L < 1.0 10*9/L``.

A comparison says why a datum counts only where the datum's own value is what was compared: it stands on a side of the comparison,
or it was given to a function that compared it. A comparison that came out false is written as its opposite, so that everything
shown is so; one that cannot be known says that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from guideway.apply.fhir_json import as_text
from guideway.apply.provenance import Trace, deciders, unwrap

SIGNS = {
    "Less": ("<", ">="), "LessOrEqual": ("<=", ">"), "Greater": (">", "<="), "GreaterOrEqual": (">=", "<"),
    "Equal": ("=", "!="), "NotEqual": ("!=", "="), "Equivalent": ("~", "!~"),
    "Before": ("before", "not before"), "After": ("after", "not after"),
    "SameOrBefore": ("on or before", "not on or before"), "SameOrAfter": ("on or after", "not on or after"),
}  # fmt: skip
"""Comparison → its sign, and the sign of its opposite."""

_APART = frozenset({"Query", "Retrieve", "ExpressionDef", "Define"})
"""Nodes whose insides are told by themselves."""


def brief(value: object) -> str:
    """A value in few words; a resource by its reference."""
    text = as_text(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def comparison_text(node: Trace) -> str | None:
    """A comparison as it is written, with its operands as they were."""
    return _text(node, 0)


def outcome_text(node: Trace) -> str | None:
    """A comparison as it came out: what holds, or that it is not known."""
    if node.kind not in SIGNS:
        return None
    value = unwrap(node.value)
    if value is None:
        text = _text(node, 0)
        if text is None or all(unwrap(child.value) is not None for child in node.children):
            return f"{text} is not known" if text else None
        there = [brief(child.value) for child in node.children if unwrap(child.value) is not None]
        return f"no value to compare with {there[0]}" if there else "no values to compare"
    return _text(node, 0 if value is True else 1)


def _text(node: Trace, which: int) -> str | None:
    signs = SIGNS.get(node.kind)
    if signs is None:
        return None
    children = node.children
    if len(children) != 2:
        return None
    left, right = (brief(unwrap(child.value)) for child in children)
    return f"{left} {signs[which]} {right}"


def compared(call: Trace) -> dict[str, dict[str, None]]:
    """Of a call of a function that answers yes or no: the comparisons in it that decided, by the operand that they compare."""
    found: dict[str, dict[str, None]] = {}
    operands: Sequence[str] = getattr(call, "operands", ())
    _decided(call.children[len(operands) :], found)
    return found


def _decided(nodes: Iterable[Trace], found: dict[str, dict[str, None]]) -> None:
    for node in nodes:
        if node.kind in _APART or not _is_answer(node):
            continue
        text = outcome_text(node)
        if text is not None:
            for name in _names(node.children):
                found.setdefault(name, {})[text] = None
        elif node.kind == "FunctionRef":
            inner = compared(node)
            given = zip(getattr(node, "operands", ()), node.children)
            for operand, argument in given:
                for name in _names([argument]) if operand in inner else ():
                    found.setdefault(name, {}).update(inner[operand])
        else:
            _decided(chosen(node), found)


def _is_answer(node: Trace) -> bool:
    """Whether a value is true, false or not known."""
    value = unwrap(node.value)
    return value is None or value is True or value is False


def _names(nodes: Iterable[Trace]) -> Iterator[str]:
    """The operands whose values, and not only what was said of them, are in these values."""
    pending = list(nodes)
    while pending:
        node = pending.pop(0)
        if node.kind == "OperandRef":
            yield node.label or ""
        elif node.kind not in _APART and not isinstance(unwrap(node.value), bool):
            pending = [*(node.children or ()), *pending]


def chosen(node: Trace) -> Sequence[Trace]:
    """The children that decided; of a choice the condition that was met and what it led to, or all that were not."""
    children: Sequence[Trace] = node.children or ()
    if node.kind == "Case" and len(children) > 2 and unwrap(children[-2].value) is True:
        return children[-2:]
    return deciders(node)


def own_comparisons(node: Trace) -> list[str]:
    """The comparisons that made a define that answers yes or no what it is, without those in defines that it refers to."""
    found: dict[str, None] = {}
    pending = list(node.children or ())
    while pending:
        current = pending.pop(0)
        if current.kind in _APART or not _is_answer(current):
            continue
        text = outcome_text(current)
        if text is not None:
            found[text] = None
        elif current.kind == "FunctionRef":
            for texts in compared(current).values():
                found.update(texts)
        else:
            pending = [*chosen(current), *pending]
    return list(found)
