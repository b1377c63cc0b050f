"""Which unknowns could still change an outcome: the open leaves of its traces that matter, by going through what they might
become.

A condition is a formula of ``and``, ``or``, ``not``, ``xor``, ``implies``, ``if`` and tests for true, false and null, over
known values and leaves; the status follows from several conditions (``combine``). A leaf is open where a null result is
null because of it, or would be in a branch that an unknown condition may yet choose: of ``if c then a else b`` all parts
are looked at (``parts``). An open leaf matters when some completion of the others lets it decide; and the leaves that are
given settle the status between them. So ``false and a`` has none, ``a and b`` two, ``a or (b implies b)`` one of them. A
leaf that only stands in a test for null or truth is not open: such a test has an answer already. Where each stands once in
connectives that leave it open, all matter; else up to ``LIMIT`` leaves every completion is tried; with more, all are taken
to matter. Comparisons of one unknown number with several limits go together; apart from that leaves are taken to be
independent of each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from itertools import pairwise
from operator import eq, ge, gt, le, lt, ne
from typing import Any

import msgspec

from guideway.engine.values import Quantity

LIMIT = 9

Formula = tuple[Any, ...]
"""``("known", value)``, ``("leaf", index)``, ``("any", indices)`` for what was not evaluated, or a connective with operands."""
Pair = tuple[int, int]
"""Where a value is true and where it is false, over all completions of the leaves, one bit each."""
Parts = Sequence[tuple[Any, Any]]
"""The conditions of a choice with their branches, the last without a condition; None for a branch that is not there."""
Combine = Callable[[int, list[Pair]], Sequence[int]]
"""All completions, and the values of all conditions → the completions of each status; in none: the status is not known."""

CONNECTIVES = frozenset({"And", "Or", "Not", "Xor", "Implies", "IsTrue", "IsFalse", "IsNull"})
_CHOICES = frozenset({"If", "Case"})
_REFERS = frozenset({"ExpressionRef", "ExpressionDef"})
_OPEN = _CHOICES | _REFERS
"""Nodes that a formula looks through."""
_NULL: Pair = (0, 0)
_NEUTRAL: dict[str, bool | None] = {"And": True, "Or": False, "Not": None, "IsTrue": None, "IsFalse": None}
"""Connectives that hang on each of their operands, and the value of an operand that leaves it to the others."""


def relevant_leaves(
    reader: Reader, nodes: Sequence[Any], combine: Combine, *, passing: Sequence[bool] | None = None
) -> list[Any]:
    """The open leaves of these nodes that matter, in order of appearance. The reader is made for this. ``passing`` is the value
    of each node with which the status hangs on the others; with it, it is not tried what can be told at once."""
    for node in nodes:
        reader.open(node)
    formulas = _formulas(reader, nodes)
    if passing is not None and _counts_each(reader.leaves, formulas, passing):
        return list(reader.leaves)
    tried = _tried(reader, formulas, combine)
    if not tried.decided:  # it rests on something else as well that so far is settled by what may yet change
        reader.everything = True
        more = _tried(reader, _formulas(reader, nodes), combine)
        tried = more if more.decided else tried
    leaves, groups, table, results = tried.leaves, tried.groups, tried.table, tried.results
    if table is None or len(leaves) < 2:
        return leaves

    def settles(given: Sequence[int]) -> bool:
        """Whether there is a status as soon as these groups have a value, whichever."""
        if len(given) == len(groups):
            found = results
        else:
            known = {member for index in given for member in groups[index][0]}
            values = [pair if member in known else _NULL for member, pair in enumerate(table.leaves)]
            found = combine(table.all, [table.evaluate(formula, values) for formula in tried.formulas])
        return _decided(table, found)

    deciding = [index for index in range(len(groups)) if table.matters(index, results)]
    wanted = list(deciding)
    for index in range(len(groups)):
        if settles(wanted):
            break
        if index not in wanted:
            wanted.append(index)
    spare: list[int] | None = wanted
    while spare:  # again after each: where a choice goes the way of false, less may settle what more leaves open
        tries = ([i for i in wanted if i != index] for index in reversed(wanted) if index not in deciding)
        spare = next((fewer for fewer in tries if settles(fewer)), None)
        wanted = wanted if spare is None else spare
    return [leaves[member] for member in sorted(member for index in wanted for member in groups[index][0])]


class _Tried(msgspec.Struct, frozen=True):
    """Formulas over leaves, the leaves in groups, and the statuses in all completions; no table where there are too many."""

    formulas: list[Formula]
    leaves: list[Any]
    groups: list[tuple[list[int], list[tuple[bool, ...]]]]
    table: _Table | None
    results: Sequence[int]

    @property
    def decided(self) -> bool:
        """Whether there is a status in every completion."""
        return self.table is None or _decided(self.table, self.results)


def _formulas(reader: Reader, nodes: Sequence[Any]) -> list[Formula]:
    while True:  # what a branch adds may make another condition open
        before = len(reader.leaves)
        formulas = [reader.formula(node) for node in nodes]
        if len(reader.leaves) == before:
            return formulas


def _counts_each(leaves: Sequence[Any], formulas: Sequence[Formula], passing: Sequence[bool]) -> bool:
    """Whether every leaf matters, as can be told without trying: each stands once, in connectives that no known operand settles.
    Whatever the others are, they can then be such that the status hangs on it; and all of them together settle that."""
    if sum(leaf.kind in _HOLDS for leaf in leaves) > 1:  # several limits for one number may not go together
        return False
    seen: set[int] = set()
    return all(_hangs_on_each(*each, seen) for each in zip(formulas, passing, strict=True)) and len(seen) == len(leaves)


def _hangs_on_each(formula: Formula, neutral: bool | None, seen: set[int]) -> bool:
    """Whether a formula hangs on each of its leaves, none of which has been seen before; ``neutral`` is the value that one which
    is known may have."""
    kind = formula[0]
    if kind == "known":
        return formula[1] is neutral and neutral is not None
    if kind == "leaf":
        index = formula[1]
        if index in seen:
            return False
        seen.add(index)
        return True
    inside = _NEUTRAL.get(kind, kind)
    return inside is not kind and all(_hangs_on_each(part, inside, seen) for part in formula[1:])


def _tried(reader: Reader, formulas: list[Formula], combine: Combine) -> _Tried:
    leaves = list(reader.leaves)
    if len(leaves) > LIMIT:
        return _Tried(formulas, leaves, [], None, ())
    groups = _groups(leaves, reader.value_of)
    table = _Table(groups, len(leaves))
    results = combine(table.all, [table.evaluate(formula, table.leaves) for formula in formulas])
    return _Tried(formulas, leaves, groups, table, results)


def _decided(table: _Table, results: Sequence[int]) -> bool:
    """Whether there is a status in every completion."""
    decided = 0
    for mask in results:
        decided |= mask
    return decided == table.all


class _Table:
    """A truth table over all completions of the open leaves, one bit each: a formula is evaluated for all of them at once.

    ``all`` has a bit for every completion; ``leaves`` are the pairs of the leaves. The completions are numbered in mixed radix:
    the value of a group counts ``step`` times its place.
    """

    def __init__(self, groups: Sequence[tuple[list[int], list[tuple[bool, ...]]]], count: int) -> None:
        self.leaves: list[Pair] = [_NULL] * count
        self._steps: list[tuple[int, int]] = []
        size = 1
        for members, possible in groups:
            self._steps.append((size, len(possible)))
            # so far the table has ``size`` rows; it is repeated once for each value of this group
            row = (1 << size) - 1
            repeat = sum(1 << size * place for place in range(len(possible)))
            self.leaves = [(true * repeat, false * repeat) for true, false in self.leaves]
            for position, member in enumerate(members):
                true = sum(row << size * place for place, values in enumerate(possible) if values[position])
                self.leaves[member] = (true, row * repeat ^ true)
            size *= len(possible)
        self.all = (1 << size) - 1

    def matters(self, index: int, results: Sequence[int]) -> bool:
        """Whether some completion of the other groups lets this one change the status."""
        step, places = self._steps[index]
        row = (1 << step) - 1
        first = 0  # the completions in which the group has its first value
        at = 0
        while at < self.all.bit_length():
            first |= row << at
            at += step * places
        undecided = self.all
        for mask in results:
            undecided &= ~mask
        return any((mask >> step * place ^ mask) & first for mask in (*results, undecided) for place in range(1, places))

    def evaluate(self, formula: Formula, values: Sequence[Pair]) -> Pair:
        """The completions in which a formula is true, and those in which it is false; null in all others."""
        kind = formula[0]
        if kind == "known":
            return (self.all, 0) if formula[1] is True else (0, self.all) if formula[1] is False else _NULL
        if kind == "leaf":
            return values[formula[1]]
        if kind == "any":  # not evaluated yet: open until all of it is known, and then each part counts
            known, odd = self.all, 0
            for true, false in (values[index] for index in formula[1]):
                known &= true | false
                odd ^= true
            return known & odd, known & ~odd
        operands = [self.evaluate(part, values) for part in formula[1:]]
        true, false = operands[0]
        if kind == "Not":
            return false, true
        if kind == "IsTrue":
            return true, self.all ^ true
        if kind == "IsFalse":
            return false, self.all ^ false
        if kind == "IsNull":
            return self.all ^ (true | false), true | false
        if kind == "If":
            (_, (then, not_then), (other, not_other)) = operands
            return true & then | ~true & other, true & not_then | ~true & not_other
        for more, more_false in operands[1:]:
            if kind == "And":
                true, false = true & more, false | more_false
            elif kind == "Or":
                true, false = true | more, false & more_false
            elif kind == "Implies":
                true, false = false | more, true & more_false
            else:
                true, false = true & more_false | false & more, true & more | false & more_false
        return true, false


_TURNED = {"Less": "Greater", "LessOrEqual": "GreaterOrEqual", "Greater": "Less", "GreaterOrEqual": "LessOrEqual"}
_HOLDS: dict[str, Callable[[Any, Any], bool]] = {
    "Less": lt, "LessOrEqual": le, "Greater": gt, "GreaterOrEqual": ge, "Equal": eq, "NotEqual": ne,
}  # fmt: skip


def _groups(leaves: list[Any], value_of: Callable[[Any], Any]) -> list[tuple[list[int], list[tuple[bool, ...]]]]:
    """Leaves that one datum settles together, each group with the truth values that it can have.

    Comparisons of one unknown number with several limits cannot each go their own way: what is below 1 is below 3. Every
    other leaf is a group of its own.
    """
    shared: dict[Any, list[tuple[int, str, Decimal]]] = {}
    for index, leaf in enumerate(leaves):
        comparison = _comparison(leaf, value_of)
        key, kind, limit = comparison if comparison is not None else (index, "", Decimal(0))
        shared.setdefault(key, []).append((index, kind, limit))
    groups: list[tuple[list[int], list[tuple[bool, ...]]]] = []
    for members in shared.values():
        if len(members) == 1:
            groups.append(([members[0][0]], [(False,), (True,)]))
            continue
        limits = sorted({limit for _, _, limit in members})
        between = [(low + high) / 2 for low, high in pairwise(limits)]
        samples = sorted([limits[0] - 1, *limits, *between, limits[-1] + 1])
        possible = dict.fromkeys(tuple(_HOLDS[kind](sample, limit) for _, kind, limit in members) for sample in samples)
        groups.append(([index for index, _, _ in members], list(possible)))
    return groups


def _comparison(leaf: Any, value_of: Callable[[Any], Any]) -> tuple[Any, str, Decimal] | None:
    """What is unknown (with its unit), how it is compared, and with which limit; None for every other leaf."""
    children = list(leaf.children or ())
    if leaf.kind not in _HOLDS or len(children) != 2:
        return None
    left, right = (value_of(child.value) for child in children)
    if (left is None) == (right is None):
        return None
    unknown, limit = (children[0], right) if left is None else (children[1], left)
    kind = leaf.kind if left is None else _TURNED.get(leaf.kind, leaf.kind)
    number = limit.value if isinstance(limit, Quantity) else limit
    if isinstance(number, bool) or not isinstance(number, int | Decimal):
        return None
    return (_key(unknown), limit.unit if isinstance(limit, Quantity) else None), kind, Decimal(number)


class _Part(msgspec.Struct, eq=False):
    """A node that formulas are made of, with what is found out about it once and for all."""

    node: Any
    value: Any
    known: Formula
    """Its formula where it does not depend on leaves."""
    operands: Sequence[_Part] | None = None
    """Of a connective; empty of anything else, None as long as nobody has asked."""
    settled: bool | None = None
    """Whether nothing that its formula would be made of is null."""


class Known:
    """What is known of the nodes of one evaluation, by identity: what a formula finds where it looks through them, and what tells
    them apart."""

    __slots__ = ("keys", "parts")

    def __init__(self) -> None:
        self.parts: dict[int, _Part] = {}
        self.keys: dict[int, Any] = {}


class Reader:
    """Turns traces into formulas over shared leaves.

    ``is_leaf`` says of a null define that it is not to be opened; ``parts`` gives the conditions and branches of a choice, also
    of those that were not evaluated, and where it has none ``passed_over`` gives the open leaves in the branches that an unknown
    condition kept from being evaluated. ``data`` names what a leaf rests on: another one that rests on the same is open with it.
    ``looked_past`` names what is null below a node that has a value all the same (``Coalesce(a, b)``), which may change with it.
    ``known`` remembers what was found out about nodes: many recommendations share them.
    """

    def __init__(
        self,
        is_leaf: Callable[[Any], bool],
        value_of: Callable[[Any], Any],
        passed_over: Callable[[Any], Iterable[Any]] = lambda node: (),
        known: Known | None = None,
        parts: Callable[[Any], Parts | None] = lambda node: None,
        data: Callable[[Any], Iterable[Any]] = lambda node: (),
        looked_past: Callable[[Any], Iterable[Any]] = lambda node: (),
    ) -> None:
        self.is_leaf = is_leaf
        self.value_of = value_of
        self.passed_over = passed_over
        self.parts = parts
        self.data = data
        self.looked_past = looked_past
        self.everything = False
        """Whether all that is null is open."""
        self._data: set[Any] = set()
        self.leaves: list[Any] = []
        known = Known() if known is None else known
        self._parts = known.parts
        self._keys = known.keys
        self._known: dict[Any, int] = {}

    def open(self, node: Any) -> None:
        """Find the open leaves: from a null result down through what is null."""
        self._open(self._part(node))

    def _open(self, part: _Part) -> None:
        if part.value is not None:
            return
        node = part.node
        if operands := part.operands or self._operands(part):
            for operand in operands:
                self._open(operand)
        elif is_null(node):
            return
        elif node.kind in _CHOICES and (choice := self.parts(node)) is not None:
            for condition, branch in choice:
                if condition is None or self.value_of(condition.value) is True:
                    if branch is not None:
                        self.open(branch)
                    break
                self.open(condition)
        elif node.kind == "If" and len(node.children or ()) > 1:
            self.open(node.children[0])
            self.open(node.children[-1])
        else:
            self._leaf(node)

    def _part(self, node: Any) -> _Part:
        """The node itself, or what it refers to."""
        parts = self._parts
        known = parts.get(id(node))
        if known is None:
            passed = [id(node)]
            while node.kind in _REFERS:
                below = node.below
                children = below if type(below) is tuple else node.children
                value = node.value
                if len(children) != 1 or (value is not True and value is not False and self.is_leaf(node)):
                    break
                node = children[0]
                known = parts.get(id(node))
                if known is not None:
                    break
                passed.append(id(node))
            if known is None:
                value = node.value
                if value is not None and value is not True and value is not False:
                    value = self.value_of(value)
                known = _Part(node, value, ("known", value))
            for key in passed:
                parts[key] = known
        return known

    def _operands(self, part: _Part) -> Sequence[_Part]:
        """The operands of a connective; of anything else none."""
        if part.operands is None:
            node = part.node
            part.operands = [self._part(child) for child in node.children or ()] if node.kind in CONNECTIVES else ()
        return part.operands

    def is_certain(self, node: Any) -> bool:
        """Whether the value of a node certainly stays as it is."""
        part = self._part(node)
        return self._is_settled(part) if part.settled is None else part.settled

    def formula(self, node: Any) -> Formula:
        """The formula of a node over the open leaves; what does not depend on them is known."""
        return self._formula(self._part(node))

    def _formula(self, part: _Part) -> Formula:
        if self._is_settled(part) if part.settled is None else part.settled:
            return part.known
        node = part.node
        if operands := part.operands or self._operands(part):
            formulas = [self._formula(operand) for operand in operands]
            if len(formulas) == 1 and node.kind in ("And", "Or", "Implies", "Xor"):  # the other operand was not needed
                rest = self.parts(node) if _depends(formulas[0]) else None
                formulas.append(("known", None) if rest is None else self._choice(rest, 0))
            return (node.kind, *formulas) if any(map(_depends, formulas)) else part.known
        if node.kind in _CHOICES and (choice := self.parts(node)) is not None:
            found = self._choice(choice, 0)
            return found if _depends(found) else part.known
        children: Sequence[Any] = node.children or ()
        if node.kind == "If" and len(children) > 1:
            condition, taken = self.formula(children[0]), self.formula(children[-1])
            if not _depends(condition):
                return taken
            other = ("any", tuple(self._leaf(leaf) for leaf in self.passed_over(node)))
            first = self.value_of(children[0].value) is True
            return ("If", condition, taken, other) if first else ("If", condition, other, taken)
        if part.value is not None:
            may_change = isinstance(part.value, bool) and self._data and not self._data.isdisjoint(self.looked_past(node))
            return ("leaf", self._leaf(node)) if may_change else part.known
        if is_null(node):
            return part.known
        index = self._known.get(self._key(node))
        if node.kind == "Case" and index is not None and any(self.value_of(child.value) is None for child in children[:-1]):
            return ("any", (index, *(self._leaf(leaf) for leaf in self.passed_over(node))))
        everything = self.everything and node.kind != "ParameterRef"  # that nobody sets one is no accident
        if index is None and (everything or not self._data.isdisjoint(self.data(node))):
            index = self._leaf(node)
        return ("leaf", index) if index is not None else part.known

    def _choice(self, parts: Parts, first: int) -> Formula:
        """The formula of a choice from its ``first`` condition on; a branch that may yet be chosen is opened."""
        condition, branch = parts[first]
        test = ("known", True) if condition is None else self.formula(condition)
        if not _depends(test) and test[1] is not True:
            return self._choice(parts, first + 1)
        if branch is not None:
            self.open(branch)
        chosen = ("known", None) if branch is None else self.formula(branch)
        return ("If", test, chosen, self._choice(parts, first + 1)) if _depends(test) else chosen

    def _is_settled(self, part: _Part) -> bool:
        """Whether nothing that the formula would be made of is null."""
        if part.settled is None:
            node = part.node
            kind = node.kind
            children = node.children if kind in CONNECTIVES else ()
            part.settled = bool(children) or (part.value is not None and not self.looked_past(node))
            if part.settled and kind in _OPEN:
                children = node.children
            for child in children if part.settled else ():
                value = child.value
                if value is not True and value is not False and child.kind not in CONNECTIVES and self.value_of(value) is None:
                    part.settled = False
                    break
                below = self._part(child)
                if not (self._is_settled(below) if below.settled is None else below.settled):
                    part.settled = False
                    break
        return part.settled

    def _key(self, node: Any) -> Any:
        known = self._keys.get(id(node))
        if known is None:
            known = self._keys[id(node)] = _key(node)
        return known

    def _leaf(self, node: Any) -> int:
        key = self._key(node)
        if key not in self._known:
            self._known[key] = len(self.leaves)
            self.leaves.append(node)
            self._data.update(self.data(node))
        return self._known[key]


def is_null(node: Any) -> bool:
    """Whether a node is null as it is written: what it rests on is then why it was chosen."""
    while node.kind in ("As", "Convert", "ExpressionDef", "ExpressionRef") and len(node.children or ()) == 1:
        node = node.children[0]
    return bool(node.kind == "Null")


def _depends(formula: Formula) -> bool:
    """Whether a formula is more than a known value: a connective is made of nothing but those of which a part is."""
    return bool(formula[0] != "known")


def _key(node: Any, depth: int = 6) -> Any:
    """What tells leaves apart: the same expression over the same defines is the same leaf, wherever it stands."""
    if node.kind == "ExpressionDef":
        return node.library, node.define
    if node.kind == "ExpressionRef" and node.children:
        return _key(node.children[0], depth)
    if depth == 0:
        return id(node)
    return node.kind, node.label, tuple(_key(child, depth - 1) for child in node.children or ()) or repr(node.value)
