"""Is a resource certainly as FHIR says, with nothing out of the ordinary in it? Most are, and for them this is all that is asked.

Takes one resource as JSON; gives the literal references in it, or None where ``structure.check`` must look: something may be
wrong, or the resource holds what is rare (companions of primitives, modifier extensions, implicit rules, code systems by OID). A
resource that is plain has no fault, and nothing in it says that it must not be processed. FHIR R4 §2.6.2 (JSON), §2.24 (formats
of primitives).

Objects of a type come in a few shapes, a shape being the names of the elements in their order. What a shape has to say (is every
element known, is what is required there, is a choice made once) is found once; of each object then only the values are looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import cache
from typing import Any

from guideway.fhir.code_systems import OTHER_NAMES, WITH_DOT, is_respelled
from guideway.fhir.dates import is_usual
from guideway.fhir.modelinfo import builtin
from guideway.fhir.structure import CONCEPT, Check, concept_codes, has_code_of, kind_of_type, known_type

_RARE = frozenset(("implicitRules", "modifierExtension"))
_MOST_SHAPES = 500
"""So many shapes of a type are kept."""

_MOST_MET = 5000
_met: set[tuple[str, str, str | None]] = set()
"""System, code and display of codings that are plain."""

Test = Callable[[Any, list[str]], bool]
"""Whether a value is plain; its references are added to the list."""


def plain(resource: dict[str, Any]) -> list[str] | None:
    """The references in a resource of a known type, where it is certain that nothing is wrong with it; None where it is not."""
    references: list[str] = []
    return references if _type(resource["resourceType"]).test(resource, references) else None


class _Type:
    """How the objects of one type are looked at."""

    __slots__ = ("choices", "name", "required", "shapes", "types")

    def __init__(self, name: str) -> None:
        self.name = name
        self.types: dict[str, tuple[str, bool]] = {}
        """By property: the type of its values, and whether it is a list."""
        self.choices: dict[str, str] = {}
        """By property: the element, where it is a choice of several."""
        model = builtin("FHIR")
        names: dict[str, list[str]] = {}
        for json_name, found in model.json_elements(name).items():
            names.setdefault(found.element, []).append(json_name)
            if json_name == "contained" or (json_name not in _RARE and found.type != "FHIR.Resource"):
                self.types[json_name] = found.type, found.many
                if found.choice:
                    self.choices[json_name] = found.element
        self.required = [names[e.name] for e in model.elements(name).values() if e.required]
        self.shapes: dict[tuple[str, ...], tuple[Test, ...]] = {}

    def test(self, value: Any, references: list[str]) -> bool:
        """Whether an object of this type is plain."""
        if type(value) is not dict:
            return False
        shape = tuple(value)
        tests = self.shapes.get(shape)
        if tests is None:
            tests = self._tests(shape)
            if tests is None:
                return False
        for test, item in zip(tests, value.values()):  # noqa: SIM110 - most of the time is spent here
            if not test(item, references):
                return False
        return True

    def _tests(self, shape: tuple[str, ...]) -> tuple[Test, ...] | None:
        """The test of each element of a shape; None where something may be wrong with the shape itself."""
        if not shape or not all(name in self.types or name == "resourceType" for name in shape):
            return None
        chosen = [self.choices[name] for name in shape if name in self.choices]
        if len(chosen) != len(set(chosen)) or not all(any(name in shape for name in names) for names in self.required):
            return None
        tests = tuple(_anything if name == "resourceType" else self._test_of(name) for name in shape)
        if len(self.shapes) < _MOST_SHAPES:
            self.shapes[shape] = tests
        return tests

    def _test_of(self, name: str) -> Test:
        """The test of one element."""
        kind, many = self.types[name]
        codes = concept_codes(self.name, name) if kind == CONCEPT else None
        return _bound(codes) if codes is not None else _test(name, kind, many)


@cache
def _type(name: str) -> _Type:
    return _Type(name)


@cache
def _test(name: str, type_name: str, many: bool) -> Test:
    """The test of the values of a property of a type."""
    short, check, codes = kind_of_type(type_name)
    one: Test
    if check is None:
        one = _SPECIAL.get(short) or _type(short).test
    elif name == "system":
        one = _system
    elif name == "reference":
        one = _reference
    elif codes is not None:
        one = _among(codes)
    else:
        one = _TESTS.get(short) or _passes(check)
    return _each(one) if many else one


def _each(test: Test) -> Test:
    def each(value: Any, references: list[str]) -> bool:
        if type(value) is not list or not value:
            return False
        for item in value:  # noqa: SIM110 - most of the time is spent here
            if not test(item, references):
                return False
        return True

    return each


def _among(codes: frozenset[str]) -> Test:
    return lambda value, references: type(value) is str and value in codes


def _bound(codes: frozenset[str]) -> Test:
    """A CodeableConcept that has one of these codes."""
    return lambda value, references: _concept(value, references) and has_code_of(value, codes)


def _passes(check: Check) -> Test:
    return lambda value, references: check(value) is None


def _anything(value: Any, references: list[str]) -> bool:
    return True


def _text(value: Any, references: list[str]) -> bool:
    return type(value) is str and value != "" and value.isprintable()


def _word(value: Any, references: list[str]) -> bool:
    """A code or a URI."""
    return type(value) is str and value != "" and " " not in value and value.isprintable()


def _system(value: Any, references: list[str]) -> bool:
    return _word(value, references) and value not in OTHER_NAMES


def _contained(value: Any, references: list[str]) -> bool:
    """A resource in another: it needs an id. One that holds others in turn, which FHIR does not allow, is not plain."""
    return (
        type(value) is dict
        and known_type(kind := value.get("resourceType"))
        and "id" in value
        and "contained" not in value
        and _type(kind).test(value, references)
    )


def _coding(value: Any, references: list[str]) -> bool:
    """A Coding; those that have been met need no further look, and most have been."""
    if type(value) is not dict:
        return False
    system, code, display = value.get("system"), value.get("code"), value.get("display")
    if type(system) is str and type(code) is str and (type(display) is str or display is None):
        if len(value) == (2 if display is None else 3):
            if (system, code, display) in _met:
                return True
            sound = _is_coding(value, references)
            if sound and len(_met) < _MOST_MET:
                _met.add((system, code, display))
            return sound
    return _is_coding(value, references)


def _is_coding(value: Any, references: list[str]) -> bool:
    return _type("Coding").test(value, references) and (
        value.get("system") not in WITH_DOT or not is_respelled(value.get("code"))
    )


def _concept(value: Any, references: list[str]) -> bool:
    """A CodeableConcept; one with codings, and perhaps a text, need not be asked for its shape."""
    codings = value.get("coding") if type(value) is dict else None
    if type(codings) is list and codings and (len(value) == 1 or (len(value) == 2 and _text(value.get("text"), references))):
        for coding in codings:  # noqa: SIM110 - most of the time is spent here
            if not _coding(coding, references):
                return False
        return True
    return _type("CodeableConcept").test(value, references)


def _link(value: Any, references: list[str]) -> bool:
    """A Reference, most of which are that alone."""
    if type(value) is dict and len(value) == 1 and "reference" in value:
        return _reference(value["reference"], references)
    return _type("Reference").test(value, references)


def _reference(value: Any, references: list[str]) -> bool:
    if type(value) is not str or not value or not value.isprintable():
        return False
    references.append(value)
    return True


def _number(value: Any, references: list[str]) -> bool:
    if type(value) is Decimal:
        return -1000 < value.adjusted() < 28
    return type(value) is int and -1000000000 < value < 1000000000


def _date_time(value: Any, references: list[str]) -> bool:
    return type(value) is str and is_usual(value)


_SPECIAL: dict[str, Test] = {
    "Resource": _contained, "Coding": _coding, "CodeableConcept": _concept, "Reference": _link,
}  # fmt: skip
_TESTS: dict[str, Test] = {
    "string": _text, "markdown": _text, "code": _word, "uri": _word, "url": _word, "canonical": _word, "decimal": _number,
    "dateTime": _date_time,
}  # fmt: skip
