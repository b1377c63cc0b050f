"""Write the guideline's value sets, its own code systems and the CQL library that declares them.

Takes the code list (``codes.csv``: concept group, concept, system, code, display, type or status, evidence, confidence) and
``scripts/value_sets.yaml``. Gives ``valuesets/<folder>/{ValueSet,CodeSystem}-<id>.json`` and
``plandefinitions/library/MastCellConcepts.cql``. Only codes with a confidence ``verified-*`` are taken; every other code is
named in the note of the set that asked for it. Value sets follow CRMI shareable, publishable and expanded value set: enumerated
compose and an identical expansion, so that they work without a terminology server.

    python scripts/make_value_sets.py path/to/codes.csv
"""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
BASE = "https://example.org/guideway/mast-cell-disease"
VERSION = "0.1.0"
DATE = "2026-11-21"
PUBLISHER = "Guideway project"
CRMI = "http://hl7.org/fhir/uv/crmi/StructureDefinition/"
SYSTEMS = {
    "LOINC": "http://loinc.org",
    "SNOMED": "http://snomed.info/sct",
    "RxNorm": "http://www.nlm.nih.gov/research/umls/rxnorm",
    "ICD10CM": "http://hl7.org/fhir/sid/icd-10-cm",
}
NOTICES = {
    "LOINC": (
        "This material contains content from LOINC (http://loinc.org). LOINC is copyright (c) Regenstrief "
        "Institute, Inc. and the Logical Observation Identifiers Names and Codes (LOINC) Committee and is "
        "available at no cost under the license at http://loinc.org/license. LOINC(R) is a registered United "
        "States trademark of Regenstrief Institute, Inc."
    ),
    "SNOMED": (
        "This material includes SNOMED Clinical Terms(R) (SNOMED CT(R)) which is used by permission of SNOMED "
        "International. All rights reserved. SNOMED CT(R) was originally created by The College of American "
        "Pathologists. 'SNOMED' and 'SNOMED CT' are registered trademarks of SNOMED International. Implementers of"
        " these artifacts must have the appropriate SNOMED CT Affiliate license."
    ),
    "RxNorm": (
        "This product uses publicly available data courtesy of the U.S. National Library of Medicine (NLM), "
        "National Institutes of Health, Department of Health and Human Services; NLM is not responsible for the "
        "product and does not endorse or recommend this or any other product."
    ),
    "ICD10CM": (
        "ICD-10-CM is maintained by the U.S. National Center for Health Statistics (NCHS). ICD-10 is copyright "
        "World Health Organization."
    ),
}
EXPANDED_WARNING = (
    "This value set contains a point-in-time expansion enumerating the codes that meet the value set intent. As "
    "new versions of the code systems used by the value set are released, the contents of this expansion will "
    "need to be updated to incorporate newly defined codes that meet the value set intent. Before, and "
    "periodically during production use, the value set expansion contents SHOULD be updated."
)
INGREDIENT_TYPES = ("IN", "PIN")
DATED = ("retired", "2014", "refresh display", "not a US")


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of the code list."""

    system: str
    code: str
    display: str
    status: str
    evidence: str
    confidence: str

    @property
    def verified(self) -> bool:
        return self.confidence.startswith("verified")

    @property
    def level(self) -> str:
        if self.system != "RxNorm":
            return ""
        return "ingredient" if self.status.startswith(INGREDIENT_TYPES) else "clinical drug"


@dataclass(slots=True)
class Members:
    """The members of one value set in a stable order, and what was left out with the reason."""

    codes: dict[tuple[str, str], str | None] = field(default_factory=dict)
    levels: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)
    left_out: list[str] = field(default_factory=list)
    doubtful: list[str] = field(default_factory=list)

    def add(self, system: str, code: str, display: str | None) -> None:
        self.codes.setdefault((system, code), display)

    def extend(self, other: Members) -> None:
        for (system, code), display in other.codes.items():
            self.add(system, code, display)
        self.levels |= other.levels
        self.used |= other.used
        for name in ("left_out", "doubtful"):
            mine: list[str] = getattr(self, name)
            mine.extend(item for item in getattr(other, name) if item not in mine)


def read_codes(path: Path) -> dict[str, list[Listed]]:
    """The code list by ``group/concept``, without the unit rows."""
    concepts: dict[str, list[Listed]] = {}
    with path.open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            if row["system"] == "UCUM":
                continue
            listed = Listed(row["system"], row["code"], row["display"], row["tty_or_status"], row["evidence"], row["confidence"])
            concepts.setdefault(f"{row['concept_group']}/{row['concept']}", []).append(listed)
    return concepts


def collect(
    set_id: str, table: dict[str, Any], concepts: dict[str, list[Listed]], systems: dict[str, Any], made: dict[str, Members]
) -> Members:
    """The members of ``set_id``; sets named under ``with`` are made first and remembered in ``made``."""
    if set_id in made:
        return made[set_id]
    entry = table[set_id]
    members = Members()
    for other in entry.get("with", []):
        members.extend(collect(other, table, concepts, systems, made))
    leave = {str(code): reason for code, reason in entry.get("leave", {}).items()}
    for taken in entry.get("take", []):
        concept, _, only = taken.partition("#")
        if concept not in concepts:
            raise SystemExit(f"value_sets.yaml: {set_id}: no concept {concept!r} in the code list")
        wanted = set(only.split(",")) if only else None
        found = [row for row in concepts[concept] if wanted is None or row.code in wanted]
        if wanted and wanted != {row.code for row in found}:
            raise SystemExit(f"value_sets.yaml: {set_id}: {concept}: no {wanted - {row.code for row in found}}")
        if not any(row.verified for row in found):
            members.left_out.append(f"{concept.rpartition('/')[2]}: no verified code")
        for row in found:
            if row.code in leave:
                members.left_out.append(f"{row.code} {row.display}: {leave[row.code]}")
            elif row.verified:
                official = "DISPLAY-NOT-OFFICIAL" not in row.status and "not seen" not in row.display
                members.add(SYSTEMS[row.system], row.code, row.display if official else None)
                members.used.add(row.system)
                if row.level:
                    members.levels.add(row.level)
                if any(word in row.status for word in DATED) or ("2014" in row.evidence and row.level == "clinical drug"):
                    members.doubtful.append(row.code)
    for system, codes in entry.get("local", {}).items():
        for code in codes:
            display = systems[system]["codes"][code][0]
            members.add(f"{BASE}/CodeSystem/{system}", code, display)
    made[set_id] = members
    return members


def pascal(text: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in "".join(c if c.isalnum() else " " for c in text).split())


def metadata(kind: str, ident: str, title: str, description: str, profiles: list[str]) -> dict[str, Any]:
    """What CRMI asks of every shareable and publishable artifact."""
    return {
        "resourceType": kind,
        "id": ident,
        "meta": {"profile": [CRMI + profile for profile in profiles]},
        "extension": [
            {"url": "http://hl7.org/fhir/StructureDefinition/cqf-knowledgeCapability", "valueCode": capability}
            for capability in ("shareable", "computable", "publishable")
        ],
        "url": f"{BASE}/{kind}/{ident}",
        "version": VERSION,
        "name": pascal(title),
        "title": title,
        "status": "draft",
        "experimental": True,
        "date": DATE,
        "publisher": PUBLISHER,
        "description": description,
    }


def value_set(ident: str, entry: dict[str, Any], members: Members) -> dict[str, Any]:
    title = entry["title"]
    role = entry.get("role", "recognition")
    purpose = [str(entry["for"]).rstrip(".") + "."]
    purpose.append("Used to offer a choice." if role == "orderable" else "Used to recognise what a record holds.")
    if members.levels == {"ingredient"}:
        purpose.append("Drugs are coded by ingredient only.")
    elif members.levels == {"clinical drug"}:
        purpose.append("Drugs are coded as clinical drugs only.")
    elif members.levels:
        purpose.append("Drugs are coded by ingredient and by those clinical drugs whose code is verified.")
        purpose.append("Other products are found by their ingredient.")
    if entry.get("note"):
        purpose.append(str(entry["note"]).rstrip(".") + ".")
    if members.left_out:
        purpose.append("Left out: " + "; ".join(members.left_out) + ".")
    if members.doubtful:
        purpose.append(
            "From older lists, may be retired in the current release: " + ", ".join(sorted(set(members.doubtful))) + "."
        )
    resource = metadata(
        "ValueSet",
        ident,
        title,
        str(entry["for"]).rstrip(".") + ".",
        ["crmi-shareablevalueset", "crmi-publishablevalueset", "crmi-computablevalueset", "crmi-expandedvalueset"],
    )
    resource["extension"].append(
        {"url": "http://hl7.org/fhir/StructureDefinition/cqf-knowledgeCapability", "valueCode": "executable"}
    )
    resource["extension"].append(
        {"url": "http://hl7.org/fhir/StructureDefinition/valueset-warning", "valueMarkdown": EXPANDED_WARNING}
    )
    resource["purpose"] = " ".join(purpose)
    notices = [NOTICES[system] for system in sorted(members.used)]
    if notices:
        resource["copyright"] = "\n\n".join(notices)
    by_system: dict[str, list[dict[str, str]]] = {}
    contains = []
    for (system, code), display in sorted(members.codes.items()):
        concept = {"code": code} | ({"display": display} if display else {})
        by_system.setdefault(system, []).append(concept)
        contains.append({"system": system} | concept)
    resource["compose"] = {"include": [{"system": system, "concept": concepts} for system, concepts in by_system.items()]}
    resource["expansion"] = {
        "identifier": f"{BASE}/ValueSet/{ident}/expansion/{VERSION}",
        "timestamp": f"{DATE}T00:00:00Z",
        "total": len(contains),
        "parameter": [
            {"name": "system-version", "valueUri": f"{system}|{VERSION if system.startswith(BASE) else 'not-stated'}"}
            for system in by_system
        ],
        "contains": contains,
    }
    return resource


def code_system(ident: str, entry: dict[str, Any]) -> dict[str, Any]:
    resource = metadata(
        "CodeSystem", ident, entry["title"], entry["description"], ["crmi-shareablecodesystem", "crmi-publishablecodesystem"]
    )
    resource |= {
        "caseSensitive": True,
        "content": "complete",
        "count": len(entry["codes"]),
        "concept": [
            {"code": code, "display": display, "definition": definition} for code, (display, definition) in entry["codes"].items()
        ],
    }
    return resource


def concepts_library(config: dict[str, Any]) -> str:
    """The CQL library that declares every value set, code system and local code by its title."""
    lines = [
        "/* Every code system, value set and code of the guideline, by title. Made by scripts/make_value_sets.py from",
        "   scripts/value_sets.yaml; change that and run it again. */",
        f"library MastCellConcepts version '{VERSION}'",
        "",
    ]
    for ident, entry in config["code_systems"].items():
        lines.append(f"codesystem \"{entry['title']}\": '{BASE}/CodeSystem/{ident}'")
    lines.append("codesystem \"List Codes\": 'http://terminology.hl7.org/CodeSystem/list-example-use-codes'")
    for folder, table in config["value_sets"].items():
        lines += ["", f"// {folder}"]
        for ident, entry in table.items():
            lines.append(f"valueset \"{entry['title']}\": '{BASE}/ValueSet/{ident}'")
    lines += ["", "// codes that the logic names one by one"]
    for ident, code in config["named_codes"]:
        display = config["code_systems"][ident]["codes"][code][0]
        lines.append(f"code \"{display}\": '{code}' from \"{config['code_systems'][ident]['title']}\" display '{display}'")
    lines.append("code \"Medication List\": 'medications' from \"List Codes\" display 'Medication List'")
    lines.append("code \"Allergy List\": 'allergies' from \"List Codes\" display 'Allergy List'")
    return "\n".join(lines) + "\n"


def write(path: Path, resource: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(resource, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def main(code_list: Path) -> None:
    config = yaml.safe_load((ROOT / "scripts" / "value_sets.yaml").read_text(encoding="utf-8"))
    concepts = read_codes(code_list)
    table = {ident: entry for sets in config["value_sets"].values() for ident, entry in sets.items()}
    titles = [entry["title"] for entry in [*table.values(), *config["code_systems"].values()]]
    clashes = {title for title in titles if titles.count(title) > 1}
    if clashes:
        raise SystemExit(f"value_sets.yaml: a title is used twice: {', '.join(sorted(clashes))}")
    made: dict[str, Members] = {}
    for old in (ROOT / "valuesets").glob("**/*.json"):
        old.unlink()
    for folder, sets in config["value_sets"].items():
        for ident, entry in sets.items():
            members = collect(ident, table, concepts, config["code_systems"], made)
            if not members.codes:
                raise SystemExit(f"value_sets.yaml: {ident} has no member")
            write(ROOT / "valuesets" / folder / f"ValueSet-{ident}.json", value_set(ident, entry, members))
    for ident, entry in config["code_systems"].items():
        write(ROOT / "valuesets" / "codesystems" / f"CodeSystem-{ident}.json", code_system(ident, entry))
    library = ROOT / "plandefinitions" / "library" / "MastCellConcepts.cql"
    library.write_text(concepts_library(config), encoding="utf-8")
    print(f"{len(made)} value sets, {len(config['code_systems'])} code systems, {library.name}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]))
