"""Logical operators over true, false and null (CQL 1.5 Appendix B, "Logical Operators").

The generator short-circuits And, Or and Implies itself; these are the plain functions over both values.
"""

from __future__ import annotations

from typing import Any

from guideway.engine.operators.operator import Operator

Truth = bool | None


def logical_and(left: Truth, right: Truth) -> Truth:
    """False if either is false, true if both are true, else null."""
    if left is False or right is False:
        return False
    return None if left is None or right is None else True


def logical_or(left: Truth, right: Truth) -> Truth:
    """True if either is true, false if both are false, else null."""
    if left is True or right is True:
        return True
    return None if left is None or right is None else False


def logical_xor(left: Truth, right: Truth) -> Truth:
    """True if exactly one is true; null if either is null."""
    return None if left is None or right is None else left is not right


def logical_implies(left: Truth, right: Truth) -> Truth:
    """``not left or right``."""
    return logical_or(logical_not(left), right)


def logical_not(operand: Truth) -> Truth:
    """The other truth value; null stays null."""
    return None if operand is None else not operand


def all_of(values: Any) -> Truth:
    """The conjunction of an iterable of truth values; stops at the first false."""
    unknown = False
    for value in values:
        if value is False:
            return False
        unknown = unknown or value is None
    return None if unknown else True


def any_of(values: Any) -> Truth:
    """The disjunction of an iterable of truth values; stops at the first true."""
    unknown = False
    for value in values:
        if value is True:
            return True
        unknown = unknown or value is None
    return None if unknown else False


TABLE = {
    "And": Operator(logical_and, null_in_null_out=False),
    "Or": Operator(logical_or, null_in_null_out=False),
    "Xor": Operator(logical_xor),
    "Implies": Operator(logical_implies, null_in_null_out=False),
    "Not": Operator(logical_not),
}
