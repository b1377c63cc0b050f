"""Long chains in ELM: flat where the operator allows it, of the same meaning, readable by other readers of JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.conformance.suite import evaluate

from guideway.cql.translator import EXPRESSION_NAME, translate_expression
from guideway.elm.codec import json_text, read_json, write_json

LONG = {
    "and": (" and ".join(["1 = 1"] * 2_000), True),
    "and, false at the end": (" and ".join(["true"] * 1_999 + ["false"]), False),
    "and, null in the middle": (" and ".join(["true"] * 999 + ["null"] + ["true"] * 1_000), None),
    "or": (" or ".join(["1 = 2"] * 1_999 + ["1 = 1"]), True),
    "or, null": (" or ".join(["false", "null"] * 1_000), None),
    "and within or": (" and ".join(["true"] * 500) + " or " + " or ".join(["false"] * 500), True),
    "+ of strings": (" + ".join(f"'{n % 10}'" for n in range(3_000)), "0123456789" * 300),
    "+ of strings, one null": (" + ".join(["'a'"] * 500 + ["null"] + ["'a'"] * 500), None),
    "& of strings": (" & ".join(f"'{n % 10}'" for n in range(3_000)), "0123456789" * 300),
    "& of strings, one null": (" & ".join(["'a'"] * 500 + ["(null as String)"] + ["'b'"] * 500), "a" * 500 + "b" * 500),
    "union of lists": (" union ".join(f"{{ {n} }}" for n in range(500)), list(range(500))),
    "else if": (
        f"if 1 = 2 then -1 {''.join(f'else if {n} = 2_999 then {n} ' for n in range(3_000))}else -2".replace("_", ""),
        2_999,
    ),
    "else if, of several types": ("if 1 = 2 then 1.5 " + "else if 1 = 2 then 1 " * 200 + "else 7", 7),
    "case": (f"case {''.join(f'when {n} = 2_999 then {n} ' for n in range(3_000))}else -2 end".replace("_", ""), 2_999),
    "case of a value": (f"case 2_999 {''.join(f'when {n} then {n} ' for n in range(3_000))}else -2 end".replace("_", ""), 2_999),
    "list": ("{" + ", ".join(map(str, range(5_000))) + "}", list(range(5_000))),
}
DEEP = {
    "+ of numbers": (" + ".join(["1"] * 4_000), 4_000),
    "* of numbers": (" * ".join(["1L"] * 2_000), 1),
    "implies": (" implies ".join(["true"] * 1_000), True),
    "union of intervals": ("end of (" + " union ".join(f"Interval[{n}, {n}]" for n in range(200)) + ")", 199),
}


@pytest.mark.parametrize("name", LONG)
def test_long_chains_mean_what_they_say_and_pass_through_any_json(name: str) -> None:
    text, expected = LONG[name]
    assert evaluate(text) == expected
    assert evaluate(text, as_json=True) == expected


@pytest.mark.parametrize("name", DEEP)
def test_chains_of_other_operators_are_as_deep_as_they_are_long(name: str) -> None:
    text, expected = DEEP[name]
    assert evaluate(text) == expected
    library = translate_expression(text).library
    assert library is not None
    assert library_of(json_text(write_json(library))) == EXPRESSION_NAME


def library_of(text: str) -> Any:
    return read_json(text).statements[-1].name


def test_a_chain_of_traced_conditions() -> None:
    assert evaluate(" or ".join(["1 = 2"] * 1_000), trace=True) is False


def test_short_chains_stay_as_they_are_read() -> None:
    library = translate_expression(" and ".join(["true"] * 40)).library
    assert library is not None
    assert json.dumps(write_json(library)).count('"And"') == 39
    node, depth = library.statements[-1].expression, 0
    while type(node).__name__ == "And":
        node, depth = node.operand[0], depth + 1
    assert depth == 39


def test_every_node_of_a_flattened_chain_has_an_id_and_a_place() -> None:
    library = translate_expression(" and ".join(["true"] * 200)).library
    assert library is not None
    seen, open_ = [], [library.statements[-1].expression]
    while open_:
        node = open_.pop()
        seen.append(node.localId)
        assert node.locator
        open_.extend(getattr(node, "operand", None) or [])
    assert len(seen) == 399 == len(set(seen))


def test_short_conditionals_stay_as_they_are_read_and_long_ones_are_cases() -> None:
    for count, kind in ((10, "If"), (100, "Case")):
        library = translate_expression("if 1 = 2 then 0 " + "else if 1 = 3 then 1 " * count + "else 2").library
        assert library is not None
        assert type(library.statements[-1].expression).__name__ == kind


@pytest.mark.parametrize("opening", ["if 1 = 1 then ", "if 1 = 1 then 1 else (", "case when 1 = 1 then 1 else "])
def test_what_truly_nests_is_refused_with_a_place(opening: str) -> None:
    found = translate_expression(opening * 10_000)
    assert found.library is None
    nesting = [d for d in found.diagnostics if d.rule == "cql-nesting"]
    assert nesting
    assert nesting[0].position is not None
