"""What an activity is about, and for whom: what every maker of requests asks of an ActivityDefinition and of the parameters.

Takes the definition as JSON; gives its kind, its product, its code without the CPG activity type, words for it. ``Setting`` is
who and when, the same for every request of one run; ``person`` is whom a type of participant stands for there.
"""

from __future__ import annotations

from typing import Any

import msgspec

from guideway.apply.names import ACTIVITY_KIND, PRODUCT_FORM, PRODUCT_INGREDIENT
from guideway.apply.policies import Policy
from guideway.guideline.names import first_value, objects

Json = dict[str, Any]

CPG_ACTIVITY_TYPES = "http://hl7.org/fhir/uv/cpg/CodeSystem/cpg-activity-type-cs"


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """Who and when: the same for every request of one run."""

    subject: str
    """Reference of the patient, ``Patient/x``."""
    as_of: str
    """The evaluation time as a FHIR dateTime."""
    policy: Policy
    birth_date: str | None = None
    encounter: str | None = None
    practitioner: str | None = None
    organization: str | None = None
    language: str | None = None
    location: str | None = None

    @property
    def requester(self) -> str | None:
        """Who asks, and whom a plan is by: the practitioner, else the organization."""
        return self.practitioner or self.organization


def kind_name(activity: Json) -> str | None:
    """The resource type an activity makes: cpg-activity-kind where given, else ``kind``."""
    found = first_value(activity, ACTIVITY_KIND) or activity.get("kind")
    return found if isinstance(found, str) else None


def person(participant_type: Any, setting: Setting) -> str | None:
    """Who a participant of that type is, where the parameters say; the codes are those of action-participant-type."""
    found = {"patient": setting.subject, "practitioner": setting.practitioner, "organization": setting.organization}
    return found.get(participant_type) if isinstance(participant_type, str) else None


_PARTICIPANT_TYPES = frozenset({"patient", "practitioner", "related-person", "device", "organization"})
"""The codes of action-participant-type, and the organization that some write there."""


def participant_fault(participant: Json) -> str | None:
    """What is wrong with the type of a participant; None: nothing."""
    given = participant.get("type")
    if "type" not in participant or (isinstance(given, str) and given in _PARTICIPANT_TYPES):
        return None
    return f"participant.type {str(given)[:60]!r} is none of {', '.join(sorted(_PARTICIPANT_TYPES))}"


def prohibition_doubt(activity: Json) -> str | None:
    """Why it is not known whether an activity is one not to be done; None: it is known."""
    given = activity.get("doNotPerform")
    if isinstance(given, bool) or ("doNotPerform" not in activity and "_doNotPerform" not in activity):
        return None
    return f"doNotPerform is neither true nor false but {str(given)[:60]!r}"


def is_told(participant_type: Any) -> bool:
    """Whether the type of a participant whose role is known says more than the role does: a device has none of a person's."""
    return isinstance(participant_type, str) and participant_type not in ("", "practitioner", "patient", "organization")


def clinical_code(code: Any) -> Any:
    """A code without the CPG activity type beside it: ``order-service`` is no service."""
    if not isinstance(code, dict):
        return code
    codings = list(objects(code.get("coding")))
    clinical = [c for c in codings if c.get("system") != CPG_ACTIVITY_TYPES]
    if len(clinical) == len(codings) or not (clinical or code.get("text")):
        return code
    kept = {name: value for name, value in code.items() if name != "coding"}
    return {"coding": clinical, **kept} if clinical else kept


def only_cpg(code: Json) -> bool:
    """Whether a code says no more than which CPG activity this is."""
    codings = list(objects(code.get("coding")))
    return bool(codings) and all(c.get("system") == CPG_ACTIVITY_TYPES for c in codings) and not code.get("text")


def contained_product(activity: Json) -> Json | None:
    """The resource that the product is, where the activity contains it with a code."""
    given = activity.get("productReference")
    reference = given.get("reference") if isinstance(given, dict) else None
    return _contained(activity, reference) if isinstance(reference, str) and reference[:1] == "#" else None


def _contained(activity: Json, reference: str) -> Json | None:
    for resource in objects(activity.get("contained")):
        if resource.get("id") == reference[1:] and isinstance(resource.get("code"), dict):
            return resource
    return None


_INGREDIENT = {"item": ("CodeableConcept", "Reference"), "isActive": ("Boolean",), "strength": ("Ratio",)}
"""What is said of an ingredient, with its types."""
_UNSAID = frozenset({"resourceType", "id", "meta", "language", "text", "code", "form", "ingredient"})


def composition_of(activity: Json) -> tuple[list[Json], list[str]]:
    """What a product that the activity contains says beside its code: form and ingredients as extensions, and the names of the
    elements that are not told."""
    product = contained_product(activity)
    if product is None:
        return [], []
    if product.get("resourceType") != "Medication":
        return [], sorted((product.keys() - _UNSAID) | (product.keys() & {"form", "ingredient"}))
    found: list[Json] = []
    if "form" in product:
        found.append({"url": PRODUCT_FORM, "valueCodeableConcept": product["form"]})
    for ingredient in objects(product.get("ingredient")):
        parts: list[Json] = []
        for name, types in _INGREDIENT.items():
            for kind in types:
                value = ingredient.get(f"{name}{kind}" if len(types) > 1 else name)
                local = str(value.get("reference")) if kind == "Reference" and isinstance(value, dict) else ""
                inner = _contained(activity, local) if local[:1] == "#" else None
                if inner is not None:
                    kind, value = "CodeableConcept", inner["code"]
                if value is not None:
                    parts.append({"url": name, f"value{kind}": value})
        found.append({"url": PRODUCT_INGREDIENT, "extension": parts})
    return found, sorted(product.keys() - _UNSAID)


def product_of(activity: Json) -> tuple[str, Any]:
    """The product as (``CodeableConcept`` or ``Reference``, value); one that the activity contains by its code; None: none."""
    for name in ("CodeableConcept", "Reference"):
        found = activity.get(f"product{name}")
        if name == "Reference" and (product := contained_product(activity)) is not None:
            return "CodeableConcept", dict(
                product["code"]
            )  # what is contained in a definition does not come along: its code does
        if isinstance(found, dict) and found:
            return name, found
    return "CodeableConcept", None


def words_of(activity: Json) -> str:
    """What an activity is called."""
    for name in ("title", "name", "description", "id", "url"):
        if isinstance(activity.get(name), str) and activity[name]:
            return str(activity[name])
    return "an activity without a name"
