"""What the text of a literal reference says: ``Patient/1``, ``https://…/Patient/1``, with ``/_history/2`` or without.

Nothing is looked up. FHIR R4: http://hl7.org/fhir/R4/references.html#literal
"""

from __future__ import annotations


def relative_reference(reference: str) -> str:
    """Type and id alone.

    >>> relative_reference("https://ehr.example.org/fhir/Patient/1/_history/2")
    'Patient/1'
    """
    return "/".join(reference.partition("/_history/")[0].split("/")[-2:])


def reference_type(reference: str) -> str:
    """The type of the resource; empty where the text names none.

    >>> reference_type("Patient/1/_history/2")
    'Patient'
    >>> reference_type("urn:uuid:0")
    ''
    """
    return reference.partition("/_history/")[0].rpartition("/")[0].rpartition("/")[2]
