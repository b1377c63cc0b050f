"""Comparison: equality, equivalence and order of all types (CQL 1.5 Appendix B, "Comparison Operators").

Equality and order are three-valued: null where an operand is null, or a value is not specified far enough, or units do not
compare. Equivalence is always true or false.

``=``, ``~``, ``<`` and their like take seconds and milliseconds as one decimal (``temporal.INSTANT``). Timing phrases, intervals
and lists use ``alike``, and ``less`` and its like without that: for them a time to the second is uncertain within it.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from guideway.engine.errors import CqlRuntimeError
from guideway.engine.operators import quantities, temporal
from guideway.engine.operators.logical import Truth
from guideway.engine.operators.operator import Operator
from guideway.engine.operators.points import lower, type_name, upper
from guideway.engine.values.clinical import Code, CodeSystemRef, Concept, ValueSetRef
from guideway.engine.values.collections import Interval, TupleValue
from guideway.engine.values.numbers import Long
from guideway.engine.values.quantity import Quantity, Ratio
from guideway.engine.values.temporal import Date, DateTime, Time
from guideway.engine.values.uncertainty import Beyond, Uncertainty

PLAIN = frozenset({int, Decimal, str, bool, Long})
NUMBERS = frozenset({int, Decimal, Long})
TEMPORAL = frozenset({Date, DateTime, Time})
ORDERED = frozenset({int, Decimal, Long, str})


def equal(left: Any, right: Any) -> Truth:
    """``=``: same value; null where that cannot be known."""
    if left is None or right is None:
        return None
    kind = type(left)
    if kind is type(right):
        if kind in PLAIN:
            return bool(left == right)
        rule = _EQUAL.get(kind)
        if rule is not None:
            return rule(left, right)
        return _equal_objects(left, right)
    return _equal_mixed(left, right)


def not_equal(left: Any, right: Any) -> Truth:
    """``!=``."""
    result = equal(left, right)
    return None if result is None else not result


def _equal_mixed(left: Any, right: Any) -> Truth:
    kinds = {type(left), type(right)}
    if kinds <= NUMBERS:
        return bool(left == right)
    if Uncertainty in kinds:
        return _uncertain_equal(left, right)
    if kinds == {Date, DateTime}:
        return _temporal_equal(left, right)
    if Quantity in kinds and kinds & NUMBERS:
        return _quantity_equal(as_quantity(left), as_quantity(right))
    if isinstance(left, dict) and isinstance(right, dict):
        return _tuple_equal(left, right)
    return False


def _equal_objects(left: Any, right: Any) -> Truth:
    return bool(left is right or left == right)


def alike(left: Any, right: Any) -> Truth:
    """Equality of points and of the elements of lists: a time to the second may be any instant within it."""
    if type(left) in TEMPORAL and type(right) in TEMPORAL:
        order = temporal.compare(left, right)
        return None if order is None else order == 0
    return equal(left, right)


def _temporal_equal(left: Any, right: Any) -> Truth:
    order = temporal.compare(left, right, temporal.INSTANT)
    return None if order is None else order == 0


def _quantity_equal(left: Quantity, right: Quantity) -> Truth:
    order = quantities.compare(left, right)
    return None if order is None else order == 0


def _uncertain_equal(left: Any, right: Any) -> Truth:
    low, high = bounds(left)
    other_low, other_high = bounds(right)
    if less(high, other_low, temporal.INSTANT) or less(other_high, low, temporal.INSTANT):
        return False
    return (equal(low, high) and equal(other_low, other_high) and equal(low, other_low)) or None


def _elements_equal(left: Any, right: Any) -> Truth:
    """Elements of a structure: two nulls are equal."""
    if left is None and right is None:
        return True
    return equal(left, right)


def _first_difference(pairs: Any) -> Truth:
    """True where all pairs are equal; else what the first pair that is not says (CQL test suite, TupleEq...)."""
    for left, right in pairs:
        result = _elements_equal(left, right)
        if result is not True:
            return result
    return True


def _list_equal(left: list[Any], right: list[Any]) -> Truth:
    return False if len(left) != len(right) else _first_difference(zip(left, right))


def _tuple_equal(left: dict[str, Any], right: dict[str, Any]) -> Truth:
    if left.keys() != right.keys():
        return False
    return _first_difference((value, right[name]) for name, value in left.items())


def _interval_equal(left: Interval, right: Interval) -> Truth:
    starts, ends = equal(lower(left), lower(right)), equal(upper(left), upper(right))
    if starts is False or ends is False:
        return False
    return True if starts and ends else None


def _struct_equal(*names: str) -> Callable[[Any, Any], Truth]:
    def compare(left: Any, right: Any) -> Truth:
        if left == right:
            return True
        return _first_difference((getattr(left, name), getattr(right, name)) for name in names)

    return compare


_EQUAL: dict[type, Callable[[Any, Any], Truth]] = {
    Date: _temporal_equal,
    DateTime: _temporal_equal,
    Time: _temporal_equal,
    Quantity: _quantity_equal,
    Ratio: _struct_equal("numerator", "denominator"),
    list: _list_equal,
    TupleValue: _tuple_equal,
    dict: _tuple_equal,
    Interval: _interval_equal,
    Code: _struct_equal("code", "system", "version", "display"),
    Concept: _struct_equal("codes", "display"),
    ValueSetRef: _struct_equal("id", "version"),
    CodeSystemRef: _struct_equal("id", "version"),
    Uncertainty: _uncertain_equal,
}


def bounds(value: Any) -> tuple[Any, Any]:
    """The bounds of an uncertainty; a certain value twice."""
    return (value.low, value.high) if type(value) is Uncertainty else (value, value)


def as_quantity(value: Any) -> Quantity:
    """A number as a quantity of unit 1."""
    return value if type(value) is Quantity else Quantity(Decimal(value), "1")


def order(left: Any, right: Any, precision: str | None = None) -> int | None:
    """-1, 0 or 1 for two certain values of an ordered type; None where it cannot be known."""
    kind, other = type(left), type(right)
    if kind in TEMPORAL and other in TEMPORAL and (kind is other or Time not in (kind, other)):
        return temporal.compare(left, right, precision)
    if (kind in NUMBERS and other in NUMBERS) or (kind is str and other is str):
        return int(left > right) - int(left < right)
    if kind is Quantity and other is Quantity:
        return quantities.compare(left, right)
    if Quantity in (kind, other) and (kind in NUMBERS or other in NUMBERS):
        return quantities.compare(as_quantity(left), as_quantity(right))
    if other is Beyond:
        return -int(right.side)
    if kind is Beyond:
        return int(left.side)
    raise CqlRuntimeError(f"{type_name(left)} and {type_name(right)} cannot be compared")


def _certain(left: Any, right: Any, precision: str | None, wanted: tuple[bool, bool, bool]) -> Truth:
    """Whether the order is one of the wanted (less, same, greater); uncertainties are compared by their bounds."""
    if type(left) is not Uncertainty and type(right) is not Uncertainty:
        result = order(left, right, precision)
        return None if result is None else wanted[result + 1]
    low, high = bounds(left)
    other_low, other_high = bounds(right)
    least, greatest = order(low, other_high, precision), order(high, other_low, precision)
    if least is None or greatest is None:
        return None
    answers = {wanted[result + 1] for result in range(least, greatest + 1)}
    return answers.pop() if len(answers) == 1 else None


def less(left: Any, right: Any, precision: str | None = None) -> Truth:
    """Whether ``left < right``, to a precision, or to all that is specified in either."""
    if left is None or right is None:
        return None
    if type(left) is type(right) and type(left) in ORDERED:
        return bool(left < right)
    return _certain(left, right, precision, (True, False, False))


def less_or_equal(left: Any, right: Any, precision: str | None = None) -> Truth:
    """Whether ``left <= right``, to a precision, or to all that is specified in either."""
    if left is None or right is None:
        return None
    if type(left) is type(right) and type(left) in ORDERED:
        return bool(left <= right)
    return _certain(left, right, precision, (True, True, False))


def greater(left: Any, right: Any, precision: str | None = None) -> Truth:
    """Whether ``left > right``, to a precision, or to all that is specified in either."""
    if left is None or right is None:
        return None
    if type(left) is type(right) and type(left) in ORDERED:
        return bool(left > right)
    return _certain(left, right, precision, (False, False, True))


def greater_or_equal(left: Any, right: Any, precision: str | None = None) -> Truth:
    """Whether ``left >= right``, to a precision, or to all that is specified in either."""
    if left is None or right is None:
        return None
    if type(left) is type(right) and type(left) in ORDERED:
        return bool(left >= right)
    return _certain(left, right, precision, (False, True, True))


def same(left: Any, right: Any, precision: str | None = None) -> Truth:
    """Equality of two points to a precision; without one, of all that is specified in either."""
    if precision is None:
        return alike(left, right)
    if left is None or right is None:
        return None
    return _certain(left, right, precision, (False, True, False))


def equivalent(left: Any, right: Any) -> bool:
    """``~``: the same value for practical purposes; null is equivalent to null."""
    if left is None or right is None:
        return left is None and right is None
    kind, other = type(left), type(right)
    if kind is other:
        rule = _EQUIVALENT.get(kind)
        return rule(left, right) if rule is not None else equal(left, right) is True
    if kind in NUMBERS and other in NUMBERS:
        return quantities.decimals_equivalent(Decimal(left), Decimal(right))
    if (kind is Quantity and other in NUMBERS) or (other is Quantity and kind in NUMBERS):
        return quantities.equivalent(as_quantity(left), as_quantity(right))
    if {kind, other} == {Code, Concept}:
        return bool(_concept_equivalent(as_concept(left), as_concept(right)))
    if isinstance(left, dict) and isinstance(right, dict):
        return _tuple_equivalent(left, right)
    return equal(left, right) is True


def as_concept(value: Code | Concept) -> Concept:
    """A code as the concept of that one code."""
    return value if isinstance(value, Concept) else Concept([value], value.display)


def _string_equivalent(left: str, right: str) -> bool:
    return left == right or _folded(left) == _folded(right)


def _folded(text: str) -> str:
    return "".join(" " if character.isspace() else character for character in text.casefold())


def _list_equivalent(left: list[Any], right: list[Any]) -> bool:
    return len(left) == len(right) and all(equivalent(*pair) for pair in zip(left, right))


def _tuple_equivalent(left: dict[str, Any], right: dict[str, Any]) -> bool:
    return left.keys() == right.keys() and all(equivalent(value, right[name]) for name, value in left.items())


def _interval_equivalent(left: Interval, right: Interval) -> bool:
    return equivalent(lower(left), lower(right)) and equivalent(upper(left), upper(right))


def _code_equivalent(left: Code, right: Code) -> bool:
    return left.code == right.code and left.system == right.system


def _concept_equivalent(left: Concept, right: Concept) -> bool:
    """Whether a code of one is equivalent to a code of the other; so are two nulls."""

    def keys(concept: Concept) -> set[Any]:
        return {code and (code.code, code.system) for code in concept.codes}

    return not keys(left).isdisjoint(keys(right))


def _ratio_equivalent(left: Ratio, right: Ratio) -> bool:
    from guideway.engine.operators.arithmetic import multiply

    return equivalent(multiply(left.numerator, right.denominator), multiply(left.denominator, right.numerator))


def _uncertain_equivalent(left: Uncertainty, right: Uncertainty) -> bool:
    return equivalent(left.low, right.low) and equivalent(left.high, right.high)


_EQUIVALENT: dict[type, Callable[[Any, Any], bool]] = {
    str: _string_equivalent,
    Decimal: quantities.decimals_equivalent,
    Quantity: quantities.equivalent,
    Ratio: _ratio_equivalent,
    list: _list_equivalent,
    TupleValue: _tuple_equivalent,
    dict: _tuple_equivalent,
    Interval: _interval_equivalent,
    Code: _code_equivalent,
    Concept: _concept_equivalent,
    Uncertainty: _uncertain_equivalent,
}


def sort_order(left: Any, right: Any) -> int:
    """A total order for sorting: nulls first; where values cannot be told apart, the less specified first."""
    if left is None or right is None:
        return (left is not None) - (right is not None)
    low, other = bounds(left)[0], bounds(right)[0]
    result = order(low, other)
    if result is not None:
        return result
    if type(low) in TEMPORAL:
        keys = [(value.ticks + temporal.shift_of(value), value.precision) for value in (low, other)]
        return (keys[0] > keys[1]) - (keys[0] < keys[1])
    return 0


def _by_value(relation: Callable[[Any, Any, str | None], Truth]) -> Operator:
    def compare(left: Any, right: Any) -> Truth:
        return relation(left, right, temporal.INSTANT)

    return Operator(compare)


TABLE = {
    "Equal": Operator(equal),
    "NotEqual": Operator(not_equal),
    "Equivalent": Operator(equivalent, null_in_null_out=False),
    "Less": _by_value(less),
    "LessOrEqual": _by_value(less_or_equal),
    "Greater": _by_value(greater),
    "GreaterOrEqual": _by_value(greater_or_equal),
}
