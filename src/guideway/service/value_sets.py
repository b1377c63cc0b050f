"""``ValueSet/$expand`` and ``ValueSet/$validate-code`` (FHIR R4 terminology service) over the members of a value set.

Takes the value set, its members and the parameters of the call; gives the expansion (with what was asked for in
``expansion.parameter``, so that a part is not taken for the whole) or the Parameters of a validation. What is asked for and not
supported is refused, never passed over.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from guideway.guideline.package import Artifact
from guideway.service.operation_inputs import Inputs, number, where
from guideway.service.problems import Problem
from guideway.terminology.expansion import Member

Json = dict[str, Any]

NAMESPACE = uuid.UUID("0d3b7c52-8a1f-5a43-9f0e-6b1c3c1d7e21")


def expansion_of(artifact: Artifact, members: Iterable[Member], inputs: Inputs, now: str) -> Json:
    """The value set with its expansion; ``filter``, ``activeOnly``, ``offset`` and ``count`` choose from it."""
    for name in ("date", "displayLanguage"):
        _not_supported(inputs, name)
    if inputs.flag("includeDesignations"):
        _not_supported(inputs, "includeDesignations")
    asked: list[Json] = []
    words = inputs.text("filter")
    if words:
        asked.append({"name": "filter", "valueString": words})
    active = inputs.flag("activeOnly")
    if active is not None:
        asked.append({"name": "activeOnly", "valueBoolean": active})
    wanted = (words or "").casefold()
    chosen = [
        m
        for m in members
        if not (active and m.inactive) and (wanted in (m.display or "").casefold() or wanted in m.code.casefold())
    ]
    offset, count = number(inputs, "offset", 0), number(inputs, "count", len(chosen))
    asked += [{"name": name, "valueInteger": value} for name, value in (("offset", offset), ("count", count)) if inputs.all(name)]
    expansion: Json = {"identifier": _identifier(artifact, chosen, asked), "timestamp": now, "total": len(chosen)}
    expansion["offset"] = offset
    if asked:
        expansion["parameter"] = asked
    contains = [_contained(member) for member in chosen[offset : offset + count]]
    if contains:
        expansion["contains"] = contains
    return {**{k: v for k, v in artifact.resource.items() if k not in ("compose", "expansion")}, "expansion": expansion}


def _identifier(artifact: Artifact, chosen: Sequence[Member], asked: Sequence[Json]) -> str:
    """The same for the same expansion, so that a client can tell whether its copy still holds."""
    codes = "\n".join(f"{m.system}|{m.version or ''}|{m.code}|{m.display or ''}|{m.inactive}" for m in chosen)
    return uuid.uuid5(NAMESPACE, f"{artifact.canonical}\n{asked}\n{codes}").urn


def _contained(member: Member) -> Json:
    entry: Json = {"system": member.system, "code": member.code}
    entry |= {"version": member.version} if member.version else {}
    entry |= {"display": member.display} if member.display else {}
    return entry | ({"inactive": True} if member.inactive else {})


def asked_codings(inputs: Inputs) -> list[Json]:
    """The codings of the call, from exactly one of ``code``, ``coding`` and ``codeableConcept``; raises Problem 400."""
    _not_supported(inputs, "date")
    given = [name for name in ("code", "coding", "codeableConcept") if inputs.all(name)]
    if len(given) != 1 or len(inputs.all(given[0])) != 1:
        text = "give one of: a code with its system, a coding, a codeableConcept"
        raise Problem(400, text, expression=where(given[1] if len(given) > 1 else given[0]) if given else "Parameters")
    (name,) = given
    (entry,) = inputs.all(name)
    if name == "code":
        coding = {"code": inputs.text("code"), "system": inputs.text("system"), "version": inputs.text("systemVersion")}
        coding["display"] = inputs.text("display")
        if coding["system"] is None and not inputs.flag("inferSystem"):
            raise Problem(400, "a code needs its system, or inferSystem = true", expression=where("system"))
        return [coding]
    value = entry.get("valueCoding" if name == "coding" else "valueCodeableConcept")
    if not isinstance(value, dict):
        raise Problem(400, f"{name} has no value", expression=where(name))
    listed = value.get("coding", []) if name == "codeableConcept" else [value]
    if not isinstance(listed, list) or not listed or not all(isinstance(c, dict) for c in listed):
        raise Problem(400, f"{name} holds no codings", expression=where(name))
    return listed


def validation(artifact: Artifact, members: Iterable[Member], codings: Sequence[Json], infer: bool) -> Json:
    """Whether one of the codings is in the value set, with its display and version right where they are given."""
    name = artifact.url if artifact.resource.get("url") else "the value set"
    known = {(m.system, m.code): m for m in members}
    by_code: dict[str, list[Member]] = {}
    for member in known.values():
        by_code.setdefault(member.code, []).append(member)
    refusals: list[tuple[str, Member | None]] = []
    for coding in codings:
        if not isinstance(coding.get("code"), str) or not coding["code"]:
            refusals.append(("a coding has no code", None))
            continue
        code, system = coding["code"], coding.get("system")
        found = known.get((str(system), code))
        if found is None and not system and infer:
            same = by_code.get(code, [])
            if len(same) > 1:
                refusals.append((f"{code} is a code of several systems in {name}", None))
                continue
            found = same[0] if same else None
        if found is None:
            refusals.append((f"{system or 'no system'}|{code} is not in {name}", None))
            continue
        refusal, hint = _details(coding, found)
        if not refusal:
            return _result(True, hint, found)
        refusals.append((refusal, found))
    return _result(False, "; ".join(text for text, _ in refusals), next((member for _, member in refusals if member), None))


def _details(coding: Json, member: Member) -> tuple[str, str]:
    """What is wrong with the display or version that came with a code, and what could not be checked."""
    display, version = coding.get("display"), coding.get("version")
    name = f"{member.system}|{member.code}"
    if isinstance(display, str) and member.display and _plain(display) != _plain(member.display):
        return f"{name} has the display {member.display!r}, not {display[:200]!r}", ""
    if isinstance(version, str) and member.version and version != member.version:
        return f"{name} is of version {member.version} in this value set, not {version[:100]}", ""
    if isinstance(version, str) and not member.version:
        return "", f"the value set does not say which version of {member.system} it means, so {version[:100]} was not checked"
    return "", ""


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _result(result: bool, message: str, member: Member | None) -> Json:
    found: list[Json] = [{"name": "result", "valueBoolean": result}]
    if message:
        found.append({"name": "message", "valueString": message})
    if member is not None and member.display:
        found.append({"name": "display", "valueString": member.display})
    return {"resourceType": "Parameters", "parameter": found}


def _not_supported(inputs: Inputs, name: str) -> None:
    if inputs.all(name):
        raise Problem(400, f"the parameter {name} is not supported", expression=where(name), code="not-supported")
