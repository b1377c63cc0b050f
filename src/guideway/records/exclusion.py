"""What was left out, and what was kept although doubtful: the resource, the rule, the reason in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from guideway.fhir.element import FhirObject
    from guideway.records.resources import Held


class Exclusion(msgspec.Struct, frozen=True):
    """A resource that does not count. ``rule`` is a stable id (``status-preliminary``, ``future-dated``); ``reason`` completes
    "left out: …"."""

    resource: str
    rule: str
    reason: str
    held: Any

    @property
    def data(self) -> FhirObject:
        """The resource itself, for showing its value and date."""
        held: Held = self.held
        return held.object

    def as_json(self) -> dict[str, str]:
        """For outcomes."""
        return {"resource": self.resource, "rule": self.rule, "reason": self.reason}


class Flag(msgspec.Struct, frozen=True):
    """A resource that counts but is doubtful. ``rule`` is a stable id (``unit-missing``, ``tie``); ``reason`` completes
    "doubtful: …"."""

    resource: str
    rule: str
    reason: str
    held: Any

    @property
    def data(self) -> FhirObject:
        """The resource itself."""
        held: Held = self.held
        return held.object

    def as_json(self) -> dict[str, str]:
        """For outcomes."""
        return {"resource": self.resource, "rule": self.rule, "reason": self.reason}
