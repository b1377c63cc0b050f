"""``guideway apply`` as a user runs it: formats, options, streams, and every class of bad input."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.apply import small
from tests.cli.processes import assert_fatal, guideway, loaded_modules
from tests.shared import shared_folder

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLES = ROOT / "examples"
AS_OF = ("--as-of", "2026-06-01")
INTERRUPT = EXAMPLES / "aggressive-sm-neutrophils-0-8.json"
NO_BASELINE = EXAMPLES / "aggressive-sm-neutrophils-0-8-no-baseline.json"
NO_UNIT = EXAMPLES / "aggressive-sm-neutrophils-without-unit.json"
PLAN = "midostaurin-dose-modification"
IN_ERROR = EXAMPLES / "aggressive-sm-labs-entered-in-error.json"
HEALTHY = EXAMPLES / "no-mast-cell-disease.json"
LICENSED_TO_BE_HEAVY = {
    "fastapi", "starlette", "uvicorn", "pydantic", "fhir", "jsonschema", "dask", "importlib.metadata", "rich", "yaml", "httpx",
    "guideway.cql", "guideway.elm.nodes", "typing_extensions", "inspect", "dis",
}  # fmt: skip


def text(*arguments: str | Path, stdin: bytes = b"", **environment: str) -> str:
    done = guideway("apply", *arguments, stdin=stdin, **environment)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def document(*arguments: str | Path, **more: Any) -> Any:
    return json.loads(text(*arguments, **more))


def flat(shown: str) -> str:
    return " ".join(shown.split())


@pytest.fixture(scope="module", autouse=True)
def _compiled_once() -> None:
    text(HEALTHY, *AS_OF)


# --- what a person sees ---


def test_the_story_of_the_readme() -> None:
    shown = flat(text(INTERRUPT, *AS_OF))
    assert shown.startswith("DRAFT")
    assert "Interrupt midostaurin: neutrophils below 1.0" in shown
    assert "Neutrophil count: 0.8 10*9/L, 2026-06-01, Observation/observation-3" in shown
    assert "Neutrophil count before midostaurin: 2.1 10*9/L, 2026-03-28, Observation/observation-1" in shown
    assert "systemic-mastocytosis-2025, line 82" in shown
    assert "does not replace it" in shown


def test_without_a_baseline_it_is_named() -> None:
    shown = flat(text(NO_BASELINE, *AS_OF))
    assert "CANNOT BE KNOWN YET" in shown
    settling = shown[shown.index("What would settle it") :]
    because = "Observation/observation-1, 0.8 10*9/L of 2026-06-01, does not serve here: "
    because += "2026-06-01 (taken at) is not on or before 2026-04-01 (Start of midostaurin)"
    assert settling.startswith("What would settle it (most pressing first; the number says how many wait)")
    assert settling.index(f"Neutrophil count before midostaurin ({because}): enter it") < 400
    one_plan = flat(text(NO_BASELINE, *AS_OF, "--plan", PLAN))
    assert "Baseline required" in one_plan
    assert "missing Neutrophil count before midostaurin" in one_plan
    assert "supply it" in one_plan


def test_the_table_is_no_longer_than_a_person_reads() -> None:
    shown = text(INTERRUPT, *AS_OF)
    assert shown.count("\n") < 200
    explained = text(INTERRUPT, *AS_OF, "--explain")
    for recommendation in document(INTERRUPT, *AS_OF, "--format", "outcome")["recommendations"]:
        assert recommendation["id"] in "".join(explained.split()), recommendation["id"]
    assert "ServiceRequest/" not in shown
    assert "Has Multidisciplinary Review" not in shown


def test_without_a_unit_nothing_is_guessed() -> None:
    shown = flat(text(NO_UNIT, *AS_OF)).lower()
    assert "cannot be known yet" in shown
    assert "unit" in shown


def test_entered_in_error_is_left_out_and_listed() -> None:
    shown = flat(text(IN_ERROR, *AS_OF))
    assert "DATA LEFT OUT" in shown
    assert "entered-in-error" in shown


def test_nothing_applies_and_why() -> None:
    shown = flat(text(HEALTHY, *AS_OF))
    assert "Nothing applies." in shown
    assert "DOES NOT APPLY" in shown
    assert "Not the case" in shown


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.json")), ids=lambda path: path.stem)
@pytest.mark.parametrize("explain", [(), ("--explain",)], ids=["short", "explain"])
def test_every_example_is_readable_at_80_columns(example: Path, explain: tuple[str, ...]) -> None:
    shown = text(example, *AS_OF, *explain)
    assert max(map(len, shown.split("\n"))) <= 80
    assert "\x1b" not in shown
    assert "None" not in shown.replace("None found", "")


def test_explain_gives_each_condition() -> None:
    shown = flat(text(INTERRUPT, *AS_OF, "--explain"))
    assert "if true:" in shown
    assert "if false:" in shown
    assert len(shown) > 2 * len(flat(text(INTERRUPT, *AS_OF)))


def test_a_terminal_gets_colours_and_no_color_does_not() -> None:
    pty = pytest.importorskip("pty")

    def shown(**environment: str) -> str:
        from tests.cli.processes import PROGRAM

        master, slave = pty.openpty()
        variables = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "TERM")}
        arguments = [*PROGRAM, "apply", str(HEALTHY), *AS_OF]
        process = subprocess.Popen(arguments, stdout=slave, stdin=slave, env={**variables, "TERM": "xterm", **environment})
        os.close(slave)
        data = b""
        while True:
            try:
                piece = os.read(master, 65536)
            except OSError:
                break
            if not piece:
                break
            data += piece
        os.close(master)
        assert process.wait() == 0
        return data.decode()

    assert "\x1b[" in shown()
    assert "\x1b[" not in shown(NO_COLOR="1")
    assert "\x1b[" not in shown(TERM="dumb")


# --- what a program reads ---


@pytest.mark.parametrize("policy", ["cpg", "cqf", "spec"])
def test_json_of_every_policy_carries_the_draft_banner_and_the_disclaimer(policy: str, tmp_path: Path) -> None:
    plan = document(INTERRUPT, *AS_OF, "--format", "json", "--policy", policy)
    several = tmp_path / "several.ndjson"
    several.write_text("\n".join(json.dumps({"resourceType": "Patient", "id": name}) for name in ("a", "b")))
    plans = document(several, *AS_OF, "--format", "json", "--policy", policy)["entry"]
    for one in (plan, *(entry["resource"] for entry in plans)):
        assert one["resourceType"] == "CarePlan"
        assert "DRAFT" in json.dumps(one)
        assert "does not replace it" in json.dumps(one)


def test_without_meta_the_reference_policy_prints_the_forms_of_the_reference() -> None:
    plan = document(INTERRUPT, *AS_OF, "--format", "json", "--policy", "cqf")
    assert {entry["url"].rpartition("/")[2] for entry in plan.pop("meta")["extension"]} == {
        "made-by",
        "draft-banner",
        "disclaimer",
    }
    assert not {"note", "title", "created", "extension"} & set(plan)


def test_json_is_a_care_plan_that_names_everything() -> None:
    plan = document(INTERRUPT, *AS_OF, "--format", "json")
    assert plan["resourceType"] == "CarePlan"
    assert plan["status"] == "draft"
    types = {resource["resourceType"] for resource in plan["contained"]}
    assert {"RequestGroup", "Task"} <= types
    whole = json.dumps(plan)
    version = guideway("--version").stdout.decode().split()
    for expected in ("DRAFT", "does not replace", version[1], version[-1]):
        assert expected in whole, expected


def test_the_outcome_has_each_status_and_its_reason() -> None:
    outcome = document(NO_BASELINE, *AS_OF, "--format", "outcome")
    found = {item["action"]: item for item in outcome["recommendations"]}
    assert found["interrupt-anc"]["status"] == "unknown"
    assert [missing["display"] for missing in found["interrupt-anc"]["missing"]] == ["Neutrophil count before midostaurin"]
    (baseline,) = [e for e in found["find-anc-baseline"]["evidence"] if e.get("element") == "ancBaseline"]
    assert baseline["absent"]  # the order of midostaurin, which says when it began, is no value of it
    assert "resource" not in baseline
    assert outcome["guideline"]["version"]
    assert outcome["draft"]
    assert outcome["disclaimer"]


def test_bundle_and_markdown() -> None:
    bundle = document(INTERRUPT, *AS_OF, "--format", "bundle")
    assert bundle["resourceType"] == "Bundle"
    assert bundle["entry"][0]["resource"]["resourceType"] in ("CarePlan", "RequestGroup")
    made, draft, *disclaimer = bundle["meta"]["extension"]
    plan = document(INTERRUPT, *AS_OF, "--format", "json")
    assert [made, draft, *disclaimer] == plan["extension"][: 2 + len(disclaimer)]
    assert disclaimer
    assert all(each["url"].endswith("/disclaimer") for each in disclaimer)
    assert text(INTERRUPT, *AS_OF, "--format", "markdown").startswith("> **DRAFT")


def test_several_patients_get_a_care_plan_each() -> None:
    lines = b"\n".join(json.dumps(patient(name)).encode() for name in ("b", "a"))
    plans = document("-", *AS_OF, "--format", "json", stdin=lines)
    assert plans["resourceType"] == "Bundle"
    assert [entry["resource"]["subject"]["reference"] for entry in plans["entry"]] == ["Patient/a", "Patient/b"]
    both = document("-", *AS_OF, "--format", "outcome", stdin=lines)
    assert [outcome["subject"]["reference"] for outcome in both] == ["Patient/a", "Patient/b"]
    one = document("-", *AS_OF, "--format", "outcome", "--patient", "b", stdin=lines)
    assert one["subject"]["reference"] == "Patient/b"


def test_a_folder_by_type_is_read(tmp_path: Path) -> None:
    entries = [entry["resource"] for entry in json.loads(INTERRUPT.read_bytes())["entry"]]
    for kind in {resource["resourceType"] for resource in entries}:
        lines = [json.dumps(resource) for resource in entries if resource["resourceType"] == kind]
        (tmp_path / f"{kind}.ndjson").write_text("\n".join(lines))
    from_folder = document("--data", tmp_path, *AS_OF, "--format", "outcome")
    assert [r["status"] for r in from_folder["recommendations"]] == [
        r["status"] for r in document(INTERRUPT, *AS_OF, "--format", "outcome")["recommendations"]
    ]
    assert document("--data", tmp_path, "--patient", INTERRUPT.stem, *AS_OF, "--format", "outcome") == from_folder


def test_a_file_gets_what_standard_output_would(tmp_path: Path) -> None:
    target = tmp_path / "plan.json"
    done = guideway("apply", INTERRUPT, *AS_OF, "--format", "json", "-o", target)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert target.read_text() == text(INTERRUPT, *AS_OF, "--format", "json")


def test_plans_are_chosen_by_id_or_name() -> None:
    by_id = document(INTERRUPT, *AS_OF, "--plan", "midostaurin-dose-modification", "--format", "outcome")
    by_name = document(INTERRUPT, *AS_OF, "--plan", "MidostaurinDoseModification", "--format", "outcome")
    assert {r["planId"] for r in by_id["recommendations"]} == {"midostaurin-dose-modification"}
    assert by_id == by_name


def test_what_is_wrong_with_a_package_is_told_apart_with_its_place(tmp_path: Path) -> None:
    given = {
        "resourceType": "PlanDefinition",
        "id": "p",
        "url": "http://example.org/PlanDefinition/p",
        "status": "draft",
        "action": "x",
    }
    (tmp_path / "PlanDefinition-p.json").write_text(json.dumps(given))
    (tmp_path / "Logic.cql").write_text("library Logic version '1'\ndefine \"A\":\n")
    shown = text(HEALTHY, *AS_OF, "--package", str(tmp_path))
    about, patient = shown.index("ABOUT THE GUIDELINE"), shown.find("ABOUT THIS PATIENT'S DATA")
    assert about > 0 > patient
    assert "Logic.cql:2:" in shown
    assert "PlanDefinition-p.json#/action: p: its action is no list but 'x'" in flat(shown)
    marked = flat(text(HEALTHY, *AS_OF, "--package", str(tmp_path), "--format", "markdown"))
    assert "## About the guideline" in marked
    assert "Logic.cql:2:" in marked


def test_the_requests_alone() -> None:
    flattened = document(INTERRUPT, *AS_OF, "--format", "requests")
    kinds = {entry["resource"]["resourceType"] for entry in flattened["entry"]}
    assert (flattened["resourceType"], "MedicationRequest" in kinds, "RequestGroup" in kinds) == ("Bundle", True, False)


def test_parameters_reach_the_logic() -> None:
    assert_fatal(guideway("apply", INTERRUPT, *AS_OF, "--parameter", "noSuchParameter=1"), "noSuchParameter")
    assert_fatal(guideway("apply", INTERRUPT, *AS_OF, "--parameter", "x"), "NAME=VALUE")


def test_what_if_shows_what_changes() -> None:
    shown = flat(text(NO_BASELINE, *AS_OF, "--set", "ancBaseline=2.1 10*9/L@2026-03-28"))
    assert shown.startswith("DRAFT")
    assert f"What if, for Patient/{NO_BASELINE.stem}" in shown
    assert "unknown → applies" in shown
    outcome = document(NO_BASELINE, *AS_OF, "--set", "ancBaseline=2.1 10*9/L@2026-03-28", "--format", "outcome")
    assert {"interrupt-anc"} <= {change["id"].partition("#")[2] for change in outcome["whatIf"]["changes"]}
    jsonschema.validate(outcome, json.loads((ROOT / "src/guideway/apply/outcome.schema.json").read_text()))
    assert_fatal(guideway("apply", INTERRUPT, *AS_OF, "--set", "ancc=1"), "ancc", "anc")


def test_a_what_if_is_called_one_in_every_form() -> None:
    remark = "What if, not what is on record: Neutrophil count before midostaurin: 2.1 10*9/L"
    given = (NO_BASELINE, *AS_OF, "--plan", "midostaurin-dose-modification", "--set", "ancBaseline=2.1 10*9/L@2026-03-28")
    for form in ("json", "bundle", "requests", "outcome"):
        assert remark in text(*given, "--format", form), form
    assert any(note["text"].startswith(remark) for note in document(*given, "--format", "json")["note"])
    shown = text(*given, "--format", "markdown")
    assert f"# What if, for Patient/{NO_BASELINE.stem}\n\n- Neutrophil count before midostaurin: 2.1 " in shown
    assert "\n\nWhat changes:\n\n- **" in shown
    assert "unknown → applies" in shown
    assert "What if" not in text(*given[:-2], "--format", "json")


def test_the_moment_is_shown_in_its_time_zone() -> None:
    def evaluated(*arguments: str) -> str:
        return str(document(HEALTHY, "--format", "outcome", *arguments)["evaluatedAt"])

    assert evaluated("--as-of", "2026-06-01") == "2026-06-01T23:59:59Z"
    assert evaluated("--as-of", "2026-06-01", "--timezone", "+02:00") == "2026-06-01T23:59:59+02:00"
    assert evaluated("--as-of", "2026-06-01T12:00:00Z", "--timezone", "Europe/Vienna") == "2026-06-01T14:00:00+02:00"
    assert evaluated("--as-of", "2026-06-01T12:00:00+02:00") == "2026-06-01T10:00:00Z"
    assert evaluated("--as-of", "2026-01-01T12:00", "--timezone", "Europe/Vienna") == "2026-01-01T12:00:00+01:00"


def test_fail_on_asks_for_status_1() -> None:
    assert guideway("apply", NO_BASELINE, *AS_OF).returncode == 0
    unknown = guideway("apply", NO_BASELINE, *AS_OF, "--fail-on", "unknown")
    assert unknown.returncode == 1
    assert b"Interrupt midostaurin" in unknown.stdout
    assert guideway("apply", HEALTHY, *AS_OF, "--fail-on", "unknown", "--fail-on", "finding").returncode == 0


# --- the same input, the same bytes ---


def shuffled(path: Path, seed: int) -> bytes:
    bundle = json.loads(path.read_bytes())
    random.Random(seed).shuffle(bundle["entry"])
    return json.dumps(bundle).encode()


def test_the_same_input_gives_the_same_bytes() -> None:
    """Cold or warm: see what starts together."""
    arguments = (*AS_OF, "--format", "json")
    expected = text(INTERRUPT, *arguments)

    def runs() -> Iterator[str]:
        for seed in ("0", "1", "random"):
            yield text(INTERRUPT, *arguments, PYTHONHASHSEED=seed)
        for seed in range(3):
            yield text("-", *arguments, stdin=shuffled(INTERRUPT, seed))
        yield text(INTERRUPT, *arguments, TZ="Pacific/Kiritimati", LC_ALL="C")

    for output in runs():
        assert output == expected


@pytest.fixture
def small_guideline(tmp_path: Path) -> tuple[str | Path, ...]:
    """Arguments that apply a guideline of one action to a patient who needs it."""
    package, patient = tmp_path / "package", tmp_path / "patient.json"
    package.mkdir()
    small.write(package, small.plan("main", {"id": "a", "title": "Count again", "condition": [small.when("Count Is Low")]}))
    patient.write_bytes(small.bundle(small.observation(0.8)))
    return patient, *AS_OF, "--package", package


def test_a_damaged_cache_changes_nothing(small_guideline: tuple[str | Path, ...], tmp_path: Path) -> None:
    cache = tmp_path / "cache"

    def run() -> str:
        return text(*small_guideline, GUIDEWAY_CACHE=str(cache))

    expected = run()
    assert "Count again" in expected
    assert run() == expected  # it keeps the modules
    entries = sorted(cache.glob("*.blob"))
    assert {"guideline", "program"} <= {entry.name.partition("-")[0] for entry in entries}
    for entry in entries:
        data = bytearray(entry.read_bytes())
        data[len(data) // 2] ^= 0xFF
        entry.write_bytes(data)
    assert run() == expected
    for entry in entries:
        entry.write_bytes(entry.read_bytes()[:100])
    assert run() == expected


def test_an_unwritable_home_is_no_obstacle_nor_is_having_no_cache(
    small_guideline: tuple[str | Path, ...], tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    expected = text(*small_guideline)
    assert text(*small_guideline, GUIDEWAY_CACHE=str(blocked / "cache")) == expected
    assert text(*small_guideline, GUIDEWAY_CACHE="off") == expected


def test_processes_that_start_together_do_not_disturb_each_other(small_guideline: tuple[str | Path, ...], tmp_path: Path) -> None:
    """Four of them with one new cache, one without any; a later one finds the cache filled."""
    from tests.cli.processes import PROGRAM

    arguments = [*map(str, small_guideline), "--format", "json"]
    cache = tmp_path / "cache"
    processes = [
        subprocess.Popen([*PROGRAM, "apply", *arguments], stdout=subprocess.PIPE, env={**os.environ, "GUIDEWAY_CACHE": each})
        for each in (*[str(cache)] * 4, "off")
    ]
    outputs = {process.communicate(timeout=300)[0] for process in processes}
    assert [process.returncode for process in processes] == [0] * 5
    assert outputs == {text(*arguments).encode()}
    assert list(cache.glob("*.blob"))
    assert outputs == {text(*arguments, GUIDEWAY_CACHE=str(cache)).encode()}


# --- a light start ---


@pytest.mark.parametrize("form", ["table", "json", "bundle", "markdown", "outcome"])
def test_a_warm_run_imports_nothing_heavy(form: str) -> None:
    text(INTERRUPT, *AS_OF, "--format", form)
    modules = loaded_modules("apply", INTERRUPT, *AS_OF, "--format", form)
    assert not modules & LICENSED_TO_BE_HEAVY
    assert not {name for name in modules if name.startswith(("guideway.cql", "guideway.engine.generator", "guideway.authoring"))}
    assert "click" not in modules


def test_the_table_is_made_without_what_other_results_and_few_records_need() -> None:
    text(INTERRUPT, *AS_OF)
    modules = loaded_modules("apply", INTERRUPT, *AS_OF)
    assert "guideway.apply.linking" in modules
    seldom = {"apply.care_plan", "apply.gaps", "apply.hook_context", "apply.input_data", "fhir.modelinfo_xml", "records.versions"}
    seldom |= {"guideline.loading", "guideline.plan_facts", "guideline.storing", "terminology.expansion"}
    assert not modules & {f"guideway.{name}" for name in seldom}


@pytest.mark.parametrize("example", sorted(path.stem for path in EXAMPLES.glob("*.json")))
def test_no_example_compiles_anything_in_a_warm_run(example: str) -> None:
    arguments = EXAMPLES / f"{example}.json", *AS_OF
    text(*arguments)  # what it asks for and nobody asked for before is kept
    modules = loaded_modules("apply", *arguments)
    assert not modules & {"guideway.apply.fhirpath", "guideway.patterns_writing", "guideway.cli.archive_writing"}
    if sys.version_info < (3, 12):  # later ones load typing for msgspec, and that these
        assert not modules & {"re", "enum", "collections"}


# --- bad input ---


def patient(name: str = "p1", **more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": name, **more}


@pytest.mark.parametrize("contained", [True, False])
def test_a_contained_medication_is_the_drug_of_its_order_and_of_no_other(contained: bool) -> None:
    bundle = json.loads(INTERRUPT.read_bytes())
    (order,) = (e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "MedicationRequest")
    drug = {"resourceType": "Medication", "id": "drug", "code": order.pop("medicationCodeableConcept")}
    order["medicationReference"] = {"reference": "#drug"}
    if contained:
        order["contained"] = [drug]
    else:
        bundle["entry"].append({"resource": drug})
    outcome = document("-", *AS_OF, "--plan", PLAN, "--format", "outcome", stdin=json.dumps(bundle).encode())
    statuses = {r["action"]: r["status"] for r in outcome["recommendations"]}
    assert statuses["interrupt-anc"] == ("applies" if contained else "unknown")


def bundle_of(*resources: dict[str, Any]) -> bytes:
    entries = [{"resource": resource} for resource in resources]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["standard input"]),
        (b"not json", ["standard input"]),
        (b'{"resourceType": "Bundle", "entry": [', ["standard input"]),
        (b"[1, 2]", ["standard input"]),
        (b"\xff\xfe\x00", ["standard input"]),
        (b"{" * 100_000, ["standard input"]),
        (b'{"a": 1}', ["standard input"]),
        (bundle_of({"resourceType": "Observation", "id": "o"}), ["no Patient"]),
        (bundle_of(), ["no Patient"]),
    ],
    ids=["empty", "text", "cut short", "array", "binary", "deep", "no type", "no patient", "no entries"],
)
def test_what_cannot_be_read_is_fatal(content: bytes, words: list[str]) -> None:
    assert_fatal(guideway("apply", "-", *AS_OF, stdin=content), *words)


def test_files_that_are_not_there_are_named(tmp_path: Path) -> None:
    assert_fatal(guideway("apply", tmp_path / "gone.json"), "gone.json")
    assert_fatal(guideway("apply", tmp_path), str(tmp_path), "--data")
    assert_fatal(guideway("apply", "--data", tmp_path / "gone"), "gone")
    assert_fatal(guideway("apply", "--data", tmp_path), str(tmp_path), "ndjson")
    assert_fatal(guideway("apply", HEALTHY, "--data", tmp_path), "--data")
    assert_fatal(guideway("apply"), "give a bundle")


def test_unknown_names_are_told_with_the_nearest() -> None:
    assert_fatal(guideway("apply", HEALTHY, "--plan", "midostaurin-dose"), "midostaurin-dose", "midostaurin-dose-modification")
    assert_fatal(guideway("apply", HEALTHY, "--format", "xml"), "xml", "json")
    assert_fatal(guideway("apply", HEALTHY, "--timezone", "Mars/Olympus"), "Mars/Olympus")
    assert_fatal(guideway("apply", HEALTHY, "--as-of", "yesterday"), "yesterday", "2026-06-01")
    assert_fatal(guideway("apply", HEALTHY, "--patient", "nobody"), "nobody")


def test_an_ambiguous_patient_is_fatal() -> None:
    same = [{"system": "urn:s", "value": "7"}]
    two = bundle_of(patient("a", identifier=same), patient("b", identifier=same))
    assert_fatal(guideway("apply", "-", "--patient", "7", *AS_OF, stdin=two), "'7'", "2 patients")


def test_a_package_that_is_none_is_fatal(tmp_path: Path) -> None:
    assert_fatal(guideway("apply", HEALTHY, "--package", tmp_path / "gone"), "gone")
    assert_fatal(guideway("apply", HEALTHY, "--package", tmp_path), str(tmp_path))
    sets = tmp_path / "sets"
    sets.mkdir()
    (sets / "ValueSet-x.json").write_text(json.dumps({"resourceType": "ValueSet", "id": "x", "url": "https://x.org/ValueSet/x"}))
    for command in (("apply", HEALTHY), ("plans",), ("show", "x"), ("data-requirements",)):
        done = guideway(*command, "--package", sets)
        assert_fatal(done, str(sets), "no PlanDefinition", "nothing to apply")
        assert done.stderr.count(b"\n") == 1
    broken = tmp_path / "guide.tgz"
    broken.write_bytes(b"not a package")
    assert_fatal(guideway("apply", HEALTHY, "--package", broken), "guide.tgz")


def test_a_target_that_cannot_be_written_is_fatal(tmp_path: Path) -> None:
    assert_fatal(guideway("apply", HEALTHY, *AS_OF, "-o", tmp_path / "gone" / "x.json"), "gone", "cannot be written")


def test_a_context_that_is_none_is_fatal(tmp_path: Path) -> None:
    wrong = tmp_path / "context.json"
    wrong.write_text("[]")
    assert_fatal(guideway("apply", HEALTHY, *AS_OF, "--hook", "order-sign", "--context", wrong), "context.json")
    assert_fatal(guideway("apply", HEALTHY, *AS_OF, "--hook", "order-sign", "--context", tmp_path / "gone.json"), "gone.json")


@pytest.mark.parametrize(
    ("resource", "words"),
    [
        ({"resourceType": "Observatoin", "id": "o1"}, "Observatoin"),
        ({"resourceType": "Observation", "id": "o2", "subject": {"reference": "Patient/p1"}, "status": 5}, "Observation/o2"),
        (
            {"resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/p1"}, "onsetDateTime": "2026-13-40"},
            "Condition/c1",
        ),
    ],
    ids=["unknown type", "wrong JSON type", "invalid date"],
)
def test_a_fault_of_one_resource_is_a_finding(resource: dict[str, Any], words: str) -> None:
    content = bundle_of(patient(), resource)
    done = guideway("apply", "-", *AS_OF, stdin=content)
    assert done.returncode == 0
    assert words in done.stdout.decode()
    assert "Patient/p1" in done.stdout.decode()
    assert guideway("apply", "-", *AS_OF, "--fail-on", "finding", stdin=content).returncode == 1


def test_nobody_is_named() -> None:
    secret = patient(name=[{"family": "Zzyzxfamily", "given": ["Qqgiven"]}], birthDate="1951-02-29")
    broken = {
        "resourceType": "Observation",
        "id": "o",
        "status": [],
        "subject": {"reference": "Patient/p1", "display": "Zzyzxfamily"},
    }
    for form in ("table", "outcome", "markdown"):
        done = guideway("apply", "-", *AS_OF, "--format", form, stdin=bundle_of(secret, broken))
        for stream in (done.stdout, done.stderr):
            assert b"Zzyzxfamily" not in stream
            assert b"Qqgiven" not in stream


# --- third-party material ---


def test_the_bad_input_collection_never_shows_a_traceback() -> None:
    """A process for each would be slow: all files are run through the command in this process."""
    import csv

    from guideway.cli.apply import OPTIONS, apply
    from guideway.cli.ending import ended
    from guideway.cli.options import quick

    folder = shared_folder("conformance/bad-input")
    with (folder / "manifest.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 102
    for row in rows:
        values = quick(OPTIONS, "bundles", [str(folder / row["file"]), *AS_OF, "-o", os.devnull])
        assert values is not None
        status = ended(lambda values=values: apply(**values))  # type: ignore[misc]
        assert status in (0, 2), row["file"]
        if row["class"] == "malformed_json":
            assert status == 2, row["file"]


def test_synthetic_patients_get_nothing_and_are_told_why() -> None:
    shown = text("--data", shared_folder("data/synthea/ndjson"), *AS_OF)
    assert shown.count("Nothing applies.") == 100
    assert shown.count("DOES NOT APPLY") == 100
    assert "COULD NOT BE EVALUATED" not in shown


@pytest.mark.parametrize("form", ["table", "markdown", "json", "bundle"])
def test_the_birth_date_is_not_shown(form: str) -> None:
    """An age rests on it; the age is enough."""
    born = json.loads(INTERRUPT.read_text("utf-8"))["entry"][0]["resource"]["birthDate"]
    shown = text(INTERRUPT, *AS_OF, "--format", form, "--explain")
    assert ("Age in years" in shown) is (form != "bundle")
    assert born not in shown
