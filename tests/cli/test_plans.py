"""``guideway plans``, ``guideway show`` and ``guideway --version``."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.processes import assert_fatal, guideway

ROOT = Path(__file__).resolve().parent.parent.parent
MANIFEST = json.loads((ROOT / "plandefinitions" / "package.json").read_text("utf-8"))
PLANS = {json.loads(path.read_text("utf-8"))["id"] for path in (ROOT / "plandefinitions").rglob("PlanDefinition-*.json")}


def test_the_version_names_program_guideline_and_content() -> None:
    lines = guideway("--version").stdout.decode().splitlines()
    assert lines[0].startswith("guideway ")
    assert lines[1] == f"guideline {MANIFEST['name']} {MANIFEST['version']}"
    assert len(lines[2].split()[1]) == 64


def test_every_plan_is_listed() -> None:
    shown = guideway("plans").stdout.decode()
    listed = json.loads(guideway("plans", "--format", "json").stdout)
    assert {plan["id"] for plan in listed} == PLANS
    for plan in listed:
        assert plan["id"] in shown
    assert max(map(len, shown.split("\n"))) <= 80


def test_a_plan_is_shown_by_id_and_by_name() -> None:
    by_id = guideway("show", "emergency-preparedness").stdout
    assert by_id == guideway("show", "EmergencyPreparedness").stdout
    shown = by_id.decode()
    for expected in ("statement", "if ", "source", "line", "proposes"):
        assert expected in shown
    assert max(map(len, shown.split("\n"))) <= 80


def test_a_part_says_of_which_plan_it_is_one() -> None:
    """Who applies chronic back pain alone is told where leukotriene modifiers are."""
    shown = " ".join(guideway("show", "mcas-back-pain").stdout.decode().split())
    assert "part of back-pain-in-mcas, with leukotriene-modifiers, mediator-guided-therapy" in shown
    assert "part of back-pain-in-mcas" in " ".join(guideway("plans").stdout.decode().split())
    example = ROOT / "examples" / "mcas-back-pain-antihistamines-inadequate.json"
    alone = guideway("apply", example, "--plan", "mcas-back-pain").stdout.decode()
    assert "part of    back-pain-in-mcas: its other parts are not applied here" in alone
    outcome = json.loads(guideway("apply", example, "--plan", "mcas-back-pain", "--format", "outcome").stdout)
    assert [plan.get("partOf") for plan in outcome["plans"]] == [["back-pain-in-mcas"]]
    assert "part of" not in guideway("apply", example, "--plan", "back-pain-in-mcas").stdout.decode()


def test_json_is_the_plan_itself() -> None:
    plan = json.loads(guideway("show", "emergency-preparedness", "--format", "json").stdout)
    assert plan["resourceType"] == "PlanDefinition"
    assert plan["id"] == "emergency-preparedness"


def test_an_unknown_plan_names_the_nearest() -> None:
    assert_fatal(guideway("show", "emergency-preparednes"), "emergency-preparednes", "did you mean emergency-preparedness")


def test_another_guideline_is_listed(tmp_path: Path) -> None:
    plan = {"resourceType": "PlanDefinition", "id": "mine", "url": "https://x.org/PlanDefinition/mine", "title": "Mine"}
    (tmp_path / "PlanDefinition-mine.json").write_text(json.dumps({**plan, "status": "draft", "action": [{"title": "Do it"}]}))
    assert b"mine" in guideway("plans", "--package", tmp_path).stdout
    assert b"Do it" in guideway("show", "mine", "--package", tmp_path).stdout
    assert_fatal(guideway("plans", "--package", tmp_path / "gone"), "gone")


def test_data_requirements_of_a_plan() -> None:
    shown = guideway("data-requirements", "midostaurin-dose-modification").stdout.decode()
    assert "Observation" in shown
    assert "Absolute Neutrophil Count" in shown
    assert max(map(len, shown.split("\n"))) <= 80
    library = json.loads(guideway("data-requirements", "midostaurin-dose-modification", "--format", "json").stdout)
    assert library["resourceType"] == "Library"
    assert library["type"]["coding"][0]["code"] == "module-definition"
    assert {requirement["type"] for requirement in library["dataRequirement"]} >= {"Patient", "Observation", "Condition"}
    assert json.loads(guideway("data-requirements", "--format", "json").stdout)["resourceType"] == "Bundle"
    assert_fatal(guideway("data-requirements", "nothing"), "nothing")


def test_an_unknown_plan_is_answered_in_short() -> None:
    assert_fatal(guideway("show", "bone health"), "did you mean mast-cell-bone-health")
    done = guideway("show", "zzz")
    assert_fatal(done, "there are: ", " more")
    assert len(done.stderr) < 400


def test_the_homes_of_the_statements_fit_80_columns() -> None:
    shown = guideway("traceability").stdout.decode()
    assert "    activity  " in shown
    assert "    logic     " in shown
    assert "cases" not in {line.split()[0] for line in shown.splitlines()}  # none were read
    assert max(map(len, shown.split("\n"))) <= 80
