"""Outcome → CDS Hooks cards (CDS Hooks 2.0; FHIR's mapping of PlanDefinition to cards, with rules that keep every card valid).

What belongs together is on one card, because nobody reads twenty. A service shows at most

- one card for safety: what is urgent or advised against, what could not be evaluated, and data that could not be obtained;
- one card for each choice of one among several (a card of CDS Hooks has one selection behaviour);
- one card with everything else that applies, each with its own section and its own suggestion, and what was withheld, with the
  reason. While an order is written this is one with the first: it is one interruption.

Which data would settle what cannot be known yet stands on the last of them, or, where nothing else can be said, on a card of its
own: silence would be read as "all clear". For the same reason what was wrong with the data stands on the first card, or on one of
its own.

Duplicates that ``apply`` has folded are one section and one suggestion. A plan that another service of the same site shows is
left to that one (``elsewhere``). For feedback every card and suggestion has a stable id, and each recommendation on a card names
its own (``Card.shown``, and the same in the card's ``extension``).
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from guideway.apply.actions import ActionNode, PlanNode
from guideway.apply.outcome import APPLIES, ERROR, SUPPRESSED, UNKNOWN, PatientOutcome, PlanSummary, Recommendation
from guideway.service.card_text import (
    bullets,
    counted,
    cut,
    escaped,
    evidence_line,
    gathered,
    needed_lines,
    needed_with_reasons,
    said,
    signed,
    source_line,
    titles,
)
from guideway.service.card_units import RANKS, Unit, indicator_of
from guideway.service.data_notes import DataNotes
from guideway.service.override_reasons import OVERRIDE_REASONS, OVERRIDE_SYSTEM
from guideway.service.suggestions import DraftOrder, Offers, Shown

Json = dict[str, Any]

NO_NOTES = DataNotes()
NAMESPACE = uuid.UUID("6f0d4d0e-6a0a-5b7e-9d3a-2f3f5a3c9f10")
EXTENSION = "org.example.guideway.recommendations"
"""In a card's ``extension``: the recommendations on it, each with its plan, action, status and suggestions."""


class Card(msgspec.Struct, kw_only=True):
    """One card, and what feedback about it belongs to."""

    body: Json
    plan: str
    version: str
    action: str
    shown: list[Shown] = []
    parts: list[str] = []
    """The paragraphs of its detail."""

    @property
    def uuid(self) -> str:
        """The card's id."""
        return str(self.body["uuid"])


def cards_of(
    outcome: PatientOutcome,
    requests: Iterable[Json],
    *,
    instance: str,
    service: str,
    drafts: Mapping[str, str | DraftOrder] | Sequence[str] = (),
    limit: int = 20,
    links: Sequence[Json] = (),
    disabled: Collection[str] = (),
    missing: Mapping[str, str] | None = None,
    elsewhere: Collection[str] = (),
    asked: Collection[str] = (),
    always_ask: bool = False,
    may_ask: bool = True,
    notes: DataNotes = NO_NOTES,
    reasons: bool = True,
) -> list[Card]:
    """The cards of one outcome, most urgent first.

    ``requests``: what ``apply`` proposes (``care_plan.requests``). ``instance``: what makes ids this request's own, and the
    same for a retry: the hookInstance, the caller and the patient. ``drafts``: references of draft orders, perhaps with their
    words (and codes); advice against one may suggest to take it back.
    ``disabled``: ids (``plan#action``, or a statement) switched off at this site. ``missing``: data that could not be obtained,
    with the reason. ``elsewhere``: plans (``url|version``) that another service shows; of these ``asked``: those whose
    service says in any case which data they need. ``always_ask``: a card that only asks for data is made even where the visit has
    other cards; ``may_ask``: whether one is made at all. ``notes``: what is wrong with the data (``data_notes``). ``reasons``:
    whether the outcome is explained. Over ``limit`` cards, the least urgent choices are listed on the last card, without
    suggestions; where only one may be shown it holds all.
    """
    proposed = {f"{r['resourceType']}/{r['id']}": r for r in requests}
    given = drafts if isinstance(drafts, Mapping) else dict.fromkeys(drafts, "")
    named = {reference: DraftOrder(each) if isinstance(each, str) else each for reference, each in given.items()}
    maker = _Maker(outcome, proposed, instance, service, named, links, disabled, elsewhere, asked)
    units = maker.units()
    choices = [u for u in units if u.choice]
    choices.sort(key=lambda u: RANKS.index(u.indicator))
    room = max(0, limit - 2)
    cards = [maker.choice(unit) for unit in choices[:room]]
    others = [u for u in units if not u.choice]
    untold = maker.by_status(ERROR) + maker.by_status(SUPPRESSED)
    pressing = [r for r in untold if r.status == ERROR or indicator_of(r) != "info"]
    if limit < 2 or (outcome.hook is not None and outcome.hook.startswith("order-")):
        parted = [maker.gathered("all", others, choices[room:], untold, missing or {})]
    else:
        safety = maker.gathered("safety", [u for u in others if u.safety], [], pressing, missing or {})
        calm = [r for r in untold if r not in pressing]
        parted = [safety, maker.gathered("rest", [u for u in others if not u.safety], choices[room:], calm, {})]
    made = [card for card in (parted[0], *cards, *parted[1:]) if card is not None]
    if not reasons:
        made = maker.unexplained(made)
    elif not made and (may_ask or always_ask) and (asking := maker.asking(always_ask)) is not None:
        made = [asking]
    elif made:
        maker.ask_on(made[-1])
    if notes.lines:
        made = maker.noted(made, notes)
    for card in made:
        maker.sign(card)
    return sorted(made, key=lambda card: RANKS.index(card.body["indicator"]))


def to_explain(
    outcome: PatientOutcome, *, disabled: Collection[str] = (), elsewhere: Collection[str] = (), asked: Collection[str] = ()
) -> dict[str, str]:
    """What the cards will say of an outcome whose statuses are known, by the keys of recommendations: ``"evidence"``, or
    ``"missing"`` where only the missing data is told. The rest need not be explained. The arguments are those of ``cards_of``.
    """
    off = frozenset(disabled)
    told = [r for r in outcome.recommendations if r.plan not in elsewhere and not off.intersection((r.key, *r.statements))]
    says_something = any(r.status in (APPLIES, SUPPRESSED, ERROR) for r in told)
    found = {r.key: "evidence" for r in told if r.status == APPLIES}
    ordering = (outcome.hook or "").startswith("order-")
    found |= {r.key: "evidence" if ordering and not says_something else "missing" for r in told if r.status == UNKNOWN}
    if not says_something:  # a card that only asks for data looks at what others ask for
        others = [r for r in outcome.recommendations if r.plan in asked and r.status == UNKNOWN]
        found |= {r.key: "missing" for r in others if not off.intersection((r.key, *r.statements))}
    return found


def to_give_reasons(outcome: PatientOutcome, *, disabled: Collection[str] = (), elsewhere: Collection[str] = ()) -> set[str]:
    """Of which missing data the cards may say why data that is there does not help. The arguments are those of ``cards_of``."""
    off = frozenset(disabled)
    open_ = [r for r in outcome.recommendations if r.status == UNKNOWN and r.plan not in elsewhere]
    return needed_with_reasons(*_pressing_first(r for r in open_ if not off.intersection((r.key, *r.statements))))


class _Maker:
    def __init__(
        self,
        outcome: PatientOutcome,
        requests: Mapping[str, Json],
        instance: str,
        service: str,
        drafts: Mapping[str, DraftOrder],
        links: Sequence[Json],
        disabled: Collection[str],
        elsewhere: Collection[str],
        asked: Collection[str],
    ) -> None:
        self.outcome = outcome
        self.drafts = drafts
        self.links = list(links)
        self.off = frozenset(disabled)
        self.elsewhere = frozenset(elsewhere)
        self.asked = frozenset(asked)
        self.plans = {p.id: p for p in outcome.plans}
        versions = ",".join(f"{p.id}|{p.version or ''}" for p in outcome.plans if p.chosen)
        self._uuid = partial(_stable_id, f"{instance}|{service}|{versions}")
        self._url = partial(_plan_url, self.plans)  # no methods: the offers would hold the maker that holds them
        self.offers = Offers(requests, self.plans, drafts, self._uuid, self._url)

    # what is shown

    def tells(self, r: Recommendation) -> bool:
        """Whether this service says something of the recommendation."""
        return r.plan not in self.elsewhere and not self._is_off(r)

    def _is_off(self, r: Recommendation) -> bool:
        return bool(self.off.intersection((r.key, *r.statements)))

    def by_status(self, status: str) -> list[Recommendation]:
        """What the service tells that has this status."""
        return [r for r in self.outcome.recommendations if r.status == status and self.tells(r)]

    def units(self) -> list[Unit]:
        """What applies, first things first, each once; what proposes the same is one."""
        found: dict[tuple[str, str], Unit] = {}
        for plan in self.outcome.tree.plans:
            for unit in self._of_plan(plan):
                found.setdefault((unit.plan_id, unit.name), unit)
        place = {key: number for number, key in enumerate(self.outcome.order)}
        units = sorted(found.values(), key=lambda u: min((place.get(r.key, len(place)) for r in u.recommendations), default=0))
        leaders: list[Unit] = []
        by_requests: dict[tuple[bool, frozenset[str]], Unit] = {}
        for unit in units:
            leader = by_requests.get((unit.choice, unit.requests)) if unit.requests else None
            if leader is not None:
                leader.also.append(unit)
                continue
            leaders.append(unit)
            if unit.requests:
                by_requests[unit.choice, unit.requests] = unit
        return leaders

    def _of_plan(self, plan: PlanNode) -> Iterator[Unit]:
        if plan.artifact.canonical in self.elsewhere:
            return
        for action in plan.shown:
            yield from self._of_action(action, plan)

    def _of_action(self, action: ActionNode, plan: PlanNode) -> Iterator[Unit]:
        if action.nested is not None:
            yield from self._of_plan(action.nested)
        own = action.recommendation if action.recommendation is not None and action.recommendation.status == APPLIES else None
        if own is not None and not self.tells(own):
            return
        shown = [child for child in action.children if child.shown]
        offers = [child for child in shown if not child.children and self._offers(child)]
        choice = action.definition.get("selectionBehavior") in ("at-most-one", "exactly-one") and len(offers) > 1
        if own is None and not choice:
            offers = []
        if own is not None or choice:
            title = str((own.title if own is not None else action.definition.get("title")) or action.id)
            mine = [action] if own is not None and own.requests and not choice else []
            yield Unit(
                title=title, plan_id=plan.artifact.id, name=action.id, own=own, offers=[*mine, *offers], choice=choice, also=[]
            )
        for child in shown:
            if not any(child is offer for offer in offers):
                yield from self._of_action(child, plan)

    def _offers(self, child: ActionNode) -> bool:
        r = child.recommendation
        return r is not None and bool(r.requests) and r.status == APPLIES and self.tells(r)

    # cards

    def choice(self, unit: Unit) -> Card:
        """The card of one choice."""
        shown = self._shown_of([unit])
        summary, _ = cut(unit.title)
        parts = self._section(unit, titled=summary != unit.title)
        suggestions = self.offers.of([unit], shown)
        return self._card(f"{unit.plan_id}#{unit.name}", [unit], summary, parts, suggestions, shown, one_of=True)

    def gathered(
        self,
        name: str,
        units: Sequence[Unit],
        listed: Sequence[Unit],
        untold: Sequence[Recommendation],
        missing: Mapping[str, str],
    ) -> Card | None:
        """One card for several units; none where there is nothing.

        ``listed``: choices without a card of their own. ``untold``: what was withheld and what could not be evaluated.
        ``missing``: data that could not be obtained.
        """
        if not units and not listed and not untold and not missing:
            return None
        withheld = [r for r in untold if r.status == SUPPRESSED]
        failed = [r for r in untold if r.status == ERROR]
        pressing = [r for r in withheld if indicator_of(r) != "info"]
        urgent = [u for u in units if u.indicator != "info"]
        against = [u for u in units if u.indicator == "info" and u.safety]
        calm = len(units) - len(urgent) - len(against) + len(listed)
        counts = [
            f"{len(urgent)} urgent" if urgent else "",
            f"{len(against)} advised against" if against else "",
            f"{len(pressing)} urgent withheld" if pressing else "",
            counted(len(failed), "recommendation", "recommendations") + " could not be evaluated" if failed else "",
            counted(len(missing), "part", "parts") + " of the record could not be obtained" if missing else "",
            counted(calm, "recommendation", "recommendations") if calm else "",
            f"{len(withheld) - len(pressing)} withheld" if len(withheld) > len(pressing) else "",
        ]
        units = [*urgent, *against, *(u for u in units if not u.safety)]
        summary = self._summary(
            counts, [u.title for u in (*units, *listed)] or [r.title or r.action for r in (*failed, *withheld)]
        )
        parts: list[str] = []
        if missing:
            parts.append("The advice was made without this data. What is said not to be on record may well be.")
            parts += bullets("Not obtained:", [f"**{escaped(key)}**: {escaped(why)}" for key, why in sorted(missing.items())])
        lines = [f"**{escaped(r.title or r.action)}**: {escaped(r.reason)}" for r in failed]
        parts += bullets("Judge these without decision support; they could not be evaluated:", lines)
        parts += self._sections(units, summary)
        for unit in listed:
            offered = [o.recommendation.title or o.id for o in unit.offers if o.recommendation is not None]
            parts += [f"**{escaped(unit.title)}**", f"One of: {escaped('; '.join(offered))}", *source_line(unit.recommendations)]
        parts += self._withheld(withheld)
        shown = self._shown_of([*units, *listed]) + [self._shown(r) for r in untold]
        suggestions = self.offers.to_take_back(units, shown) + self.offers.of(units, shown)
        worst = "warning" if pressing or failed or missing else "info"
        return self._card(name, units, summary, parts, suggestions, shown, at_least=worst)

    def asking(self, always: bool) -> Card | None:
        """The card that only asks for data; none where that is not worth another card at this visit.

        It is worth one where the guideline has nothing else to say at this visit, where something urgent waits, and where a
        recommendation lacks only the certainty that nothing speaks against it. Otherwise the card of another service says what
        applies already, or asks for the same. While an order is written only what rests on that order is asked for.
        """
        waiting = self.by_status(UNKNOWN)
        others = [r for r in self.outcome.recommendations if not self._is_off(r)]
        told = any(r.plan in self.elsewhere and r.status == APPLIES for r in others)
        asked = {m.element for r in others if r.plan in self.asked and r.status == UNKNOWN for m in r.missing}

        ordering = bool(self.drafts) and (self.outcome.hook or "").startswith("order-")

        def needless(r: Recommendation) -> bool:
            if ordering and not any(e.resource in self.drafts for e in r.evidence):
                return True
            known = [m.element in asked for m in r.missing]
            return (bool(known) and all(known)) if _presses(r) else told or any(known)

        if not waiting or (not always and all(map(needless, waiting))):
            return None
        names = dict.fromkeys(m.display for r in sorted(waiting, key=lambda r: not _presses(r)) for m in r.missing)
        summary = self._summary([counted(len(names), "data item needed", "data items needed")], list(names))
        card = self._card("waiting", [], summary, [], [], [])
        self.ask_on(card)
        return card

    def unexplained(self, made: list[Card]) -> list[Card]:
        """The cards of an outcome that could not be explained in time: each says so, because any may be the one that is read."""
        waiting = self.by_status(UNKNOWN)
        if not made and waiting:
            open_ = counted(len(waiting), "recommendation", "recommendations")
            made = [self._card("waiting", [], f"{open_} cannot be known yet", [], [], [])]
        for card in made:
            card.parts.append("**The reasons, and the data that is still needed, could not be worked out in time.**")
        if made:
            made[-1].shown += [self._shown(r) for r in waiting]
        return made

    def ask_on(self, card: Card) -> None:
        """Say on a card which data would settle what cannot be known yet."""
        waiting = self.by_status(UNKNOWN)
        if waiting:
            title = f"Cannot be known yet ({counted(len(waiting), 'recommendation', 'recommendations')}). Needed:"
            card.parts += bullets(title, needed_lines(*_pressing_first(waiting)))
            card.shown += [self._shown(r) for r in waiting]

    def noted(self, made: list[Card], notes: DataNotes) -> list[Card]:
        """The cards with what is wrong with the data, as far as they do not say it; a card of its own where there is no other."""
        said_already = {line.removeprefix("- ") for card in made for part in card.parts for line in part.splitlines()}
        lines = [line for line in map(escaped, notes.lines) if line not in said_already]
        if not lines:
            return made
        what = bullets("Of this patient's record, not used as it stands; it may change the advice:", lines)
        if made:
            made[0].parts += what
            return made
        summary = self._summary([counted(len(lines), "fault", "faults") + " in the data"], notes.lines[:1])
        parts = ["Nothing applies by the data that could be used.", *what]
        return [self._card("data", [], summary, parts, [], [], at_least=notes.indicator)]

    def sign(self, card: Card) -> None:
        """Put the words together, and name the recommendations."""
        card.body["detail"] = signed(self.outcome, card.parts)
        if card.shown:
            card.body["extension"] = {EXTENSION: [_pruned(msgspec.to_builtins(each)) for each in card.shown]}

    def _card(
        self,
        name: str,
        units: Sequence[Unit],
        summary: str,
        parts: Sequence[str],
        suggestions: list[Json],
        shown: list[Shown],
        *,
        at_least: str = "info",
        one_of: bool = False,
    ) -> Card:
        said_of = list({r.key: r for unit in units for r in unit.recommendations}.values())
        body: Json = {
            "uuid": self._uuid(name),
            "summary": summary,
            "detail": "",
            "indicator": min([at_least, *(u.indicator for u in units)], key=RANKS.index),
            "source": self._source(said_of, len(units)),
        }
        if suggestions:
            body["suggestions"] = suggestions
            body["selectionBehavior"] = "at-most-one" if one_of else "any"
            if one_of:
                for suggestion in [s for s in suggestions if s.get("isRecommended")][1:]:
                    del suggestion["isRecommended"]
        body["overrideReasons"] = [{"code": c, "system": OVERRIDE_SYSTEM, "display": d} for c, d in OVERRIDE_REASONS]
        links = self._links(said_of)
        if links:
            body["links"] = links
        plan, version, action = self._belongs(name, units)
        return Card(body=body, plan=plan, version=version, action=action[:128], shown=shown, parts=list(parts))

    def _belongs(self, name: str, units: Sequence[Unit]) -> tuple[str, str, str]:
        """The plan, its version and the action that a card is kept under: its own where it has one, else the chosen plan."""
        ids = list(dict.fromkeys(u.plan_id for u in units))
        chosen = self.plans.get(ids[0]) if len(ids) == 1 else next((p for p in self.outcome.plans if p.chosen), None)
        action = units[0].name if len(units) == 1 else name
        return (chosen.url, chosen.version or "", action) if chosen is not None else ("", "", action)

    # parts of cards

    def _summary(self, counts: Iterable[str], names: Sequence[str]) -> str:
        """One title alone where it says everything; otherwise how many of what, and the first titles."""
        told = [text for text in counts if text]
        if len(names) == 1 and len(told) == 1 and told[0] in ("1 urgent", "1 advised against", "1 recommendation"):
            return cut(names[0])[0]
        listed = "; ".join(dict.fromkeys(" ".join(name.split()) for name in names))
        return cut(", ".join(told) + (f": {listed}" if listed else ""))[0]

    def _sections(self, units: Sequence[Unit], summary: str) -> list[str]:
        """The sections of several units; reasons that all of them share come first, once."""
        lines = [{evidence_line(e) for r in unit.recommendations for e in r.evidence} for unit in units]
        shared: list[str] = []
        if len(units) > 1 and all(lines):
            common = set.intersection(*lines)
            shared = [line for line in dict.fromkeys(map(evidence_line, units[0].recommendations[0].evidence)) if line in common]
        parts = bullets("Why, for all of these:", gathered(shared))
        told = list(shared)
        for unit in units:
            parts += self._section(unit, titled=unit.title != summary, without=told)
            told += [escaped(finding.message) for r in unit.recommendations for finding in r.findings]  # to be checked once
        return parts

    def _section(self, unit: Unit, *, titled: bool = True, without: Sequence[str] = ()) -> list[str]:
        """What is said of one unit: its own recommendation, then what each of its offers adds, then those that ask the same."""
        seen = list(without)
        together = tuple(f"Also proposed by {r.plan_id}: {r.title}" for r in unit.recommendations)
        parts = [f"**{escaped(unit.title)}**"] if titled else []
        for number, r in enumerate(unit.recommendations):
            text = said(self.outcome, r, seen, together)
            seen += [line.removeprefix("- ") for part in text for line in part.splitlines()] + [
                evidence_line(e) for e in r.evidence
            ]
            title = r.title or r.action
            if (number or r is not unit.own) and title != unit.title:
                text = [f"*{escaped(title)}*", *text]
            parts += text
        return parts

    def _withheld(self, withheld: Sequence[Recommendation]) -> list[str]:
        """What was withheld, by the reason."""
        by_reason: dict[str, list[str]] = {}
        for r in withheld:
            reason = escaped(r.reason.removeprefix("Withheld: "))
            ends = dict.fromkeys(evidence_line(e) for e in r.evidence if e.said)
            by_reason.setdefault("; ".join([reason, *ends]), []).append(escaped(r.title or r.action))
        lines = [f"{titles(names, len(names))}: {reason}" for reason, names in by_reason.items()]
        return bullets("Withheld, with the reason:", lines)

    def _source(self, said_of: Sequence[Recommendation], sections: int) -> Json:
        """The source of the one recommendation that the card is about; of several, the chosen plan."""
        found = said_of[0].source[0] if sections == 1 and said_of and said_of[0].source else None
        label = found.label if found is not None else next((p.title for p in self.outcome.plans if p.chosen), "")
        label = label.strip() or str(self.outcome.guideline.get("title") or self.outcome.guideline["id"])
        source: Json = {"label": label}
        url = found.url if found is not None else self.outcome.guideline.get("url")
        if isinstance(url, str) and url.startswith(("https://", "http://")):
            source["url"] = url
        return source

    def _links(self, said_of: Iterable[Recommendation]) -> list[Json]:
        links = [
            {"label": s.label, "url": s.url, "type": "absolute"}
            for r in said_of
            for s in r.source
            if (s.url or "").startswith(("https://", "http://"))
        ]
        found: dict[str, Json] = {}
        for link in [*links, *self.links]:
            found.setdefault(str(link["url"]), link)
        return list(found.values())

    def _shown_of(self, units: Iterable[Unit]) -> list[Shown]:
        found = {r.key: r for unit in units for r in unit.recommendations}
        return [self._shown(r) for r in found.values()]

    def _shown(self, r: Recommendation) -> Shown:
        plan = self.plans.get(r.plan_id)
        return Shown(
            plan=self._url(r), version=(plan.version if plan else "") or "", action=r.action, status=r.status, suggestions=[]
        )


def _plan_url(plans: Mapping[str, PlanSummary], r: Recommendation) -> str:
    plan = plans.get(r.plan_id)
    return plan.url if plan is not None else r.plan


def _stable_id(whose: str, what: str) -> str:
    return str(uuid.uuid5(NAMESPACE, f"{whose}|{what}"))


def _presses(r: Recommendation) -> bool:
    """Whether an unknown recommendation is urgent, advises against something, or applies but for what may speak against it."""
    open_conditions = [m for m in r.missing if m.for_ == "applicability"]
    return indicator_of(r) != "info" or r.direction == "against" or not open_conditions


def _pressing_first(waiting: Iterable[Recommendation]) -> tuple[list[Recommendation], int]:
    """Unknown recommendations, those that press first, and how many these are."""
    ordered = sorted(waiting, key=lambda r: not _presses(r))
    return ordered, sum(map(_presses, ordered))


def _pruned(value: Json) -> Json:
    return {name: part for name, part in value.items() if part not in (None, "", [], {})}
