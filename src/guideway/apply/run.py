"""``apply_guideline``: one guideline, one patient, one moment → one ``PatientOutcome``.

A pure function of its arguments: no clock, no network, nothing kept between calls, so the same input has the same outcome and
two patients never see each other's data. The steps: the record under the guideline's hygiene policy; the evaluation; the walk
through the chosen plans (``actions``); duplicates, conflicts and order (``merge``); the explanation of each recommendation
(``explain``).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from guideway import __version__
from guideway.apply.actions import PlanNode, Walk, each_plan
from guideway.apply.activity_facts import Setting
from guideway.apply.audience import Concepts, audience_of, overlap
from guideway.apply.circumstances import must_be_circumstances
from guideway.apply.expressions import Expressions
from guideway.apply.goals import WORDLESS_GOAL, goals_of
from guideway.apply.inherited import find_groups
from guideway.apply.inputs import unmet_inputs, variables_of
from guideway.apply.linking import Tree
from guideway.apply.merge import merge
from guideway.apply.moment import Moment, moment
from guideway.apply.names import ASKED
from guideway.apply.outcome import DOES_NOT_APPLY, UNKNOWN, Excluded, PatientOutcome, PlanSummary, Recommendation
from guideway.apply.parameters import engine_parameters, shown_parameters
from guideway.apply.policies import policy as policy_named
from guideway.diagnostics import Diagnostic, GuidewayError, Severity
from guideway.guideline.compiled import CompiledGuideline
from guideway.guideline.package import Artifact

Json = dict[str, Any]

LEVELS = ("none", "short", "brief", "evidence", "full")
FEW = 3
"""So many recommendations that cannot be known yet are explained and shown in full even in short; of more, what they wait for."""

DRAFT = (
    "DRAFT: this guideline has not been approved for clinical use. For review by health professionals; "
    "every proposal needs a clinician's own judgement."
)
EXPERIMENTAL = "EXPERIMENTAL: not for clinical use."


def apply_guideline(
    guideline: CompiledGuideline,
    record: Any,
    *,
    plans: Sequence[str | Artifact] | None = None,
    as_of: Any,
    timezone: str = "UTC",
    parameters: Mapping[str, Any] | None = None,
    hook: str | None = "patient-view",
    explain: bool | str = False,
    warm: bool = False,
    made: list[Any] | None = None,
    policy: str = "cpg",
    encounter: str | None = None,
    practitioner: str | None = None,
    organization: str | None = None,
    location: str | None = None,
    user_type: Concepts = None,
    user_language: str | None = None,
    user_task: Concepts = None,
    setting: Concepts = None,
    setting_context: Concepts = None,
    overrides: Mapping[tuple[str, str], Any] | None = None,
    wanted: Callable[[PatientOutcome], Mapping[str, str]] | None = None,
    told: Callable[[PatientOutcome], Collection[str]] | None = None,
    checked: Collection[str] | None = None,
) -> PatientOutcome:
    """The outcome of one patient.

    - ``record``: a ``records.PatientRecord`` (or any data source); its hygiene policy is the guideline's.
    - ``plans``: ids, names or URLs, or PlanDefinitions that are not in the package; None: every plan from the top
      (``CompiledGuideline.root_plans``).
    - ``as_of``, ``timezone``: see ``moment``.
    - ``parameters``: CQL parameters by name (``Library.name`` where several libraries have one); text is read as the declared
      type.
    - ``hook``: only actions that answer to this trigger; None: all.
    - ``explain``: False: evidence and missing data; True: with the trace; ``"brief"``: without the evidence of what does not
      apply; ``"short"``: nor, where it is much, of what cannot be known yet, and that without notes; ``"none"``: statuses only,
      the fastest.
    - ``warm``: for a process that goes on: what was needed only to explain goes at once. The same outcome.
    - ``made``: for a process that ends at once: gets what was made on the way, so that nobody takes it apart.
    - ``policy``: ``cpg``, ``cqf`` or ``spec``.
    - ``user_type``, ``user_task``, ``setting``, ``setting_context``: CodeableConcepts, one or several; one that fits is enough.
    - ``overrides``: values of defines (``(library, define) → value``) for what-if runs.
    - ``wanted``: asked when the statuses are known: which recommendations are explained, by key, and how: ``"evidence"``, or
      ``"missing"`` for the missing data alone. None: as ``explain`` says.
    - ``told``: asked when it is known what is missing: of which of it (``Missing.element``) it is told why data that is there
      does not help, with what is found about units on the way. None: of all.
    - ``checked``: the types of resources whose faults and exclusions are told even where no recommendation is explained, so that
      nothing else may say them. None: all.

    ``GuidewayError`` for an unknown plan, parameter, policy or time zone.
    """
    level = ("full" if explain else "evidence") if isinstance(explain, bool) else explain
    if level not in LEVELS:
        raise GuidewayError(f"no level of explanation {level!r}; there are {', '.join(LEVELS)}")
    must_be_circumstances(encounter, practitioner, organization, location, user_language)
    when = moment(as_of, timezone)
    chosen = [p if isinstance(p, Artifact) else guideline.plan(p) for p in plans] if plans else guideline.root_plans()
    rules = policy_named(policy)
    if any(ASKED in str(r.data.get("questionnaire")) for r in record.retrieve("QuestionnaireResponse")):
        from guideway.apply.questions import with_answers

        record, answers = with_answers(record, guideline, when)
        overrides = {**answers, **(overrides or {})}
    seen = _under(record, guideline, when)
    subject = seen.subject()
    reference = getattr(seen, "reference", None) or (subject.reference if subject is not None else None) or "Patient/unidentified"
    given = _alike(engine_parameters(guideline, parameters or {}), seen)
    not_judged: list[Excluded] = []
    said: list[Diagnostic] = []
    if given:  # among them may be resources of a hook's context
        from guideway.apply.hook_context import screened

        given, not_judged, said = screened(given, {reference, subject.reference or reference} if subject is not None else ())

    traced = level != "none"
    evaluation = guideline.program.evaluation(
        seen, now=when.now, timezone=when.offset, parameters=given, terminology=guideline.terminology, trace=traced
    )
    if overrides:
        evaluation.override(overrides)
    place = Setting(
        subject=reference,
        as_of=when.text,
        policy=rules,
        birth_date=subject.data.get("birthDate") if subject is not None else None,
        encounter=encounter,
        practitioner=practitioner,
        organization=organization,
        location=location,
        language=user_language,
    )
    audience = audience_of(user_type, user_task, setting, setting_context)
    resolve = getattr(seen, "resolve_quietly", None) or seen.resolve
    expressions = Expressions(
        guideline,
        evaluation,
        given | variables(seen, place),
        when.now,
        resolve,
        lambda action: variables_of(action, guideline, seen),
    )
    if made is not None:
        made += (seen, evaluation, expressions)
    stopped = _stopped(seen)
    walk = Walk(guideline, expressions, place, rules, audience, hook=hook, stopped=stopped, notes_may_wait=level == "short")
    trees = [walk.plan(plan) for plan in _distinct(chosen)]
    outcome = _outcome(guideline, walk, trees, place, when, hook, policy, given)
    short = level == "short" and len(outcome.by_status(UNKNOWN)) > FEW
    for note in () if short else walk.waiting or ():
        note()
    goals = _goals(trees, place, seen, outcome.findings)
    outcome.tree = Tree(plans=trees, setting=place, policy=rules, goals=goals, guideline=guideline)
    merge(outcome, trees, guideline, seen)
    close = getattr(seen, "close", None)
    if close is not None:
        close()
    explained: list[Recommendation] = []
    if level != "none":
        explained = outcome.recommendations if stopped is None else []
        if level in ("short", "brief"):
            explained = [r for r in explained if r.status != DOES_NOT_APPLY]
        chosen_by = wanted(outcome) if wanted is not None else None
        if chosen_by is not None:
            explained = [r for r in explained if r.key in chosen_by]
        if explained:
            from guideway.apply.explain import Explainer

            explainer = Explainer(guideline, evaluation, seen, overrides)
            if made is not None:
                made.append(explainer)
            if told is not None:
                explainer.causes.reasons.later = []
            found = (getattr(seen, "findings", None) or ()) if short else ()
            faulty = {finding.pointer.partition(".")[0] for finding in found if finding.pointer}
            for recommendation in explained:
                verdict, only_missing = walk.verdicts[recommendation.key], short and recommendation.status == UNKNOWN
                only_missing = only_missing or (chosen_by or {}).get(recommendation.key) == "missing"
                explainer.explain(recommendation, verdict, full=level == "full", only_missing=only_missing, faulty=faulty)
            if told is not None:
                explainer.causes.reasons.tell(told(outcome))
            outcome.findings += explainer.unit_faults
        unmet_inputs(outcome, trees, guideline, seen)
    if warm:
        evaluation.forget_traces()
    find_groups(outcome, trees)
    _record_findings(outcome, seen, evaluation, guideline, None if explained else checked)
    outcome.excluded += not_judged
    outcome.findings += said
    _link_requests(outcome)
    return outcome


def _stopped(record: Any) -> str | None:
    """Why nothing is recommended to this patient at all; None: no such reason."""
    if getattr(record, "deceased", False):
        return "The patient has died: no recommendation is made"
    if getattr(record, "death_unreadable", False):
        return "Whether the patient has died cannot be read: no recommendation is made"
    return None


def _link_requests(outcome: PatientOutcome) -> None:
    """Fill in which requests each recommendation has (the ids are the builder's)."""
    from guideway.apply.linking import link_requests

    link_requests(outcome)


def _under(record: Any, guideline: CompiledGuideline, when: Moment) -> Any:
    """The record under the guideline's hygiene policy, where the source knows policies."""
    under = getattr(record, "under", None)
    if under is None:
        return record
    try:
        return under(guideline.manifest.hygiene, when.text, when.offset)
    except ValueError as error:
        raise GuidewayError(f"{guideline.manifest.label}: package.json, guideway.hygiene: {error}") from None


def _alike(parameters: dict[Any, Any], record: Any) -> dict[Any, Any]:
    """The parameters with the references of resources among them written as those of the record are."""
    alike = getattr(record, "alike", None)
    if alike is None:
        return parameters

    def written(value: Any) -> Any:
        return [alike(each) for each in value] if isinstance(value, list) else value

    return {name: written(value) for name, value in parameters.items()}


def _distinct(chosen: Iterable[Artifact]) -> list[Artifact]:
    return list({plan.canonical: plan for plan in chosen}.values())


def variables(record: Any, place: Setting) -> Json:
    """The FHIRPath variables of a run: resources where they are at hand."""
    found: Json = {}
    subject = record.subject()
    resolve = getattr(record, "resolve_quietly", None) or record.resolve
    if subject is not None:
        found |= {"resource": subject.data, "context": subject.data, "subject": subject.data, "patient": subject.data}
    for name in ("encounter", "practitioner", "organization", "location"):
        reference = getattr(place, name)
        resource = resolve(reference) if reference else None
        if resource is not None:
            found[name] = resource.data
    return found


def _sound_goal(goal: Json, plan: Artifact, findings: list[Diagnostic]) -> Json:
    """A goal without what is not valid FHIR in its definition."""
    from guideway.fhir.soundness import cleaned

    resource, faults = cleaned({"resourceType": "Goal", **{n: v for n, v in goal.items() if n != "_goalId"}})
    for path, message in faults:
        text = f"{plan.id}: goal {path}: {message}; it is left out"
        findings.append(Diagnostic("goal-invalid", Severity.error, text, plan.file or None))
    resource.setdefault("description", {"text": WORDLESS_GOAL})
    return {n: v for n, v in resource.items() if n != "resourceType"} | {n: v for n, v in goal.items() if n == "_goalId"}


def _goals(trees: list[PlanNode], place: Setting, record: Any, findings: list[Diagnostic]) -> dict[str, list[Json]]:
    """The goals of every plan that has something to say."""

    def conditions(concept: Json) -> list[str]:
        return [
            condition.reference
            for condition in record.retrieve("Condition")
            if condition.reference and overlap(concept, condition.data.get("code") or {})
        ]

    found: dict[str, list[Json]] = {}
    for node in each_plan(trees):
        if node.artifact.canonical not in found and node.shown:
            goals = [_sound_goal(goal, node.artifact, findings) for goal in goals_of(node.artifact, place, conditions)]
            if goals:
                found[node.artifact.canonical] = goals
    return found


def _outcome(
    guideline: CompiledGuideline,
    walk: Walk,
    trees: list[PlanNode],
    place: Setting,
    when: Moment,
    hook: str | None,
    policy: str,
    parameters: Mapping[str, Any],
) -> PatientOutcome:
    reached = _reached(trees)
    manifest = guideline.manifest
    identity: Json = {"id": manifest.id, "version": manifest.version, "hash": guideline.content_hash}
    identity |= {name: value for name in ("title", "canonical") if (value := getattr(manifest, name))}
    resources = [node.artifact.resource for node, _ in reached]
    applied = {node.artifact.canonical for node, _ in reached}
    return PatientOutcome(
        subject=place.subject,
        guideline=identity,
        program={"name": "guideway", "version": __version__},
        evaluated_at=when.text,
        timezone=when.timezone,
        hook=hook,
        policy=policy,
        draft=banner(resources),
        disclaimer=disclaimers(resources),
        plans=[
            PlanSummary(
                id=node.artifact.id,
                url=node.artifact.url,
                version=node.artifact.version,
                title=node.artifact.title,
                chosen=top,
                status=node.status,
                part_of=[whole.id for whole in guideline.wholes(node.artifact) if whole.canonical not in applied] if top else [],
            )
            for node, top in reached
        ],
        recommendations=_in_order(trees, walk),
        skipped=walk.skipped,
        findings=(found := [*guideline.findings, *walk.findings, *_standing(resources, when)]),
        guideline_findings=list(found),
        parameters=shown_parameters(parameters),
    )


def _reached(trees: list[PlanNode]) -> list[tuple[PlanNode, bool]]:
    """Every plan once, in the order in which it is met, with whether it was chosen."""
    found: dict[str, tuple[PlanNode, bool]] = {}
    for tree in trees:
        found.setdefault(tree.artifact.canonical, (tree, True))
    for tree in trees:
        for action in (a for top in tree.actions for a in top.walk()):
            if action.nested is not None:
                found.setdefault(action.nested.artifact.canonical, (action.nested, False))
    return list(found.values())


def _in_order(trees: list[PlanNode], walk: Walk) -> list[Recommendation]:
    """The recommendations in document order, each once."""
    found: dict[str, Recommendation] = {}
    for tree in trees:
        for top in tree.actions:
            for action in top.walk():
                if action.recommendation is not None:
                    key = action.recommendation.key
                    found.setdefault(key, walk.recommendations[key])
    return list(found.values())


def banner(resources: Sequence[Json]) -> str:
    """The draft banner, unless every plan is active; and what is experimental says so."""
    if any(resource.get("status") != "active" for resource in resources) or not resources:
        return DRAFT
    return EXPERIMENTAL if any(resource.get("experimental") is True for resource in resources) else ""


def disclaimers(resources: Sequence[Json]) -> list[str]:
    """What the plans say of their use and their copyright, each text once."""
    found = [resource.get(name) for name in ("usage", "copyright") for resource in resources]
    return list(dict.fromkeys(text for text in found if isinstance(text, str) and text))


def _standing(resources: Sequence[Json], when: Moment) -> list[Diagnostic]:
    """Plans outside their effective period."""
    found = []
    for resource in resources:
        period = resource.get("effectivePeriod")
        if not isinstance(period, dict):
            continue
        start, end = str(period.get("start") or ""), str(period.get("end") or "9999")
        day = when.text
        if day[: len(start)] < start[:10] or day[: len(end[:10])] > end[:10]:
            text = f"{resource.get('url') or resource.get('id')}: outside its effective period ({start or '…'} to {end})"
            found.append(Diagnostic("plan-not-effective", Severity.warning, text))
    return found


def _record_findings(
    outcome: PatientOutcome, record: Any, evaluation: Any, guideline: CompiledGuideline, types: Collection[str] | None
) -> None:
    """What the record and the logic reported: findings of the data and exclusions (``types``: of these types of resources alone),
    CQL messages; touched recommendations are marked."""
    if types is not None and hasattr(record, "findings_of"):
        excluded, found = record.excluded_of(types), record.findings_of(types)
    else:
        excluded, found = getattr(record, "excluded", None) or (), list(getattr(record, "findings", None) or ())
    outcome.excluded = [Excluded(resource=e.resource, rule=e.rule, reason=e.reason) for e in excluded]
    outcome.findings += found
    for message in getattr(evaluation, "messages", None) or ():
        text = message if isinstance(message, str) else getattr(message, "message", None) or str(message)
        outcome.findings.append(Diagnostic("cql-message", Severity.information, str(text)))
    if found:
        from guideway.apply.touched import mark_touched

        mark_touched(outcome, record, guideline, found)


def as_concept(value: Any) -> Json | None:
    """A parameter such as userType as a CodeableConcept: a concept, a Coding, ``system|code``, or a bare code."""
    if value is None:
        return None
    if isinstance(value, str):
        system, bar, code = value.rpartition("|")
        return {"coding": [{"system": system, "code": code} if bar else {"code": value}], "text": code or value}
    if isinstance(value, dict):
        return value if "coding" in value or "text" in value else {"coding": [value]}
    return None
