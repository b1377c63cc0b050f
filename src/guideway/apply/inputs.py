"""``action.input``: data that an action needs to be carried out. What the record does not hold is listed as data needed.

Only for recommendations that apply (for the others it makes no difference yet). What meets a requirement, and what of one is not
followed, is the matter of ``input_data``, which few actions ask for.
"""

from __future__ import annotations

from typing import Any

from guideway.apply.actions import PlanNode
from guideway.apply.outcome import APPLIES, PatientOutcome
from guideway.diagnostics import Diagnostic, Severity
from guideway.guideline.compiled import CompiledGuideline
from guideway.guideline.names import objects

Json = dict[str, Any]


def unmet_inputs(outcome: PatientOutcome, trees: list[PlanNode], guideline: CompiledGuideline, record: Any) -> None:
    """Add the unmet inputs of every action that applies to its recommendation's missing data."""
    for tree in trees:
        for action in (a for top in tree.actions for a in top.walk()):
            recommendation = action.recommendation
            if recommendation is None or action.status != APPLIES:
                continue
            for number, requirement in enumerate(objects(action.definition.get("input")), 1):
                from guideway.apply.input_data import fault_of, met, missing

                fault = fault_of(requirement, guideline)
                if fault is not None:
                    text = f"{action.id}: {fault}; what it leaves out is not left out here"
                    pointer = f"action:{action.id}"
                    finding = Diagnostic("input-unsupported", Severity.warning, text, tree.artifact.file or None, pointer=pointer)
                    if finding not in recommendation.findings:
                        recommendation.findings.append(finding)
                if not met(requirement, guideline, record):
                    name = str(requirement.get("id") or f"{action.id}-input-{number}")
                    if all(m.element != name for m in recommendation.missing):
                        recommendation.missing.append(missing(name, requirement, guideline))


def variables_of(action: Json, guideline: CompiledGuideline, record: Any) -> Json:
    """The inputs of an action that have an id, as FHIRPath variables (``%id``): the data that the record holds for each; an error
    for one that asks for data in a way that is not followed here."""
    found: Json = {}
    for requirement in objects(action.get("input")):
        name = requirement.get("id")
        if isinstance(name, str) and name:
            from guideway.apply.input_data import held

            found[name] = held(requirement, guideline, record)
    return found
