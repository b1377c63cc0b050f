"""The compact form of what ``marshal`` has written: the same values, each once, numbered only where something refers to it."""

from __future__ import annotations

import marshal
from types import CodeType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guideway.marshalling import compact

SOURCE = '''
class Made:
    """A text."""

    def total(self, *given: int, more: float = 1.5, **others: str) -> object:
        def inner(x: int) -> int:
            return x + len(given) + self.part

        kept = [inner(n) for n in given if n in {1, 2, 3}]
        try:
            return (kept, 10**30, -0.0, 1j, b"bytes", "ünï", "a text " * 40, ..., None, True)
        except ValueError as fault:
            return lambda: fault

    part = 7
'''


def parts(code: CodeType) -> list[object]:
    """What a code object and those in it consist of, as far as Python shows it."""
    shown = [getattr(code, name) for name in dir(code) if name.startswith("co_") and name not in ("co_lines", "co_positions")]
    return [each for each in shown if not callable(each)] + [parts(each) for each in code.co_consts if isinstance(each, CodeType)]


def test_code_is_the_same_and_each_thing_is_there_once() -> None:
    codes = tuple(compile(SOURCE, "made", "exec", dont_inherit=True) for _ in range(3))
    written = marshal.dumps(codes)
    made = compact(written)
    assert len(made) < len(written) / 2
    found = marshal.loads(made)
    assert [parts(code) for code in found] == [parts(code) for code in codes]
    assert (written.count(b"a text " * 40), made.count(b"a text " * 40)) == (3, 1)
    names: dict[str, object] = {}
    exec(found[0], names)
    kept, *_ = names["Made"]().total(1, 2, 5)  # type: ignore[operator]
    assert kept == [11, 12]
    assert compact(made) == made


leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary() | st.just(...)


@settings(deadline=None)
@given(st.recursive(leaves, lambda inner: st.lists(inner, max_size=5).map(tuple) | st.frozensets(inner, max_size=3)))
def test_plain_values_are_the_same(value: object) -> None:
    twice = (value, value, [0] if value is None else 0)[: 2 if value is not None else 3]
    found = marshal.loads(compact(marshal.dumps(twice)))
    assert repr(found) == repr(marshal.loads(marshal.dumps(twice)))


def test_what_can_be_altered_is_one_where_it_was_one() -> None:
    one: dict[str, list[int]] = {"x": [1]}
    other: dict[str, list[int]] = {"x": [1]}
    empty: list[int] = []
    written = marshal.dumps([one, (one, other), [empty, []], {"a": empty, "b": {}, "c": (1, other)}])
    made = compact(written)
    found = marshal.loads(made)
    first, (again, second), (kept, fresh), table = found
    assert found == marshal.loads(written)
    assert first is again
    assert table["a"] is kept
    assert table["c"][1] is second
    assert first is not second
    assert first["x"] is not second["x"]
    assert kept is not fresh
    assert made != written
    assert compact(made) == made


def test_what_holds_itself_stays_as_it_was_written() -> None:
    value: list[object] = []
    value.append(value)
    assert compact(marshal.dumps(value)) == marshal.dumps(value)


@pytest.mark.parametrize("value", [{1}, float("nan")])
def test_what_is_not_known_stays_as_it_was_written(value: object) -> None:
    written = marshal.dumps((value, value))
    assert compact(written) == written


@pytest.mark.parametrize("written", [b"", b"\xff", b")\x02N", marshal.dumps(1) + b"N", b"\xa9\x01r\x00\x00\x00\x00", b"c"])
def test_bytes_that_are_not_known_stay_as_they_are(written: bytes) -> None:
    assert compact(written) == written
