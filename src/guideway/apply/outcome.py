"""The outcome of one patient: what every later view (table, cards, coverage, population rows, CarePlan) is made from.

One ``Recommendation`` per action that carries a statement-id, and per leaf action: its status, what it rests on, what is
missing and how to supply it, what was left out, its source and its findings. ``PatientOutcome.as_json()`` writes the
documented form, whose JSON Schema is ``outcome.schema.json`` beside this file (docs/apply.md explains it). ``FORMAT`` changes
when a reader of an older version would misread a newer one.
"""

from __future__ import annotations

from typing import Any

import msgspec

from guideway.diagnostics import Diagnostic
from guideway.guideline.compiled import Requirement

Json = dict[str, Any]

FORMAT = "guideway-outcome/1"

APPLIES = "applies"
DOES_NOT_APPLY = "does-not-apply"
UNKNOWN = "unknown"
SUPPRESSED = "suppressed"
SATISFIED = "already-satisfied"
ERROR = "error"
STATUSES = (APPLIES, SUPPRESSED, SATISFIED, UNKNOWN, ERROR, DOES_NOT_APPLY)
"""In the order of what a reader wants to see first; where one statement is reached twice, the earlier status counts."""


class Evidence(msgspec.Struct, kw_only=True):
    """One thing that decided: a resource that counted, or a checked absence (``absent``)."""

    element: str | None = None
    display: str
    resource: str | None = None
    name: str | None = None
    """What the resource is about, where the display does not say it: which drug of a class."""
    value: Any = None
    unit: str | None = None
    date: str | None = None
    why: str | None = None
    said: str | None = None
    """Why a drug was stopped or held, or something was not done, in the words of its record."""
    absent: bool = False
    unknown: bool = False
    """The resource is there, and leaves the data element without a value."""
    checked: list[str] = []
    """Resources that were looked at and did not count."""

    def as_json(self) -> Json:
        """Without what is not known."""
        result: Json = {"element": self.element, "display": self.display, "resource": self.resource, "name": self.name}
        result |= {"value": self.value, "unit": self.unit, "date": self.date, "why": self.why, "said": self.said}
        result |= {"absent": self.absent or None, "unknown": self.unknown or None, "checked": self.checked}
        return pruned(result)


class Supply(msgspec.Struct, kw_only=True, frozen=True):
    """One way to supply a missing datum: ``order`` (a measurement), ``question`` (of a Questionnaire) or ``record`` (in the
    chart)."""

    kind: str
    text: str
    type: str | None = None
    """Resource type that would carry it."""
    value_set: str | None = None
    code: Json | None = None
    unit: str | None = None
    questionnaire: str | None = None
    link_id: str | None = None
    count: int | None = None
    """How many are needed, where it is more than one."""
    resource: str | None = None
    """The resource on record that does not have an element."""
    path: str | None = None
    """That element."""

    def as_json(self) -> Json:
        """Without what is not known."""
        result: Json = {"kind": self.kind, "text": self.text, "type": self.type, "valueSet": self.value_set, "code": self.code}
        result |= {"unit": self.unit, "questionnaire": self.questionnaire, "linkId": self.link_id}
        return pruned(result | {"count": self.count, "resource": self.resource, "path": self.path})


class Missing(msgspec.Struct, kw_only=True):
    """A datum that is not known and could still change the outcome."""

    element: str
    display: str
    for_: str = "applicability"
    """What waits for it: ``applicability``, ``withheld-when`` or ``satisfied-when``."""
    supply: list[Supply] = []
    because: list[str] = []
    checked: list[str] = []
    """Resources that were looked at for it and did not settle it."""

    def as_json(self) -> Json:
        """Without what is not known."""
        result: Json = {"element": self.element, "display": self.display, "for": self.for_}
        result |= {"supply": [s.as_json() for s in self.supply], "because": self.because}
        return pruned(result | {"checked": self.checked})


class Excluded(msgspec.Struct, kw_only=True, frozen=True):
    """A resource that would have been relevant and was left out, or kept in doubt."""

    resource: str
    rule: str
    reason: str

    def as_json(self) -> Json:
        """As the format has it."""
        return {"resource": self.resource, "rule": self.rule, "reason": self.reason}


class ConditionResult(msgspec.Struct, kw_only=True):
    """How one expression of an action came out."""

    kind: str
    """``applicability``, ``withheld-when``, ``satisfied-when``; ``start`` and ``stop`` are carried over, not evaluated."""
    expression: str
    value: bool | None
    description: str | None = None
    name: str | None = None
    error: str | None = None
    of: str | None = None
    """The action it stands on, where that is not the recommendation's own."""
    library: str | None = None
    define: str | None = None
    read: list[str] = []
    """The resources that a FHIRPath expression looked at."""
    absent: list[str] = []
    """What was not there: elements of these, as ``Patient.birthDate``, and data that the record has none of."""
    nothing: list[str] = []
    """Data that the record has none of, which is what decided or leaves nothing open."""
    asked: list[Requirement] = []
    """The retrieves of the inputs that a FHIRPath expression looked at."""

    def as_json(self) -> Json:
        """Value null is kept: it is the answer."""
        result: Json = {"kind": self.kind, "description": self.description, "expression": self.expression, "name": self.name}
        result = pruned(result | {"error": self.error, "action": self.of, "library": self.library})
        result |= {"expression": self.expression, "value": self.value}
        return result


class Source(msgspec.Struct, frozen=True):
    """Where a statement comes from: a citation of the definition's documentation."""

    label: str
    key: str | None = None
    lines: str | None = None
    citation: str | None = None
    url: str | None = None

    def as_json(self) -> Json:
        """Without what is not known."""
        return pruned({"key": self.key, "lines": self.lines, "label": self.label, "citation": self.citation, "url": self.url})


class Recommendation(msgspec.Struct, kw_only=True):
    """What came of one recommendation for one patient."""

    plan: str
    plan_id: str
    action: str
    title: str
    status: str
    reason: str = ""
    """One sentence: why this status."""
    statements: list[str] = []
    description: str | None = None
    rationale: str | None = None
    """What the guideline gives as its reason, or the evidence it names."""
    strength: str | None = None
    direction: str | None = None
    quality: str | None = None
    priority: str | None = None
    exclusive_group: str | None = None
    conditions: list[ConditionResult] = []
    evidence: list[Evidence] = []
    missing: list[Missing] = []
    inherited_from: str | None = None
    """Unknown for no reason of its own: the action (``plan#action``) that it stands in and that cannot be known yet."""
    excluded: list[Excluded] = []
    notes: list[str] = []
    note_rules: list[str] = []
    """The names of the note expressions that said something: rule or overlay ids."""
    source: list[Source] = []
    findings: list[Diagnostic] = []
    via: list[list[str]] = []
    """The plans on the way from a chosen plan to this one, for each way."""
    requests: list[str] = []
    """References of what is proposed, as ``Type/id`` (contained in the CarePlan as ``#id``)."""
    proposals: dict[str, str] = {}
    """Those references → what is proposed, in words for people; not part of the JSON."""
    also: list[str] = []
    """Other recommendations (``plan#action``) that propose the same."""
    trace: list[Json] = []
    key: str = ""
    """``plan id#action id``: what it is called across the outcome. It follows from these two."""

    def __post_init__(self) -> None:
        self.key = f"{self.plan_id}#{self.action}"

    def as_json(self) -> Json:
        """The documented form."""
        result: Json = {"id": self.key, "plan": self.plan, "planId": self.plan_id, "action": self.action}
        result |= {"statements": self.statements, "title": self.title, "status": self.status, "reason": self.reason}
        result |= {"description": self.description, "rationale": self.rationale}
        result |= {"strength": self.strength, "direction": self.direction}
        result |= {"quality": self.quality, "priority": self.priority, "exclusiveGroup": self.exclusive_group}
        result |= {"conditions": [c.as_json() for c in self.conditions], "evidence": [e.as_json() for e in self.evidence]}
        result |= {
            "missing": [m.as_json() for m in self.missing],
            "inheritedFrom": self.inherited_from,
            "excluded": [e.as_json() for e in self.excluded],
        }
        result |= {"notes": self.notes, "noteRules": self.note_rules, "source": [s.as_json() for s in self.source]}
        result["requests"] = self.requests
        result |= {"also": self.also, "via": self.via, "findings": [f.as_json() for f in self.findings], "trace": self.trace}
        return pruned(result)


class Conflict(msgspec.Struct, kw_only=True):
    """Two sides that do not go together; reported as a DetectedIssue, never resolved in silence."""

    rule: str
    severity: str
    """FHIR detectedissue-severity: high, moderate, low."""
    text: str
    recommendations: list[str]
    resources: list[str] = []

    def as_json(self) -> Json:
        """As the format has it."""
        result: Json = {"rule": self.rule, "severity": self.severity, "text": self.text}
        return pruned(result | {"recommendations": self.recommendations, "resources": self.resources})


class UnknownGroup(msgspec.Struct, kw_only=True):
    """An action that cannot be known yet, with all the recommendations in it that wait for nothing else."""

    key: str
    title: str
    conditions: list[str]
    """Those that are null, in words."""
    missing: list[Missing]
    recommendations: list[str]

    def as_json(self) -> Json:
        """As the format has it."""
        result: Json = {"id": self.key, "title": self.title, "conditions": self.conditions}
        return pruned(result | {"missing": [m.as_json() for m in self.missing], "recommendations": self.recommendations})


class PlanSummary(msgspec.Struct, kw_only=True):
    """One plan that was chosen or reached."""

    id: str
    url: str
    title: str
    version: str | None = None
    chosen: bool = True
    status: str = DOES_NOT_APPLY
    part_of: list[str] = []
    """Of a plan that was chosen: the ids of the plans that it is a part of, whose other parts are not applied with it."""
    disclaimer: list[str] = []

    def as_json(self) -> Json:
        """As the format has it."""
        result: Json = {"id": self.id, "url": self.url, "version": self.version, "title": self.title}
        return pruned(result) | {"chosen": self.chosen, "status": self.status} | pruned({"partOf": self.part_of})


class PatientOutcome(msgspec.Struct, kw_only=True):
    """Everything about one patient: the recommendations, and what the CarePlan is made from (``tree``)."""

    subject: str
    guideline: Json
    program: Json
    evaluated_at: str
    timezone: str
    hook: str | None
    policy: str
    draft: str
    disclaimer: list[str]
    plans: list[PlanSummary] = []
    recommendations: list[Recommendation] = []
    conflicts: list[Conflict] = []
    order: list[str] = []
    """Keys of what applies, first things first."""
    unknown_groups: list[UnknownGroup] = []
    """Where an unknown is inherited: each such group once, with what its recommendations wait for."""
    skipped: list[Json] = []
    excluded: list[Excluded] = []
    findings: list[Diagnostic] = []
    guideline_findings: list[Diagnostic] = []
    """Those of them that are about the guideline, not about the patient; not part of the JSON."""
    parameters: Json = {}
    tree: Any = None
    """What ``care_plan`` builds from (``care_plan.Tree``); not part of the JSON."""

    def by_status(self, status: str) -> list[Recommendation]:
        """The recommendations with that status, in plan order."""
        return [r for r in self.recommendations if r.status == status]

    def as_json(self) -> Json:
        """The documented form; see ``outcome.schema.json``."""
        counts = {status: len(self.by_status(status)) for status in STATUSES}
        result: Json = {"format": FORMAT, "program": self.program, "guideline": self.guideline}
        result |= {"evaluatedAt": self.evaluated_at, "timezone": self.timezone, "hook": self.hook, "policy": self.policy}
        result |= {"subject": {"reference": self.subject}, "draft": self.draft, "disclaimer": self.disclaimer}
        result |= {"parameters": self.parameters, "counts": counts, "plans": [p.as_json() for p in self.plans]}
        result = pruned(result)
        result["recommendations"] = [r.as_json() for r in self.recommendations]
        more: Json = {"order": self.order, "conflicts": [c.as_json() for c in self.conflicts], "skipped": self.skipped}
        more["unknownGroups"] = [g.as_json() for g in self.unknown_groups]
        more |= {"excluded": [e.as_json() for e in self.excluded], "findings": [f.as_json() for f in self.findings]}
        return result | pruned(more)


def pruned(value: Json) -> Json:
    """A JSON object without its empty parts: FHIR and the outcome format have no null, "" , [] or {}."""
    return {name: part for name, part in value.items() if part is not None and part != [] and part != "" and part != {}}


def dumps(value: Any, indent: int | None = None) -> bytes:
    """JSON text: decimals as the numbers they were written as, keys in the order they were put in."""
    data = msgspec.json.Encoder(decimal_format="number").encode(value)
    return msgspec.json.format(data, indent=indent) + b"\n" if indent else data
