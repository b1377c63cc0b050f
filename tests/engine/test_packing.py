"""Packed code in a process of many threads: what one is making ready, another does not see half made."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from guideway.engine import packing
from guideway.engine.errors import CqlRuntimeError
from guideway.engine.packing import _operator, slim
from guideway.engine.program import compile_program


def test_an_operator_whose_module_another_thread_is_loading_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slow_operators.py").write_text(
        "import builtins\nbuiltins.slow_started.set()\nbuiltins.slow_goes_on.wait(30)\ndef answer():\n    return 42\n"
    )
    started, goes_on = threading.Event(), threading.Event()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(packing, "_OPERATORS", "")  # the chapters of operators are looked for at the top level
    monkeypatch.setattr("builtins.slow_started", started, raising=False)
    monkeypatch.setattr("builtins.slow_goes_on", goes_on, raising=False)
    found: list[object] = []

    def ask() -> None:
        try:
            found.append(_operator("o_slow_operators.answer")())
        except Exception as error:
            found.append(error)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    threads[0].start()
    assert started.wait(30)
    threads[1].start()
    threads[1].join(0.2)  # it must not come back yet; where it does, with an error
    goes_on.set()
    for thread in threads:
        thread.join(30)
    assert found == [42, 42]


def test_an_error_outside_of_the_logic_has_no_place_and_stays_what_it_is() -> None:
    program = compile_program([])
    error = CqlRuntimeError("the engine's own")
    stub = compile("def stub():\n    raise error\n", "<cql stub>", "exec")
    names: dict[str, object] = {"error": error}
    exec(stub, names)
    with pytest.raises(CqlRuntimeError) as raised:
        names["stub"]()  # type: ignore[operator]
    assert program.placed(raised.value) is error


def test_the_table_of_positions_is_as_long_as_the_code() -> None:
    """Python marks every unit of code that the table speaks of when somebody traces or profiles, also beyond the code's end."""
    for operands in range(1, 12):
        code = compile(f"lambda a: {' + '.join(['a'] * operands)}", "<test>", "eval").co_consts[0]
        table = slim(code).co_linetable
        assert sum((entry & 7) + 1 for entry in table) == len(code.co_code) // 2
        assert {line for _, _, line in slim(code).co_lines()} == {None}
