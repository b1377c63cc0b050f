"""Strings (CQL 1.5 Appendix B, "String Operators")."""

from __future__ import annotations

from typing import Any

import pytest
from tests.engine.build import run

from guideway.engine.errors import CqlRuntimeError
from guideway.engine.operators import strings


@pytest.mark.parametrize(
    ("name", "operands", "expected"),
    [
        ("Concatenate", ["a", "b", "c"], "abc"), ("Concatenate", ["a", None], None),
        ("Combine", [["a", None, "b"], ", "], "a, b"), ("Combine", [["a", "b"]], "ab"), ("Combine", [["a", "b"], None], "ab"),
        ("Combine", [[None]], None), ("Combine", [[], ","], None), ("Combine", [None, ","], None),
        ("Split", ["a,b,,c", ","], ["a", "b", "", "c"]), ("Split", ["abc", ","], ["abc"]), ("Split", ["", ","], [""]),
        ("Split", [None, ","], None),
        ("SplitOnMatches", ["a1b22c", r"\d+"], ["a", "b", "c"]), ("SplitOnMatches", ["abc", r"\d"], ["abc"]),
        ("SplitOnMatches", ["1a", r"\d"], ["", "a"]),
        ("Length", ["äöü"], 3), ("Length", [[None, 1]], 2), ("Length", [None], None), ("Upper", ["aß"], "ASS"),
        ("Lower", ["ÄB"], "äb"),
        ("Indexer", ["abc", 2], "c"), ("Indexer", ["abc", 3], None), ("Indexer", [[1, 2], 0], 1),
        ("Indexer", [[1, 2], None], None),
        ("PositionOf", ["b", "abab"], 1), ("PositionOf", ["x", "abab"], -1), ("LastPositionOf", ["b", "abab"], 3),
        ("PositionOf", [None, "a"], None),
        ("Substring", ["abc", 1], "bc"), ("Substring", ["abc", 1, 1], "b"), ("Substring", ["abc", 3], None),
        ("Substring", ["abc", -1], None),
        ("Substring", ["abc", 1, 10], "bc"), ("Substring", ["abc", 0, 0], ""), ("Substring", [None, 0], None),
        ("Substring", ["abc", None], None),
        ("StartsWith", ["abc", ""], True), ("StartsWith", ["abc", "b"], False), ("EndsWith", ["abc", "bc"], True),
        ("EndsWith", ["abc", None], None),
        ("Matches", ["abc", "b"], True), ("Matches", ["abc", "^b$"], False),
        ("Matches", ["abc", "x"], False), ("Matches", ["abc", "a.c"], True), ("Matches", ["a\nc", "a.c"], True),
        ("Matches", [None, "a"], None),
        ("Matches", ["an owl", ".* (owl|eagle) .*"], False), ("Matches", ["an owl here", ".* (owl|eagle) .*"], True),
        ("Matches", ["a bee eater", ".* (owl|bee(?! eater)|finch[a-z]*) .*"], False),
        ("Matches", ["a\nb c", ".*b c"], True), ("Matches", ["a b", ".*?b"], True), ("Matches", ["a b", ".*+b"], False),
        ("Matches", ["b", ".*a|b"], True), ("Matches", ["xb", ".*a|^b"], False), ("Matches", ["", ".*"], True),
        ("Matches", ["two finches here", ".* (owl|bee(?! eater)|finch[a-z]*) .*"], True),
        ("Matches", ["an emu", "(owl|(an|the) emu)$"], True), ("Matches", ["ab", "(a|)b"], True),
        ("Matches", ["b", "(a)|(b)"], True),
        ("Matches", ["B", "((?i:b)|a)"], True), ("Matches", ["|", "(a|[|])"], True), ("Matches", ["x\ny", "x.*(y|z)"], True),
        ("ReplaceMatches", ["a-b", "(.)-(.)", "$2-$1"], "b-a"), ("ReplaceMatches", ["5", r"\d", r"\$5"], "$5"),
        ("ReplaceMatches", ["a", "a", r"x\y"], "xy"),
        ("ReplaceMatches", ["3/15", r"(?<m>\d+)/(?<d>\d+)", "${d}.${m}"], "15.3"), ("Matches", ["a(?<b", r"\(\?<b"], True),
        ("Matches", ["xb", "(?<=x)b"], True), ("Matches", ["xb", "(?<!x)b"], False),
        ("ReplaceMatches", ["a", None, "b"], None), ("ReplaceMatches", ["aaa", "a", "b"], "bbb"),
    ],
)  # fmt: skip
def test_strings(name: str, operands: list[Any], expected: Any) -> None:
    assert run(name, *operands) == expected


def test_a_null_list_has_no_elements() -> None:
    assert run("Length", None, of_list=True) == 0


def test_a_broken_pattern_is_an_error() -> None:
    with pytest.raises(CqlRuntimeError, match="not a regular expression"):
        run("Matches", "a", "(")
    with pytest.raises(CqlRuntimeError, match="not a substitution"):
        run("ReplaceMatches", "a", "a", "$3")


def test_a_list_of_words_means_the_same_for_the_first_text_and_for_the_hundredth() -> None:
    pattern = ".* (barn owl|bee(?! eater)|(gold|green)finch(es)?|[jk]ay) .*"
    texts = {
        "a barn owl here": True, "a barn owls here": False, "one bee here": True, "one bee eater here": False,
        "two greenfinches here": True, "two finches here": False, "a jay here": True, "a\njay here": False, "a\n jay here": True,
    }  # fmt: skip
    for _ in range(20):
        assert {text: run("Matches", text, pattern) for text in texts} == texts


def test_a_fault_in_one_alternative_is_an_error_of_the_whole_pattern() -> None:
    with pytest.raises(
        CqlRuntimeError, match=r"'.* \(owl\|\*\) .*' is not a regular expression: nothing to repeat at position 8"
    ):
        run("Matches", "an owl here", ".* (owl|*) .*")


@pytest.mark.parametrize(
    ("pattern", "searched"), [(".* (?:owl|bee) .*", " (?:owl|bee) .*"), (".*?owls?", "owls?"), (".*+a", ".*+a")]
)
def test_a_search_does_not_try_what_comes_before_a_match(pattern: str, searched: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """From every character to the end, a text without a match would cost the square of its length."""
    made: list[str] = []
    original = strings._pattern
    monkeypatch.setattr(strings, "_pattern", lambda text, origin=None: (made.append(text), original(text, origin))[1])
    strings._Finder(pattern).found_in("a text")
    assert made == [searched]
