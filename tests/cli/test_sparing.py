"""What stands in for modules that a short run does without: it is gone afterwards, and hands on what it is asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

from guideway.cli.sparing import plain

WHOLE = """
import sys
from guideway.cli.sparing import import_msgspec
import_msgspec()
import msgspec, datetime, uuid
assert "msgspec.inspect" not in sys.modules
assert datetime.datetime(2026, 6, 1).isoformat() == "2026-06-01T00:00:00"
assert uuid.UUID(int=1).version is None
assert isinstance(msgspec.inspect.type_info(int), msgspec.inspect.IntType)
assert msgspec.json.schema(int) == {"type": "integer"}
assert msgspec.json.decode(b'"2026-06-01"', type=datetime.date) == datetime.date(2026, 6, 1)
assert msgspec.msgpack.decode(msgspec.msgpack.encode([1])) == [1]
"""

SHORT = """
import sys
names = "collections", "contextlib", "enum", "functools", "operator", "re", "types", "typing", "uuid"
spared = set(names) - set(sys.modules)
from guideway.cli.sparing import Spare, import_msgspec
import_msgspec(whole=False)
import msgspec
spare = Spare()
with spare:
    with spare:
        from guideway.diagnostics import Diagnostic, Severity
    import re
    import guideway.apply.causes, guideway.apply.evidence, guideway.apply.explain, guideway.apply.left_out, guideway.apply.run
assert not spared & set(sys.modules), spared & set(sys.modules)
class One(msgspec.Struct):
    name: str
    number: int | None = None
assert msgspec.json.decode(b'{"a": [1, 2.5, null]}') == {"a": [1, 2.5, None]}
assert msgspec.json.encode(One("x", 2)) == b'{"name":"x","number":2}'
with spare:
    from functools import cache, cached_property, cmp_to_key, lru_cache
class Kept:
    asked = 0
    @cached_property
    def number(self):
        self.asked += 1
        return 7
kept = Kept()
assert (kept.number, kept.number, kept.asked, Kept.number.__get__(None)) == (7, 7, 1, Kept.number)
@lru_cache(maxsize=2)
def doubled(number):
    return 2 * number
assert [doubled(3), doubled(3), doubled.__name__, doubled.cache_info()] == [6, 6, "doubled", (1, 1, 2, 1)]
assert cache(len)("ab") == 2 and sorted([1, 2], key=cmp_to_key(lambda one, two: two - one)) == [2, 1]
assert Diagnostic("rule", Severity.error, "words", file="f").as_text() == "f error rule: words"
from decimal import Decimal
parts = Decimal("-1.50").as_tuple()
assert parts == (1, (1, 5, 0), -2) and (parts.sign, parts.digits, parts.exponent) == (1, (1, 5, 0), -2)
assert not spared & set(sys.modules), spared & set(sys.modules)
assert re.ASCII == 256 and re.findall(r"\\d", "1a2") == ["1", "2"]
with spare:
    from typing import Generic, TypeVar
class Of(Generic[TypeVar("T")]):
    pass
import collections, enum, functools, operator, types, typing, re as whole
assert collections.Counter("aab") == {"a": 2, "b": 1}
assert operator.itemgetter(1)("ab") == "b" and types.SimpleNamespace(x=1).x == 1
assert issubclass(Of, typing.Generic)
assert typing.get_type_hints(One)["number"] == (int | None)
assert re.fullmatch is whole.fullmatch
assert functools.reduce(max, [1, 3, 2]) == 3 and functools.cache is not cache
assert msgspec.json.decode(b'{"name": "x", "number": 3}', type=One) == One("x", 3)
"""


@pytest.mark.parametrize("code", [WHOLE, SHORT], ids=["msgspec alone", "typing and more"])
def test_what_stands_in_gives_what_it_is_asked_for(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["patient.json"], True),
        (["-", "--as-of=2026-06-01", "--format", "json", "-o", "out"], True),
        (["--data", "folder"], False),
        (["patient.json", "--terminology-server=https://example.org/r4"], False),
        (["--fhir-server", "https://example.org/r4", "--patient", "1"], False),
    ],
)
def test_which_command_lines_need_no_more(words: list[str], expected: bool) -> None:
    assert plain(words) is expected
