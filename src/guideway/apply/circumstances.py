"""Whether the parameters that name the circumstances of a run can be what they are given for.

Takes the references of encounter, practitioner, organization and location, and the user's language; ``GuidewayError`` where one
names a resource of another type, a bare id, something contained that is not there, or nothing: the resources made of it would not
be valid. A URN (``urn:uuid:…``), which does not say its type, is taken as it is. FHIR R4:
http://hl7.org/fhir/R4/plandefinition-operation-apply.html
"""

from __future__ import annotations

from guideway.diagnostics import GuidewayError
from guideway.fhir.literal_references import reference_type

_TYPES = {
    "encounter": ("Encounter",),
    "practitioner": ("Practitioner", "PractitionerRole"),
    "organization": ("Organization",),
    "location": ("Location",),
}


def must_be_circumstances(
    encounter: str | None, practitioner: str | None, organization: str | None, location: str | None, language: str | None
) -> None:  # fmt: skip
    """``GuidewayError`` where one of them cannot be what its parameter is for; None: it is not given."""
    given = {"encounter": encounter, "practitioner": practitioner, "organization": organization, "location": location}
    for name, reference in given.items():
        if reference is None:
            continue
        wanted = _TYPES[name]
        kind = reference_type(reference)
        if not reference.strip() or (kind not in wanted if kind else not reference.startswith("urn:")):
            text = f"{name}: {reference!r} is no reference to {' or '.join(_article(each) for each in wanted)}"
            raise GuidewayError(f"{text}: give one such as {wanted[0]}/123")
    if language is not None and not _is_language(language):
        what = f"{language!r} is no language tag" if language.strip() else "it is blank"
        raise GuidewayError(f"userLanguage: {what}: give a code such as de-CH, or leave it out")


def _is_language(tag: str) -> bool:
    """Whether it has the form of a language tag: letters, then parts of at most eight letters and digits (BCP 47, 2.1)."""
    first, *others = tag.split("-")
    return first.isalpha() and all(part.isascii() and part.isalnum() and len(part) <= 8 for part in (first, *others))


def _article(kind: str) -> str:
    return f"an {kind}" if kind[0] in "EO" else f"a {kind}"
