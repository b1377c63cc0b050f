"""Tokens of CQL: kinds, ranges, comments, and what is no token."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guideway.cql.lexer import (
    BAD,
    DATE,
    DATETIME,
    END,
    LONG,
    NAME,
    NUMBER,
    SPECIAL,
    STRING,
    TIME,
    tokenize,
    unescape,
)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("define A : 1", ["define", NAME, ":", NUMBER]),
        ("1 1.50 12L 1.e", [NUMBER, NUMBER, LONG, NUMBER, ".", NAME]),
        ("'it' \"a b\" `c`", [STRING, NAME, NAME]),
        ("<= < >= > = != ~ !~ ->", ["<=", "<", ">=", ">", "=", "!=", "~", "!~", "->"]),
        ("a->b-1", [NAME, "->", NAME, "-", NUMBER]),
        ("List<List<Integer>>", ["List", "<", "List", "<", NAME, ">", ">"]),
        ("$this.$index", [SPECIAL, ".", SPECIAL]),
        ("defined _x Where", [NAME, NAME, NAME]),
        ("a included in b", [NAME, "included in", NAME]),
        ("a included\n   in b", [NAME, "included in", NAME]),
        ("included inner", [NAME, NAME]),
        ("or before or beforehand", ["or before", "or", NAME]),
        ("same day or after or more or less", ["same", "day", "or after", "or more", "or less"]),
        ("on or before, before or on, on or x", ["on or", "before", ",", "before", "or on", ",", NAME, "or", NAME]),
        ("less than 3 more than", ["less than", NUMBER, "more than"]),
        ("x such that y", [NAME, "such that", NAME]),
        ("x properly between", [NAME, "properly between"]),
        ("a/b /c", [NAME, "/", NAME, "/", NAME]),
    ],
)
def test_kinds(text: str, kinds: list[str]) -> None:
    tokens = tokenize(text)
    assert tokens.kinds == [*kinds, END, END]
    assert tokens.problems == []


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("@2014", DATE),
        ("@2014-01", DATE),
        ("@2014-01-31", DATE),
        ("@2014T", DATETIME),
        ("@2014-01-31T", DATETIME),
        ("@2014-01-31T10", DATETIME),
        ("@2014-01-31T10:11:12.123", DATETIME),
        ("@2014-01-31T10:11:12.123456Z", DATETIME),
        ("@2014-01-31T10:11+01:30", DATETIME),
        ("@2014-01-31T10-05:00", DATETIME),
        ("@T10", TIME),
        ("@T10:11:12.5", TIME),
    ],
)
def test_dates_and_times_are_one_token(text: str, kind: str) -> None:
    tokens = tokenize(text)
    assert tokens.kinds == [kind, END, END]
    assert tokens.texts == [text, ""]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("'a'", "a"),
        ("''", ""),
        (r"'it\'s'", "it's"),
        (r"'\\n'", r"\n"),
        (r"'\n\r\t\f\/'", "\n\r\t\f/"),
        (r"'\"\`'", '"`'),
        (r"'\u00e9A'", "éA"),
        (r"'\ud83d\ude00'", "\U0001f600"),
        (r"'\ud83d'", "\ufffd"),
        ('"a \\" b"', 'a " b'),
        ("`a \\` b`", "a ` b"),
        ("'two\nlines'", "two\nlines"),
    ],
)
def test_escapes(text: str, value: str) -> None:
    tokens = tokenize(text)
    assert tokens.kinds == [NAME if text[0] in '"`' else STRING, END, END]
    assert unescape(tokens.texts[0]) == value
    assert tokens.problems == []


def test_comments_are_kept_aside_with_the_token_that_follows() -> None:
    text = "// one\na /* two */ b // three\n/* four\nlines */"
    tokens = tokenize(text)
    assert tokens.texts == ["a", "b", ""]
    assert [(text[c.start : c.end], c.token) for c in tokens.comments] == [
        ("// one", 0),
        ("/* two */", 1),
        ("// three", 2),
        ("/* four\nlines */", 2),
    ]


def test_marks_of_comments_inside_texts_are_text() -> None:
    assert tokenize("'http://x /* y */'").comments == []


@pytest.mark.parametrize(
    ("text", "rule", "message", "kinds"),
    [
        ("a ; b", "cql-character", "';' has no meaning", [NAME, NAME]),
        ("a # b", "cql-character", "'#' has no meaning", [NAME, NAME]),
        ("a \u00a0 b", "cql-character", "white space (U+00A0)", [NAME, NAME]),
        ("a \u201cx", "cql-character", "has no meaning", [NAME, NAME]),
        ("@ 1", "cql-character", "expected a date", [NUMBER]),
        ("$that", "cql-character", "expected $this", [NAME]),
        ("@T10Z", "cql-time-zone", "a time of day has no time zone", [TIME]),
        ("naïve", "cql-character", "letters that a plain name may not have", [NAME]),
        ("'abc\nb", "cql-open-quote", "this text is not closed", [STRING, NAME]),
        ('"abc', "cql-open-quote", "this quoted name is not closed", [NAME]),
        ("a /* b", "cql-character", "this comment is not closed", [NAME]),
        (r"'\q'", "cql-escape", r"'\q' is no escape", [STRING]),
        (r"'\u12'", "cql-escape", "four hexadecimal digits", [STRING]),
    ],
)
def test_what_is_no_token_is_a_problem_and_lexing_goes_on(text: str, rule: str, message: str, kinds: list[str]) -> None:
    tokens = tokenize(text)
    assert tokens.kinds == [*kinds, END, END]
    (problem,) = tokens.problems
    assert problem.rule == rule
    assert message in problem.message


def test_a_missing_quote_points_at_the_text_that_runs_over_lines() -> None:
    (problem,) = tokenize("define A: 'abc\ndefine B: 'x'").problems
    assert problem.hint is not None
    assert "'abc" in problem.hint


def test_a_byte_order_mark_is_white_space() -> None:
    tokens = tokenize("\ufefflibrary A")
    assert (tokens.texts, tokens.problems) == (["library", "A", ""], [])


@settings(max_examples=300)
@given(st.text(alphabet="ab \n\t'\"`\\/*@$1.:-<>=!~|{}[]();éL", max_size=60))
def test_tokens_lie_in_order_and_cover_everything_but_gaps(text: str) -> None:
    tokens = tokenize(text)
    assert len(tokens.kinds) == len(tokens.texts) + 1 == len(tokens.starts) + 1 == len(tokens.ends) + 1
    assert BAD not in tokens.kinds
    end = 0
    for start, stop in zip(tokens.starts, tokens.ends):
        assert end <= start <= stop
        end = stop
    assert tokens.ends[-1] <= len(text)
