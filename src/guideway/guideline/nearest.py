"""Which of several known things somebody meant, by any of the words that they are known by.

Takes what was typed and, for each known thing, its id and the names it goes by (the id, a define, the words shown); gives the
ids that come nearest, best first. A misspelt id is near by its letters, another word for the thing by the words of its names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import SequenceMatcher

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
ENOUGH = 0.55
"""Below this nothing is alike."""
ALIKE = 0.8
"""How like each other two words are that count as the same: a plural, a letter too many."""
APART = 0.25
"""How much less like than the nearest another may be."""


def nearest(typed: str, known: Iterable[tuple[str, tuple[str, ...]]], count: int = 3) -> list[str]:
    """The ids that come nearest to what was typed, at most ``count``; none that is much farther than the first.

    >>> nearest("blue cells", [("count", ("count", "Blue cell count")), ("age", ("age", "Age in years"))])
    ['count']
    """
    wanted = _words(typed) or [typed.casefold()]
    found = sorted(((_likeness(wanted, names), id) for id, names in known), key=lambda each: (-each[0], len(each[1]), each[1]))
    least = max(ENOUGH, found[0][0] - APART) if found else ENOUGH
    return [id for likeness, id in found if likeness >= least][:count]


def _likeness(wanted: list[str], names: tuple[str, ...]) -> float:
    """From 0 to 1: by the letters of one name, or by the words that some name has."""
    split = [words for words in map(_words, names) if words]
    whole = max((_ratio("".join(wanted), "".join(words)) for words in split), default=0.0)
    every = {word for words in split for word in words}
    same = [best for word in wanted if (best := max((_ratio(word, other) for other in every), default=0.0)) >= ALIKE]
    if not same:
        return whole
    covered = max(
        sum(any(_ratio(word, other) >= ALIKE for other in words) for word in wanted) / max(len(words), len(wanted))
        for words in split
    )
    return max(whole, 0.7 * sum(same) / len(wanted) + 0.3 * covered)


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(text)]


def _ratio(a: str, b: str) -> float:
    return 1.0 if a == b else SequenceMatcher(None, a, b).ratio()
