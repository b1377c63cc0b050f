"""Long chains of one operator in ELM: ``a and b and c ...`` without a level of nesting for each operator.

ELM nests a chain one level for each operator, and most readers of JSON and of ELM recurse. A chain of *and*, *or*, string
concatenation or list union means the same however it is bracketed, so a long one is written flat: Concatenate and Union with all
operands (they are n-ary), And and Or as a tree of small depth, operands in their order. Short chains stay as they are read, as
the reference translator writes them; so do those of other operators (a sum may overflow on one way and not on another).
"""

from __future__ import annotations

from typing import Any

from guideway.elm import nodes as elm
from guideway.elm.types import ListType

LONG = 64
"""Chains of more operands than this are flattened."""


def flattened(made: Any) -> Any:
    """The same expression, its long runs of one associative operator flat. Gives ``made`` itself where there is none."""
    runs: list[tuple[type, list[Any]]] = []
    bottom = made
    while (kind := _associative(bottom)) is not None:
        run: list[Any] = []
        while _associative(bottom) is kind:
            run.append(bottom)
            bottom = _bare(bottom.operand[0])
        runs.append((kind, run))
    if all(len(run) < LONG for _, run in runs):
        return made
    result = bottom
    for kind, run in reversed(runs):
        run[-1].operand[0] = result
        result = _flat(kind, [result, *(node.operand[1] for node in reversed(run))], run[0]) if len(run) >= LONG else run[0]
    return result


def _associative(node: Any) -> type | None:
    """The class of a binary node whose chains may be bracketed anew."""
    kind: type = type(node)
    if kind in (elm.And, elm.Or, elm.Concatenate) or (kind is elm.Union and isinstance(node.result_type, ListType)):
        return kind if len(node.operand) == 2 else None
    return None


def _bare(node: Any) -> Any:
    """``a & b`` without the Coalesce around it that its place in ``a & b & c`` asks for: it is never null."""
    if _text_or_empty(node) and type(node.operand[0]) is elm.Concatenate and all(map(_text_or_empty, node.operand[0].operand)):
        return node.operand[0]
    return node


def _text_or_empty(node: Any) -> bool:
    return type(node) is elm.Coalesce and len(node.operand) == 2 and type(node.operand[1]) is elm.Literal


def _flat(kind: type, operands: list[Any], top: Any) -> Any:
    """``top`` with all operands of its run."""
    if kind in (elm.Concatenate, elm.Union):
        top.operand = operands
        return top
    level = operands
    while len(level) > 2:
        pairs = [level[at : at + 2] for at in range(0, len(level), 2)]
        level = [_pair(kind, pair, top) if len(pair) == 2 else pair[0] for pair in pairs]
    top.operand = level
    return top


def _pair(kind: type, pair: list[Any], top: Any) -> Any:
    first, last = pair
    made = kind(operand=pair, localId=f"{last.localId}.{first.localId}" if first.localId and last.localId else None)
    if first.locator and last.locator:
        made.locator = f"{first.locator.partition('-')[0]}-{last.locator.rpartition('-')[2]}"
    made.result_type = top.result_type
    return made
