"""Value sets: expansion, composition, membership, and never a guess."""

from __future__ import annotations

from typing import Any

import pytest

from guideway.terminology import AmbiguousCode, UnresolvedValueSet, ValueSetIndex
from guideway.terminology.check import check_value_set
from guideway.terminology.valuesets import version_key

Json = dict[str, Any]
URL = "http://example.org/vs"
SYSTEM = "http://example.org/cs"


def value_set(name: str = "a", version: str | None = None, **parts: Any) -> Json:
    found: Json = {"resourceType": "ValueSet", "url": f"{URL}/{name}", "status": "draft", **parts}
    return found | ({"version": version} if version else {})


def include(*codes: str, system: str = SYSTEM, **more: Any) -> Json:
    return {"system": system, "concept": [{"code": c} for c in codes], **more}


def expansion(*codes: str, **more: Any) -> Json:
    return {"expansion": {"timestamp": "2026-01-01", "contains": [{"system": SYSTEM, "code": c} for c in codes], **more}}


TREE = {
    "resourceType": "CodeSystem",
    "url": SYSTEM,
    "content": "complete",
    "status": "draft",
    "concept": [
        {"code": "a", "display": "A", "concept": [{"code": "a1", "concept": [{"code": "a11"}]}, {"code": "a2"}]},
        {"code": "b", "property": [{"code": "inactive", "valueBoolean": True}, {"code": "kind", "valueCode": "odd"}]},
    ],
}


def codes(index: ValueSetIndex, name: str = "a", version: str | None = None) -> list[str]:
    return sorted(code for _, code in index.codes(f"{URL}/{name}", version))


def composed(*includes: Json, exclude: list[Json] | None = None, others: tuple[Json, ...] = (), **more: Any) -> list[str]:
    compose = {"include": list(includes), **({"exclude": exclude} if exclude else {}), **more}
    return codes(ValueSetIndex([value_set(compose=compose), TREE, *others]))


@pytest.mark.parametrize(
    ("code", "system", "member"),
    [
        ("1", SYSTEM, True),
        ("1", SYSTEM + "/", False),
        ("1 ", SYSTEM, False),
        ("1", None, False),
        (None, SYSTEM, False),
        ("9", SYSTEM, False),
    ],
)
def test_membership_is_exact_in_code_and_system(code: str | None, system: str | None, member: bool) -> None:
    assert ValueSetIndex([value_set(compose={"include": [include("1", "2")]})]).contains(f"{URL}/a", None, code, system) is member


def test_composition() -> None:
    other = value_set("o", compose={"include": [include("a1", "x")]})
    assert composed(include("1"), include("2")) == ["1", "2"]
    assert composed(include("1", "2"), exclude=[include("2")]) == ["1"]
    assert composed({"valueSet": [f"{URL}/o"]}, others=(other,)) == ["a1", "x"]
    assert composed({"system": SYSTEM}) == ["a", "a1", "a11", "a2", "b"]
    assert composed({"system": SYSTEM, "valueSet": [f"{URL}/o"]}, others=(other,)) == ["a1"]
    assert composed({"system": SYSTEM}, exclude=[{"valueSet": [f"{URL}/o"]}], others=(other,)) == ["a", "a11", "a2", "b"]
    assert composed({"system": SYSTEM}, inactive=False) == ["a", "a1", "a11", "a2"]


@pytest.mark.parametrize(
    ("prop", "op", "value", "expected"),
    [
        ("concept", "is-a", "a", ["a", "a1", "a11", "a2"]),
        ("concept", "descendent-of", "a", ["a1", "a11", "a2"]),
        ("concept", "is-not-a", "a", ["b"]),
        ("concept", "generalizes", "a11", ["a", "a1", "a11"]),
        ("concept", "in", "a, b", ["a", "b"]),
        ("concept", "not-in", "a,a1,a11", ["a2", "b"]),
        ("kind", "=", "odd", ["b"]),
        ("kind", "exists", "false", ["a", "a1", "a11", "a2"]),
        ("code", "regex", "a[12]", ["a1", "a2"]),
    ],
)
def test_filters_over_a_whole_code_system(prop: str, op: str, value: str, expected: list[str]) -> None:
    assert composed({"system": SYSTEM, "filter": [{"property": prop, "op": op, "value": value}]}) == expected


def test_an_expansion_counts_before_the_composition_and_abstract_entries_do_not() -> None:
    nested = {"contains": [{"abstract": True, "display": "group", "contains": [{"system": SYSTEM, "code": "1"}]}]}
    assert codes(ValueSetIndex([value_set(expansion=nested, compose={"include": [include("2")]})])) == ["1"]


NEAR = {"system": SYSTEM, "filter": [{"property": "x", "op": "near", "value": "1"}]}
FILTER = {"system": "http://snomed.info/sct", "filter": [{"property": "concept", "op": "is-a", "value": "1"}]}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ([], "not at hand"),
        ([value_set(version="1")], "neither a compose nor an expansion"),
        ([value_set(compose={"include": [FILTER]})], "filters code system http://snomed.info/sct"),
        ([value_set(compose={"include": [{"system": "http://snomed.info/sct"}]})], "takes the whole of"),
        ([value_set(compose={"include": [{"valueSet": [f"{URL}/none"]}]})], "not at hand"),
        ([value_set(compose={"include": [{"concept": [{"code": "1"}]}]})], "names no code system"),
        ([value_set(compose={"include": [{}]})], "neither a code system nor a value set"),
        ([value_set(compose={"include": [{"valueSet": [f"{URL}/a"]}]})], "includes itself"),
        ([value_set(compose={"include": [include("1")], "exclude": [FILTER]})], "filters"),
        ([value_set(**expansion("1", total=2))], "holds 1 of 2"),
        ([value_set(**expansion("1", offset=10))], "a page"),
        ([value_set(expansion={"contains": [{"code": "1"}]})], "without a system"),
        ([value_set(compose={"include": [NEAR]}), TREE], "near"),
    ],
)
def test_what_cannot_be_enumerated_is_unresolved_and_never_false(given: list[Json], says: str) -> None:
    index = ValueSetIndex(given)
    for _ in range(2):
        with pytest.raises(UnresolvedValueSet, match=says):
            index.contains(f"{URL}/a", None, "1", SYSTEM)


def test_circles_are_named() -> None:
    sets = [value_set(a, compose={"include": [{"valueSet": [f"{URL}/{b}"]}]}) for a, b in ("ab", "bc", "ca")]
    with pytest.raises(UnresolvedValueSet, match=f"{URL}/a → {URL}/b → {URL}/c → {URL}/a"):
        ValueSetIndex(sets).codes(f"{URL}/a")


def test_a_filter_with_an_expansion_is_resolved() -> None:
    assert codes(ValueSetIndex([value_set(compose={"include": [FILTER]}, **expansion("1"))])) == ["1"]


def test_a_partial_expansion_falls_back_to_a_composition_that_can_be_enumerated() -> None:
    assert codes(ValueSetIndex([value_set(compose={"include": [include("1", "2")]}, **expansion("1", total=2))])) == ["1", "2"]


def test_versions() -> None:
    index = ValueSetIndex([value_set(version=v, compose={"include": [include(v)]}) for v in ("1.9.0", "1.10.0", "1.10.0-draft")])
    assert codes(index) == ["1.10.0"]
    assert codes(index, version="1.9.0") == ["1.9.0"]
    assert [c for _, c in index.codes(f"{URL}/a|1.10.0-draft")] == ["1.10.0-draft"]
    with pytest.raises(UnresolvedValueSet, match=r"not at hand in version 2.*1\.9\.0, 1\.10\.0-draft, 1\.10\.0"):
        index.codes(f"{URL}/a", "2")
    assert sorted(["2", "1.0.0", "1.0", None, "1.0.0-x"], key=version_key) == [None, "1.0", "1.0.0-x", "1.0.0", "2"]


def test_bare_strings_only_where_there_is_one_code_system() -> None:
    two = value_set(compose={"include": [include("1"), include("1", system="urn:other")]})
    assert ValueSetIndex([value_set(compose={"include": [include("1")]})]).contains_string(f"{URL}/a", None, "1")
    with pytest.raises(AmbiguousCode):
        ValueSetIndex([two]).contains_string(f"{URL}/a", None, "1")


def test_code_systems() -> None:
    index = ValueSetIndex([TREE, value_set(compose={"include": [include("a")]})])
    assert index.in_code_system(SYSTEM, None, "a11")
    assert not index.in_code_system(SYSTEM, None, "z")
    assert index.display(SYSTEM, "a") == "A"
    assert index.members(f"{URL}/a")[0].display == "A"
    with pytest.raises(UnresolvedValueSet):
        index.in_code_system("urn:none", None, "a")


def test_a_snapshot_answers_as_the_resources_do() -> None:
    import marshal

    index = ValueSetIndex([value_set(compose={"include": [include("1")]}), value_set("bad", compose={"include": [FILTER]})])
    thawed = ValueSetIndex.from_snapshot(marshal.loads(marshal.dumps(index.snapshot())))
    assert thawed.contains(f"{URL}/a", None, "1", SYSTEM)
    for name in ("bad", "none"):
        with pytest.raises(UnresolvedValueSet):
            thawed.codes(f"{URL}/{name}")
    listed = [{"code": "1", "display": "One"}, {"code": "2"}]
    named = ValueSetIndex([value_set(compose={"include": [{"system": SYSTEM, "concept": listed}]})])
    for each in (named, ValueSetIndex.from_snapshot(marshal.loads(marshal.dumps(named.snapshot())))):
        assert each.displays(f"{URL}/a") == {(SYSTEM, "1"): "One"}
    tree = ValueSetIndex.from_snapshot(ValueSetIndex([TREE]).snapshot([]))
    assert tree.in_code_system(SYSTEM, None, "a11")
    assert not tree.in_code_system(SYSTEM, None, "z")
    assert tree.urls() == ()
    versioned = ValueSetIndex.from_snapshot(index.snapshot([(f"{URL}/a", None)]))
    assert versioned.urls() == (f"{URL}/a",)


@pytest.mark.parametrize(
    ("parts", "rules"),
    [
        ({"compose": {"include": [include("1")]}}, []),
        ({"compose": {"include": [include("1")]}, **expansion("1")}, []),
        ({"compose": {"include": [include("1", "2")]}, **expansion("1", "3")}, ["valueset-compose-expansion-differ"] * 2),
        ({"compose": {"include": [FILTER]}}, ["valueset-unresolved"]),
        ({"compose": {"include": [FILTER]}, **expansion("1")}, []),
        ({}, ["valueset-unresolved"]),
        ({"compose": {"include": []}}, ["valueset-empty"]),
        (expansion(), ["valueset-empty"]),
        (expansion("1", total=5), ["valueset-expansion-partial"]),
        ({"compose": {"include": [include("1", "1")]}}, ["valueset-code-twice"]),
        (expansion("1", "1"), ["valueset-code-twice"]),
    ],
)
def test_the_checks_of_an_authored_value_set(parts: Json, rules: list[str]) -> None:
    resource = value_set(**parts)
    assert [d.rule for d in check_value_set(ValueSetIndex([resource]), resource, "x.json")] == rules
