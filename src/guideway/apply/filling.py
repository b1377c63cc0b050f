"""What an action that applies brings into the result: computed elements set, and only valid FHIR left.

Takes one action of the walk with its request; changes both in place. What of the definition goes into the RequestGroup was freed
of what FHIR does not allow before (``guideline.carried``); now come the dynamic values of the activity and of the action, in
order, and expressions on extensions; then the request is freed of what FHIR does not allow. Everything left out, refused or
failed is a finding on the recommendation. FHIR R4:
http://hl7.org/fhir/R4/plandefinition-definitions.html#PlanDefinition.action.dynamicValue
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from guideway.apply.dynamic_values import BadPath, parse_path, set_path
from guideway.apply.identity import AnotherPatient, must_be_about
from guideway.apply.names import CQF_EXPRESSION
from guideway.apply.timing import timing_of
from guideway.diagnostics import Diagnostic, Severity
from guideway.guideline.actions import ActionFacts, is_computed
from guideway.guideline.names import copied, first_value, objects

if TYPE_CHECKING:
    from guideway.apply.actions import ActionNode
    from guideway.apply.activity_facts import Setting
    from guideway.apply.expressions import Expressions
    from guideway.apply.outcome import Recommendation
    from guideway.apply.policies import Policy

Json = dict[str, Any]

_NOT_SET = frozenset({"id", "action", "resource"})
"""What others refer to, or what is made from the definition itself."""


class _NotProposed(ValueError):
    """A value that would make more of a request than its policy allows."""


class Filling:
    """The work on one action; ``libraries`` are those of its plan, ``activity_libraries`` those of its activity."""

    def __init__(
        self,
        node: ActionNode,
        facts: ActionFacts,
        recommendation: Recommendation,
        expressions: Expressions,
        setting: Setting,
        libraries: list[str],
        file: str | None,
        policy: Policy,
    ) -> None:
        self.node = node
        self.facts = facts
        self.recommendation = recommendation
        self.expressions = expressions
        self.setting = setting
        self.subject = setting.subject
        self.libraries = libraries
        self.file = file
        self.policy = policy

    def fill(self, activity_libraries: list[str]) -> None:
        """Everything, in order."""
        node = self.node
        for fault in self.facts.faults:
            self._tell("action-invalid", fault)
        node.definition = self.facts.sound
        if node.request is not None and node.activity is not None:
            for dynamic in objects(node.activity.resource.get("dynamicValue")):
                self._set(dynamic, activity_libraries, of_activity=True)
            self._computed_extensions(node.request, activity_libraries)
        for dynamic in objects(node.definition.get("dynamicValue")):
            self._set(dynamic, self.libraries, of_activity=False)
        if self.facts.computes and is_computed(node.definition):
            own = {"extension": copied(node.definition["extension"])}
            self._computed_extensions(own, self.libraries)
            node.definition = {n: v for n, v in node.definition.items() if n != "extension"} | own
        if node.request is not None:
            node.request = self._sound(node.request)

    def _sound(self, request: Json) -> Json | None:
        """The request without what is not valid FHIR in it: a definition may hold anything."""
        from guideway.fhir.soundness import mended

        result, faults, lacking = mended(request)
        for path, message in faults:
            self._tell("request-invalid", f"{request['resourceType']}.{path}: {message}; it is left out")
        if any(path.partition(".")[0] == "modifierExtension" for path, _ in faults):
            text = "it may change what the request means"
            self._tell(
                "request-invalid", f"no {request['resourceType']} is made: of a modifier extension that is left out, {text}"
            )
            return None
        if lacking:
            missing = ", ".join(lacking)
            self._tell("request-invalid", f"no {request['resourceType']} is made: without what is left out it lacks {missing}")
            return None
        return result

    def _set(self, dynamic: Json, libraries: list[str], *, of_activity: bool) -> None:
        node = self.node
        path = dynamic.get("path")
        label = f"dynamic value {path!r}"
        if not isinstance(path, str):
            self._tell("dynamic-value-path", "a dynamic value without a path")
            return
        variables = {**self.expressions.of_action(node.definition), "resource": node.request}
        answer = self.expressions.evaluate(dynamic.get("expression"), libraries, variables)
        if answer.error is not None:
            self._tell("dynamic-value-error", f"{label}: {answer.error}")
            return
        if answer.value is None or answer.value == []:
            self._tell("dynamic-value-null", f"{label} is null: {path} stays as it is defined", Severity.information)
            return
        on_action = not of_activity and (path.strip().startswith(("action.", "%action.")) or node.request is None)
        try:
            if on_action:
                self._set_on_action(path, answer.value)
            elif node.request is not None:
                changed = copied(node.request)
                set_path(changed, str(changed["resourceType"]), path, answer.value)
                _must_be_containable(changed)
                must_be_about(self.subject, changed, node.request)
                _must_be_sound(changed, node.request)
                _must_lead_to(str(changed["resourceType"]), changed, node.request)
                self._must_stay_proposed(changed, node.request)
                node.request = changed
        except AnotherPatient as error:
            self._tell("dynamic-value-subject", f"{label}: {error}; it is refused")
        except _NotProposed as error:
            self._tell("dynamic-value-policy", f"{label}: {error}; it is refused")
        except BadPath as error:
            self._tell("dynamic-value-path", f"{label}: {error}")

    def _must_stay_proposed(self, changed: Json, before: Json) -> None:
        """Where the policy says what every request is (a draft, a proposal), no expression makes it anything else."""
        for name in ("status", "intent") if self.policy.request_intent is not None else ():
            if changed.get(name) != before.get(name):
                raise _NotProposed(
                    f"under policy {self.policy.name} the {name} is {before.get(name)!r}, not {changed.get(name)!r}"
                )

    def _set_on_action(self, path: str, value: Any) -> None:
        node = self.node
        first = parse_path(path)[0].name.partition("[")[0]
        if first in _NOT_SET:
            raise BadPath(f"action.{first} follows from the definition and is not set by a dynamic value")
        base = next((name for name in node.definition if name == first), None)
        if base is not None and base not in node.overrides and isinstance(node.definition[base], dict | list):
            node.overrides = {**node.overrides, base: copied(node.definition[base])}
        from guideway.guideline.carried import GROUP

        overrides = copied(node.overrides)
        set_path(overrides, "RequestGroup.Action", path, value)
        must_be_about(self.subject, overrides, node.overrides)
        _must_be_sound(GROUP | {"action": [overrides]}, GROUP | {"action": [node.overrides]})
        _must_lead_to("RequestGroup.Action", overrides, node.overrides)
        activity = node.activity.resource if node.activity is not None else {}
        before = timing_of(node.overrides) or timing_of(node.definition) or timing_of(activity)
        node.overrides = overrides
        if node.request is not None and (first == "priority" or first.startswith("timing")) and not self.policy.reference_forms:
            from guideway.apply.activities import take_over

            names = ("priority",) if first == "priority" else tuple(name for name in overrides if name.startswith("timing"))
            computed = {name: overrides[name] for name in names if name in overrides}
            node.request = take_over(node.request, computed, before, self.setting)

    def _computed_extensions(self, element: Json, libraries: list[str]) -> None:
        variables = {"resource": self.node.request}
        for problem in compute_extensions(element, self.expressions, libraries, variables, self.subject):
            self._tell("extension-expression", problem, Severity.warning)

    def _tell(self, rule: str, text: str, severity: Severity = Severity.error) -> None:
        name = self.node.id
        self.recommendation.findings.append(Diagnostic(rule, severity, f"{name}: {text}", self.file, pointer=f"action:{name}"))


def compute_extensions(element: Json, expressions: Expressions, libraries: list[str], variables: Json, subject: str) -> list[str]:
    """cqf-expression on the value of an extension of ``element``: the expression's value takes its place, in place. What fails is
    left out; the problems in words."""
    problems: list[str] = []
    if not is_computed(element):
        return problems
    kept: list[Json] = []
    for extension in objects(element["extension"]):
        name = next((n for n in extension if n.startswith("_value")), None)
        carried = extension.get(name) if name else None
        expression = first_value(carried, CQF_EXPRESSION) if isinstance(carried, dict) else None
        if name is None or expression is None:
            kept.append(extension)
            continue
        answer = expressions.evaluate(expression, libraries, variables)
        if answer.error is None and answer.value is not None:
            from guideway.apply.fhir_json import Unfit, to_fhir

            kind = name.removeprefix("_value")
            try:
                value = to_fhir(answer.value, kind if kind[:1].isupper() and len(kind) > 8 else kind[:1].lower() + kind[1:])
                must_be_about(subject, {"value": value}, {})
                kept.append({n: v for n, v in extension.items() if n != name} | {name[1:]: value})
                continue
            except (Unfit, AnotherPatient) as error:
                answer.error = str(error)
        problems.append(f"extension {extension.get('url')}: {answer.error or 'its expression is null'}")
        if name[1:] in extension:  # its static value stands
            kept.append({n: v for n, v in extension.items() if n != name})
    element["extension"] = kept
    if not kept:
        del element["extension"]
    return problems


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
