"""The table and Markdown views of a made-up outcome: what is shown, in which order, and that nothing in data can break out."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from guideway.apply.outcome import (
    Conflict,
    Evidence,
    Excluded,
    Missing,
    PatientOutcome,
    PlanSummary,
    Recommendation,
    Source,
    Supply,
    UnknownGroup,
)
from guideway.cli.lines import clean, coloured, plain, wrap
from guideway.cli.markdown import escape, markdown
from guideway.cli.table import table
from guideway.diagnostics import Diagnostic, Position, Severity


def recommendation(action: str, status: str, **more: object) -> Recommendation:
    base: dict[str, object] = {
        "plan": "https://example.org/plan",
        "plan_id": "dose",
        "action": action,
        "title": f"Title of {action}",
    }
    return Recommendation(**{**base, "status": status, "reason": f"reason of {action}", **more})  # type: ignore[arg-type]


def outcome(*recommendations: Recommendation, **more: object) -> PatientOutcome:
    base: dict[str, object] = {
        "subject": "Patient/p1",
        "guideline": {"id": "org.example.guide", "version": "0.1.0", "hash": "0123456789abcdef"},
        "program": {"name": "guideway", "version": "0.1.0"},
        "evaluated_at": "2026-06-01T00:00:00+00:00",
        "timezone": "UTC",
        "hook": None,
        "policy": "cpg",
        "draft": "DRAFT: not reviewed",
        "disclaimer": ["Not a substitute for judgement."],
        "plans": [PlanSummary(id="dose", url="u", title="Dose modification")],
        "recommendations": list(recommendations),
    }
    return PatientOutcome(**{**base, **more})  # type: ignore[arg-type]


FULL = outcome(
    recommendation("other", "does-not-apply", reason="the drug is not taken"),
    recommendation(
        "baseline",
        "unknown",
        missing=[
            Missing(
                element="baselineCount",
                display="Baseline count",
                supply=[
                    Supply(kind="order", text="a measurement from before the start, in 10*9/L"),
                    Supply(kind="record", text="chart"),
                ],
            )
        ],
    ),
    recommendation("late", "unknown", missing=[Missing(element="baselineCount", display="Baseline count")]),
    recommendation("held", "suppressed", reason="withheld because of the overlay"),
    recommendation("done", "already-satisfied"),
    recommendation("broken", "error", findings=[Diagnostic("cql-runtime", Severity.error, "cannot compare")]),
    recommendation("second", "applies"),
    recommendation(
        "interrupt",
        "applies",
        strength="strong",
        direction="for",
        description="Interrupt the drug.",
        evidence=[
            Evidence(
                display="Count",
                value=Decimal("0.80"),
                unit="10*9/L",
                date="2026-05-30",
                resource="Observation/a1",
                why="below 1.0",
            ),
            Evidence(display="Recovery", absent=True, checked=["Observation/a0"]),
        ],
        excluded=[Excluded(resource="Observation/bad", rule="entered-in-error", reason="entered in error")],
        notes=["Repeat the count weekly."],
        source=[Source(label="Article A, lines 10-12", citation="Author. A.", url="https://example.org/a")],
        requests=["MedicationRequest/m1"],
        proposals={"MedicationRequest/m1": "A drug: once a day (prescription)"},
    ),
    order=["dose#interrupt", "dose#second"],
    conflicts=[Conflict(rule="for-and-against", severity="high", text="for and against", recommendations=["a#b", "c#d"])],
    excluded=[Excluded(resource="Observation/bad", rule="entered-in-error", reason="entered in error")],
    findings=[Diagnostic("patient-deceased", Severity.warning, "recorded as deceased", hint="check the record")],
)


def text_of(*outcomes: PatientOutcome, width: int = 80, explain: bool = False) -> str:
    return plain(table(outcomes, width=width, explain=explain))


def flat(text: str) -> str:
    return " ".join(text.split())


def test_the_table_shows_everything_a_reader_needs() -> None:
    text = flat(text_of(FULL))
    for expected in (
        "DRAFT: not reviewed",
        "Patient/p1",
        "org.example.guide 0.1.0 (0123456789ab)",
        "2026-06-01T00:00:00+00:00 (time zone UTC)",
        "2 apply · 1 error · 1 withheld · 1 already in place · 2 unknown · 1 does not apply",
        "recorded as deceased [patient-deceased]",
        "Title of interrupt [strong]",
        "rests on Count: 0.80 10*9/L, 2026-05-30, Observation/a1",
        "not found Recovery",
        "2 Baseline count: order or enter it or record it",
        "supply it a measurement from before the start, in 10*9/L chart",
        "Observation/bad: entered in error [entered-in-error]",
        "Repeat the count weekly.",
        "Article A, lines 10-12",
        "proposes A drug: once a day (prescription)",
        "withheld because of the overlay",
        "cannot compare [cql-runtime]",
        "for and against [high]",
        "the drug is not taken",
        "Not a substitute for judgement.",
    ):
        assert expected in text, expected


def test_the_most_urgent_comes_first() -> None:
    text = text_of(FULL)
    order = [
        "DRAFT",
        "ABOUT",
        "APPLIES",
        "of interrupt",
        "of second",
        "CONFLICTS",
        "COULD NOT",
        "WITHHELD",
        "ALREADY",
        "CANNOT BE KNOWN",
        "DOES NOT APPLY",
        "DATA LEFT OUT",
        "Not a substitute",
    ]
    places = [text.index(word) for word in order]
    assert places == sorted(places)


def test_each_answer_of_one_response_is_shown_and_a_resource_known_by_two_names_once() -> None:
    answers = {"resource": "QuestionnaireResponse/a", "value": True, "date": "2026-05-01"}
    order = {"resource": "MedicationRequest/a", "value": "active"}
    items = [Evidence(display="First failed", **answers), Evidence(display="Second failed", **answers)]
    items += [Evidence(display="In use", **order), Evidence(display="Tolerated", **order)]
    text = flat(text_of(outcome(recommendation("a", "applies", evidence=items))))
    assert "First failed: yes" in text
    assert "Second failed: yes" in text
    assert "In use: active" in text
    assert "Tolerated" not in text


def test_what_is_in_place_is_shown_by_the_last_datum_also_where_another_one_is_of_the_same_resource() -> None:
    order = {"resource": "MedicationRequest/a", "value": "active", "date": "2026-05-01"}
    items = [Evidence(display="Tolerated", **order), Evidence(display="Count", value=3), Evidence(display="In use", **order)]
    text = flat(text_of(outcome(recommendation("a", "already-satisfied", reason="it is taken", evidence=items))))
    assert "rests on In use: active, 2026-05-01, MedicationRequest/a" in text
    assert "Tolerated" not in text
    assert "Count" not in text


@pytest.mark.parametrize("width", [50, 80, 110])
@pytest.mark.parametrize("explain", [False, True])
def test_no_line_is_wider_than_asked(width: int, explain: bool) -> None:
    long = outcome(
        recommendation("x" * 100, "applies", title="word " * 60, strength="s" * 40, notes=["y" * 300]), draft="long " * 50
    )
    for line in text_of(FULL, long, width=width, explain=explain).split("\n"):
        assert len(line) <= width, line


def test_nothing_applies_is_said_with_the_reason() -> None:
    text = flat(text_of(outcome(recommendation("a", "does-not-apply", reason="no such disease on record"))))
    assert "Nothing applies." in text
    assert "no such disease on record" in text


def test_reasons_are_summed_up_and_explain_gives_all() -> None:
    many = outcome(*(recommendation(f"a{n}", "does-not-apply", reason=f"reason {n}") for n in range(8)))
    assert "and 4 more reasons" in text_of(many)
    explained = text_of(many, explain=True)
    assert all(f"Title of a{n}" in explained for n in range(8))


def test_many_unknown_take_a_line_each_and_detail_gives_all() -> None:
    def lacking(number: int) -> Missing:
        supply = [Supply(kind="question", text=f"Answer in Form: Is it {number}?")]
        return Missing(element=f"e{number}", display=f"Datum {number}", supply=supply)

    unusable = Missing(element="lab", display="Count", because=["Observation/x: the value 0.8 has no unit"])
    many = outcome(
        *(recommendation(f"a{n}", "unknown", missing=[lacking(n % 9)]) for n in range(12)),
        recommendation("last", "unknown", missing=[unusable], findings=[Diagnostic("unit-missing", Severity.warning, "no unit")]),
    )
    text = text_of(many)
    assert "  2  Datum 0: answer in Form\n" in text
    assert "and 5 more; with --explain all" in text
    assert text.index("  1  Count (Observation/x: the value 0.8 has no unit)") < text.index("Datum 0")
    assert all(text.count(f"Title of a{n}\n") == 1 for n in range(12))
    assert "no unit [unit-missing]" in text
    assert "supply it" not in text
    full = plain(table([many], width=80, detail=True))
    assert full.count("Is it 0?") == 2
    assert "Answer in Form: Is it 8?" in text_of(many, explain=True)
    brief = markdown([many])
    assert brief.count("### ") == 0
    assert "Dose modification: Title of a3" in brief
    assert re.search(r"^- .*\n\nThe recommendations:\n\n- ", brief, re.MULTILINE), "two lists side by side would be one"
    assert "### Title of a3" in markdown([many], detail=True)


def test_of_what_cannot_be_known_the_most_pressing_comes_first_with_what_it_waits_for() -> None:
    """The guideline's priority decides; within a plan too. What it calls routine comes before what it gives no priority."""

    def waiting(action: str, plan: str, **more: object) -> Recommendation:
        missing = [Missing(element="diagnosis", display="The diagnosis", supply=[Supply(kind="record", text="chart")])]
        return recommendation(action, "unknown", plan_id=plan, missing=missing, **more)

    plans = [PlanSummary(id=name, url=name, title=f"Plan {name}") for name in ("long", "lessons", "rescue")]
    steps = [waiting(f"step{n}", "long") for n in range(5)]
    lesson = waiting("explain", "lessons", priority="routine")
    found = outcome(*steps, lesson, waiting("teach", "rescue"), waiting("carry", "rescue", priority="urgent"), plans=plans)
    order = ["Title of carry", "urgent; waits for: The diagnosis", "Title of teach", "Title of explain", "Title of step0"]
    for text in (text_of(found), text_of(found, explain=True), markdown([found]), markdown([found], explain=True)):
        here = [words for words in order if words in text]
        assert [text.index(words) for words in here] == sorted(text.index(words) for words in here)
        assert len(here) >= 4
    assert text_of(found).count("waits for") == 1, "only for what is pressing"
    assert order[1] in text_of(found)
    assert order[1] in markdown([found])
    assert "### Title of carry (urgent)" in markdown([outcome(waiting("carry", "rescue", priority="urgent"))], detail=True)


def test_a_finding_names_its_resource_once() -> None:
    found = [
        Diagnostic("unit-missing", Severity.warning, "Observation/x: the value 0.8 has no unit.", pointer="Observation/x"),
        Diagnostic("json-type", Severity.warning, "a number is expected", pointer="Observation/y.valueQuantity.value"),
    ]
    text = flat(text_of(outcome(recommendation("a", "applies"), findings=found)))
    assert "• Observation/x: the value 0.8 has no unit. [unit-missing]" in text
    assert "• Observation/y.valueQuantity.value: a number is expected [json-type]" in text


def test_what_proposes_the_same_is_told_once() -> None:
    first = recommendation(
        "first", "applies", also=["dose#twin"], notes=["Also proposed by dose: Title of twin (may)", "Mind the dose."],
        requests=["ServiceRequest/" + "x" * 60], proposals={"ServiceRequest/" + "x" * 60: "Blood count (order)"},
    )  # fmt: skip
    twin = recommendation("twin", "applies", strength="may", also=["dose#first"], source=[Source(label="Article B, line 3")])
    both = outcome(first, twin, order=["dose#first", "dose#twin"])
    for text in (flat(text_of(both)), flat(markdown([both]))):
        assert text.count("Title of twin") == 1
        assert "Article B, line 3" in text
        assert "Blood count" in text
        assert "xxxx" not in text
        assert "Mind the dose." in text
        assert "applies (2, 1 of them told with others)" in text.casefold()
    explained = flat(text_of(both, explain=True))
    assert "Also proposed by dose: Title of twin (may)" in explained
    assert "xxxx" in explained


def test_what_proposes_the_same_under_the_same_title_says_so_before_its_strength() -> None:
    first = recommendation("first", "applies", title="Take it", also=["dose#twin"])
    twin = recommendation(
        "twin", "applies", title="Take it", strength="may", also=["dose#first"], source=[Source(label="Article B, line 3")]
    )
    both = outcome(first, twin, order=["dose#first", "dose#twin"])
    for text in (flat(text_of(both)), flat(markdown([both]))):
        assert text.count("Take it") == 1
        assert "the same [may]: Article B, line 3" in text.replace("\\", "")


def test_what_proposes_the_same_through_another_is_told_with_it() -> None:
    """The first and the third each say that the second proposes the same; the third stands before the second."""
    first = recommendation("first", "applies", also=["dose#second"])
    third = recommendation("third", "applies", also=["dose#second"])
    second = recommendation("second", "applies", also=["dose#first", "dose#third"])
    text = flat(text_of(outcome(first, third, second, order=["dose#first", "dose#third", "dose#second"])))
    assert "applies (3, 2 of them told with others)" in text.casefold()


def test_banner_and_disclaimer_are_there_once_for_many_patients() -> None:
    text = text_of(FULL, FULL)
    assert text.count("DRAFT: not reviewed") == 1
    assert text.count("Not a substitute") == 1
    assert text.count("Patient/p1") == 2


def test_a_terminal_cannot_be_addressed_by_data() -> None:
    evil = outcome(recommendation("a", "applies", title="ring\x07 \x1b[31mred\x1b[0m \u202egnp.exe"))
    text = text_of(evil)
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "\u202e" not in text
    assert clean("a\tb\x00") == "a b?"


def test_markdown_shows_the_same_and_escapes_data() -> None:
    text = markdown([FULL])
    for expected in (
        "> **DRAFT: not reviewed**",
        "# Patient/p1",
        "## Applies (2)",
        "### Title of interrupt (strong)",
        "Article A, lines 10-12",
        "## Conflicts (1)",
        "Not a substitute for judgement.",
    ):
        assert expected in text, expected
    assert text.index("of interrupt") < text.index("of second")
    evil = markdown([outcome(recommendation("a", "applies", title="[click](http://evil) <script>\n# heading"))])
    assert "<script>" not in evil.replace("\\<", "")
    assert "\\[click\\]" in evil
    assert "\n# heading" not in evil
    assert escape("a|b") == "a\\|b"


def test_colours_change_no_character() -> None:
    lines = list(table([FULL], width=80))
    bare = re.sub(r"\x1b\[[0-9;]*m", "", coloured(lines, 80))
    assert [line.rstrip() for line in bare.split("\n")] == plain(lines).split("\n")
    assert "\x1b[" in coloured(lines, 80)


def test_wrapping_keeps_line_breaks_and_cuts_long_words() -> None:
    rows = ["".join(piece.text for piece in line) for line in wrap("one two\nthree " + "x" * 45, 24, first="> ", rest="  ")]
    assert rows == ["> one two", "  three", "  " + "x" * 22, "  " + "x" * 22, "  x"]


def test_a_group_that_cannot_be_known_is_told_once() -> None:
    """What a group waits for stands at the group; what is in it refers to that, and nothing is said twice."""
    count = Missing(element="count", display="Blue cell count")
    members = [recommendation(name, "unknown", missing=[count], inherited_from="dose#low") for name in "xyz"]
    alone = recommendation("alone", "unknown", missing=[count])
    group = UnknownGroup(
        key="dose#low",
        title="When the count is low",
        conditions=["the count is low"],
        missing=[count],
        recommendations=[m.key for m in members],
    )
    found = outcome(alone, *members, unknown_groups=[group])
    lines = plain(table([found], width=100, explain=True)).splitlines()
    start = lines.index("When the count is low: 3 recommendations")
    detail = lines[lines.index("Title of alone") :]
    assert [line for line in detail if line.startswith("  missing")] == [
        "  missing    Blue cell count",
        "  missing    Blue cell count",
        *["  missing    what “When the count is low” waits for (above)"] * 3,
    ]
    assert lines[start + 1] == "  because    the count is low"


def test_what_is_only_information_is_for_explain() -> None:
    finding = Diagnostic("related-action-absent", Severity.information, "the relation is left out")
    about_one = outcome(recommendation("a", "applies", findings=[finding]))
    about_all = outcome(recommendation("a", "applies"), findings=[finding])
    for found in (about_one, about_all):
        assert "the relation is left out" not in plain(table([found], width=100))
        assert "the relation is left out" in plain(table([found], width=100, explain=True))
        assert "the relation is left out" not in markdown([found], explain=False, detail=False)
    assert "ABOUT THIS PATIENT'S DATA" not in plain(table([about_all], width=100))


def test_many_findings_of_one_rule_are_counted_unless_everything_is_asked_for() -> None:
    found = [Diagnostic("odd", Severity.warning, f"number {n} is odd") for n in range(9)]
    found.insert(4, Diagnostic("other", Severity.warning, "this one is seen"))
    given = outcome(findings=found)
    short = plain(table([given], width=80))
    assert [n for n in range(9) if f"number {n} " in short] == [0, 1, 2]
    assert "and 6 more of [odd]; with --explain all" in short
    assert "this one is seen" in short
    assert "ABOUT THIS PATIENT'S DATA (10)" in short
    assert "number 8 " in plain(table([given], width=80, explain=True))
    assert "and 6 more (`odd`)" in markdown([given], explain=False, detail=False)
    assert "number 8 " in markdown([given], explain=True, detail=False)


def test_the_file_of_what_was_found_about_the_patient_is_named_once() -> None:
    warning = Severity.warning
    about = [
        Diagnostic("a", warning, "Observation/x: its value has no unit.", "one.json", None, "Observation/x.valueQuantity"),
        Diagnostic("b", warning, "entry[3]: it has no resource.", "two.json", None, "/entry/3"),
        Diagnostic("c", warning, "it leads to nothing.", "one.json", None, "Encounter/e"),
    ]
    own = Diagnostic("d", warning, "no such code.", "plan.json", None, "/action/0")
    given = outcome(findings=[*about, own], guideline_findings=[own])
    assert plain(table([given], width=80)).partition("ABOUT THE GUIDELINE")[2].splitlines()[1:8] == [
        "  • plan.json#/action/0: no such code. [d]",
        "",
        "ABOUT THIS PATIENT'S DATA (3)",
        "  in one.json",
        "  • Observation/x: its value has no unit. [a]",
        "  • Encounter/e: it leads to nothing. [c]",
        "  in two.json",
    ]
    text = markdown([given], explain=False, detail=False)
    assert "in one.json:\n\n- Observation/x: its value has no unit. (`a`)\n- Encounter/e: it leads to nothing. (`c`)\n" in text


def test_what_follows_from_an_error_in_the_guideline_is_for_explain() -> None:
    error = Severity.error
    own = [
        Diagnostic("cql-syntax", error, "expected a name.", "Common.cql", Position(3, 1, 3, 4)),
        Diagnostic("cql-included-error", error, "Library Common has errors of its own.", "Logic.cql", Position(2, 1, 2, 9)),
        Diagnostic("cql-unknown-function", error, "There is no function 'f'.", "Logic.cql", Position(9, 1, 9, 2)),
    ]
    given = outcome(findings=own, guideline_findings=own)
    shown = plain(table([given], width=80))
    assert "ABOUT THE GUIDELINE (1)\n  • Common.cql:3:1: expected a name. [cql-syntax]\n" in shown
    assert "no function" not in shown
    assert "no function" in plain(table([given], width=80, explain=True))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_findings_of_one_rule_are_all_shown(count: int) -> None:
    found = [Diagnostic("odd", Severity.warning, f"number {n} is odd") for n in range(count)]
    shown = plain(table([outcome(findings=found)], width=80))
    assert all(f"number {n} " in shown for n in range(count))
    assert "more of" not in shown


def test_what_the_patient_does_not_say_is_not_known() -> None:
    evidence = [Evidence(element="age", display="Age in years", resource="Patient/p1", why="null < 18")]
    assert "Age in years: not known, Patient/p1" in plain(
        table([outcome(recommendation("a", "applies", evidence=evidence))], width=80)
    )


def test_only_a_recommendation_against_says_its_direction() -> None:
    given = [recommendation(d, "applies", strength="should", direction=d) for d in ("for", "against")]
    shown = plain(table([outcome(*given)], width=80))
    assert "Title of for  [should]" in shown
    assert "Title of against  [should, against]" in shown
    said = [recommendation(d, "applies", strength=d, direction="against") for d in ("avoid", "with caution", "safety warning")]
    assert "against" not in plain(table([outcome(*said)], width=80))


def test_several_places_of_one_article_are_one_source() -> None:
    places = [("a", "24"), ("b", "3"), ("a", "26-29"), ("a", "24")]
    sources = [Source(label=f"{key}, line {lines}", key=key, lines=lines) for key, lines in places] + [Source(label="a book")]
    given = outcome(recommendation("x", "applies", source=sources))
    shown = plain(table([given], width=80))
    assert "source     a, lines 24, 26-29\n             b, line 3\n             a book" in shown
    assert "a, line 26-29" in plain(table([given], width=80, explain=True))
    assert "- **Source:**\n  - a, lines 24, 26-29\n  - b, line 3\n  - a book\n" in markdown([given], explain=False, detail=False)


def test_several_ways_to_supply_a_datum_are_one_sentence() -> None:
    ways = [
        Supply(kind="order", text="Order a scan"),
        Supply(kind="record", text="Record it"),
        Supply(kind="x", text="DXA, if any"),
    ]
    missing = Missing(element="a", display="A scan", supply=ways)
    text = markdown([outcome(recommendation("a", "unknown", missing=[missing]))], explain=False, detail=False)
    assert "A scan. To supply it: Order a scan or record it or DXA, if any" in text


def test_a_conflict_names_its_sides_by_title_and_in_full_by_id() -> None:
    given = (
        recommendation("a", "unknown", title="Start it"),
        recommendation("b", "unknown", title="Stop it"),
    )
    sides = ["dose#a", "dose#b"]
    about = Conflict(rule="r", severity="high", text="for and against", recommendations=sides, resources=["Task/t"])
    found = outcome(*given, conflicts=[about])
    assert "  • for and against [high]\n    between Start it and Stop it\n    Task/t\n" in plain(table([found], width=80))
    assert "    between dose#a and dose#b\n" in plain(table([found], width=80, explain=True))
    text = markdown([found], explain=False, detail=False)
    assert "- for and against (high; between Start it and Stop it; Task/t)" in text
    assert "between dose\\#a and dose\\#b" in markdown([found], explain=True, detail=False)


def test_what_was_not_found_is_named_by_data_elements_where_there_are_any() -> None:
    absent = [
        Evidence(display="draft", absent=True),
        Evidence(element="p", display="Pregnancy", absent=True),
    ]
    shown = plain(table([outcome(recommendation("x", "applies", evidence=absent))], width=80))
    assert "not found  Pregnancy\n" in shown
    shown = plain(table([outcome(recommendation("x", "applies", evidence=absent[:1]))], width=80))
    assert "not found  draft\n" in shown
    missing = [Missing(element="p", display="Pregnancy", for_="applicability")]
    shown = plain(table([outcome(recommendation("x", "unknown", evidence=absent[:1], missing=missing))], width=80))
    assert "not found" not in shown
