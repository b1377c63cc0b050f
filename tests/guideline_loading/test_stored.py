"""A compiled guideline through its bytes: all of it is there again, numbers exactly, and what was one object is one."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from tests.apply.small import BASE, activity, guideline, plan, when, write

import guideway
import guideway.stamps
from guideway.cache import Cache
from guideway.diagnostics import Diagnostic, Position, Severity
from guideway.guideline.compiled import CompiledGuideline, open_guideline
from guideway.guideline.stored import ON_DEMAND, thaw
from guideway.guideline.storing import freeze

TIMING = {"repeat": {"period": 0.5, "periodUnit": "d"}}


def small() -> CompiledGuideline:
    step = {"id": "a", "title": "A", "condition": [when("Count Is Low")], "timingTiming": TIMING}
    other = {"id": "b", "title": "B", "timingTiming": TIMING}
    compiled = guideline(plan("main", step, other), activity("take", timingTiming=TIMING))
    fault = Diagnostic("x", Severity.warning, "words", "a.cql", Position(1, 2, 3, 4), "#/a", "hint")
    return CompiledGuideline.from_state(
        compiled.state()
        | {"findings": [fault], "manifest": replace(compiled.manifest, settings={"limit": Decimal("0.10"), "name": "x"})}
    )


def through(compiled: CompiledGuideline) -> CompiledGuideline:
    found = thaw(freeze(compiled))
    assert found is not None
    return found


def test_all_of_the_state_is_there_again() -> None:
    compiled = small()
    before, after = compiled.state(), through(compiled).state()
    assert before.pop("program") is not after.pop("program")
    assert list(before) == list(after)
    for name, value in before.items():
        assert after[name] == value, name
        assert type(after[name]) is type(value), name
    assert type(after["findings"][0].severity) is Severity
    assert type(after["findings"][0].position) is Position


def test_the_guideline_of_this_program_is_there_again() -> None:
    compiled = open_guideline(cache=Cache(None))
    thawed = through(compiled)
    before, after = compiled.state(), thawed.state()
    for name in before.keys() - {"program"}:
        assert after[name] == before[name], name
    assert [thawed.facts(plan) for plan in thawed.plans] == [compiled.facts(plan) for plan in compiled.plans]


def test_numbers_are_exact_and_those_of_the_guideline_stay_as_they_are() -> None:
    compiled = small()
    thawed = through(compiled)

    def period(of: CompiledGuideline) -> Any:
        return of.plan("main").resource["action"][0]["timingTiming"]["repeat"]["period"]

    assert (period(thawed), type(period(thawed))) == (Decimal("0.5"), Decimal)
    assert str(thawed.manifest.settings["limit"]) == "0.10"
    assert (period(compiled), type(period(compiled))) == (Decimal("0.5"), Decimal)
    assert compiled.manifest.settings == {"limit": Decimal("0.10"), "name": "x"}
    assert thawed.facts(thawed.plan("main")).actions[0].sound["timingTiming"]["repeat"]["period"] == Decimal("0.5")


def test_numbers_where_none_should_be_are_there_again() -> None:
    step = {
        "id": "a",
        "title": 1.5,
        "priority": 2.5,
        "condition": [{"kind": "applicability", "expression": 3.5}, {"kind": 4.5}],
        "trigger": [{"type": "named-event", "name": 5.5}],
        "extension": [{"url": 6.5, "valueDecimal": 7.5}],
        "documentation": [{"label": 8.5, "citation": 9.5}],
    }
    compiled = guideline(plan("main", step, title=10.5, date=11.5), activity(dosage=[12.5]))
    thawed = through(compiled)
    facts = [each.facts(each.plan("main")) for each in (compiled, thawed)]
    assert facts[0] == facts[1]
    assert facts[1].actions[0].triggers == (Decimal("5.5"),)
    assert facts[1].actions[0].conditions[0].expression == Decimal("3.5")
    assert [a.resource for a in thawed.artifacts] == [a.resource for a in compiled.artifacts]


def test_what_a_run_need_not_walk_through_is_read_when_it_is_asked_for_and_once() -> None:
    compiled = small()
    thawed = through(compiled)
    for before, after in zip(compiled.artifacts, thawed.artifacts, strict=True):
        assert after.head == before.head
        assert after.canonical == before.canonical
        assert (after._resource is None) == (after.type != "PlanDefinition")
        assert after.resource == before.resource
        assert after.resource is after.resource
    own = thawed.resolve(f"{BASE}/ActivityDefinition/take")
    assert own is not None
    assert own.resource["timingTiming"]["repeat"]["period"] == Decimal("0.5")


def test_equal_parts_are_one_object_and_actions_are_not() -> None:
    thawed = through(small())
    first, second = thawed.plan("main").resource["action"]
    assert first["timingTiming"] is second["timingTiming"]
    actions = thawed.facts(thawed.plan("main")).actions
    assert [facts.definition for facts in actions] == [first, second]
    assert actions[0].definition is first
    assert actions[1].definition is second


def test_a_question_that_several_actions_ask_is_one_object() -> None:
    steps = [
        {"id": name, "title": name, "condition": [when("Count Is Low"), when(of)]} for name, of in zip("ab", ("Count", "Low"))
    ]
    thawed = through(guideline(plan("main", *steps), activity("take")))
    first, second = (facts.conditions for facts in thawed.facts(thawed.plan("main")).actions)
    assert first[0] is second[0]
    assert first[1] != second[1]


def test_a_definition_is_made_when_it_is_asked_for() -> None:
    thawed = through(small())
    key = ("Logic", "Low And Not On A")
    assert type(thawed._definitions[thawed.defines["Logic"][key[1]]]) is tuple
    assert thawed.definition(key) is thawed.definition(key)
    assert thawed.has_define(*key)
    assert not thawed.has_define("Logic", "No such")
    assert not thawed.has_define("No such", "Count")
    assert key in set(thawed.resting_on(frozenset({("Logic", "Count")})))
    assert set(thawed.resting_on(frozenset({("Logic", "Count")}))) == {
        (library, name)
        for library, found in thawed.defines.items()
        for name, number in found.items()
        if ("Logic", "Count") in thawed.definitions[number].elements
    }


def test_an_entry_of_a_table_is_read_when_it_is_asked_for_and_once() -> None:
    compiled = open_guideline(cache=Cache(None))
    thawed = through(compiled)
    for name in ON_DEMAND:
        before, after = getattr(compiled, name), getattr(thawed, name)
        assert (list(after), len(after)) == (list(before), len(before)), name
        assert not after._read, name
        first = next(iter(before))
        assert after[first] == before[first]
        assert after[first] is after.get(first)
        assert list(after._read) == [first]
        assert first in after
        assert "no such" not in after
        assert after.get("no such") is None
        assert after == before


@pytest.mark.parametrize("data", [b"", b"\0\0\0\0", b"nonsense of some length", freeze(small())[:400]])
def test_what_is_no_stored_guideline_is_none(data: bytes) -> None:
    assert thaw(data) is None


def test_what_nests_too_deeply_is_made_again_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deep(_: object) -> bytes:
        raise ValueError("object too deeply nested to marshal")

    monkeypatch.setattr("guideway.guideline.storing.freeze", deep)
    assert open_guideline(cache=Cache(tmp_path)).plans
    assert not list(tmp_path.iterdir())


def test_of_an_installed_guideline_what_the_installer_wrote_down_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files are not altered afterwards; anywhere else, or where nothing was written down, every file counts."""
    program = tmp_path / "site-packages" / "guideway"
    carried, other = program / "_guideline", tmp_path / "other"
    for folder in (carried, other):
        folder.mkdir(parents=True)
        write(folder, plan("main"))
    assert guideway.stamps.installed_record(str(Path(guideway.stamps.__file__).parent)) is None  # a checkout
    monkeypatch.setattr(guideway.stamps, "__file__", str(program / "stamps.py"))
    (program / "stamps.py").write_text("")
    record = tmp_path / "site-packages" / f"guideway-{guideway.__version__}.dist-info" / "RECORD"
    record.parent.mkdir()
    record.write_text("guideway/_guideline/a000.json,sha256=abc,1")
    for elsewhere in (f"{program}-more", str(program), f"{program}/../../other", f"{carried}/../../../other"):
        assert guideway.stamps.installed_record(elsewhere) is None
    assert guideway.stamps.installed_record(f"{program}/../guideway/_guideline/") == record.read_bytes()

    def titles() -> list[str]:
        found = (open_guideline(str(folder), cache=Cache(tmp_path / "cache")) for folder in (carried, other))
        return [guideline.plan("main").title for guideline in found]

    def rename(title: str) -> None:
        for folder in (carried, other):
            for file in folder.glob("*.json"):
                file.write_text(file.read_text().replace("Plan main", title).replace("Another plan", title))

    assert titles() == ["Plan main", "Plan main"]
    rename("Another plan")
    assert titles() == ["Plan main", "Another plan"]
    record.write_text("guideway/_guideline/a000.json,sha256=def,1")  # installed again
    assert titles() == ["Another plan", "Another plan"]
    record.unlink()
    rename("A third plan")
    assert titles() == ["A third plan", "A third plan"]
