"""What an action that applies brings into the result: computed elements set, and only valid FHIR left.

Takes one action of the walk with its request; changes both in place. What of the definition goes into the RequestGroup was freed
of what FHIR does not allow before (``guideline.carried``); now come the dynamic values of the activity and of the action, in
order (``setting_values``), and expressions on extensions; then the request is freed of what FHIR does not allow. Everything left
out, refused or failed is a finding on the recommendation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from guideway.apply.identity import AnotherPatient, must_be_about
from guideway.apply.names import CQF_EXPRESSION
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
            self.tell("action-invalid", fault)
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
            self.tell("request-invalid", f"{request['resourceType']}.{path}: {message}; it is left out")
        if any(path.partition(".")[0] == "modifierExtension" for path, _ in faults):
            text = "it may change what the request means"
            self.tell(
                "request-invalid", f"no {request['resourceType']} is made: of a modifier extension that is left out, {text}"
            )
            return None
        if lacking:
            missing = ", ".join(lacking)
            self.tell("request-invalid", f"no {request['resourceType']} is made: without what is left out it lacks {missing}")
            return None
        return result

    def _set(self, dynamic: Json, libraries: list[str], *, of_activity: bool) -> None:
        from guideway.apply.setting_values import set_value

        set_value(self, dynamic, libraries, of_activity=of_activity)

    def _computed_extensions(self, element: Json, libraries: list[str]) -> None:
        variables = {"resource": self.node.request}
        for problem in compute_extensions(element, self.expressions, libraries, variables, self.subject):
            self.tell("extension-expression", problem, Severity.warning)

    def tell(self, rule: str, text: str, severity: Severity = Severity.error) -> None:
        """Put a finding on the recommendation."""
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
