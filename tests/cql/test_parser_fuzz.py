"""Whatever the text: a tree and diagnostics, in bounded time, and never an exception.

Two thirds of the streams are random tokens, one third valid CQL with a few tokens or characters changed. The short run belongs to
the fast tests; the long one (``-m long``) makes 200,000 streams.
"""

# ruff: noqa: E501
from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from guideway.cql import syntax as s
from guideway.cql.formatter import format_text
from guideway.cql.lexer import KEYWORDS, PHRASES, tokenize
from guideway.cql.parser import parse, parse_expression
from guideway.cql.unparse import unparse

BOUND = 2.0
"""Seconds of processor time that no stream of at most some hundred tokens may take; a thousand times what they need."""

WORDS = [
    *sorted(KEYWORDS | PHRASES),
    *("a", "B", '"quoted name"', "`x y`", "Integer", "FHIR", "Choice", "'text'", "'mg'", "1", "2.50", "3L", "@2020", "@2020-01-31T10:00Z"),
    *("@T10:30", "$this", "$total", "%c", "(", ")", "[", "]", "{", "}", "<", "<=", ">", ">=", "=", "!=", "~", "!~", "+", "-", "*", "/"),
    *("^", "&", "|", ",", ".", ":", "->", "//", "/*", "*/", "'", '"', "`", "\\", "@", "$", ";", "#", "é", "\u00a0", "\x00", "\ud800", "\n"),
    *("define A:", "define function f(", "parameter P", "context Patient", "[A] x", "from X x,", "such that", "\ndefine", "\ncode"),
]  # fmt: skip

SEEDS = [
    "library A version '1'\nusing FHIR version '4.0.1'\ninclude B version '2' called C\ncodesystem \"S\": 'urn:s'\n"
    "valueset \"V\": 'urn:v' version '1' codesystems { \"S\" }\ncode \"K\": '1' from \"S\" display 'd'\nconcept \"N\": { \"K\" } display 'n'\n"
    "parameter P Interval<DateTime> default Interval[@2020-01-01, @2021-01-01)\ncontext Patient\n// @unit: mg\ndefine \"X\": 1\n",
    "define A: [Observation: code in \"V\"] O with [Condition] C such that C.onset before O.effective where O.status = 'final'"
    " and O.value as Quantity > 5 'mg' return all Tuple { a: O.value, b: O } sort by start of a desc, b\n",
    "define fluent function f(a List<Choice<Integer, FHIR.Quantity>>, b Tuple { x Integer }) returns Boolean: a.first() is not null\n",
    "define B: a starts 3 days or more before start of b and c included in day of d or e properly includes f implies g same day as h\n",
    "define C: if a then case b when 1 then 2 else 3 end else distinct (A x, B y let z: 1 aggregate R starting 0: R + x)\n",
    "define D: cast a as List<Integer> union (convert b to 'mg') = days between c and d except expand { 1, 2L } per 2 days\n",
    "define E: Interval(1.0, null] = Code '1' from C.\"S\" display 'x' or Concept { Code '2' from S } ~ FHIR.Coding { code: 'x' }\n",
    "define F: not exists [Patient -> Encounter: type = x] e where e.period.f(1, $this)[0].g is Integer return difference in hours of p\n",
    "define G: minimum Integer + -2 * 3 ^ 4 div 5 mod 6 & 'a' || 1:128 != singleton from { a } and year from @2020-01-01T10:00 in { }\n",
]  # fmt: skip


def _seeds() -> list[str]:
    root = Path(__file__).parents[2] / "plandefinitions"
    own = [file.read_text("utf-8") for file in sorted(root.rglob("*.cql"))]
    # One declaration each: whole files are long, and an error in one declaration hides little of the others anyway.
    return SEEDS + ["define " + part for text in own for part in text.split("\ndefine ")[1:]]


def _mutated(random_: random.Random, seed: str) -> str:
    tokens = [text for text in tokenize(seed).texts if text]
    for _ in range(random_.randint(1, 4)):
        at = random_.randrange(len(tokens)) if tokens else 0
        change = random_.randrange(6)
        if change == 0:
            del tokens[at : at + random_.randint(1, 3)]
        elif change == 1:
            tokens.insert(at, random_.choice(WORDS))
        elif change == 2 and tokens:
            tokens[at] = random_.choice(WORDS)
        elif change == 3 and tokens:
            other = random_.randrange(len(tokens))
            tokens[at], tokens[other] = tokens[other], tokens[at]
        elif change == 4:
            tokens[at:at] = tokens[at : at + random_.randint(1, 20)]
        elif tokens:
            word = tokens[at]
            cut = random_.randrange(len(word) + 1)
            tokens[at] = word[:cut] + random_.choice("'\"`/*@\\ x1.(") + word[cut:]
    return random_.choice((" ", " ", "\n")).join(tokens)


def _soup(random_: random.Random) -> str:
    length = random_.choice((3, 10, 30, 100))
    words = WORDS if random_.random() < 0.7 else random_.sample(WORDS, 6)
    return random_.choice((" ", " ", "")).join(random_.choices(words, k=length))


def streams(count: int, seed: int) -> Iterator[str]:
    """``count`` texts, always the same for the same seed."""
    random_ = random.Random(seed)
    seeds = _seeds()
    for index in range(count):
        yield _mutated(random_, random_.choice(seeds)) if index % 3 == 0 else _soup(random_)


def check(text: str, thorough: bool) -> None:
    """Parses ``text`` as a library and as an expression; what is found valid must survive writing and formatting."""
    begin = time.process_time()
    library, diagnostics = parse(text, "fuzz.cql")
    expression, found = parse_expression(text, "fuzz.cql")
    assert time.process_time() - begin < BOUND, f"took too long: {text!r}"
    lines = text.count("\n") + 1
    for diagnostic in diagnostics + found:
        assert diagnostic.position is not None
        assert 1 <= diagnostic.position.line <= lines
        assert diagnostic.excerpt is not None
    if not thorough:
        return
    if not found:
        again, none = parse_expression(unparse(expression))
        assert not none, (text, unparse(expression))
        assert s.equal(again, expression), (text, unparse(expression))
    if not diagnostics:
        formatted, none = format_text(text)
        assert not none, (text, formatted)
        assert s.equal(parse(formatted)[0], library), (text, formatted)
        assert format_text(formatted)[0] == formatted, (text, formatted)


def test_a_few_thousand_streams() -> None:
    for text in streams(3_000, 1):
        check(text, thorough=True)


@pytest.mark.long
def test_two_hundred_thousand_streams() -> None:
    for text in streams(200_000, 2):
        check(text, thorough=True)


def test_streams_reach_both_valid_and_invalid_texts() -> None:
    valid = sum(not parse(text)[1] for text in streams(900, 3))
    assert 10 < valid < 600
