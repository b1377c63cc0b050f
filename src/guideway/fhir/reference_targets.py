"""To which types of resource the references of a request may lead: a computed one to another type makes an invalid result.

``wrong_target(kind, value)`` takes a resource or an element with its type, and says what is wrong with the first reference in it
that leads to a type which R4 does not allow there; None: nothing. ``directed`` leaves these references out, each with a message.
FHIR R4, the Reference types of each element.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from guideway.fhir.literal_references import reference_type
from guideway.fhir.modelinfo import builtin
from guideway.fhir.soundness import Path, swept, without
from guideway.fhir.structure import known_type

Json = dict[str, Any]

_TABLE = """
CarePlan ImmunizationRecommendation MedicationRequest ServiceRequest: MedicationRequest.basedOn
DetectedIssue: MedicationRequest.detectedIssue
Encounter: MedicationRequest.encounter ServiceRequest.encounter Task.encounter CommunicationRequest.encounter
    DeviceRequest.encounter NutritionOrder.encounter CarePlan.encounter Claim.Item.encounter VisionPrescription.encounter
    Communication.encounter DiagnosticReport.encounter Procedure.encounter
Provenance: MedicationRequest.eventHistory ServiceRequest.relevantHistory Task.relevantHistory DeviceRequest.relevantHistory
    Contract.relevantHistory
ClaimResponse Coverage: MedicationRequest.insurance ServiceRequest.insurance Task.insurance DeviceRequest.insurance
Medication: MedicationRequest.medicationReference
CareTeam Device Organization Patient Practitioner PractitionerRole RelatedPerson: MedicationRequest.performer CarePlan.author
    CarePlan.contributor
MedicationRequest: MedicationRequest.priorPrescription
Condition Observation: MedicationRequest.reasonReference
Practitioner PractitionerRole: MedicationRequest.recorder NutritionOrder.orderer Claim.enterer VisionPrescription.prescriber
Organization Patient Practitioner PractitionerRole RelatedPerson: MedicationRequest.reportedReference Claim.Payee.party
    Contract.Term.Asset.ValuedItem.recipient Contract.Term.Asset.ValuedItem.responsible Contract.Signer.party
Device Organization Patient Practitioner PractitionerRole RelatedPerson: MedicationRequest.requester ServiceRequest.requester
    Task.requester CommunicationRequest.requester SupplyRequest.requester Procedure.Performer.actor
Group Patient: MedicationRequest.subject CommunicationRequest.subject CarePlan.subject Communication.subject Procedure.subject
Organization: Identifier.assigner MedicationRequest.DispenseRequest.performer ImmunizationRecommendation.authority
    Claim.insurer Contract.authority EnrollmentRequest.insurer Procedure.Performer.onBehalfOf
Organization Patient Practitioner RelatedPerson: Annotation.authorReference
CarePlan MedicationRequest ServiceRequest: ServiceRequest.basedOn
Location: ServiceRequest.locationReference Task.location CarePlan.Activity.Detail.location Claim.facility
    Claim.Accident.locationReference Claim.Item.locationReference Contract.domain Contract.site Procedure.location
CareTeam Device HealthcareService Organization Patient Practitioner PractitionerRole RelatedPerson: ServiceRequest.performer
    Task.owner DeviceRequest.performer CarePlan.Activity.Detail.performer
Condition DiagnosticReport DocumentReference Observation: ServiceRequest.reasonReference CommunicationRequest.reasonReference
    DeviceRequest.reasonReference SupplyRequest.reasonReference CarePlan.Activity.Detail.reasonReference
    Communication.reasonReference
ServiceRequest: ServiceRequest.replaces Appointment.basedOn Claim.referral
Specimen: ServiceRequest.specimen DiagnosticReport.specimen
Device Group Location Patient: ServiceRequest.subject DeviceRequest.subject
Task: Task.partOf
Group Organization Patient Practitioner PractitionerRole RelatedPerson: Task.Restriction.recipient
CareTeam Device Group HealthcareService Organization Patient Practitioner PractitionerRole RelatedPerson:
    CommunicationRequest.recipient Communication.recipient
CommunicationRequest: CommunicationRequest.replaces
Device HealthcareService Organization Patient Practitioner PractitionerRole RelatedPerson: CommunicationRequest.sender
    Communication.sender
Device: DeviceRequest.codeReference Claim.Procedure.udi Claim.Item.udi Claim.Item.Detail.udi Claim.Item.Detail.SubDetail.udi
    Procedure.FocalDevice.manipulated
Device Organization Practitioner PractitionerRole: DeviceRequest.requester
AllergyIntolerance: NutritionOrder.allergyIntolerance
Patient: NutritionOrder.patient ImmunizationRecommendation.patient Claim.patient EnrollmentRequest.candidate
    VisionPrescription.patient
Location Organization: SupplyRequest.deliverFrom
Location Organization Patient: SupplyRequest.deliverTo
Device Medication Substance: SupplyRequest.itemReference Procedure.usedReference
HealthcareService Organization: SupplyRequest.supplier
Immunization ImmunizationEvaluation: ImmunizationRecommendation.Recommendation.supportingImmunization
Condition ImmunizationRecommendation Observation Procedure: Appointment.reasonReference
Slot: Appointment.slot
Device HealthcareService Location Patient Practitioner PractitionerRole RelatedPerson: Appointment.Participant.actor
    AppointmentResponse.actor
Appointment: AppointmentResponse.appointment
Condition: CarePlan.addresses Claim.Diagnosis.diagnosisReference Procedure.complicationDetail
CarePlan: CarePlan.basedOn CarePlan.partOf CarePlan.replaces
CareTeam: CarePlan.careTeam
Goal: CarePlan.goal CarePlan.Activity.Detail.goal
Appointment CommunicationRequest DeviceRequest MedicationRequest NutritionOrder RequestGroup ServiceRequest Task
    VisionPrescription: CarePlan.Activity.reference
Medication Substance: CarePlan.Activity.Detail.productReference
DeviceRequest MedicationRequest VisionPrescription: Claim.originalPrescription Claim.prescription
Organization Practitioner PractitionerRole: Claim.provider Claim.CareTeam.provider Contract.ContentDefinition.publisher
    EnrollmentRequest.provider
Claim: Claim.Related.claim
Procedure: Claim.Procedure.procedureReference
ClaimResponse: Claim.Insurance.claimResponse
Coverage: Claim.Insurance.coverage EnrollmentRequest.coverage
Organization Patient Practitioner PractitionerRole: Contract.author
Contract: Contract.instantiatesCanonical
Composition Contract DocumentReference QuestionnaireResponse: Contract.legallyBindingReference
Device Group Organization Patient Practitioner PractitionerRole RelatedPerson: Contract.Term.Offer.Party.reference
    Contract.Term.Action.requester Contract.Term.Action.Subject.reference
Encounter EpisodeOfCare: Contract.Term.Action.context
CareTeam Device Location Organization Patient Practitioner PractitionerRole RelatedPerson Substance:
    Contract.Term.Action.performer
Condition DiagnosticReport DocumentReference Observation Questionnaire QuestionnaireResponse:
    Contract.Term.Action.reasonReference
Composition DocumentReference QuestionnaireResponse: Contract.Friendly.contentReference Contract.Legal.contentReference
DocumentReference: Contract.Rule.contentReference
Communication: Communication.inResponseTo
CarePlan ImmunizationRecommendation MedicationRequest NutritionOrder ServiceRequest: DiagnosticReport.basedOn
ImagingStudy: DiagnosticReport.imagingStudy
CareTeam Organization Practitioner PractitionerRole: DiagnosticReport.performer DiagnosticReport.resultsInterpreter
Observation: DiagnosticReport.result
Device Group Location Medication Organization Patient Practitioner Procedure Substance: DiagnosticReport.subject
Media: DiagnosticReport.Media.link
Patient Practitioner PractitionerRole RelatedPerson: Procedure.asserter Procedure.recorder
CarePlan ServiceRequest: Procedure.basedOn
MedicationAdministration Observation Procedure: Procedure.partOf
Condition DiagnosticReport DocumentReference Observation Procedure: Procedure.reasonReference
Composition DiagnosticReport DocumentReference: Procedure.report
Device Patient Practitioner PractitionerRole RelatedPerson: RequestGroup.Action.participant
Group: DataRequirement.subjectReference
Schedule: TriggerDefinition.timingReference
Group HealthcareService InsurancePlan Location Organization PlanDefinition ResearchStudy: UsageContext.valueReference
Device Organization Patient Practitioner PractitionerRole RelatedPerson: Signature.who Signature.onBehalfOf
"""
"""The types that are allowed, and the elements that allow them; indented lines go on. What is not listed allows every type."""


@cache
def targets() -> dict[str, frozenset[str]]:
    """By element (``Task.owner``): the types that a reference there may lead to."""
    found: dict[str, frozenset[str]] = {}
    for line in _TABLE.strip().replace("\n    ", " ").splitlines():
        types, _, elements = line.partition(": ")
        found |= dict.fromkeys(elements.split(), frozenset(types.split()))
    return found


def wrong_target(kind: str, value: Json) -> str | None:
    """What is wrong with the first reference that leads to another type than it may; None: nothing."""
    return next((message for _, message in _wrong(kind, value, ())), None)


def directed(kind: str, value: Json) -> tuple[Json, list[tuple[str, str]]]:
    """The value without the references that lead to another type than they may, and each of these as (element path, message)."""
    wrong = list(_wrong(kind, value, ())) if _refers(value) else []
    for path, _ in reversed(wrong):
        value = without(value, path)
    return (swept(value) or {} if wrong else value), [(".".join(map(str, path)), message) for path, message in wrong]


def _refers(value: Any) -> bool:
    """Whether there is a literal reference in a value."""
    if isinstance(value, dict):
        return isinstance(value.get("reference"), str) or any(_refers(item) for item in value.values())
    return isinstance(value, list) and any(_refers(item) for item in value)


def _wrong(kind: str, value: Json, path: Path) -> Iterator[tuple[Path, str]]:
    elements = builtin("FHIR", "4.0.1").json_elements(f"FHIR.{kind}")
    for name, given in value.items():
        element = elements.get(name)
        inner = element.type.removeprefix("FHIR.") if element is not None else ""
        for index, item in enumerate(given if isinstance(given, list) else [given]):
            if not isinstance(item, dict) or not inner:
                continue
            place = (*path, name, index) if isinstance(given, list) else (*path, name)
            if inner != "Reference":
                yield from _wrong(inner, item, place)
                continue
            leads = reference_type(item["reference"]) if isinstance(item.get("reference"), str) else ""
            allowed = targets().get(f"{kind}.{name}")
            if allowed and known_type(leads) and leads not in allowed:
                yield place, f"{item['reference']} is a {leads}; {kind}.{name} may be {', '.join(sorted(allowed))}"
