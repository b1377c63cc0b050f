"""Which unknowns matter, against going through every completion of them one by one."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import product
from typing import Any

from guideway.apply.conditions import APPLICABILITY, SATISFIED_KIND, WITHHELD, statuses
from guideway.apply.relevance import Reader, relevant_leaves

KINDS = (APPLICABILITY, WITHHELD, SATISFIED_KIND)


class Node:
    """A trace node of the kinds that matter here."""

    def __init__(self, kind: str, children: tuple[Node, ...] = (), value: bool | None = None, name: str = "") -> None:
        self.kind, self.children, self.below, self.label = kind, children, children, name
        self.library, self.define = "", name
        self.value = value if kind in ("Leaf", "Less") else three_valued(self, {})


def three_valued(node: Node, given: dict[str, bool]) -> bool | None:
    """The value of a node where some of its leaves are given."""
    if node.kind in ("Leaf", "Less"):
        return given.get(node.label, node.value)
    values = [three_valued(child, given) for child in node.children]
    first, last = values[0], values[-1]
    match node.kind:
        case "Not":
            return None if first is None else not first
        case "IsTrue":
            return first is True
        case "And":
            return False if False in values else None if None in values else True
        case "Or":
            return True if True in values else None if None in values else False
        case "Implies":
            return True if first is False or last is True else None if None in values else False
    return None if None in values else first is not last


def made(chance: random.Random, depth: int) -> Node:
    """Some formula over five unknowns and two known values."""
    if depth == 0 or chance.random() < 0.2:
        name = chance.choice("abcdeTF")
        return Node("Leaf", value={"T": True, "F": False}.get(name), name=name)
    kind = chance.choice(("And", "And", "Or", "Or", "Xor", "Implies", "Not"))
    return Node(kind, tuple(made(chance, depth - 1) for _ in range(1 if kind == "Not" else 2)))


def status(kinds: list[str], values: list[bool | None]) -> str | None:
    """The status of conditions, one case at a time."""
    of = {kind: [value for own, value in zip(kinds, values, strict=True) if own == kind] for kind in KINDS}
    if False in of[APPLICABILITY]:
        return "does-not-apply"
    if None in of[APPLICABILITY]:
        return None
    if True in of[WITHHELD]:
        return "suppressed"
    if True in of[SATISFIED_KIND]:
        return "already-satisfied"
    return None if None in of[WITHHELD] + of[SATISFIED_KIND] else "applies"


def names_in(nodes: list[Node]) -> Iterator[str]:
    for node in nodes:
        if node.kind == "Leaf" and node.value is None:
            yield node.label
        yield from names_in(list(node.children))


def test_what_is_asked_for_settles_the_status_and_what_could_change_it_is_asked_for() -> None:
    chance = random.Random(7)
    asked_some = 0
    for _ in range(400):
        nodes = [made(chance, 3) for _ in range(chance.randint(1, 3))]
        kinds = [APPLICABILITY, *(chance.choice(KINDS) for _ in nodes[1:])]
        if status(kinds, [node.value for node in nodes]) is not None:
            continue
        reader = Reader(lambda node: True, lambda value: value)
        asked: list[Any] = relevant_leaves(reader, nodes, lambda every, values, kinds=kinds: statuses(kinds, every, values))
        names = [leaf.label for leaf in asked]
        asked_some += len(names) > 1
        others = sorted(set(names_in(nodes)) - set(names))
        for values in product((True, False), repeat=len(names)):
            given = dict(zip(names, values, strict=True))
            assert status(kinds, [three_valued(node, given) for node in nodes]) is not None, names
            found = {
                status(kinds, [three_valued(node, given | dict(zip(others, more, strict=True))) for node in nodes])
                for more in product((True, False), repeat=len(others))
            }
            assert len(found) == 1, (names, others)
    assert asked_some > 50


def test_what_can_be_told_without_trying_is_what_trying_gives() -> None:
    """Formulas in which most unknowns stand once, with known values among them."""
    chance = random.Random(11)
    told = 0
    for _ in range(600):
        names = [f"{letter}{number}" for letter in "ab" for number in range(6)]
        chance.shuffle(names)
        if chance.random() < 0.2:
            names[3] = names[0]

        def leaf() -> Node:
            if chance.random() < 0.15:
                return Node("Leaf", value=chance.choice((True, False)), name="known")
            return Node(chance.choice(("Leaf", "Leaf", "Leaf", "Less")), name=names.pop())  # noqa: B023

        def formula(depth: int) -> Node:
            kind = chance.choice(("And", "Or", "And", "Or", "Not", "Implies", "IsTrue")) if depth else "Leaf"
            if kind == "Leaf" or chance.random() < 0.3:
                return leaf()
            count = 1 if kind in ("Not", "IsTrue") else 2
            return Node(kind, tuple(formula(depth - 1) for _ in range(count)))

        nodes = [formula(2) for _ in range(chance.randint(1, 3))]
        kinds = [APPLICABILITY, *(chance.choice(KINDS) for _ in nodes[1:])]
        if status(kinds, [node.value for node in nodes]) is not None:
            continue
        found = []
        for passing in (None, [kind == APPLICABILITY for kind in kinds]):
            reader = Reader(lambda node: True, lambda value: value)
            asked: list[Any] = relevant_leaves(
                reader, nodes, lambda every, values, kinds=kinds: statuses(kinds, every, values), passing=passing
            )
            found.append([each.label for each in asked])
        assert found[0] == found[1]
        told += len(found[0]) > 1
    assert told > 100


def test_a_datum_that_changes_nothing_is_not_asked_for() -> None:
    a, b, c = (Node("Leaf", name=name) for name in "abc")
    nodes = [Node("And", (a, Node("Or", (b, Node("Implies", (c, c))))))]  # whatever b is
    reader = Reader(lambda node: True, lambda value: value)
    asked: list[Any] = relevant_leaves(reader, nodes, lambda every, values: statuses([APPLICABILITY], every, values))
    assert [leaf.label for leaf in asked] == ["a", "c"]


def asked_of(node: Node, parts: dict[int, list[tuple[Node | None, Node]]]) -> list[str]:
    def all_parts(each: Node) -> list[tuple[Node | None, Node]] | None:
        return parts.get(id(each))

    reader = Reader(lambda node: True, lambda value: value, parts=all_parts)
    found: list[Any] = relevant_leaves(reader, [node], lambda every, values: statuses([APPLICABILITY], every, values))
    return [leaf.label for leaf in found]


def test_of_a_choice_both_branches_are_looked_at() -> None:
    a, b, c = (Node("Leaf", name=name) for name in "abc")
    no = Node("Leaf", value=False, name="F")
    choice = Node("If", (a, c))  # "if a then b else c": the trace has no "b"
    assert asked_of(choice, {id(choice): [(a, b), (None, c)]}) == ["a", "c", "b"]
    same = Node("If", (a, c))
    assert asked_of(same, {id(same): [(a, c), (None, c)]}) == ["c"]  # whichever way it goes
    never = Node("If", (a, c))
    assert asked_of(never, {id(never): [(a, Node("And", (no, b))), (None, c)]}) == ["a", "c"]
    cases = Node("Case", (a, b, c))  # "case when a then F when b then c else c end"
    assert asked_of(cases, {id(cases): [(a, no), (b, c), (None, c)]}) == ["a", "c"]


def test_what_a_settled_operand_kept_from_being_evaluated_counts_where_it_may_yet_be_unsettled() -> None:
    a, b, c = (Node("Leaf", name=name) for name in "abc")
    tested = Node("Not", (Node("IsTrue", (a,)),))
    tested.value, tested.children[0].value = True, False
    either = Node("Or", (tested,))  # "a is not true or b" is true while a is null
    either.value = True
    both = Node("And", (either, Node("Or", (a, c))))
    assert asked_of(both, {id(either): [(None, b)]}) == ["a", "c", "b"]
    unknown = Node("Or", (tested,))
    unknown.value = True
    assert "b" not in asked_of(Node("And", (unknown, Node("Or", (a, c)))), {})


def test_cases_of_each_status_are_told_apart_bit_by_bit() -> None:
    every = 0b11111
    applicability, withheld, satisfied = (0b01111, 0b10000), (0b00001, 0b11110), (0b00010, 0b11001)
    found = statuses(list(KINDS), every, [applicability, withheld, satisfied])
    assert found == (0b10000, 0b00001, 0b00010, 0b01000)
