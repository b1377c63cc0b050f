"""The data that a DataRequirement of an action asks for, as the record has it.

A requirement is met by any resource of its type with a code of its code filters. What of it is not followed here (date filters,
order, a limit, a value set that is not known) is said: an expression that reads such an input fails, and that the record has such
data is no more than a finding.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from guideway.apply.outcome import Missing, Supply
from guideway.diagnostics import GuidewayError
from guideway.guideline.compiled import CompiledGuideline, Requirement
from guideway.guideline.names import concept_text, objects

Json = dict[str, Any]


def met(requirement: Json, guideline: CompiledGuideline, record: Any) -> bool:
    """Whether the record holds data that a DataRequirement asks for."""
    found = matching(requirement, guideline, record)
    return found is None or bool(found)


def matching(requirement: Json, guideline: CompiledGuideline, record: Any) -> list[Any] | None:
    """The data that a DataRequirement asks for, as the record orders it; None where it names no type."""
    kind = requirement.get("type")
    if not isinstance(kind, str):
        return None
    found: list[Any] | None = None
    for code_filter in objects(requirement.get("codeFilter")):
        codes = filter_codes(code_filter, guideline)
        if codes is None:
            continue
        here = list(record.retrieve(kind, code_path=str(code_filter.get("path") or "code"), codes=codes))
        known = {id(item.data) for item in here}
        found = here if found is None else [item for item in found if id(item.data) in known]
    return found if found is not None else list(record.retrieve(kind))


class Held(list[Any]):
    """The data of an input, what it is in words, and the retrieves that find it."""

    def __init__(self, values: Iterable[Any], display: str, reads: tuple[Requirement, ...]) -> None:
        super().__init__(values)
        self.display = display
        self.reads = reads


def held(requirement: Json, guideline: CompiledGuideline, record: Any) -> Held | GuidewayError:
    """The data that the record holds for an input; an error where it asks for data in a way that is not followed here."""
    fault = fault_of(requirement, guideline)
    if fault is not None:
        return GuidewayError(fault)
    values = matching(requirement, guideline, record)
    if values is None:
        return Held((), words_of(requirement, guideline), ())
    return Held(values, words_of(requirement, guideline), _reads(requirement))


def _reads(requirement: Json) -> tuple[Requirement, ...]:
    """The retrieves of an input by one code filter; of several none says what they leave out together."""
    filters = list(objects(requirement.get("codeFilter")))
    if len(filters) != 1:
        return ()
    codes = tuple((c.get("system"), c["code"]) for c in objects(filters[0].get("code")) if isinstance(c.get("code"), str))
    value_set = _value_set(requirement)
    return (Requirement(str(requirement["type"]), str(filters[0].get("path") or "code"), value_set, codes),)


_FOLLOWED = frozenset(
    {"id", "extension", "type", "profile", "subjectCodeableConcept", "subjectReference", "mustSupport", "codeFilter"}
)


def fault_of(requirement: Json, guideline: CompiledGuideline) -> str | None:
    """What of a DataRequirement is not followed here, so that more data would count than it asks for; None: nothing."""
    label = f"the input {requirement.get('id') or requirement.get('type')}"
    others = [name for name in requirement if name not in _FOLLOWED and not name.startswith("_")]
    if others:
        return f"{label} has a {', a '.join(others)}, which is not evaluated"
    kind, filters = requirement.get("type"), requirement.get("codeFilter")
    if not isinstance(kind, str):
        return f"{label} names no type" if "type" in requirement else None
    if filters is not None and len(list(objects(filters))) != (len(filters) if isinstance(filters, list) else -1):
        return f"{label} has a codeFilter that is none"
    for code_filter in objects(filters):
        path, value_set = code_filter.get("path", "code"), code_filter.get("valueSet")
        if "searchParam" in code_filter:
            return f"{label} filters by the search parameter {code_filter['searchParam']}, which is not evaluated"
        if not isinstance(path, str) or path.partition(".")[0] not in _elements(kind):
            return f"{label} filters by {path}, which is no element of {kind}"
        for code in objects(code_filter.get("code")):
            if not isinstance(code.get("code"), str) or not (isinstance(code.get("system"), str) or _is_code(kind, path)):
                return f"{label} asks for {concept_text(code) or 'a code'}, which has no system"
        if value_set is not None:
            try:
                url, _, version = str(value_set).partition("|")
                guideline.terminology.codes(url, version or None)
            except GuidewayError as error:
                return f"{label}: {error}"
    return None


def _is_code(kind: str, path: str) -> bool:
    """Whether an element is a bare code, which says no system."""
    from guideway.fhir.modelinfo import builtin

    model = builtin("FHIR", "4.0.1")
    element = model.json_elements(f"FHIR.{kind}").get(path)
    return element is not None and model.primitive(element.type) is not None


def _elements(kind: str) -> set[str]:
    from guideway.fhir.modelinfo import builtin
    from guideway.fhir.structure import known_type

    known = builtin("FHIR", "4.0.1").json_elements(f"FHIR.{kind}") if known_type(kind) else {}
    return {*known, *(info.element for info in known.values())}


def filter_codes(code_filter: Json, guideline: CompiledGuideline) -> frozenset[tuple[str | None, str]] | None:
    """The codes of one code filter; None where it names none or its value set cannot be enumerated."""
    codes: set[tuple[str | None, str]] = {
        (c.get("system"), c["code"]) for c in objects(code_filter.get("code")) if isinstance(c.get("code"), str)
    }
    value_set = code_filter.get("valueSet")
    if isinstance(value_set, str):
        url, _, version = value_set.partition("|")
        try:
            codes |= set(guideline.terminology.codes(url, version or None))
        except GuidewayError:
            return frozenset(codes) or None
    return frozenset(codes) or None


def _value_set(requirement: Json) -> str | None:
    filters = objects(requirement.get("codeFilter"))
    return next((f["valueSet"] for f in filters if isinstance(f.get("valueSet"), str)), None)


def words_of(requirement: Json, guideline: CompiledGuideline) -> str:
    """What a DataRequirement asks for, as people say it: of which value set, else of which codes, and the type."""
    value_set = _value_set(requirement)
    codes = [concept_text(code) for each in objects(requirement.get("codeFilter")) for code in objects(each.get("code"))]
    title = guideline.value_set_titles.get(value_set or "") or value_set or ", ".join(filter(None, codes))
    return f"{title} ({requirement.get('type')})" if title else str(requirement.get("type"))


def missing(name: str, requirement: Json, guideline: CompiledGuideline) -> Missing:
    """What is missing where an input is not met."""
    display = words_of(requirement, guideline)
    supply = Supply(kind="record", text=f"Record {display}", value_set=_value_set(requirement))
    return Missing(element=name, display=display, for_="input", supply=[supply])
