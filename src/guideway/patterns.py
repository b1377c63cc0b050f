"""Regular expressions that are compiled when they are first used, and kept compiled between runs.

Compiling one costs about as much as importing a small module. Most runs of a short-lived process use few of those that its
modules declare: ``Later`` stands where ``re.compile`` would. And a guideline asks for the same ones in every run: ``use`` takes
what was kept with it (``patterns_writing``) in the compile cache, and ``compiled`` makes a pattern of that without reading its
text again. Only what the guideline or this program says is kept: a pattern made from a patient's data is not.
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

Kept = tuple[int, int, int, int, dict[str, int], tuple[str | None, ...], tuple[str, ...]]
"""Of a pattern that is kept: its whole flags, where its code begins and ends, its groups: how many, by name, by number; and the
rows of characters of which a text must hold one for the pattern to match anywhere in it."""


class Store:
    """The patterns that were kept with one guideline, and those that this process has compiled itself."""

    __slots__ = ("cache", "codes", "key", "made", "source", "table")

    def __init__(self, cache: Cache = None, key: str = "", source: Any = b"") -> None:
        self.cache = cache
        self.key = key
        self.source = source
        """The compiled guideline as it is kept, in which a pattern stands that may be kept with it."""
        self.table: dict[Key, Kept] = {}
        self.codes = memoryview(b"")
        self.made: dict[Key, str | None] = {}
        """What was compiled here, with the text that it was made of; None for this program's own."""
        found = cache.view(KIND, key) if cache is not None else None
        if found is not None:
            self._read(found)

    def _read(self, blob: memoryview) -> None:
        from marshal import loads

        start = LENGTH + int.from_bytes(blob[:LENGTH], "little")
        try:
            table = loads(blob[LENGTH:start])
        except (EOFError, ValueError, TypeError):
            return
        if isinstance(table, dict):
            self.table, self.codes = table, blob[start:]

    def pattern(self, key: Key) -> re.Pattern[Any] | None:
        """The pattern, if it was kept."""
        kept = self.table.get(key)
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
    kept = _store.table.get((text, flags))
    return kept[6] if kept is not None else ()


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
