"""Regular expressions that are kept compiled: the same patterns come back, and nothing that a guideline does not say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument, Unsatisfiable

from guideway import patterns
from guideway.cache import Cache
from guideway.engine.errors import CqlRuntimeError
from guideway.patterns import Later, compiled, needed, store
from guideway.patterns_writing import save, taken_apart

SAID = (
    r".* (aspirin(?! free)|nytol) .*",
    r"(?P<day>\d{4})-(\d{2})|(?P<other>x+?)(?:é|ß)*",
    r"(?i:NSAIDs?)[^a-z0-9%]+(?<!for )$",
    r"a{2,3}(b|c)\1",
)
SOURCE = " ".join(SAID).encode() + b" the rest of a guideline"


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    before = patterns._store
    yield
    patterns._store = before


@pytest.mark.parametrize("text", SAID)
@pytest.mark.parametrize("flags", [0, int(re.DOTALL), int(re.ASCII | re.IGNORECASE)])
def test_what_is_kept_is_the_pattern(tmp_path: Path, text: str, flags: int) -> None:
    cache = Cache(tmp_path)
    patterns.use(cache, "key", SOURCE)
    assert store().pattern((text, flags)) is None
    compiled(text, flags, text)
    assert save(store())
    assert not save(store())
    patterns.use(cache, "key", SOURCE)
    kept = store().pattern((text, flags))
    assert kept == re.compile(text, flags)
    assert kept is not None
    assert kept.groupindex == re.compile(text, flags).groupindex
    assert compiled(text, flags, text) == kept
    assert not store().made


def test_patterns_are_added_to_those_of_earlier_runs(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    for text in SAID:
        patterns.use(cache, "key", SOURCE)
        compiled(text, 0, text)
        assert save(store())
    patterns.use(cache, "key", SOURCE)
    assert set(store().table) == {(text, 0) for text in SAID}
    patterns.use(cache, "other", SOURCE)
    assert not store().table


def test_what_the_guideline_does_not_say_is_not_kept(tmp_path: Path) -> None:
    patterns.use(Cache(tmp_path), "key", SOURCE)
    compiled("aspirin|Jane Roe", 0, "aspirin|Jane Roe")
    assert not save(store())
    assert b"Roe" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())
    patterns.use(Cache(tmp_path), "key", SOURCE)
    assert compiled("aspirin|Jane Roe", 0, "aspirin|Jane Roe").search("I am Jane Roe")


def test_a_damaged_entry_is_as_none(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    patterns.use(cache, "key", SOURCE)
    compiled(SAID[0], 0, SAID[0])
    save(store())
    (entry,) = tmp_path.glob("patterns-*")
    data = bytearray(entry.read_bytes())
    data[-3] ^= 1
    entry.write_bytes(bytes(data))
    patterns.use(cache, "key", SOURCE)
    assert not store().table
    assert compiled(SAID[0], 0, SAID[0]).search(" nytol ")


@pytest.mark.parametrize("blob", [b"", b"\xff\xff\xff\xff", b"\x01\x00\x00\x00x", b"\x05\x00\x00\x00i\x01\x00\x00\x00"])
def test_an_entry_that_holds_something_else_is_as_none(tmp_path: Path, blob: bytes) -> None:
    cache = Cache(tmp_path)
    patterns.use(cache, "key", SOURCE)
    cache.write(patterns.KIND, store().key, blob)
    patterns.use(cache, "key", SOURCE)
    assert compiled(SAID[0], 0, SAID[0]).search(" nytol ")


def test_what_cannot_be_taken_apart_is_compiled_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("re._compiler._code")
    assert taken_apart("x", 0) is None
    patterns.use(Cache(tmp_path), "key", SOURCE)
    compiled(SAID[0], 0, SAID[0])
    assert not save(store())


def test_a_pattern_in_waiting_becomes_the_compiled_one() -> None:
    pattern = Later(r"(\d+)")
    assert pattern.findall("1 22") == ["1", "22"]
    assert pattern.fullmatch("1x") is None
    assert pattern.fullmatch.__self__ == re.compile(r"(\d+)")  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        pattern.nothing  # noqa: B018


@pytest.mark.parametrize(
    ("text", "flags", "rows"),
    [
        ("(?<= )(?:no|not)(?: any)* acute pain[a-z]*(?! since)", 0, [" acute pain"]),
        ("a(?:bc)d", 0, ["abcd"]),
        ("a(bc){2}de", 0, ["bc"]),
        ("ab?cd", 0, ["cd"]),
        ("ab|cd", 0, ["ab", "cd"]),
        (" (?:allerg[a-z]*|rash|(?:drug )?fever) .* (?:owl|bee|b[ao]t) ", 0, ["allerg", "rash", "fever"]),
        ("(?:[ab]|rash)[0-9]+", 0, []),
        ("(?:rash)?(?:(?i:owl)|bee)", 0, []),
        ("(?:owl|bee)*", 0, []),
        ("(?:owl|bee)+? [0-9]", 0, ["owl", "bee"]),
        ("abx|aby", 0, ["ab"]),
        ("a(?=bcd)e", 0, ["a"]),
        ("a(?!bcd)", 0, ["a"]),
        ("(?i:abc)d", 0, ["d"]),
        ("abc", int(re.IGNORECASE), []),
        ("(?i)abc", 0, []),
        (".*", 0, []),
        ("", 0, []),
    ],
)
def test_what_a_text_must_hold_is_kept_with_the_pattern(tmp_path: Path, text: str, flags: int, rows: list[str]) -> None:
    patterns.use(Cache(tmp_path), "key", text.encode())
    assert needed(text, flags) == ()
    compiled(text, flags, text)
    assert save(store())
    patterns.use(Cache(tmp_path), "key", text.encode())
    assert list(needed(text, flags)) == rows


_PIECES = st.recursive(
    st.sampled_from(["owl", "bee", "b", " ", "[ab]", "[^a]", ".", r"\d", r"\bx", "(?!bee)", "(?<!b)", "(?i:ant)"]),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map("".join),
        st.lists(inner, min_size=1, max_size=4).map(lambda each: f"(?:{'|'.join(each)})"),
        st.tuples(inner, st.sampled_from(["?", "*", "+", "*?", "{2}", "{0,2}"])).map(lambda each: f"({each[0]}){each[1]}"),
    ),
    max_leaves=12,
)


@given(pattern=_PIECES, data=st.data())
def test_each_text_that_a_pattern_matches_holds_one_of_its_rows(pattern: str, data: st.DataObject) -> None:
    made = taken_apart(pattern, 0)
    assert made is not None
    rows = made[-1]
    if not rows:
        return
    try:
        text = data.draw(st.from_regex(pattern))
    except (InvalidArgument, Unsatisfiable):
        reject()
    assert any(row in text for row in rows)


def test_a_pattern_is_not_made_for_a_text_that_it_cannot_match(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from guideway.engine.operators import strings

    text = "(?<= )(?:no|not)(?: any)* acute pain[a-z]*"
    made = [strings.replace_matches("x no acute pains y", text, ""), strings.matches("x no acute pains y", text)]
    patterns.use(Cache(tmp_path), "key", text.encode())
    compiled(text, strings._DOTALL, text)
    assert save(store())
    strings._pattern.cache_clear()
    strings._finder.cache_clear()
    patterns.use(Cache(tmp_path), "key", text.encode())
    monkeypatch.setattr(strings, "_pattern", lambda *given: pytest.fail("it is made"))
    assert strings.replace_matches("no pain", text, "") == "no pain"
    assert strings.matches("no pain", text) is False
    monkeypatch.undo()
    assert (
        [strings.replace_matches("x no acute pains y", text, ""), strings.matches("x no acute pains y", text)]
        == made
        == ["x  y", True]
    )
    with pytest.raises(CqlRuntimeError):
        strings.replace_matches("no pain", text, "$7")


def test_the_words_that_a_pattern_lists_are_kept_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from guideway.engine.operators import strings

    text = ".* (aspirin|[0-9]+ owls|nytol) .*"
    cache = Cache(tmp_path)
    for source in (b"aspirin nytol 0 9 owl", b"aspirin nytol 0 9 owls"):  # the first guideline does not say all of it
        patterns.use(cache, "key", source)
        strings._finder.cache_clear()
        assert strings.matches("x 3 owls ", text) is True
        assert {key for key in store().made if "owls" in key[0]} == {
            (text, patterns.WORDS),
            (" (?:[0-9]+ owls) ", strings._DOTALL),
        }
        strings._pattern.cache_clear()
        store().made.pop((strings._MARKS.text, 0), None)  # of the program itself
        assert save(store()) is (source[-1:] == b"s")
    patterns.use(cache, "key", b"")
    monkeypatch.setattr(strings, "_alternatives", lambda pattern: pytest.fail("it is taken apart again"))
    assert patterns.words_of(text, strings._listed) == ((" aspirin ", " nytol "), " (?:[0-9]+ owls) ")
    strings._finder.cache_clear()
    told = [strings.matches(f"x {word} y", text) for word in ("aspirin", "owls", "2 owls", "nytol")]
    assert told == [True, False, True, True]
    assert not store().made
    for _ in range(2 * strings._MANY):
        assert strings.matches("x nytol y", text) is True
    assert set(store().made) == {(" (?:aspirin|[0-9]+ owls|nytol) ", strings._DOTALL)}


def test_the_words_of_a_pattern_that_a_patient_has_part_in_are_not_kept(tmp_path: Path) -> None:
    patterns.use(Cache(tmp_path), "key", SOURCE)
    assert patterns.words_of("(aspirin|Jane Roe)", lambda text: (("aspirin", "Jane Roe"), "")) is not None
    assert patterns.words_of("aspirin", lambda text: None) is None
    assert len(store().made) == 1
    assert not save(store())
    assert not list(tmp_path.iterdir())


def test_of_what_was_kept_only_what_is_asked_for_is_read(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    patterns.use(cache, "key", SOURCE)
    for text in SAID:
        compiled(text, 0, text)
    assert save(store())
    patterns.use(cache, "key", SOURCE)
    assert needed(SAID[3])
    assert needed("x") == ()
    assert set(store().read) == {(SAID[3], 0)}
