"""Keeping compiled regular expressions (see ``patterns``): takes what a run has compiled, and adds it to what was kept before.

A guideline puts its patterns together of lists of words. One that has a word which the guideline does not say may be made of a
patient's data, and is not kept.

What a pattern is compiled to is not something that Python's library promises to say; where it is not said as in the versions that
this was written for, or what is made of it is not the same pattern, the pattern is not kept.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from itertools import accumulate
from marshal import dumps
from typing import Any

from guideway.patterns import KIND, LENGTH, WORDS, Key, Store

_WORD = re.compile(rb"[A-Za-z0-9\x80-\xff]+")

MOST = 2000
"""So many patterns are kept with a guideline."""
MOST_ROWS = 100
"""Looking for more words than these takes longer than the pattern."""

Made = tuple[int, bytes, int, dict[str, int], tuple[str | None, ...], tuple[str, ...]]


def save(store: Store) -> bool:
    """Write the patterns that were kept, and of those that were made the ones that may be; false where none of these is."""
    if store.cache is None or not store.made:
        return False
    kept: dict[Key, Any] = {key: entry for key in store.table if (entry := store.entry(key)) is not None}
    codes = [bytes(store.codes)]
    at = len(codes[0])
    before = len(kept)
    guideline = bytes(store.source)

    @cache
    def says(word: bytes) -> bool:
        return word in guideline

    for key, of in store.made.items():
        text, flags = key
        origin = text if flags == WORDS else of
        words = () if origin is None else _WORD.findall(origin.encode("utf-8", "surrogatepass"))
        if len(kept) >= MOST or not all(map(says, words)):
            continue
        if flags == WORDS:
            kept[key] = of
        elif (made := taken_apart(text, flags)) is not None:
            whole, code, *others = made
            kept[key] = (whole, at, at + len(code), *others)
            codes.append(code)
            at += len(code)
    store.made.clear()
    if len(kept) == before:
        return False
    entries = [dumps(entry) for entry in kept.values()]
    places = accumulate(map(len, entries), initial=0)
    head = dumps((dict(zip(kept, places, strict=False)), sum(map(len, entries))))
    written: bool = store.cache.write(KIND, store.key, b"".join([len(head).to_bytes(LENGTH, "little"), head, *entries, *codes]))
    return written


def taken_apart(text: Any, flags: int) -> Made | None:
    """What the pattern is compiled to; ``None`` where that cannot be had."""
    try:
        compiler, parser, engine = import_module("re._compiler"), import_module("re._parser"), import_module("_sre")
        parsed = parser.parse(text, flags)
        code = array("I", compiler._code(parsed, flags))
        whole = int(flags | parsed.state.flags)
        by_name = dict(parsed.state.groupdict)
        by_number: list[str | None] = [None] * parsed.state.groups
        for name, number in by_name.items():
            by_number[number] = name
        groups = parsed.state.groups - 1
        same = engine.compile(text, whole, list(code), groups, by_name, tuple(by_number)) == re.compile(text, flags)
    except (ImportError, AttributeError, TypeError, ValueError, LookupError, RuntimeError, re.error):
        return None
    if not same or code.itemsize != 4:
        return None
    return whole, code.tobytes(), groups, by_name, tuple(by_number), _needed(parsed, parser) if isinstance(text, str) else ()


def _needed(parsed: Any, parser: Any) -> tuple[str, ...]:
    """Rows of characters of which one stands in every text in which the pattern matches, whatever else it asks for: the longest
    that there are; empty where there are none, or where case does not count."""
    return () if parsed.state.flags & re.IGNORECASE else _of_all(parsed, parser)


def _of_all(parsed: Any, parser: Any) -> tuple[str, ...]:
    """What is needed for all the parts of a pattern, one after the other."""
    best: tuple[str, ...] = ()
    row = ""
    for kind, value in _flat(parsed, parser):
        if kind is parser.LITERAL:
            row += chr(value)
            continue
        found: tuple[str, ...] = ()
        if kind is parser.BRANCH:
            each = [_of_all(part, parser) for part in value[1]]
            found = tuple(dict.fromkeys(word for words in each for word in words)) if all(each) else ()
        elif kind in (parser.MAX_REPEAT, parser.MIN_REPEAT) and value[0]:
            found = _of_all(value[2], parser)
        best = max(best, (row,) if row else (), found if len(found) <= MOST_ROWS else (), key=_worth)
        row = ""
    return max(best, (row,) if row else (), key=_worth)


def _flat(parsed: Any, parser: Any) -> Iterator[tuple[Any, Any]]:
    """The parts, with those of a group in its place; one with flags of its own stays a group."""
    for kind, value in parsed:
        if kind is parser.SUBPATTERN and not value[1]:
            yield from _flat(value[3], parser)
        else:
            yield kind, value


def _worth(rows: tuple[str, ...]) -> tuple[int, int]:
    """Long rows are seldom met by chance, and few are soon looked for."""
    return min(map(len, rows), default=0), -len(rows)
