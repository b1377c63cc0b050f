"""What the tests of features share: a result with its CarePlan checked, and rows by name."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from tests.apply.small import BASE, guideline, plan, run

from guideway.apply.care_plan import care_plan
from guideway.apply.outcome import PatientOutcome, dumps
from guideway.fhir.check import check_resource

Json = dict[str, Any]
CANONICAL = f"{BASE}/ActivityDefinition/take-a"
HL7 = "http://hl7.org/fhir/StructureDefinition/"
OWN = "https://example.org/guideway/StructureDefinition/"


class Result(NamedTuple):
    outcome: PatientOutcome
    plan: Json

    def group(self, number: int = 0) -> Json:
        return [r for r in self.plan.get("contained", ()) if r["resourceType"] == "RequestGroup"][number]

    @property
    def actions(self) -> list[Json]:
        return self.group()["action"]  # type: ignore[no-any-return]

    def of(self, kind: str) -> list[Json]:
        return [r for r in self.plan.get("contained", ()) if r["resourceType"] == kind]

    @property
    def request(self) -> Json:
        other = {"RequestGroup", "OperationOutcome", "DetectedIssue", "GuidanceResponse", "Goal"}
        (found,) = [r for r in self.plan["contained"] if r["resourceType"] not in other]
        return found

    def statuses(self) -> dict[str, str]:
        """By action: the status, as the CarePlan has it."""
        found = [{part["url"]: part for part in e["extension"]} for e in extensions(self.plan, OWN + "recommendation-outcome")]
        return {parts["action"]["valueString"]: parts["status"]["valueCode"] for parts in found}

    def issues(self) -> list[Json]:
        """What the CarePlan's OperationOutcome says."""
        return [issue for outcome in self.of("OperationOutcome") for issue in outcome["issue"]]

    def rules(self) -> list[str]:
        return [issue["details"]["text"] for issue in self.issues()]


def made(*artifacts: Json, data: tuple[Json, ...] = (), cql: str | None = None, **options: Any) -> Result:
    extra = {"cql": cql} if cql is not None else {}
    outcome = run(guideline(*artifacts, **extra), *data, **options)
    produced = json.loads(dumps(care_plan(outcome)))
    problems = [d.as_text() for d in check_resource(care_plan(outcome)) if d.severity.value == "error"]
    assert not problems, problems
    return Result(outcome, produced)


def extensions(element: Json, url: str) -> list[Json]:
    return [e for e in element.get("extension", ()) if e["url"] == url]


def one(action: Json, *more: Json, **kw: Any) -> Result:
    return made(plan("main", action), *more, **kw)


_NUMBERS = re.compile(r"(?:^|; )(\d\d)(?:-(\d\d))?\b")
A: Json = {"id": "a", "title": "A"}
TIMING = {"repeat": {"frequency": 1, "period": 2, "periodUnit": "wk"}}
DAYS = {"value": 3, "unit": "d", "system": "http://unitsofmeasure.org", "code": "d"}
YEARS = {"value": 50, "unit": "a", "system": "http://unitsofmeasure.org", "code": "a"}
KIND_NAMES = (
    "Appointment", "AppointmentResponse", "CarePlan", "Claim", "CommunicationRequest", "Contract", "DeviceRequest",
    "EnrollmentRequest", "ImmunizationRecommendation", "MedicationRequest", "NutritionOrder", "ServiceRequest", "SupplyRequest",
    "Task", "VisionPrescription",
)  # fmt: skip


class Rows(dict[str, Callable[[], Any]]):
    """The rows of one table by name; a name says which features it is about: ``05-07 …``, ``18 …; 19 …``."""

    def features(self) -> set[int]:
        """The numbers of the features that some row is about."""
        found: set[int] = set()
        for name in self:
            for first, last in _NUMBERS.findall(name):
                found |= set(range(int(first), int(last or first) + 1))
        return found

    def row(self, name: str) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
        def add(function: Callable[[], Any]) -> Callable[[], Any]:
            assert name not in self, name
            self[name] = function
            return function

        return add
