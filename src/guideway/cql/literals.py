"""Literals: booleans, strings, numbers, dates and times, quantities, ratios; with their limits.

CQL 1.5 Author's Guide, "Values". Integers have 32 bits, Longs 64; Decimals up to 28 digits before the point and 8 after it;
years run from 1 to 9999. A number whose sign makes it representable (``-2147483648``) is one literal.
"""

from __future__ import annotations

import calendar
import re
from decimal import Decimal
from typing import Any

from guideway.cql import syntax
from guideway.cql.translation import Translation
from guideway.elm import nodes as elm
from guideway.elm.types import (
    ANY,
    BOOLEAN,
    DATE,
    DATETIME,
    DECIMAL,
    INTEGER,
    LONG,
    QUANTITY,
    RATIO,
    STRING,
    TIME,
    NamedType,
)

INTEGER_LIMIT = 2**31
LONG_LIMIT = 2**63
DECIMAL_DIGITS = 28
DECIMAL_SCALE = 8

_DATE = r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?"
_TIME = r"(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d+))?)?)?"
DATE_FORM = re.compile(_DATE)
TIME_FORM = re.compile(_TIME)
DATETIME_FORM = re.compile(rf"{_DATE}T(?:{_TIME})?(Z|[+-]\d\d:\d\d)?")


def literal(t: Translation, node: syntax.Literal) -> Any:
    """A literal of one token."""
    return _KINDS[node.kind](t, node, node.value)


def plain(t: Translation, at: syntax.Node, type_: NamedType, value: str) -> elm.Literal:
    """An ELM Literal."""
    return t.mark(elm.Literal(valueType=type_.name, value=value), at, type_)


def _null(t: Translation, node: syntax.Literal, text: str) -> Any:
    return t.mark(elm.Null(), node, ANY)


def _boolean(t: Translation, node: syntax.Literal, text: str) -> Any:
    return plain(t, node, BOOLEAN, text)


def _string(t: Translation, node: syntax.Literal, text: str) -> Any:
    return plain(t, node, STRING, text)


def _integer(t: Translation, node: syntax.Literal, text: str) -> Any:
    return whole(t, node, text, negative=False)


def whole(t: Translation, node: syntax.Literal, text: str, *, negative: bool) -> Any:
    """An Integer or Long literal, with the sign that stands before it."""
    is_long = node.kind == "long"
    limit = LONG_LIMIT if is_long else INTEGER_LIMIT
    digits = text.lstrip("0") or "0"
    value = int(digits) if len(digits) <= 20 else limit + 1
    if value > (limit if negative else limit - 1):
        sign = "-" if negative else ""
        kind = "Long" if is_long else "Integer"
        hint = None if is_long or value > LONG_LIMIT - 1 else f"a Long is written {sign}{text}L"
        return t.error(
            "cql-literal-out-of-range", f"{sign}{text} is not an {kind}: the limits are -{limit} and {limit - 1}."
            if not is_long else f"{sign}{text}L is not a {kind}: the limits are -{limit} and {limit - 1}.", node, hint=hint,
        )  # fmt: skip
    return plain(t, node, LONG if is_long else INTEGER, f"-{digits}" if negative else digits)


def _decimal(t: Translation, node: syntax.Literal, text: str) -> Any:
    if not decimal_fits(text):
        return t.error(
            "cql-literal-out-of-range",
            f"{text} is not a Decimal: at most {DECIMAL_DIGITS} digits before the point and {DECIMAL_SCALE} after it.",
            node,
        )
    return plain(t, node, DECIMAL, text)


def decimal_fits(text: str, scale: int = DECIMAL_SCALE) -> bool:
    """Whether a number has few enough digits for a Decimal. Quantities take a finer ``scale``: the suite says so."""
    before, _, after = text.lstrip("+-").partition(".")
    return len(before.lstrip("0")) <= DECIMAL_DIGITS and len(after) <= scale


# ---- dates and times -----------------------------------------------------------------------------------------------------


def _parts(t: Translation, node: syntax.Literal, names: tuple[str, ...], values: list[str | None]) -> dict[str, Any]:
    return {n: plain(t, node, INTEGER, str(int(v))) for n, v in zip(names, values) if v is not None}


def _bad(t: Translation, node: syntax.Literal, what: str, why: str) -> Any:
    return t.error("cql-invalid-date", f"This is not a {what}: {why}.", node)


def _date_fault(year: str, month: str | None, day: str | None) -> str | None:
    if int(year) == 0:
        return "years run from 0001 to 9999"
    if month is not None and not 1 <= int(month) <= 12:
        return f"there is no month {month}"
    if month is not None and day is not None:
        last = calendar.monthrange(int(year), int(month))[1]
        if not 1 <= int(day) <= last:
            return f"{calendar.month_name[int(month)]} {int(year)} has {last} days"
    return None


def _time_fault(hour: str | None, minute: str | None, second: str | None, _fraction: str | None) -> str | None:
    for value, limit, what in ((hour, 23, "hours"), (minute, 59, "minutes"), (second, 59, "seconds")):
        if value is not None and int(value) > limit:
            return f"{what} run from 0 to {limit}"
    return None


def _date(t: Translation, node: syntax.Literal, text: str) -> Any:
    form = DATE_FORM.fullmatch(text)
    if form is None:
        return _bad(t, node, "date", "it is written @2024, @2024-03 or @2024-03-28")
    fault = _date_fault(form[1], form[2], form[3])
    if fault:
        return _bad(t, node, "date", fault)
    return t.mark(elm.Date(**_parts(t, node, ("year", "month", "day"), list(form.groups()))), node, DATE)


def _time(t: Translation, node: syntax.Literal, text: str) -> Any:
    form = TIME_FORM.fullmatch(text)
    if form is None:
        return _bad(t, node, "time", "it is written @T09:30, @T09:30:00 or @T09:30:00.000")
    fault = _time_fault(*form.groups())
    if fault:
        return _bad(t, node, "time", fault)
    return t.mark(elm.Time(**_parts(t, node, _TIME_FIELDS, _milliseconds(list(form.groups())))), node, TIME)


_TIME_FIELDS = ("hour", "minute", "second", "millisecond")


def _milliseconds(parts: list[str | None]) -> list[str | None]:
    """``.1`` is 100 milliseconds; what is finer than a millisecond is dropped."""
    fraction = parts[-1]
    return [*parts[:-1], fraction.ljust(3, "0")[:3] if fraction is not None else None]


def _datetime(t: Translation, node: syntax.Literal, text: str) -> Any:
    form = DATETIME_FORM.fullmatch(text)
    if form is None:
        return _bad(t, node, "date and time", "it is written @2024-03-28T09:30:00.000+01:00, from the right as short as need be")
    year, month, day, *time, zone = form.groups()
    fault = _date_fault(year, month, day) or _time_fault(*time)
    if fault:
        return _bad(t, node, "date and time", fault)
    parts = _parts(t, node, ("year", "month", "day", *_TIME_FIELDS), [year, month, day, *_milliseconds(time)])
    if zone is not None:
        minutes = 0 if zone == "Z" else int(zone[1:3]) * 60 + int(zone[4:6])
        if minutes > 14 * 60 or (zone != "Z" and int(zone[4:6]) > 59):
            return _bad(t, node, "date and time", "time zone offsets run from -14:00 to +14:00")
        hours = (Decimal(minutes) / 60).quantize(Decimal("0.00000001")).normalize()
        shown = f"{hours:f}" if hours != hours.to_integral_value() else f"{hours:f}.0"
        parts["timezoneOffset"] = plain(t, node, DECIMAL, f"-{shown}" if zone[0] == "-" and minutes else shown)
    return t.mark(elm.DateTime(**parts), node, DATETIME)


# ---- quantities ------------------------------------------------------------------------------------------------------------


def quantity(t: Translation, node: syntax.Quantity) -> Any:
    """``5 'mg'``, ``3 days``: ELM keeps the author's calendar word."""
    if not decimal_fits(node.value, scale=DECIMAL_DIGITS):
        return t.error(
            "cql-literal-out-of-range",
            f"{node.value} has too many digits: at most {DECIMAL_DIGITS} stand before the point.",
            node,
        )
    unit = unit_text(node.unit, node.calendar, node.plural)
    if node.unit is not None and not node.calendar:
        from guideway.ucum import advice

        fault = advice.problem(node.unit)
        if fault is not None and node.unit.removesuffix("s") not in syntax.PRECISIONS:
            near = advice.suggestion(node.unit) or advice.nearest(node.unit)
            whole_unit = fault.startswith(f"{node.unit!r} is not a unit")  # the reason would only say it again
            return t.error(
                "cql-invalid-unit",
                f"'{node.unit}' is not a UCUM unit{'' if whole_unit else f': {fault}'}",
                node,
                hint=f"did you mean '{near}'?" if near else None,
            )
    return t.mark(elm.Quantity(value=Decimal(node.value), unit=unit), node, QUANTITY)


def unit_text(unit: str | None, calendar_word: bool, plural: bool) -> str:
    """The unit as ELM holds it; a number alone has unit ``1``."""
    if unit is None:
        return "1"
    return unit + "s" if calendar_word and plural else unit


def ratio(t: Translation, node: syntax.Ratio) -> Any:
    """``1:128``, ``5 'mg' : 10 'mL'``."""
    numerator, denominator = quantity(t, node.numerator), quantity(t, node.denominator)
    if not isinstance(numerator, elm.Quantity) or not isinstance(denominator, elm.Quantity):
        return t.failed(node)
    return t.mark(elm.Ratio(numerator=numerator, denominator=denominator), node, RATIO)


_KINDS = {
    "null": _null,
    "boolean": _boolean,
    "string": _string,
    "integer": _integer,
    "long": _integer,
    "decimal": _decimal,
    "date": _date,
    "datetime": _datetime,
    "time": _time,
}
HANDLERS = {syntax.Literal: literal, syntax.Quantity: quantity, syntax.Ratio: ratio}
