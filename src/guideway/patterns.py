"""Regular expressions that are compiled when they are first used, and kept compiled between runs.

Compiling one costs about as much as importing a small module. Most runs of a short-lived process use few of those that its
modules declare: ``Later`` stands where ``re.compile`` would. And a guideline asks for the same ones in every run: ``use`` takes
what was kept with it (``patterns_writing``) in the compile cache, and ``compiled`` makes a pattern of that without reading its
text again. So it is with patterns that list words: which words these are is kept as well (``words_of``). Only what the guideline
or this program says is kept: a pattern made from a patient's data is not.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

KIND = "patterns"
LENGTH = 4

Cache = Any
"""What keeps: a ``guideway.cache.Cache``."""

Key = tuple[Any, int]
"""A pattern's text and its flags."""

WORDS = -1
"""Stands for the flags in the key of the words that a pattern lists."""

Kept = tuple[int, int, int, int, dict[str, int], tuple[str | None, ...], tuple[str, ...]]
"""Of a pattern that is kept: its whole flags, where its code begins and ends, its groups: how many, by name, by number; and the
rows of characters of which a text must hold one for the pattern to match anywhere in it."""

Words = tuple[tuple[str, ...], str]
"""Of a pattern that lists words: the words, and the text of a pattern for what else it lists (empty: nothing)."""


class Store:
    """The patterns that were kept with one guideline, and those that this process has compiled itself."""

    __slots__ = ("cache", "codes", "entries", "key", "made", "read", "source", "table")

    def __init__(self, cache: Cache = None, key: str = "", source: Any = b"") -> None:
        self.cache = cache
        self.key = key
        self.source = source
        """The compiled guideline as it is kept, in which a pattern stands that may be kept with it."""
        self.table: dict[Key, int] = {}
        """Where in ``entries`` stands what was kept: most runs ask for a few of them."""
        self.entries = self.codes = memoryview(b"")
        self.read: dict[Key, Any] = {}
        self.made: dict[Key, Any] = {}
        """What was compiled here, with the text that it was made of, None for this program's own; and the words that were taken
        out of patterns here."""
        found = cache.view(KIND, key) if cache is not None else None
        if found is not None:
            self._open(found)

    def _open(self, blob: memoryview) -> None:
        from marshal import loads

        start = LENGTH + int.from_bytes(blob[:LENGTH], "little")
        try:
            table, length = loads(blob[LENGTH:start])
        except (EOFError, ValueError, TypeError):
            return
        if isinstance(table, dict):
            self.table, self.entries, self.codes = table, blob[start : start + length], blob[start + length :]

    def entry(self, key: Key) -> Any:
        """What was kept under a key; None where nothing was."""
        read = self.read
        if key not in read:
            place = self.table.get(key)
            if place is None:
                return None
            from marshal import loads

            try:
                read[key] = loads(self.entries[place:])
            except (EOFError, ValueError, TypeError):
                read[key] = None
        return read[key]

    def pattern(self, key: Key) -> re.Pattern[Any] | None:
        """The pattern, if it was kept."""
        kept = self.entry(key)
        if kept is None:
            return None
        try:
            flags, start, end, groups, by_name, by_number, _ = kept
            from _sre import compile as made  # type: ignore[import-not-found]

            found: re.Pattern[Any] = made(key[0], flags, self.codes[start:end].cast("I").tolist(), groups, by_name, by_number)
        except (ImportError, TypeError, ValueError, RuntimeError, OverflowError):
            return None
        return found


_store = Store()


def use(cache: Cache, key: str, source: Any) -> None:
    """Take what was kept under this key, which is made of the guideline's and the interpreter's; ``source`` is the guideline as
    it is kept itself."""
    global _store
    _store = Store(cache, key, source)


def store() -> Store:
    """What is used."""
    return _store


def compiled(text: Any, flags: int = 0, origin: str | None = None) -> re.Pattern[Any]:
    """As ``re.compile``. ``origin`` is the text that the pattern was made of; None: it stands in this program."""
    key = (text, flags)
    found = _store.pattern(key)
    if found is None:
        found = re.compile(text, flags)
        if _store.cache is not None:
            _store.made[key] = origin
    return found


def needed(text: str, flags: int = 0) -> tuple[str, ...]:
    """Of what another text must hold one for a pattern to match anywhere in it; empty where that is not known. It is known of a
    pattern that was kept, which need not be made at all where the other text holds none of it."""
    kept = _store.entry((text, flags))
    return kept[6] if kept is not None else ()


def words_of(text: str, taken: Callable[[str], Words | None]) -> Words | None:
    """The words that a pattern lists: as they were kept, or as ``taken`` takes them out; None where it does not list words."""
    key = (text, WORDS)
    found: Words | None = _store.entry(key)
    if found is None:
        found = taken(text)
        if found is not None and _store.cache is not None:
            _store.made[key] = found
    return found


def holds_one(text: str, rows: tuple[str, ...]) -> bool:
    """Whether one of the rows of characters stands in a text."""
    for row in rows:  # noqa: SIM110 (any() would make a generator each time)
        if row in text:
            return True
    return False


class Later:
    """A pattern in waiting: it is compiled when one of its methods is first asked for.

    >>> Later(r"(\\d+)-(\\d+)").fullmatch("3-4").groups()
    ('3', '4')
    """

    match: Callable[..., re.Match[Any] | None]
    fullmatch: Callable[..., re.Match[Any] | None]
    search: Callable[..., re.Match[Any] | None]
    findall: Callable[..., list[Any]]
    split: Callable[..., list[Any]]
    sub: Callable[..., str]

    def __init__(self, text: str | bytes, flags: int = 0) -> None:
        self.text = text
        self.flags = flags

    def __getattr__(self, name: str) -> Any:
        if name[:1] == "_":
            raise AttributeError(name)
        method = getattr(compiled(self.text, int(self.flags)), name)
        self.__dict__[name] = method  # from now on it is the compiled pattern's own
        return method
