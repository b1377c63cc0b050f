"""``guideway cql``: check, elm, eval, format, and the prompt."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.processes import assert_fatal, guideway

from guideway.cli.cql_session import Session, is_complete
from guideway.cli.cql_text import cql_text

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENT = ROOT / "examples" / "aggressive-sm-neutrophils-0-8.json"

GOOD = """library Good version '1.0.0'
using FHIR version '4.0.1'
context Patient
// how many
define "Number Of Results":   Count([Observation])
"""
BAD = """library Bad
define A: 1 + 'x'
define B: Unknwon
define Unknown: 1
"""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "Good.cql").write_text(GOOD)
    (tmp_path / "Bad.cql").write_text(BAD)
    return tmp_path


# --- check ---


def test_check_lists_every_mistake_with_its_place(files: Path) -> None:
    done = guideway("cql", "check", files / "Bad.cql")
    shown = done.stdout.decode()
    assert done.returncode == 1
    assert "Bad.cql:2:" in shown
    assert "Bad.cql:3:" in shown
    assert "^" in shown
    assert "Unknown" in shown
    assert guideway("cql", "check", files / "Good.cql").returncode == 0


def test_check_writes_json_and_sarif(files: Path) -> None:
    findings = json.loads(guideway("cql", "check", files, "--format", "json").stdout)
    assert {finding["severity"] for finding in findings} >= {"error"}
    sarif = json.loads(guideway("cql", "check", files, "--format", "sarif").stdout)
    assert sarif["version"] == "2.1.0"
    assert len(sarif["runs"][0]["results"]) == len(findings)


def test_a_library_finds_what_its_guideline_has() -> None:
    """Those of the folder beside it; that every library is right is what ``validate`` says (tests/guideline)."""
    topic = ROOT / "plandefinitions" / "trigger-avoidance"
    assert "include MastCell" in (topic / "TriggerAvoidanceLogic.cql").read_text("utf-8")
    done = guideway("cql", "check", topic, "--no-warnings")
    assert done.returncode == 0, done.stdout.decode()


def test_what_cannot_be_read_is_fatal(tmp_path: Path) -> None:
    assert_fatal(guideway("cql", "check", tmp_path / "gone.cql"), "gone.cql")
    assert_fatal(guideway("cql", "check", tmp_path), "no .cql file")
    (tmp_path / "latin.cql").write_bytes(b"library L // \xe4")
    assert_fatal(guideway("cql", "elm", tmp_path / "latin.cql"), "latin.cql", "UTF-8")


# --- elm ---


def test_elm_is_what_other_engines_read(files: Path) -> None:
    elm = json.loads(guideway("cql", "elm", files / "Good.cql").stdout)["library"]
    assert elm["identifier"] == {"id": "Good", "version": "1.0.0"}
    names = [statement["name"] for statement in elm["statements"]["def"]]
    assert "Number Of Results" in names
    bare = guideway("cql", "elm", files / "Good.cql", "--no-locators", "--no-annotations").stdout
    assert b"locator" not in bare
    assert_fatal(guideway("cql", "elm", files / "Bad.cql"), "Bad.cql", "Unknwon")


# --- eval ---


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1 + 1", "2"),
        ("1.50 * 2", "3.00"),
        ("'it' + '''s'", None),
        ("{ 1, null }", "{ 1, null }"),
        ("Interval[1, 3)", "Interval[1, 3)"),
        ("@2026-01-31 + 1 month", "@2026-02-28"),
        ("@2026-01-31T10:00:00.000Z", "@2026-01-31T10:00:00.000Z"),
        ("@T10:30", "@T10:30"),
        ("5 'mg' + 1 'g'", None),
        ("Tuple { a: 1, b: 'x' }", "Tuple { a: 1, b: 'x' }"),
        ("null as Integer", "null"),
        ("5L", "5L"),
        ("{ }", "{ }"),
    ],
)
def test_values_are_shown_as_cql(expression: str, expected: str | None) -> None:
    answer = Session().answer(expression)
    assert answer.found is not (expression == "'it' + '''s'")
    if expected is not None:
        assert cql_text(answer.value) == expected


def test_eval_on_a_patient() -> None:
    arguments = ("--data", PATIENT, "--as-of", "2026-06-01")
    assert guideway("cql", "eval", "Patient.birthDate", *arguments).stdout == b"@1961-04-02\n"
    assert guideway("cql", "eval", "AgeInYears()", *arguments).stdout == b"65\n"
    explained = guideway("cql", "eval", "Count([Observation])", *arguments, "--explain", "--type").stdout.decode()
    assert "type: Integer" in explained
    assert "Observation/observation-1" in explained
    parameters = json.loads(guideway("cql", "eval", "Count([Observation])", *arguments, "--format", "json").stdout)
    assert parameters["parameter"] == [{"name": "return", "valueInteger": 4}]


def test_eval_uses_the_libraries_and_value_sets_of_a_guideline() -> None:
    library = ROOT / "plandefinitions" / "library" / "MastCellConcepts.cql"
    expression = '[Observation] O where O.code in MastCellConcepts."Absolute Neutrophil Count" return O.id'
    done = guideway("cql", "eval", expression, "--library", library, "--data", PATIENT)
    assert done.stdout.decode() == "{ 'observation-1', 'observation-3' }\n", done.stderr.decode()


def test_eval_uses_the_version_of_fhir_that_it_is_given(tmp_path: Path) -> None:
    (tmp_path / "old.xml").write_text(
        """<modelInfo xmlns="urn:hl7-org:elm-modelinfo:r1" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
          name="FHIR" version="3.0.0" url="http://hl7.org/fhir" patientClassName="FHIR.Patient">
          <typeInfo xsi:type="ClassInfo" namespace="FHIR" name="Patient" baseType="System.Any" retrievable="true"/>
          <contextInfo name="Patient" keyElement="id"><contextType namespace="FHIR" name="Patient"/></contextInfo>
        </modelInfo>""",
        encoding="utf-8",
    )
    assert guideway("cql", "eval", "exists [Patient]", "--model", str(tmp_path / "old.xml")).stdout == b"false\n"


def test_eval_explains_what_is_wrong() -> None:
    assert_fatal(guideway("cql", "eval", "1 +"), "expression", "1:4")
    assert_fatal(guideway("cql", "eval", "Foo"), "Foo")
    assert_fatal(guideway("cql", "eval", "1", "--data", "gone.json"), "gone.json")
    assert_fatal(guideway("cql", "eval", "1", "--parameter", "P=1"), "P")
    assert_fatal(guideway("cql", "eval", "1", "--library", PATIENT), "looks like ELM")
    assert_fatal(guideway("cql", "eval", "1 +\n  First({ singleton from { 1, 2 } })"), "expression (2:11-2:33): singleton from")
    assert_fatal(guideway("cql", "eval", "Message(1, true, 'code', 'Error', 'stop here')"), "stop here")


def test_eval_shows_the_messages_of_the_logic() -> None:
    shown = guideway(
        "cql", "eval", "Message(1, true, 'c7', 'Warning', 'careful') + Message(2, true, null, 'Trace', 'seen')"
    ).stdout
    assert shown == b"3\nwarning c7: careful\ntrace: seen (2)\n"


# --- format ---


def test_format_keeps_comments_and_is_idempotent(files: Path) -> None:
    once = guideway("cql", "format", files / "Good.cql").stdout.decode()
    assert "// how many" in once
    assert guideway("cql", "format", "-", stdin=once.encode()).stdout.decode() == once


def test_format_checks_and_writes(files: Path) -> None:
    (files / "Bad.cql").unlink()
    assert guideway("cql", "format", "--check", files).returncode == 1
    assert guideway("cql", "format", "-w", files).returncode == 0
    assert guideway("cql", "format", "--check", files).returncode == 0
    assert (files / "Good.cql").read_text() != GOOD


def test_format_leaves_a_file_with_errors_alone(tmp_path: Path) -> None:
    broken = tmp_path / "Broken.cql"
    broken.write_text("define A: (1 +")
    assert_fatal(guideway("cql", "format", "-w", broken), "Broken.cql")
    assert broken.read_text() == "define A: (1 +"


# --- the prompt ---


def conversation(*texts: str, **options: object) -> str:
    from guideway.cli.repl import Prompt

    said: list[str] = []
    waiting = iter(texts)

    def read() -> str:
        try:
            return next(waiting)
        except StopIteration:
            raise EOFError from None

    assert Prompt(Session(**options), read, said.append).run() == 0  # type: ignore[arg-type]
    return "".join(said)


def test_the_prompt_keeps_definitions() -> None:
    said = conversation("define X: 5", "X * 2", ":type X", ":defines", ":forget X", "X")
    assert "10\n" in said
    assert "Integer\n" in said
    assert "define X: 5\n" in said
    assert "'X'" in said


def test_the_prompt_explains_a_null() -> None:
    said = conversation("define Missing: null as Integer", ":explain Missing + 1")
    assert 'define "Missing" = null' in said
    assert "null because of" in said


def test_a_wrong_definition_is_not_kept() -> None:
    said = conversation("define X: 1 + 'a'", "X", "define X: 1", "define X: 2", "X")
    assert "Nothing here is called 'X'" in said
    assert said.endswith("2\n")


def test_the_prompt_takes_mistakes_without_ending() -> None:
    said = conversation(
        ":nonsense", "1 +", "Message(1, true, 'c', 'Error', 'failed')", ":data gone.json", ":help", "1 + 1", ":quit", "3"
    )
    assert "no command :nonsense" in said
    assert "failed" in said
    assert "gone.json" in said
    assert ":explain" in said
    assert said.endswith("2\n")


def test_the_prompt_reads_a_pipe() -> None:
    done = guideway("cql", "repl", "--data", PATIENT, stdin=b"define N:\n  Count([Observation])\nN +\n1\n:quit\n")
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode().endswith("defined\n5\n")


@pytest.mark.parametrize(
    ("text", "complete"),
    [
        ("1 + 1", True),
        ("1 +", False),
        ("Count(", False),
        ("define X:", False),
        ("define X: 1", True),
        (")", True),
        (":type", True),
        ("", True),
    ],
)
def test_enter_ends_what_is_complete(text: str, complete: bool) -> None:
    assert is_complete(text) is complete


def test_names_are_completed() -> None:
    from prompt_toolkit.completion import CompleteEvent
    from prompt_toolkit.document import Document

    from guideway.cli.repl import CqlCompleter

    session = Session(data=[str(PATIENT)])
    session.define('define "Newest Result": Last([Observation])')
    completer = CqlCompleter(session)

    def offered(text: str) -> list[str]:
        return [completion.text for completion in completer.get_completions(Document(text), CompleteEvent())]

    assert offered("Patient.birthD") == ["birthDate"]
    assert '"Newest Result"' in offered("New")
    assert "status" in offered('"Newest Result".')
    assert "exists" in offered("exi")
    assert "Observation" in offered("[Obs")
    assert offered("") == []


def test_an_unreadable_neighbour_is_listed_and_blocks_nobody(files: Path) -> None:
    (files / "Odd.cql").write_bytes(b"\xff\xfe")
    assert guideway("cql", "check", files / "Good.cql").returncode == 0
    found = json.loads(guideway("cql", "check", files, "--format", "json").stdout)
    assert {"cql-unreadable", "cql-unknown-identifier"} <= {finding["rule"] for finding in found}
    (files / "User.cql").write_text("library User\ninclude Odd\ndefine A: 1\n")
    done = guideway("cql", "check", files / "User.cql")
    assert done.returncode == 1
    assert "not UTF-8" in done.stdout.decode()


def test_the_trace_of_a_thousand_operators_is_shown(tmp_path: Path) -> None:
    (tmp_path / "Long.cql").write_text("library Long\ndefine A: " + " + ".join(["1"] * 1001))
    done = guideway("cql", "eval", "Long.A", "--library", tmp_path / "Long.cql", "--explain")
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().count("Literal 1 = 1") == 1001


def test_promotions_are_allowed_on_request() -> None:
    assert guideway("cql", "eval", "exists 5").returncode != 0
    assert guideway("cql", "eval", "exists 5", "--allow", "list-promotion").stdout.decode().strip() == "true"
