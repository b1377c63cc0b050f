"""Which dates a retrieve is about, where its logic says so in a way that a DataRequirement can say too.

``of_condition(condition, alias)`` takes the condition on the rows of a query (``where``, ``such that``) and gives the bounds that
it sets on date elements of the row: an interval or a comparison with fixed dates, or with a time counted from the moment of the
evaluation, back or on. ``of_retrieve`` gives those that stand on the retrieve itself. A bound that cannot be said (of a
parameter, a computed date, a comparison to a precision) leaves the path alone, so that a filter never leaves out what the logic
could count; data dated after the evaluation is asked for only where a bound lies there. FHIR R4:
http://hl7.org/fhir/R4/metadatatypes-definitions.html#DataRequirement
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from guideway.elm import nodes
from guideway.elm.types import DATE, DATETIME, IntervalType
from guideway.guideline.compiled import DateFilter

_UNITS = {"year": "a", "month": "mo", "week": "wk", "day": "d", "hour": "h", "minute": "min", "second": "s"}
_DAYS = {"a": 366, "mo": 31, "wk": 7, "d": 1}
"""How many days each may have at most."""
_UCUM = frozenset(_UNITS.values())
_WITHIN = (nodes.In, nodes.IncludedIn, nodes.ProperIn, nodes.ProperIncludedIn)
_LATER = (nodes.After, nodes.SameOrAfter, nodes.Greater, nodes.GreaterOrEqual)
_EARLIER = (nodes.Before, nodes.SameOrBefore, nodes.Less, nodes.LessOrEqual)


class _Back(NamedTuple):
    """So long before the moment of the evaluation, or after it (a value below zero); ``days``: counted from the beginning of its
    day. The unit is UCUM, and the text CQL."""

    value: Decimal
    unit: str
    days: bool
    text: str


_Point = str | _Back | None
"""A fixed FHIR date, a time before or after the evaluation, or something that cannot be said."""


Bodies = Callable[[str, Any], "tuple[str, Any, tuple[str, ...]] | None"]
"""Of a reference in a library: the library, body and operand names of what it refers to; None where that is not one thing."""


def of_condition(
    condition: Any, alias: str | None, library: str = "", bodies: Bodies = lambda library, node: None
) -> tuple[DateFilter, ...]:
    """The dates that rows of ``alias`` must have for the condition to hold. Calls of functions and names of defines are seen
    through by ``bodies``."""
    condition = _spelt_out(condition, library, {}, bodies)
    bounds: dict[str, list[tuple[_Point, _Point]]] = {}
    for part in _conjuncts(condition):
        if not isinstance(part, (*_WITHIN, *_LATER, *_EARLIER)) or len(part.operand) != 2:
            continue
        first, second = part.operand
        swapped = not isinstance(part, _WITHIN) and _path(first, alias) is None
        path = _path(second if swapped else first, alias)
        other = first if swapped else second
        if path is None or not _temporal(other):
            continue
        low, high = _bounds(part, other, swapped)
        bounds.setdefault(path, []).append((low, high))
    return tuple(_filter(path, found) for path, found in bounds.items())


def of_retrieve(node: nodes.Retrieve) -> tuple[DateFilter, ...]:
    """The dates that the retrieve itself asks for."""
    found = [_filter(node.dateProperty, [_interval(node.dateRange)])] if node.dateProperty and node.dateRange is not None else []
    found += [_filter(f.property, [_interval(f.value)]) for f in node.dateFilter if f.property]
    return tuple(found)


def _spelt_out(node: Any, library: str, given: dict[str, Any], bodies: Bodies, depth: int = 8) -> Any:
    """An expression with the bodies of the functions that it calls, and of the defines that it names, in their place. A name that
    would stand for something else there, or one too deep, stays as it is."""
    if isinstance(node, list):
        return [_spelt_out(each, library, given, bodies, depth) for each in node]
    if not isinstance(node, nodes.Element) or isinstance(node, nodes.Query | nodes.Retrieve):
        return node  # what binds names of its own says nothing of this row's dates
    if isinstance(node, nodes.OperandRef):
        return given.get(node.name or "", node)
    if isinstance(node, nodes.ExpressionRef) and (found := bodies(library, node) if depth else None) is not None:
        home, body, names = found
        operands = getattr(node, "operand", None) or []
        inner = {name: _spelt_out(each, library, given, bodies, depth) for name, each in zip(names, operands)}
        return _spelt_out(body, home, inner, bodies, depth - 1)
    changed = {}
    for name in node.__struct_fields__:
        part = getattr(node, name)
        if isinstance(part, nodes.Element | list) and name not in _BESIDE:
            other = _spelt_out(part, library, given, bodies, depth)
            if other is not part and other != part:
                changed[name] = other
    return msgspec.structs.replace(node, **changed) if changed else node


_BESIDE = frozenset({"annotation", "resultTypeSpecifier", "result_type", "signature"})


def _conjuncts(node: Any) -> Iterator[Any]:
    pending = [node]
    while pending:
        current = pending.pop()
        if isinstance(current, nodes.And):
            pending += reversed(current.operand)
        elif current is not None:
            yield current


def _path(node: Any, alias: str | None) -> str | None:
    """The element of the row that an operand is, seen through conversions; None for anything else."""
    while True:
        if isinstance(node, nodes.Property) and node.scope is not None:
            return node.path if node.scope == alias and node.path else None
        if isinstance(node, nodes.Property) and isinstance(node.source, nodes.AliasRef):
            return node.path if node.source.name == alias and node.path else None
        if isinstance(node, nodes.Property) and node.path == "value":
            node = node.source
        elif isinstance(node, nodes.As | nodes.ToDateTime | nodes.ToDate | nodes.Convert):
            node = node.operand
        elif isinstance(node, nodes.FunctionRef) and node.libraryName and (node.name or "").startswith("To"):
            node = node.operand[0] if len(node.operand) == 1 else None
        elif isinstance(node, nodes.Case) and node.comparand is None and isinstance(node.else_, nodes.Null):
            paths = {_path(item.then, alias) for item in node.caseItem}
            return paths.pop() if len(paths) == 1 else None
        else:
            return None


def _temporal(node: Any) -> bool:
    """Whether an operand is a date, or an interval of dates."""
    if isinstance(node, nodes.Interval):
        return _temporal(node.low) or _temporal(node.high)
    known = getattr(node, "result_type", None)
    if isinstance(known, IntervalType):
        known = known.point
    dated = (nodes.Now, nodes.Today, nodes.Date, nodes.DateTime, nodes.ToDate, nodes.ToDateTime)
    return known in (DATE, DATETIME) or isinstance(node, dated)


def _bounds(part: Any, other: Any, swapped: bool) -> tuple[_Point, _Point]:
    if getattr(part, "precision", None) is not None:
        return None, None
    if isinstance(part, _WITHIN):
        return _interval(other)
    return (_point(other), None) if isinstance(part, _LATER) != swapped else (None, _point(other))


def _interval(node: Any) -> tuple[_Point, _Point]:
    return (_point(node.low), _point(node.high)) if isinstance(node, nodes.Interval) else (None, None)


def _point(node: Any) -> _Point:
    while isinstance(node, nodes.ToDateTime | nodes.ToDate):
        node = node.operand
    if isinstance(node, nodes.Now | nodes.Today):
        return _Back(Decimal(0), "d", isinstance(node, nodes.Today), f"{type(node).__name__}()")
    if isinstance(node, nodes.Subtract | nodes.Add) and len(node.operand) == 2:
        moment, span = node.operand
        if isinstance(moment, nodes.Now | nodes.Today) and isinstance(span, nodes.Quantity) and span.value is not None:
            given, back = span.unit or "1", isinstance(node, nodes.Subtract)
            unit = _UNITS.get(given.removesuffix("s"), given)
            words = f"{span.value} {given}" if given.removesuffix("s") in _UNITS else f"{span.value} '{given}'"
            text = f"{type(moment).__name__}() {'-' if back else '+'} {words}"
            today = isinstance(moment, nodes.Today)
            return _Back(span.value if back else -span.value, unit, today, text) if unit in _UCUM else None
    if isinstance(node, nodes.Date | nodes.DateTime):
        return _fixed(node)
    return None


def _fixed(node: nodes.Date | nodes.DateTime) -> str | None:
    """A literal date as FHIR writes it; with the time of day where all of it and the offset are given."""
    parts = [
        getattr(node, name, None)
        for name in ("year", "month", "day", "hour", "minute", "second", "millisecond", "timezoneOffset")
    ]
    if any(part is not None and not isinstance(part, nodes.Literal) for part in parts):
        return None
    values = [part.value if isinstance(part, nodes.Literal) else None for part in parts]
    date = [value for value in values[:3] if value is not None]
    if not date:
        return None
    text = "-".join([date[0].rjust(4, "0"), *(value.rjust(2, "0") for value in date[1:])])
    hour, minute, second, _, offset = values[3:]
    if len(date) < 3 or hour is None or minute is None or second is None or offset is None:
        return text
    minutes = int(Decimal(offset) * 60)
    sign = "-" if minutes < 0 else "+"
    zone = "Z" if minutes == 0 else f"{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    return f"{text}T{hour.rjust(2, '0')}:{minute.rjust(2, '0')}:{second.rjust(2, '0')}{zone}"


def _filter(path: str | None, bounds: list[tuple[_Point, _Point]]) -> DateFilter:
    """One filter from all bounds on one element; of several on one side, the first that can be said."""
    low = next((low for low, _ in bounds if low is not None), None)
    high = next((high for _, high in bounds if high is not None), None)
    name = path or ""
    recent = isinstance(low, _Back) and low.value >= 0 and not isinstance(high, str) and (high is None or high.value >= 0)
    if isinstance(low, _Back) and recent and (not low.days or low.unit in _DAYS):
        if low.days:  # a whole day more: the day began before the moment
            return DateFilter(path=name, value=str(low.value * _DAYS[low.unit] + 1), unit="d")
        return DateFilter(path=name, value=str(low.value), unit=low.unit)
    return DateFilter(
        path=name,
        start=low if isinstance(low, str) else None,
        end=high if isinstance(high, str) else None,
        start_expression=low.text if isinstance(low, _Back) else None,
        end_expression=high.text if isinstance(high, _Back) else None,
    )
