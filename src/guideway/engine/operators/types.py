"""Type conversion (CQL 1.5 Appendix B, "Type Operators" and "Formatting Strings").

``ToX`` gives null where a value cannot be converted; ``ConvertsToX`` says beforehand whether it can. ``CONVERSIONS`` has the
``ToX`` functions by the short name of the type they give, for Convert and CanConvert. Is and As look at types and belong to the
generator.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import ROUND_DOWN, Decimal
from typing import Any

from guideway.engine.operators import quantities, temporal
from guideway.engine.operators.arithmetic import divide, fit
from guideway.engine.operators.datetime import time_from
from guideway.engine.operators.operator import Operator
from guideway.engine.values.clinical import Code, Concept
from guideway.engine.values.numbers import CONTEXT, LARGEST_RESULT, SCALE, STEP, decimal_text, scale_of
from guideway.engine.values.quantity import Quantity, Ratio
from guideway.engine.values.temporal import Date, DateTime, Time, parse_offset
from guideway.engine.values.uncertainty import Uncertainty, spread
from guideway.patterns import Later

TRUE = frozenset({"true", "t", "yes", "y", "1"})
FALSE = frozenset({"false", "f", "no", "n", "0"})

_INTEGER = Later(r"[+-]?\d{1,100}", re.ASCII)
_DECIMAL = Later(r"[+-]?\d{1,100}(\.\d{1,100})?", re.ASCII)
_QUANTITY = Later(r"\s*([+-]?\d+(?:\.\d+)?)\s*(?:'([^']*)'|([a-z]+))?\s*", re.ASCII)
_CLOCK = Later(r"T?(\d{2}(?::\d{2}(?::\d{2}(?:\.\d+)?)?)?)(Z|[+-]\d{2}:\d{2})?", re.ASCII)


def to_boolean(operand: Any) -> bool | None:
    """true/t/yes/y/1 and false/f/no/n/0 in any case; 1 and 0."""
    if operand is None or isinstance(operand, bool):
        return operand
    if isinstance(operand, str):
        text = operand.lower()
        return True if text in TRUE else False if text in FALSE else None
    if isinstance(operand, int | Decimal):
        return True if operand == 1 else False if operand == 0 else None
    return None


def to_integer(operand: Any) -> Any:
    """Digits with an optional sign; booleans as 1 and 0."""
    if isinstance(operand, str):
        return fit(int(operand), False) if _INTEGER.fullmatch(operand) else None
    if type(operand) is Uncertainty:
        return spread(operand, to_integer)
    return fit(int(operand), False) if isinstance(operand, int) else None


def to_long(operand: Any) -> Any:
    """As :func:`to_integer`, in the range of Long."""
    if isinstance(operand, str):
        return fit(int(operand), True) if _INTEGER.fullmatch(operand) else None
    if type(operand) is Uncertainty:
        return spread(operand, to_long)
    return fit(int(operand), True) if isinstance(operand, int) else None


def to_decimal(operand: Any) -> Any:
    """Digits with an optional sign and fraction, of which eight are kept; whole numbers; booleans as 1.0 and 0.0."""
    if isinstance(operand, bool):
        return Decimal("1.0") if operand else Decimal("0.0")
    if isinstance(operand, str):
        if not _DECIMAL.fullmatch(operand):
            return None
        value = Decimal(operand)
        if value.copy_abs() >= LARGEST_RESULT:
            return None
        return value if scale_of(value) <= SCALE else value.quantize(STEP, ROUND_DOWN, CONTEXT)
    if isinstance(operand, int):
        return Decimal(operand)
    if type(operand) is Uncertainty:
        return spread(operand, to_decimal)
    return operand if isinstance(operand, Decimal) else None


def to_string(operand: Any) -> str | None:
    """The value in its textual form."""
    if operand is None or isinstance(operand, str):
        return operand
    if isinstance(operand, bool):
        return "true" if operand else "false"
    if isinstance(operand, int):
        return str(int(operand))
    if isinstance(operand, Decimal):
        text = decimal_text(operand)
        return text if "." in text else f"{text}.0"
    if isinstance(operand, Quantity):
        return f"{decimal_text(operand.value)} '{operand.unit or '1'}'"
    if isinstance(operand, Ratio):
        return f"{to_string(operand.numerator)}:{to_string(operand.denominator)}"
    if isinstance(operand, Date | DateTime | Time):
        text = str(operand)
        return f"{text[:-1]}+00:00" if text.endswith("Z") else text
    return None


def to_date(operand: Any) -> Date | None:
    """An ISO 8601 date, or the date of a date-time."""
    if isinstance(operand, str):
        try:
            return temporal.date_of(DateTime.parse(operand))
        except ValueError:
            return None
    return temporal.date_of(operand) if isinstance(operand, Date | DateTime) else None


def to_datetime(operand: Any) -> DateTime | None:
    """An ISO 8601 date-time, or a date with no time specified."""
    if isinstance(operand, str):
        try:
            return DateTime.parse(operand)
        except ValueError:
            return None
    if isinstance(operand, Date):
        return DateTime(operand.ticks, operand.precision, None)
    return operand if isinstance(operand, DateTime) else None


def to_time(operand: Any) -> Time | None:
    """``14:30:00.0``, with or without ``T`` and an offset (which is left out), or the time of a date-time."""
    if isinstance(operand, str):
        match = _CLOCK.fullmatch(operand)
        if match is None:
            return None
        try:
            if match.group(2):
                parse_offset(match.group(2))
            return Time.parse(match.group(1))
        except ValueError:
            return None
    if isinstance(operand, DateTime):
        return time_from(operand)
    return operand if isinstance(operand, Time) else None


def to_quantity(operand: Any) -> Any:
    """``5.5 'cm'`` or ``3 days``; numbers have unit 1; of a ratio, numerator by denominator."""
    if isinstance(operand, str):
        match = _QUANTITY.fullmatch(operand)
        value = to_decimal(match.group(1)) if match else None
        if match is None or value is None:
            return None
        _, unit, word = match.groups()
        if word is not None:
            return Quantity(value, word) if word in temporal.CALENDAR_UNITS else None
        if unit is None:
            return Quantity(value, "1")
        if unit in temporal.CALENDAR_UNITS:
            return Quantity(value, unit)
        from guideway.ucum.grammar import known

        return Quantity(value, unit) if known(unit) else None
    if isinstance(operand, Ratio):
        return divide(operand.numerator, operand.denominator)
    if isinstance(operand, bool):
        return None
    if isinstance(operand, int | Decimal):
        return Quantity(Decimal(operand), "1")
    if type(operand) is Uncertainty:
        return spread(operand, to_quantity)
    return operand if isinstance(operand, Quantity) else None


def to_ratio(operand: Any) -> Ratio | None:
    """``<quantity>:<quantity>``."""
    if isinstance(operand, str):
        # A unit may hold a colon only inside its quotes.
        parts = re.fullmatch(r"((?:[^':]|'[^']*')*):((?:[^':]|'[^']*')*)", operand)
        numerator = to_quantity(parts.group(1)) if parts else None
        denominator = to_quantity(parts.group(2)) if parts else None
        return None if numerator is None or denominator is None else Ratio(numerator, denominator)
    return operand if isinstance(operand, Ratio) else None


def to_concept(operand: Any) -> Concept | None:
    """The concept of one code (with its display) or of a list of codes."""
    if isinstance(operand, Code):
        return Concept([operand], operand.display)
    if isinstance(operand, list):
        return Concept([code for code in operand if code is not None])
    return operand if isinstance(operand, Concept) else None


def to_list(operand: Any) -> list[Any]:
    """A list of the one value; of null, the empty list."""
    return [] if operand is None else [operand]


def to_chars(operand: str | None) -> list[str] | None:
    """The characters of a string."""
    return None if operand is None else list(operand)


def codes_of(operand: Any) -> list[Code] | None:
    """The codes of a concept."""
    return operand.codes if isinstance(operand, Concept) else operand if isinstance(operand, list) else None


CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "Boolean": to_boolean,
    "Integer": to_integer,
    "Long": to_long,
    "Decimal": to_decimal,
    "String": to_string,
    "Date": to_date,
    "DateTime": to_datetime,
    "Time": to_time,
    "Quantity": to_quantity,
    "Ratio": to_ratio,
    "Concept": to_concept,
}


def _converts(convert: Callable[[Any], Any]) -> Callable[[Any], bool | None]:
    def operator(operand: Any) -> bool | None:
        return None if operand is None else convert(operand) is not None

    operator.__doc__ = f"Whether ``{convert.__name__}`` gives a value."
    return operator


def convert_quantity(quantity: Quantity | None, unit: str | None) -> Quantity | None:
    """The quantity in another unit; null where it cannot be converted."""
    return None if quantity is None or unit is None else quantities.converted(quantity, unit)


def can_convert_quantity(quantity: Quantity | None, unit: str | None) -> bool | None:
    """Whether the quantity can be converted to the unit."""
    return None if quantity is None or unit is None else quantities.converted(quantity, unit) is not None


TABLE = {
    **{f"To{name}": Operator(convert) for name, convert in CONVERSIONS.items()},
    **{f"ConvertsTo{name}": Operator(_converts(convert)) for name, convert in CONVERSIONS.items() if name != "Concept"},
    "ToList": Operator(to_list, null_in_null_out=False),
    "ToChars": Operator(to_chars),
    "ConvertQuantity": Operator(convert_quantity),
    "CanConvertQuantity": Operator(can_convert_quantity),
}
