"""Packed code in a process of many threads: what one is making ready, another does not see half made."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from tests.engine.logic import evaluation, fhir_library, observation, patient, program

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


def test_the_long_loop_of_a_traced_query_is_unpacked_where_there_are_rows_and_not_before() -> None:
    body = """define "Limits": Interval[10 'g/dL', 12 'g/dL']
define "Read":
  [Observation] O
    let value: O.value as Quantity, status: O.status
    with [Patient] P such that P.id is not null and O.subject is not null
    where value in "Limits" and status in {'final', 'amended', 'corrected'} and O.effective is not null
    return Tuple { id: O.id, value: value, status: status }
"""
    made = program(fhir_library(body))

    def looped() -> list[str]:
        known = made._names.get(True)
        return [] if known is None else [name for name in known.names if name[0] == "q" and name.endswith(" Test")]

    nothing = evaluation(made, [patient()], trace=True)
    assert nothing.define("Test", "Read") == []
    assert looped() == []
    resources = [patient(), *(observation(name, "hb", value) for name, value in (("a", 11), ("b", 20), ("c", 12)))]
    run = evaluation(made, resources, trace=True)
    plain = evaluation(made, resources).define("Test", "Read")
    assert [row["id"].value for row in plain] == ["a", "c"]
    assert run.define("Test", "Read") == plain
    assert len(looped()) == 1
    query = run.trace("Test", "Read").children[0]
    rows = [node for node in query.children if node.kind == "Iteration"]
    assert [hasattr(row, "kept") for row in rows] == [True, False, True]
    assert {resource for row in rows for resource in row.all_resources()} == {
        "Observation/a", "Observation/b", "Observation/c", "Patient/p",
    }  # fmt: skip
