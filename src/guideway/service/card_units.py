"""What gets one section of a card: a recommendation, or a group and what it offers (``cards.py`` puts them together)."""

from __future__ import annotations

import msgspec

from guideway.apply.actions import ActionNode
from guideway.apply.outcome import Recommendation

INDICATORS = {"routine": "info", "urgent": "warning", "asap": "warning", "stat": "critical"}
RANKS = ("critical", "warning", "info")


class Unit(msgspec.Struct, kw_only=True):
    """What gets one section: a recommendation, or a group and what it offers."""

    title: str
    plan_id: str
    name: str
    """The action's id."""
    own: Recommendation | None
    offers: list[ActionNode]
    choice: bool = False
    also: list[Unit] = []
    """Others that propose the same."""

    @property
    def recommendations(self) -> list[Recommendation]:
        """Everything that it stands for, its own first."""
        found = [self.own] if self.own is not None else []
        found += [o.recommendation for o in self.offers if o.recommendation is not None]
        found += [r for unit in self.also for r in unit.recommendations]
        return list({r.key: r for r in found}.values())

    @property
    def requests(self) -> frozenset[str]:
        """References of what it offers."""
        return frozenset(ref for o in self.offers if o.recommendation is not None for ref in o.recommendation.requests)

    @property
    def indicator(self) -> str:
        """That of its most urgent recommendation."""
        return min((indicator_of(r) for r in self.recommendations), key=RANKS.index, default="info")

    @property
    def safety(self) -> bool:
        """Whether it is urgent, or advises against something."""
        return self.indicator != "info" or any(r.direction == "against" for r in self.recommendations)


def indicator_of(r: Recommendation) -> str:
    """A card's indicator for a priority of FHIR."""
    return INDICATORS.get(r.priority or "", "info")
