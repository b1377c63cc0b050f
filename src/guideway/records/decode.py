"""From bytes to JSON values: numbers exact, duplicate keys noticed, everything unreadable said in one sentence.

Takes the bytes of a file, a request body or a line of NDJSON; gives dicts, lists, strings, booleans, ``int`` and ``Decimal``
(never floats). What is no JSON at all raises GuidewayError. RFC 8259 leaves duplicate keys open and common parsers keep the last
in silence; here they are reported with their places. FHIR R4 §2.6.2 (JSON), §2.24.0.1 (decimal precision is significant).

The fast path is msgspec. Python's own parser runs only where keys are duplicated or a number is out of range, because it is
several times slower.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from guideway.diagnostics import GuidewayError
from guideway.fhir.structure import OutOfRange

MAX_DEPTH = 200
"""Deepest nesting accepted; real records stay below 40."""

_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")
_NO_MARKS = bytes(set(range(256)) - set(b'{}[]"'))
"""All but quotes and brackets. A text and what it is encoded to again agree in these only if no key was lost: with every key that
stands twice its quotes are gone, and none can come in but from an escape."""
_PUT_RIGHT = " Put it right there, or export the file again."
_BYTE_OF_ERROR = r" ?\(byte (\d+)\)$"
_NAMED_LINE = r", line \d+$"


class DuplicateKey(msgspec.Struct, frozen=True):
    """A key that an object has twice: the object, its key, and whether the values were the same."""

    holder: dict[str, Any]
    key: str
    same: bool


class Decoded(msgspec.Struct, frozen=True):
    """A JSON value, and the keys that stood twice in one object."""

    value: Any
    duplicates: tuple[DuplicateKey, ...] = ()


def decode(data: bytes, name: str) -> Decoded:
    """The JSON value of a whole document. Raises GuidewayError, naming ``name``, line and column, where it is no JSON."""
    data = strip_bom(data, name)
    try:
        value = _decoder.decode(data)
    except msgspec.ValidationError:  # an integer with too many digits
        return _decode_slowly(data, name)
    except InvalidOperation:  # an exponent beyond decimal's own limit
        return _decode_slowly(data, name)
    except msgspec.DecodeError as error:
        raise GuidewayError(_explain(data, name, str(error))) from None
    except UnicodeDecodeError:
        raise GuidewayError(_not_utf8(data, name)) from None
    except RecursionError:
        raise GuidewayError(_too_deep(name)) from None
    try:
        written = _encoder.encode(value)
    except RecursionError:
        raise GuidewayError(_too_deep(name)) from None
    marks = data.translate(None, _NO_MARKS)
    _check_depth(marks, value, name)
    if marks == written.translate(None, _NO_MARKS) and (b"\\" not in data or b"\\u0022" not in data):
        return Decoded(value)
    return _decode_slowly(data, name)  # a duplicate key, or a quote or a bracket written as \\u0022


def strip_bom(data: bytes, name: str) -> bytes:
    """The bytes without a UTF-8 byte order mark; other encodings and other formats raise GuidewayError."""
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
    if data.startswith(b"PK\x03\x04"):
        raise GuidewayError(f"{name}: this is a ZIP file. Unpack it first.")
    if data.startswith(b"\x1f\x8b"):
        raise GuidewayError(f"{name}: this is a gzip file. Unpack it first.")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or 0 < data[:4].count(0) < 4:
        raise GuidewayError(f"{name}: this is UTF-16 or UTF-32 text; FHIR JSON is UTF-8. Convert it and try again.")
    start = data[:200].lstrip()
    if start[:14].lower().startswith((b"<html", b"<!doctype html")):
        raise GuidewayError(f"{name}: this is a web page (HTML), perhaps a server's page for signing in; FHIR JSON is expected.")
    if start.startswith(b"<"):
        raise GuidewayError(f"{name}: this looks like XML; only FHIR JSON is read. Convert it to JSON and try again.")
    if not start and not data.strip():
        raise GuidewayError(f"{name}: this is empty; a FHIR Bundle or resource in JSON is expected.")
    return data


def _check_depth(marks: bytes, value: Any, name: str) -> None:
    """Raises where the value is nested too deep. The brackets alone, taken away from the inside out, tell it quickly; where
    brackets inside strings spoil that, the value itself is walked."""
    brackets = marks.replace(b'"', b"")
    for _ in range(MAX_DEPTH // 2):  # a round takes two levels at most
        inner = brackets.replace(b"{}", b"").replace(b"[]", b"")
        if not inner:
            return
        if len(inner) == len(brackets):
            break
        brackets = inner
    depth = 0
    level: list[Any] = [value]
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise GuidewayError(_too_deep(name))
        level = [
            below
            for item in level
            for below in (item.values() if type(item) is dict else item if type(item) is list else ())
            if type(below) is dict or type(below) is list
        ]


def _decode_slowly(data: bytes, name: str) -> Decoded:
    """Python's own parser, with every object's keys looked at and numbers kept whatever their size."""
    import json

    duplicates: list[DuplicateKey] = []

    def build(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        built = dict(pairs)
        if len(built) < len(pairs):
            seen: dict[str, Any] = {}
            for key, value in pairs:
                if key in seen:
                    duplicates.append(DuplicateKey(built, key, seen[key] == value))
                seen[key] = value
        return built

    def number(text: str) -> Any:
        try:
            return Decimal(text)
        except InvalidOperation:
            return OutOfRange(text[:40])

    def whole(text: str) -> Any:
        return int(text) if len(text) <= 40 else OutOfRange(text[:40])

    def constant(text: str) -> Any:
        raise GuidewayError(f"{name}: {text} is no JSON number. Leave the value out, or give a number.")

    try:
        value = json.loads(data, object_pairs_hook=build, parse_float=number, parse_int=whole, parse_constant=constant)
        _check_depth(data.translate(None, _NO_MARKS), value, name)
    except json.JSONDecodeError as error:
        raise GuidewayError(f"{_at(name, error.lineno, error.colno)}: this is not JSON: {error.msg}.{_PUT_RIGHT}") from None
    except UnicodeDecodeError:
        raise GuidewayError(_not_utf8(data, name)) from None
    except RecursionError:
        raise GuidewayError(_too_deep(name)) from None
    return Decoded(value, tuple(duplicates))


def _explain(data: bytes, name: str, message: str) -> str:
    """The parser's message with line and column in place of its byte count."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return _not_utf8(data, name)
    found = re.search(_BYTE_OF_ERROR, message)
    what = re.sub(_BYTE_OF_ERROR, "", message).removeprefix("JSON is malformed: ")
    if found is None:
        if b"\\u" in data:
            what = "it breaks off too soon, or a string holds half a surrogate pair"
        else:
            what = "it breaks off too soon"
        line = data.count(b"\n") + 1
        return f"{_at(name, line)}: this is not JSON: {what}. Is the file complete? Copy or export it again."
    before = data[: int(found[1])]
    line = before.count(b"\n") + 1
    column = len(before) - (before.rfind(b"\n") + 1) + 1
    start = int(found[1])
    word = re.match(rb"[-+]?(NaN|Infinity)", data[start - 1 if data[start - 1 : start] in (b"+", b"-") else start :])
    if word is not None:
        what = f"{word[0].decode()} is no JSON number"
    return f"{_at(name, line, column)}: this is not JSON: {what}.{_PUT_RIGHT}"


def _at(name: str, line: int, column: int | None = None) -> str:
    """A place in a file; the name of a line of NDJSON says its line itself."""
    if re.search(_NAMED_LINE, name):
        return f"{name}, column {column}" if column is not None else name
    return f"{name}:{line}:{column}" if column is not None else f"{name}:{line}"


def _not_utf8(data: bytes, name: str) -> str:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        return f"{_at(name, line)}: this is not UTF-8 text (byte {error.start}). FHIR JSON is UTF-8; convert it and try again."
    return f"{name}: a string in it is not valid Unicode."


def _too_deep(name: str) -> str:
    return f"{name}: this is nested deeper than {MAX_DEPTH} levels; no FHIR resource is."
