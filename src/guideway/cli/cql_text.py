"""Run-time values as CQL would write them, for people at a prompt; what a trace says, as an indented tree."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from guideway.cli.lines import Line, wrap
from guideway.elm.types import SYSTEM_URI, ChoiceType, IntervalType, ListType, NamedType, TupleType, Type
from guideway.engine.values import (
    Code,
    CodeSystemRef,
    Concept,
    Date,
    DateTime,
    Interval,
    Long,
    Quantity,
    Ratio,
    Time,
    TupleValue,
    Uncertainty,
    ValueSetRef,
)
from guideway.fhir.element import FhirObject, FhirPrimitive

if TYPE_CHECKING:
    from guideway.engine.trace import TraceNode

LONGEST_LIST = 20
"""So many items of a list are shown; of the others the number."""


def cql_text(value: Any, *, longest: int = LONGEST_LIST) -> str:
    """A value in CQL's own notation.

    >>> cql_text([1, None, "it's"])
    "{ 1, null, 'it\\\\'s' }"
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Long):
        return f"{int(value)}L"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal):
        text = f"{value:f}"
        return text if "." in text else text + ".0"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, list):
        if not value:
            return "{ }"
        items = [cql_text(item, longest=longest) for item in value[:longest]]
        more = [f"… {len(value) - longest} more"] if len(value) > longest else []
        return "{ " + ", ".join(items + more) + " }"
    return _structured(value, longest)


def _structured(value: Any, longest: int) -> str:
    if isinstance(value, Date | DateTime):
        text = str(value)
        return f"@{text}T" if isinstance(value, DateTime) and "T" not in text else f"@{text}"
    if isinstance(value, Time):
        return f"@T{str(value).removeprefix('T')}"
    if isinstance(value, Quantity):
        return f"{value.value:f} {_quoted(value.unit)}"
    if isinstance(value, Ratio):
        return f"{_structured(value.numerator, longest)}:{_structured(value.denominator, longest)}"
    if isinstance(value, Interval | Uncertainty):
        low, high = (cql_text(end, longest=longest) for end in (value.low, value.high))
        if isinstance(value, Uncertainty):
            return f"uncertain between {low} and {high}"
        return f"Interval{'[' if value.low_closed else '('}{low}, {high}{']' if value.high_closed else ')'}"
    if isinstance(value, TupleValue):
        parts = ", ".join(f"{_name(name)}: {cql_text(part, longest=longest)}" for name, part in value.items())
        return f"Tuple {{ {parts or ':'} }}"
    if isinstance(value, Code):
        system = f" from {_quoted(value.system)}" if value.system else ""
        display = f" display {_quoted(value.display)}" if value.display else ""
        return f"Code {_quoted(value.code or '')}{system}{display}"
    if isinstance(value, Concept):
        display = f" display {_quoted(value.display)}" if value.display else ""
        return f"Concept {{ {', '.join(_structured(code, longest) for code in value.codes)} }}{display}"
    if isinstance(value, ValueSetRef | CodeSystemRef):
        return f'"{value.id}"'
    if isinstance(value, FhirPrimitive):
        dated = value.fhir_type in ("date", "dateTime", "instant") and isinstance(value.value, str)
        return f"@{value.value}" if dated else cql_text(value.value, longest=longest)
    if isinstance(value, FhirObject):
        return f"{value.fhir_type} {value.reference}" if value.reference else f"{value.fhir_type} {_json(value.data)}"
    return str(value)


def _json(data: Any) -> str:
    from guideway.apply.outcome import dumps

    text = dumps(data).decode()
    return text if len(text) <= 200 else text[:199] + "…"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")
    return f"'{escaped}'"


def _name(name: str) -> str:
    return name if name.isidentifier() else f'"{name}"'


def trace_lines(root: TraceNode, width: int) -> Iterator[Line]:
    """The tree of an evaluation: each sub-expression with its value, and the resources it read."""
    seen: set[int] = set()
    pending = [(root, 0)]  # not recursive: a sum of a thousand operands nests a thousand deep
    while pending:
        node, depth = pending.pop()
        indent = "  " * min(depth, 20)
        name = f"{node.kind} {node.label}".rstrip() if node.kind != "ExpressionDef" else f'define "{node.define}"'
        again = node.kind == "ExpressionDef" and id(node) in seen
        text = f"{name} = {cql_text(node.value, longest=5)}"
        if node.resources:
            text += f"  [{', '.join(node.resources)}]"
        yield from wrap(
            text + (" (see above)" if again else ""), width, first=indent, rest=indent + "  ", style="dim" if again else ""
        )
        if not again:
            seen.add(id(node))
            pending.extend((child, depth + 1) for child in reversed(node.children))
    cause = root.null_cause()
    if cause is not None and cause is not root:
        yield []
        yield from wrap(f"null because of: {cause.kind} {cause.label}".rstrip(), width, style="unknown")


def type_text(type_: Type | None) -> str:
    """A static type in CQL's notation, with the model's name: ``List<FHIR.Period>``, ``Integer``."""
    match type_:
        case None:
            return ""
        case NamedType():
            model = "" if type_.uri == SYSTEM_URI else type_.uri.rstrip("/").rpartition("/")[2].upper() + "."
            return f"{model}{type_.local_name}"
        case ListType():
            return f"List<{type_text(type_.element)}>"
        case IntervalType():
            return f"Interval<{type_text(type_.point)}>"
        case TupleType():
            return "Tuple { " + ", ".join(f"{name} {type_text(part)}" for name, part in type_.elements) + " }"
        case ChoiceType():
            return "Choice<" + ", ".join(map(type_text, type_.choices)) + ">"
        case _:
            return str(type_)
