"""Loading a guideline: folders, FHIR packages, Bundles; canonicals; the content hash; what is wrong with its files."""

from __future__ import annotations

import io
import json
import tarfile
from base64 import b64encode
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from guideway.diagnostics import GuidewayError
from guideway.guideline.canonical import Canonical, parse, tail
from guideway.guideline.libraries import header, library_resource
from guideway.guideline.loading import load
from guideway.guideline.package import Guideline

BASE = "http://example.org/g"
CQL_TEXT = "// notes\nlibrary Logic version '0.1.0'\nusing FHIR version '4.0.1'\ncontext Patient\ndefine \"Yes\": true\n"


def plan(name: str = "one", version: str = "0.1.0", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "PlanDefinition", "id": name, "url": f"{BASE}/PlanDefinition/{name}", "version": version,
        "name": name.title(), "status": "draft", "library": [f"{BASE}/Library/Logic"], **more,
    }  # fmt: skip


MANIFEST = {
    "name": "org.example.g",
    "version": "0.1.0",
    "canonical": BASE,
    "title": "A guideline",
    "guideway": {"hygiene": "clinical"},
}


def write_checkout(root: Path) -> Path:
    (root / "plandefinitions/topic").mkdir(parents=True)
    (root / "plandefinitions/library").mkdir()
    (root / "valuesets/drugs").mkdir(parents=True)
    (root / "examples").mkdir()
    (root / "plandefinitions/package.json").write_text(json.dumps(MANIFEST))
    (root / "plandefinitions/topic/PlanDefinition-one.json").write_text(json.dumps(plan()))
    (root / "plandefinitions/library/Logic.cql").write_text(CQL_TEXT)
    (root / "valuesets/drugs/ValueSet-d.json").write_text(
        json.dumps({"resourceType": "ValueSet", "id": "d", "url": f"{BASE}/ValueSet/d", "version": "0.1.0"})
    )
    (root / "examples/patient.json").write_text(json.dumps({"resourceType": "Patient", "id": "p"}))
    return root


def write_package(path: Path, files: dict[str, Any]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def summary(guideline: Guideline) -> tuple[list[str], list[str], list[str]]:
    return (
        [a.canonical for a in guideline.artifacts],
        [library.name for library in guideline.libraries],
        [f.rule for f in guideline.findings],
    )


def test_a_checkout_gives_its_artifacts_and_leaves_examples_out(tmp_path: Path) -> None:
    guideline = load(write_checkout(tmp_path))
    assert summary(guideline) == ([f"{BASE}/PlanDefinition/one|0.1.0", f"{BASE}/ValueSet/d|0.1.0"], ["Logic"], [])
    assert guideline.manifest.id == "org.example.g"
    assert guideline.manifest.hygiene == "clinical"
    library = guideline.library_of(f"{BASE}/Library/Logic|0.1.0")
    assert library is not None
    assert library.cql == CQL_TEXT
    assert guideline.library_of(f"{BASE}/Library/Logic|9") is None


def test_the_plan_folder_alone_brings_its_value_sets(tmp_path: Path) -> None:
    root = write_checkout(tmp_path)
    assert summary(load(root / "plandefinitions")) == summary(load(root))


def test_the_hash_depends_on_every_byte_and_not_on_the_place(tmp_path: Path) -> None:
    first = write_checkout(tmp_path / "a")
    second = write_checkout(tmp_path / "b")
    assert load(first).content_hash == load(second).content_hash
    (second / "plandefinitions/library/Logic.cql").write_text(CQL_TEXT + " ")
    assert load(first).content_hash != load(second).content_hash


def test_a_fhir_package_made_elsewhere(tmp_path: Path) -> None:
    library = {
        "resourceType": "Library", "id": "Logic", "url": f"{BASE}/Library/Logic", "version": "0.1.0", "name": "Logic",
        "content": [{"contentType": "text/cql", "data": b64encode(CQL_TEXT.encode()).decode()}],
    }  # fmt: skip
    path = write_package(
        tmp_path / "g.tgz",
        {
            "package/package.json": {"name": "org.example.g", "version": "3.0.0"},
            "package/.index.json": {"files": []},
            "package/PlanDefinition-one.json": plan(),
            "package/Library-Logic.json": library,
            "package/example/Patient-p.json": {"resourceType": "Patient", "id": "p"},
            "package/other/spec.json": {"x": 1},
        },
    )
    guideline = load(path)
    assert summary(guideline) == ([f"{BASE}/Library/Logic|0.1.0", f"{BASE}/PlanDefinition/one|0.1.0"], ["Logic"], [])
    assert guideline.manifest.label == "org.example.g 3.0.0"
    assert guideline.libraries[0].cql == CQL_TEXT


def test_a_bundle_with_elm_only(tmp_path: Path) -> None:
    elm = {"library": {"identifier": {"id": "Logic"}}}
    library = {
        "resourceType": "Library", "id": "x", "url": f"{BASE}/Library/Logic", "name": "Logic",
        "content": [{"contentType": "application/elm+json", "data": b64encode(json.dumps(elm).encode()).decode()}],
    }  # fmt: skip
    path = tmp_path / "bundle.json"
    path.write_text(
        json.dumps({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": plan()}, {"resource": library}, {}]})
    )
    guideline = load(path)
    assert guideline.manifest.id == "bundle"
    assert guideline.libraries[0].elm_json == json.dumps(elm).encode()
    assert guideline.libraries[0].cql is None
    assert [(f.rule, f.file, f.pointer) for f in guideline.findings] == [("artifact-entry", "bundle.json", "/entry/2")]


@pytest.mark.parametrize(
    "entry", [None, 5, [], {"resource": 5}, {"resource": {}}, {"resource": {"resourceType": 5}}, {"fullUrl": "urn:x"}]
)
def test_an_entry_of_a_bundle_that_holds_no_resource_is_told(entry: Any, tmp_path: Path) -> None:
    path = tmp_path / "bundle.json"
    deleted = {"request": {"method": "DELETE", "url": "ValueSet/x"}}
    path.write_text(json.dumps({"resourceType": "Bundle", "type": "batch", "entry": [entry, {"resource": plan()}, deleted]}))
    guideline = load(path)
    assert [(f.rule, f.severity.value, f.file, f.pointer) for f in guideline.findings] == [
        ("artifact-entry", "warning", "bundle.json", "/entry/0")
    ]
    assert [a.type for a in guideline.artifacts] == ["PlanDefinition"]


def test_a_bundle_whose_entry_is_no_list_is_told(tmp_path: Path) -> None:
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": {"resource": plan()}}
    for name, content in (("bundle.json", bundle), ("plan.json", plan())):
        (tmp_path / name).write_text(json.dumps(content))
    assert [(f.rule, f.pointer) for f in load(tmp_path).findings] == [("artifact-entry", "/entry")]


def test_the_highest_version_answers_an_unversioned_reference(tmp_path: Path) -> None:
    for version in ("1.9.0", "1.10.0", "1.10.0-draft"):
        (tmp_path / f"PlanDefinition-{version}.json").write_text(json.dumps(plan(version=version)))
    guideline = load(tmp_path)
    found = guideline.resolve(f"{BASE}/PlanDefinition/one")
    assert found is not None
    assert found.version == "1.10.0"
    pinned = guideline.resolve(f"{BASE}/PlanDefinition/one|1.9.0", "PlanDefinition")
    assert pinned is not None
    assert pinned.version == "1.9.0"
    assert guideline.resolve(f"{BASE}/PlanDefinition/one|2") is None
    assert guideline.resolve(f"{BASE}/PlanDefinition/one", "ActivityDefinition") is None


def test_plans_are_found_by_id_name_and_url_and_near_misses_are_named(tmp_path: Path) -> None:
    guideline = load(write_checkout(tmp_path))
    for name in ("one", "One", f"{BASE}/PlanDefinition/one", f"{BASE}/PlanDefinition/one|0.1.0"):
        assert guideline.plan(name).id == "one"
    with pytest.raises(GuidewayError, match="did you mean one"):
        guideline.plan("onne")


def test_numbers_stay_decimals(tmp_path: Path) -> None:
    (tmp_path / "PlanDefinition-one.json").write_text('{"resourceType":"PlanDefinition","id":"one","x":0.80}')
    assert str(load(tmp_path).plans[0].resource["x"]) == "0.80"
    assert isinstance(load(tmp_path).plans[0].resource["x"], Decimal)


def test_bad_files_are_findings_and_the_rest_is_used(tmp_path: Path) -> None:
    root = write_checkout(tmp_path)
    (root / "plandefinitions/broken.json").write_text("{")
    (root / "plandefinitions/list.json").write_text("[]")
    (root / "plandefinitions/nameless.json").write_text('{"resourceType":"PlanDefinition"}')
    (root / "plandefinitions/latin.cql").write_bytes(b"library \xff")
    (root / "plandefinitions/twice.json").write_text(json.dumps(plan(title="another")))
    guideline = load(root)
    assert sorted(f.rule for f in guideline.findings) == [
        "artifact-duplicate", "artifact-json", "artifact-json", "artifact-unnamed", "cql-encoding",
    ]  # fmt: skip
    assert [p.id for p in guideline.plans] == ["one"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("missing", None, "no such guideline"),
        ("a.tgz", b"not a tar", "cannot be read as a FHIR package"),
        ("a.json", b"not json", "no part of a guideline in it"),
        ("a.txt", b"x", "not a guideline"),
        ("patient.json", b'{"resourceType":"Patient"}', "no part of a guideline in it"),
    ],
)
def test_what_is_no_guideline_says_so(tmp_path: Path, name: str, content: bytes | None, words: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(GuidewayError, match=words) as error:
        load(tmp_path / name)
    assert "\n" not in str(error.value)


def test_an_empty_folder_is_no_guideline(tmp_path: Path) -> None:
    with pytest.raises(GuidewayError, match="no artifacts"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (CQL_TEXT, ("Logic", "0.1.0")),
        ("/* library No */ library \"Quoted Name\" version '2'", ("Quoted Name", "2")),
        ("library org.example.Deep", ("Deep", None)),
        ("define A: 1", (None, None)),
    ],
)
def test_library_headers(text: str, expected: tuple[str | None, str | None]) -> None:
    assert header(text) == expected


def test_a_library_resource_carries_its_text_exactly(tmp_path: Path) -> None:
    guideline = load(write_checkout(tmp_path))
    resource = library_resource(guideline.libraries[0], version="0.1.0", elm=b"{}")
    assert resource["url"] == f"{BASE}/Library/Logic"
    assert [c["contentType"] for c in resource["content"]] == ["text/cql", "application/elm+json"]
    (tmp_path / "Library.json").write_text(json.dumps(resource))
    assert load(tmp_path / "Library.json").libraries[0].cql == CQL_TEXT


def test_canonicals() -> None:
    assert parse("http://x/A|1#f") == Canonical("http://x/A", "1", "f")
    assert parse("http://x/A#f|1") == Canonical("http://x/A", "1", "f")
    assert str(parse("http://x/A|1#f")) == "http://x/A|1#f"
    assert tail("http://x/PlanDefinition/a|1") == "a"


@pytest.mark.parametrize(
    ("stated", "told"), [(["4.0.1"], False), (["5.0.0", "4.0.1"], False), (["R4"], False), ([], False), (["5.0.0"], True)]
)
def test_a_package_for_another_release_of_fhir_is_told(tmp_path: Path, stated: list[str], told: bool) -> None:
    write_checkout(tmp_path)
    for manifest in tmp_path.rglob("package.json"):
        manifest.write_text(json.dumps(MANIFEST | {"fhirVersions": stated}))
    found = [finding.message for finding in load(tmp_path).findings if finding.rule == "package-release"]
    assert bool(found) == told
    assert all("5.0.0" in text for text in found)
