"""What the text of a literal reference says."""

from __future__ import annotations

import pytest

from guideway.fhir.literal_references import reference_type, relative_reference


@pytest.mark.parametrize(
    ("reference", "kind", "relative"),
    [
        ("Patient/1", "Patient", "Patient/1"),
        ("Organization/o/_history/2", "Organization", "Organization/o"),
        ("https://ehr.example.org/fhir/Practitioner/x", "Practitioner", "Practitioner/x"),
        ("urn:uuid:0", "", "urn:uuid:0"),
        ("#c", "", "#c"),
    ],
)
def test_type_and_id_stand_at_the_end_before_the_version(reference: str, kind: str, relative: str) -> None:
    assert (reference_type(reference), relative_reference(reference)) == (kind, relative)
