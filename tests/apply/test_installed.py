"""The guideline that comes with the program, on every example: valid FHIR, the documented format, explanations that hold."""

from __future__ import annotations

import json
import random
from decimal import Decimal
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.apply.small import AS_OF

import guideway.apply
from guideway.apply.care_plan import bundle, care_plan
from guideway.apply.outcome import dumps
from guideway.apply.run import apply_guideline
from guideway.fhir.check import check_resource
from guideway.guideline.compiled import CompiledGuideline, open_guideline
from guideway.records.reading import read_bundle

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.json"))
SCHEMA = json.loads((Path(guideway.apply.__file__).parent / "outcome.schema.json").read_text())
FORMAT = jsonschema.Draft202012Validator(SCHEMA)
RECOMMENDATION = jsonschema.Draft202012Validator({"$defs": SCHEMA["$defs"], **SCHEMA["properties"]["recommendations"]["items"]})


@cache
def installed() -> CompiledGuideline:
    return open_guideline()


def record(path: Path) -> Any:
    (found,) = read_bundle(path.read_bytes(), path.name)
    return found


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_results_are_valid_fhir_and_follow_the_schema(path: Path) -> None:
    outcome = apply_guideline(installed(), record(path), as_of=AS_OF, practitioner="Practitioner/d")
    problems = [d.as_text() for d in check_resource(care_plan(outcome)) if d.severity.value == "error"]
    assert not problems, problems
    jsonschema.validate(json.loads(dumps(outcome.as_json())), SCHEMA)
    assert not outcome.by_status("error"), [r.reason for r in outcome.by_status("error")]
    for recommendation in outcome.recommendations:
        assert bool(recommendation.missing) >= (recommendation.status == "unknown"), recommendation.key


def reversed_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: reversed_keys(value[name]) for name in reversed(value)}
    return [reversed_keys(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", ["aggressive-sm-neutrophils-without-unit", "uncoded-diagnosis"])
def test_the_order_of_entries_and_keys_and_the_way_in_change_no_byte(name: str) -> None:
    """With findings about the data, and with the trace. A finding names the file it is about, so that one differs."""
    text = (ROOT / "examples" / f"{name}.json").read_bytes()
    plain = json.loads(text, parse_float=Decimal)

    def told(data: Any, file: str = "in.json") -> bytes:
        written = data if isinstance(data, bytes) else dumps(data)
        (found,) = read_bundle(written, file)
        outcome = apply_guideline(installed(), found, as_of=AS_OF, explain=True, plans=["midostaurin-dose-modification"])
        return dumps(outcome.as_json())

    expected = told(text)
    for seed in range(3):
        entries = random.Random(seed).sample(plain["entry"], len(plain["entry"]))
        assert told(plain | {"entry": entries}) == expected
    assert told(reversed_keys(plain)) == expected
    assert told(text, "standard input").replace(b'"standard input"', b'"in.json"') == expected


@pytest.mark.parametrize("policy", ["cqf", "spec"])
def test_the_other_policies_are_valid_too(policy: str) -> None:
    for path in EXAMPLES[::4]:
        outcome = apply_guideline(installed(), record(path), as_of=AS_OF, policy=policy)
        for resource in (care_plan(outcome), bundle(outcome)):
            problems = [d.as_text() for d in check_resource(resource) if d.severity.value == "error"]
            assert not problems, problems


@pytest.mark.long
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_supplying_what_is_missing_decides(path: Path) -> None:
    """Where all that is missing is Boolean: some values decide, and each datum makes a difference for some of the others."""
    guideline = installed()
    elements = {e.id: e for e in guideline.elements.values()}
    groups: dict[tuple[str, ...], list[str]] = {}
    for r in apply_guideline(guideline, record(path), as_of=AS_OF).by_status("unknown"):
        names = tuple(m.element for m in r.missing)
        if len(names) <= 4 and all(n in elements and elements[n].type == "Boolean" for n in names):
            groups.setdefault(names, []).append(r.key)
    for names, keys in groups.items():
        table: list[tuple[tuple[bool, ...], dict[str, str]]] = []
        for values in product((False, True), repeat=len(names)):
            given = {(elements[n].library, elements[n].define): v for n, v in zip(names, values)}
            found = apply_guideline(guideline, record(path), as_of=AS_OF, overrides=given, explain="none")
            table.append((values, {r.key: r.status for r in found.recommendations}))
        for key in keys:
            statuses = {values: found[key] for values, found in table}
            assert set(statuses.values()) != {"unknown"}, (key, names)
            for index, name in enumerate(names):
                flips = any(statuses[(*v[:index], True, *v[index + 1 :])] != s for v, s in statuses.items() if not v[index])
                assert flips, (key, name, statuses)


@pytest.mark.parametrize("path", EXAMPLES[:2] + EXAMPLES[3:5] + EXAMPLES[6::3], ids=lambda p: p.stem)  # data left out; a fault
def test_in_short_only_the_evidence_and_notes_of_what_cannot_be_known_are_left_out(path: Path) -> None:
    short, brief = (apply_guideline(installed(), record(path), as_of=AS_OF, explain=level) for level in ("short", "brief"))
    for left, right in zip(short.recommendations, brief.recommendations, strict=True):
        if right.status == "unknown" and len(short.by_status("unknown")) > 3:
            known = [(e.element, e.display, e.resource) for e in right.evidence]
            assert all((e.element, e.display, e.resource) in known for e in left.evidence)
            assert [note for note in right.notes if note in left.notes] == left.notes  # of conflicts and of what is folded
            right.evidence, right.excluded = left.evidence, left.excluded
            right.notes, right.note_rules = left.notes, left.note_rules
            for missing in right.missing:  # what was looked at for them is evidence as well
                missing.checked = []
        assert left.as_json() == right.as_json()
    assert not all(r.evidence for r in short.by_status("unknown")) or len(short.by_status("unknown")) <= 3
    assert [d.message for d in short.findings] == [d.message for d in brief.findings]


CASES = sorted((ROOT / "tests" / "guideline" / "cases").rglob("*.yaml"))


POLICIES = ("cpg", "cqf", "spec")


@cache
def follows_the_format(recommendation: bytes) -> None:
    """One recommendation of an outcome, each that is alike once."""
    RECOMMENDATION.validate(json.loads(recommendation))


def follow_the_schema(outcome: Any) -> None:
    """The documented format: what is around the recommendations, with the first of them, and each by itself."""
    told = json.loads(dumps(outcome.as_json()))
    for recommendation in told["recommendations"]:
        follows_the_format(json.dumps(recommendation).encode())
    FORMAT.validate(told | {"recommendations": told["recommendations"][:1]})


_CHECKED: set[bytes] = set()


def with_new_outcomes(plan: Any) -> Any:
    """A CarePlan that says of recommendations only what none before it said: most is alike from case to case, and each that is
    alike is checked once."""
    kept = []
    for extension in plan.get("extension", ()):
        text = dumps(extension) if extension["url"].endswith("/recommendation-outcome") else None
        if text is None or text not in _CHECKED:
            kept.append(extension)
            _CHECKED.add(text or b"")
    return plan | {"extension": kept} if kept else plan


def check_case(path: Path, policies: tuple[str, ...] = POLICIES, *, every_form: bool = True) -> None:
    """Every plan on the patient of a case: a valid CarePlan, which contains all that is proposed, and the documented format;
    ``every_form``: also the Bundle and the requests by themselves."""
    from tests.guideline.support import read as read_case

    from guideway.apply.care_plan import requests
    from guideway.records.reading import read_resources

    case = read_case(path)
    (found,) = read_resources([case.bundle], case.id)
    for policy in policies:
        outcome = apply_guideline(
            installed(), found, as_of=case.as_of, hook=case.hook, policy=policy, practitioner="Practitioner/d"
        )
        plan = with_new_outcomes(care_plan(outcome))
        for resource in (plan, *((bundle(outcome), *requests(outcome)) if every_form else ())):
            problems = [d.as_text() for d in check_resource(resource) if d.severity.value == "error"]
            assert not problems, (path.name, policy, problems[:3])
        if policy == policies[0]:  # a policy changes the forms of FHIR, not of the outcome
            follow_the_schema(outcome)


@pytest.mark.parametrize("path", CASES[::200], ids=lambda p: p.stem)
def test_some_cases_are_valid_in_every_form(path: Path) -> None:
    check_case(path)


@pytest.mark.full
@pytest.mark.parametrize("part", range(16))
def test_every_case_is_valid(part: int) -> None:
    """All as CarePlans of the default policy; every tenth also in the other forms, under one policy or another, since all in all
    forms take minutes."""
    for number, path in enumerate(CASES[part::16]):
        check_case(path, POLICIES[:1], every_form=False)
        if number % 10 == part % 10:
            check_case(path, (POLICIES[number // 10 % 3],))


@pytest.mark.long
@pytest.mark.parametrize("part", range(16))
def test_every_case_is_valid_under_every_policy(part: int) -> None:
    for path in CASES[part::16]:
        check_case(path)
