"""Traced code that is always the same but for a few values: a define that does nothing but refer to another one, and what rests
on nothing but what it is given, which plain code evaluates and whose children are made later (``trace.Later``).

A third of the traced code that a patient meets is of these forms. So it is not written: what is packed is the form's name and the
values (``packing.pack``), which costs a fifth of unpacking a function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from guideway.engine.trace import Later, TraceNode, t_reference

if TYPE_CHECKING:
    from guideway.engine.context import Evaluation

Of = Callable[[str], Any]
"""What a name of packed code stands for (``packing.Namespace.of``); it is asked for when the code runs."""
Home = tuple[str, str]
Told = tuple[Any, ...]
"""The last fields of a ``trace.Later``: ``straight`` and ``asks``."""


def reference(of: Of, target: str, place: str, reference_place: str, home: Home) -> Callable[[Evaluation], TraceNode]:
    """A define that refers to the define ``target``."""

    def define(E: Evaluation) -> TraceNode:
        value, node = t_reference(E, of(target), reference_place, home)
        return TraceNode("ExpressionDef", place, value, (node,), home)

    return define


def closed_define(
    of: Of, plain: str, place: str, home: Home, key: str, below: str, told: Told
) -> Callable[[Evaluation], TraceNode]:
    """A define that ``plain`` evaluates; ``below``, in the library with this key, makes its children."""

    def define(E: Evaluation) -> TraceNode:
        return TraceNode("ExpressionDef", place, of(plain)(E), Later(E, key, below, (), (home,), None, *told), home)

    return define


def closed_function(of: Of, plain: str, names: tuple[str, ...], key: str, below: str, told: Told) -> Callable[..., Any]:
    """A function that ``plain`` evaluates; ``below``, in the library with this key, makes the children of its body. ``names`` are
    its operands."""

    def function(E: Evaluation, *given: Any) -> Any:
        E.made = names, Later(E, key, below, names, given, E.home, *told)
        return of(plain)(E, *given)

    return function


FORMS = {"reference": reference, "closed_define": closed_define, "closed_function": closed_function}
