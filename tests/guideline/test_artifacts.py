"""Every artifact conforms: CRMI shareable and publishable metadata, CPG profiles by kind, value sets, questionnaires, logic."""

from __future__ import annotations

import csv
import json
import re
from functools import cache
from typing import Any

import pytest

from tests.shared import shared_folder

from .support import BASE, ROOT, remarks

Json = dict[str, Any]
CPG = "http://hl7.org/fhir/uv/cpg/StructureDefinition/"
CRMI = "http://hl7.org/fhir/uv/crmi/StructureDefinition/"
CAPABILITY = "http://hl7.org/fhir/StructureDefinition/cqf-knowledgeCapability"
OWN = "https://example.org/guideway/StructureDefinition/"


@cache
def artifacts() -> dict[str, Json]:
    """Every artifact in the repository, by file name."""
    folders = (ROOT / "plandefinitions", ROOT / "valuesets")
    files = [f for folder in folders for f in folder.rglob("*.json") if re.match(r"[A-Z]\w+-", f.name)]
    return {file.name: json.loads(file.read_text("utf-8")) for file in sorted(files)}


def of_kind(kind: str) -> list[Json]:
    return [resource for resource in artifacts().values() if resource["resourceType"] == kind]


def actions_in(node: Json) -> list[Json]:
    return [found for action in node.get("action", []) for found in [action, *actions_in(action)]]


def profiles(resource: Json) -> set[str]:
    return set(resource["meta"]["profile"])


def capabilities(resource: Json) -> set[str]:
    return {e["valueCode"] for e in resource["extension"] if e["url"] == CAPABILITY}


def code_of(concept: Json) -> str:
    return str(concept["coding"][0]["code"])


# ---- all of them -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", artifacts())
def test_metadata(name: str) -> None:
    """CRMI shareable and publishable: what is 1..1, in a draft that claims no approval."""
    resource = artifacts()[name]
    kind = resource["resourceType"]
    assert name == f"{kind}-{resource['id']}.json"
    assert resource["url"] == f"{BASE}/{kind}/{resource['id']}"
    assert all(resource.get(field) for field in ("version", "name", "title", "description", "date", "publisher"))
    assert re.fullmatch(r"[A-Z]\w*", resource["name"])
    assert (resource["status"], resource["experimental"]) == ("draft", True)
    assert not {"approvalDate", "lastReviewDate", "reviewer", "endorser", "effectivePeriod"} & set(resource)
    assert {CRMI + f"crmi-shareable{kind.lower()}", CRMI + f"crmi-publishable{kind.lower()}"} <= profiles(resource)
    assert {"shareable", "computable", "publishable"} <= capabilities(resource)
    if kind in ("PlanDefinition", "ActivityDefinition"):
        assert "does not replace" in resource["usage"]
        assert resource["copyright"]


def test_validation_remarks_on_nothing() -> None:
    assert [f.as_text() for f in remarks()] == []


# ---- plans -----------------------------------------------------------------------------------------------------------

LEVEL = {
    "eca-rule": "cpg-recommendationdefinition",
    "workflow-definition": "cpg-strategydefinition",
    "clinical-protocol": "cpg-pathwaydefinition",
}
NOT_IN_STRATEGIES = {
    "type", "groupingBehavior", "requiredBehavior", "precheckBehavior", "cardinalityBehavior", "transform", "dynamicValue",
}  # fmt: skip
NOT_IN_PATHWAYS = NOT_IN_STRATEGIES | {"input", "output", "relatedAction", "selectionBehavior"}
LEADS_TO = {
    "eca-rule": "/ActivityDefinition/",
    "workflow-definition": "/PlanDefinition/",
    "clinical-protocol": "/PlanDefinition/",
}


@pytest.mark.parametrize("plan", of_kind("PlanDefinition"), ids=lambda plan: plan["id"])
def test_plan(plan: Json) -> None:
    level = code_of(plan["type"])
    assert CPG + LEVEL[level] in profiles(plan)
    assert len(plan.get("library", [])) <= 1
    assert plan["relatedArtifact"]
    for action in actions_in(plan):
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", action["id"])
        assert action["title"]
        assert action["description"]
        assert LEADS_TO[level] in action.get("definitionCanonical", LEADS_TO[level])
        if level != "eca-rule":
            assert action["code"]
            assert not (NOT_IN_STRATEGIES if level == "workflow-definition" else NOT_IN_PATHWAYS) & set(action)
        for condition in action.get("condition", []):
            assert condition["kind"] == "applicability"
            assert condition["expression"]["language"] == "text/cql-identifier"
            assert condition["expression"]["description"]


def test_branches_that_exclude_each_other_say_so() -> None:
    """The decisions on the dose for each count, the branches of a low count, the phases of vigilance: two of one group that apply
    would be told as a conflict."""
    groups: dict[str, set[str]] = {}
    for plan in of_kind("PlanDefinition"):
        for action in actions_in(plan):
            for extension in action.get("extension", []):
                if extension["url"].endswith("/exclusive-group"):
                    groups.setdefault(f"{plan['id']}#{extension['valueString']}", set()).add(action["id"])
    decisions = ("interrupt", "review-interrupt", "discontinue", "review-discontinue")
    for count in ("anc", "platelets"):
        found = groups[f"midostaurin-dose-modification#midostaurin-{count}"]
        assert found >= {f"{decision}-{count}" for decision in decisions}
        assert found >= {f"{decision}-{count}-low-baseline" for decision in decisions[:2]}
        assert found >= {f"resume-after-{count}", f"raise-after-{count}"}
    assert groups["leukopenia-in-mast-cell-activation#cytopenia-branch"] == {
        "on-midostaurin",
        "no-cytoreduction",
        "other-cytoreduction",
    }
    assert groups["cytoreductive-vigilance#toxicity-phase"] == {
        "toxicity-weekly",
        "toxicity-every-two-weeks",
        "toxicity-monthly",
    }


@pytest.mark.parametrize("plan", of_kind("PlanDefinition"), ids=lambda plan: plan["id"])
def test_recommendations_of_a_plan(plan: Json) -> None:
    """Strength, quality, direction and source of each; never a "must" on a drug; against and doNotPerform go together."""
    kinds = {a["url"]: a for a in of_kind("ActivityDefinition")}
    if code_of(plan["type"]) != "eca-rule":
        return
    for action in actions_in(plan):
        extensions: dict[str, Json] = {e["url"].rpartition("/")[2]: e for e in action.get("extension", [])}
        if "statement-id" not in extensions:
            continue
        strength = extensions["cqf-strengthOfRecommendation"]["valueCodeableConcept"]
        assert strength["text"]
        assert strength["coding"][0]["system"] == f"{BASE}/CodeSystem/recommendation-wording"
        assert code_of(extensions["cqf-qualityOfEvidence"]["valueCodeableConcept"]) == "not-graded"
        direction = code_of(extensions["cpg-directionOfRecommendation"]["valueCodeableConcept"])
        assert direction in ("for", "against")
        for source in action["documentation"]:
            assert source["type"] == "citation"
            from_overlay = "not from the source articles" in source["citation"]
            assert from_overlay or re.fullmatch(r"[a-z0-9-]+, lines? \d+(,\d+|-\d+)*", source["label"])
            assert from_overlay or "unresolved" in source["citation"] or "printed citation" not in source["citation"]
        activity = kinds.get(action.get("definitionCanonical", "").partition("|")[0])
        assert action.get("requiredBehavior") != "must"
        if activity is not None and activity["doNotPerform"]:
            assert direction == "against", action["id"]


# ---- activities ------------------------------------------------------------------------------------------------------

ACTIVITY = {
    "cpg-medicationrequestactivity": ("MedicationRequest", "order-medication"),
    "cpg-servicerequestactivity": ("ServiceRequest", "order-service"),
    "cpg-communicationactivity": ("CommunicationRequest", "send-message"),
    "cpg-collectinformationactivity": ("Task", "collect-information"),
    "cpg-holdactivity": ("Task", "hold-activity"),
    "cpg-stopactivity": ("Task", "stop-activity"),
    None: ("Task", None),
}


@pytest.mark.parametrize("activity", of_kind("ActivityDefinition"), ids=lambda activity: activity["id"])
def test_activity(activity: Json) -> None:
    (profile,) = [p.rpartition("/")[2] for p in profiles(activity) if p.startswith(CPG)] or [None]
    kind, pattern = ACTIVITY[profile]
    assert activity["kind"] == kind
    assert activity["intent"] == "proposal"
    assert isinstance(activity["doNotPerform"], bool)
    if pattern is not None:
        codes = {c["code"] for c in activity["code"]["coding"] if c["system"].endswith("/cpg-activity-type-cs")}
        assert codes == {pattern}
    if kind == "MedicationRequest":
        product = activity["productCodeableConcept"]
        by_class = [e for e in activity["extension"] if e["url"] == OWN + "orderable-value-set"]
        assert product.get("coding") or by_class or activity["doNotPerform"]
        for dosage in activity.get("dosage", []):
            for rate in dosage.get("doseAndRate", []):
                doses = [rate.get("doseQuantity"), *rate.get("doseRange", {}).values()]
                assert all(dose["system"] == "http://unitsofmeasure.org" and dose["code"] for dose in doses if dose)


DOSES = {
    "propose-second-generation-h1": "2 to 4 times the approved dose",
    "propose-non-sedating-h1": "2 to 4 times the standard dose",
    "propose-low-dose-prednisone": "0.5 mg/kg/day",
    "start-low-dose-naltrexone": "0.5 to 1.5 mg a day",
    "titrate-low-dose-naltrexone": "to 4.5 mg a day",
    "start-midostaurin": "100 mg by mouth twice daily with food",
    "resume-midostaurin-50": "50 mg twice daily",
    "raise-midostaurin-100": "100 mg twice daily",
}
"""The activities for which an article gives a dose, a multiple or a taper, and its words. The dose of cromolyn is the plan's."""


def test_a_dose_stands_where_an_article_gives_one_and_nowhere_else() -> None:
    dosed = {a["id"]: a["dosage"] for a in of_kind("ActivityDefinition") if a.get("dosage")}
    without = {"prescribe-two-auto-injectors"}
    assert set(dosed) == set(DOSES) | without
    for name in without:
        assert not any("doseAndRate" in d or "timing" in d or "mg" in d["text"] for d in dosed[name])
    for name, words in DOSES.items():
        assert any(words in d["text"] for d in dosed[name]), name


def test_structured_doses() -> None:
    """As structured FHIR: amounts and times, ranges, and per weight."""
    dosed = {a["id"]: a["dosage"][0] for a in of_kind("ActivityDefinition") if a.get("dosage")}
    for name, mg in (("start-midostaurin", 100), ("raise-midostaurin-100", 100), ("resume-midostaurin-50", 50)):
        quantity, repeat = dosed[name]["doseAndRate"][0]["doseQuantity"], dosed[name]["timing"]["repeat"]
        assert (quantity["value"], quantity["code"]) == (mg, "mg")
        assert (repeat["frequency"], repeat["period"], repeat["periodUnit"]) == (2, 1, "d")
    start = dosed["start-low-dose-naltrexone"]["doseAndRate"][0]["doseRange"]
    assert (start["low"]["value"], start["high"]["value"], start["high"]["code"]) == (0.5, 1.5, "mg")
    rate = dosed["propose-low-dose-prednisone"]["doseAndRate"][0]["rateQuantity"]
    assert (rate["value"], rate["code"]) == (0.5, "mg/kg/d")
    most = dosed["titrate-low-dose-naltrexone"]["maxDosePerPeriod"]
    assert (most["numerator"]["value"], most["numerator"]["code"], most["denominator"]["code"]) == (4.5, "mg", "d")
    multiple = dosed["propose-second-generation-h1"]["doseAndRate"][0]["rateRange"]
    assert (multiple["low"]["value"], multiple["high"]["value"]) == (2, 4)


# ---- value sets ------------------------------------------------------------------------------------------------------

NOTICE = {
    "http://loinc.org": "LOINC",
    "http://snomed.info/sct": "SNOMED",
    "http://www.nlm.nih.gov/research/umls/rxnorm": "National Library of Medicine",
    "http://hl7.org/fhir/sid/icd-10-cm": "ICD-10-CM",
}
SHORT = {"RxNorm": "rxnorm", "SNOMED": "sct", "LOINC": "loinc", "ICD10CM": "icd-10-cm"}


def members(value_set: Json) -> set[tuple[str, str, str]]:
    includes = value_set["compose"]["include"]
    assert all("filter" not in i and "valueSet" not in i for i in includes)
    return {(i["system"], c["code"], c.get("display", "")) for i in includes for c in i["concept"]}


@pytest.mark.parametrize("value_set", of_kind("ValueSet"), ids=lambda value_set: value_set["id"])
def test_value_set(value_set: Json) -> None:
    """Enumerated, the expansion identical, executable, with the notice of every system and nobody else's."""
    composed = members(value_set)
    expanded = {(c["system"], c["code"], c.get("display", "")) for c in value_set["expansion"]["contains"]}
    assert composed == expanded
    assert composed
    assert value_set["expansion"]["total"] == len(value_set["expansion"]["contains"])
    assert {CRMI + "crmi-computablevalueset", CRMI + "crmi-expandedvalueset"} <= profiles(value_set)
    assert "executable" in capabilities(value_set)
    systems = {system for system, _, _ in composed}
    said = value_set.get("copyright", "")
    assert {notice for system, notice in NOTICE.items() if system in systems} == {n for n in NOTICE.values() if n in said}


def test_every_code_is_verified() -> None:
    """Each code of a standard system has a row of confidence verified in the shared list, with that display."""
    with (shared_folder("terminology") / "codes.csv").open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    verified = {(SHORT[r["system"]], r["code"]) for r in rows if r["confidence"].startswith("verified") and r["system"] in SHORT}
    used = {
        (system.rpartition("/")[2], code) for v in of_kind("ValueSet") for system, code, _ in members(v) if BASE not in system
    }
    activities = json.dumps(of_kind("ActivityDefinition"))
    for system, code in re.findall(r'"system": "([^"]+)", "code": "([^"]+)"', activities):
        if system in NOTICE:
            used.add((system.rpartition("/")[2], code))
    standard = {(system if system != "loinc.org" else "loinc", code) for system, code in used}
    known = set(SHORT.values())
    assert sorted(pair for pair in standard if pair[0] in known and pair not in verified) == []
    assert len([pair for pair in standard if pair[0] in known]) > 300


def test_local_codes_are_our_own_code_systems_and_all_used() -> None:
    declared = {(s["url"], c["code"]) for s in of_kind("CodeSystem") for c in s["concept"]}
    used = {(system, code) for v in of_kind("ValueSet") for system, code, _ in members(v) if BASE in system}
    assert used <= declared


# ---- logic and questions ---------------------------------------------------------------------------------------------


@cache
def libraries() -> dict[str, str]:
    return {file.stem: file.read_text("utf-8") for file in (ROOT / "plandefinitions").rglob("*.cql")}


def bodies() -> dict[tuple[str, str], str]:
    """Each define and function of each library with its text."""
    found = {}
    for library, text in libraries().items():
        bare = re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.DOTALL)
        parts = re.split(r'^define (?:(?:fluent )?function )?("[^"]+"|\w+)', bare, flags=re.MULTILINE)
        for name, body in zip(parts[1::2], parts[2::2], strict=True):
            key = (library, name.strip('"'))
            found[key] = found.get(key, "") + body
    return found


ELEMENTS_ONLY = {("MastCellLabElements", "Tryptase"), ("MastCellLabElements", "White Cell Count")}
"""Measurements that no condition may rest on (conflicts C21, C34); as elements they can still be asked for and set."""


def test_every_define_is_reached_from_an_action() -> None:
    """Retrieves, elements and functions that no plan comes to in the end have no place here."""
    texts, aliases = bodies(), {}
    for library, text in libraries().items():
        aliases[library] = {alias: name for name, alias in re.findall(r"^include (\w+) version '[^']+' called (\w+)", text, re.M)}
    fluent = {name: library for library, name in texts if re.fullmatch(r"[a-z]\w*", name)}
    pending = [
        (plan["library"][0].partition("|")[0].rpartition("/")[2], name)
        for plan in of_kind("PlanDefinition")
        if plan.get("library")
        for action in actions_in(plan)
        for name in re.findall(r'"expression": "([^"]+)"', json.dumps(action))
    ]
    pending += ELEMENTS_ONLY
    reached: set[tuple[str, str]] = set()
    while pending:
        key = pending.pop()
        if key in reached or key not in texts:
            continue
        reached.add(key)
        library, body = key[0], texts[key]
        for alias, name in re.findall(r'(?:\b(\w+)\.)?"([^"]+)"', body):
            pending.append((aliases[library].get(alias, library) if alias else library, name))
        pending += [(fluent[name], name) for name in re.findall(r"\.([a-z]\w*)\(", body) if name in fluent]
    assert set(texts) >= ELEMENTS_ONLY
    assert sorted(set(texts) - reached) == []


def test_every_question_is_read_and_every_link_leads_to_one() -> None:
    items = {(q["url"], i["linkId"]) for q in of_kind("Questionnaire") for i in questions(q)}
    linked = set()
    for text in libraries().values():
        linked |= {tuple(found.split("#")) for found in re.findall(r"@question: (\S+#\w+)", text)}
    assert linked <= items
    assert items - linked == set()


def questions(node: Json) -> list[Json]:
    """The items that take an answer."""
    nested = [found for item in node.get("item", []) for found in [item, *questions(item)]]
    return [item for item in nested if item["type"] not in ("group", "display")]


def test_the_readme_names_every_folder() -> None:
    text = (ROOT / "plandefinitions/README.md").read_text("utf-8")
    folders = [folder.name for folder in (ROOT / "plandefinitions").iterdir() if folder.is_dir()]
    assert [name for name in folders if f"`{name}`" not in text and f"`{name}/`" not in text] == []


def test_folders() -> None:
    """A folder with a recommendation has its logic, and every activity in it belongs to it."""
    for folder in sorted((ROOT / "plandefinitions").iterdir()):
        if not folder.is_dir() or folder.name in ("library", "questionnaires", "shared-activities"):
            continue
        plans = [json.loads(f.read_text("utf-8")) for f in folder.glob("PlanDefinition-*.json")]
        assert plans, folder.name
        assert list(folder.glob("*.cql")), folder.name
        used = json.dumps(plans)
        others = [json.dumps(p) for p in of_kind("PlanDefinition") if p["id"] not in {q["id"] for q in plans}]
        for file in folder.glob("ActivityDefinition-*.json"):
            canonical = f"/{file.stem.replace('-', '/', 1)}|"
            assert canonical in used, file.name
            assert not any(canonical in other for other in others), f"{file.name} belongs into shared-activities"
