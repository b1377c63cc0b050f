"""Strings (CQL 1.5 Appendix B, "String Operators").

Regular expressions are Python's, with partial matching and ``.`` matching newlines (single-line mode); ``$1`` in a substitution
names a group, as elsewhere.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from guideway.engine.errors import CqlRuntimeError
from guideway.engine.operators.operator import Operator
from guideway.engine.values.uncertainty import doubtful
from guideway.patterns import Later, Words, compiled, holds_one, needed, words_of

_NAMED_GROUP = Later(r"(?<!\\)\(\?<(?![=!])")
"""``(?<name>``, the way of most dialects, is ``(?P<name>`` in Python's."""


_DOTALL = int(re.DOTALL)


@lru_cache(maxsize=512)
def _pattern(pattern: str, origin: str | None = None) -> re.Pattern[str]:
    """The compiled pattern; ``origin`` is the pattern that it is a part of."""
    try:
        text = _NAMED_GROUP.sub("(?P<", pattern) if "(?<" in pattern else pattern
        return compiled(text, _DOTALL, pattern if origin is None else origin)
    except re.error as error:
        raise CqlRuntimeError(f"{pattern!r} is not a regular expression: {error}") from None


_SPECIAL = frozenset("\\.^$*+?{}[]|()")
_MARKS = Later(r"([\[\]()|])")
_MANY = 40
"""So many texts are worth a regular expression."""


class _Finder:
    """Tells whether a pattern matches somewhere in a text.

    A list of words in one pattern is quick to search for and slow to compile, and most patterns meet few texts. So
    ``.* (a|b+) .*`` is the word `` a ``, and a regular expression for ``b+`` alone; only a pattern that meets many texts is
    compiled as a whole. The ``.*`` at its beginning, which says nothing of a match anywhere, is left out: searched for, it would
    be tried from every character to the end.
    """

    __slots__ = ("_other", "_pattern", "_uses", "_whole", "_words")

    def __init__(self, pattern: str) -> None:
        self._uses = 0
        self._words: tuple[str, ...] = ()
        self._other: _Expression | None = None
        self._whole: _Expression | None = None
        self._pattern = pattern
        known = words_of(pattern, _listed)
        if known is None:
            self._whole = _Expression(_from_anywhere(pattern), pattern)
            return
        self._words, other = known
        if other:
            try:
                self._other = _Expression(other, pattern)
            except CqlRuntimeError:
                self._whole = _Expression(pattern, pattern)

    def found_in(self, text: str) -> bool:
        """Whether the pattern matches somewhere in the text."""
        if self._whole is not None:
            return self._whole.found_in(text)
        self._uses += 1
        if self._uses >= _MANY:
            before, inside, after = _parts(self._pattern)
            self._whole = _Expression(f"{before}(?:{inside}){after}", self._pattern)
        return holds_one(text, self._words) or (self._other is not None and self._other.found_in(text))


class _Expression:
    """A regular expression, or one in waiting: it is made when a text holds what it cannot match without. Raises CqlRuntimeError
    where it is none."""

    __slots__ = ("_made", "_needed", "_origin", "_text")

    def __init__(self, text: str, origin: str) -> None:
        self._text = text
        self._origin = origin
        self._needed = needed(text, _DOTALL)
        self._made = None if self._needed else _pattern(text, origin)

    def found_in(self, text: str) -> bool:
        """Whether it matches somewhere in the text."""
        if self._needed and not holds_one(text, self._needed):
            return False
        if self._made is None:
            self._made = _pattern(self._text, self._origin)
        return self._made.search(text) is not None


@lru_cache(maxsize=512)
def _finder(pattern: str) -> _Finder:
    return _Finder(pattern)


def _from_anywhere(pattern: str) -> str:
    """The pattern without a leading ``.*`` or ``.*?``, which matches the same texts: a match may begin anywhere, and ``.`` is
    every character. ``.*+`` gives nothing back, so it is another pattern."""
    if not pattern.startswith(".*") or pattern[2:3] in ("+", "*", "{"):
        return pattern
    return pattern[3:] if pattern[2:3] == "?" else pattern[2:]


def _listed(pattern: str) -> Words | None:
    """The words that a pattern lists, and one of what else it lists; None for a pattern that is no list."""
    known = _alternatives(pattern)
    if known is None:
        return None
    before, alternatives, after = known
    words = tuple([f"{before}{word}{after}" for word in alternatives if _SPECIAL.isdisjoint(word)])
    others = [other for other in alternatives if not _SPECIAL.isdisjoint(other)]
    return words, f"{before}(?:{'|'.join(others)}){after}" if others else ""


def _parts(pattern: str) -> tuple[str, str, str]:
    """What stands before the first group of a pattern and after its last one, but for ``.*`` at the ends, and what between."""
    before, _, rest = pattern.removeprefix(".*").removesuffix(".*").partition("(")
    inside, _, after = rest.rpartition(")")
    return before, inside, after


def _alternatives(pattern: str) -> tuple[str, list[str], str] | None:
    """The alternatives of a pattern that is nothing but one group of them between words, and these words; None for any other."""
    if "\\" in pattern or "[]" in pattern or "[^]" in pattern or "(" not in pattern or ")" not in pattern:
        return None
    before, inside, after = _parts(pattern)
    if not _SPECIAL.isdisjoint(before) or not _SPECIAL.isdisjoint(after) or inside.startswith("?"):
        return None
    if "(" not in inside and "[" not in inside:
        return (before, inside.split("|"), after) if ")" not in inside else None
    if any(not part.startswith((":", "!", "=", "<!", "<=")) for part in inside.split("(?")[1:]):  # names, flags, conditions
        return None
    found = [""]
    depth, in_class = 0, False
    for number, piece in enumerate(_MARKS.split(inside)):  # text, a mark, text, …
        if number % 2:
            if in_class:
                in_class = piece != "]"
            elif piece == "[":
                in_class = True
            elif piece == "(":
                depth += 1
            elif piece == ")":
                depth -= 1
                if depth < 0:
                    return None
            elif piece == "|" and depth == 0:
                found.append("")
                continue
        found[-1] += piece
    return None if depth or in_class else (before, found, after)


@lru_cache(maxsize=512)
def _template(substitution: str) -> str:
    """A substitution in Python's form: ``$1`` and ``${name}`` are groups, ``\\$`` a dollar sign."""

    def replaced(match: re.Match[str]) -> str:
        if match.group(1) is not None:
            return "$" if match.group(1) == "$" else "\\\\" if match.group(1) == "\\" else match.group(1)
        return rf"\g<{match.group(2) or match.group(3)}>"

    if "\\" not in substitution and "$" not in substitution:
        return substitution
    return re.sub(
        r"\\(.)|\$(\d+)|\$\{(\w+)\}|\\", lambda match: "\\\\" if match.group() == "\\" else replaced(match), substitution
    )


def concatenate(operands: list[str | None]) -> str | None:
    """One after the other; null where any is null."""
    if None in operands:
        return None
    try:
        return "".join(operands)  # type: ignore[arg-type]
    except TypeError:  # not all of them are texts
        return "".join(map(str, operands))


def combine(source: list[str | None] | None, separator: str | None = "") -> str | None:
    """The strings of a list, joined; nulls are left out, and an empty list gives null. A null separator is ignored."""
    if source is None:
        return None
    present = [item for item in source if item is not None]
    return (separator or "").join(present) if present else None


def split(text: str | None, separator: str | None = None) -> list[str] | None:
    """The parts between separators; the whole as one part where the separator is null."""
    if text is None:
        return None
    return text.split(separator) if separator else [text]


def split_on_matches(text: str | None, pattern: str | None) -> list[str] | None:
    """The parts between matches of a regular expression."""
    if text is None:
        return None
    if pattern is None:
        return [text]
    parts, at = [], 0
    for match in _pattern(pattern).finditer(text):
        if match.end() > match.start():
            parts.append(text[at : match.start()])
            at = match.end()
    return [*parts, text[at:]]


def length(operand: Any, *, of_list: bool = False) -> int | None:
    """Characters of a string or elements of a list; a null list (``of_list``) has length 0, a null string null."""
    if operand is None:
        return 0 if of_list else None
    return len(operand)


def upper_case(operand: str | None) -> str | None:
    """All letters upper case."""
    return None if operand is None else operand.upper()


def lower_case(operand: str | None) -> str | None:
    """All letters lower case."""
    return None if operand is None else operand.lower()


def indexer(source: Any, index: Any) -> Any:
    """The character or element at a position counted from 0; null out of range, or where the position is uncertain."""
    if source is None or index is None or doubtful(index) or not 0 <= index < len(source):
        return None
    return source[index]


def position_of(pattern: str | None, text: str | None) -> int | None:
    """Where ``pattern`` first begins in ``text``, from 0; -1 where it does not."""
    return None if pattern is None or text is None else text.find(pattern)


def last_position_of(pattern: str | None, text: str | None) -> int | None:
    """Where ``pattern`` last begins in ``text``, from 0; -1 where it does not."""
    return None if pattern is None or text is None else text.rfind(pattern)


def substring(text: str | None, start: int | None, count: int | None = None) -> str | None:
    """``count`` characters from ``start``, or all the rest; null where ``start`` is out of range, or a number is uncertain."""
    if text is None or start is None or doubtful(start, count) or start < 0 or start > len(text) or (start == len(text) and text):
        return None
    return text[start:] if count is None else text[start : start + max(count, 0)]


def starts_with(text: str | None, prefix: str | None) -> bool | None:
    """Whether ``text`` begins with ``prefix``."""
    return None if text is None or prefix is None else text.startswith(prefix)


def ends_with(text: str | None, suffix: str | None) -> bool | None:
    """Whether ``text`` ends with ``suffix``."""
    return None if text is None or suffix is None else text.endswith(suffix)


def matches(text: str | None, pattern: str | None) -> bool | None:
    """Whether the regular expression matches somewhere in ``text``; ``^`` and ``$`` tie it to the ends."""
    if text is None or pattern is None:
        return None
    return _finder(pattern).found_in(text)


def replace_matches(text: str | None, pattern: str | None, substitution: str | None) -> str | None:
    """``text`` with every match replaced; ``$1`` in the substitution is the first group."""
    if text is None or pattern is None or substitution is None:
        return None
    rows = needed(pattern, _DOTALL)
    if rows and not holds_one(text, rows) and "\\" not in substitution and "$" not in substitution:
        return text
    try:
        return _pattern(pattern).sub(_template(substitution), text)
    except (re.error, IndexError) as error:
        raise CqlRuntimeError(f"{substitution!r} is not a substitution for {pattern!r}: {error}") from None


TABLE = {
    "Concatenate": Operator(concatenate, nary=True),
    "Combine": Operator(combine, ("source", "separator"), null_in_null_out=False),
    "Split": Operator(split, ("stringToSplit", "separator"), null_in_null_out=False),
    "SplitOnMatches": Operator(split_on_matches, ("stringToSplit", "separatorPattern"), null_in_null_out=False),
    "Length": Operator(length),
    "Upper": Operator(upper_case),
    "Lower": Operator(lower_case),
    "Indexer": Operator(indexer),
    "PositionOf": Operator(position_of, ("pattern", "string")),
    "LastPositionOf": Operator(last_position_of, ("pattern", "string")),
    "Substring": Operator(substring, ("stringToSub", "startIndex", "length"), null_in_null_out=False),
    "StartsWith": Operator(starts_with),
    "EndsWith": Operator(ends_with),
    "Matches": Operator(matches),
    "ReplaceMatches": Operator(replace_matches),
}
