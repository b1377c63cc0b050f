"""The URLs that ``apply`` reads and writes, and the ids it makes.

Extensions of our own live below ``https://example.org/guideway/StructureDefinition/``; the others are HL7's (FHIR extensions
pack, CPG, CRMI). Ids follow from what they name, so the same input has the same ids: FHIR allows 64 characters of ``A-Z a-z
0-9 - .``. What says what a plan or an action is, and how JSON is read, is in ``guideline.names``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from guideway.guideline.names import CPG, CQF, EXCLUSIVE_GROUP, NOTE, NOTE_IF_NOT, OWN, SATISFIED_WHEN, WITHHELD_WHEN
from guideway.places import fingerprint

Json = dict[str, Any]

OUTCOME = OWN + "recommendation-outcome"
DRAFT_BANNER = OWN + "draft-banner"
DISCLAIMER = OWN + "disclaimer"
MADE_BY = OWN + "made-by"
ACTION_INPUT = OWN + "action-input"
ACTION_OUTPUT = OWN + "action-output"
ACTION_PARTICIPANT = OWN + "action-participant"
ACTION_REASON = OWN + "action-reason"
ACTIVITY_FACT = OWN + "activity-"
PRODUCT_FORM = ACTIVITY_FACT + "productForm"
PRODUCT_INGREDIENT = ACTIVITY_FACT + "productIngredient"
FOLDED_FROM = OWN + "folded-from"
ORDERABLE = OWN + "orderable-value-set"
"""On an activity whose product is a class in words: the value set of what may be chosen."""
ASKED = "/Questionnaire/data-needed-"
"""In the URL of every Questionnaire that asks for what a run missed."""

LOGIC_EXTENSIONS = frozenset({SATISFIED_WHEN, WITHHELD_WHEN, NOTE, NOTE_IF_NOT, EXCLUSIVE_GROUP})
"""Ours that steer the evaluation; what they decided is in the outcome, so they are not copied to the output."""

CQF_EXPRESSION = CQF + "cqf-expression"
MESSAGES = CQF + "cqf-messages"
PERTAINS_TO_GOAL = CQF + "resource-pertainsToGoal"
DO_NOT_PERFORM = CQF + "request-doNotPerform"
INSTANTIATES_CANONICAL = CQF + "workflow-instantiatesCanonical"
ACTIVITY_KIND = CPG + "cpg-activity-kind"
TARGET_STATUS = "http://hl7.org/fhir/us/ecr/StructureDefinition/targetStatus"
TASK_INPUTS = {
    CPG + "cpg-collectWith": "Questionnaire to complete",
    CPG + "cpg-reportWith": "Report to make",
    CPG + "cpg-enrollIn": "Program to enroll in",
    CPG + "cpg-proposalFor": "Proposal that it is about",
}
"""What a CPG activity works with; a Task keeps each as an input."""

NOT_COPIED = frozenset(
    {
        CPG + "cpg-knowledgeCapability", CPG + "cpg-knowledgeRepresentationLevel", CPG + "cpg-questionnaire-generate",
        CQF + "cqf-knowledgeCapability", CQF + "cqf-knowledgeRepresentationLevel", CQF + "cqf-directReferenceCode",
        CQF + "cqf-logicDefinition",
        "http://hl7.org/fhir/uv/crmi/StructureDefinition/crmi-effectiveDataRequirements",
        "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-adaptive",
        "http://hl7.org/fhir/us/cqfmeasures/StructureDefinition/cqfm-softwaresystem",
    }
)  # fmt: skip
"""The extensions of a definition that the Java reference leaves out of what it produces."""

NOT_CARRIED = NOT_COPIED | {
    CQF + "cqf-artifactComment", CQF + "cqf-library", CQF + "artifact-versionAlgorithm", CQF + "artifact-versionPolicy",
    CQF + "artifact-copyrightLabel", CPG + "cpg-enabled", CPG + "cpg-partOf",
}  # fmt: skip
"""Those that the other policies leave out: what is about the definition alone says nothing in a result."""


def safe_id(text: str) -> str:
    """``text`` as a FHIR id: other characters become ``-``; what is too long ends in a digest of the whole.

    >>> safe_id("a b/c")
    'a-b-c'
    """
    cleaned = text
    if not (text.isascii() and text.replace("-", "").replace(".", "").isalnum()):
        cleaned = "".join(c if c.isascii() and (c.isalnum() or c in "-.") else "-" for c in text) or "x"
    if len(cleaned) <= 64:
        return cleaned
    return f"{cleaned[:53]}-{fingerprint(text.encode('utf-8', 'surrogatepass'), 5)}"


class Ids:
    """Ids that are not yet taken: the wished one, else with ``-2``, ``-3``, … appended."""

    __slots__ = ("_numbers", "_taken")

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)
        self._numbers: dict[str, int] = {}
        """By wish, the number that was last appended to it: those below are taken."""

    def take(self, wish: str) -> str:
        """A free id as near to the wish as can be."""
        wish = safe_id(wish)
        found = wish
        if found in self._taken:
            number = self._numbers.get(wish, 1)
            while found in self._taken:
                number += 1
                found = safe_id(f"{wish}-{number}") if len(wish) < 60 else f"{wish[:58]}-{number}"
            self._numbers[wish] = number
        self._taken.add(found)
        return found
