"""Bytes to JSON: exact numbers, duplicate keys, and one clear sentence for everything unreadable."""

from __future__ import annotations

from decimal import Decimal

import pytest

from guideway.diagnostics import GuidewayError
from guideway.fhir.structure import OutOfRange
from guideway.records.decode import MAX_DEPTH, decode


def test_numbers_keep_every_digit() -> None:
    value = decode(b'{"a": 0.80, "b": 0.123456789012345678901234567890, "c": 7, "d": 1.0E+2}', "x").value
    assert [str(value[k]) for k in "abc"] == ["0.80", "0.123456789012345678901234567890", "7"]
    assert all(isinstance(value[k], Decimal) for k in "abd")
    assert type(value["c"]) is int


def test_a_byte_order_mark_is_stripped() -> None:
    assert decode(b'\xef\xbb\xbf{"a": 1}', "x").value == {"a": 1}


def test_duplicate_keys_are_noticed_even_with_odd_spacing() -> None:
    found = decode(b'{"a" :1, "b": {"c": 1, "c":2}, "a":1}', "x")
    assert {(d.key, d.same) for d in found.duplicates} == {("a", True), ("c", False)}
    assert found.value == {"a": 1, "b": {"c": 2}}


def test_a_quote_and_colon_inside_a_string_is_no_duplicate() -> None:
    assert decode(rb'{"a": "he said \":\" twice \":\"", "b": 1}', "x").duplicates == ()


@pytest.mark.parametrize("text", [b'{"a": 1e99999999999999999999}', b'{"a": ' + b"9" * 5000 + b"}"])
def test_numbers_out_of_range_are_kept_as_marked_text(text: bytes) -> None:
    assert isinstance(decode(text, "x").value["a"], OutOfRange)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "empty"),
        (b"  \n ", "empty"),
        (b'{"a": 1,}', "x:1:9: this is not JSON: trailing comma"),
        (b'{\n "a": 1\n "b": 2}', "x:3:2: this is not JSON"),
        (b'{"a": NaN}', "not JSON"),
        (b'{"a": "\xfa"}', "not UTF-8"),
        (b'{"a": "\\ud800"}', "surrogate"),
        (b"\xff\xfe{\x00}\x00", "UTF-16"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"\x1f\x8b\x08\x00", "gzip"),
        (b'<?xml version="1.0"?><Patient/>', "XML"),
        (b"\n<!DOCTYPE html><html><body>Please sign in</body></html>", "a web page (HTML)"),
        (b"<html>", "a web page (HTML)"),
        (b"[" * 100_000, "nested deeper"),
        (b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1), "nested deeper"),
        (b'{"resourceType": "Patient"', "breaks off"),
    ],
)
def test_what_cannot_be_read_is_one_clear_error(text: bytes, says: str) -> None:
    with pytest.raises(GuidewayError) as error:
        decode(text, "x")
    assert says in str(error.value)
    assert str(error.value).startswith("x")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "place"),
    [(b'{"a": 1,}', "x.ndjson, line 4, column 9: "), (b'{"a"', "x.ndjson, line 4: "), (b'{"a": "\xfa"}', "x.ndjson, line 4: ")],
)
def test_a_line_has_a_column_and_no_line_of_its_own(text: bytes, place: str) -> None:
    with pytest.raises(GuidewayError) as error:
        decode(text, "x.ndjson, line 4")
    assert str(error.value).startswith(f"{place}this is not")


def test_nesting_is_measured_whatever_strings_hold() -> None:
    deep = b'{"s": "}}]]", "a":' * (MAX_DEPTH - 1) + b'[{"s": "[["}]' + b"}" * (MAX_DEPTH - 1)
    with pytest.raises(GuidewayError, match="nested deeper"):
        decode(deep, "x")
    assert decode(b'[{"a":' * (MAX_DEPTH // 2) + b"1" + b"}]" * (MAX_DEPTH // 2), "x").value
    with pytest.raises(GuidewayError, match="nested deeper"):
        decode(b'[{"a":' * (MAX_DEPTH // 2 + 1) + b"1" + b"}]" * (MAX_DEPTH // 2 + 1), "x")


def test_escaped_brackets_and_long_numbers_are_no_duplicate() -> None:
    found = decode(rb'{"a": "\u007b\u005B", "b" : [1.50, 1E2, 12345678901234567890123], "c": {}}', "x")
    assert found.value == {"a": "{[", "b": [Decimal("1.50"), Decimal("1E2"), 12345678901234567890123], "c": {}}
    assert found.duplicates == ()
    assert [d.key for d in decode(rb'{"a": 1, "a": "\u007b\u005b\""}', "x").duplicates] == ["a"]


def test_an_escaped_quote_hides_no_duplicate() -> None:
    assert [d.key for d in decode(rb'{"a": 1, "a": 2, "b": "\u0022:"}', "x").duplicates] == ["a"]
