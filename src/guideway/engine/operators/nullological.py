"""Nullological operators (CQL 1.5 Appendix B, "Nullological Operators")."""

from __future__ import annotations

from typing import Any

from guideway.engine.operators.operator import Operator


def is_null(operand: Any) -> bool:
    """Whether the value is null."""
    return operand is None


def is_true(operand: bool | None) -> bool:
    """Whether the value is true; null is not."""
    return operand is True


def is_false(operand: bool | None) -> bool:
    """Whether the value is false; null is not."""
    return operand is False


def coalesce(operands: list[Any]) -> Any:
    """The first that is not null. One operand that is a list is searched itself: ``Coalesce({null, 1})``."""
    if len(operands) == 1 and isinstance(operands[0], list):
        operands = operands[0]
    for operand in operands:
        if operand is not None:
            return operand
    return None


TABLE = {
    "IsNull": Operator(is_null, null_in_null_out=False),
    "IsTrue": Operator(is_true, null_in_null_out=False),
    "IsFalse": Operator(is_false, null_in_null_out=False),
    "Coalesce": Operator(coalesce, nary=True, null_in_null_out=False),
}
