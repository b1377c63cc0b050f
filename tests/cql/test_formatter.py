"""The canonical layout: what it looks like, that nothing but white space changes, and that comments stay."""

# ruff: noqa: E501
from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from tests.cql import trees

from guideway.cql import syntax as s
from guideway.cql.formatter import WIDTH, format_expression, format_text, format_tree
from guideway.cql.lexer import tokenize
from guideway.cql.parser import parse, parse_expression
from guideway.cql.unparse import unparse

LAYOUTS = {
    "declarations": (
        "library   A version'1'\nusing FHIR version '4.0.1' include B called C\ncode X:'1' from S\ncode Y:'2' from S display 'y'\n\n\n"
        "concept Z:{X,Y}\ncontext Patient define A:1 define B :2",
        "library A version '1'\n\nusing FHIR version '4.0.1'\n\ninclude B called C\n\ncode X: '1' from S\ncode Y: '2' from S display 'y'\n\n"
        "concept Z: { X, Y }\n\ncontext Patient\n\ndefine A:\n  1\n\ndefine B:\n  2\n",
    ),
    "query": (
        "define A: [ Observation:code in\"V\" ] O with[Condition]C such that C.a=O.b where O.x and O.y return distinct O.z sort by a desc,b",
        'define A:\n  [Observation: code in "V"] O\n    with [Condition] C such that C.a = O.b\n    where O.x and O.y\n'
        "    return distinct O.z\n    sort by a desc, b\n",
    ),
    "nested query on one line": (
        "define A: exists ( X x\n where x.a )",
        "define A:\n  exists (X x where x.a)\n",
    ),
    "case": (
        "define A: case when a then 1 when b then 2 else 3 end",
        "define A:\n  case\n    when a then 1\n    when b then 2\n    else 3\n  end\n",
    ),
    "if": (
        "define A: if " + "a" * 60 + " then " + "b" * 30 + " else if c then " + "d" * 30 + " else e",
        f"define A:\n  if {'a' * 60} then {'b' * 30}\n  else if c then {'d' * 30}\n  else e\n",
    ),
    "chain": (
        "define A: " + " and ".join(["x" * 40] * 4),
        "define A:\n  " + "\n    and ".join(["x" * 40] * 4) + "\n",
    ),
    "arguments": (
        f"define A: f({'a' * 60},{'b' * 60})",
        f"define A:\n  f(\n    {'a' * 60},\n    {'b' * 60}\n  )\n",
    ),
    "function": (
        "define fluent function f(a Integer,b List< Choice<A,B> >)returns Tuple{x Integer}:a.b( 1,2 )[ 0 ]",
        "define fluent function f(a Integer, b List<Choice<A, B>>) returns Tuple { x Integer }:\n  a.b(1, 2)[0]\n",
    ),
    "external function": ("define function f()returns Integer :external", "define function f() returns Integer: external\n"),
    "phrases": (
        "define A: a starts 3 days  or\n more before   day of\nstart b",
        "define A:\n  a starts 3 days or more before day of start b\n",
    ),
    "selectors": (
        "define A: {Interval[1,2),Tuple{a:1},{:},{},List<Integer>{1},FHIR.X{y:-1},1:2, 1 'a':2 'b' }",
        "define A:\n  { Interval[1, 2), Tuple { a: 1 }, { : }, {}, List<Integer> { 1 }, FHIR.X { y: -1 }, 1:2, 1 'a' : 2 'b' }\n",
    ),
    "comments": (
        "// header\n\n\n\n// more\nlibrary A // name\n/* block\n   goes on */\ndefine A: // why\n 1 + // one\n 2 /* two */ + 3\n// own\n/* in */ + 4 // last\n\n\n// end",
        "// header\n\n// more\nlibrary A  // name\n\n/* block\n   goes on */\ndefine A:  // why\n  1\n    +  // one\n    2\n"
        "    /* two */ + 3\n    // own\n    /* in */ + 4  // last\n\n// end\n",
    ),
    "comment that moves takes its lines along": (
        "define A: f(\n      /* one\n         two */\n      1)",
        "define A:\n  f(\n    /* one\n       two */\n    1\n  )\n",
    ),
    "empty": ("  \n", ""),
    "only a comment": ("// a\n\n\n// b", "// a\n\n// b\n"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), LAYOUTS.values(), ids=LAYOUTS)
def test_layout(text: str, expected: str) -> None:
    formatted, diagnostics = format_text(text)
    assert diagnostics == []
    assert formatted == expected
    assert format_text(formatted)[0] == formatted


def test_a_text_with_errors_comes_back_unchanged() -> None:
    text = "define A:   1 +\n"
    assert format_text(text) == (text, parse(text)[1])


def test_an_expression_alone() -> None:
    assert format_expression("a+b /* c */ *2")[0] == "a + b /* c */ * 2"
    assert format_expression("a + ")[1] != []


def words(text: str) -> list[str]:
    """All that is not white space: tokens in their order, and comments."""
    tokens = tokenize(text)
    found = [(start, word) for start, word in zip(tokens.starts, tokens.texts)]
    found += [(c.start, text[c.start : c.end]) for c in tokens.comments]
    return ["".join(word.split()) for _, word in sorted(found)]


@pytest.mark.parametrize("file", sorted((Path(__file__).parents[2] / "plandefinitions").rglob("*.cql")), ids=lambda f: f.stem)
def test_our_own_libraries_keep_every_word(file: Path) -> None:
    text = file.read_text("utf-8")
    formatted, diagnostics = format_text(text, str(file))
    assert diagnostics == []
    assert words(formatted) == words(text)
    assert s.equal(parse(text)[0], parse(formatted)[0], comments=False)
    assert [(d.name, [(t.name, t.value) for t in d.tags]) for d in parse(text)[0].definitions] == [
        (d.name, [(t.name, t.value) for t in d.tags]) for d in parse(formatted)[0].definitions
    ]
    assert format_text(formatted)[0] == formatted
    code = [
        line for line in formatted.split("\n") if "//" not in line and "'" not in line and "*/" not in line and "/*" not in line
    ]
    assert max(map(len, code), default=0) <= WIDTH + 20


SLOW = settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))


@SLOW
@given(trees.expressions)
def test_text_of_a_tree_parses_to_the_tree(tree: s.Expression) -> None:
    text = unparse(tree)
    note(text)
    node, diagnostics = parse_expression(text)
    assert diagnostics == []
    assert s.equal(node, tree)


@SLOW
@given(trees.libraries)
def test_formatted_tree_parses_to_the_tree(tree: s.Library) -> None:
    text = format_tree(tree)
    note(text)
    node, diagnostics = parse(text)
    assert diagnostics == []
    assert s.equal(node, tree)
    assert format_text(text)[0] == text


COMMENTS = st.sampled_from(
    ["// line\n", "/* block */", "/* two\n lines */", "\n// own\n", "\n/* own */\n", "\n", "\n\n\n", " ", " ", " "]
)


@SLOW
@given(trees.libraries, st.lists(COMMENTS, min_size=1, max_size=40))
def test_comments_anywhere_are_kept(tree: s.Library, gaps: list[str]) -> None:
    pieces = []
    for index, word in enumerate(tokenize(unparse(tree)).texts):
        pieces += [word, " ", gaps[index % len(gaps)]]
    text = "".join(pieces)
    note(text)
    formatted, diagnostics = format_text(text)
    assert diagnostics == []
    note(formatted)
    assert sorted(words(formatted)) == sorted(words(text))
    assert s.equal(parse(formatted)[0], parse(text)[0])
    assert format_text(formatted)[0] == formatted


def test_a_long_chain_of_conditionals_keeps_its_tree() -> None:
    text = "define X:\n  if A = 0 then 0 " + "".join(f"else if A = {n} then {n} " for n in range(1, 2_000)) + "else null\n"
    formatted, _ = format_text(text, "x.cql")
    assert format_text(formatted, "x.cql")[0] == formatted
    before, after = parse(text, "x.cql")[0], parse(formatted, "x.cql")[0]
    assert s.equal(before, after)
    assert s.equal(parse(unparse(before), "x.cql")[0], before)
