"""Compiled programs: stored and loaded without the ELM, light to import, the same again."""

from __future__ import annotations

import pickle
import subprocess
import sys

import pytest
from tests.engine.logic import evaluation, fhir_library, libraries, observation, patient, program

from guideway.elm.codec import read_json, write_json
from guideway.engine.program import Program, compile_program

BODY = """codesystem "Labs": 'http://example.org/labs'
code "Hb": 'hb' from "Labs"
context Patient
define "Newest": Last([Observation: "Hb"] O sort by (effective as FHIR.dateTime).value)
define "Low": "Newest".value as Quantity < 12 'g/dL'
define "Fails": 1 / Message(0, true, 'x', 'Error', 'stop')
"""
DATA = [patient(), observation("a", "hb", 11)]


def test_a_stored_program_gives_the_same_results_traces_and_errors() -> None:
    made = program(fhir_library(BODY))
    for again in (Program.loads(made.dumps()), pickle.loads(pickle.dumps(made))):
        assert evaluation(again, DATA).define("Test", "Low") is True
        root = evaluation(again, DATA, trace=True).trace("Test", "Low")
        assert root.all_resources() == ("Observation/a",)
        with pytest.raises(Exception, match=r"Test.Fails \(9:"):
            evaluation(again, DATA).define("Test", "Fails")
        assert again.library("Test").defines["Low"].type == "Boolean"


def test_stored_bytes_of_another_kind_are_refused() -> None:
    for data in (b"", b"nonsense", b"\xe9", program("library T\ndefine A: 1").dumps()[:40]):
        with pytest.raises(ValueError, match="stored program"):
            Program.loads(data)


def test_compiling_is_deterministic() -> None:
    assert program(fhir_library(BODY)).dumps() == program(fhir_library(BODY)).dumps()


def test_elm_written_and_read_again_gives_the_same_results() -> None:
    made = libraries(fhir_library(BODY))
    for options in ({"result_types": True}, {"annotations": False, "locators": False}):
        again = compile_program([read_json(write_json(library, **options)) for library in made])
        assert evaluation(again, DATA).define("Test", "Low") is True


SCRIPT = """
import sys
from guideway.engine.data import ResourceSource
from guideway.engine.program import Program
from guideway.engine.values import DateTime
program = Program.loads(open(sys.argv[1], "rb").read())
data = [{"resourceType": "Patient", "id": "p"}]
ran = program.evaluation(ResourceSource(data), now=DateTime.parse("2026-01-01T00:00:00.0Z"))
assert ran.define("Test", "Low") is None
heavy = ("guideway.elm", "guideway.cql", "guideway.engine.generator", "guideway.engine.trace", "pydantic", "xml", "jsonschema")
print([name for name in sys.modules if name.startswith(heavy)])
"""


def test_running_a_stored_program_imports_neither_elm_nor_translator(tmp_path) -> None:  # type: ignore[no-untyped-def]
    stored = tmp_path / "program"
    stored.write_bytes(program(fhir_library(BODY)).dumps())
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(stored)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_functions_are_packed_with_the_only_one_that_uses_them() -> None:
    from guideway.engine.packing import Namespace, functions_of, pack

    module = compile(
        "def d0(E):\n    return b0(E) + c0\n"
        "def b0(E):\n    return b0_1(E) + d1(E)\n"
        "def b0_1(E):\n    return x0 * E\n"
        "def d1(E):\n    return h(E)\n"
        "def d2(E):\n    return h(E)\n"
        "def h(E):\n    return E\n"
        "def lost(E):\n    return found(E)\n"
        "def found(E):\n    return lost(E)\n",
        "<packed>",
        "exec",
    )
    links = {"x0": ("Other|1", "d0")}
    packed = pack("One|1", functions_of(module), {"c0": compile("100", "<packed>", "eval")}, links, {})
    namespace = Namespace({"One|1": packed}.__getitem__, {}, {"d0 Other|1": 10})
    assert namespace.of("d0 One|1")(2) == 122
    assert namespace.of("d0 One|1") is namespace.of("d0 One|1")
    assert namespace.of("d2 One|1")(3) == 3
    assert namespace.names.keys() >= {f"{name} One|1" for name in ("b0", "b0_1", "h", "c0", "d1")}
    assert "lost One|1" not in namespace.names


def test_programs_of_one_process_share_the_code_of_fhirhelpers_and_of_nothing_else() -> None:
    one, other = program(fhir_library(BODY)), program(fhir_library('define "Low": false'))
    assert one.library("FHIRHelpers") is other.library("FHIRHelpers")
    assert evaluation(one, DATA, trace=True).define("Test", "Low") is True
    assert evaluation(other, DATA, trace=True).define("Test", "Low") is False


def test_a_library_of_one_s_own_by_that_name_is_compiled_as_it_is() -> None:
    shared = program(fhir_library(BODY))
    text, helpers = "library FHIRHelpers version '4.0.1'\ndefine \"Mine\": {}", "FHIRHelpers"
    for value in (1, 2):
        own = program(text.format(value))
        for trace in (False, True):
            assert evaluation(own, DATA, trace=trace).define(helpers, "Mine") == value
    assert evaluation(shared, DATA, trace=True).define("Test", "Low") is True
