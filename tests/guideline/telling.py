"""The forms in which a record can tell of a drug: what it did to the patient, that it is in use, and that its use is open.

Each table names its forms once; a generated patient tells a fact in one of them, and the tests of what must never happen count
each (``provoking``). A form makes resources of the case's patient. ``Maker.in_turn`` takes the forms one after the other, so that
all of them come up; how the drug is named (``NAMINGS``), and where (``CARRIERS``), is left to chance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, NamedTuple

from .generated import TODAY, Items, Json, Maker
from .support import BASE, concepts

PATIENT = {"reference": "Patient/case"}
SCT, ICD10 = "http://snomed.info/sct", "http://hl7.org/fhir/sid/icd-10-cm"
HL7 = "http://terminology.hl7.org/CodeSystem"
STATUS_CHANGED = "http://hl7.org/fhir/5.0/StructureDefinition/extension-MedicationRequest.statusChanged"
EVALUATED = TODAY.isoformat()


def coded(system: str, code: str, display: str = "") -> Json:
    return {"coding": [{"system": system, "code": code} | ({"display": display} if display else {})]}


def text(words: str) -> Json:
    return {"text": words}


# ---- the drugs -------------------------------------------------------------------------------------------------------


class Drug(NamedTuple):
    """A drug by the value set that has its codes, what the names of its codes have in common, and a brand."""

    value_set: str
    name: str
    brand: str


DRUGS = {
    "aspirin": Drug("Aspirin", "aspirin", "Ecotrin"),
    "ibuprofen": Drug("Nonsteroidal Anti-Inflammatory Drugs", "ibuprofen", "Advil"),
    "naproxen": Drug("Nonsteroidal Anti-Inflammatory Drugs", "naproxen", "Aleve"),
    "ketorolac": Drug("Nonsteroidal Anti-Inflammatory Drugs", "ketorolac", "Toradol"),
    "cetirizine": Drug("Cetirizine", "cetirizine", "Zyrtec"),
    "diphenhydramine": Drug("Diphenhydramine", "diphenhydramine", "Benadryl"),
    "hydroxyzine": Drug("Hydroxyzine", "hydroxyzine", "Atarax"),
    "famotidine": Drug("Famotidine", "famotidine", "Pepcid"),
    "cromolyn": Drug("Oral Cromolyn", "cromolyn", "Gastrocrom"),
    "montelukast": Drug("Montelukast", "montelukast", "Singulair"),
    "omalizumab": Drug("Omalizumab", "omalizumab", "Xolair"),
    "alendronate": Drug("Bisphosphonates", "alendron", "Fosamax"),
    "midostaurin": Drug("Midostaurin", "midostaurin", "Rydapt"),
    "denosumab": Drug("Denosumab", "denosumab", "Prolia"),
    "cladribine": Drug("Cladribine", "cladribine", "Leustatin"),
    "ranitidine": Drug("Ranitidine", "ranitidine", "Zantac"),
    "morphine": Drug("Opioids", "morphine", "MS Contin"),
    "oxycodone": Drug("Opioids", "oxycodone", "OxyContin"),
    "codeine": Drug("Opioids", "codeine", "Tylenol with codeine"),
    "tramadol": Drug("Opioids", "tramadol", "Ultram"),
    "methadone": Drug("Opioids", "methadone", "Methadose"),
    "fentanyl": Drug("Opioids", "fentanyl", "Duragesic"),
}


@cache
def codings(name: str) -> tuple[list[Json], list[Json]]:
    """The ingredient, and the clinical drugs: the name of a product says how much is in it."""
    drug = DRUGS[name]
    found = [c for c in concepts().members[drug.value_set] if drug.name in c.get("display", "").lower()]
    bare = [{"system": c["system"], "code": c["code"]} for c in found]
    products = [any(sign.isdigit() for sign in c["display"]) for c in found]
    ingredients = [c for c, product in zip(bare, products, strict=True) if not product]
    return ingredients, [c for c, product in zip(bare, products, strict=True) if product] or ingredients


def _words(m: Maker, name: str) -> str:
    return str(m.one(name, name.capitalize(), DRUGS[name].brand))


NAMINGS: Mapping[str, Callable[[Maker, str], Json]] = {
    "ingredient code": lambda m, name: {"coding": [m.one(*codings(name)[0])]},
    "clinical drug code": lambda m, name: {"coding": [m.one(*codings(name)[1])]},
    "name": lambda m, name: text(m.one(name, name.capitalize())),
    "brand": lambda m, name: text(DRUGS[name].brand),
    "product in words": lambda m, name: text(f"{name} 10 mg"),
    "local code with a name": lambda m, name: coded("https://hospital.example.org/drugs", "4711", name.upper()),
    "code and words": lambda m, name: {"coding": [m.one(*codings(name)[0])], "text": DRUGS[name].brand},
}
"""How an entry names a drug."""

CARRIERS = ("in the record", "in a Medication", "in a contained Medication", "in an ingredient", "in the words of a reference")
"""Where a record of a drug has the name."""


class Named:
    """A drug under one of its names, where a record can have it."""

    def __init__(self, m: Maker, name: str) -> None:
        self.m = m
        self.name = name
        self.word = _words(m, name)
        self.concept = NAMINGS[m.by_chance("named by", NAMINGS)](m, name)
        self.beside: list[Json] = []

    def medication(self) -> Json:
        """``medication[x]`` of a record, and what it refers to."""
        where = self.m.by_chance("named", CARRIERS)
        if where == "in a Medication":
            self.beside.append({"resourceType": "Medication", "id": "told", "code": self.concept})
            return {"medicationReference": {"reference": "Medication/told"}}
        if where in ("in a contained Medication", "in an ingredient"):
            inside: Json = {"resourceType": "Medication", "id": "inside"}
            inside |= {"ingredient": [{"itemCodeableConcept": self.concept}]} if "ingredient" in where else {"code": self.concept}
            return {"contained": [inside], "medicationReference": {"reference": "#inside"}}
        if where == "in the words of a reference":
            return {"medicationReference": {"display": self.word}}
        return {"medicationCodeableConcept": self.concept}


class Records:
    """Resources of a patient that name one drug, of ``at`` where nothing else is said."""

    def __init__(self, m: Maker, name: str, most: int) -> None:
        self.m = m
        self.named = Named(m, name)
        self.word = self.named.word
        self.at = m.before(40, most)
        self.lately = m.before(1, 5).isoformat()
        self.weeks_ago = m.before(7, 25).isoformat()

    def record(self, kind: str, status: str, *, contained: Iterable[Json] = (), **more: Any) -> list[Json]:
        """A record of the drug, with what it refers to."""
        made = {"resourceType": kind, "id": "told", "status": status, "subject": PATIENT, **self.named.medication(), **more}
        if contained:
            made["contained"] = [*made.get("contained", ()), *contained]
        return [made, *self.named.beside]

    def order(self, status: str, **more: Any) -> list[Json]:
        return self.record("MedicationRequest", status, **{"intent": "order", "authoredOn": self.at.isoformat(), **more})

    def statement(self, status: str, **more: Any) -> list[Json]:
        return self.record("MedicationStatement", status, **{"dateAsserted": self.at.isoformat(), **more})

    def given(self, status: str, **more: Any) -> list[Json]:
        return self.record("MedicationAdministration", status, **{"effectiveDateTime": self.at.isoformat(), **more})

    def dispensed(self, status: str, **more: Any) -> list[Json]:
        return self.record("MedicationDispense", status, **more)

    def since(self) -> Json:
        return {"effectivePeriod": {"start": self.at.isoformat()}}

    def problem(self, words: str, **more: Any) -> list[Json]:
        return [{"resourceType": "Condition", "id": "told", "subject": PATIENT, "code": text(words), **self.onset(), **more}]

    def onset(self) -> Json:
        return {"onsetDateTime": self.at.isoformat()}


# ---- what it did -----------------------------------------------------------------------------------------------------


class Harm(NamedTuple):
    """What a drug did: in words, and coded."""

    words: str
    code: Json


SEVERE = (
    Harm("Anaphylaxis", coded(SCT, "39579001")),
    Harm("Anaphylactic shock", coded(ICD10, "T78.2XXA")),
    Harm("anaphylactic reaction", coded(ICD10, "T88.6XXA")),
    Harm("Severe allergic reaction", coded(SCT, "39579001", "Anaphylaxis (disorder)")),
)
ALLERGIC = (
    Harm("Hives", coded(SCT, "126485001", "Urticaria (disorder)")),
    Harm("rash", coded(ICD10, "L50.0", "Allergic urticaria")),
    Harm("Allergic reaction", coded(ICD10, "L50.9")),
    Harm("Angioedema", coded(SCT, "41291007")),
)
MILD = coded(f"{HL7}/adverse-event-severity", "mild")
ADVERSE = Harm("Adverse effect", coded(f"{BASE}/CodeSystem/stop-reason", "adverse-effect"))
NSAID_ALLERGIES = (coded(SCT, "293586001"), coded(ICD10, "T39.015A"), coded(ICD10, "T39.395A"), coded(ICD10, "Z88.6"))
STATUS_REASONS = (
    coded(f"{HL7}/statusReason", "salg", "allergy"),
    coded(f"{HL7}/statusReason", "sintol"),
    coded(f"{HL7}/medicationrequest-status-reason", "salg"),
    coded(f"{HL7}/medicationdispense-status-reason", "saig"),
)


class Tale(Records):
    """What a drug did."""

    def __init__(self, m: Maker, name: str, harms: tuple[Harm, ...], allergic: bool, most: int) -> None:
        super().__init__(m, name, most)
        self.harm: Harm = m.one(*harms)
        self.severe = self.harm in SEVERE
        self.allergic = allergic

    def why(self) -> Json:
        """The reason of a status, coded: what happened, or the code of the package or of HL7 for it."""
        return self.harm.code if self.severe or self.allergic else self.m.one(self.harm.code, ADVERSE.code, *STATUS_REASONS)

    def said(self) -> Json:
        """The reason of a status, in words."""
        return text(self.m.one(self.harm.words, f"{self.harm.words} after the second dose", f"{self.harm.words} to {self.word}"))

    def noted(self) -> Json:
        """A note that lays the harm on the drug."""
        words = self.harm.words
        return {
            "note": [
                text(
                    self.m.one(
                        f"{words} 20 minutes after the dose",
                        f"Stopped for {words.lower()}",
                        f"{words} to {self.word}",
                        f"{words} with the first dose",
                        f"Reaction: {words.lower()}",
                    )
                )
            ]
        }

    def allergy(self, code: Json | None = None, **more: Any) -> list[Json]:
        entry = {"resourceType": "AllergyIntolerance", "id": "told", "patient": PATIENT, "code": code or self.named.concept}
        return [entry | more]

    def status_of_allergy(self, verification: str) -> Json:
        return {
            "clinicalStatus": coded(f"{HL7}/allergyintolerance-clinical", "active"),
            "verificationStatus": coded(f"{HL7}/allergyintolerance-verification", verification),
        }

    def reaction(self, **more: Any) -> Json:
        given = {"manifestation": [self.m.one(self.harm.code, text(self.harm.words))], **more}
        return {"reaction": [given]}

    def event(self, suspect: Json | None, what: Json | None = None, **more: Any) -> list[Json]:
        return [
            {
                "resourceType": "AdverseEvent",
                "id": "told",
                "actuality": "actual",
                "subject": PATIENT,
                "date": self.at.isoformat(),
                "event": what or self.m.one(text(self.harm.words), self.harm.code),
                **({"suspectEntity": [{"instance": suspect}]} if suspect else {}),
                **more,
            }
        ]

    def diagnosis(self, **more: Any) -> Json:
        """What happened, as a diagnosis that names no drug."""
        code = self.m.one(text(self.harm.words), self.harm.code)
        return {"resourceType": "Condition", "id": "what-happened", "subject": PATIENT, "code": code, **self.onset(), **more}

    def observed(self) -> Json:
        """The same as an observation: what was seen is its code, or its value."""
        what = self.m.one(text(self.harm.words), self.harm.code)
        seen = self.m.one({"code": what}, {"code": text("Reaction"), "valueCodeableConcept": what})
        return {"resourceType": "Observation", "id": "what-happened", "status": "final", "subject": PATIENT, **seen}

    def forbidden(self, **why: Any) -> list[Json]:
        return self.order(self.m.one("active", "on-hold"), doNotPerform=True, **why)


Forms = Mapping[str, Callable[[Tale], list[Json]]]

ALLERGY_LIST: Forms = {
    "allergy: entry": lambda t: t.allergy(**t.reaction(), **t.status_of_allergy("confirmed")),
    "allergy: medication category": lambda t: t.allergy(**t.reaction(), category=["medication"]),
    "allergy: unconfirmed": lambda t: t.allergy(**t.reaction(), **t.status_of_allergy("unconfirmed")),
    "allergy: criticality": lambda t: t.allergy(
        criticality="high" if t.severe else t.m.one("low", "unable-to-assess"), **t.status_of_allergy("confirmed")
    ),
    "allergy: severity of the reaction": lambda t: t.allergy(
        reaction=[{"manifestation": [text("Reaction")], "severity": "severe" if t.severe else "mild"}]
    ),
    "allergy: manifestation coded": lambda t: t.allergy(reaction=[{"manifestation": [t.harm.code]}]),
    "allergy: manifestation in words": lambda t: t.allergy(reaction=[{"manifestation": [text(t.harm.words)]}]),
    "allergy: substance of the reaction": lambda t: t.allergy(text("Drug allergy"), **t.reaction(substance=t.named.concept)),
    "allergy: type intolerance": lambda t: t.allergy(**t.reaction(), type="intolerance"),
    "allergy: list of drugs": lambda t: t.allergy(text(f"Penicillin, {t.word}, sulfa"), **t.reaction()),
    "allergy: drug and reaction in words": lambda t: t.allergy(text(f"{t.word} ({t.harm.words.lower()})"), **t.reaction()),
}
PROBLEM_LIST: Forms = {
    "problem: allergy to": lambda t: t.problem(
        f"{t.m.one('Allergy', 'Hypersensitivity')} to {t.word}{', anaphylaxis' if t.severe else ''}"
    ),
    "problem: reaction due to": lambda t: t.problem(f"{t.harm.words} due to {t.word}"),
    "problem: drug and what it did": lambda t: t.problem(f"{t.word}: {'anaphylaxis' if t.severe else 'allergic reaction'}"),
    "problem: induced by": lambda t: t.problem(f"{t.word}-induced {t.harm.words.lower()}"),
    "problem: list of drugs": lambda t: t.problem(
        f"{t.harm.words}: allergic to {t.m.one(f'penicillin, {t.word} and sulfa', f'{t.word}, sulfa')}"
    ),
    "problem: resolved": lambda t: t.problem(
        f"{t.harm.words} due to {t.word}", clinicalStatus=coded(f"{HL7}/condition-clinical", "resolved")
    ),
    "problem: name of a local code": lambda t: t.problem(
        "", code=coded("https://hospital.example.org/problems", "A17", f"{t.harm.words} from {t.word}")
    ),
}
ADVERSE_EVENTS: Forms = {
    "adverse event: name of the suspect": lambda t: t.event({"display": t.word}),
    "adverse event: Medication": lambda t: [
        *t.event({"reference": "Medication/suspect"}),
        {"resourceType": "Medication", "id": "suspect", "code": t.named.concept},
    ],
    "adverse event: order": lambda t: [
        *t.event({"reference": "MedicationRequest/told"}),
        *t.order(t.m.one("completed", "stopped")),
    ],
    "adverse event: statement": lambda t: [
        *t.event({"reference": "MedicationStatement/told"}),
        *t.statement("completed"),
    ],
    "adverse event: administration": lambda t: [
        *t.event({"reference": "MedicationAdministration/told"}),
        *t.given("completed"),
    ],
    "adverse event: in the words of the event": lambda t: t.event(None, text(f"{t.harm.words} due to {t.word}")),
    "adverse event: condition that it led to": lambda t: [
        *t.event({"display": t.word}, text("Reaction to a drug"), resultingCondition=[{"reference": "Condition/what-happened"}]),
        t.diagnosis(),
    ],
}
NOT_TO_BE_GIVEN: Forms = {
    "order not to give: reason coded": lambda t: t.forbidden(reasonCode=[t.why()]),
    "order not to give: reason in words": lambda t: t.forbidden(reasonCode=[t.said()]),
    "order not to give: condition": lambda t: [
        *t.forbidden(reasonReference=[{"reference": "Condition/what-happened"}]),
        t.diagnosis(),
    ],
    "order not to give: condition inside it": lambda t: t.forbidden(
        reasonReference=[{"reference": "#why"}], contained=[t.diagnosis() | {"id": "why"}]
    ),
    "order not to give: words of the reference": lambda t: t.forbidden(reasonReference=[{"display": t.harm.words}]),
    "order not to give: reason of the status coded": lambda t: t.forbidden(statusReason=t.why()),
    "order not to give: reason of the status in words": lambda t: t.forbidden(statusReason=t.said()),
    "order not to give: note": lambda t: t.forbidden(**t.noted()),
}
STOPS: Forms = {
    "order stopped: reason coded": lambda t: t.order("stopped", statusReason=t.why()),
    "order stopped: reason in words": lambda t: t.order("stopped", statusReason=t.said()),
    "order stopped: note": lambda t: t.order("stopped", **t.noted()),
    "order on hold: reason coded": lambda t: t.order("on-hold", statusReason=t.why()),
    "order on hold: reason in words": lambda t: t.order("on-hold", statusReason=t.said()),
    "order on hold: note": lambda t: t.order("on-hold", **t.noted()),
    "order completed: reason coded": lambda t: t.order("completed", statusReason=t.why()),
    "order completed: reason in words": lambda t: t.order("completed", statusReason=t.said()),
    "order completed: note": lambda t: t.order("completed", **t.noted()),
    "order of unknown status: reason": lambda t: t.order("unknown", statusReason=t.m.one(t.why(), t.said())),
    "statement stopped: reason coded": lambda t: t.statement("stopped", statusReason=[t.why()]),
    "statement stopped: reason in words": lambda t: t.statement("stopped", statusReason=[t.said()]),
    "statement stopped: note": lambda t: t.statement("stopped", **t.noted()),
    "statement not taken: reason coded": lambda t: t.statement("not-taken", statusReason=[t.why()]),
    "statement not taken: reason in words": lambda t: t.statement("not-taken", statusReason=[t.said()]),
    "statement not taken: note": lambda t: t.statement("not-taken", **t.noted()),
    "statement on hold: reason": lambda t: t.statement("on-hold", statusReason=[t.m.one(t.why(), t.said())]),
    "statement completed: reason": lambda t: t.statement("completed", statusReason=[t.m.one(t.why(), t.said())]),
    "statement completed: note": lambda t: t.statement("completed", **t.noted()),
    "statement of unknown status: reason": lambda t: t.statement("unknown", statusReason=[t.m.one(t.why(), t.said())]),
    "dose not given: reason coded": lambda t: t.given("not-done", statusReason=[t.why()]),
    "dose not given: reason in words": lambda t: t.given("not-done", statusReason=[t.said()]),
    "dose not given: note": lambda t: t.given("not-done", **t.noted()),
    "dose stopped: reason": lambda t: t.given("stopped", statusReason=[t.m.one(t.why(), t.said())]),
    "dose on hold: reason": lambda t: t.given("on-hold", statusReason=[t.m.one(t.why(), t.said())]),
    "dispense refused: reason": lambda t: t.dispensed(
        t.m.one("declined", "stopped"), statusReasonCodeableConcept=t.m.one(t.why(), t.said())
    ),
    "dispense: note": lambda t: t.dispensed("completed", **t.noted()),
    "dose given: note": lambda t: t.given("completed", **t.noted()),
}
HARMS: Forms = {**ALLERGY_LIST, **PROBLEM_LIST, **ADVERSE_EVENTS, **NOT_TO_BE_GIVEN, **STOPS}
"""All that must withhold the drug."""


ASPIRIN: Forms = {
    "allergy: code of the allergy": lambda t: t.allergy(coded(SCT, t.m.one("293586001", "293610009", "293619005"))),
    "problem: code of the allergy": lambda t: t.problem("", code=t.m.one(*NSAID_ALLERGIES)),
}
"""Only of aspirin and NSAIDs there are codes for an allergy itself."""

TOLD: Forms = {
    "problem: beside the harm": lambda t: t.problem(f"{t.harm.words} {t.m.one('with', 'on')} {t.word}"),
    "problem: harm after it": lambda t: t.problem(f"{t.harm.words}, after {t.word}"),
    "order completed: harm named in a note": lambda t: t.order("completed", note=[text(t.harm.words)]),
    "statement completed: harm named in a note": lambda t: t.statement("completed", note=[text(t.harm.words)]),
    "dose given: harm named in a note": lambda t: t.given("completed", note=[text(t.harm.words)]),
    "dispense: harm named in a note": lambda t: t.dispensed("completed", note=[text(t.harm.words)]),
    "order not to give: an observation": lambda t: t.forbidden(reasonReference=[{"reference": "Observation/seen"}]),
    "adverse event: mild": lambda t: t.event({"display": t.word}, text("Headache"), severity=MILD),
}
"""What is not laid on the drug plainly: it withholds nothing, and is told where the drug is proposed."""


# ---- that it is in use, or that this is open -------------------------------------------------------------------------


IN_USE: Forms = {
    "order active": lambda t: t.order("active"),
    "order active: with instructions": lambda t: t.order("active", dosageInstruction=[{"text": "1 daily"}]),
    "order active: a plan": lambda t: t.order("active", intent=t.m.one("plan", "original-order", "instance-order")),
    "order active: no day": lambda t: t.order("active", authoredOn=None),
    "statement active": lambda t: t.statement("active", **t.since()),
    "statement active: no day": lambda t: t.statement("active", dateAsserted=None),
    "dose given today": lambda t: t.given("completed", effectiveDateTime=EVALUATED),
    "doses being given": lambda t: t.given("in-progress", effectiveDateTime=None, **t.since()),
}
OPIOID_IN_USE: Forms = {
    **IN_USE,
    "order on hold": lambda t: t.order("on-hold"),
    "statement on hold": lambda t: t.statement("on-hold"),
    "dependence coded": lambda t: t.problem("", code=coded(ICD10, t.m.one("F11.10", "F11.20", "F11.23"))),
}
OPIOID_OPEN: Forms = {
    "order stopped: no day": lambda t: t.order("stopped"),
    "order completed: no day": lambda t: t.order("completed"),
    "order stopped lately": lambda t: t.order("stopped", extension=[{"url": STATUS_CHANGED, "valueDateTime": t.lately}]),
    "order out of date": lambda t: t.order(
        "active",
        dosageInstruction=[{"timing": {"repeat": {"boundsPeriod": {"end": t.weeks_ago}}}}],
    ),
    "order of unknown status": lambda t: t.order("unknown"),
    "statement stopped: no day": lambda t: t.statement("stopped", dateAsserted=None),
    "statement completed lately": lambda t: t.statement(
        "completed", dateAsserted=EVALUATED, effectivePeriod={"start": t.at.isoformat(), "end": t.lately}
    ),
    "statement completed: taken after it was made": lambda t: t.statement(
        "completed", effectivePeriod={"start": t.at.isoformat(), "end": t.lately}
    ),
    "statement of unknown status": lambda t: t.statement("unknown"),
    "statement: intended": lambda t: t.statement("intended"),
    "dose given lately": lambda t: t.given("completed", effectiveDateTime=t.lately),
    "dose of unknown status": lambda t: t.given("unknown"),
    "dispensed lately": lambda t: t.dispensed("completed", whenHandedOver=t.lately),
    "dispensed: the supply lasts": lambda t: t.dispensed(
        "completed", whenHandedOver=t.weeks_ago, daysSupply={"value": 90, "unit": "days"}
    ),
    "dispensed: no day": lambda t: t.dispensed("completed"),
    "dependence in remission": lambda t: t.problem("", code=coded(ICD10, t.m.one("F11.11", "F11.21", "F11.91"))),
    "long-term use coded": lambda t: t.problem("", code=coded(ICD10, "Z79.891")),
    "dependence in words": lambda t: t.problem(
        t.m.one("Opioid use disorder", "Opioid dependence", f"{t.word} dependence", "Substance use disorder")
    ),
    "use in words": lambda t: t.problem(
        t.m.one("Chronic opioid therapy", "On methadone maintenance", f"Long-term use of {t.word}", "Opioid contract")
    ),
    "answer: ended lately": lambda t: [
        {
            "resourceType": "QuestionnaireResponse",
            "id": "told",
            "status": "completed",
            "subject": PATIENT,
            "questionnaire": f"{BASE}/Questionnaire/care-and-lists",
            "authored": t.lately,
            "item": [{"linkId": "opioidEndedRecently", "answer": [{"valueBoolean": True}]}],
        }
    ],
}


ENDED: Forms = {
    "order stopped: cost": lambda t: t.order("stopped", statusReason=text("Not covered")),
    "order completed": lambda t: t.order("completed"),
    "statement stopped: choice": lambda t: t.statement("stopped", statusReason=[text("Choice")]),
    "statement completed": lambda t: t.statement(
        "completed", effectivePeriod={"start": t.at.isoformat(), "end": t.at.isoformat()}
    ),
    "statement not taken: cost": lambda t: t.statement("not-taken", statusReason=[text("Too expensive")]),
    "dose given long ago": lambda t: t.given("completed", effectiveDateTime=t.at.isoformat()),
    "dose not given: declined": lambda t: t.given("not-done", effectiveDateTime=t.lately, statusReason=[text("Declined")]),
    "dispensed long ago": lambda t: t.dispensed("completed", whenHandedOver=t.at.isoformat()),
}
"""It was taken, or was to be, and nothing is said of what it did."""
NO_EFFECT = coded(f"{BASE}/CodeSystem/stop-reason", "lack-of-effect")
NO_EFFECT_IN_WORDS = ("No response", "Lack of efficacy", "Did not help", "Disease progressed")
FAILED: Forms = {
    "failed: order, coded": lambda t: t.order("stopped", statusReason=NO_EFFECT),
    "failed: order, in words": lambda t: t.order("stopped", statusReason=text(t.m.one(*NO_EFFECT_IN_WORDS))),
    "failed: order, a note": lambda t: t.order("stopped", note=[text(t.m.one(*NO_EFFECT_IN_WORDS))]),
    "failed: statement, coded": lambda t: t.statement("stopped", statusReason=[NO_EFFECT]),
    "failed: statement, in words": lambda t: t.statement("stopped", statusReason=[text(t.m.one(*NO_EFFECT_IN_WORDS))]),
    "failed: statement of a course that ended": lambda t: t.statement(
        "completed", effectivePeriod={"start": t.at.isoformat(), "end": t.at.isoformat()}, statusReason=[NO_EFFECT]
    ),
}


def told(
    m: Maker,
    name: str,
    forms: Forms = HARMS,
    harms: tuple[Harm, ...] = (*SEVERE, *ALLERGIC),
    *,
    allergic: bool = False,
    most: int = 1500,
) -> Items:
    """What a drug did, or that it is or was taken, in one of the forms, at most so many days ago.

    ``allergic``: never by a code that says no more than that there was an effect.
    """
    tale = Tale(m, name, harms, allergic, most)
    found = forms[m.in_turn("told by", forms)](tale)
    return [{"resource": {key: value for key, value in resource.items() if value is not None}} for resource in found]


def drafted(m: Maker, name: str) -> Json:
    """An order of the drug that is being written, under one of its names."""
    by = m.by_chance("named by", ("ingredient code", "clinical drug code", "name", "brand"))
    concept = NAMINGS[by](m, name)
    return {"order": f"rxnorm|{concept['coding'][0]['code']}" if "coding" in concept else concept}


# ---- which disease it is ---------------------------------------------------------------------------------------------

D47_02 = coded(ICD10, "D47.02", "Systemic mastocytosis")
ISM = coded(SCT, "70910003")


def disease(code: Json, **more: Any) -> list[Json]:
    return [{"resourceType": "Condition", "id": "disease", "subject": PATIENT, "code": code, **more}]


SUBTYPES_TOLD: Mapping[str, Callable[[Maker], list[Json]]] = {
    "subtype: code": lambda m: disease(m.one(ISM, coded(f"{BASE}/CodeSystem/sm-subtype", "smoldering"))),
    "subtype: code and words": lambda m: disease(ISM | text("Indolent systemic mastocytosis")),
    "subtype: words beside a general code": lambda m: disease(D47_02 | text("Smoldering systemic mastocytosis")),
    "subtype: another entry, in words": lambda m: [
        *disease(D47_02),
        *(entry | {"id": "in-words"} for entry in disease(text(m.one("Indolent systemic mastocytosis", "ISM")))),
    ],
    "subtype: stage": lambda m: disease(D47_02, stage=[{"summary": m.one(ISM, text("indolent"))}]),
    "subtype: observation": lambda m: [
        *disease(D47_02),
        {
            "resourceType": "Observation",
            "id": "subtype",
            "status": "final",
            "subject": PATIENT,
            "code": coded(**subtype_observation()),
            "effectiveDateTime": m.before(10, 300).isoformat(),
            "valueCodeableConcept": coded(f"{BASE}/CodeSystem/sm-subtype", m.one("indolent", "smoldering")),
        },
    ],
    "subtype: answer": lambda m: [
        *disease(D47_02),
        {
            "resourceType": "QuestionnaireResponse",
            "id": "subtype",
            "status": "completed",
            "subject": PATIENT,
            "questionnaire": f"{BASE}/Questionnaire/advanced-disease",
            "authored": m.before(5, 60).isoformat(),
            "item": [
                {
                    "linkId": "smSubtype",
                    "answer": [{"valueCoding": {"system": f"{BASE}/CodeSystem/sm-subtype", "code": "indolent"}}],
                }
            ],
        },
    ],
    "subtype: not recorded": lambda m: disease(D47_02),
    "subtype: advanced only suspected": lambda m: (
        disease(
            coded(ICD10, "C96.21"), verificationStatus=coded(f"{HL7}/condition-ver-status", m.one("provisional", "differential"))
        )
        + [resource | {"id": "known"} for resource in disease(ISM)]
    ),
}


def subtype_observation() -> Json:
    (found,) = concepts().members["Subtype Observation"]
    return {name: found[name] for name in ("system", "code")}


def indolent(m: Maker, forms: Mapping[str, Callable[[Maker], list[Json]]] = SUBTYPES_TOLD) -> Items:
    """Systemic mastocytosis that is not known to be advanced, in one of the forms."""
    return [{"resource": resource} for resource in forms[m.in_turn("subtype told by", forms)](m)]
