"""What patient data is left out before anything is computed, and what is kept although doubtful — with the reason for each.

Takes one resource (its type and JSON) and the evaluation time; ``judge`` says why it does not count, ``doubts`` what is doubtful
about it. Policies have names, and a guideline package names the one it wants: ``none`` leaves everything in, ``clinical``
follows the rules below. They are generic: statuses, intents, times and forms, never a diagnosis.

Under ``clinical``
- an observation or report counts only when it is final (or amended, corrected, appended);
- what was entered in error, refuted, cancelled, revoked or drafted does not count, nor does what is noted as not done; a dose
  that was not given stays where its record says why, like a medication that is not taken;
- a proposal or an option is no order: it is left out, and the record keeps open proposals apart (``PatientRecord.proposals``),
  because a recommendation says "already proposed on DATE";
- what is dated after the evaluation time has not happened yet; allergies stay, because a wrong date makes none harmless;
- a resource with implicit rules, or with a modifier extension that is not known here anywhere in it, does not count: its meaning
  is not known, and FHIR forbids to process it (FHIR R4 §2.4.1, §2.26.3.2);
- a resolved condition, a stopped medication and an unconfirmed AllergyIntolerance **stay**: the logic decides what they mean; so
  does what has a status that contradicts itself (confirmed and refuted).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from guideway.fhir.dates import Evaluation, begin, parse

if TYPE_CHECKING:
    from fractions import Fraction

Json = Mapping[str, Any]
Reason = tuple[str, str]
"""A rule's id, and the reason in words."""

POLICIES = ("none", "clinical")

FINAL = frozenset(("final", "amended", "corrected"))
COUNTING: dict[str, frozenset[str]] = {
    "Observation": FINAL,
    "DiagnosticReport": FINAL | {"appended"},
    "QuestionnaireResponse": frozenset(("completed", "amended")),
}
"""Types of which only these statuses count."""

NEVER = frozenset(
    ("entered-in-error", "cancelled", "revoked", "draft", "rejected", "declined", "not-done", "failed", "superseded")
)
"""Statuses that never count, whatever the type. (``stopped``, ``on-hold``, ``completed``, ``not-taken`` tell the history.)"""

REFUSED = {"MedicationAdministration": "not-done", "MedicationDispense": "declined"}
"""What was not given or not handed out stays where its record says why."""

VERIFICATION_OUT = frozenset(("entered-in-error", "refuted"))
DOUBTFUL_VERIFICATION = frozenset(("unconfirmed", "provisional", "differential"))

STATES: dict[str, tuple[frozenset[str], ...]] = {
    "verificationStatus": (frozenset(("confirmed",)), DOUBTFUL_VERIFICATION, VERIFICATION_OUT),
    "clinicalStatus": (frozenset(("active", "recurrence", "relapse")), frozenset(("inactive", "remission", "resolved"))),
}
"""What the statuses of a condition or an allergy can say: codes of one group go together, those of two contradict each other."""

OF_SOMETHING = frozenset(("Condition", "AllergyIntolerance"))
"""Types whose code FHIR lets be left out, though without it nobody knows what they are about."""
NOTHING_SAID = frozenset(
    ("http://terminology.hl7.org/CodeSystem/data-absent-reason", "http://terminology.hl7.org/CodeSystem/v3-NullFlavor")
)
"""Code systems that say why there is no code."""

DATES: dict[str, tuple[str, ...]] = {
    "Observation": ("effectiveDateTime", "effectivePeriod", "effectiveInstant", "effectiveTiming", "issued"),
    "DiagnosticReport": ("effectiveDateTime", "effectivePeriod", "issued"),
    "Condition": ("onsetDateTime", "onsetPeriod", "recordedDate"),
    "AllergyIntolerance": ("onsetDateTime", "onsetPeriod", "recordedDate"),
    "MedicationRequest": ("authoredOn",),
    "MedicationStatement": ("effectiveDateTime", "effectivePeriod", "dateAsserted"),
    "MedicationAdministration": ("effectiveDateTime", "effectivePeriod"),
    "MedicationDispense": ("whenHandedOver", "whenPrepared"),
    "ServiceRequest": ("authoredOn",),
    "DeviceRequest": ("authoredOn",),
    "CommunicationRequest": ("authoredOn",),
    "Procedure": ("performedDateTime", "performedPeriod"),
    "Immunization": ("occurrenceDateTime", "recorded"),
    "QuestionnaireResponse": ("authored",),
    "Encounter": ("period",),
    "AdverseEvent": ("date", "detected", "recordedDate"),
    "DocumentReference": ("date",),
    "Task": ("authoredOn",),
}
"""Where a type says when it happened or was written; the first that is there counts."""

PLANNED = frozenset(("preparation", "planned", "intended", "booked", "pending", "proposed", "waitlist", "arrived"))
"""Statuses with which a date in the future is no mistake."""

KNOWN_MODIFIERS = frozenset(("http://hl7.org/fhir/StructureDefinition/request-doNotPerform",))


class Hygiene(msgspec.Struct, frozen=True):
    """A policy applied at a time."""

    policy: str
    evaluation: Evaluation | None

    def judge(self, kind: str, data: Json, *, understood: bool = False) -> Reason | None:
        """Why a resource does not count; None where it does. ``understood``: nothing in it keeps it from being processed, as is
        known."""
        if self.policy == "none" or (understood and kind == "Observation" and self._is_past_result(data)):
            return None
        reason = None if understood else not_understood(data)
        return reason or _status(kind, data) or _verification(data) or _focus(data) or self._future(kind, data)

    def _is_past_result(self, data: Json) -> bool:
        """Whether an observation is a final result that has certainly come already: most are, and for them this is enough."""
        date = data.get("effectiveDateTime")
        past = type(date) is str and self.evaluation is not None and date < self.evaluation.before
        return past and data.get("status") in FINAL and not ("focus" in data or "intent" in data or "verificationStatus" in data)

    def _future(self, kind: str, data: Json) -> Reason | None:
        if kind == "AllergyIntolerance":
            return None
        date = self._future_date(kind, data)
        return ("future-dated", f"dated {date}, after the evaluation time") if date is not None else None

    def _future_date(self, kind: str, data: Json) -> str | None:
        if self.evaluation is None or data.get("status") in PLANNED:
            return None
        date = when(kind, data)
        return date if date is not None and self.evaluation.is_future(date) else None

    def doubts(self, kind: str, data: Json, faults: Iterable[Reason] | None = None) -> Iterator[Reason]:
        """What is doubtful about a resource that counts; ``faults``: its own, where they are known."""
        if self.policy == "none":
            return
        yield from self.faults(kind, data) if faults is None else faults
        if kind == "Observation" and "verificationStatus" not in data and _is_ordinary(data):
            yield from _value_doubts(data, "")
            return
        if not _concept(kind, data).get("coding"):
            yield from _uncoded(kind, data)
        code = _first_code(data.get("verificationStatus"))
        if code in DOUBTFUL_VERIFICATION and not contradicted(data, "verificationStatus"):
            yield "unconfirmed", f"verification status is {code}"
        if kind == "AllergyIntolerance" and self._future_date(kind, data) is not None:
            yield "future-dated", f"dated {self._future_date(kind, data)}, after the evaluation time; kept, because it warns"
        if kind == "Observation":
            for place, holder in _measured(data):
                yield from _value_doubts(holder, place)

    def faults(self, kind: str, data: Json) -> Iterator[Reason]:
        """What is so doubtful that the resource cannot be used as it is meant: a finding where the logic reads it."""
        if self.policy == "none" or (kind == "Observation" and _is_ordinary(data)):
            return
        codings = [c for c in _concept(kind, data).get("coding", ()) if isinstance(c, dict) and c.get("code")]
        if codings and not any(c.get("system") for c in codings):
            yield "code-without-system", "its code names no code system, so it matches no value set"
        if kind in OF_SOMETHING and not _says_something(_concept(kind, data)):
            yield "code-missing", "it has neither a code nor words, so what it is about is not known"
        for name, words in (("verificationStatus", "verification"), ("clinicalStatus", "clinical")):
            if name in data and (said := contradicted(data, name)):
                yield "status-contradicts", f"its {words} status says {' and '.join(said)} at once, so it is in doubt"
        if data.get("status") == "unknown" and kind not in COUNTING:
            yield "status-unknown", "its status is unknown, so whether it holds is not known"
        if kind == "QuestionnaireResponse" and when(kind, data) is None and not _stored(data):
            yield "date-missing", "it does not say when it was filled in, so its answers are not read"
        if kind == "Observation":
            for place, holder in _measured(data):
                yield from _value_faults(holder, place)
                yield from _contradictions(holder, place)
            period = data.get("effectivePeriod")
            ends = (period.get("start"), period.get("end")) if isinstance(period, dict) else (None, None)
            if isinstance(ends[0], str) and isinstance(ends[1], str) and ends[0][:10] > ends[1][: len(ends[0][:10])]:
                yield "period-reversed", "its period ends before it begins"
            if when(kind, data) is None:
                yield "date-missing", "neither an effective nor an issued date is given, or none that can be read"


def when(kind: str, data: Json) -> str | None:
    """The date of a resource as text: when it happened, else when it was written. A period counts by its start."""
    for name in DATES.get(kind, ()):
        value = data.get(name)
        if isinstance(value, str):
            return value
        if isinstance(value, dict):
            start = value.get("start")
            if start is None and isinstance(value.get("event"), list) and value["event"]:
                start = value["event"][0]
            if isinstance(start, str):
                return start
    return None


def _stored(data: Json) -> bool:
    """Whether the server says when it stored a resource."""
    meta = data.get("meta")
    return isinstance(meta, dict) and isinstance(meta.get("lastUpdated"), str)


def is_open_proposal(data: Json) -> bool:
    """Whether a request is a proposal that nobody has settled."""
    return data.get("intent") == "proposal" and data.get("status") in ("draft", "active", "on-hold", "requested", "ready")


def _is_ordinary(data: Json) -> bool:
    """Whether an observation is a coded and dated quantity, with a unit of UCUM that is given in one way: nothing is wrong with
    most, and for them this is all that is asked."""
    if "component" in data or "dataAbsentReason" in data or "effectivePeriod" in data:
        return False
    code, quantity = data.get("code"), data.get("valueQuantity")
    if type(data.get("effectiveDateTime")) is not str or type(code) is not dict or type(quantity) is not dict:
        return False
    codings = code.get("coding")
    first = codings[0] if type(codings) is list and codings else None
    if type(first) is not dict or not first.get("code") or not first.get("system"):
        return False
    value, unit = quantity.get("value"), quantity.get("code")
    if (type(value) is not Decimal and type(value) is not int) or value < 0 or type(unit) is not str or not unit:
        return False
    if unit.startswith(_LOST_POWERS) or ("{" in unit and _names_number(unit)):
        return False
    if "interpretation" in data and _against_range(data) is not None:
        return False
    return bool(quantity.get("system", UCUM) == UCUM and quantity.get("unit", unit) == unit)


def _status(kind: str, data: Json) -> Reason | None:
    status = data.get("status")
    if data.get("intent") == "proposal" and status not in ("entered-in-error", "cancelled", "revoked"):
        return "proposal", "a proposal, not an order"
    if data.get("intent") == "option":
        return "option", "one of several options, not an order"
    counting = COUNTING.get(kind)
    if counting is not None:
        if status in counting:
            return None
        if status is None:
            return "status-missing", "no status is given, so it is not known to be final"
        return f"status-{status}", f"status is {status}"
    if status in NEVER and not (REFUSED.get(kind) == status and _says_why(data)):
        return f"status-{status}", f"status is {status}"
    return None


def _says_why(data: Json) -> bool:
    return any(data.get(name) for name in ("statusReason", "statusReasonCodeableConcept", "note"))


def _verification(data: Json) -> Reason | None:
    if "verificationStatus" not in data or contradicted(data, "verificationStatus"):
        return None
    code = _first_code(data.get("verificationStatus"), VERIFICATION_OUT)
    return (f"verification-{code}", f"verification status is {code}") if code in VERIFICATION_OUT else None


def contradicted(data: Json, name: str) -> list[str]:
    """The codes by which a status of ``STATES`` says several things at once; empty where it says one, or nothing."""
    concept = data.get(name)
    codings = concept.get("coding") if type(concept) is dict else None
    if type(codings) is not list or len(codings) < 2:
        return []
    codes = [c["code"] for c in codings if type(c) is dict and type(c.get("code")) is str]
    said = [code for code in dict.fromkeys(codes) if any(code in group for group in STATES[name])]
    return said if sum(any(code in group for code in said) for group in STATES[name]) > 1 else []


def _first_code(concept: object, wanted: frozenset[str] = frozenset()) -> str | None:
    """The code of a CodeableConcept: one of ``wanted`` where any coding has it, else the first."""
    codings = concept.get("coding", ()) if isinstance(concept, dict) else ()
    codes = [c["code"] for c in codings if isinstance(c, dict) and isinstance(c.get("code"), str)]
    return next((c for c in codes if c in wanted), codes[0] if codes else None)


def _focus(data: Json) -> Reason | None:
    """An observation about somebody else (a fetus, a donor, a relative) filed with this patient."""
    focus, subject = data.get("focus"), data.get("subject")
    if data.get("resourceType") != "Observation" or not focus:
        return None
    about = subject.get("reference") if isinstance(subject, dict) else None
    if any(isinstance(f, dict) and f.get("reference") != about for f in focus):
        return "focus-other", "it is about somebody or something else (focus)"
    return None


def not_understood(data: Json) -> Reason | None:
    """Why a resource must not be processed: implicit rules, or, anywhere in it, a modifier extension not known here."""
    rules = data.get("implicitRules")
    if rules:
        return "implicit-rules", f"it is to be read by the rules {rules}, which are not known here"
    pending: list[Any] = [data]
    while pending:
        node = pending.pop()
        if type(node) is dict:
            for extension in node.get("modifierExtension", ()):
                url = extension.get("url") if isinstance(extension, dict) else None
                if url not in KNOWN_MODIFIERS:
                    return (
                        "modifier-unknown",
                        f"it carries the modifier extension {url}, which is not known here and may negate it",
                    )
            pending += [v for k, v in node.items() if (type(v) is dict or type(v) is list) and k not in ("contained", "text")]
        else:
            pending += [v for v in node if type(v) is dict or type(v) is list]
    return None


_CODED = {"MedicationRequest": "medicationCodeableConcept", "MedicationStatement": "medicationCodeableConcept"}


def _concept(kind: str, data: Json) -> Json:
    """The coded element of a resource; empty where there is none."""
    concept = data.get(_CODED.get(kind, "code"))
    return concept if isinstance(concept, dict) else {}


def _says_something(concept: Json) -> bool:
    """Whether a concept has words, or a code other than one that says why there is none."""
    codings = [c for c in concept.get("coding", ()) if isinstance(c, dict) and c.get("system") not in NOTHING_SAID]
    return bool(concept.get("text")) or any(c.get("code") or c.get("display") for c in codings)


def _uncoded(kind: str, data: Json) -> Iterator[Reason]:
    concept = _concept(kind, data)
    if concept:
        text = concept.get("text")
        shown = f" “{text[:80]}”" if isinstance(text, str) else ""
        yield "uncoded", f"it has no code, only the text{shown}" if text else "it has neither a code nor a text"


def _measured(data: Json) -> Iterator[tuple[str, Json]]:
    """The value of an observation and those of its components, each with its place."""
    yield "", data
    for number, component in enumerate(data.get("component", ())):
        yield f"component {number + 1}: ", component


COUNT_UNIT = r"(10[*^E]\d+|x10[*^E]\d+|K|k|thou|\{[^}]*\}|cells?)?/(uL|mcL|ul|L|l|mm3|mm\^3|mL|ml)"
"""Units of counts of cells: a number by volume."""


_LOST_POWERS = ("103", "106", "109", "1012", "10.")
_NUMBER_WORDS = ("{k", " k", "_k", "th", "tsd", "lak", "mi", "ml", "cro", "bil", "gi", "gp", "tri", "te", "tp", "hun")
_SINGLE_LETTERS = ("{m", "{g", "{t")


def _names_number(unit: str) -> bool:
    """Whether it may have a number in braces, in digits or by one of ``advice.NUMBERS``: found without reading those."""
    text = unit.lower().replace("1.73_m2", "")
    return (
        any(word in text for word in _NUMBER_WORDS)
        or text.startswith(_SINGLE_LETTERS)
        or any(digit in text for digit in "0123456789")
    )


def _value_faults(data: Json, place: str) -> Iterator[Reason]:
    quantity = data.get("valueQuantity")
    if not isinstance(quantity, dict) or quantity.get("value") is None:
        return
    unit = quantity.get("code") or quantity.get("unit")
    value = quantity["value"]
    if not unit:
        yield "unit-missing", f"{place}the value {value} has no unit"
    elif isinstance(value, int | Decimal) and value < 0 and isinstance(unit, str) and re.fullmatch(COUNT_UNIT, unit):
        yield "value-impossible", f"{place}a count of {value} {unit} cannot be"
    elif isinstance(unit, str) and (unit.startswith(_LOST_POWERS) or ("{" in unit and _names_number(unit))):
        from guideway.ucum.advice import doubt

        doubtful = doubt(unit)
        if doubtful is not None:
            yield "unit-doubtful", f"{place}the unit {doubtful}"


UCUM = "http://unitsofmeasure.org"


def _contradictions(data: Json, place: str) -> Iterator[Reason]:
    """What a measurement says in two ways that do not go together."""
    if data.get("dataAbsentReason") and any(name.startswith("value") for name in data):
        yield "value-and-absent", f"{place}it has a value and a reason why there is none"
    quantity = data.get("valueQuantity")
    if not isinstance(quantity, dict):
        return
    against = _against_range(data) if "interpretation" in data else None
    if against is not None:
        yield "flag-contradicts", f"{place}{against}"
    unit, code, system = quantity.get("unit"), quantity.get("code"), quantity.get("system")
    if isinstance(code, str) and isinstance(system, str) and system != UCUM:
        yield "unit-of-another-system", f"{place}its unit {code!r} is of {system}, not of UCUM"
    elif isinstance(unit, str) and isinstance(code, str) and unit != code:
        ratio = _ratio(unit, code)
        if ratio is not None and ratio != 1:
            yield (
                "unit-contradicts",
                f"{place}its printed unit {unit!r} and its code {code!r} are different units; the code counts",
            )


_SIDES = {"N": 0, "H": 1, "HH": 1, "HU": 1, "L": -1, "LL": -1, "LU": -1}
"""Codes of an interpretation by the side of the reference range on which they say that the value is."""
_IN_WORDS = {0: "within", 1: "above", -1: "below"}


def _against_range(data: Json) -> str | None:
    """How an interpretation contradicts the value and its reference range; None where it does not, or nobody can tell: there are
    several ranges, or one for somebody or something special, or one in another unit."""
    ranges, quantity, flags = data.get("referenceRange"), data.get("valueQuantity"), data.get("interpretation")
    if type(ranges) is not list or len(ranges) != 1 or type(quantity) is not dict or type(flags) is not list or len(flags) != 1:
        return None
    only, value, said = ranges[0], quantity.get("value"), _SIDES.get(_first_code(flags[0]) or "")
    if said is None or type(only) is not dict or not isinstance(value, int | Decimal) or quantity.get("comparator"):
        return None
    if any(name in only for name in ("type", "appliesTo", "age")):
        return None
    side, limits, inside = 0, [], False
    for name, sign, words in (("low", -1, "from"), ("high", 1, "to")):
        limit = only.get(name)
        if type(limit) is not dict or not isinstance(limit.get("value"), int | Decimal):
            continue
        if (limit.get("code") or limit.get("unit")) != (quantity.get("code") or quantity.get("unit")):
            return None
        limits.append(f"{words} {limit['value']}")
        beyond = (value - limit["value"]) * sign
        side = sign if beyond > 0 else side
        inside = inside or (said == sign and beyond < 0)
    if side == said or not (side or inside):
        return None
    code = _first_code(flags[0])
    return f"it is flagged {code!r}, but {value} is {_IN_WORDS[side]} its reference range ({' '.join(limits)})"


@lru_cache(maxsize=256)
def _ratio(printed: str, code: str) -> Fraction | None:
    """What one of the printed unit is of the coded one, also where the print is no UCUM; None where nobody can tell."""
    from guideway.ucum.conversion import factor

    found = factor(printed, code)
    if found is None:
        from guideway.ucum.advice import suggestion

        meant = suggestion(printed)
        found = factor(meant, code) if meant is not None else None
    return found


def _value_doubts(data: Json, place: str) -> Iterator[Reason]:
    quantity = data.get("valueQuantity")
    if not isinstance(quantity, dict):
        return
    if quantity.get("comparator"):
        yield "comparator", f"{place}the value is given as {quantity['comparator']} {quantity.get('value')}"
    unit = quantity.get("code") or quantity.get("unit")
    if quantity.get("value") is not None and unit:
        from guideway.ucum.usual import known

        if not known(unit):
            from guideway.ucum.advice import suggestion

            meant = suggestion(unit)
            yield "unit-unknown", f"{place}the unit {unit!r} is not UCUM" + (f"; {meant!r} is probably meant" if meant else "")


# ---- several observations at once ---------------------------------------------------------------------------------------


class Verdicts(msgspec.Struct, frozen=True):
    """What the comparison of observations gives: positions that a correction replaces, and positions that contradict others."""

    replaced: dict[int, Reason]
    ties: dict[int, Reason]


def compare(observations: Iterable[tuple[int, str, Json]], offset: int = 0) -> Verdicts:
    """Observations of the same measurement with the same date and no time, or at the same instant: a corrected or amended one
    replaces the others; of those that are left, different values contradict each other.

    Takes (position, label, JSON); "the same measurement" means a code in common, method and body site alike.
    """
    groups: dict[tuple[object, ...], list[tuple[int, str, Json]]] = {}
    moments: dict[str, object] = {}
    for observation in observations:
        data = observation[2]
        text = data.get("effectiveDateTime")
        if type(text) is not str:
            text = when("Observation", data)
            if text is None:
                continue
        moment = moments.get(text, moments)
        if moment is moments:
            moment = moments[text] = _moment(text, offset)
        if moment is None:
            continue
        site, method, code = data.get("bodySite"), data.get("method"), data.get("code")
        site = site if site is None else str(site)
        method = method if method is None else str(method)
        for coding in code.get("coding", ()) if isinstance(code, dict) else ():
            if isinstance(coding, dict) and coding.get("code"):
                key = coding.get("system"), coding["code"], moment, site, method
                group = groups.get(key)
                if group is None:
                    groups[key] = [observation]
                else:
                    group.append(observation)
    replaced: dict[int, Reason] = {}
    ties: dict[int, Reason] = {}
    for group in groups.values():
        if len(group) < 2 or _agree(group):
            continue
        corrections = [item for item in group if item[2].get("status") in ("amended", "corrected")]
        if corrections and len(corrections) < len(group):
            names = " and ".join(sorted({label for _, label, _ in corrections}))
            for position, _, data in group:
                if data.get("status") not in ("amended", "corrected"):
                    replaced[position] = ("superseded-by-correction", f"{names} corrects it")
            group = corrections
        if not _agree(group):
            for position, own, _ in group:
                others = " and ".join(sorted({label for p, label, _ in group if p != position and label != own}))
                ties[position] = ("tie", f"{others} has another value for the same time; which is right is not known")
    return Verdicts(replaced, ties)


def _agree(group: Iterable[tuple[int, str, Json]]) -> bool:
    """Whether observations have one value; the same amount in another unit is the same value."""
    quantities = [data.get("valueQuantity") for _, _, data in group]
    numbers = {_number_of(quantity) for quantity in quantities}
    if None not in numbers and len({number[1:] for number in numbers if number is not None}) == 1:
        return len(numbers) == 1
    if len({repr(_value(data)) for _, _, data in group}) < 2:
        return True
    if not all(isinstance(q, dict) and isinstance(q.get("value"), int | Decimal) for q in quantities):
        return False
    from guideway.ucum.usual import same

    if None not in numbers and all(same(a[1], b[1]) and a[2] == b[2] for a in numbers for b in numbers if a and b):
        return len({number[0] for number in numbers if number}) == 1
    from guideway.ucum.conversion import exact

    first, *others = (q for q in quantities if isinstance(q, dict))
    unit = first.get("code") or first.get("unit")
    for other in others:
        given = other.get("code") or other.get("unit")
        if other.get("comparator") != first.get("comparator") or not isinstance(unit, str) or not isinstance(given, str):
            return False
        try:
            if exact(Decimal(other["value"]), given, unit) != exact(Decimal(first["value"]), unit, unit):
                return False
        except ValueError:  # no number in that unit
            return False
    return True


def _number_of(quantity: Any) -> tuple[Decimal | int, str, object] | None:
    """The number, unit and comparator of a quantity; None where there is no exact number or no unit."""
    value = quantity.get("value") if type(quantity) is dict else None
    if type(value) is not Decimal and type(value) is not int:
        return None
    unit, comparator = quantity.get("code") or quantity.get("unit"), quantity.get("comparator")
    return (value, unit, comparator) if type(unit) is str and type(comparator) in (str, type(None)) else None


def _moment(text: str, offset: int) -> object:
    """A key for "the same date without time, or the same instant"; None where the time is less exact or not given."""
    found = parse(text)
    if found is None or found.day is None:
        return None
    return text if found.hour is None else begin(text, offset)


def _value(data: Json) -> object:
    """The value of an observation in a form that can be compared; numbers by value, not by their digits."""
    for key, value in data.items():
        if key.startswith("value"):
            if key == "valueQuantity" and isinstance(value, dict):
                number = value.get("value")
                shown = format(number.normalize(), "f") if isinstance(number, Decimal) else str(number)
                return shown, value.get("code") or value.get("unit"), value.get("comparator")
            if key == "valueCodeableConcept" and isinstance(value, dict):
                return sorted(f"{c.get('system')}|{c.get('code')}" for c in value.get("coding", ()) if isinstance(c, dict))
            return value
    return None
