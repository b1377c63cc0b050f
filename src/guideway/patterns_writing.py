"""Keeping compiled regular expressions (see ``patterns``): takes what a run has compiled, and adds it to what was kept before.

A guideline puts its patterns together of lists of words. One that has a word which the guideline does not say may be made of a
patient's data, and is not kept.

What a pattern is compiled to is not something that Python's library promises to say; where it is not said as in the versions that
this was written for, or what is made of it is not the same pattern, the pattern is not kept.
"""

from __future__ import annotations

import re
from array import array
from functools import cache
from importlib import import_module
from marshal import dumps
from typing import Any

from guideway.patterns import KIND, LENGTH, Kept, Key, Store

_WORD = re.compile(rb"[A-Za-z0-9\x80-\xff]+")

MOST = 2000
"""So many patterns are kept with a guideline."""

Made = tuple[int, bytes, int, dict[str, int], tuple[str | None, ...], str]


def save(store: Store) -> bool:
    """Write the patterns that were kept, and of those that were made the ones that may be; false where none of these is."""
    if store.cache is None or not store.made:
        return False
    pieces: dict[Key, Made] = {
        key: (flags, bytes(store.codes[start:end]), groups, by_name, by_number, row)
        for key, (flags, start, end, groups, by_name, by_number, row) in store.table.items()
    }
    before = len(pieces)
    guideline = bytes(store.source)

    @cache
    def says(word: bytes) -> bool:
        return word in guideline

    for (text, flags), origin in store.made.items():
        words = () if origin is None else _WORD.findall(origin.encode("utf-8", "surrogatepass"))
        if all(map(says, words)) and len(pieces) < MOST and (made := taken_apart(text, flags)) is not None:
            pieces[text, flags] = made
    store.made.clear()
    if len(pieces) == before:
        return False
    table: dict[Key, Kept] = {}
    at = 0
    for key, (flags, code, groups, by_name, by_number, row) in pieces.items():
        table[key] = (flags, at, at + len(code), groups, by_name, by_number, row)
        at += len(code)
    head = dumps(table)
    codes = (piece[1] for piece in pieces.values())
    written: bool = store.cache.write(KIND, store.key, b"".join([len(head).to_bytes(LENGTH, "little"), head, *codes]))
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
    return whole, code.tobytes(), groups, by_name, tuple(by_number), _needed(parsed, parser) if isinstance(text, str) else ""


def _needed(parsed: Any, parser: Any) -> str:
    """The longest row of characters that stands in every text in which the pattern matches, whatever else it asks for; empty
    where case does not count."""
    if parsed.state.flags & re.IGNORECASE:
        return ""
    rows = [""]
    pending = [iter(parsed)]
    while pending:
        for kind, value in pending[-1]:
            if kind is parser.LITERAL:
                rows[-1] += chr(value)
            elif kind is parser.SUBPATTERN and not value[1]:  # a group, without flags of its own
                pending.append(iter(value[3]))
                break
            else:
                rows.append("")
        else:
            pending.pop()
    return max(rows, key=len)
