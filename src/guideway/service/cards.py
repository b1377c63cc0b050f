"""Outcome → CDS Hooks cards (CDS Hooks 2.0; FHIR's mapping of PlanDefinition to cards, with rules that keep every card valid).

One card for each recommendation that applies and is a warning or a choice of one; what else a plan recommends stands together on
one card of that plan, each with its own suggestion. Duplicates that ``apply`` has folded are one. What was withheld, and what
cannot be known yet, are shown too, each gathered in one information card: silence would be read as "all clear". Every text that
comes from a patient's record is escaped, since the detail is Markdown.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from guideway.apply.actions import ActionNode, PlanNode
from guideway.apply.outcome import APPLIES, ERROR, SUPPRESSED, UNKNOWN, Evidence, PatientOutcome, Recommendation

Json = dict[str, Any]

SUMMARY_LIMIT = 139
NAMESPACE = uuid.UUID("6f0d4d0e-6a0a-5b7e-9d3a-2f3f5a3c9f10")
INDICATORS = {"routine": "info", "urgent": "warning", "asap": "warning", "stat": "critical"}
OVERRIDE_SYSTEM = "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"
OVERRIDE_REASONS = (
    ("cds-not-applicable", "Does not fit this patient"),
    ("cds-suboptimal-context", "Not at this moment"),
    ("recipient-disagrees-evidence", "I disagree with the evidence"),
    ("recipient-concerns-outcomes", "I am concerned about the outcome"),
    ("does-not-align-preferences", "Patient's or clinician's preference"),
    ("not-convenient-feasible", "Not feasible here"),
)
_MARKUP = re.compile(r"([\\`*_{}\[\]|~#]|^[-+])")
_LIST_NUMBER = re.compile(r"^(\d+)([.)])")
_AUTOLINK = re.compile(r"(?i)(:(?=//)|(?<=www)\.|@)")
"""What GitHub's Markdown makes a link without being asked: addresses in a patient's text must stay text."""
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


class Card(msgspec.Struct, kw_only=True):
    """One card, and what feedback about it belongs to."""

    body: Json
    plan: str
    version: str
    action: str

    @property
    def uuid(self) -> str:
        """The card's id."""
        return str(self.body["uuid"])


def escaped(text: Any) -> str:
    """Text without markup: Markdown's characters are escaped, HTML's become entities, line breaks become spaces.

    >>> escaped("<b>5 * 3</b>")
    '&lt;b&gt;5 \\\\* 3&lt;/b&gt;'
    """
    plain = _LIST_NUMBER.sub(r"\1\\\2", _MARKUP.sub(r"\\\1", " ".join(str(text).split())))
    plain = _AUTOLINK.sub(r"\\\1", plain)
    return "".join(_ENTITIES.get(c, c) for c in plain)


def cut(text: str, limit: int = SUMMARY_LIMIT) -> tuple[str, str]:
    """The text cut at a word to at most ``limit`` characters (with an ellipsis), and the whole text where it was cut."""
    text = " ".join(text.split())
    if len(text) <= limit:
        return text, ""
    head = text[: limit - 1]
    if " " in head and text[limit - 1] != " ":
        head = head.rpartition(" ")[0] or head
    return head.rstrip(" ,;:-") + "…", text


def cards_of(
    outcome: PatientOutcome,
    requests: Iterable[Json],
    *,
    instance: str,
    service: str,
    drafts: Sequence[str] = (),
    limit: int = 20,
    links: Sequence[Json] = (),
    disabled: Sequence[str] = (),
    missing: Mapping[str, str] | None = None,
) -> list[Card]:
    """The cards of one outcome, most urgent first.

    ``requests``: what ``apply`` proposes (``care_plan.requests``). ``instance``: the hookInstance, so that a retry has the same
    ids. ``drafts``: references of draft orders, which advice against an order may suggest to delete. ``disabled``: ids
    (``plan#action``, or a statement) switched off at this site. Over ``limit`` cards, the least urgent are listed in the last.
    """
    maker = _Maker(outcome, {f"{r['resourceType']}/{r['id']}": r for r in requests}, instance, service, drafts, links)
    off = set(disabled)
    units = [u for u in maker.units() if not off.intersection({u.recommendation.key, *u.recommendation.statements})]
    cards = [maker.card(together[0]) if len(together) == 1 else maker.gathered(together) for together in _together(units)]
    ranks = {"critical": 0, "warning": 1, "info": 2}
    cards.sort(key=lambda card: ranks[card.body["indicator"]])
    told = [r for r in outcome.recommendations if not off.intersection({r.key, *r.statements})]
    tail = [
        c
        for c in (maker.unobtained(missing or {}), maker.failed(told), maker.withheld(told), maker.needed(told))
        if c is not None
    ]
    room = max(1, limit - len(tail))
    if len(cards) > room:
        tail.insert(0, maker.overflow(cards[room - 1 :]))
        cards = cards[: room - 1]
    return cards + tail


class _Unit(msgspec.Struct):
    """What becomes one card: a recommendation with the actions that offer something for it."""

    recommendation: Recommendation
    node: ActionNode
    offers: list[ActionNode]


def _together(units: Iterable[_Unit]) -> list[list[_Unit]]:
    """The units of one plan that are no warning and no choice of one stand on one card; every other unit has its own."""
    groups: dict[str, list[_Unit]] = {}
    for unit in units:
        alone = (
            INDICATORS.get(unit.recommendation.priority or "", "info") != "info"
            or unit.recommendation.direction == "against"
            or unit.node.definition.get("selectionBehavior") in ("at-most-one", "exactly-one")
        )
        groups.setdefault(unit.recommendation.key if alone else unit.recommendation.plan_id, []).append(unit)
    return list(groups.values())


class _Maker:
    def __init__(
        self,
        outcome: PatientOutcome,
        requests: Mapping[str, Json],
        instance: str,
        service: str,
        drafts: Sequence[str],
        links: Sequence[Json],
    ) -> None:
        self.outcome = outcome
        self.requests = requests
        self.instance = instance
        self.service = service
        self.drafts = set(drafts)
        self.links = list(links)
        self.versions = {p.id: p.version or "" for p in outcome.plans}
        self.urls = {p.id: p.url for p in outcome.plans}

    def units(self) -> Iterator[_Unit]:
        done: set[str] = set()
        for plan in self.outcome.tree.plans:
            for unit in self._of_plan(plan):
                if unit.recommendation.key not in done:
                    done.add(unit.recommendation.key)
                    done.update(unit.recommendation.also)
                    yield unit

    def _of_plan(self, plan: PlanNode) -> Iterator[_Unit]:
        for action in plan.shown:
            yield from self._of_action(action)

    def _of_action(self, action: ActionNode) -> Iterator[_Unit]:
        if action.nested is not None:
            yield from self._of_plan(action.nested)
        shown = [child for child in action.children if child.shown]
        offers = [child for child in shown if child.recommendation is not None and child.recommendation.requests]
        choice = action.definition.get("selectionBehavior") in ("any", "at-most-one", "exactly-one", "one-or-more")
        if choice and len(offers) > 1 and action.recommendation is not None and offers == shown:
            yield _Unit(action.recommendation, action, offers)
            return
        if action.recommendation is not None and action.recommendation.status == APPLIES:
            yield _Unit(action.recommendation, action, [action] if action.recommendation.requests else [])
        for child in shown:
            yield from self._of_action(child)

    def card(self, unit: _Unit) -> Card:
        r = unit.recommendation
        summary, whole = cut(r.title or r.action)
        body: Json = {
            "uuid": self._id(r, "card"),
            "summary": summary,
            "detail": self._detail(r, whole),
            "indicator": INDICATORS.get(r.priority or "", "info"),
            "source": self._source(r),
        }
        suggestions = [s for offer in unit.offers for s in self._suggestions(offer)]
        suggestions += self._withdrawals(r)
        if suggestions:
            behavior = unit.node.definition.get("selectionBehavior")
            body["suggestions"] = suggestions
            body["selectionBehavior"] = "at-most-one" if behavior in ("at-most-one", "exactly-one") else "any"
            if body["selectionBehavior"] == "at-most-one":
                for suggestion in [s for s in suggestions if s.get("isRecommended")][1:]:
                    del suggestion["isRecommended"]
        body["overrideReasons"] = [{"code": c, "system": OVERRIDE_SYSTEM, "display": d} for c, d in OVERRIDE_REASONS]
        links = self._links(r)
        if links:
            body["links"] = links
        return Card(body=body, plan=self.urls.get(r.plan_id, r.plan), version=self.versions.get(r.plan_id, ""), action=r.action)

    def gathered(self, units: Sequence[_Unit]) -> Card:
        """One card for several recommendations of one plan: each with its reasons, each with its suggestion."""
        first = units[0].recommendation
        title = next((p.title for p in self.outcome.plans if p.id == first.plan_id), first.plan_id)
        summary, whole = cut(f"{title}: {len(units)} recommendations")
        parts = [f"**{escaped(whole)}**"] if whole else []
        for unit in units:
            parts.append(f"**{escaped(unit.recommendation.title or unit.recommendation.action)}**")
            parts += self._said(unit.recommendation)
        body: Json = {
            "uuid": self._uuid(f"{first.plan_id}|{self.versions.get(first.plan_id, '')}|plan"),
            "summary": summary,
            "detail": self._signed(parts),
            "indicator": "info",
            "source": self._source(first),
        }
        suggestions = [s for unit in units for offer in unit.offers for s in self._suggestions(offer)]
        if suggestions:
            body["suggestions"] = suggestions
            body["selectionBehavior"] = "any"
        body["overrideReasons"] = [{"code": c, "system": OVERRIDE_SYSTEM, "display": d} for c, d in OVERRIDE_REASONS]
        links = {str(link["url"]): link for unit in units for link in self._links(unit.recommendation)}
        if links:
            body["links"] = list(links.values())
        actions = ",".join(unit.recommendation.action for unit in units)
        return Card(
            body=body,
            plan=self.urls.get(first.plan_id, first.plan),
            version=self.versions.get(first.plan_id, ""),
            action=actions if len(actions) <= 128 else first.plan_id,
        )

    def _suggestions(self, offer: ActionNode) -> Iterator[Json]:
        r = offer.recommendation
        assert r is not None
        actions = []
        for reference in r.requests:
            resource = self.requests.get(reference)
            if resource is None:
                continue
            kind = _action_type(offer.definition)
            action: Json = {"type": kind, "description": cut(r.title or r.action)[0]}
            if kind == "delete":
                action["resourceId"] = reference
            else:
                action["resource"] = resource
            actions.append(action)
        if actions:
            suggestion: Json = {"label": cut(r.title or r.action)[0], "uuid": self._id(r, "suggestion"), "actions": actions}
            if offer.definition.get("precheckBehavior") == "yes":
                suggestion["isRecommended"] = True
            yield suggestion

    def _withdrawals(self, r: Recommendation) -> Iterator[Json]:
        """Advice against an order that is being written offers to take that order back; never more than an offer.

        Advice that rests on several drafts does not say which of them is meant: then nothing is offered, because the wrong
        order could go.
        """
        if r.direction != "against":
            return
        drafts = {e.resource for e in r.evidence if e.resource in self.drafts}
        for reference in drafts if len(drafts) == 1 else ():
            description = f"Take back the draft order {reference}"
            action = {"type": "delete", "description": cut(description)[0], "resourceId": reference}
            yield {"label": "Take back this draft order", "uuid": self._id(r, reference or ""), "actions": [action]}

    def _detail(self, r: Recommendation, whole: str) -> str:
        return self._signed(([f"**{escaped(whole)}**"] if whole else []) + self._said(r))

    def _said(self, r: Recommendation) -> list[str]:
        """What, why, remarks, conflicts, what was left out, and the source of one recommendation."""
        parts = [escaped(r.description)] if r.description else []
        why = [f"- {_evidence(e)}" for e in r.evidence]
        if why:
            parts.append("**Why:**\n" + "\n".join(why))
        if r.notes:
            parts.append("**Note:**\n" + "\n".join(f"- {escaped(note)}" for note in r.notes))
        clash = [c.text for c in self.outcome.conflicts if r.key in c.recommendations]
        if clash:
            parts.append("**Conflicts with other advice:**\n" + "\n".join(f"- {escaped(text)}" for text in clash))
        if r.excluded:
            parts.append("**Left out:**\n" + "\n".join(f"- {escaped(e.resource)}: {escaped(e.reason)}" for e in r.excluded))
        basis = [escaped(s.label) for s in r.source]
        strength = [escaped(text) for text in (r.strength, r.quality) if text]
        if basis or strength:
            parts.append("Source: " + "; ".join(basis + strength))
        return parts

    def _signed(self, parts: list[str]) -> str:
        guideline = self.outcome.guideline
        about = f"{escaped(guideline.get('title') or guideline['id'])} {escaped(guideline.get('version') or '')}".strip()
        marked = [f"*{escaped(text)}*" for text in (self.outcome.draft, *self.outcome.disclaimer) if text and text.strip()]
        return "\n\n".join([*(part for part in parts if part.strip()), *marked, about])

    def _source(self, r: Recommendation | None) -> Json:
        found = r.source[0] if r is not None and r.source else None
        label = found.label if found is not None else str(self.outcome.guideline.get("title") or self.outcome.guideline["id"])
        source: Json = {"label": label}
        url = found.url if found is not None else self.outcome.guideline.get("url")
        if isinstance(url, str) and url.startswith(("https://", "http://")):
            source["url"] = url
        return source

    def _links(self, r: Recommendation) -> list[Json]:
        links = [
            {"label": s.label, "url": s.url, "type": "absolute"}
            for s in r.source
            if (s.url or "").startswith(("https://", "http://"))
        ]
        found: dict[str, Json] = {}
        for link in [*links, *self.links]:
            found.setdefault(str(link["url"]), link)
        return list(found.values())

    def _id(self, r: Recommendation, what: str) -> str:
        return self._uuid(f"{r.plan_id}|{self.versions.get(r.plan_id, '')}#{r.action}|{what}")

    def _uuid(self, what: str) -> str:
        return str(uuid.uuid5(NAMESPACE, f"{self.instance}|{self.service}|{what}"))

    def _gathered(self, name: str, summary: str, lines: list[str], intro: str, indicator: str = "info") -> Card:
        short, whole = cut(summary)
        parts = [p for p in (escaped(whole), intro) if p] + ["\n".join(lines)]
        body = {
            "uuid": self._uuid(name), "summary": short, "detail": self._signed(parts), "indicator": indicator,
            "source": self._source(None),
            "overrideReasons": [{"code": c, "system": OVERRIDE_SYSTEM, "display": d} for c, d in OVERRIDE_REASONS],
        }  # fmt: skip
        first = self.outcome.plans[0] if self.outcome.plans else None
        return Card(body=body, plan=first.url if first else "", version=(first.version or "") if first else "", action=name)

    def needed(self, told: Sequence[Recommendation]) -> Card | None:
        """One information card for everything that cannot be known yet, by the datum that is missing."""
        waiting: dict[str, list[str]] = {}
        ways: dict[str, list[str]] = {}
        for r in told:
            if r.status != UNKNOWN:
                continue
            for missing in r.missing:
                name = missing.display
                waiting.setdefault(name, []).append(r.title or r.action)
                ways.setdefault(name, [*missing.because, *(s.text for s in missing.supply)])
            if not r.missing:
                waiting.setdefault("not named by the guideline", []).append(r.title or r.action)
        if not waiting:
            return None
        lines = []
        for name, titles in waiting.items():
            how = "; ".join(dict.fromkeys(escaped(way) for way in ways.get(name, ())))
            lines.append(
                f"- **{escaped(name)}**{': ' + how if how else ''}\n  - decides: "
                + "; ".join(dict.fromkeys(map(escaped, titles)))
            )
        count = len(waiting)
        summary = f"{count} {'datum' if count == 1 else 'data'} needed before more can be said: {', '.join(waiting)}"
        return self._gathered("data-needed", summary, lines, "These recommendations cannot be known yet.")

    def withheld(self, told: Sequence[Recommendation]) -> Card | None:
        """One information card for what would have been suggested and was withheld, each with its reason."""
        found = [r for r in told if r.status == SUPPRESSED]
        if not found:
            return None
        lines = [f"- **{escaped(r.title or r.action)}**: {escaped(r.reason)}" for r in found]
        return self._gathered(
            "withheld", f"{len(found)} withheld, with the reason", lines, "Would have been suggested; withheld because:"
        )

    def failed(self, told: Sequence[Recommendation]) -> Card | None:
        """One warning card for recommendations that could not be judged because of an error."""
        found = [r for r in told if r.status == ERROR]
        if not found:
            return None
        lines = [f"- **{escaped(r.title or r.action)}**: {escaped(r.reason)}" for r in found]
        intro = "Judge these without decision support."
        return self._gathered("failed", f"{len(found)} recommendations could not be evaluated", lines, intro, "warning")

    def unobtained(self, missing: Mapping[str, str]) -> Card | None:
        """One warning card for data that could not be obtained and that the advice was made without."""
        if not missing:
            return None
        lines = [f"- **{escaped(key)}**: {escaped(why)}" for key, why in sorted(missing.items())]
        intro = "The advice was made without this data. What is said not to be on record may well be."
        return self._gathered("unobtained", f"{len(missing)} parts of the record could not be obtained", lines, intro, "warning")

    def overflow(self, cards: Sequence[Card]) -> Card:
        """The cards beyond the limit, as one list."""
        lines = [f"- {escaped(card.body['summary'])}" for card in cards]
        return self._gathered(
            "more", f"{len(cards)} more recommendations apply", lines, "Open the whole list with the guideline's application."
        )


def _action_type(definition: Json) -> str:
    for coding in (definition.get("type") or {}).get("coding") or ():
        if coding.get("code") in ("create", "update"):
            return str(coding["code"])
        if coding.get("code") in ("remove", "delete"):
            return "delete"
    return "create"


def _evidence(e: Evidence) -> str:
    """One line: what, its value and unit, its date, and where it is on record."""
    value = "" if e.value is None else f" {e.value}" + (f" {e.unit}" if e.unit else "")
    if e.absent:
        return escaped(f"{e.display}: none on record")
    rest = ", ".join(part for part in (e.date, e.resource) if part)
    return escaped(f"{e.display}{value}" + (f" ({rest})" if rest else ""))
