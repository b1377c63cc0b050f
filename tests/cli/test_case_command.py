"""``guideway test``: cases against a small guideline, mistakes in files, reports, coverage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from tests.authoring.package import checked
from tests.cli.processes import assert_fatal, guideway

from guideway.cli.root import run

FIRES = """id: has-a
story: A result that calls for treatment.
as_of: 2026-06-01
rows: [row.1]
data:
  - {observation: Tests, at: 2026-05-30}
expect:
  fire: [treat]
  only: true
"""
SILENT = """id: has-nothing
as_of: 2026-06-01
data: []
expect:
  not_fire: [topic#treat]
  status: {treat: does-not-apply}
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A small guideline with its cases beside it."""
    checked(tmp_path)
    put(tmp_path, "fires", FIRES)
    put(tmp_path, "more/silent", SILENT)
    return tmp_path


def put(package: Path, name: str, text: str) -> Path:
    file = package / "cases" / f"{name}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")
    return file


class Done:
    """What a run in this process printed."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> None:
        self.status = run(["test", *map(str, arguments)])
        self.out, self.err = capsys.readouterr()
        self.lines = self.out.splitlines()


def test_the_cases_beside_the_guideline_are_run(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = Done(capsys, "--package", package)
    assert done.status == 0
    assert done.lines == ["2 cases of org.example.small 1.0.0: 2 passed, 0 failed"]
    assert Done(capsys, "--package", package / "plandefinitions").out == done.out


def test_a_failing_case_is_one_line_with_what_came_and_why(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = put(package, "more/silent", SILENT.replace("not_fire", "fire"))
    done = Done(capsys, "--package", package)
    assert done.status == 1
    first, last = done.lines
    assert first.startswith(f"{file}:5 has-nothing: topic#treat must apply, but it does not apply: ")
    assert "Needs Treatment" in first
    assert last.endswith("1 passed, 1 failed")


def test_files_folders_and_words_choose_cases(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert " 1 passed" in Done(capsys, package / "cases/more", "--package", package).out
    assert " 1 passed" in Done(capsys, package / "cases/fires.yaml", "--package", package).out
    for word in ("fires.y", "HAS-A", "calls for", "row.1"):
        assert " 1 passed" in Done(capsys, "--package", package, "-k", word).out, word
    assert " 2 passed" in Done(capsys, "--package", package, "-k", "row.1", "-k", "silent").out
    assert Done(capsys, "--package", package, "-k", "nobody").status == 2


MISTAKES: list[tuple[str, str, int, str]] = [
    ("rows: [row.1]", "row: [row.1]", 4, "unknown field row"),
    ("  fire: [treat]", "  fires: [treat]", 8, "did you mean 'fire'"),
    ("  fire: [treat]", "  not_fire: [treta]", 8, "did you mean 'treat'"),
    ("  fire: [treat]", "  status:\n    treat: never", 9, "'never' is no status"),
    ("  fire: [treat]", "  not_notes: [n.1]", 8, "no note or reason to withhold 'n.1'"),
    ("  fire: [treat]", "  not_missing: [weight]", 8, "no data element 'weight'"),
    ("observation: Tests", "observation: Test", 6, "did you mean 'Tests'"),
    ("observation: Tests", "observation: Tests#b", 6, "no code 'b'"),
    ("observation: Tests", "observation: local:tests|c", 6, "no code 'c'"),
    ("observation: Tests", "observation: lonic|1-8", 6, "no code system is called 'lonic'"),
    ("observation: Tests", "observaton: Tests", 6, "did you mean 'observation'"),
    ("at: 2026-05-30", "on: 2026-05-30", 6, "unknown field"),
    ("at: 2026-05-30", "at: last week", 6, "is no date"),
    ("at: 2026-05-30", "range: high", 6, "is no range"),
    ("{observation: Tests, at: 2026-05-30}", "{answers: form, q: true}", 6, "no questionnaire 'form'"),
    ("{observation: Tests, at: 2026-05-30}", "{bundle: real.json}", 6, "real.json no such file"),
    ("{observation: Tests, at: 2026-05-30}", "just words", 6, "an item is a mapping"),
    ("as_of: 2026-06-01", "as_of: yesterday", 3, "not an evaluation time"),
    ("as_of: 2026-06-01", "as_of: 2026-06-01\nhook: order-sing", 4, "no plan answers to the hook"),
    ("as_of: 2026-06-01", "as_of: 2026-06-01\nplans: [topics]", 4, "did you mean topic"),
    ("as_of: 2026-06-01", "as_of: 2026-06-01\nparameters: {x: 1}", 4, "no parameter 'x'"),
    ("id: has-a", "id: has-nothing", 1, "the id 'has-nothing' is taken by"),
    ("  only: true", "  only: 1", 9, "true or false"),
    ("  only: true", "  only: true\n  only: true", 10, "'only' is given twice"),
    ("  only: true", "  only: [", 10, "not YAML"),
]


@pytest.mark.parametrize(
    ("old", "new", "line", "said"), MISTAKES, ids=[new.strip().replace("\n", " ") for _, new, _, _ in MISTAKES]
)
def test_a_mistake_says_its_line(
    package: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, line: int, said: str
) -> None:
    assert old in FIRES
    put(package, "z-last", SILENT)
    (package / "cases/more/silent.yaml").unlink()
    file = put(package, "zz-fires", FIRES.replace(old, new))
    (package / "cases/fires.yaml").unlink()
    done = Done(capsys, "--package", package)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(f"guideway: {file}:{line}:")
    assert said in done.err


def test_the_mistakes_of_several_files_are_all_listed(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(package, "fires", FIRES.replace("Tests", "Test").replace("[treat]", "[treta]").replace("only", "onyl"))
    put(package, "more/silent", SILENT.replace("as_of: 2026-06-01\n", ""))
    done = Done(capsys, "--package", package)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("guideway: 3 mistakes in 2 case files; no case was run\n")
    for said in ("fires.yaml:6:", "fires.yaml:9:", "a case needs as_of"):
        assert said in done.err


def test_a_mistake_elsewhere_does_not_keep_the_chosen_from_running(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(package, "more/silent", "id: [")
    assert Done(capsys, "--package", package, "-k", "has-a").status == 0
    assert Done(capsys, "--package", package, "-k", "silent").status == 2


def test_paths_that_hold_no_cases(package: Path, tmp_path: Path) -> None:
    assert_fatal(guideway("test", tmp_path / "nowhere"), "nowhere: there is no such file or folder")
    assert_fatal(guideway("test", package / "valuesets"), "valuesets: no case in it")
    (package / "cases").rename(package / "elsewhere")
    assert_fatal(guideway("test", "--package", package), "has no cases beside it")


def test_json_says_everything(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(package, "more/silent", SILENT.replace("not_fire", "fire"))
    done = Done(capsys, "--package", package, "--format", "json", "--coverage")
    found = json.loads(done.out)
    assert found["format"] == "guideway-test/1"
    assert found["summary"] == {"cases": 2, "passed": 1, "failed": 1}
    good, bad = found["cases"]
    assert (good["id"], good["result"], good["line"], good["rows"]) == ("has-a", "passed", 1, ["row.1"])
    (problem,) = bad["problems"]
    assert problem["line"] == 5
    assert problem["expected"] == "must apply"
    assert problem["came"] == "it does not apply"
    assert found["coverage"]["recommendations"] == [
        {"name": "topic#treat", "seen": seen(applies=1, **{"does-not-apply": 1}), "never": []}
    ]
    assert found["coverage"]["defines"] == [
        {"name": 'Logic."Needs Treatment"', "seen": {"true": 1, "false": 1, "null": 0}, "never": []}
    ]
    assert found["coverage"]["valueSets"] == [{"name": "Tests", "seen": {"cases": 1}, "never": []}]
    assert found["coverage"]["percent"] == 100.0


def seen(**statuses: int) -> dict[str, int]:
    from guideway.authoring.cases import STATUSES

    return {status: statuses.get(status, 0) for status in STATUSES}


def test_junit_has_a_failure_for_each_failing_case(package: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = put(package, "more/silent", SILENT.replace("not_fire", "fire"))
    target = tmp_path / "results.xml"
    assert Done(capsys, "--package", package, "--format", "junit", "-o", target).status == 1
    root = ElementTree.parse(target).getroot()
    assert (root.get("tests"), root.get("failures")) == ("2", "1")
    passed, failed = root.iter("testcase")
    assert len(passed) == 0
    (failure,) = failed
    assert str(failure.get("message")).startswith("topic#treat must apply, but it does not apply")
    assert str(failure.text).startswith(f"{file}:5: ")


def test_coverage_lists_what_was_never_seen(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = Done(capsys, "--package", package, "--coverage", "-k", "has-nothing")
    assert done.status == 0
    assert [line.strip() for line in done.lines] == [
        "Recommendations: 50.0% of 2",
        "never seen to apply (1)",
        "topic#treat",
        "Defines: 50.0% of 2",
        "never true (1)",
        'Logic."Needs Treatment"',
        "Value sets: 0.0% of 1",
        "no case has a code of it (1)",
        "Tests",
        "Coverage: 40.0% of 5",
        "",
        "1 case of org.example.small 1.0.0: 1 passed, 0 failed",
    ]


@pytest.mark.parametrize(("least", "status"), [("40", 0), ("40.1", 1)])
def test_too_little_coverage_fails(package: Path, capsys: pytest.CaptureFixture[str], least: str, status: int) -> None:
    assert Done(capsys, "--package", package, "--fail-under", least, "-k", "has-nothing").status == status


def test_what_counts_as_covered_is_the_same_whether_or_not_it_is_explained(
    package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = Done(capsys, "--package", package, "--coverage").out
    put(package, "fires", FIRES + "  not_missing: [Needs Treatment]\n")
    done = Done(capsys, "--package", package, "--coverage")
    assert (done.out, done.err) == (plain, "")


def test_an_example_of_the_guideline_fails_as_a_person_would_want_it(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    text = (root / "examples/aggressive-sm-neutrophils-0-8-no-baseline.yaml").read_text("utf-8")
    expect: dict[str, Any] = {"expect": {"fire": ["sm.midostaurin.anc-interrupt-lt1"]}}
    file = tmp_path / "case.yaml"
    file.write_text(text.partition("expect:")[0] + json.dumps(expect)[1:-1].replace('"', "") + "\n", "utf-8")
    done = guideway("test", file)
    assert done.returncode == 1
    assert b"must apply, but " in done.stdout
    assert b"it cannot be known yet: " in done.stdout  # of two recommendations that carry the statement, the one for this patient
