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
spared = {"typing", "enum", "re", "uuid", "contextlib", "functools"} - set(sys.modules)
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
found = Diagnostic("rule", Severity.error, "words", file="f")
assert found == ("rule", "error", "words", "f", None, None, None, None, None)
assert found._replace(message="others").as_text() == "f error rule: others"
assert not spared & set(sys.modules), spared & set(sys.modules)
assert re.ASCII == 256 and re.findall(r"\\d", "1a2") == ["1", "2"]
with spare:
    from typing import Generic, TypeVar
class Of(Generic[TypeVar("T")]):
    pass
import enum, functools, typing, re as whole
assert issubclass(Of, typing.Generic)
assert typing.get_type_hints(One)["number"] == (int | None)
assert re.fullmatch is whole.fullmatch
assert functools.reduce(max, [1, 3, 2]) == 3 and functools.cache is not cache
assert msgspec.json.decode(b'{"name": "x", "number": 3}', type=One) == One("x", 3)
"""

CLASSES = """
from guideway.cli.sparing import _NamedTuple
import typing, pickle, sys
def made(NamedTuple):
    class Point(NamedTuple):
        \"\"\"A place.\"\"\"
        x: int
        y: int = 2
        @property
        def sum(self): return self.x + self.y
        def __str__(self): return f"{self.x}/{self.y}"
    return Point
ours, theirs = made(_NamedTuple("NamedTuple", (), {})), made(typing.NamedTuple)
for kind in (ours, theirs):
    point = kind(1)
    assert (point, point.sum, str(point), point._replace(y=5), kind.__doc__) == ((1, 2), 3, "1/2", (1, 5), "A place.")
    assert (kind._fields, kind._field_defaults, kind.__module__, kind.__name__) == (("x", "y"), {"y": 2}, "__main__", "Point")
"""


@pytest.mark.parametrize("code", [WHOLE, SHORT, CLASSES], ids=["msgspec alone", "typing and more", "named tuples"])
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
