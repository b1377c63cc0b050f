"""Which unknowns could still change a Boolean: the null operands of a trace that matter, by going through what they might become.

A null Boolean is a formula of ``and``, ``or``, ``not``, ``xor`` and ``implies`` over known values and open leaves. A leaf
matters when some completion of the others lets it decide: ``a or not a`` has none, ``false and a`` none, ``a and b`` two. Up
to ``LIMIT`` leaves every completion is tried; with more, all are taken to matter. Leaves are taken to be independent: two
comparisons of one value are two leaves.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

LIMIT = 10

Formula = tuple[Any, ...]
"""``("known", value)``, ``("leaf", index)``, or a connective with its operands."""

CONNECTIVES = frozenset({"And", "Or", "Not", "Xor", "Implies"})


def relevant_leaves(node: Any, is_leaf: Callable[[Any], bool], value_of: Callable[[Any], Any]) -> list[Any]:
    """The open leaves of a null node that matter, in order. ``is_leaf`` says of a null define that it is not to be opened."""
    leaves: list[Any] = []
    formula = _formula(node, is_leaf, value_of, leaves, {})
    if len(leaves) < 2 or len(leaves) > LIMIT:
        return leaves
    results = {values: _evaluate(formula, values) for values in product((False, True), repeat=len(leaves))}
    return [leaf for index, leaf in enumerate(leaves) if _matters(index, results)]


def _formula(
    node: Any, is_leaf: Callable[[Any], bool], value_of: Callable[[Any], Any], leaves: list[Any], known: dict[int, int]
) -> Formula:
    value = value_of(node.value)
    if value is not None:
        return ("known", value)
    children = list(node.children or ())
    if node.kind in CONNECTIVES and children:
        return (node.kind, *(_formula(child, is_leaf, value_of, leaves, known) for child in children))
    if node.kind in ("ExpressionRef", "ExpressionDef") and len(children) == 1 and not is_leaf(node):
        return _formula(children[0], is_leaf, value_of, leaves, known)
    key = id(node)
    if key not in known:
        known[key] = len(leaves)
        leaves.append(node)
    return ("leaf", known[key])


def _evaluate(formula: Formula, values: tuple[bool, ...]) -> bool | None:
    kind = formula[0]
    if kind == "known":
        return formula[1] if isinstance(formula[1], bool) else None
    if kind == "leaf":
        return values[formula[1]]
    operands = [_evaluate(part, values) for part in formula[1:]]
    if kind == "Not":
        return None if operands[0] is None else not operands[0]
    if kind == "And":
        return False if False in operands else None if None in operands else True
    if kind == "Or":
        return True if True in operands else None if None in operands else False
    if kind == "Implies":
        first, second = operands[0], operands[1]
        return True if first is False or second is True else None if None in (first, second) else False
    return None if None in operands else operands[0] is not operands[1]


def _matters(index: int, results: dict[tuple[bool, ...], bool | None]) -> bool:
    for values, result in results.items():
        if not values[index] and result is not results[*values[:index], True, *values[index + 1 :]]:
            return True
    return False
