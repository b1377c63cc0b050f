"""What a clinician reads is short, plain, and in our own words: no run of eight words of an article stands in the content."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from tests.shared import shared_folder

from .test_artifacts import actions_in, libraries, of_kind, questions

Json = dict[str, Any]
RUN = 8
LONGEST_TITLE, LONGEST_TEXT, LONGEST_NOTE, LONGEST_QUESTION = 95, 300, 420, 200
"""In characters."""

JARGON = re.compile(
    r"\b(null|boolean|CQL|FHIR|define|PlanDefinition|ActivityDefinition|suppress\w*|utiliz\w*|leverage|holistic|robust|"
    r"in order to|prior to|aforementioned|etc\.|e\.g\.|i\.e\.)(?=\W|$)",
    re.IGNORECASE,
)

PATTERN = re.compile(r"\(\?[:!=<]|\[a-z|\*\)?$")
"""What stands in a regular expression, which nobody is shown, and in no sentence."""


@cache
def texts() -> dict[str, str]:
    """Every sentence that is shown, by where it stands."""
    found: dict[str, str] = {}
    for plan in of_kind("PlanDefinition"):
        for field in ("title", "description", "purpose"):
            found[f"{plan['id']}/{field}"] = plan[field]
        for action in actions_in(plan):
            where = f"{plan['id']}#{action['id']}"
            for field in ("title", "description", "textEquivalent"):
                if action.get(field):
                    found[f"{where}/{field}"] = action[field]
            for extension in action.get("extension", []):
                expression = extension.get("valueExpression", {})
                if expression.get("description"):
                    found[f"{where}/{expression['expression']}"] = expression["description"]
                if extension["url"].endswith("/cpg-rationale"):
                    found[f"{where}/rationale"] = extension["valueMarkdown"]
            for condition in action.get("condition", []):
                found[f"{where}/if {condition['expression']['expression']}"] = condition["expression"]["description"]
    for activity in of_kind("ActivityDefinition"):
        found[f"{activity['id']}/title"], found[f"{activity['id']}/description"] = activity["title"], activity["description"]
        for dosage in activity.get("dosage", []):
            found[f"{activity['id']}/dosage"] = dosage["text"]
    for questionnaire in of_kind("Questionnaire"):
        for item in questions(questionnaire):
            found[f"{questionnaire['id']}/{item['linkId']}"] = item["text"]
    for library, text in libraries().items():
        bare = re.sub(r"/\*.*?\*/|^ *//[^\n]*", "", text, flags=re.DOTALL | re.MULTILINE)
        for number, (_, note) in enumerate(re.findall(r"""("(?:[^"\\]|\\.)*")|'((?:[^'\\]|\\.)*)'""", bare)):
            if " " in note.strip() and not note.startswith("http") and not PATTERN.search(note):
                found[f"{library}/note {number}"] = note
    return found


def words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+(?:[-.][a-z0-9]+)*", text.lower())


def runs(text: str) -> set[tuple[str, ...]]:
    found = words(text)
    return {tuple(found[i : i + RUN]) for i in range(len(found) - RUN + 1)}


def test_no_sentence_is_an_article_s() -> None:
    theirs: set[tuple[str, ...]] = set()
    for file in sorted(shared_folder("sources").glob("*.txt")):
        theirs |= runs(file.read_text("utf-8"))
    assert len(theirs) > 3000
    copied = {where: " | ".join(" ".join(run) for run in runs(text) & theirs) for where, text in texts().items()}
    assert {where: run for where, run in copied.items() if run} == {}


def test_nothing_is_long() -> None:
    limits = {"title": LONGEST_TITLE, "description": LONGEST_TEXT, "textEquivalent": LONGEST_TEXT}
    long = {}
    for where, text in texts().items():
        kind = where.rpartition("/")[2]
        if kind == "rationale":
            continue
        limit = LONGEST_NOTE if kind.startswith("note ") else limits.get(kind, LONGEST_QUESTION)
        if len(text) > limit:
            long[where] = f"{len(text)}: {text}"
    assert long == {}


def test_every_sentence_is_short() -> None:
    """No sentence of more than 35 words."""
    long = {}
    for where, text in texts().items():
        for sentence in re.split(r"(?<=[.:;?!])\s+", text):
            if len(words(sentence)) > 35:
                long[where] = sentence
    assert long == {}


def test_plain_words() -> None:
    assert {where: text for where, text in texts().items() if JARGON.search(text)} == {}


def test_the_overlay_says_what_it_is() -> None:
    """Whatever rests on the overlay alone begins by saying so; its own plan proposes no drug."""
    badge = "Safety overlay, not from the source articles"
    for plan in of_kind("PlanDefinition"):
        for action in actions_in(plan):
            rules = [e["valueString"] for e in action.get("extension", []) if e["url"].endswith("/statement-id")]
            if rules and all(rule.startswith("ov.") for rule in rules):
                assert action["description"].startswith(badge), f"{plan['id']}#{action['id']}"
    (overlay,) = [plan for plan in of_kind("PlanDefinition") if plan["id"] == "safety-overlay"]
    kinds = {activity["url"]: activity["kind"] for activity in of_kind("ActivityDefinition")}
    for action in actions_in(overlay):
        assert action["description"].startswith(badge)
        assert kinds.get(action.get("definitionCanonical", "").partition("|")[0]) != "MedicationRequest"
