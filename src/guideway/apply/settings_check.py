"""Whether a what-if setting can be, and whether it came true.

``checked(setting, when)`` raises ``GuidewayError`` for a value that is not of the element's type, a unit that cannot be converted
to the element's, and a date that is none or lies ahead. ``holds(…)`` evaluates the element on the changed record and says whether
it has the value that was set.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from guideway.apply.fhir_json import as_text
from guideway.apply.moment import Moment
from guideway.apply.parameters import read_text
from guideway.diagnostics import GuidewayError
from guideway.engine.values import Date, DateTime, Quantity
from guideway.fhir.element import FhirObject, FhirPrimitive
from guideway.guideline.compiled import CompiledGuideline, DefineKey, Element

Json = dict[str, Any]

_CHECKED = frozenset(
    {"Quantity", "Integer", "Decimal", "Date", "DateTime", "positiveInt", "integer", "decimal", "date", "dateTime"}
)
"""Types whose values must be readable before anything is changed."""


def read(element: Element, text: str) -> Any:
    """The text as a value of the element's type; a number without a unit has the element's."""
    kind, name = element.type or "String", f"--set {element.id}"
    value = read_text(text, kind, name)
    found = amount(value)
    if found is not None and found[1] == "1" and element.unit and not text.rstrip().endswith("'1'"):
        return read_text(f"{found[0]} '{element.unit}'", kind, name)
    return value


def in_own_unit(element: Element, text: str) -> Any:
    """The text as a value of the element's type, in the unit that the element has."""
    value = read(element, text)
    found = amount(value)
    if found is None or not element.unit or found[1] == element.unit:
        return value
    from guideway.ucum.conversion import convert

    there = convert(found[0], found[1], element.unit)
    kind, name = element.type or "String", f"--set {element.id}"
    return value if there is None else read_text(f"{there.normalize():f} '{element.unit}'", kind, name)


def checked(element: Element, text: str | None, date: str | None, when: Moment) -> None:
    """Raise ``GuidewayError`` where the value, its unit or its date cannot be."""
    if date is not None:
        try:
            DateTime.parse(date) if "T" in date else Date.parse(date)
        except ValueError:
            raise GuidewayError(f"--set {element.id}: {date!r} is no date; write, for example, @{when.text[:10]}") from None
        if date[:10] > when.text[: len(date[:10])]:
            raise GuidewayError(f"--set {element.id}: {date} lies after the evaluation time ({when.text[:10]}); see --as-of")
    if text is None or element.short_type not in _CHECKED:
        return
    bare = text.lstrip("<>= ")
    value = amount(read(element, bare))
    if element.unit and element.unit != "1" and element.short_type == "Quantity" and value is not None:
        from guideway.ucum.conversion import commensurable

        if not commensurable(value[1], element.unit):
            raise GuidewayError(
                f"--set {element.id}: the unit {value[1]!r} cannot be converted to {element.unit!r}; "
                f"write, for example, {element.id}='{value[0]} {element.unit}'"
            )


def number_of(element: Element, text: str) -> Decimal | None:
    """The number that a text says, in the element's own unit; None where it says none, which ``checked`` tells."""
    try:
        value = in_own_unit(element, text.lstrip("<>= "))
    except GuidewayError:
        return None
    found = amount(value)
    if found is not None:
        return found[0] if not element.unit or found[1] == element.unit else None
    if isinstance(value, FhirPrimitive):
        value = value.value
    return Decimal(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else None


def amount(value: Any) -> tuple[Decimal, str] | None:
    """A quantity as a number and a unit; None for anything else."""
    if isinstance(value, Quantity):
        return value.value, value.unit
    if isinstance(value, FhirObject) and value.data.get("value") is not None:
        return Decimal(value.data["value"]), str(value.data.get("code") or value.data.get("unit") or "1")
    return None


def holds(
    element: Element,
    text: str | None,
    record: Any,
    overrides: Mapping[DefineKey, Any],
    guideline: CompiledGuideline,
    when: Moment,
) -> bool:
    """Whether the element has that value now (None: none); true as well where the text cannot be compared (a code, a
    comparator)."""
    under = getattr(record, "under", None)
    seen = under(guideline.manifest.hygiene, when.text, when.offset) if under is not None else record
    evaluation = guideline.program.evaluation(
        seen, now=when.now, timezone=when.offset, parameters={}, terminology=guideline.terminology
    )
    evaluation.override(overrides)
    try:
        found = evaluation.define(element.library, element.define)
        wanted = None if text is None else read(element, text)
    except GuidewayError:
        return True  # it says what is wrong when it is applied; a code or another answer is not of the element's type
    if text is None:
        return found is None or found is False or found == [] or found == 0
    return _same(found, wanted)


def _same(found: Any, wanted: Any) -> bool:
    left, right = amount(found), amount(wanted)
    if left is not None and right is not None:
        from guideway.ucum.conversion import convert

        there = convert(right[0], right[1], left[1])
        return there is not None and abs(there - left[0]) <= abs(left[0]) * Decimal("0.000001")
    if isinstance(found, FhirPrimitive):
        found = found.value
    if isinstance(wanted, FhirPrimitive):
        wanted = wanted.value
    if isinstance(found, list) and isinstance(wanted, list):
        return {as_text(v) for v in wanted} == {as_text(v) for v in found}  # no other beside what was set
    return found is not None and as_text(found) == as_text(wanted)
