"""Public material: the files of broken input, Synthea bundles, a Synthea NDJSON folder."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path
from typing import Any

import pytest
from tests.shared import shared_folder

from guideway.diagnostics import GuidewayError
from guideway.records import Folder, read_bundle, read_folder
from guideway.records.decode import decode
from guideway.records.reading import read_files

FATAL = {"malformed_json", "hostile_json_impl_defined", "legal_json_odd"}
EXPECTED = {
    "fhir__pat-security-bad-xhtml.json": "narrative-unsafe",
    "fhir__bundle-duplicate-id.json": "full-url-invalid",
    "fhir__patient-id-bad-1.json": "id-invalid",
    "fhir__patient-id-bad-2.json": "id-invalid",
    "fhir__json-comments.json": "json-comments",
    "fhir__versioned-extension.json": "element-missing",
    "fhir__parameters-reference-bad.json": "other-patient",
}


def kinds(value: Any) -> set[str]:
    """The types of the resources that a document holds, those inside other resources aside."""
    if value.get("resourceType") == "Parameters":
        return {p["resource"]["resourceType"] for p in value["parameter"] if "resource" in p}
    if value.get("resourceType") == "Bundle":
        return {e["resource"]["resourceType"] for e in value["entry"]}
    return {value.get("resourceType")}


def test_every_file_of_broken_input_is_answered() -> None:
    folder = shared_folder("conformance/bad-input")
    rows = list(csv.DictReader((folder / "manifest.csv").open(encoding="utf-8")))
    assert len(rows) == 102
    found: dict[str, list[str]] = {}
    for row in rows:
        data = (folder / row["file"]).read_bytes()
        has_patient = row["class"] not in FATAL and b"Patient" in data and "Patient" in kinds(decode(data, "x").value)
        if not has_patient:
            with pytest.raises(GuidewayError) as error:
                read_bundle(data, row["file"])
            assert str(error.value).startswith(row["file"])
            assert "\n" not in str(error.value)
            continue
        records = read_bundle(data, row["file"])
        for record in records:
            under = record.under("clinical", "2026-05-30T12:00:00Z")
            found[row["file"]] = [d.rule for d in under.findings]
            assert isinstance(under.excluded, list)
            assert isinstance(under.flagged, list)
            for kind in under.types:
                under.retrieve(kind)
    assert len(found) == 18
    for file, rule in EXPECTED.items():
        assert rule in found[file], (file, found[file])


def test_synthea_bundles_are_read_without_a_fault() -> None:
    files = sorted(shared_folder("data/synthea/bundles").glob("*.json"))
    assert len(files) == 24
    for file in files:
        (record,) = read_bundle(file.read_bytes(), file.name)
        assert {d.rule for d in record.findings} <= {"patient-deceased"}
        assert record.retrieve("Observation")
        encounter = record.retrieve("Observation")[0].data["encounter"]["reference"]
        assert record.resolve(encounter) is not None


def test_a_synthea_ndjson_folder_is_read_patient_by_patient() -> None:
    folder = Folder(shared_folder("data/synthea/ndjson"), types=["Observation", "Condition"])
    assert len(folder.ids) == 100
    total = 0
    for record in folder:
        assert {o.data["subject"]["reference"] for o in record.retrieve("Observation")} <= {record.reference}
        total += len(record.retrieve("Observation")) + len(record.retrieve("Condition"))
    lines = sum(
        file.read_bytes().count(b"\n") for file in folder.path.glob("*.ndjson") if file.stem in ("Observation", "Condition")
    )
    assert total == lines


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.ndjson").write_text(text, encoding="utf-8")
    return folder


def test_a_folder_shares_medications_and_reports_what_it_leaves_out(tmp_path: Path) -> None:
    write(
        tmp_path,
        Patient='{"resourceType":"Patient","id":"b"}\n{"resourceType":"Patient","id":"a"}\n',
        Medication='{"resourceType":"Medication","id":"m","code":{"coding":[{"system":"s","code":"1"}]}}\n',
        MedicationRequest='{"resourceType":"MedicationRequest","id":"o","status":"active","intent":"order",'
        '"medicationReference":{"reference":"Medication/m"},"subject":{"reference":"Patient/a"}}\n{"resourceType":\n\n',
        Observation='{"resourceType":"Observation","id":"x","subject":{"reference":"Patient/gone"}}\n'
        '{"resourceType":"Observation","id":"y","subject":[{"reference":"Patient/b"}]}\n',
    )
    folder = Folder(tmp_path)
    assert [r.id for r in folder] == ["a", "b"]
    assert sorted(d.rule for d in folder.findings) == ["ndjson-line-unreadable", "other-patient"]
    assert [
        o.id for o in folder.record("a").retrieve("MedicationRequest", code_path="medication", codes=frozenset({("s", "1")}))
    ] == ["o"]
    assert [o.id for o in folder.record("Patient/b").retrieve("Observation")] == ["y"]
    assert [r.id for r in read_folder(tmp_path, "b")] == ["b"]
    with pytest.raises(GuidewayError, match="no patient 'c'"):
        read_folder(tmp_path, "c")


def test_a_patient_of_a_folder_is_found_by_an_identifier_that_only_one_has(tmp_path: Path) -> None:
    def person(id: str, *values: str) -> str:
        identifiers = ",".join(f'{{"system":"urn:s","value":"{value}"}}' for value in values)
        return f'{{"resourceType":"Patient","id":"{id}","identifier":[{identifiers}]}}\n'

    write(
        tmp_path,
        Patient=person("a", "1", "both") + person("b", "2", "both") + '{"resourceType":"Patient","id":"c","identifier":"x"}\n',
    )
    folder = Folder(tmp_path)
    for text in ("2", "urn:s|2", "b", "Patient/b"):
        assert folder.record(text).id == "b"
    for text in ("urn:other|2", "x", "3"):
        with pytest.raises(GuidewayError, match="there is no patient"):
            folder.record(text)
    with pytest.raises(GuidewayError, match="means 2 patients: a, b"):
        read_folder(tmp_path, "both")


def test_files_packed_with_gzip_are_read(tmp_path: Path) -> None:
    patient, count = (
        b'{"resourceType":"Patient","id":"a"}\n',
        b'{"resourceType":"Observation","id":"x","subject":{"reference":"Patient/a"}}\n',
    )
    (tmp_path / "Patient.ndjson").write_bytes(patient)
    (tmp_path / "Observation.ndjson.gz").write_bytes(gzip.compress(count))
    (tmp_path / "Patient.ndjson.gz").write_bytes(b"beside the file itself it is not read")
    (record,) = Folder(tmp_path)
    assert [o.id for o in record.retrieve("Observation")] == ["x"]
    (tmp_path / "all.ndjson.gz").write_bytes(gzip.compress(patient + count))
    (record,) = read_files([tmp_path / "all.ndjson.gz"])
    assert [o.id for o in record.retrieve("Observation")] == ["x"]
    (tmp_path / "all.json.gz").write_bytes(gzip.compress(patient)[:-9])
    with pytest.raises(GuidewayError, match="damaged"):
        read_files([tmp_path / "all.json.gz"])
    (tmp_path / "Observation.ndjson.gz").write_bytes(gzip.compress(count)[:-9])
    with pytest.raises(GuidewayError, match="damaged"):
        Folder(tmp_path)


@pytest.mark.parametrize("line", ["null", "[1]", "1", '"x"', "{}"])
@pytest.mark.parametrize("name", ["in.ndjson", "standard input"])
def test_a_line_that_is_no_resource_costs_only_itself(line: str, name: str) -> None:
    text = '{"resourceType":"Patient","id":"a"}\n{"resourceType":"Observation","id":"x"}\n' + line + "\n"
    (record,) = read_bundle(text.encode(), name)
    assert [o.id for o in record.retrieve("Observation")] == ["x"]
    (finding,) = [f for f in record.findings if f.rule == "ndjson-line-unreadable"]
    assert finding.message.startswith(f"{name}, line 3: ")


def test_folders_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(GuidewayError, match="no such folder"):
        Folder(tmp_path / "none")
    with pytest.raises(GuidewayError, match=r"no \.ndjson files"):
        Folder(tmp_path)
    with pytest.raises(GuidewayError, match="no Patient"):
        Folder(write(tmp_path, Observation='{"resourceType":"Observation","id":"x"}\n'))
    with pytest.raises(GuidewayError, match="no folder"):
        Folder(tmp_path / "Observation.ndjson")
