"""Arithmetic (CQL 1.5 Appendix B, "Arithmetic Operators").

Integer and Long results out of range are null, Decimal results are settled to eight fraction digits and null beyond 28 integer
digits. Exp and Ln outside their domain, and successors past a type's end, are run-time errors. Add and Subtract take dates and
times with quantities of time as well; all of them carry uncertainties.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal, DecimalException
from typing import Any

from guideway.engine.errors import CqlRuntimeError
from guideway.engine.operators import quantities, temporal
from guideway.engine.operators.operator import Operator
from guideway.engine.operators.points import maximum, minimum, predecessor, successor, type_name
from guideway.engine.values.numbers import (
    CONTEXT,
    MAX_INTEGER,
    MAX_LONG,
    MIN_INTEGER,
    MIN_LONG,
    SCALE,
    Long,
    scale_of,
    settle,
)
from guideway.engine.values.quantity import Quantity
from guideway.engine.values.temporal import DAY, HOUR, MILLISECOND, PRECISION_NAMES, Date, DateTime, Time
from guideway.engine.values.uncertainty import Uncertainty, doubtful, spread

TEMPORAL = frozenset({Date, DateTime, Time})
WHOLE = frozenset({int, Long})


def fit(value: int, long: bool) -> int | None:
    """An Integer or Long of this value; None where it does not fit."""
    if long:
        return Long(value) if MIN_LONG <= value <= MAX_LONG else None
    return value if MIN_INTEGER <= value <= MAX_INTEGER else None


def _decimal(value: Any) -> Decimal:
    return value if type(value) is Decimal else Decimal(value)


def _refuse(word: str, *operands: Any) -> CqlRuntimeError:
    kinds = " and ".join(type_name(operand) for operand in operands)
    return CqlRuntimeError(f"{kinds} cannot be {word}")


def _is_number(value: Any) -> bool:
    kind = type(value)
    return kind is int or kind is Decimal or kind is Long


def _moved(value: Any, amount: Decimal, unit: str) -> Any:
    """A date or time moved; a time of day goes on at the other side of midnight. An error past the years 0001 to 9999."""
    return temporal.moved(value, amount, unit, cyclic=True)


def add(left: Any, right: Any) -> Any:
    """``+`` of numbers, quantities, a date or time and a duration; strings are concatenated."""
    if left is None or right is None:
        return None
    kind, other = type(left), type(right)
    if kind is int and other is int:
        result = left + right
        return result if MIN_INTEGER <= result <= MAX_INTEGER else None
    if _is_number(left) and _is_number(right):
        if kind is Decimal or other is Decimal:
            return settle(CONTEXT.add(_decimal(left), _decimal(right)))
        return fit(left + right, True)
    if kind in TEMPORAL and other is Quantity:
        return _moved(left, right.value, right.unit)
    if kind is Quantity and other is Quantity:
        return quantities.added(left, right, 1)
    if kind is str and other is str:
        return left + right
    return _mixed(left, right, add, "added")


def subtract(left: Any, right: Any) -> Any:
    """``-`` of numbers, quantities, and a duration from a date or time."""
    if left is None or right is None:
        return None
    kind, other = type(left), type(right)
    if kind is int and other is int:
        result = left - right
        return result if MIN_INTEGER <= result <= MAX_INTEGER else None
    if _is_number(left) and _is_number(right):
        if kind is Decimal or other is Decimal:
            return settle(CONTEXT.subtract(_decimal(left), _decimal(right)))
        return fit(left - right, True)
    if kind in TEMPORAL and other is Quantity:
        return _moved(left, -right.value, right.unit)
    if kind is Quantity and other is Quantity:
        return quantities.added(left, right, -1)
    return _mixed(left, right, subtract, "subtracted")


def multiply(left: Any, right: Any) -> Any:
    """``*`` of numbers and quantities; units are multiplied."""
    if left is None or right is None:
        return None
    kind, other = type(left), type(right)
    if kind is int and other is int:
        result = left * right
        return result if MIN_INTEGER <= result <= MAX_INTEGER else None
    if _is_number(left) and _is_number(right):
        if kind is Decimal or other is Decimal:
            return settle(CONTEXT.multiply(_decimal(left), _decimal(right)))
        return fit(left * right, True)
    if kind is Quantity and other is Quantity:
        value = settle(CONTEXT.multiply(left.value, right.value))
        return _measured(value, quantities.combined_unit(left.unit, right.unit, False))
    return _mixed(left, right, multiply, "multiplied")


def divide(left: Any, right: Any) -> Any:
    """``/``: a Decimal or a quantity; null where the divisor is zero."""
    if left is None or right is None:
        return None
    if _is_number(left) and _is_number(right):
        return _quotient(_decimal(left), _decimal(right))
    if type(left) is Quantity and type(right) is Quantity:
        value = _quotient(left.value, right.value)
        return _measured(value, quantities.combined_unit(left.unit, right.unit, True))
    return _mixed(left, right, divide, "divided")


def _quotient(left: Decimal, right: Decimal) -> Decimal | None:
    return settle(CONTEXT.divide(left, right)) if right else None


def truncated_divide(left: Any, right: Any) -> Any:
    """``div``: the quotient without its fraction."""
    if left is None or right is None:
        return None
    if _is_number(left) and _is_number(right):
        if not right:
            return None
        if type(left) is Decimal or type(right) is Decimal:
            return settle(CONTEXT.divide_int(_decimal(left), _decimal(right)))
        quotient = abs(left) // abs(right)
        return fit(quotient if (left < 0) == (right < 0) else -quotient, Long in (type(left), type(right)))
    if type(left) is Quantity and type(right) is Quantity:
        pair = _aligned(left, right)
        if pair is None or not pair[1]:
            return None
        return _measured(settle(CONTEXT.divide_int(pair[0], pair[1])), pair[2])
    return _mixed(left, right, truncated_divide, "divided")


def modulo(left: Any, right: Any) -> Any:
    """``mod``: the remainder, with the sign of the dividend."""
    if left is None or right is None:
        return None
    if _is_number(left) and _is_number(right):
        if not right:
            return None
        if type(left) is Decimal or type(right) is Decimal:
            return settle(CONTEXT.remainder(_decimal(left), _decimal(right)))
        remainder = abs(left) % abs(right)
        return fit(-remainder if left < 0 else remainder, Long in (type(left), type(right)))
    if type(left) is Quantity and type(right) is Quantity:
        pair = _aligned(left, right)
        if pair is None or not pair[1]:
            return None
        return _measured(settle(CONTEXT.remainder(pair[0], pair[1])), pair[2])
    return _mixed(left, right, modulo, "divided")


def _aligned(left: Quantity, right: Quantity) -> tuple[Decimal, Decimal, str] | None:
    """Both values in the smaller unit (``div`` and ``mod`` keep the operands' unit, as in the public test suite)."""
    if left.unit != right.unit and quantities.plain_unit(right.unit) == "1":
        return left.value, right.value, left.unit
    return quantities.aligned(left, right)


def _measured(value: Decimal | None, unit: str | None) -> Quantity | None:
    return None if value is None or unit is None else Quantity(value, unit)


def _mixed(left: Any, right: Any, operation: Callable[[Any, Any], Any], word: str) -> Any:
    """Uncertainties (by the extremes of their bounds), and a quantity with a number (of unit 1)."""
    kind, other = type(left), type(right)
    if kind is Uncertainty or other is Uncertainty:
        lows = (left.low, left.high) if kind is Uncertainty else (left,)
        highs = (right.low, right.high) if other is Uncertainty else (right,)
        if word == "divided" and (operation is modulo or _size(highs[0]) <= 0 <= _size(highs[-1])):
            return None  # a remainder may be anything, and so may a quotient by what may be zero
        results = [operation(one, two) for one in lows for two in highs]
        return None if None in results else Uncertainty(min(results, key=_size), max(results, key=_size))
    if kind is Quantity and _is_number(right):
        return operation(left, Quantity(_decimal(right), "1"))
    if other is Quantity and _is_number(left):
        return operation(Quantity(_decimal(left), "1"), right)
    raise _refuse(word, left, right)


def _size(value: Any) -> Any:
    return value.value if type(value) is Quantity else value


def _unary(value: Any, on_whole: Callable[[int], int], on_decimal: Callable[[Decimal], Decimal], word: str) -> Any:
    kind = type(value)
    if kind in WHOLE:
        return fit(on_whole(value), kind is Long)
    if kind is Decimal:
        return settle(on_decimal(value))
    if kind is Quantity:
        result = settle(on_decimal(value.value))
        return None if result is None else Quantity(result, value.unit)
    if kind is Uncertainty:
        low, high = _unary(value.low, on_whole, on_decimal, word), _unary(value.high, on_whole, on_decimal, word)
        if low is None or high is None:
            return None
        least, greatest = sorted((low, high), key=_size)
        crosses = on_whole is abs and _size(value.low) < 0 < _size(value.high)
        return Uncertainty(_unary(least, lambda _: 0, lambda _: Decimal(0), word) if crosses else least, greatest)
    raise _refuse(word, value)


def negate(operand: Any) -> Any:
    """Unary minus."""
    return None if operand is None else _unary(operand, lambda value: -int(value), lambda value: value.copy_negate(), "negated")


def absolute(operand: Any) -> Any:
    """Abs."""
    return None if operand is None else _unary(operand, abs, lambda value: value.copy_abs(), "made absolute")


def _to_integer(value: Any, rounding: str) -> Any:
    """A Decimal as an Integer; Integers and Longs stay."""
    if type(value) is Uncertainty:
        return spread(value, lambda bound: _to_integer(bound, rounding))
    if type(value) in WHOLE:
        return int(value) if type(value) is int else Long(value)
    if type(value) is not Decimal:
        raise _refuse("rounded", value)
    return fit(int(value.to_integral_value(rounding)), False)


def ceiling(operand: Any) -> Any:
    """The first Integer at or above."""
    return None if operand is None else _to_integer(operand, ROUND_CEILING)


def floor(operand: Any) -> Any:
    """The first Integer at or below."""
    return None if operand is None else _to_integer(operand, ROUND_FLOOR)


def truncate(operand: Any) -> Any:
    """The Integer part."""
    return None if operand is None else _to_integer(operand, "ROUND_DOWN")


def round_decimal(operand: Any, precision: int | None = None) -> Any:
    """To ``precision`` fraction digits (0 where null), halves away from zero: Round(-0.5) is -1.0 in the public test suite.

    Of a quantity, its value is rounded.
    """
    if operand is None:
        return None
    if type(operand) is Quantity:
        return _measured(round_decimal(operand.value, precision), operand.unit)
    if type(operand) is Uncertainty:
        return spread(operand, lambda bound: round_decimal(bound, precision))
    value = _decimal(operand)
    if not -SCALE * 4 <= (precision or 0) <= SCALE * 4:
        return settle(value)
    rounded = value.quantize(Decimal((0, (1,), -(precision or 0))), ROUND_HALF_UP, CONTEXT)
    return settle(rounded)


def natural_logarithm(operand: Any) -> Decimal | None:
    """Ln; null below zero, a run-time error at zero (minus infinity cannot be represented)."""
    if operand is None or doubtful(operand):
        return None
    value = _decimal(operand)
    if value == 0:
        raise CqlRuntimeError("Ln(0) is minus infinity, which no Decimal represents")
    return settle(CONTEXT.ln(value)) if value > 0 else None


def exponential(operand: Any) -> Decimal | None:
    """Exp; a run-time error where the result is no Decimal."""
    if operand is None or doubtful(operand):
        return None
    try:
        result = settle(CONTEXT.exp(_decimal(operand)))
    except DecimalException:
        result = None
    if result is None:
        raise CqlRuntimeError(f"Exp({operand}) is too large for a Decimal")
    return result


def logarithm(operand: Any, base: Any) -> Decimal | None:
    """Log of ``operand`` to ``base``; null outside its domain."""
    if operand is None or base is None or doubtful(operand, base):
        return None
    value, radix = _decimal(operand), _decimal(base)
    if value <= 0 or radix <= 0 or radix == 1:
        return None
    return settle(CONTEXT.divide(CONTEXT.ln(value), CONTEXT.ln(radix)))


def power(left: Any, right: Any) -> Any:
    """``^``: whole where both are whole and the exponent is not negative, else Decimal."""
    if left is None or right is None or doubtful(left, right):
        return None
    if type(left) in WHOLE and type(right) in WHOLE and right >= 0:
        if right > 64 and abs(left) > 1:
            return None
        exponent = int(right) if abs(left) > 1 else min(int(right), 2 + int(right) % 2)
        return fit(int(left) ** exponent, Long in (type(left), type(right)))
    base, exponent_value = _decimal(left), _decimal(right)
    if base == 0:
        return Decimal(1) if exponent_value == 0 else Decimal(0) if exponent_value > 0 else None
    try:
        return settle(CONTEXT.power(base, exponent_value))
    except DecimalException:
        return None


def minimum_value(valueType: str) -> Any:
    """``minimum Integer``; a run-time error for a type that has none."""
    return minimum(valueType)


def maximum_value(valueType: str) -> Any:
    """``maximum Integer``; a run-time error for a type that has none."""
    return maximum(valueType)


DIGITS = dict(zip(PRECISION_NAMES, (4, 6, 8, 10, 12, 14, 17)))
CLOCK_DIGITS = {"Hour": 2, "Minute": 4, "Second": 6, "Millisecond": 9}
_BY_DIGITS = {digits: PRECISION_NAMES.index(name) for name, digits in DIGITS.items()}
_BY_CLOCK_DIGITS = {digits: PRECISION_NAMES.index(name) for name, digits in CLOCK_DIGITS.items()}


def precision_of(operand: Any) -> int | None:
    """Digits after the point of a Decimal, or digits of a date or time."""
    if operand is None:
        return None
    if type(operand) is Decimal:
        return min(scale_of(operand), SCALE)
    if type(operand) in WHOLE:
        return 0
    if type(operand) is Time:
        return CLOCK_DIGITS[PRECISION_NAMES[operand.precision]]
    if type(operand) in TEMPORAL:
        return DIGITS[PRECISION_NAMES[operand.precision]]
    raise _refuse("asked for a precision", operand)


def _boundary(value: Any, precision: int | None, high: bool) -> Any:
    if type(value) in WHOLE:
        value = Decimal(value)
    if type(value) is Decimal:
        return _decimal_boundary(value, SCALE if precision is None else precision, high)
    if type(value) not in TEMPORAL:
        raise _refuse("given a boundary", value)
    if precision is None:
        wanted: int | None = DAY if type(value) is Date else MILLISECOND
    else:
        wanted = (_BY_CLOCK_DIGITS if type(value) is Time else _BY_DIGITS).get(precision)
    if wanted is None or (type(value) is Date and wanted > DAY) or (type(value) is Time and wanted < HOUR):
        return None
    return temporal.high_boundary(value, wanted) if high else temporal.low_boundary(value, wanted)


def _decimal_boundary(value: Decimal, precision: int, high: bool) -> Decimal | None:
    if not 0 <= precision <= SCALE:
        return None
    written = scale_of(value)
    step = Decimal((0, (1,), -precision))
    if precision <= written:
        return value.quantize(step, ROUND_CEILING if high else ROUND_FLOOR, CONTEXT) if precision < written else value
    if not high:
        return value.quantize(step, context=CONTEXT) if value >= 0 else _outermost(value, written, step)
    return _outermost(value, written, step) if value >= 0 else value.quantize(step, context=CONTEXT)


def _outermost(value: Decimal, written: int, step: Decimal) -> Decimal:
    """The value farthest from zero that has the same digits as far as they are written: 1.587 → 1.58799999."""
    unit = CONTEXT.subtract(Decimal((0, (1,), -written)), step)
    return CONTEXT.add(value, unit) if value >= 0 else CONTEXT.subtract(value, unit)


def low_boundary(operand: Any, precision: int | None = None) -> Any:
    """The least value that the operand can stand for, at ``precision`` digits (null: the finest)."""
    return None if operand is None else _boundary(operand, precision, False)


def high_boundary(operand: Any, precision: int | None = None) -> Any:
    """The greatest value that the operand can stand for, at ``precision`` digits (null: the finest)."""
    return None if operand is None else _boundary(operand, precision, True)


TABLE = {
    "Add": Operator(add),
    "Subtract": Operator(subtract),
    "Multiply": Operator(multiply),
    "Divide": Operator(divide),
    "TruncatedDivide": Operator(truncated_divide),
    "Modulo": Operator(modulo),
    "Negate": Operator(negate),
    "Abs": Operator(absolute),
    "Ceiling": Operator(ceiling),
    "Floor": Operator(floor),
    "Truncate": Operator(truncate),
    "Round": Operator(round_decimal, ("operand", "precision"), null_in_null_out=False),
    "Ln": Operator(natural_logarithm),
    "Exp": Operator(exponential),
    "Log": Operator(logarithm),
    "Power": Operator(power),
    "Successor": Operator(successor),
    "Predecessor": Operator(predecessor),
    "MinValue": Operator(minimum_value, (), ("valueType",)),
    "MaxValue": Operator(maximum_value, (), ("valueType",)),
    "Precision": Operator(precision_of),
    "LowBoundary": Operator(low_boundary, null_in_null_out=False),
    "HighBoundary": Operator(high_boundary, null_in_null_out=False),
}
