"""The kinds of request an ActivityDefinition can make, and where each kind keeps each fact: one row a kind.

A row says, for a resource type, which of its own status codes stands for draft and for active, whether it has an intent, which
element is the subject, where code, product, quantity, body site, timing, performer, place, reason and notes go, and what else the
type requires. ``activities`` fills a resource from its row. A fact without a place goes into an extension named after it, so that
nothing an author wrote is lost. FHIR R4: http://hl7.org/fhir/ValueSet/request-resource-types; the event kinds at the end are
reached through the extension cpg-activity-kind only.
"""

from __future__ import annotations

import msgspec


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """Where one resource type keeps the facts of an activity; None: it has no place for it."""

    type: str
    draft: str
    """The status that says: not yet acted upon."""
    active: str
    """The status that the Java reference writes."""
    status: str = "status"
    intents: frozenset[str] = frozenset()
    """The intent codes it allows; empty: it has no intent."""
    default_intent: str = "proposal"
    subject: str | None = "subject"
    code: str | None = "code"
    """Where ActivityDefinition.code goes (a CodeableConcept)."""
    code_many: bool = False
    product: str | None = None
    """Base name of the choice element for product[x], or a CodeableConcept element."""
    product_choice: bool = False
    product_fallback: bool = False
    """Where there is no product, the code names it."""
    body_site: str | None = None
    body_site_many: bool = True
    quantity: str | None = None
    """Dotted path of a Quantity."""
    dosage: str | None = None
    occurrence: str | None = None
    occurrence_types: tuple[str, ...] = ()
    """Base name and types of the occurrence choice."""
    period: str | None = None
    """Dotted path of a Period, for a timing that is one."""
    performer: str | None = None
    performer_many: bool = True
    performer_not: frozenset[str] = frozenset()
    """Resource types that may not stand there."""
    performer_type: str | None = None
    performer_type_many: bool = False
    location: str | None = None
    location_many: bool = False
    priority: str | None = "priority"
    reason: str | None = "reasonCode"
    reason_many: bool = True
    note: bool = True
    do_not_perform: bool = False
    instantiates: str = "extension"
    """``list``, ``single`` or ``extension``: how instantiatesCanonical is carried."""
    encounter: str | None = "encounter"
    requester: str | None = "requester"
    requester_not: frozenset[str] = frozenset()
    authored: str | None = "authoredOn"
    dated: bool = False
    """Whether R4 requires that date."""
    based_on: str | None = "basedOn"
    description: str | None = None
    group_identifier: bool = False

    @property
    def occurrence_names(self) -> tuple[str, ...]:
        """The endings of the occurrence choice in JSON."""
        return tuple(name[0].upper() + name[1:] for name in self.occurrence_types)


REQUEST_INTENTS = frozenset(
    {"proposal", "plan", "directive", "order", "original-order", "reflex-order", "filler-order", "instance-order", "option"}
)

KINDS: dict[str, Kind] = {
    kind.type: kind
    for kind in (
        Kind(
            type="MedicationRequest",
            draft="draft",
            active="active",
            intents=REQUEST_INTENTS - {"directive"},
            default_intent="order",
            code=None,
            product="medication",
            product_choice=True,
            product_fallback=True,
            quantity="dispenseRequest.quantity",
            dosage="dosageInstruction",
            period="dispenseRequest.validityPeriod",
            performer="performer",
            performer_many=False,
            performer_type="performerType",
            do_not_perform=True,
            instantiates="list",
        ),
        Kind(
            type="ServiceRequest",
            draft="draft",
            active="active",
            intents=REQUEST_INTENTS,
            default_intent="order",
            body_site="bodySite",
            quantity="quantityQuantity",
            occurrence="occurrence",
            occurrence_types=("dateTime", "Period", "Timing"),
            performer="performer",
            performer_type="performerType",
            location="locationReference",
            location_many=True,
            do_not_perform=True,
            instantiates="list",
        ),
        Kind(
            type="Task",
            draft="draft",
            active="ready",
            intents=(REQUEST_INTENTS - {"directive"}) | {"unknown"},
            subject="for",
            period="restriction.period",
            performer="owner",
            performer_many=False,
            performer_type="performerType",
            performer_type_many=True,
            location="location",
            reason_many=False,
            instantiates="single",
            description="description",
        ),
        Kind(
            type="CommunicationRequest",
            draft="draft",
            active="active",
            code="category",
            code_many=True,
            occurrence="occurrence",
            occurrence_types=("dateTime", "Period"),
            performer="recipient",
            do_not_perform=True,
        ),
        Kind(
            type="DeviceRequest",
            draft="draft",
            active="active",
            intents=REQUEST_INTENTS,
            default_intent="order",
            code=None,
            product="code",
            product_choice=True,
            product_fallback=True,
            occurrence="occurrence",
            occurrence_types=("dateTime", "Period", "Timing"),
            performer="performer",
            performer_many=False,
            performer_type="performerType",
            instantiates="list",
        ),
        Kind(
            type="NutritionOrder",
            draft="draft",
            active="active",
            intents=REQUEST_INTENTS,
            default_intent="order",
            subject="patient",
            code=None,
            priority=None,
            reason=None,
            instantiates="list",
            requester="orderer",
            authored="dateTime",
            dated=True,
            based_on=None,
            requester_not=frozenset({"Organization"}),
        ),
        Kind(
            type="SupplyRequest",
            draft="draft",
            active="active",
            subject="deliverTo",
            code=None,
            product="item",
            product_choice=True,
            product_fallback=True,
            quantity="quantity",
            occurrence="occurrence",
            occurrence_types=("dateTime", "Period", "Timing"),
            performer="supplier",
            location="deliverFrom",
            encounter=None,
            based_on=None,
            note=False,
            performer_not=frozenset({"Practitioner", "PractitionerRole", "Patient", "RelatedPerson"}),
        ),
        Kind(
            type="ImmunizationRecommendation",
            draft="",
            active="",
            status="",
            subject="patient",
            code=None,
            priority=None,
            reason=None,
            encounter=None,
            requester=None,
            authored="date",
            dated=True,
            based_on=None,
            note=False,
        ),
        Kind(
            type="Appointment",
            draft="proposed",
            active="proposed",
            subject=None,
            code="serviceType",
            code_many=True,
            period="requestedPeriod",
            priority=None,
            encounter=None,
            requester=None,
            authored="created",
            note=False,
            description="description",
        ),
        Kind(
            type="AppointmentResponse",
            draft="needs-action",
            active="needs-action",
            status="participantStatus",
            subject=None,
            code="participantType",
            code_many=True,
            priority=None,
            reason=None,
            encounter=None,
            requester=None,
            authored=None,
            based_on=None,
            note=False,
            description="comment",
        ),
        Kind(
            type="CarePlan",
            draft="draft",
            active="active",
            intents=frozenset({"proposal", "plan", "order", "option"}),
            code="category",
            code_many=True,
            period="period",
            priority=None,
            reason=None,
            instantiates="list",
            requester="author",
            authored="created",
            description="description",
        ),
        Kind(
            type="Claim",
            draft="draft",
            active="active",
            subject="patient",
            code=None,
            priority=None,
            reason=None,
            encounter=None,
            requester=None,
            authored="created",
            dated=True,
            based_on=None,
            note=False,
        ),
        Kind(
            type="Contract",
            draft="offered",
            active="offered",
            subject="subject",
            code="topicCodeableConcept",
            period="applies",
            priority=None,
            reason=None,
            encounter=None,
            requester="author",
            authored="issued",
            based_on=None,
            note=False,
        ),
        Kind(
            type="EnrollmentRequest",
            draft="draft",
            active="active",
            subject="candidate",
            code=None,
            priority=None,
            reason=None,
            encounter=None,
            requester="provider",
            authored="created",
            based_on=None,
            note=False,
        ),
        Kind(
            type="VisionPrescription",
            draft="draft",
            active="active",
            subject="patient",
            code=None,
            priority=None,
            reason=None,
            requester=None,
            authored="created",
            dated=True,
            based_on=None,
            note=False,
            requester_not=frozenset({"Organization"}),
        ),
        # Events, through cpg-activity-kind.
        Kind(
            type="Communication",
            draft="preparation",
            active="unknown",
            code="category",
            code_many=True,
            performer="recipient",
            instantiates="list",
            requester="sender",
            authored=None,
        ),
        Kind(
            type="DiagnosticReport",
            draft="registered",
            active="unknown",
            priority=None,
            reason=None,
            requester=None,
            authored=None,
            note=False,
            performer="performer",
            performer_not=frozenset({"Patient", "RelatedPerson"}),
        ),
        Kind(
            type="Procedure",
            draft="preparation",
            active="unknown",
            body_site="bodySite",
            location="location",
            priority=None,
            instantiates="list",
            requester="asserter",
            authored=None,
            requester_not=frozenset({"Organization"}),
        ),
    )
}

# What the Java reference makes of each request priority where the type has another scale.
APPOINTMENT_PRIORITY = {"stat": 1, "asap": 3, "urgent": 5, "routine": 9}
"""R4 Appointment.priority follows iCalendar (RFC 5545 §3.8.1.9): 1 is the highest, 9 the lowest."""

CLAIM_PRIORITY = {"stat": "stat", "asap": "stat", "urgent": "stat", "routine": "normal"}
"""http://terminology.hl7.org/CodeSystem/processpriority."""

PRIORITY_ORDER = {"stat": 0, "asap": 1, "urgent": 2, "routine": 3}
