"""A dynamic value of an action or of its activity: what its expression gives is set, or refused where that would make of the
request what it must not be.

FHIR R4: http://hl7.org/fhir/R4/plandefinition-definitions.html#PlanDefinition.action.dynamicValue
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from guideway.apply.dynamic_values import BadPath, parse_path, set_path
from guideway.apply.identity import AnotherPatient, must_be_about
from guideway.apply.timing import timing_of
from guideway.diagnostics import Severity
from guideway.guideline.names import copied

if TYPE_CHECKING:
    from guideway.apply.filling import Filling

Json = dict[str, Any]

_NOT_SET = frozenset({"id", "action", "resource"})
"""What others refer to, or what is made from the definition itself."""


class _NotProposed(ValueError):
    """A value that would make more of a request than its policy allows."""


def set_value(filling: Filling, dynamic: Json, libraries: list[str], *, of_activity: bool) -> None:
    """Set one value on the request of an action, or on the action; what fails or is refused is a finding."""
    node = filling.node
    path = dynamic.get("path")
    label = f"dynamic value {path!r}"
    if not isinstance(path, str):
        filling.tell("dynamic-value-path", "a dynamic value without a path")
        return
    variables = {**filling.expressions.of_action(node.definition), "resource": node.request}
    answer = filling.expressions.evaluate(dynamic.get("expression"), libraries, variables)
    if answer.error is not None:
        filling.tell("dynamic-value-error", f"{label}: {answer.error}")
        return
    if answer.value is None or answer.value == []:
        filling.tell("dynamic-value-null", f"{label} is null: {path} stays as it is defined", Severity.information)
        return
    on_action = not of_activity and (path.strip().startswith(("action.", "%action.")) or node.request is None)
    try:
        if on_action:
            _set_on_action(filling, path, answer.value)
        elif node.request is not None:
            changed = copied(node.request)
            set_path(changed, str(changed["resourceType"]), path, answer.value)
            _must_be_containable(changed)
            must_be_about(filling.subject, changed, node.request)
            _must_be_sound(changed, node.request)
            _must_lead_to(str(changed["resourceType"]), changed, node.request)
            _must_stay_proposed(filling, changed, node.request)
            node.request = changed
    except AnotherPatient as error:
        filling.tell("dynamic-value-subject", f"{label}: {error}; it is refused")
    except _NotProposed as error:
        filling.tell("dynamic-value-policy", f"{label}: {error}; it is refused")
    except BadPath as error:
        filling.tell("dynamic-value-path", f"{label}: {error}")


def _must_stay_proposed(filling: Filling, changed: Json, before: Json) -> None:
    """Where the policy says what every request is (a draft, a proposal), no expression makes it anything else."""
    for name in ("status", "intent") if filling.policy.request_intent is not None else ():
        if changed.get(name) != before.get(name):
            raise _NotProposed(
                f"under policy {filling.policy.name} the {name} is {before.get(name)!r}, not {changed.get(name)!r}"
            )


def _set_on_action(filling: Filling, path: str, value: Any) -> None:
    node = filling.node
    first = parse_path(path)[0].name.partition("[")[0]
    if first in _NOT_SET:
        raise BadPath(f"action.{first} follows from the definition and is not set by a dynamic value")
    base = next((name for name in node.definition if name == first), None)
    if base is not None and base not in node.overrides and isinstance(node.definition[base], dict | list):
        node.overrides = {**node.overrides, base: copied(node.definition[base])}
    from guideway.guideline.carried import GROUP

    overrides = copied(node.overrides)
    set_path(overrides, "RequestGroup.Action", path, value)
    must_be_about(filling.subject, overrides, node.overrides)
    _must_be_sound(GROUP | {"action": [overrides]}, GROUP | {"action": [node.overrides]})
    _must_lead_to("RequestGroup.Action", overrides, node.overrides)
    activity = node.activity.resource if node.activity is not None else {}
    before = timing_of(node.overrides) or timing_of(node.definition) or timing_of(activity)
    node.overrides = overrides
    if node.request is not None and (first == "priority" or first.startswith("timing")) and not filling.policy.reference_forms:
        from guideway.apply.activities import take_over

        names = ("priority",) if first == "priority" else tuple(name for name in overrides if name.startswith("timing"))
        computed = {name: overrides[name] for name in names if name in overrides}
        node.request = take_over(node.request, computed, before, filling.setting)


def _must_be_containable(changed: Json) -> None:
    """``BadPath`` where a request could no longer be contained in a CarePlan (dom-2, dom-4, dom-5)."""
    meta = changed.get("meta")
    for name in ("versionId", "lastUpdated", "security"):
        if isinstance(meta, dict) and name in meta:
            raise BadPath(f"a contained resource has no meta.{name}; it is not set")
    if "contained" in changed:
        raise BadPath("a contained resource contains none itself; contained is not set")


def _must_lead_to(kind: str, changed: Json, before: Json) -> None:
    """``BadPath`` where a reference leads to a type of resource that is not allowed there."""
    from guideway.fhir.reference_targets import wrong_target

    fault = wrong_target(kind, changed)
    if fault is not None and wrong_target(kind, before) != fault:
        raise BadPath(fault)


def _must_be_sound(changed: Json, before: Json) -> None:
    """``BadPath`` where a change brought in what is not valid FHIR: a code that the element's binding does not have."""
    from guideway.fhir.soundness import faults_of

    known = faults_of(before)
    for fault, message in faults_of(changed).items():
        if fault not in known:
            raise BadPath(message)
