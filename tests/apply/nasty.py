"""Nasty definitions: plans and activities with everything that FHIR lets them have, and much that it does not."""

from __future__ import annotations

import random
from typing import Any

from tests.apply.small import BASE, TABLET_A, TABLET_B, activity, expression, plan

from guideway.apply.kinds import KINDS

Json = dict[str, Any]
UCUM = "http://unitsofmeasure.org"
CPG = "http://hl7.org/fhir/uv/cpg/StructureDefinition/"
HL7 = "http://hl7.org/fhir/StructureDefinition/"
OWN = "https://example.org/guideway/StructureDefinition/"

TEXTS = (
    "",
    " ",
    "x",
    "Füße ☃ 漢字",
    "\u202eright to left",
    "a" * 5000,
    "<script>alert(1)</script>",
    "| a | b |",
    "line\nbreak\ttab",
    "\U0001f600" * 40,
    "\ud800",
    "\x00\x07",
    "null",
    "%s %d {0}",
    "../../etc",
    "'; drop table x; --",
)
IDS = (
    "a",
    "b",
    "c",
    "",
    "x" * 64,
    "y" * 300,
    "ä ö",
    "a b",
    "-",
    "../x",
    "#",
    "a#b",
    "1",
    "action-1",
    "id|1",
    "\u202e",
    "apply-outcome",
)
DEFINES = (
    "True",
    "False",
    "Null",
    "Fails",
    "Number",
    "Nope",
    "Count Is Low",
    "Agrees",
    "Low And Not On A",
    "Level Over Count",
    "",
)
VALUES = (
    "Title",
    "Dose",
    "Half Dose",
    "Code A",
    "Concept A",
    "Notes",
    "Priority",
    "When",
    "True",
    "Number",
    "Empty",
    "Fails",
    "Nope",
)
LANGUAGES = (
    "text/cql-identifier",
    "text/cql.identifier",
    "text/cql",
    "text/cql-expression",
    "text/fhirpath",
    "text/none",
    "",
    None,
)
PATHS = (
    "title",
    "description",
    "priority",
    "status",
    "intent",
    "subject",
    "subject.reference",
    "code",
    "code.text",
    "code.coding[0].code",
    "medication",
    "medication.text",
    "medicationCodeableConcept",
    "medication[x]",
    "medication.ofType(CodeableConcept).text",
    "(medication as CodeableConcept).text",
    "dosageInstruction",
    "dosageInstruction[0].text",
    "dosageInstruction[1].text",
    "dosageInstruction[0].doseAndRate[0].dose",
    "dosageInstruction.doseAndRate.doseQuantity.value",
    "occurrence",
    "occurrence[x]",
    "occurrenceDateTime",
    "timing",
    "note",
    "note[0]",
    "note[0].text",
    "note[5].text",
    "note.text.x",
    "identifier[0].value",
    "extension('http://x/y').value",
    "extension[0].valueString",
    "extension.where(url='http://x/y').value",
    "modifierExtension[0].url",
    "action.title",
    "action.priority",
    "action.timing",
    "action.timingTiming",
    "action.participant",
    "action.code",
    "action.action",
    "action.resource",
    "action.id",
    "action.condition",
    "action.relatedAction[0].actionId",
    "action.type",
    "%action.title",
    "%resource.note.text",
    "$this.title",
    "MedicationRequest.note.text",
    "resourceType",
    "id",
    "meta",
    "meta.profile",
    "language",
    "contained",
    "contained[0].id",
    "text",
    "text.div",
    "implicitRules",
    "requester",
    "performer",
    "for",
    "owner",
    "payload[0].content",
    "restriction.period",
    "input[0].value",
    "participant[0].actor",
    "item",
    "quantity",
    "reasonCode[0].text",
    "x",
    "x.y",
    "",
    ".",
    "..",
    "a[",
    "a[-1]",
    "a[99999999999]",
    "[0]",
    "a b",
    "note[0",
    "title.",
    "`title`",
    "%",
    "%resource",
    "first()",
    "note.first().text",
    "note.where(text='x').text",
    "exists()",
    "ofType(x)",
    "extension()",
    "extension('')",
    "Füße",
    "a" * 300,
    ".".join("a" * 200),
)
BEHAVIOURS = {
    "groupingBehavior": ("visual-group", "logical-group", "sentence-group", "no-group"),
    "selectionBehavior": ("any", "all", "all-or-none", "exactly-one", "at-most-one", "one-or-more", "two"),
    "requiredBehavior": ("must", "could", "must-unless-documented", "should"),
    "precheckBehavior": ("yes", "no", "maybe"),
    "cardinalityBehavior": ("single", "multiple", "dual"),
}
JUNK: tuple[Any, ...] = (
    None,
    0,
    1.5,
    True,
    "",
    "x",
    [],
    {},
    [None],
    [{}],
    [[]],
    {"a": 1},
    [1, "x"],
    {"x": None},
    "\ud800",
    "x" * 9000,
)


def quantity(draw: random.Random) -> Json:
    unit = draw.choice(["d", "wk", "mo", "a", "h", "min", "s", "mg", "parsec", ""])
    value: Any = draw.choice([1, 0, -3, 2.5, 10**9, 10**40, "x", None, True])
    return {"value": value, "unit": unit, **draw.choice([{}, {"system": UCUM, "code": unit}, {"code": unit}])}


def timing(draw: random.Random, base: str = "timing") -> Json:
    made = {
        "DateTime": lambda: draw.choice(["2026", "2026-07", "2026-07-01", "2026-02-30", "2026-07-01T10:00:00Z", "some day", 5]),
        "Timing": lambda: draw.choice(
            [
                {"repeat": {"frequency": 1, "period": draw.choice([1, 2, 0]), "periodUnit": draw.choice(["d", "wk", "mo", "x"])}},
                {"event": ["2026-07-01"]},
                {"code": {"text": "daily"}},
                {"repeat": {"boundsPeriod": {"start": "2026-07-01"}}},
                {"repeat": {"when": ["MORN"], "dayOfWeek": ["mon", "funday"]}},
                {"repeat": 3},
                {},
            ]
        ),
        "Age": lambda: quantity(draw),
        "Period": lambda: draw.choice([{"start": "2026-07-01"}, {"end": "2026-01-01", "start": "2027"}, {}, {"start": 4}, "x"]),
        "Range": lambda: draw.choice([{"low": quantity(draw), "high": quantity(draw)}, {"high": quantity(draw)}, {}, "x"]),
        "Duration": lambda: quantity(draw),
    }
    names = draw.sample(sorted(made), draw.choice([0, 1, 1, 1, 2]))
    return {base + name: made[name]() for name in names}


def an_expression(draw: random.Random, names: tuple[str, ...]) -> Any:
    if draw.random() < 0.05:
        return draw.choice(JUNK)
    text = draw.choice(
        [*names, f'Logic."{draw.choice(names)}"', "%resource.id", "1 +", "birthDate < today()", '"True" and', "(" * 50]
    )
    made: Json = {"expression": text, "language": draw.choice(LANGUAGES)}
    if draw.random() < 0.7:
        made = expression(draw.choice(names))
    if draw.random() < 0.1:
        made["reference"] = draw.choice([f"{BASE}/Library/Logic", f"{BASE}/Library/None|9", "x"])
    if draw.random() < 0.15:
        made["extension"] = [{"url": HL7 + "cqf-alternativeExpression", "valueExpression": an_expression(draw, names)}]
    return made


def dynamic_values(draw: random.Random) -> list[Any]:
    return [
        draw.choice(JUNK) if draw.random() < 0.03 else {"path": draw.choice(PATHS), "expression": an_expression(draw, VALUES)}
        for _ in range(draw.choice([0, 0, 1, 2, 5]))
    ]


def extension(draw: random.Random) -> list[Any]:
    found: list[Any] = []
    for _ in range(draw.choice([0, 0, 0, 1, 2])):
        found.append(
            draw.choice(
                [
                    {"url": "http://x/y", "valueString": draw.choice(TEXTS)},
                    {"url": "http://x/y"},
                    {"valueString": "no url"},
                    {"url": "http://x/z", "extension": [{"url": "a", "valueBoolean": True}]},
                    {"url": "http://x/both", "valueString": "x", "extension": [{"url": "a", "valueBoolean": True}]},
                    {"url": HL7 + "cqf-applicabilityBehavior", "valueCode": draw.choice(["any", "all", "some"])},
                    {"url": OWN + "statement-id", "valueString": draw.choice(TEXTS)},
                    {"url": OWN + "withheld-when", "valueExpression": an_expression(draw, DEFINES)},
                    {"url": OWN + "satisfied-when", "valueExpression": an_expression(draw, DEFINES)},
                    {"url": OWN + "note", "valueExpression": an_expression(draw, VALUES)},
                    {"url": OWN + "exclusive-group", "valueString": "g"},
                    {
                        "url": CPG + "cpg-activity-kind",
                        "valueCode": draw.choice(["Procedure", "Communication", "Observation", "x"]),
                    },
                    {"url": CPG + "cpg-collectWith", "valueCanonical": f"{BASE}/Questionnaire/ask"},
                    {"url": CPG + "cpg-enabled", "valueBoolean": draw.choice([True, True, False])},
                    {"url": HL7 + "cqf-strengthOfRecommendation", "valueCodeableConcept": {"text": draw.choice(TEXTS)}},
                    {
                        "url": "http://x/computed",
                        "_valueString": {
                            "extension": [{"url": HL7 + "cqf-expression", "valueExpression": an_expression(draw, VALUES)}]
                        },
                    },
                    *JUNK,
                ]
            )
        )
    return found


def an_activity(draw: random.Random, number: int) -> Json:
    kind = draw.choice([*KINDS, "Observation", "Party", "", None])
    made = activity(f"act{number}", str(kind or ""), dynamicValue=dynamic_values(draw), extension=extension(draw))
    if kind is None:
        del made["kind"]
    facts: dict[str, Any] = {
        "code": draw.choice(
            [{"text": "c"}, TABLET_A, {"coding": [{"system": CPG + "x", "code": "order"}]}, {}, "x", {"coding": 3}]
        ),
        "productCodeableConcept": draw.choice([TABLET_A, TABLET_B, {"text": "Alpha"}, {}, 4]),
        "productReference": draw.choice([{"reference": "Medication/m"}, {"reference": "#m"}, {"display": "m"}, {}]),
        "dosage": draw.choice([[{"text": "daily"}], [{"doseAndRate": [{"doseQuantity": quantity(draw)}]}], [], {}, [3]]),
        "quantity": quantity(draw),
        "bodySite": draw.choice([[{"text": "arm"}], [{"text": "arm"}, TABLET_A], {"text": "x"}, []]),
        "participant": [
            {
                "type": draw.choice(["patient", "practitioner", "related-person", "device", "x"]),
                **draw.choice([{}, {"role": {"text": "r"}}]),
            }
            for _ in range(draw.choice([0, 1, 3]))
        ],
        "location": draw.choice([{"reference": "Location/l"}, {"display": "home"}, "x"]),
        "priority": draw.choice(["routine", "urgent", "asap", "stat", "soon"]),
        "doNotPerform": draw.choice([True, False, "true"]),
        "intent": draw.choice(["proposal", "plan", "order", "directive", "option", "x"]),
        "profile": draw.choice(["http://x/profile", "not a uri", 3]),
        "transform": f"{BASE}/StructureMap/s",
        "specimenRequirement": draw.choice([[{"reference": "SpecimenDefinition/s"}], [{}], "x"]),
        "observationRequirement": [{"reference": "ObservationDefinition/o"}],
        "modifierExtension": draw.choice([[{"url": "http://x/m", "valueBoolean": True}], [{}]]),
        "library": draw.choice([[f"{BASE}/Library/Logic"], [f"{BASE}/Library/None"], [], "x"]),
        "title": draw.choice(TEXTS),
        "name": draw.choice(TEXTS),
        "description": draw.choice(TEXTS),
        "useContext": draw.choice([[], [{"code": {"code": "user"}, "valueCodeableConcept": {"text": "nurse"}}], "x"]),
        "version": draw.choice(["1.0.0", "2", "x y"]),
    }
    chosen = draw.sample(sorted(facts), draw.randrange(0, len(facts)))
    return made | {name: facts[name] for name in chosen} | timing(draw)


def an_action(draw: random.Random, depth: int, canonicals: list[str]) -> Any:
    if draw.random() < 0.02:
        return draw.choice(JUNK)
    made: dict[str, Any] = {"id": draw.choice(IDS), "title": draw.choice(TEXTS)}
    optional: dict[str, Any] = {
        "description": draw.choice(TEXTS),
        "textEquivalent": draw.choice(TEXTS),
        "prefix": draw.choice(["1", "1.2.3", 4]),
        "priority": draw.choice(["routine", "urgent", "asap", "stat", "now"]),
        "code": draw.choice([[{"text": "c"}], [TABLET_A, TABLET_B], {"text": "x"}, [{}]]),
        "reason": draw.choice([[{"text": "because"}], [{}], "x"]),
        "documentation": draw.choice(
            [[{"type": "citation", "label": "k, line 3"}], [{"type": "x"}], [{"type": "citation", "url": "a b"}]]
        ),
        "goalId": draw.choice([["g"], ["none"], "g", [5]]),
        "trigger": draw.choice(
            [
                [{"type": "named-event", "name": "patient-view"}],
                [{"type": "named-event", "name": "order-sign"}],
                [{"type": "periodic"}],
                [{"type": "data-added", "data": [{"type": "Observation"}]}],
                "x",
                [{}],
            ]
        ),
        "condition": [
            {
                "kind": draw.choice(["applicability"] * 4 + ["start", "stop", "x", None]),
                "expression": an_expression(draw, DEFINES),
            }
            for _ in range(draw.choice([0, 1, 1, 2]))
        ],
        "input": draw.choice(
            [
                [{"type": "Observation", "id": "i"}],
                [
                    {
                        "type": "Observation",
                        "profile": ["http://x"],
                        "codeFilter": [{"path": "code", "valueSet": f"{BASE}/ValueSet/none"}],
                    }
                ],
                [{"type": "Party"}],
                [{}],
                "x",
            ]
        ),
        "output": draw.choice([[{"type": "Observation"}], [{}], "x"]),
        "relatedAction": [
            {
                "actionId": draw.choice(IDS),
                "relationship": draw.choice(["before", "after-end", "concurrent", "x"]),
                **draw.choice([{}, {"offsetDuration": quantity(draw)}, {"offsetRange": {"low": quantity(draw)}}]),
            }
            for _ in range(draw.choice([0, 1, 2]))
        ],
        "participant": [
            {
                "type": draw.choice(["patient", "practitioner", "related-person", "device", "x", 4]),
                **draw.choice([{}, {"role": {"text": "nurse"}}, {"role": {}}]),
            }
            for _ in range(draw.choice([0, 1, 2]))
        ],
        "type": draw.choice([{"coding": [{"code": "create"}]}, {"text": "x"}, {}]),
        **{name: draw.choice(codes) for name, codes in BEHAVIOURS.items()},
        "definitionCanonical": draw.choice(canonicals),
        "definitionUri": draw.choice(["http://x/y", "not a uri", "urn:uuid:00000000-0000-4000-8000-000000000000", 3]),
        "transform": f"{BASE}/StructureMap/s",
        "dynamicValue": dynamic_values(draw),
        "extension": extension(draw),
        "modifierExtension": [{"url": "http://x/m", "valueBoolean": True}],
        "subjectCodeableConcept": {"text": "Patient"},
        "junk": draw.choice(JUNK),
    }
    if draw.random() < 0.7 and canonicals:
        made["definitionCanonical"] = draw.choice(canonicals)
    for name in draw.sample(sorted(optional), draw.randrange(0, 9)):
        if name != "definitionUri" or "definitionCanonical" not in made:
            made[name] = optional[name]
    if draw.random() < 0.05:
        made[draw.choice(sorted(optional))] = draw.choice(JUNK)
    made |= timing(draw)
    if depth and draw.random() < 0.4:
        made["action"] = [an_action(draw, depth - 1, canonicals) for _ in range(draw.randrange(0, 4))]
    return made


def a_plan(draw: random.Random, name: str, canonicals: list[str]) -> Json:
    inner = [
        {
            "resourceType": "ActivityDefinition",
            "id": "inner",
            "status": "draft",
            "kind": draw.choice(list(KINDS)),
            "code": {"text": "i"},
        },
        {"resourceType": "PlanDefinition", "id": "sub", "status": "draft", "action": [an_action(draw, 0, ["#inner"])]},
        {"resourceType": "Questionnaire", "id": "q", "status": "draft"},
    ]
    more: dict[str, Any] = {
        "goal": draw.choice(
            [
                [{"id": "g", "description": {"text": "well"}}],
                [{"description": 3}],
                [{"id": "g", "target": [{"due": quantity(draw)}]}],
                "x",
            ]
        ),
        "contained": inner,
        "extension": extension(draw),
        "useContext": draw.choice(
            [[], [{"code": {"code": "user"}, "valueCodeableConcept": {"text": "nurse"}}], [{"code": 3}], "x"]
        ),
        "library": draw.choice([[f"{BASE}/Library/Logic"]] * 4 + [[f"{BASE}/Library/Logic|9"], [], "x", [3]]),
        "effectivePeriod": draw.choice([{"start": "2027"}, {"end": "2020-01-01"}, {}, "x"]),
        "relatedArtifact": draw.choice([[{"type": "citation", "label": "k, line 3"}], "x", [{}]]),
        "version": draw.choice(["1.0.0", "2.0", "a b"]),
        "status": draw.choice(["draft", "active", "retired", "unknown", "x"]),
        "experimental": True,
        "usage": draw.choice(TEXTS),
        "copyright": draw.choice(TEXTS),
        "title": draw.choice(TEXTS),
        "subjectReference": {"reference": "Group/g"},
        "type": draw.choice([{"text": "x"}, {}]),
    }
    made = plan(name, *(an_action(draw, 3, canonicals) for _ in range(draw.randrange(1, 4))))
    return made | {n: more[n] for n in draw.sample(sorted(more), draw.randrange(0, 6))} | {"contained": inner}


def package_of(draw: random.Random) -> list[Json]:
    """Some plans and activities that point at each other and nowhere."""
    activities = [an_activity(draw, n) for n in range(3)]
    names = ["one", "two", "three"][: draw.choice([1, 2, 3])]
    canonicals = [a["url"] for a in activities] + [f"{BASE}/PlanDefinition/{n}" for n in names]
    canonicals += [
        f"{BASE}/PlanDefinition/one|9.9",
        f"{activities[0]['url']}|1.0.0",
        f"{activities[1]['url']}|0",
        "#inner",
        "#sub",
        "#q",
        "#none",
        "#",
        f"{BASE}/Questionnaire/ask",
        f"{BASE}/Library/Logic",
        f"{BASE}/ActivityDefinition/none",
        "urn:oid:1.2.3",
        "",
        " ",
        "|",
        "x|y|z",
        "http://[bad",
        "a b",
    ]
    return [*activities, *(a_plan(draw, n, canonicals) for n in names)]
