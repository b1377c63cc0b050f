"""What is found out once for a guideline is seen by other threads only when it is whole: asked again in the midst of finding it
out, it gives the same."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from guideway.apply.supply import question_item
from guideway.apply.touched import types_of

KEY = ("Library", "Define")


class Asked:
    """A guideline that is asked the same by somebody else while it answers for the first time."""

    def __init__(self) -> None:
        self.memory: dict[Any, Any] = {}
        self.elements = {KEY: SimpleNamespace(value_set="http://example.org/set")}
        self.meanwhile: list[Any] = []

    def resolve(self, canonical: str, kind: str) -> Any:
        if not self.meanwhile:
            self.meanwhile.append(None)
            self.meanwhile[0] = question_item(f"{canonical}#inner", self)  # type: ignore[arg-type]
        return SimpleNamespace(resource={"item": [{"linkId": "outer", "item": [{"linkId": "inner", "text": "Asked"}]}]})

    @property
    def requirements(self) -> Any:
        if not self.meanwhile:
            self.meanwhile.append(None)
            self.meanwhile[0] = types_of(KEY, self)  # type: ignore[arg-type]
        return (SimpleNamespace(value_set="http://example.org/set", type="Observation"),)


def test_the_items_of_a_questionnaire() -> None:
    guideline = Asked()
    found = question_item("http://example.org/form#inner", guideline)  # type: ignore[arg-type]
    assert found == {"linkId": "inner", "text": "Asked"}
    assert guideline.meanwhile == [found]


def test_the_types_that_a_value_set_is_read_by() -> None:
    guideline = Asked()
    found = types_of(KEY, guideline)  # type: ignore[arg-type]
    assert found == {"Observation"}
    assert guideline.meanwhile == [found]
