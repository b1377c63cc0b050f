"""The explanation as FHIR: outcomes as extensions of the CarePlan; data needed, conflicts and findings as resources.

Every recommendation's outcome is an extension on the CarePlan (``…/recommendation-outcome``). Each datum that some
recommendation waits for is a DetectedIssue (severity low) and a data requirement of its plan's GuidanceResponse (status
``data-required``); each conflict is a DetectedIssue with both sides implicated; all findings, and what of the plans was
passed over, are one OperationOutcome.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from guideway.apply.names import DISCLAIMER, DRAFT_BANNER, MADE_BY, OUTCOME, Ids
from guideway.apply.outcome import DOES_NOT_APPLY, ERROR, Evidence, Missing, PatientOutcome, Recommendation, pruned
from guideway.apply.passed_over import passed_over
from guideway.diagnostics import Diagnostic, Severity

Json = dict[str, Any]
Refer = Callable[[str, str], str]

DATA_NEEDED = {"text": "Data needed for a recommendation"}
# FHIR issue-type by what a finding's rule is about; everything else is "processing".
_ISSUE_TYPES = (
    ("unresolved", "not-found"), ("unsupported", "not-supported"), ("null", "incomplete"), ("error", "exception"),
    ("cycle", "invalid"), ("json", "structure"), ("deceased", "business-rule"), ("conflict", "conflict"),
    ("missing", "incomplete"), ("passed-over", "informational"),
)  # fmt: skip


def explanation_resources(outcome: PatientOutcome, ids: Ids, groups: dict[str, str], refer: Refer) -> list[Json]:
    """GuidanceResponses, DetectedIssues and the OperationOutcome; ``groups``: plan canonical → id of its RequestGroup, where it
    is part of the result; ``refer``: how the result refers to a resource of that type and id."""
    messages = _messages(outcome, ids)
    resources = [_issue_for(missing, waiting, outcome, ids) for missing, waiting in _needed(outcome).values()]
    resources += [_conflict(conflict, outcome, ids, groups, refer) for conflict in outcome.conflicts]
    resources += _guidance(outcome, ids, groups, refer)
    return resources + ([messages] if messages is not None else [])


def _needed(outcome: PatientOutcome) -> dict[str, tuple[Missing, list[Recommendation]]]:
    """Each missing datum once, with the recommendations that wait for it."""
    found: dict[str, tuple[Missing, list[Recommendation]]] = {}
    for recommendation in outcome.recommendations:
        for missing in recommendation.missing:
            found.setdefault(missing.element, (missing, []))[1].append(recommendation)
    return found


def _issue_for(missing: Missing, waiting: list[Recommendation], outcome: PatientOutcome, ids: Ids) -> Json:
    titles = _waiting(waiting, outcome)
    shown = "; ".join(titles[:5]) + (f"; and {len(titles) - 5} more" if len(titles) > 5 else "")
    because = f" ({'; '.join(missing.because)})" if missing.because else ""
    issue: Json = {
        "resourceType": "DetectedIssue",
        "id": ids.take(f"needed-{missing.element}"),
        "status": "preliminary",
        "code": DATA_NEEDED,
        "severity": "low",
        "patient": {"reference": outcome.subject},
        "identifiedDateTime": outcome.evaluated_at,
        "detail": f"{missing.display} is not known{because}. Waiting for it: {shown}",
    }
    if missing.supply:
        issue["mitigation"] = [{"action": {"text": supply.text}} for supply in missing.supply]
    return issue


def _waiting(found: list[Recommendation], outcome: PatientOutcome) -> list[str]:
    """What waits, in words: a group once, with how many recommendations are in it."""
    groups = {group.key: group.title for group in outcome.unknown_groups}
    counts: dict[str, int] = {}
    for recommendation in found:
        title = groups.get(recommendation.inherited_from or "", recommendation.title)
        counts[title] = counts.get(title, 0) + (recommendation.inherited_from is not None)
    return [f"{title} ({count} recommendations)" if count > 1 else title for title, count in counts.items()]


def _conflict(conflict: Any, outcome: PatientOutcome, ids: Ids, groups: dict[str, str], refer: Refer) -> Json:
    issue: Json = {
        "resourceType": "DetectedIssue",
        "id": ids.take(f"conflict-{conflict.rule}"),
        "status": "preliminary",
        "code": {"text": conflict.rule.replace("-", " ")},
        "severity": conflict.severity,
        "patient": {"reference": outcome.subject},
        "identifiedDateTime": outcome.evaluated_at,
        "detail": conflict.text,
    }
    by_key = {r.key: r for r in outcome.recommendations}
    implicated = []
    for recommendation in (by_key[key] for key in conflict.recommendations if key in by_key):
        own = [tuple(request.split("/", 1)) for request in recommendation.requests]
        if not own and recommendation.plan in groups:  # without a request: the group that its action is in
            own = [("RequestGroup", groups[recommendation.plan])]
        implicated += [refer(kind, name) for kind, name in own]
    implicated += conflict.resources
    if implicated:
        issue["implicated"] = [{"reference": reference} for reference in dict.fromkeys(implicated)]
    return issue


def _guidance(outcome: PatientOutcome, ids: Ids, groups: dict[str, str], refer: Refer) -> list[Json]:
    """One GuidanceResponse for each plan some of whose recommendations wait for data."""
    waiting: dict[str, list[Recommendation]] = {}
    for recommendation in outcome.recommendations:
        if recommendation.missing:
            waiting.setdefault(recommendation.plan, []).append(recommendation)
    resources = []
    for plan, recommendations in waiting.items():
        response: Json = {
            "resourceType": "GuidanceResponse",
            "id": ids.take(f"guidance-{recommendations[0].plan_id}"),
            "moduleCanonical": plan,
            "status": "data-required",
            "subject": {"reference": outcome.subject},
            "occurrenceDateTime": outcome.evaluated_at,
        }
        if plan in groups:
            response["result"] = {"reference": refer("RequestGroup", groups[plan])}
        requirements: dict[str, Json] = {}
        for recommendation in recommendations:
            for missing in recommendation.missing:
                requirements.setdefault(missing.element, _requirement(missing))
        response["dataRequirement"] = list(requirements.values())
        resources.append(response)
    return resources


def _requirement(missing: Missing) -> Json:
    """A DataRequirement for a datum: by its value set, else by its question, else in words."""
    result: Json = {"extension": [{"url": OUTCOME + "-element", "valueString": missing.element}], "type": "Observation"}
    for supply in missing.supply:
        result["type"] = supply.type or "Observation"
        if supply.kind == "question":
            return result | {"mustSupport": [f"item.where(linkId='{supply.link_id}')"]}
        if supply.value_set and "/" in supply.value_set:
            return result | {"codeFilter": [{"path": code_path(result["type"]), "valueSet": supply.value_set}]}
    return result


def code_path(resource_type: str) -> str:
    """The element that says what a resource is about."""
    from guideway.fhir.modelinfo import builtin

    info = builtin("FHIR", "4.0.1").type(resource_type)
    return (info.primary_code_path if info is not None else None) or "code"


def _messages(outcome: PatientOutcome, ids: Ids) -> Json | None:
    findings: list[tuple[Diagnostic, str | None]] = [(f, None) for f in outcome.findings]
    findings += [(f, r.key) for r in outcome.recommendations for f in r.findings]
    failed = [r for r in outcome.recommendations if r.status == ERROR]
    findings += [(Diagnostic("expression-failed", Severity.error, f"{r.key}: {r.reason}"), r.key) for r in failed]
    told = passed_over(outcome.skipped)
    findings += [(Diagnostic("passed-over", Severity.information, f"Not part of the result: {text}"), None) for text in told]
    return messages_of(findings, ids)


def messages_of(findings: list[tuple[Diagnostic, str | None]], ids: Ids) -> Json | None:
    """An OperationOutcome of findings, each with the recommendation it belongs to; None where there are none."""
    if not findings:
        return None
    issues: list[Json] = []
    for finding, key in findings:
        issue: Json = {
            "severity": finding.severity.value,
            "code": issue_type(finding.rule),
            "details": {"text": finding.rule},
            "diagnostics": finding.message + (f" ({finding.hint})" if finding.hint else ""),
        }
        if key is not None:
            issue["extension"] = [{"url": OUTCOME + "-id", "valueString": key}]
        if issue not in issues:
            issues.append(issue)
    return {"resourceType": "OperationOutcome", "id": ids.take("apply-outcome"), "issue": issues}


def issue_type(rule: str) -> str:
    """The FHIR issue-type code for a rule."""
    return next((code for word, code in _ISSUE_TYPES if word in rule), "processing")


def care_plan_extensions(outcome: PatientOutcome) -> list[Json]:
    """Who made it from what, the draft banner and disclaimer, and the outcome of every recommendation."""
    return maker_extensions(outcome) + [_outcome_extension(r) for r in outcome.recommendations]


def signed(made: Json, outcome: PatientOutcome) -> Json:
    """A result that says who made it from what, with the draft banner and the disclaimer.

    A CarePlan says so in its own extensions; one in the forms of the reference implementation (policy ``cqf``) has none of
    ours; there, and in a Bundle, it stands in ``meta``.
    """
    if made.get("resourceType") == "CarePlan" and not outcome.tree.policy.reference_forms:
        return made
    head = {key: made[key] for key in ("resourceType", "id") if key in made}
    return head | {"meta": {"extension": maker_extensions(outcome)}} | made


def maker_extensions(outcome: PatientOutcome) -> list[Json]:
    """Who made it from what, the draft banner and the disclaimer."""
    made: list[Json] = [
        {"url": "program", "valueString": f"{outcome.program['name']} {outcome.program['version']}"},
        {"url": "guideline", "valueString": f"{outcome.guideline['id']} {outcome.guideline['version']}"},
        {"url": "hash", "valueString": outcome.guideline["hash"]},
    ]
    result: list[Json] = [{"url": MADE_BY, "extension": made}]
    if outcome.draft:
        result.append({"url": DRAFT_BANNER, "valueString": outcome.draft})
    result += [{"url": DISCLAIMER, "valueString": text} for text in outcome.disclaimer]
    return result


def _outcome_extension(recommendation: Recommendation) -> Json:
    r = recommendation
    parts: list[Json] = [{"url": "plan", "valueCanonical": r.plan}, {"url": "action", "valueString": r.action}]
    parts += [{"url": "statement", "valueString": s} for s in r.statements if s.strip()]
    parts += [{"url": "title", "valueString": r.title}, {"url": "status", "valueCode": r.status}]
    for name, value in (("reason", r.reason), ("strength", r.strength), ("direction", r.direction), ("quality", r.quality)):
        if value:
            parts.append({"url": name, "valueString": value})
    if r.status != DOES_NOT_APPLY:
        parts += [_evidence(e) for e in r.evidence]
        parts += [_missing(m) for m in r.missing]
        parts += [
            {"url": "excluded", "extension": [
                {"url": "resource", "valueReference": {"reference": e.resource}}, {"url": "reason", "valueString": e.reason},
            ]}
            for e in r.excluded
        ]  # fmt: skip
        parts += [{"url": "note", "valueString": note} for note in r.notes]
        parts += [{"url": "source", "valueString": s.label} for s in r.source]
    return {"url": OUTCOME, "extension": parts}


def _evidence(evidence: Evidence) -> Json:
    parts: list[Json] = [{"url": "display", "valueString": evidence.display}]
    if evidence.resource:
        named = {"display": evidence.name} if evidence.name else {}
        parts.append({"url": "resource", "valueReference": {"reference": evidence.resource} | named})
    value = value_text(evidence)
    for name, text in (("value", value), ("date", evidence.date), ("why", evidence.why), ("said", evidence.said)):
        if text:
            parts.append({"url": name, "valueString": text})
    if evidence.absent:
        parts.append({"url": "absent", "valueBoolean": True})
    if evidence.unknown:
        parts.append({"url": "unknown", "valueBoolean": True})
    return {"url": "evidence", "extension": parts}


def value_text(evidence: Evidence) -> str:
    """Value and unit as one text."""
    if evidence.value is None:
        return ""
    value = str(evidence.value).lower() if isinstance(evidence.value, bool) else str(evidence.value)
    return f"{value} {evidence.unit}" if evidence.unit else value


def _missing(missing: Missing) -> Json:
    parts: list[Json] = [{"url": "element", "valueString": missing.element}, {"url": "display", "valueString": missing.display}]
    parts += [{"url": "supply", "valueString": supply.text} for supply in missing.supply]
    parts += [{"url": "because", "valueString": text} for text in missing.because]
    return pruned({"url": "missing", "extension": parts})
