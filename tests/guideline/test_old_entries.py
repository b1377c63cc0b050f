"""Old entries of symptoms: told where nothing newer says that the symptom is there, and once for all that a note is about."""

from __future__ import annotations

from typing import Any

import pytest

from .evaluating import answer, evaluation_of
from .support import BASE

Json = dict[str, Any]
SNOMED, ICD10 = "http://snomed.info/sct", "http://hl7.org/fhir/sid/icd-10-cm"
ACTIVE: Json = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]}
LIMIT = "The articles set no limit"


def entry(code: str, name: str, recorded: str = "2021-05-01", *, system: str = ICD10) -> Json:
    return {
        "resourceType": "Condition", "id": code, "clinicalStatus": ACTIVE, "recordedDate": recorded,
        "code": {"coding": [{"system": system, "code": code}], "text": name}, "subject": {"reference": "Patient/p"},
    }  # fmt: skip


DIARRHEA, SYNCOPE = entry("R19.7", "Diarrhea"), entry("271594007", "Syncope", "2020-02-03", system=SNOMED)


def note(*resources: Json) -> str:
    return str(evaluation_of(list(resources)).define("DupilumabQuestionLogic", "Note On Old Entries Of Gut Or Circulation") or "")


def test_two_old_symptoms_are_told_in_one_sentence() -> None:
    told = note(DIARRHEA, SYNCOPE)
    assert told.startswith("Old entries: Diarrhea (2021-05-01); Syncope (2020-02-03), more than 365 days ago")
    assert told.count(LIMIT) == 1
    assert "they count; ask whether they still hold." in told


def test_one_old_symptom_is_told_as_one() -> None:
    told = note(DIARRHEA)
    assert told.startswith("Old entry: Diarrhea (2021-05-01), more than 365 days ago")
    assert "it counts; ask whether it still holds." in told


def test_nothing_is_told_beside_a_recent_one() -> None:
    assert note(DIARRHEA, entry("271594007", "Syncope", "2026-05-01", system=SNOMED)) == ""


def test_an_end_of_an_entry_that_is_still_active_is_told() -> None:
    told = note(DIARRHEA | {"abatementDateTime": "2021-06-01"})
    assert told.startswith("Old entry: Diarrhea (2021-05-01, with an end), more than 365 days ago and active by the record.")


@pytest.mark.parametrize(("refractory", "pruritus"), [(False, False), (True, True)])
def test_pruritus_is_told_beside_an_h2_antihistamine_only_where_it_is_refractory(refractory: bool, pruritus: bool) -> None:
    def told(recorded: str) -> str:
        found = [DIARRHEA, entry("L29.9", "Pruritus", recorded)]
        if refractory:
            code = {"system": f"{BASE}/CodeSystem/therapy-response", "code": "inadequate"}
            found.append(answer("inadequateResponseH1", {"valueCoding": code}, "2026-05-20", "therapy-response"))
        return str(evaluation_of(found).define("IndolentTherapyLogic", "Note On Old Entries Of Gut Or Pruritus") or "")

    assert ("Pruritus" in told("2021-02-03")) is pruritus
    assert "Diarrhea (2021-05-01)" in told("2021-02-03")
    assert ("Diarrhea" in told("2026-05-20")) is not pruritus, "a refractory pruritus of these days is enough"
