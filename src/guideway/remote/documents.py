"""JSON from outside, decoded with exact decimals and within bounds.

A document that nests deeply costs stack wherever it is read, and a number such as ``1e999999999`` costs all memory as soon as
somebody computes with it. Both are refused here, for what callers of the service send and for what other servers answer.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import msgspec

MAX_DEPTH = 100
MAX_EXPONENT = 400
MAX_DIGITS = 200
MAX_VALUES = 1_000_000
_TEXTS = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)


def _number(text: str) -> Decimal:
    value = Decimal(text)
    if len(text) > MAX_DIGITS:
        raise ValueError("a number has too many digits")
    if not -MAX_EXPONENT < value.adjusted() < MAX_EXPONENT:
        raise ValueError("a number is out of all proportion")
    return value


_DECODER = msgspec.json.Decoder(float_hook=_number)


def decode(body: bytes, depth: int = MAX_DEPTH) -> Any:
    """The JSON value in ``body``; ValueError (its message holds none of the content) where it is none, or is out of bounds."""
    body = body.removeprefix(b"\xef\xbb\xbf")
    if body.count(b",") > MAX_VALUES:
        raise ValueError(f"it holds more than {MAX_VALUES} values")
    if not within_depth(body, depth):
        raise ValueError(f"it nests deeper than {depth} levels")
    try:
        return _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ArithmeticError) as error:
        raise ValueError(str(error).partition(": ")[0] if isinstance(error, UnicodeDecodeError) else str(error)) from error


def within_depth(body: bytes, limit: int) -> bool:
    """Whether the document nests at most ``limit`` deep."""
    if body.count(b"{") + body.count(b"[") <= limit:
        return True
    return _nesting_of_marks(body, limit) <= limit or _nesting_of_marks(_TEXTS.sub(b"", body), limit) <= limit


_CLOSERS = bytes.maketrans(b"[]", b"{}")
_OTHERS = bytes(set(range(256)) - set(b"[]{}"))


def _nesting_of_marks(body: bytes, limit: int) -> int:
    """The deepest nesting of all brackets (those inside of texts included, where there are texts); beyond ``limit`` just more."""
    marks = body.translate(_CLOSERS, _OTHERS)
    rounds = 0
    while b"{}" in marks and rounds <= limit:
        marks = marks.replace(b"{}", b"")
        rounds += 1
    return rounds if not marks else 1 << 30
