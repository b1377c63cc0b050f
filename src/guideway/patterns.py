"""Regular expressions that are compiled when they are first used.

Compiling one costs about as much as importing a small module, and most runs of a short-lived process use few of those that
its modules declare. ``Later`` stands where ``re.compile`` would: it has the methods of a compiled pattern that are used here.
"""

from __future__ import annotations

import re
from typing import Any


class Later:
    """A pattern in waiting.

    >>> Later(r"(\\d+)-(\\d+)").fullmatch("3-4").groups()
    ('3', '4')
    """

    __slots__ = ("_compiled", "flags", "text")

    def __init__(self, text: str, flags: int = 0) -> None:
        self.text = text
        self.flags = flags
        self._compiled: re.Pattern[str] | None = None

    @property
    def compiled(self) -> re.Pattern[str]:
        """The compiled pattern."""
        if self._compiled is None:
            self._compiled = re.compile(self.text, self.flags)
        return self._compiled

    def match(self, text: str, position: int = 0) -> re.Match[str] | None:
        """As ``re.Pattern.match``."""
        return self.compiled.match(text, position)

    def fullmatch(self, text: str) -> re.Match[str] | None:
        """As ``re.Pattern.fullmatch``."""
        return self.compiled.fullmatch(text)

    def findall(self, text: str) -> list[Any]:
        """As ``re.Pattern.findall``."""
        return self.compiled.findall(text)

    def sub(self, replacement: str, text: str, count: int = 0) -> str:
        """As ``re.Pattern.sub``."""
        return self.compiled.sub(replacement, text, count)
