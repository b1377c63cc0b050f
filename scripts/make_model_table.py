"""Write the compact table of a data model from its model info in XML.

    python scripts/make_model_table.py fhir-modelinfo-4.0.1.xml system-modelinfo.xml

writes ``src/guideway/fhir/models/FHIR-4.0.1.txt`` and ``System-1.0.0.txt``. A table has one line per fact, fields parted by tabs,
and four parts with an empty line after each but the last. What the model is:

    M   name=FHIR   version=4.0.1   url=…           the model
    R   name   version                              a model that it needs
    X   name   type   key element   birth date      a context

then the codes of required bindings, the implicit conversions, and the types; codes and types are in the order of their names:

    type   codes
    function   from   to
    name   base   flags   code path   elements   contexts

``flags``: ``r`` retrievable, ``i`` has a structure definition of its own name. ``elements``: ``name:type`` parted by spaces;
``Identifier*`` is a list, ``Quantity|string`` a choice, ``System.DateTime~`` an interval, a final ``!`` says that the element is
required, and names without ``System.`` are the model's own. ``contexts``: ``context=key element`` parted by ``;``.
Only what the program reads is carried over: no descriptions, no bindings but the required ones.

Model info documents hold neither cardinalities nor codes. Those of FHIR come from fhir.resources' field metadata (R4B, which
differs from R4 in none of the types that both have, but for ``subjectCanonical``), and, where it breaks a list off with "+", from
``WHOLE_LISTS`` below (FHIR R4, https://hl7.org/fhir/R4/terminologies-valuesets.html); so do those of the CodeableConcepts with a
required binding, by type and element.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from pathlib import Path
from typing import Any

from guideway.fhir.modelinfo import ModelInfo, TypeInfo, split_type
from guideway.fhir.modelinfo_xml import read_xml

OBSERVATION_STATUS = "registered preliminary final amended corrected cancelled entered-in-error unknown"
WHOLE_LISTS = {
    "AllergyIntolerance.clinicalStatus": "active inactive resolved",
    "AllergyIntolerance.verificationStatus": "unconfirmed confirmed refuted entered-in-error",
    "Condition.clinicalStatus": "active recurrence relapse inactive remission resolved",
    "Condition.verificationStatus": "unconfirmed provisional differential confirmed refuted entered-in-error",
    "ActivityDefinitionKind": "Appointment AppointmentResponse CarePlan Claim CommunicationRequest Contract DeviceRequest "
    "EnrollmentRequest ImmunizationRecommendation MedicationRequest NutritionOrder ServiceRequest SupplyRequest Task "
    "VisionPrescription",
    "AuditEventAction": "C R U D E",
    "AuditEventOutcome": "0 4 8 12",
    "DetectedIssueStatus": OBSERVATION_STATUS,
    "DeviceUseStatementStatus": "active completed entered-in-error intended stopped on-hold",
    "DiagnosticReportStatus": "registered partial preliminary final amended corrected appended cancelled "
    "entered-in-error unknown",
    "EncounterStatus": "planned arrived triaged in-progress onleave finished cancelled entered-in-error unknown",
    "EventTiming": "MORN MORN.early MORN.late NOON AFT AFT.early AFT.late EVE EVE.early EVE.late NIGHT PHS HS WAKE C CM CD CV AC "
    "ACM ACD ACV PC PCM PCD PCV",
    "IssueType": "invalid structure required value invariant security login unknown expired forbidden suppressed processing "
    "not-supported duplicate multiple-matches not-found deleted too-long code-invalid extension too-costly business-rule "
    "conflict transient lock-error no-store exception timeout incomplete throttled informational",
    "ObservationStatus": OBSERVATION_STATUS,
    "QuantityComparator": "< <= >= >",
    "QuestionnaireItemType": "group display question boolean decimal integer date dateTime time string text url choice "
    "open-choice attachment reference quantity",
    "RiskAssessmentStatus": OBSERVATION_STATUS,
    "StructureMapTransform": "create copy truncate escape cast append translate reference dateOp uuid pointer evaluate cc c qty "
    "id cp",
    "SupplyRequestStatus": "draft active suspended cancelled completed entered-in-error unknown",
    "TaskStatus": "draft requested received accepted rejected ready cancelled in-progress on-hold failed completed "
    "entered-in-error",
    "UDIEntryType": "barcode rfid manual card self-reported unknown",
}

TARGET = Path(__file__).resolve().parent.parent / "src" / "guideway" / "fhir" / "models"


def shorten(model: str, expression: str) -> str:
    """The table's shorthand of a type expression; the inverse of reading it."""
    kind, parts = split_type(expression)
    if kind == "list":
        return shorten(model, parts[0]) + "*"
    if kind == "interval":
        return shorten(model, parts[0]) + "~"
    if kind == "choice":
        return "|".join(shorten(model, part) for part in parts)
    prefix, _, name = expression.partition(".")
    return expression if prefix == "System" and model != "System" else name if prefix == model else expression


def field_metadata() -> dict[tuple[str, str], dict[str, Any]]:
    """What fhir.resources says of each JSON property: (type name without dots, property) → metadata."""
    import fhir.resources.R4B as package

    found: dict[tuple[str, str], dict[str, Any]] = {}
    for module in pkgutil.iter_modules(package.__path__):
        if module.ispkg or module.name in ("fhirtypes", "fhirresourcemodel"):
            continue
        loaded = importlib.import_module(f"{package.__name__}.{module.name}")
        for kind in vars(loaded).values():
            if isinstance(kind, type) and kind.__module__ == loaded.__name__ and hasattr(kind, "model_fields"):
                for field in kind.model_fields.values():
                    if field.alias and isinstance(field.json_schema_extra, dict):
                        extra = {**field.json_schema_extra, "needed": field.is_required()}
                        found[kind.get_resource_type(), field.alias] = extra  # type: ignore[attr-defined]
    return found


def facts(model: ModelInfo) -> tuple[set[tuple[str, str]], dict[str, str]]:
    """The required elements as (type, element), and the codes of required bindings by type."""
    if model.name != "FHIR":
        return set(), {}
    metadata = field_metadata()
    required: set[tuple[str, str]] = set()
    codes: dict[str, str] = dict(WHOLE_LISTS)
    for type_name in sorted(model.types):
        key = type_name.partition(".")[2].replace(".", "")
        for json_name, element in model.json_elements(type_name).items():
            extra = metadata.get((key, json_name), {})
            if extra.get("needed") or extra.get("element_required") or extra.get("one_of_many_required"):
                required.add((type_name, element.element))
            bound = element.type.partition(".")[2]
            if extra.get("enum_values") and bound not in ("code", "string", "uri", "CodeableConcept", "Coding", "MimeType"):
                if "+" not in extra["enum_values"]:
                    codes.setdefault(bound, " ".join(extra["enum_values"]))
                elif bound not in WHOLE_LISTS:
                    raise SystemExit(f"{type_name}.{json_name}: the codes of {bound} break off; add them to WHOLE_LISTS")
    return required, codes


def type_line(model: str, info: TypeInfo, required: set[tuple[str, str]]) -> str:
    """The line of a type."""
    name = info.name.partition(".")[2]
    own = info.identifier == f"http://hl7.org/fhir/StructureDefinition/{name}"
    if info.identifier and not own:
        raise SystemExit(f"{info.name}: the identifier {info.identifier} is not of its own name; the table cannot hold it")
    if info.target or any(e.target for e in info.elements.values()):
        raise SystemExit(f"{info.name}: maps onto another model; read such a model from its XML")
    return "\t".join(
        (
            name,
            shorten(model, info.base) if info.base else "",
            ("r" if info.retrievable else "") + ("i" if own else ""),
            info.primary_code_path or "",
            " ".join(
                f"{e.name}:{shorten(model, e.type)}{'!' if (info.name, e.name) in required else ''}"
                for e in info.elements.values()
            ),
            ";".join(f"{context}={key}" for context, key in info.relationships),
        )
    )


def table(model: ModelInfo) -> str:
    """The whole table."""
    head = {"name": model.name, "version": model.version, "url": model.url, "patient_class": model.patient_class}
    head["patient_birth_date"] = model.patient_birth_date
    first = ["\t".join(["M", *(f"{key}={value}" for key, value in head.items() if value)])]
    first += [f"R\t{name}\t{version or ''}" for name, version in model.required]
    first += [
        f"X\t{c.name}\t{shorten(model.name, c.type)}\t{c.key_element or ''}\t{c.birth_date_element or ''}"
        for c in sorted(model.contexts)
    ]
    required, codes = facts(model)
    types = [type_line(model.name, model.types[name], required) for name in sorted(model.types)]
    bound = [f"{name}\t{codes[name]}" for name in sorted(codes)]
    conversions = [
        f"{c.function}\t{shorten(model.name, c.from_type)}\t{shorten(model.name, c.to_type)}" for c in sorted(model.conversions)
    ]
    return "\n\n".join("\n".join(part) for part in (first, bound, conversions, types)) + "\n"


def main() -> None:
    """Write a table for each XML file named on the command line."""
    TARGET.mkdir(exist_ok=True)
    for source in sys.argv[1:]:
        model = read_xml(source)
        path = TARGET / f"{model.name}-{model.version}.txt"
        path.write_text(table(model), encoding="utf-8")
        print(f"{path}: {len(model.types)} types, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
