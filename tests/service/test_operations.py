"""The operations under /fhir as a client meets them: good input, and input that is wrong in every way."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from tests.apply.small import BASE
from tests.service.ehr import COUNT, PATIENT, RX, Service, write_guideline
from tests.service.local import local
from tests.service.test_requirements_requests import problem

from guideway.fhir.structure import check
from guideway.guideline.package import Artifact
from guideway.service.cql_process import CqlProcess
from guideway.service.value_sets import validation
from guideway.terminology.expansion import Member

Json = dict[str, Any]
AS_OF = {"name": "asOf", "valueDateTime": "2026-06-01"}
SUBJECT = {"name": "subject", "valueString": "Patient/p"}


@pytest.fixture(scope="module")
def fhir(tmp_path_factory: pytest.TempPathFactory, small: Any) -> Iterator[Service]:
    with local(tmp_path_factory.mktemp("fhir"), small, cql_operation=True) as service:
        yield service


def parameters(*entries: Json) -> Json:
    return {"resourceType": "Parameters", "parameter": list(entries)}


def data(*resources: Json) -> Json:
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in resources]}
    return {"name": "data", "resource": bundle}


def case(*more: Json) -> Json:
    return parameters(SUBJECT, AS_OF, data(PATIENT, COUNT, RX), *more)


def good(answer: Any) -> Json:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/fhir+json")
    result: Json = answer.json()
    return result


def where(name: str) -> list[str]:
    return [f"Parameters.parameter.where(name='{name}')"]


def titles(plan: Json) -> list[str]:
    """The titles of a CarePlan's RequestGroup actions, nested ones included."""
    groups = [r for r in plan["contained"] if r["resourceType"] == "RequestGroup"]
    found, pending = [], [action for group in groups for action in group["action"]]
    while pending:
        action = pending.pop(0)
        found.append(action.get("title", ""))
        pending += action.get("action", [])
    return found


# -- reading


@pytest.mark.parametrize("kind", ["ActivityDefinition", "Library", "PlanDefinition", "Questionnaire", "ValueSet"])
def test_artifacts_of_each_type_are_found_and_read(fhir: Service, kind: str) -> None:
    bundle = good(fhir.get(f"/fhir/{kind}"))
    assert bundle["type"] == "searchset"
    assert bundle["total"] == len(bundle["entry"]) > 0
    for entry in bundle["entry"]:
        resource = entry["resource"]
        assert good(fhir.get(f"/fhir/{kind}/{resource['id']}")) == resource
        assert good(fhir.get(f"/fhir/{kind}", params={"url": resource["url"]}))["total"] == 1


def test_pages_of_a_search_lead_to_everything_once(fhir: Service) -> None:
    url: str | None = "/fhir/ValueSet?_count=2"
    seen: list[str] = []
    while url:
        bundle = good(fhir.get(url))
        seen += [e["resource"]["id"] for e in bundle["entry"]]
        url = next((link["url"].removeprefix(fhir.base) for link in bundle["link"] if link["relation"] == "next"), None)
    assert len(seen) == len(set(seen)) == bundle["total"] > 2


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("_count=x", 400),
        ("_offset=-1", 400),
        ("colour=red", 400),
        ("name:exact=none", 200),
        ("_count=0", 200),
        ("status=a,b", 200),
    ],
)
def test_odd_searches(fhir: Service, query: str, status: int) -> None:
    answer = fhir.get(f"/fhir/PlanDefinition?{query}")
    assert answer.status_code == status
    assert answer.json()["resourceType"] == ("Bundle" if status == 200 else "OperationOutcome")


def test_what_is_not_there(fhir: Service) -> None:
    problem(fhir.get("/fhir/PlanDefinition/none"), 404)
    problem(fhir.get("/fhir/Patient/p"), 404)
    problem(fhir.get("/fhir/Patient"), 404)
    problem(fhir.get("/nothing"), 404)


def test_metadata_names_every_operation_that_there_is(fhir: Service) -> None:
    from guideway.service.operations import OPERATIONS

    statement = good(fhir.get("/fhir/metadata"))
    assert statement["resourceType"] == "CapabilityStatement"
    assert statement["fhirVersion"] == "4.0.1"
    (rest,) = statement["rest"]
    named = {(r["type"], f"${o['name']}") for r in rest["resource"] for o in r.get("operation", ())}
    assert named == {(kind, name) for kind, name, *_ in OPERATIONS}
    assert [o["name"] for o in rest["operation"]] == ["cql"]
    assert statement["url"].endswith("/fhir/metadata")
    defined = {o["name"]: o["definition"] for r in rest["resource"] for o in r.get("operation", ())}
    assert defined["package"].endswith("/uv/crmi/OperationDefinition/crmi-package")
    assert defined["evaluate"].endswith("/uv/cql/OperationDefinition/cql-library-evaluate")


def test_metadata_of_the_terminology(fhir: Service) -> None:
    found = good(fhir.get("/fhir/metadata?mode=terminology"))
    assert found["resourceType"] == "TerminologyCapabilities"
    assert check(found) == []
    assert {p["name"] for p in found["expansion"]["parameter"]} == {"filter", "offset", "count", "activeOnly"}
    for mode in ("full", "normative"):
        assert good(fhir.get(f"/fhir/metadata?mode={mode}"))["resourceType"] == "CapabilityStatement"
    problem(fhir.get("/fhir/metadata?mode=other"), 400)


@pytest.mark.parametrize("operation", ["PlanDefinition/main/$apply", "PlanDefinition/main/$r5.apply"])
def test_where_reasons_take_too_long_apply_gives_a_result_without_them_and_says_so(
    fhir: Service, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    from guideway.apply.explain import Explainer
    from guideway.service import lanes

    def endless(*arguments: object, **options: object) -> None:
        while True:
            sum(range(100))

    def proposed(text: str) -> int:
        return text.count('"proposal"')

    whole = fhir.post(f"/fhir/{operation}", case())
    told = "could not be worked out in time: what applies is told without them"
    assert told not in whole.text
    monkeypatch.setattr(Explainer, "explain", endless)
    monkeypatch.setattr(lanes, "ENOUGH", 0.02)
    short = fhir.post(f"/fhir/{operation}", case())
    good(short)
    assert told in short.text
    assert proposed(short.text) == proposed(whole.text) > 0


def test_data_with_too_many_resources_is_refused(fhir: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fhir.runtime.settings, "max_entries", 2)
    for path in ("PlanDefinition/main/$apply", "Library/Logic/$evaluate"):
        answer = fhir.post(f"/fhir/{path}", case())
        assert problem(answer, 413)["expression"] == where("data")


def test_an_encounter_that_is_not_in_the_data_is_told(fhir: Service) -> None:
    reference = {"name": "encounter", "valueString": "Encounter/e"}
    encounter = {"resourceType": "Encounter", "id": "e", "status": "finished", "class": {"code": "AMB"}}
    encounter["subject"] = {"reference": "Patient/p"}
    told = "encounter: Encounter/e is not in the data"
    assert told in fhir.post("/fhir/PlanDefinition/main/$apply", case(reference)).text
    given = parameters(SUBJECT, AS_OF, data(PATIENT, COUNT, RX, encounter), reference)
    assert told not in fhir.post("/fhir/PlanDefinition/main/$apply", given).text


# -- $apply


def test_apply_by_id_by_url_and_as_a_bundle(fhir: Service) -> None:
    by_id = good(fhir.post("/fhir/PlanDefinition/main/$apply", case()))
    assert by_id["resourceType"] == "CarePlan"
    assert by_id["subject"]["reference"] == "Patient/p"
    assert {"Take tablet A", "Stop tablet A"} <= set(titles(by_id))
    url = {"name": "url", "valueUri": f"{BASE}/PlanDefinition/main"}
    by_url = good(fhir.post("/fhir/PlanDefinition/$apply", case(url)))
    assert titles(by_url) == titles(by_id)
    for path, form in (("$apply", [{"name": "_outputForm", "valueCode": "bundle"}]), ("$r5.apply", [])):
        bundle = good(fhir.post(f"/fhir/PlanDefinition/main/{path}", case(*form)))
        assert bundle["resourceType"] == "Bundle"
        assert {"RequestGroup", "MedicationRequest"} <= {e["resource"]["resourceType"] for e in bundle["entry"]}


@pytest.mark.parametrize("policy", ["cpg", "cqf", "spec"])
@pytest.mark.parametrize("form", ["careplan", "bundle", "requests"])
def test_every_result_bears_the_draft_banner(fhir: Service, policy: str, form: str) -> None:
    given = case({"name": "policy", "valueCode": policy}, {"name": "_outputForm", "valueCode": form})
    made = good(fhir.post("/fhir/PlanDefinition/main/$apply", given))
    own = made.get("extension", []) + made.get("meta", {}).get("extension", [])
    assert any("clinical" in json.dumps(extension) for extension in own)


def test_apply_by_get_needs_the_data_as_well(fhir: Service) -> None:
    problem(fhir.get("/fhir/PlanDefinition/main/$apply?subject=Patient/p"), 400)


def test_apply_data_of_others_decides_nothing(fhir: Service) -> None:
    other = {"resourceType": "Patient", "id": "q", "birthDate": "1990-01-01"}
    theirs = [r | {"id": f"{r['id']}-q", "subject": {"reference": "Patient/q"}} for r in (COUNT, RX)]
    mixed = good(fhir.post("/fhir/PlanDefinition/main/$apply", parameters(SUBJECT, AS_OF, data(PATIENT, other, *theirs))))
    alone = good(fhir.post("/fhir/PlanDefinition/main/$apply", parameters(SUBJECT, AS_OF, data(PATIENT))))
    assert titles(mixed) == titles(alone)
    assert "Stop tablet A" not in titles(mixed)


def test_apply_several_subjects_give_one_result_each(fhir: Service) -> None:
    other = {"resourceType": "Patient", "id": "q", "birthDate": "1990-01-01"}
    both = [SUBJECT, {"name": "subject", "valueString": "Patient/q"}]
    result = good(fhir.post("/fhir/PlanDefinition/main/$apply", parameters(*both, AS_OF, data(PATIENT, other, RX))))
    assert [p["resource"]["subject"]["reference"] for p in result["parameter"]] == ["Patient/p", "Patient/q"]
    group = {"resourceType": "Group", "id": "g", "member": [{"entity": {"reference": f"Patient/{n}"}} for n in "pq"]}
    of_group = parameters({"name": "subject", "valueString": "Group/g"}, AS_OF, data(PATIENT, other, RX, group))
    assert len(good(fhir.post("/fhir/PlanDefinition/main/$apply", of_group))["parameter"]) == 2


def test_apply_prefetch_data_counts_like_data(fhir: Service) -> None:
    part = [{"name": "key", "valueString": "x"}, {"name": "data", "resource": data(RX)["resource"]}]
    body = parameters(SUBJECT, AS_OF, data(PATIENT), {"name": "prefetchData", "part": part})
    assert "Stop tablet A" in titles(good(fhir.post("/fhir/PlanDefinition/main/$apply", body)))


def test_apply_parameters_of_the_logic(fhir: Service) -> None:
    limit = parameters({"name": "Limit", "valueDecimal": 0.5})
    result = good(fhir.post("/fhir/PlanDefinition/main/$apply", case({"name": "parameters", "resource": limit})))
    assert "Take tablet A" not in titles(result)


def test_an_activity_by_id_and_by_url(fhir: Service) -> None:
    by_id = good(fhir.post("/fhir/ActivityDefinition/take-a/$apply", case()))
    assert by_id["resourceType"] == "MedicationRequest"
    assert by_id["subject"]["reference"] == "Patient/p"
    url = {"name": "activityDefinition", "valueCanonical": f"{BASE}/ActivityDefinition/take-a"}
    assert good(fhir.post("/fhir/ActivityDefinition/$apply", case(url)))["resourceType"] == "MedicationRequest"


# -- the other operations of plans and libraries


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_data_requirements_and_package(fhir: Service, method: str) -> None:
    content = {"json": parameters()} if method == "POST" else {}
    library = good(fhir.request(method, "/fhir/PlanDefinition/main/$data-requirements", **content))
    assert library["resourceType"] == "Library"
    assert {"Observation", "MedicationRequest"} <= {r["type"] for r in library["dataRequirement"]}
    bundle = good(fhir.request(method, "/fhir/PlanDefinition/main/$package", **content))
    kinds = {e["resource"]["resourceType"] for e in bundle["entry"]}
    assert {"PlanDefinition", "ActivityDefinition", "Library", "ValueSet"} <= kinds
    assert bundle["entry"][0]["resource"]["id"] == "main"


def test_evaluate_all_defines_or_some(fhir: Service) -> None:
    everything = good(fhir.post("/fhir/Library/Logic/$evaluate", case()))
    assert {"Count Is Low", "On Tablet A"} <= {p["name"] for p in everything["parameter"]}
    one = good(fhir.post("/fhir/Library/Logic/$evaluate", case({"name": "expression", "valueString": "Count Is Low"})))
    assert one["parameter"] == [{"name": "Count Is Low", "valueBoolean": True}]
    problem(fhir.post("/fhir/Library/Logic/$evaluate", case({"name": "expression", "valueString": "None Such"})), 400)


def test_a_library_without_defines_has_no_values(tmp_path: Path) -> None:
    package = write_guideline(tmp_path / "g")
    (package / "Words.cql").write_text("library Words version '1.0.0'\ncodesystem \"Local\": 'http://example.org/local'\n")
    with local(tmp_path / "s", package) as service:
        assert good(service.post("/fhir/Library/Words/$evaluate", case())) == {"resourceType": "Parameters"}


def expression(text: str, *more: Json) -> Json:
    return parameters({"name": "expression", "valueString": text}, *more)


def test_cql_by_get_and_post_with_a_patient_and_with_a_library(fhir: Service) -> None:
    assert good(fhir.get("/fhir/$cql", params={"expression": "1 + 1"}))["parameter"] == [{"name": "return", "valueInteger": 2}]
    of_patient = expression("Count([MedicationRequest])", SUBJECT, AS_OF, data(PATIENT, RX))
    assert good(fhir.post("/fhir/$cql", of_patient))["parameter"][0]["valueInteger"] == 1
    library = {"name": "library", "part": [{"name": "url", "valueCanonical": f"{BASE}/Library/Logic"}]}
    with_library = expression('"Logic"."Count Is Low"', library, SUBJECT, AS_OF, data(PATIENT, COUNT))
    assert good(fhir.post("/fhir/$cql", with_library))["parameter"][0]["valueBoolean"] is True
    of_nobody = of_patient | {"parameter": [p for p in of_patient["parameter"] if p["name"] != "subject"]}
    assert "name='subject'" in problem(fhir.post("/fhir/$cql", of_nobody), 400)["expression"][0]


def test_cql_an_expression_that_would_run_for_ever_is_ended_and_the_next_one_answered(tmp_path: Any, small: Any) -> None:
    with local(tmp_path, small, cql_operation=True, deadline_seconds=3) as service:
        endless = expression("Matches('" + "a" * 40 + "!', '(a+)+$')")
        problem(service.post("/fhir/$cql", endless), 504)
        assert good(service.post("/fhir/$cql", expression("1")))["parameter"][0]["valueInteger"] == 1


def test_cql_a_result_is_bounded(fhir: Service) -> None:
    doubled = expression("({" + ", ".join("0" for _ in range(24)) + "}) X aggregate R starting 'aaaa': R + R")
    assert "larger than" in problem(fhir.post("/fhir/$cql", doubled), 400)["diagnostics"]
    assert good(fhir.post("/fhir/$cql", expression("1")))["parameter"][0]["valueInteger"] == 1


def test_cql_an_answer_that_nobody_waited_for_is_given_to_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stopped(BaseException):
        pass

    class Line:
        answers: ClassVar[list[Any]] = [Stopped(), ("result", {"of": "the next"})]

        def send(self, question: Any) -> None:
            pass

        def poll(self, seconds: float) -> bool:
            return True

        def recv(self) -> Any:
            found = self.answers.pop(0)
            if isinstance(found, BaseException):
                raise found
            return found

    ended: list[bool] = []
    process = CqlProcess(None, 1)
    monkeypatch.setattr(process, "_open", Line)
    monkeypatch.setattr(process, "_end", lambda: ended.append(True))
    with pytest.raises(Stopped):
        process.evaluate("1")
    assert ended == [True]
    assert process.evaluate("2") == {"of": "the next"}
    assert ended == [True]


def test_cql_can_be_switched_off(tmp_path: Any, small: Any) -> None:
    with local(tmp_path, small, cql_operation=False) as service:
        problem(service.post("/fhir/$cql", expression("1")), 403)
        assert "operation" not in service.get("/fhir/metadata").json()["rest"][0]
        assert "/fhir/$cql" not in service.get("/openapi.json").json()["paths"]
        assert "/fhir/{type}" in service.get("/openapi.json").json()["paths"]


# -- value sets


def test_every_value_set_of_the_package_is_expanded(fhir: Service) -> None:
    for entry in good(fhir.get("/fhir/ValueSet"))["entry"]:
        resource = entry["resource"]
        expanded = good(fhir.get(f"/fhir/ValueSet/{resource['id']}/$expand"))
        assert expanded["url"] == resource["url"]
        assert expanded["expansion"]["total"] == len(expanded["expansion"]["contains"]) > 0
        member = expanded["expansion"]["contains"][0]
        query = {"system": member["system"], "code": member["code"]}
        answer = good(fhir.get(f"/fhir/ValueSet/{resource['id']}/$validate-code", params=query))
        assert answer["parameter"][0] == {"name": "result", "valueBoolean": True}
        answer = good(fhir.get(f"/fhir/ValueSet/{resource['id']}/$validate-code", params=query | {"code": "none"}))
        assert answer["parameter"][0] == {"name": "result", "valueBoolean": False}


def test_expand_by_url_filtered_and_in_pages(fhir: Service) -> None:
    (entry, *_) = good(fhir.get("/fhir/ValueSet"))["entry"]
    url = {"name": "url", "valueUri": entry["resource"]["url"]}
    whole = good(fhir.post("/fhir/ValueSet/$expand", parameters(url)))["expansion"]
    code = whole["contains"][0]["code"]
    found = good(fhir.post("/fhir/ValueSet/$expand", parameters(url, {"name": "filter", "valueString": code.upper()})))
    assert code in {c["code"] for c in found["expansion"]["contains"]}
    none = good(fhir.post("/fhir/ValueSet/$expand", parameters(url, {"name": "count", "valueInteger": 0})))["expansion"]
    assert none["total"] == whole["total"]
    assert "contains" not in none


def test_validate_codings_concepts_and_codes_without_a_system(fhir: Service) -> None:
    (entry, *_) = good(fhir.get("/fhir/ValueSet"))["entry"]
    path = f"/fhir/ValueSet/{entry['resource']['id']}"
    member = good(fhir.get(f"{path}/$expand"))["expansion"]["contains"][0]
    coding = {"system": member["system"], "code": member["code"]}
    for body, expected in (
        (parameters({"name": "coding", "valueCoding": coding}), True),
        (parameters({"name": "codeableConcept", "valueCodeableConcept": {"coding": [{"code": "x"}, coding]}}), True),
        (parameters({"name": "codeableConcept", "valueCodeableConcept": {"coding": [{"code": "x"}]}}), False),
        (parameters({"name": "code", "valueCode": member["code"]}, {"name": "inferSystem", "valueBoolean": True}), True),
    ):
        assert good(fhir.post(f"{path}/$validate-code", body))["parameter"][0]["valueBoolean"] is expected
    two = parameters({"name": "coding", "valueCoding": coding}, {"name": "code", "valueCode": "x"})
    for body in (parameters(), two, parameters({"name": "code", "valueCode": member["code"]})):
        problem(fhir.post(f"{path}/$validate-code", body), 400)


SYSTEM = f"{BASE}/CodeSystem/local"
MEMBERS = (Member(system=SYSTEM, code="a", display="Tablet A", version="2"), Member(system=SYSTEM, code="b", display="B"))
SET = Artifact({"resourceType": "ValueSet", "id": "v", "url": f"{BASE}/ValueSet/v"}, "v.json")


@pytest.mark.parametrize(
    ("coding", "result", "words"),
    [
        ({"code": "a", "system": SYSTEM, "display": "tablet  a"}, True, ""),
        ({"code": "a", "system": SYSTEM, "display": "Completely different"}, False, "'Tablet A', not"),
        ({"code": "a", "system": SYSTEM, "version": "2"}, True, ""),
        ({"code": "a", "system": SYSTEM, "version": "1999"}, False, "of version 2"),
        ({"code": "b", "system": SYSTEM, "version": "1999"}, True, "was not checked"),
        ({"code": "a"}, False, "no system|a is not in"),
    ],
)
def test_what_comes_with_a_code_is_validated_too(coding: Json, result: bool, words: str) -> None:
    found = {p["name"]: p for p in validation(SET, MEMBERS, [coding], infer=False)["parameter"]}
    assert found["result"]["valueBoolean"] is result
    assert words in found.get("message", {}).get("valueString", "")
    assert ("message" in found) is bool(words)


def test_a_code_of_several_systems_is_not_inferred() -> None:
    members = (*MEMBERS, Member(system="http://other", code="a"))
    found = validation(SET, members, [{"code": "a"}], infer=True)["parameter"]
    assert found[0]["valueBoolean"] is False
    assert "several systems" in found[1]["valueString"]


def test_an_expansion_says_what_was_chosen(fhir: Service) -> None:
    (entry, *_) = good(fhir.get("/fhir/ValueSet"))["entry"]
    path = f"/fhir/ValueSet/{entry['resource']['id']}/$expand"
    whole, again = (good(fhir.get(path))["expansion"] for _ in range(2))
    part = good(fhir.get(f"{path}?filter=a&count=1&activeOnly=true"))["expansion"]
    assert whole["identifier"] == again["identifier"] != part["identifier"]
    assert "parameter" not in whole
    assert {p["name"]: p.get("valueString", p.get("valueInteger", p.get("valueBoolean"))) for p in part["parameter"]} == {
        "filter": "a",
        "count": 1,
        "activeOnly": True,
    }


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("url=zzz", 400), ("version=9", 400), ("valueSetVersion=9", 400), ("activeOnly=maybe", 400), ("date=2026-01-01", 400),
        ("displayLanguage=de", 400), ("includeDesignations=true", 400), ("includeDesignations=false", 200),
    ],
)  # fmt: skip
def test_what_an_expansion_does_not_do_is_refused(fhir: Service, query: str, status: int) -> None:
    (entry, *_) = good(fhir.get("/fhir/ValueSet"))["entry"]
    answer = fhir.get(f"/fhir/ValueSet/{entry['resource']['id']}/$expand?{query}")
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"name": "url", "valueUri": f"{BASE}/PlanDefinition/orders"}, 400),
        ({"name": "url", "valueUri": f"{BASE}/PlanDefinition/main"}, 200),
        ({"name": "encounter", "valueString": "<script>"}, 400),
        ({"name": "encounter", "valueString": "Encounter/e"}, 200),
        ({"name": "encounter", "valueString": "e"}, 400),
        ({"name": "practitioner", "valueString": "d"}, 400),
        ({"name": "practitioner", "valueString": "Practitioner/d"}, 200),
        ({"name": "useServerData", "valueBoolean": True}, 400),
        ({"name": "useServerData", "valueBoolean": False}, 200),
    ],
)
def test_apply_takes_what_it_uses_and_no_more(fhir: Service, more: Json, status: int) -> None:
    answer = fhir.post("/fhir/PlanDefinition/main/$apply", case(more))
    assert answer.status_code == status, answer.text


def test_an_artifact_has_a_version_that_is_its_contents(fhir: Service) -> None:
    first, other = (fhir.get(f"/fhir/PlanDefinition/{name}") for name in ("main", "orders"))
    assert first.headers["ETag"] == f'W/"{first.json()["meta"]["versionId"]}"' != other.headers["ETag"]


# -- bad input


def changed(name: str, value: Json) -> Json:
    body = copy.deepcopy(case())
    body["parameter"] = [e for e in body["parameter"] if e["name"] != name] + [value]
    return body


def resource(name: str, content: Any) -> Json:
    return {"name": name, "resource": content}


BAD: dict[str, tuple[Any, list[str] | None]] = {
    "nothing": (b"", where("subject")),
    "nul": (b"\x00", None),
    "null": (b"null", None),
    "a list": (b"[]", None),
    "half": (b"{", None),
    "not UTF-8": (b'{"a": "\xff"}', None),
    "UTF-16": ("{}".encode("utf-16"), None),
    "NaN": (b'{"a": NaN}', None),
    "a huge number": (b'{"a": 1e999999999}', None),
    "deep": (b'{"a":' + b"[" * 300 + b"]" * 300 + b"}", None),
    "another resource": ({"resourceType": "Patient"}, ["Parameters"]),
    "parameter is no array": ({"resourceType": "Parameters", "parameter": {}}, ["Parameters"]),
    "null in parameter": ({"resourceType": "Parameters", "parameter": [None]}, ["Parameters.parameter[0]"]),
    "a parameter without name": (parameters({}), ["Parameters.parameter[0]"]),
    "unknown parameter": (case({"name": "parametrs", "valueString": "x"}), ["Parameters.parameter[3]"]),
    "no subject": (parameters(data(PATIENT)), where("subject")),
    "subject is a number": (changed("subject", {"name": "subject", "valueInteger": 5}), where("subject")),
    "subject is nobody": (changed("subject", {"name": "subject", "valueReference": {}}), where("subject")),
    "subject is another": (changed("subject", {"name": "subject", "valueString": "Patient/q"}), where("subject")),
    "subject is a path": (changed("subject", {"name": "subject", "valueString": "/../"}), where("subject")),
    "a group that is not there": (changed("subject", {"name": "subject", "valueString": "Group/g"}), where("subject")),
    "no data": (parameters(SUBJECT), where("data")),
    "data is text": (changed("data", {"name": "data", "valueString": "x"}), where("data")),
    "data is a list": (changed("data", resource("data", [])), where("data")),
    "data has no type": (changed("data", resource("data", {"id": "x"})), where("data")),
    "data without the patient": (changed("data", data(COUNT)), where("data")),
    "entry is no array": (changed("data", resource("data", {"resourceType": "Bundle", "entry": 5})), where("data")),
    "entry of null": (changed("data", resource("data", {"resourceType": "Bundle", "entry": [None]})), where("data")),
    "asOf": (changed("asOf", {"name": "asOf", "valueString": "yesterday"}), where("asOf")),
    "asOf in the year 0": (changed("asOf", {"name": "asOf", "valueString": "0000-01-01"}), where("asOf")),
    "asOf out of range": (changed("asOf", {"name": "asOf", "valueString": "0001-01-01T00:00:00+14:00"}), where("asOf")),
    "asOf twice": (case(AS_OF), where("asOf")),
    "parameters is text": (case({"name": "parameters", "valueString": "x"}), where("parameters")),
    "parameters is no array": (
        case(resource("parameters", {"resourceType": "Parameters", "parameter": 5})),
        where("parameters"),
    ),
    "a parameter of the logic without name": (
        case(resource("parameters", parameters({"valueString": "x"}))),
        where("parameters"),
    ),
    "no such parameter of the logic": (
        case(resource("parameters", parameters({"name": "Nope", "valueString": "x"}))),
        where("parameters"),
    ),
    "policy": (case({"name": "policy", "valueString": "none"}), where("policy")),
    "form": (case({"name": "_outputForm", "valueCode": "xml"}), where("_outputForm")),
    "user type is text": (case({"name": "userType", "valueString": "x"}), where("userType")),
    "user type without codings": (case({"name": "userType", "valueCodeableConcept": {"coding": 5}}), where("userType")),
    "user type names nothing": (case({"name": "userType", "valueCodeableConcept": {}}), where("userType")),
    "setting is twice, and one names nothing": (
        case(*({"name": "setting", "valueCodeableConcept": {"coding": [c]}} for c in ({"code": "icu"}, {"system": "urn:x"}))),
        where("setting"),
    ),
    "encounter is a number": (case({"name": "encounter", "valueInteger": 1}), where("encounter")),
}


def send(service: Service, path: str, body: Any) -> Any:
    content = {"content": body} if isinstance(body, bytes) else {"json": body}
    return service.request("POST", path, headers={"Content-Type": "application/fhir+json"}, **content)


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_told_with_its_place(fhir: Service, name: str) -> None:
    body, expected = BAD[name]
    issue = problem(send(fhir, "/fhir/PlanDefinition/main/$apply", body), 400)
    assert issue.get("expression") == expected


ODD_DATA = {
    "birth date": [PATIENT | {"birthDate": "x"}],
    "birth date is a number": [PATIENT | {"birthDate": 5}],
    "name is a number": [PATIENT | {"name": 5}],
    "value is a number": [PATIENT, COUNT | {"valueQuantity": 5}],
    "value is text": [PATIENT, COUNT | {"valueQuantity": COUNT["valueQuantity"] | {"value": "low"}}],
    "code is a list": [PATIENT, COUNT | {"code": [1]}],
    "date is an object": [PATIENT, COUNT | {"effectiveDateTime": {"a": 1}}],
    "contained itself": [PATIENT, COUNT | {"contained": [{"resourceType": "Patient", "id": "x", "link": {"other": "#x"}}]}],
    "an unknown type": [PATIENT, {"resourceType": "Nonsense", "id": "n"}],
}


@pytest.mark.parametrize("name", ODD_DATA)
def test_odd_data_never_fails_the_service(fhir: Service, name: str) -> None:
    for path in ("PlanDefinition/main/$apply", "ActivityDefinition/take-a/$apply", "Library/Logic/$evaluate"):
        answer = fhir.post(f"/fhir/{path}", parameters(SUBJECT, AS_OF, data(*ODD_DATA[name])))
        assert answer.status_code in (200, 400), answer.text
        assert answer.json()["resourceType"]


EVERYWHERE = [
    "PlanDefinition/main/$apply", "PlanDefinition/$apply", "PlanDefinition/none/$apply", "PlanDefinition/main/$r5.apply",
    "PlanDefinition/main/$data-requirements", "PlanDefinition/main/$package", "ActivityDefinition/take-a/$apply",
    "Library/Logic/$evaluate", "Library/$evaluate", "ValueSet/$expand", "ValueSet/$validate-code", "$cql",
]  # fmt: skip


@pytest.mark.parametrize("path", EVERYWHERE)
def test_no_bad_input_fails_any_operation(fhir: Service, path: str) -> None:
    more = {
        "url twice": parameters({"name": "url", "valueUri": "a"}, {"name": "url", "valueUri": "b"}),
        "url is a number": parameters({"name": "url", "valueUri": 5}),
        "url of bars": parameters({"name": "url", "valueUri": "|||"}),
        "coding is a number": parameters({"name": "coding", "valueCoding": 5}),
        "codings are a number": parameters({"name": "codeableConcept", "valueCodeableConcept": {"coding": 5}}),
        "code is a list": parameters({"name": "code", "valueCode": ["x"]}),
        "count": parameters({"name": "count", "valueInteger": -1}),
        "library": parameters({"name": "expression", "valueString": "1"}, {"name": "library", "part": [5, {"name": "url"}]}),
        "endpoint": parameters(SUBJECT, resource("dataEndpoint", {"resourceType": "Endpoint"})),
    }
    for name, body in {**{n: b for n, (b, _) in BAD.items()}, **more}.items():
        answer = send(fhir, f"/fhir/{path}", body)
        assert answer.status_code in (200, 400, 404, 501), (name, answer.text)
        assert answer.status_code == 200 or answer.json()["resourceType"] == "OperationOutcome", name


def test_a_failure_of_the_service_itself_is_an_outcome_too(tmp_path: Any, small: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with local(tmp_path, small) as service:
        monkeypatch.setattr("guideway.service.operations.apply_guideline", lambda *a, **k: 1 / 0)
        issue = problem(service.post("/fhir/PlanDefinition/main/$apply", case()), 500)
        assert "nothing can be concluded" in issue["diagnostics"]
        assert any(line.get("error") == "ZeroDivisionError" for line in service.log_lines())


def test_libraries_carry_their_cql(fhir: Service) -> None:
    (content, *_) = good(fhir.get("/fhir/Library/Logic"))["content"]
    assert base64.b64decode(content["data"]).strip().startswith(b"library Logic")


@pytest.mark.parametrize(
    ("query", "status", "total"),
    [
        ("status=draft", 200, None),
        ("status=http://hl7.org/fhir/publication-status|draft", 200, None),
        ("status=draft&status=active", 200, 0),
        ("_id=main,orders", 200, 2),
        ("_summary=count", 200, None),
        ("status:not=draft", 400, None),
        ("_id:xx=main", 400, None),
        ("title:text=a", 400, None),
        ("_summary=true", 400, None),
        ("_count=1&_count=2", 400, None),
        ("_format=xml", 406, None),
        ("_format=json", 200, None),
    ],
)
def test_a_search_does_what_it_is_asked_or_says_that_it_does_not(fhir, query, status, total):
    answer = fhir.get(f"/fhir/PlanDefinition?{query}")
    assert answer.status_code == status, answer.text
    if status == 200 and total is not None:
        assert answer.json()["total"] == total


@pytest.mark.parametrize(
    "parameters",
    [
        [{"name": "zz", "valueString": "x"}],
        [{"name": "Limit"}],
        [{"name": "Limit", "valueInteger": 1, "valueString": "1"}],
        [{"name": "Limit", "valueString": "x"}],
    ],
)
@pytest.mark.parametrize("path", ["PlanDefinition/main/$apply", "Library/Logic/$evaluate"])
def test_a_parameter_that_cannot_be_used_is_an_error(fhir, path, parameters):
    body = {"resourceType": "Parameters", "parameter": [
        {"name": "subject", "valueString": "Patient/p"}, {"name": "data", "resource": PATIENT},
        {"name": "parameters", "resource": {"resourceType": "Parameters", "parameter": parameters}},
    ]}  # fmt: skip
    answer = fhir.post(f"/fhir/{path}", body)
    assert answer.status_code == 400, answer.text
    assert "parameters" in answer.json()["issue"][0]["expression"][0]


def test_a_hook_that_there_is_not_is_no_hook_without_advice(fhir):
    body = {"resourceType": "Parameters", "parameter": [
        {"name": "subject", "valueString": "Patient/p"}, {"name": "data", "resource": PATIENT},
        {"name": "hook", "valueString": "patient-veiw"},
    ]}  # fmt: skip
    assert fhir.post("/fhir/PlanDefinition/main/$apply", body).status_code == 400


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def test_a_search_may_come_as_a_form(fhir: Service) -> None:
    asked = good(fhir.get("/fhir/PlanDefinition?_id=main,orders&_count=1"))
    posted = good(fhir.request("POST", "/fhir/PlanDefinition/_search?_count=1", headers=FORM, content=b"_id=main%2Corders"))
    assert [e["resource"]["id"] for e in posted["entry"]] == [e["resource"]["id"] for e in asked["entry"]]
    (following,) = [link["url"] for link in posted["link"] if link["relation"] == "next"]
    rest = good(fhir.get(following.removeprefix(fhir.base)))
    assert {e["resource"]["id"] for e in (*posted["entry"], *rest["entry"])} == {"main", "orders"}
    assert good(fhir.request("POST", "/fhir/PlanDefinition/_search"))["total"] > 2


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"colour=red", FORM, 400),
        (b"status:not=draft", FORM, 400),
        (b"_id=%ff", FORM, 400),
        (b"&".join(b"_id=main" for _ in range(300)), FORM, 400),
        (b"{}", {"Content-Type": "application/json"}, 415),
    ],
)
def test_a_form_that_is_none_is_refused(fhir: Service, content: bytes, kind: dict[str, str], status: int) -> None:
    problem(fhir.request("POST", "/fhir/PlanDefinition/_search", headers=kind, content=content), status)
