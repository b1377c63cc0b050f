"""The algebra of quantities behind the operators: comparing and calculating across units (CQL 1.5 Appendix B, §"Quantity").

Calendar durations in words (``3 months``) and UCUM's definite ones (``3 'mo'``) are kept apart above weeks: weeks and shorter
are the same thing, years and months compare with one another only, and with days, 'a' or 'mo' only by equivalence (365 and 30
days). ``guideway.ucum`` and ``fractions`` are imported where units differ, so that records in one unit never load it.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import TYPE_CHECKING

from guideway.engine.values.numbers import CONTEXT, settle
from guideway.engine.values.quantity import Quantity

if TYPE_CHECKING:
    from fractions import Fraction

SINGULAR = {f"{name}s": name for name in ("year", "month", "week", "day", "hour", "minute", "second", "millisecond")}
DEFINITE = {"week": "wk", "day": "d", "hour": "h", "minute": "min", "second": "s", "millisecond": "ms"}
CALENDAR_MONTHS = {"year": 12, "month": 1}
CALENDAR_DAYS = {"year": 365, "month": 30}
UCUM_MONTHS = {"a": 12, "mo": 1}


def plain_unit(unit: str | None) -> str:
    """The unit in one spelling: calendar durations in the singular, no unit as ``1``."""
    return SINGULAR.get(unit, unit) if unit else "1"


def definite_unit(unit: str | None) -> str:
    """The UCUM code of a unit; calendar weeks and shorter have one, years and months stay words."""
    plain = plain_unit(unit)
    return DEFINITE.get(plain, plain)


def in_common(left: Quantity, right: Quantity, approximate: bool = False) -> tuple[Fraction, Fraction] | None:
    """Both values in one unit, exactly; None where there is none. ``approximate`` counts months and years in days."""
    from fractions import Fraction

    unit, other = definite_unit(left.unit), definite_unit(right.unit)
    value, other_value = Fraction(left.value), Fraction(right.value)
    if unit == other:
        return value, other_value
    months, other_months = CALENDAR_MONTHS.get(unit), CALENDAR_MONTHS.get(other)
    if months is not None and other_months is not None:
        return value * months, other_value * other_months
    if months is not None or other_months is not None:
        return _approximate(value, unit, other_value, other) if approximate else None
    from guideway.ucum.conversion import commensurable, exact

    if not commensurable(unit, other):
        return None
    base = granular_unit(unit, other)
    converted, other_converted = exact(left.value, unit, base), exact(right.value, other, base)
    if converted is None or other_converted is None:
        return None
    return converted, other_converted


def _approximate(value: Fraction, unit: str, other_value: Fraction, other: str) -> tuple[Fraction, Fraction] | None:
    if unit in UCUM_MONTHS or other in UCUM_MONTHS:
        return value * _months(unit), other_value * _months(other)
    days, other_days = _days(unit), _days(other)
    return None if days is None or other_days is None else (value * days, other_value * other_days)


def _months(unit: str) -> int:
    return CALENDAR_MONTHS.get(unit) or UCUM_MONTHS[unit]


def _days(unit: str) -> Fraction | None:
    from fractions import Fraction

    from guideway.ucum.conversion import factor

    if unit in CALENDAR_DAYS:
        return Fraction(CALENDAR_DAYS[unit])

    return factor(unit, "d")


def granular_unit(unit: str, other: str) -> str:
    """The smaller of two units of one dimension."""
    from guideway.ucum.conversion import factor

    ratio = factor(unit, other)
    return other if ratio is not None and ratio > 1 else unit


@lru_cache(maxsize=1024)
def _scales(unit: str, other: str) -> tuple[Decimal, Decimal] | None:
    """Whole numbers by which values of the two units become comparable; None where only :func:`in_common` can tell."""
    first, second = definite_unit(unit), definite_unit(other)
    if first in CALENDAR_MONTHS or second in CALENDAR_MONTHS:
        return None
    from fractions import Fraction

    from guideway.ucum.conversion import factor

    ratio = Fraction(1) if first == second else factor(first, second)
    if ratio is None or max(ratio.numerator, ratio.denominator) > 10**50:
        return None
    return Decimal(ratio.numerator), Decimal(ratio.denominator)


def compare(left: Quantity, right: Quantity) -> int | None:
    """-1, 0 or 1; None where the units cannot be compared."""
    if left.unit == right.unit:
        return (left.value > right.value) - (left.value < right.value)
    scales = _scales(left.unit, right.unit)
    if scales is not None:
        value, other = CONTEXT.multiply(left.value, scales[0]), CONTEXT.multiply(right.value, scales[1])
        return (value > other) - (value < other)
    pair = in_common(left, right)
    return None if pair is None else (pair[0] > pair[1]) - (pair[0] < pair[1])


def equivalent(left: Quantity, right: Quantity) -> bool:
    """Whether two quantities are the same to the precision of the less precise."""
    if left.unit == right.unit:
        return decimals_equivalent(left.value, right.value)
    pair = in_common(left, right, approximate=True)
    if pair is None:
        return False
    return pair[0] == pair[1] or decimals_equivalent(*(_decimal(value) for value in pair))


def _decimal(value: Fraction) -> Decimal:
    number = CONTEXT.divide(Decimal(value.numerator), Decimal(value.denominator))
    return settle(number) or Decimal(0)


def decimals_equivalent(left: Decimal, right: Decimal) -> bool:
    """Whether two numbers are equal when rounded to the precision of the less precise; trailing zeros do not count."""
    if left == right:
        return True
    scale = min(_significant_scale(left), _significant_scale(right))
    step = Decimal((0, (1,), -scale))
    return left.quantize(step, ROUND_HALF_UP, CONTEXT) == right.quantize(step, ROUND_HALF_UP, CONTEXT)


def _significant_scale(value: Decimal) -> int:
    exponent = CONTEXT.normalize(value).as_tuple().exponent
    return -exponent if isinstance(exponent, int) and exponent < 0 else 0


def converted(quantity: Quantity, unit: str) -> Quantity | None:
    """The quantity in another unit; None where it cannot be converted."""
    if quantity.unit == unit:
        return quantity
    source, target = definite_unit(quantity.unit), definite_unit(unit)
    if source == target:
        return Quantity(quantity.value, unit)
    if source in CALENDAR_MONTHS and target in CALENDAR_MONTHS:
        from fractions import Fraction

        number = Fraction(quantity.value) * CALENDAR_MONTHS[source] / CALENDAR_MONTHS[target]
        value = settle(CONTEXT.divide(Decimal(number.numerator), Decimal(number.denominator)))
        return None if value is None else Quantity(value, unit)
    from guideway.ucum.conversion import convert

    result = convert(quantity.value, source, target)
    settled = None if result is None else settle(result)
    return None if settled is None else Quantity(settled, unit)


def added(left: Quantity, right: Quantity, sign: int) -> Quantity | None:
    """Sum (``sign`` 1) or difference (-1), in the smaller of the two units; null where the units do not fit."""
    unit = left.unit
    value, other = left.value, right.value
    if unit != right.unit:
        first, second = definite_unit(left.unit), definite_unit(right.unit)
        if first != second:
            pair = aligned(left, right)
            if pair is None:
                return None
            value, other, unit = pair
    result = settle(CONTEXT.add(value, other) if sign > 0 else CONTEXT.subtract(value, other))
    return None if result is None else Quantity(result, unit)


def aligned(left: Quantity, right: Quantity) -> tuple[Decimal, Decimal, str] | None:
    """The values of two quantities in the smaller of their units, and that unit; None where the units do not fit."""
    first, second = definite_unit(left.unit), definite_unit(right.unit)
    if first == second:
        return left.value, right.value, left.unit
    if first in CALENDAR_MONTHS and second in CALENDAR_MONTHS:
        unit = left.unit if first == "month" else right.unit
    else:
        from guideway.ucum.conversion import commensurable

        if first in CALENDAR_MONTHS or second in CALENDAR_MONTHS or not commensurable(first, second):
            return None
        unit = right.unit if granular_unit(first, second) == second else left.unit
    one, other = converted(left, unit), converted(right, unit)
    return None if one is None or other is None else (one.value, other.value, unit)


def combined_unit(left: str, right: str, divide: bool) -> str | None:
    """The unit of a product or a quotient; None where a unit is a special one or not one of UCUM."""
    left, right = plain_unit(left), plain_unit(right)
    if right == "1":
        return left
    if left == "1" and not divide:
        return right
    if left == right and divide:
        return "1"
    from guideway.ucum import conversion
    from guideway.ucum.grammar import UnitError

    try:
        operation = conversion.divide if divide else conversion.multiply
        return operation(definite_unit(left), definite_unit(right))
    except UnitError:
        return None
