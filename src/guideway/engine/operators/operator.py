"""What a row of the operator table is, and what operators ask of an evaluation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import msgspec


class Context(Protocol):
    """What operators with ``needs_context`` ask of an evaluation."""

    @property
    def now(self) -> Any:
        """The evaluation's DateTime, with its offset."""

    @property
    def timezone_offset(self) -> int:
        """Minutes east of UTC."""

    @property
    def terminology(self) -> Any:
        """The value-set index: ``contains(url, version, code, system)``, ``codes(url, version)``."""

    @property
    def messages(self) -> list[Any]:
        """Where the Message operator appends."""


class Operator(msgspec.Struct, frozen=True):
    """One row of the table: how the node of that name is evaluated.

    ``function`` takes the evaluated operands positionally, in the order of ``operands`` (names of the node's child elements; an
    ``operand`` element that is a list stands for its members in order, or for one Python list where ``nary``), then the node's
    attributes named in ``keywords`` as keyword arguments; the evaluation context comes first where ``needs_context``. Optional
    children absent from the node are None (or left out, from the end).

    Null propagation and overflow are the function's own business; a run-time error is a ``CqlRuntimeError``.
    """

    function: Callable[..., Any]
    operands: tuple[str, ...] = ("operand",)
    keywords: tuple[str, ...] = ()
    needs_context: bool = False
    nary: bool = False
    null_in_null_out: bool = True
    """Whether any null operand makes the result null: then a trace may name the operand that was null first."""
