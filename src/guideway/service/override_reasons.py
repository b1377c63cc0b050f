"""Why a clinician may say that a card was overridden (HL7 code system non-adherence-reason-codes)."""

from __future__ import annotations

OVERRIDE_SYSTEM = "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"
OVERRIDE_REASONS = (
    ("cds-not-applicable", "Does not fit this patient"),
    ("cds-suboptimal-context", "Not at this moment"),
    ("recipient-disagrees-evidence", "I disagree with the evidence"),
    ("recipient-concerns-outcomes", "I am concerned about the outcome"),
    ("does-not-align-preferences", "Patient's or clinician's preference"),
    ("not-convenient-feasible", "Not feasible here"),
)
