"""CQL text to tokens, as parallel lists (CQL 1.5, Developer's Guide, "Lexical Elements").

``tokenize(text)`` gives ``Tokens``: for token *i* its ``kinds[i]``, ``texts[i]``, ``starts[i]`` and ``ends[i]``. A keyword or
symbol is its own kind; all other kinds are the constants below, which cannot be mistaken for one. The last token is always
``END``, followed by a second ``END`` kind so that looking one token ahead never needs a check. Phrases that the grammar treats as
one word (``included in``, ``or before``, ``such that`` ...) are one token whose kind has a single space, however far apart the
words are.

Comments are kept aside with the index of the token that follows them. Nothing here raises: a character or an open string that is
no CQL becomes a ``Problem``, and the text goes on behind it.

Why one regular expression and ``findall``: the scanner of ``re`` then produces all tokens without a step of Python in between,
and offsets follow from the lengths; classifying costs one look-up per distinct word.
"""

from __future__ import annotations

import re
from itertools import accumulate, chain
from typing import NamedTuple

NAME = "<name>"
"""A plain, "quoted" or `delimited` identifier that is no keyword."""
STRING = "<string>"
NUMBER = "<number>"
LONG = "<long>"
DATE = "<date>"
DATETIME = "<datetime>"
TIME = "<time>"
SPECIAL = "<special>"
"""``$this``, ``$index``, ``$total``."""
BAD = "<bad>"
"""Text that is no token."""
END = "<end>"

RESERVED = frozenset(
    """aggregate all and as after before between case cast Code collapse Concept convert day days difference distinct duration
    during else exists expand false flatten from if in is hour hours Interval let List maximum millisecond milliseconds minimum
    minute minutes month months not null occurs of or per point properly return same second seconds singleton sort then to true
    Tuple week weeks when with within without year years""".split()  # noqa: SIM905
)
"""Words that no plain identifier may be (CQL 1.5, appendix "Reserved Words")."""

KEYWORDS = RESERVED | frozenset(
    """asc ascending by called code codesystem codesystems concept contains context date default define desc descending display
    div end ends except external fluent function implies include includes intersect library meets mod overlaps parameter
    predecessor private public returns start starting starts successor time timezone timezoneoffset union using valueset version
    where width xor""".split()  # noqa: SIM905
)
"""Every word that the grammar knows. Those that are not reserved may be used as names where a reference is expected."""

PHRASES = frozenset(
    {"included in", "such that", "less than", "more than", "on or", "or on", "or before", "or after", "or more", "or less"}
    | {"properly between"}
)
"""Phrases that are one token."""

_SYMBOLS = ("<=", ">=", "!=", "!~", "->", *"+-*/^&=<>~|.,:()[]{}%")

_SPACE = r"[ \t\r\n]+"
_GAP = r"([ \t\r\n]*+(?:(?://[^\n]*+|/\*[\s\S]*?\*/)[ \t\r\n]*+)*+)"
_CLOCK = r"[0-9]{2}(?::[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?)?"
_DAY = r"[0-9]{4}(?:-[0-9]{2}(?:-[0-9]{2})?)?"
_ZONE = r"(?:Z|[+-][0-9]{2}:[0-9]{2})?"
_CLOSED = r"""'(?:[^'\\]++|\\[\s\S])*+' | "(?:[^"\\]++|\\[\s\S])*+" | `(?:[^`\\]++|\\[\s\S])*+`"""
_TOKEN = rf"""
    included {_SPACE} in\b
  | or {_SPACE} (?:before|after|more|less|on)\b
  | such {_SPACE} that\b
  | less {_SPACE} than\b
  | more {_SPACE} than\b
  | on {_SPACE} or\b (?= {_SPACE} (?:before|after)\b)
  | properly {_SPACE} between\b
  | [A-Za-z_]\w*
  | [.,:()\[\]{{}}+*^&=~|%]
  | {_CLOSED}
  | [0-9]+(?:\.[0-9]+|L\b)?
  | <=? | >=? | ![=~] | ->? | /(?!\*)
  | @(?: T{_CLOCK}{_ZONE} | {_DAY}(?:T(?:{_CLOCK})?{_ZONE})? )
  | \$(?:this|index|total)\b
  | [^\W\d]\w*
  | ['"`][^\n]*
  | /\*[\s\S]*
  | \Z
  | [\s\S]
"""
_SCAN = re.compile(_GAP + "(" + _TOKEN + ")", re.VERBOSE).findall
_IS_CLOSED = re.compile(_CLOSED, re.VERBOSE).fullmatch
_IS_TIME = re.compile("@T" + _CLOCK).fullmatch
_PLAIN_TIME = re.compile("@T" + _CLOCK).match
_COMMENT = re.compile(r"//[^\n]*|/\*[\s\S]*?\*/")
_SPACES = re.compile(r"[ \t\r\n]+")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|[\s\S])")
_ESCAPES = {"f": "\f", "n": "\n", "r": "\r", "t": "\t", **{c: c for c in "'\"`\\/"}}


class Problem(NamedTuple):
    """Text that is no token: a rule id, a message and a hint for the diagnostic, and the range."""

    rule: str
    message: str
    hint: str | None
    start: int
    end: int


class FoundComment(NamedTuple):
    """A comment, and the index of the token that follows it."""

    start: int
    end: int
    token: int


class Tokens:
    """The tokens of one text, as parallel lists."""

    __slots__ = ("comments", "ends", "kinds", "problems", "starts", "texts")

    kinds: list[str]
    texts: list[str]
    starts: list[int]
    ends: list[int]
    comments: list[FoundComment]
    problems: list[Problem]


class _Kinds(dict[str, str]):
    """Token text to kind; a text seen for the first time is classified by its first character and remembered."""

    def __missing__(self, text: str) -> str:
        first = text[0]
        kind = _BY_FIRST.get(first)
        if kind is None:
            if first.isalpha() or first == "_":
                kind = NAME if text.isidentifier() else _SPACES.sub(" ", text)
            else:
                kind = BAD
        elif kind is NUMBER:
            if text[-1] == "L":
                kind = LONG
        elif kind is DATE:
            if len(text) == 1:
                kind = BAD
            elif text[1] == "T":
                kind = TIME if _IS_TIME(text) else BAD
            elif "T" in text:
                kind = DATETIME
        elif kind is SPECIAL:
            kind = BAD if len(text) == 1 else SPECIAL
        elif not _IS_CLOSED(text):
            kind = BAD
        self[text] = kind
        return kind


_BY_FIRST = {"'": STRING, '"': NAME, "`": NAME, "@": DATE, "$": SPECIAL, **dict.fromkeys("0123456789", NUMBER)}
_KINDS = _Kinds({**{word: word for word in KEYWORDS}, **{word: word for word in _SYMBOLS}, "": END})


def tokenize(text: str) -> Tokens:
    """The tokens of ``text``, comments and problems aside."""
    pairs = _SCAN(text)
    if len(pairs) > 1 and not pairs[-1][0] and pairs[-1][1] == "" and pairs[-2][1] == "":
        pairs.pop()  # the scanner meets the end twice when white space or a comment stands before it
    bounds = list(accumulate(map(len, chain.from_iterable(pairs))))
    tokens = Tokens()
    tokens.starts = bounds[::2]
    tokens.ends = bounds[1::2]
    gaps, texts = zip(*pairs)
    tokens.texts = list(texts)
    kinds = _Kinds(_KINDS)
    tokens.kinds = list(map(kinds.__getitem__, texts))
    tokens.kinds.append(END)
    tokens.comments = _comments(gaps, tokens) if "/" in text else []
    tokens.problems = []
    if BAD in tokens.kinds:
        _problems(text, tokens)
    if not text.isascii() or "\\" in text:
        _doubtful(tokens)
    return tokens


def _comments(gaps: tuple[str, ...], tokens: Tokens) -> list[FoundComment]:
    found = []
    for index, gap in enumerate(gaps):
        if "/" in gap:
            offset = tokens.starts[index] - len(gap)
            for match in _COMMENT.finditer(gap):
                start, end = match.span()
                found.append(FoundComment(offset + start, offset + end, index))
    return found


def unescape(text: str) -> str:
    """The content of a quoted token, without its quotes; an unknown escape stands for its character."""
    if "\\" not in text:
        return text[1:-1]

    def replace(match: re.Match[str]) -> str:
        code = match[1]
        if code[0] == "u" and len(code) == 5:
            return chr(int(code[1:], 16))
        return _ESCAPES.get(code, code)

    value = _ESCAPE.sub(replace, text[1:-1])
    if any("\ud800" <= c <= "\udfff" for c in value):  # a pair of \u escapes is one character; half a pair is none
        value = value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return value


_QUOTES = {"'": "text", '"': "quoted name", "`": "quoted name"}
_HINTS = {
    ";": "declarations need no mark at their end; leave the semicolon out",
    "!": "not equal is written '!=', and 'not' negates",
    "#": "a comment begins with //",
    "?": "a condition is written 'if ... then ... else ...'",
    "\u201c": 'use the plain double quote " for names',
    "\u201d": 'use the plain double quote " for names',
    "\u2018": "use the plain single quote ' for text",
    "\u2019": "use the plain single quote ' for text",
    "\u2265": "write >=",
    "\u2264": "write <=",
    "\u2260": "write !=",
}


_OTHER_SPACES = frozenset("\u00a0\u2002\u2003\u2007\u2009\u200b\u202f\u3000\ufeff")


def _problems(text: str, tokens: Tokens) -> None:
    """Turns bad tokens into problems and takes them out; an open quote is closed at the end of its line, as its author meant."""
    kept: list[int] = []
    moved: list[int] = []
    for index, kind in enumerate(tokens.kinds[:-1]):
        moved.append(len(kept))
        if kind is not BAD:
            kept.append(index)
            continue
        start, end = tokens.starts[index], tokens.ends[index]
        character = text[start]
        hint: str | None
        if character in _QUOTES:
            message = f"this {_QUOTES[character]} is not closed: expected another {character}"
            tokens.problems.append(Problem("cql-open-quote", message, _earlier_quote(tokens, index, character), start, end))
            if end > start + 1:
                tokens.texts[index] += character
                tokens.kinds[index] = STRING if character == "'" else NAME
                kept.append(index)
            continue
        if character == "/":
            message, hint = "this comment is not closed: expected */", None
            end = start + 2
        elif character == "@" and end > start + 1:
            tokens.problems.append(Problem("cql-time-zone", "a time of day has no time zone", "leave the zone out", start, end))
            match = _PLAIN_TIME(tokens.texts[index])
            assert match is not None
            tokens.texts[index] = match[0]
            tokens.kinds[index] = TIME
            kept.append(index)
            continue
        elif character == "@":
            message = "expected a date, date and time, or time after '@'"
            hint = "for example @2024-01-31, @2024-01-31T08:30:00Z or @T08:30"
        elif character == "$":
            message, hint = "expected $this, $index or $total", None
        elif character in _OTHER_SPACES:
            if character == "\ufeff" and start == 0:
                continue  # a byte order mark
            message, hint = f"this white space (U+{ord(character):04X}) has no meaning in CQL", "use an ordinary space"
        else:
            shown = f"'{character}'" if character.isprintable() else f"U+{ord(character):04X}"
            message, hint = f"{shown} has no meaning in CQL here", _HINTS.get(character)
        tokens.problems.append(Problem("cql-character", message, hint, start, end))
    moved.append(len(kept))
    for name in ("texts", "starts", "ends", "kinds"):
        values = getattr(tokens, name)
        setattr(tokens, name, [values[i] for i in kept])
    tokens.kinds.append(END)
    tokens.comments = [comment._replace(token=moved[comment.token]) for comment in tokens.comments]


def _earlier_quote(tokens: Tokens, index: int, quote: str) -> str | None:
    """A hint where an earlier text runs over several lines: then its end is the likelier place of the missing quote."""
    for earlier in range(index - 1, -1, -1):
        word = tokens.texts[earlier]
        if word[:1] == quote and "\n" in word:
            first = word.split("\n")[0].strip()[:30]
            return f"perhaps the quote is missing earlier: the text that begins with {first} runs over several lines"
    return None


def _doubtful(tokens: Tokens) -> None:
    """Problems inside tokens that are usable all the same: unknown escapes, letters that a plain name may not have."""
    for index, kind in enumerate(tokens.kinds):
        if kind is NAME or kind is STRING:
            word = tokens.texts[index]
            start = tokens.starts[index]
            if word[0] in "'\"`":
                if "\\" not in word:
                    continue
                for match in _ESCAPE.finditer(word, 1, len(word) - 1):
                    code = match[1]
                    if (code[0] == "u" and len(code) == 5) or code in _ESCAPES:
                        continue
                    at = start + match.start()
                    message = (
                        f"'\\{code}' is no escape that CQL knows"
                        if code != "u"
                        else "expected four hexadecimal digits after '\\u'"
                    )
                    hint = "a backslash itself is written \\\\"
                    tokens.problems.append(Problem("cql-escape", message, hint, at, start + match.end()))
            elif not word.isascii():
                message = f"the name '{word}' has letters that a plain name may not have"
                tokens.problems.append(
                    Problem("cql-character", message, f'write it in double quotes: "{word}"', start, tokens.ends[index])
                )
