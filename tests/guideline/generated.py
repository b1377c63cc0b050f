"""Generated patients: seeded random choices over building blocks, each a list of case data (docs/testing.md).

``Maker(seed)`` gives the blocks; what a test needs it asks for by name, and ``noise`` adds what has nothing to do with it: other
symptoms, drugs, results, a visit. The same seed gives the same patients.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from random import Random
from typing import Any

from guideway.authoring.cases import Case, case_of

from .support import concepts

Json = dict[str, Any]
Items = list[Json]

TODAY = date(2026, 6, 1)
SUBTYPES = {
    "indolent": "sct|70910003",
    "smoldering": "local:sm-subtype|smoldering",
    "aggressive": "icd10cm|C96.21",
    "neoplasm": "sct|397015000",
    "leukemia": "icd10cm|C94.30",
}
MCAS = ("icd10cm|D89.40", "icd10cm|D89.41", "icd10cm|D89.42")
SYMPTOMS = ("icd10cm|R23.2", "icd10cm|R19.7", "icd10cm|R06.2", "icd10cm|L29.9", "icd10cm|R00.0", "icd10cm|R53.83")
STEP = 7919
"""A prime, so that a few patients are told by forms from all over a table."""
DRUGS = ("Cetirizine", "Montelukast", "Oral Cromolyn", "Epinephrine Auto-Injectors", "Albuterol", "Vitamin D")


class Maker:
    """Building blocks from one stream of random choices."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.seed = seed
        self.forms: list[tuple[str, str]] = []
        """By which forms this patient's record tells what it tells, each with its kind."""
        self.about = ""
        """The drug that the patient is about, where a test has to know."""

    def in_turn(self, kind: str, forms: Iterable[str]) -> str:
        """One of several forms: each seed takes another, so that all come up equally often."""
        known = list(forms)
        return self._note(kind, known[self.seed * STEP % len(known)])

    def by_chance(self, kind: str, forms: Iterable[str]) -> str:
        """One of several forms, whichever."""
        return self._note(kind, self.random.choice(list(forms)))

    def _note(self, kind: str, form: str) -> str:
        self.forms.append((kind, form))
        return form

    def one(self, *choices: Any) -> Any:
        return self.random.choice(choices)

    def before(self, least: int, most: int) -> date:
        """A day that many days before the evaluation."""
        return TODAY - timedelta(days=self.random.randint(least, most))

    def member(self, value_set: str) -> str:
        """One member of a value set."""
        return f"{value_set}#{self.random.choice(concepts().members[value_set])['code']}"

    def adult(self) -> Json:
        return {"patient": {"born": TODAY - timedelta(days=365 * self.random.randint(20, 88)), "sex": self.one("female", "male")}}

    def child(self) -> Json:
        return {"patient": {"born": TODAY - timedelta(days=300 * self.random.randint(1, 20)), "sex": self.one("female", "male")}}

    def mcas(self) -> Json:
        return {"condition": self.one(*MCAS), "onset": self.before(400, 3000)}

    def mastocytosis(self, *subtypes: str) -> Json:
        return {"condition": SUBTYPES[self.one(*(subtypes or tuple(SUBTYPES)))], "onset": self.before(400, 3000)}

    def back_pain(self) -> Json:
        return {"condition": ["icd10cm|M54.50", "icd10cm|G89.29"], "onset": self.before(200, 2000)}

    def anaphylaxis(self) -> Json:
        return {"condition": "icd10cm|T78.2XXA", "onset": self.before(30, 900), "status": "resolved"}

    def leukopenia(self) -> Json:
        return {"condition": self.member("Leukopenia"), "onset": self.before(5, 60)}

    def course(self, **answers: Any) -> Json:
        return {"answers": "clinical-course", **answers, "at": self.before(0, 20)}

    def response(self, **answers: Any) -> Json:
        return {"answers": "therapy-response", **answers, "at": self.before(0, 20)}

    def failed(self, *names: str) -> Json:
        return self.response(**{f"inadequateResponse{name}": "Inadequate Response" for name in names})

    def prostaglandin(self) -> Json:
        return {
            "observation": "Urinary 11beta PGF2alpha",
            "value": "5.1 ng/mg{creat}",
            "interpretation": "H",
            "at": self.before(5, 40),
        }

    def leukotriene(self) -> Json:
        return {
            "observation": "Urinary Leukotriene E4 To Creatinine",
            "value": "400 pg/mg{creat}",
            "interpretation": self.one("H", "N"),
            "at": self.before(5, 40),
        }

    def tryptase(self) -> Json:
        value = f"{self.random.randint(20, 400)} ng/mL"
        return {"observation": "Serum Tryptase", "value": value, "interpretation": "H", "at": self.before(2, 200)}

    def marrow(self) -> Json:
        return {"observation": "Bone Marrow Mast Cells", "value": f"{self.random.randint(10, 90)} %", "at": self.before(2, 200)}

    def count(self, name: str, value: str, days: int) -> Json:
        return {"observation": name, "value": f"{value} 10*9/L", "at": TODAY - timedelta(days=days)}

    def noise(self, *without: str) -> Items:
        """Up to five items that a clinic's records hold besides; ``without`` names drugs not to add."""
        drugs = [drug for drug in DRUGS if drug not in without]
        blocks: Items = [
            *({"condition": symptom, "onset": self.before(3, 300)} for symptom in SYMPTOMS),
            *({"medication": drug, "start": self.before(20, 400)} for drug in drugs),
            self.tryptase(),
            self.anaphylaxis(),
            self.leukotriene(),
            {"encounter": "AMB", "status": "in-progress", "start": TODAY},
            {"condition": self.member("Osteopenia Or Osteoporosis"), "onset": self.before(50, 900)},
            {"reviewed": "allergies"},
        ]
        return self.random.sample(blocks, self.random.randint(0, 5))

    def anyone(self) -> Items:
        """A mast cell patient of any kind, with what is usual: symptoms, drugs, answers, results."""
        r = self.random
        items: Items = [self.child() if r.random() < 0.04 else self.adult()]
        kind = r.random()
        if kind < 0.5:
            items.append(self.mcas())
            if r.random() < 0.4:
                items.append(self.back_pain())
            if r.random() < 0.2:
                items.append(self.leukopenia())
        else:
            items.append(
                self.mastocytosis(*(("indolent", "smoldering") if kind < 0.8 else ("aggressive", "neoplasm", "leukemia")))
            )
        for _ in range(2):
            items += self.noise()
        if r.random() < 0.3:
            items.append(self.failed(*r.sample(("H1", "H2", "Cromolyn", "Leukotriene", "Omalizumab"), r.randint(1, 4))))
        if r.random() < 0.25:
            items.append(self.course(severeRefractoryMediatorSymptoms=r.random() < 0.5))
        if r.random() < 0.2:
            items.append(self.prostaglandin())
        if r.random() < 0.15:
            items.append({"allergy": self.member("Aspirin Or NSAID Hypersensitivity")})
        if r.random() < 0.1:
            items.append({"medication": self.member("Opioids"), "start": self.before(5, 60)})
        if kind >= 0.8 and r.random() < 0.6:
            items.append({"medication": "Midostaurin", "dose": "100 mg 2/d", "start": self.before(20, 200)})
            items.append(self.count("Absolute Neutrophil Count", self.one("0.4", "0.8", "1.0", "2.2"), r.randint(0, 5)))
            items.append(self.count("Platelet Count", self.one("22", "48", "90", "210"), r.randint(0, 5)))
        if r.random() < 0.1:
            items.append({"request": self.member("Invasive Procedures"), "at": TODAY + timedelta(days=r.randint(1, 20))})
        return items


def case_from(items: Items, number: int, hook: str = "patient-view", about: str = "") -> Case:
    """The items as a case; its note says what it is about."""
    return case_of({"id": f"generated-{number}", "as_of": TODAY, "hook": hook, "note": about, "data": items}, concepts())
