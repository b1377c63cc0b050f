"""What has an order: which types an interval, a timing phrase or a sort may be of, and which units move a date or time.

CQL 1.5 Reference, "Interval Operators" (points have a predecessor and a successor), "Before", "After", "Add" (dates and times).
Model types count as what they convert to; a choice counts where one of its members does.
"""

from __future__ import annotations

from typing import Any

from guideway.cql import syntax
from guideway.cql.conversions import Conversions
from guideway.cql.signatures import ORDERED, POINTS, TEMPORAL
from guideway.cql.translation import Translation
from guideway.elm import nodes as elm
from guideway.elm.types import ANY, SYSTEM_TYPES, ChoiceType, NamedType, Type

POINT_TYPES = frozenset(SYSTEM_TYPES[name] for name in POINTS)
ORDERED_TYPES = frozenset(SYSTEM_TYPES[name] for name in ORDERED)
MOMENT_TYPES = frozenset(SYSTEM_TYPES[name] for name in TEMPORAL)

MOVES = frozenset((*syntax.PRECISIONS, *(f"{name}s" for name in syntax.PRECISIONS), "wk", "d", "h", "min", "s", "ms"))
"""Units of time that may be added to a date or time: calendar durations, and UCUM's up to the week."""


def is_of(conversions: Conversions, type_: Type, wanted: frozenset[Any]) -> bool:
    """Whether values of the type are, become, or may be of one of the wanted types."""
    if type_ == ANY or type_ in wanted:
        return True
    if isinstance(type_, ChoiceType):
        return any(is_of(conversions, choice, wanted) for choice in type_.choices)
    return isinstance(type_, NamedType) and any(target in wanted for target in conversions.targets(type_))


def require(t: Translation, type_: Type, wanted: frozenset[Any], at: syntax.Node, what: str, of: str) -> bool:
    """Whether the type is as wanted; else that is reported: ``what`` needs ``of``, not this type."""
    if is_of(t.conversions, type_, wanted):
        return True
    t.error("cql-wrong-type", f"{what} needs {of}, not {t.show(type_)}.", at)
    return False


def time_unit(t: Translation, moved: Any, at: syntax.Node) -> Any:
    """``moved`` (a sum or difference), unless a date or time is moved by a literal amount of something else than time."""
    if not isinstance(moved, elm.Add | elm.Subtract) or moved.result_type not in MOMENT_TYPES:
        return moved
    amount = moved.operand[1]
    if isinstance(amount, elm.Quantity) and amount.unit is not None and amount.unit not in MOVES:
        if amount.unit in ("a", "mo"):
            hint = f"{'years' if amount.unit == 'a' else 'months'} are added as a calendar duration, without quotes"
        else:
            hint = "write it as 3 days, 2 hours ..."
        return t.error("cql-time-unit", f"A date or time cannot be moved by '{amount.unit}'.", at, hint=hint)
    return moved
