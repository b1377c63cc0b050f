"""Aggregates (CQL 1.5 Appendix B, "Aggregate Functions").

Null elements do not count; without any other the result is null, except for Count, AllTrue and AnyTrue. Where an ELM node has a
``path``, the caller passes the list of that property's values.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import cmp_to_key
from typing import Any

from guideway.engine.errors import CqlRuntimeError
from guideway.engine.operators import quantities
from guideway.engine.operators.arithmetic import add, divide, multiply
from guideway.engine.operators.comparison import TABLE as COMPARISONS
from guideway.engine.operators.comparison import equal, sort_order
from guideway.engine.operators.operator import Operator
from guideway.engine.operators.points import type_name
from guideway.engine.values.numbers import CONTEXT, settle
from guideway.engine.values.quantity import Quantity

Values = list[Any] | None


def _present(source: Values) -> list[Any]:
    return [] if source is None else [value for value in source if value is not None]


def count(source: Values) -> int:
    """How many elements are not null."""
    return len(_present(source))


def _fold(source: Values, operation: Callable[[Any, Any], Any]) -> Any:
    values = _present(source)
    if not values:
        return None
    result = values[0]
    for value in values[1:]:
        result = operation(result, value)
        if result is None:
            return None
    return result


def total(source: Values) -> Any:
    """The sum."""
    return _fold(source, add)


def product(source: Values) -> Any:
    """The product; of quantities that of their values, in the first one's unit (the reference's example is 24.0 'mg')."""
    values = _present(source)
    if not values or type(values[0]) is not Quantity:
        return _fold(values, multiply)
    numbers, unit = _numbers(values)
    return _measured(_fold(numbers, multiply), unit)


def minimum(source: Values) -> Any:
    """The least element; null where that cannot be known."""
    return _best(source, COMPARISONS["Less"].function)


def maximum(source: Values) -> Any:
    """The greatest element; null where that cannot be known."""
    return _best(source, COMPARISONS["Greater"].function)


def _best(source: Values, beats: Callable[[Any, Any], bool | None]) -> Any:
    """The element that no other beats, provided that this is sure of every other."""
    values = _present(source)
    if not values:
        return None
    best, unsure = values[0], False
    for value in values[1:]:
        result = beats(value, best)
        if result:
            best = value
        unsure = unsure or result is None
    if unsure and not all(value is best or beats(value, best) is False for value in values):
        # Another may still beat all: it is the only one that can.
        sure = [value for value in values if all(value is other or beats(other, value) is False for other in values)]
        return sure[0] if sure else None
    return best


def _numbers(source: Values) -> tuple[list[Decimal], str | None]:
    """The values as Decimals, quantities in the unit of the first; no values where units do not fit, no unit for numbers."""
    values = _present(source)
    if not values or type(values[0]) is not Quantity:
        return [_decimal(value) for value in values], None
    unit = values[0].unit
    numbers = []
    for value in values:
        converted = quantities.converted(value, unit) if type(value) is Quantity else None
        if converted is None:
            return [], unit
        numbers.append(converted.value)
    return numbers, unit


def _decimal(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise CqlRuntimeError(f"{type_name(value)} values have no average or variance")
    return Decimal(value)


def _measured(value: Decimal | None, unit: str | None) -> Any:
    settled = None if value is None else settle(value)
    return settled if settled is None or unit is None else Quantity(settled, unit)


def _sum(numbers: list[Decimal]) -> Decimal:
    result = Decimal(0)
    for number in numbers:
        result = CONTEXT.add(result, number)
    return result


def _mean(numbers: list[Decimal]) -> Decimal:
    return CONTEXT.divide(_sum(numbers), Decimal(len(numbers)))


def average(source: Values) -> Any:
    """The arithmetic mean."""
    numbers, unit = _numbers(source)
    return _measured(_mean(numbers), unit) if numbers else None


def geometric_mean(source: Values) -> Decimal | None:
    """The n-th root of the product; null where a value is negative."""
    numbers, _ = _numbers(source)
    if not numbers or min(numbers) < 0:
        return None
    if 0 in numbers:
        return Decimal("0.0")
    logarithms = _sum([CONTEXT.ln(number) for number in numbers])
    return settle(CONTEXT.exp(CONTEXT.divide(logarithms, Decimal(len(numbers)))))


def median(source: Values) -> Any:
    """The middle element, or the mean of the two in the middle."""
    values = sorted(_present(source), key=cmp_to_key(sort_order))
    if not values:
        return None
    middle = len(values) // 2
    if len(values) % 2:
        return values[middle]
    return divide(add(values[middle - 1], values[middle]), Decimal(2))


def mode(source: Values) -> Any:
    """The most frequent element; of several, the one that comes first."""
    groups: list[list[Any]] = []
    for value in _present(source):
        for group in groups:
            if equal(group[0], value):
                group.append(value)
                break
        else:
            groups.append([value])
    return max(groups, key=len)[0] if groups else None


def _variance(source: Values, less_one: int) -> tuple[Decimal | None, str | None]:
    numbers, unit = _numbers(source)
    if len(numbers) <= less_one:
        return None, unit
    mean = _mean(numbers)
    squares = [CONTEXT.power(CONTEXT.subtract(number, mean), 2) for number in numbers]
    return CONTEXT.divide(_sum(squares), Decimal(len(numbers) - less_one)), unit


def _root(value: Decimal | None, unit: str | None) -> Any:
    return _measured(None if value is None else CONTEXT.sqrt(value), unit)


def variance(source: Values) -> Any:
    """The sample variance; null of a single value."""
    return _measured(*_variance(source, 1))


def population_variance(source: Values) -> Any:
    """The variance of a whole population."""
    return _measured(*_variance(source, 0))


def standard_deviation(source: Values) -> Any:
    """The sample standard deviation; null of a single value."""
    return _root(*_variance(source, 1))


def population_standard_deviation(source: Values) -> Any:
    """The standard deviation of a whole population."""
    return _root(*_variance(source, 0))


def all_true(source: Values) -> bool:
    """Whether no element is false."""
    return all(value is not False for value in source or ())


def any_true(source: Values) -> bool:
    """Whether some element is true."""
    return any(value is True for value in source or ())


TABLE = {
    name: Operator(function, ("source",), null_in_null_out=False)
    for name, function in {
        "Count": count,
        "Sum": total,
        "Product": product,
        "Min": minimum,
        "Max": maximum,
        "Avg": average,
        "GeometricMean": geometric_mean,
        "Median": median,
        "Mode": mode,
        "Variance": variance,
        "PopulationVariance": population_variance,
        "StdDev": standard_deviation,
        "PopulationStdDev": population_standard_deviation,
        "AllTrue": all_true,
        "AnyTrue": any_true,
    }.items()
}
