"""``$data-requirements``: what data a plan reads, from its compiled logic.

``requirements_of_plan`` gives FHIR DataRequirements: resource types, code filters by value set or code, date filters, and the
elements that the logic touches (``mustSupport``). They follow from the ELM of every expression of the plan, of the plans and
activities it leads to, and from the actions' own ``input`` and ``trigger.data``. ``module_definition`` puts them into the
module-definition Library that the operation returns. FHIR R4:
http://hl7.org/fhir/R4/plandefinition-operation-data-requirements.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from guideway.apply.names import CQF_EXPRESSION
from guideway.guideline.compiled import CompiledGuideline, DateFilter, DefineKey, Requirement, definitions_in
from guideway.guideline.expressions import CQL_LANGUAGES, bind, expressions_of
from guideway.guideline.names import copied, objects, text_of
from guideway.guideline.package import Artifact

Json = dict[str, Any]

UCUM = "http://unitsofmeasure.org"
MODULE_DEFINITION = {
    "coding": [
        {
            "system": "http://terminology.hl7.org/CodeSystem/library-type",
            "code": "module-definition",
            "display": "Module Definition",
        }
    ]
}
# CQL types as FHIR parameter types; lists are their element with max *.
_TYPES = {
    "Boolean": "boolean", "Integer": "integer", "Long": "integer", "Decimal": "decimal", "String": "string", "Date": "date",
    "DateTime": "dateTime", "Time": "time", "Quantity": "Quantity", "Ratio": "Ratio", "Code": "Coding",
    "Concept": "CodeableConcept",
    "Interval<Date>": "Period", "Interval<DateTime>": "Period", "Interval<Quantity>": "Range", "Any": "Any",
}  # fmt: skip


def requirements_of_plan(guideline: CompiledGuideline, plan: Artifact) -> list[Json]:
    """The DataRequirements of a plan, each once: the patient, then by type and filter."""
    numbers: dict[int, None] = {}
    touched: dict[str, set[str]] = {}
    stated: list[Json] = []
    for artifact in reached_from(guideline, plan):
        for key in defines_of(guideline, artifact):
            definition = guideline.definition(key)
            if definition is None:
                continue
            numbers |= dict.fromkeys(definition.requirements)
            for kind, path in guideline.must_support.get(key[0], {}).get(key[1], ()):
                touched.setdefault(kind, set()).add(path)
        stated += stated_in(artifact.resource)
    found = [data_requirement(guideline.requirements[n], touched) for n in numbers]
    found.sort(key=lambda r: (r["type"] != "Patient", r["type"], str(r.get("codeFilter", "")), str(r.get("dateFilter", ""))))
    distinct: list[Json] = []
    for requirement in [*found, *stated]:
        if requirement not in distinct:
            distinct.append(requirement)
    return distinct


def reached_from(guideline: CompiledGuideline, plan: Artifact) -> list[Artifact]:
    """The plan, and every plan, activity and questionnaire that its actions lead to, each once, in the order met."""
    found: dict[str, Artifact] = {}
    pending = [plan]
    while pending:
        artifact = pending.pop(0)
        if artifact.canonical in found:
            continue
        found[artifact.canonical] = artifact
        if artifact.type == "PlanDefinition":
            for reference in definitions_in(artifact.resource):
                target = guideline.resolve(reference)
                if target is not None:
                    pending.append(target)
    return list(found.values())


def defines_of(guideline: CompiledGuideline, artifact: Artifact) -> Iterator[DefineKey]:
    """The defines that an artifact's expressions name, in the order of the text."""
    references = artifact.resource.get("library")
    libraries = [x for x in references if isinstance(x, str)] if isinstance(references, list) else []
    for found in expressions_of(artifact.resource):
        if text_of(found.expression.get("language")) in CQL_LANGUAGES:
            bound = bind(guideline, found.expression, libraries, found.inputs)
            if bound.library is not None and bound.define is not None:
                yield bound.library, bound.define


def stated_in(resource: Json) -> list[Json]:
    """The DataRequirements that actions state themselves: inputs, and the data of triggers."""
    found: list[Json] = []
    pending: list[Any] = [resource.get("action")]
    while pending:
        node = pending.pop()
        if isinstance(node, list):
            pending += reversed(node)
        elif isinstance(node, dict):
            found += [copied(d) for d in objects(node.get("input")) if isinstance(d.get("type"), str)]
            for trigger in objects(node.get("trigger")):
                found += [copied(d) for d in objects(trigger.get("data")) if isinstance(d.get("type"), str)]
            pending.append(node.get("action"))
    return found


def data_requirement(requirement: Requirement, touched: dict[str, set[str]] | None = None) -> Json:
    """One retrieve as a DataRequirement."""
    result: Json = {"type": requirement.type}
    profile = requirement.template
    if profile and not profile.endswith(f"/StructureDefinition/{requirement.type}"):
        result["profile"] = [profile]
    elements = sorted((touched or {}).get(requirement.type, ()))
    if elements:
        result["mustSupport"] = elements
    if requirement.value_set or requirement.codes:
        code_filter: Json = {"path": requirement.code_path or "code"}
        if requirement.value_set:
            code_filter["valueSet"] = requirement.value_set
        if requirement.codes:
            code_filter["code"] = [({"system": s} if s else {}) | {"code": c} for s, c in requirement.codes]
        result["codeFilter"] = [code_filter]
    if requirement.dates:
        result["dateFilter"] = [date_filter(dates) for dates in requirement.dates]
    return result


def date_filter(dates: DateFilter) -> Json:
    """One date filter: a Duration before the evaluation; a Period, whose ends may be computed (cqf-expression), since R4 has no
    Duration that reaches beyond the evaluation or ends before it; or the element alone."""
    result: Json = {"path": dates.path}
    if dates.value is not None and dates.unit is not None:
        result["valueDuration"] = {"value": Decimal(dates.value), "system": UCUM, "code": dates.unit}
        return result
    period: Json = {}
    for end, fixed, computed in (
        ("start", dates.start, dates.start_expression),
        ("end", dates.end, dates.end_expression),
    ):
        if fixed:
            period[end] = fixed
        elif computed:
            expression = {"language": "text/cql-expression", "expression": computed}
            period[f"_{end}"] = {"extension": [{"url": CQF_EXPRESSION, "valueExpression": expression}]}
    return result | ({"valuePeriod": period} if period else {})


def module_definition(guideline: CompiledGuideline, plan: Artifact) -> Json:
    """The module-definition Library of a plan: its parameters, what it depends on, and its data requirements."""
    artifacts = reached_from(guideline, plan)
    keys = dict.fromkeys(key for artifact in artifacts for key in defines_of(guideline, artifact))
    requirements = requirements_of_plan(guideline, plan)
    result: Json = {
        "resourceType": "Library",
        "name": f"{plan.resource.get('name') or 'Plan'}DataRequirements",
        "status": "draft",
        "type": copied(MODULE_DEFINITION),
        "subjectCodeableConcept": {
            "coding": [{"system": "http://hl7.org/fhir/resource-types", "code": "Patient"}],
        },
    }
    related = [{"type": "depends-on", "resource": canonical} for canonical in depends_on(guideline, artifacts, keys)]
    if related:
        result["relatedArtifact"] = related
    parameters = [_parameter(p.name, p.type) for p in guideline.parameters if p.library in {library for library, _ in keys}]
    if parameters:
        result["parameter"] = list({p["name"]: p for p in parameters}.values())
    if requirements:
        result["dataRequirement"] = requirements
    return result


def _parameter(name: str, kind: str) -> Json:
    many = kind.startswith("List<")
    inner = kind[5:-1] if many else kind
    short = _TYPES.get(inner) or inner.rpartition(".")[2]
    return {"name": name, "use": "in", "min": 0, "max": "*" if many else "1", "type": short if short.isalnum() else "Any"}


def depends_on(guideline: CompiledGuideline, artifacts: Iterable[Artifact], keys: Iterable[DefineKey]) -> list[str]:
    """Canonicals of the artifacts, libraries and value sets that a plan needs, sorted by kind and URL."""
    wanted: set[str] = set()
    for artifact in list(artifacts)[1:]:
        wanted.add(artifact.canonical)
    names: set[str] = set()
    for library, define in keys:
        names.add(library)
        definition = guideline.definition((library, define))
        for number in definition.requirements if definition is not None else ():
            value_set = guideline.requirements[number].value_set
            if value_set:
                wanted.add(value_set)
        for element in definition.elements if definition is not None else ():
            names.add(element[0])
    urls = {name: url for url, name in sorted(guideline.library_urls.items())}
    wanted |= {urls[name] for name in names if name in urls}
    return sorted(wanted)
