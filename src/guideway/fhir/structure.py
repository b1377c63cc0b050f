"""Is a resource what FHIR says its type is? JSON types, lists, formats, required elements and codes, by the model's table.

Takes one resource as JSON; gives its faults, and a copy of the resource without the elements that cannot be read, so that no
later room meets a number that is a string. The rule is always the same: **an element that cannot be read counts as absent, and a
finding says so**. Nothing is repaired. Unknown elements and codes are reported and kept. One kind of element does not become
absent, because its absence would say more than is known: a status that must have one of certain codes (a condition's, an
allergy's) becomes one of which nothing can be read but that it is there. FHIR R4 §2.6.2 (JSON), §2.24 (formats of primitives).

One pass over the resource, tables instead of branches: about as long as parsing the bytes took.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any

import msgspec

from guideway.diagnostics import Severity
from guideway.fhir.dates import is_usual, parse
from guideway.fhir.modelinfo import ModelInfo, builtin


class OutOfRange(str):
    """A JSON number too large or too long for any use, kept as its text by whoever decoded it; here it is reported."""

    __slots__ = ()


MAX_FAULTS = 50
"""Faults to report of one resource; a resource with more is not worth a longer list. (All of them are dropped.)"""

NOTHING_LOST = frozenset(("array-empty", "object-empty", "json-null", "string-empty", "json-comments"))
"""Faults of elements that say nothing."""
CONCEPT = "FHIR.CodeableConcept"
"""The type of which an element may have a required binding of its own."""
UNREADABLE = "cannot be read"
"""The text of a status of which nothing else is left."""

_BASE64 = r"[0-9A-Za-z+/\s]*={0,2}\s*"
_UNSAFE_XHTML = r"(?i)<\s*(script|iframe|object|embed|form|input|link|base|meta|style)\b|\son\w+\s*=|javascript:"


class Fault(msgspec.Struct, frozen=True):
    """One thing wrong. ``path`` leads from the resource to it; ``drop``: it counts as absent."""

    rule: str
    path: tuple[str | int, ...]
    message: str
    drop: bool = True
    severity: Severity = Severity.warning


class _Property(msgspec.Struct, frozen=True):
    """How one JSON property is checked: by a primitive's check, or as an object of a type."""

    element: str
    many: bool
    choice: bool
    type: str
    primitive: Check | None
    codes: frozenset[str] | None
    """Codes of a required binding: of a primitive itself, of a CodeableConcept one of its codings must have one."""


class _Properties(dict[str, "_Property | None"]):
    """The JSON properties of a type, each made when it is first met: a type may have a hundred, and a resource has ten."""

    __slots__ = ("elements", "type")

    def __init__(self, type_name: str) -> None:
        super().__init__()
        self.type = type_name
        self.elements = _model().json_elements(type_name)

    def __missing__(self, key: str) -> _Property | None:
        found = self.elements.get(key)
        if found is None:
            return None  # and not kept: anything may stand in data
        short, primitive, codes = kind_of_type(found.type)
        if found.type == CONCEPT:
            codes = concept_codes(self.type, key)
        made = self[key] = _Property(found.element, found.many, found.choice, short, primitive, codes)
        return made


class _Type(msgspec.Struct, frozen=True):
    properties: _Properties
    required: tuple[tuple[str, tuple[str, ...]], ...]


def check(resource: dict[str, Any]) -> list[Fault]:
    """The faults of a resource whose type the model knows."""
    faults: list[Fault] = []
    _object(str(resource["resourceType"]), resource, (), faults)
    return faults


def without(resource: dict[str, Any], faults: list[Fault]) -> dict[str, Any]:
    """The resource without the elements that faults drop; what is not touched is shared, not copied."""
    result = resource
    dropped = [f for f in faults if f.drop and f.path]
    for fault in sorted(dropped, key=lambda f: [(str(p).zfill(9)) for p in f.path], reverse=True):
        result = _dropped(result, fault.path)
    for name in {str(f.path[0]) for f in dropped if f.rule not in NOTHING_LOST}:
        codes = concept_codes(str(resource.get("resourceType")), name)
        if codes is not None and not (name in result and _has_a_code(result[name], codes)):
            given = resource.get(name)
            result = {**result, name: {"text": given if isinstance(given, str) and given.strip() else UNREADABLE}}
    return result


def _dropped(holder: Any, path: tuple[str | int, ...]) -> Any:
    step, rest = path[0], path[1:]
    if isinstance(holder, dict) and step in holder:
        copy = dict(holder)
        if rest:
            copy[str(step)] = _dropped(holder[str(step)], rest)
        else:
            del copy[str(step)]
        return copy
    if isinstance(holder, list) and isinstance(step, int) and step < len(holder):
        if rest:
            return [*holder[:step], _dropped(holder[step], rest), *holder[step + 1 :]]
        return [*holder[:step], *holder[step + 1 :]]
    return holder


def known_type(name: object) -> bool:
    """Whether FHIR R4 has a resource type of that name."""
    return isinstance(name, str) and _is_resource(name)


@lru_cache(1024)
def _is_resource(name: str) -> bool:
    info = _model().type(name)
    return info is not None and info.retrievable


@cache
def _model() -> ModelInfo:
    return builtin("FHIR")


@cache
def _type(name: str) -> _Type:
    """The table of one type."""
    properties = _Properties(name)
    lacking: dict[str, list[str]] = {element.name: [] for element in _model().elements(name).values() if element.required}
    if lacking:
        for json_name, found in properties.elements.items():
            if found.element in lacking:
                lacking[found.element] += [json_name, f"_{json_name}"]
    return _Type(properties, tuple((element, tuple(names)) for element, names in lacking.items()))


@cache
def kind_of_type(type_name: str) -> tuple[str, Check | None, frozenset[str] | None]:
    """Of a type: its short name, the check of its values where it is primitive, and the codes allowed."""
    model = _model()
    short = type_name.rpartition(".")[2] if type_name.startswith("System.") else type_name.partition(".")[2]
    primitive = None
    if type_name.startswith("System.") or model.primitive(type_name) is not None:
        primitive = _PRIMITIVES.get(short)
        if primitive is None:
            primitive = next((_PRIMITIVES[a] for a in map(_short, model.ancestors(type_name)) if a in _PRIMITIVES), _code)
    return short, primitive, model.codes(type_name)


def concept_codes(type_name: str, element: str) -> frozenset[str] | None:
    """The codes of which a CodeableConcept must have one, where its binding is a required one."""
    return _model().codes(f"FHIR.{type_name.removeprefix('FHIR.')}.{element}")


def _short(type_name: str) -> str:
    return type_name.partition(".")[2]


def _object(type_name: str, value: dict[str, Any], path: tuple[str | int, ...], faults: list[Fault]) -> None:
    """Check one object of a type."""
    table = _type(type_name)
    properties = table.properties
    chosen: dict[str, str] = {}
    for key, item in value.items():
        prop = properties[key]
        if prop is None:
            _other(table, key, item, value, path, faults)
            continue
        if prop.choice:
            if prop.element in chosen:
                message = f"{chosen[prop.element]} and {key} are both given; only one is allowed, so neither is read"
                faults.append(Fault("choice-twice", (*path, key), message))
                faults.append(Fault("choice-twice", (*path, chosen[prop.element]), message))
            chosen[prop.element] = key
        if prop.many:
            if type(item) is not list:
                faults.append(Fault("json-type", (*path, key), f"a list is expected, this is {kind_of(item)}"))
            elif not item:
                faults.append(Fault("array-empty", (*path, key), "the list is empty; an element without values is left out"))
            else:
                extras = value.get(f"_{key}")
                for index, member in enumerate(item):
                    if member is None and prop.primitive is not None and isinstance(extras, list):
                        continue
                    _value(prop, member, (*path, key, index), faults)
        else:
            _value(prop, item, (*path, key), faults)
    for element, json_names in table.required:
        if not any(name in value for name in json_names):
            faults.append(Fault("element-missing", (*path, element), "this element is required and is not there", drop=False))


def _value(prop: _Property, item: Any, path: tuple[str | int, ...], faults: list[Fault]) -> None:
    """Check one value of a property."""
    if prop.primitive is not None:
        wrong = prop.primitive(item)
        if wrong is not None:
            faults.append(Fault(wrong[0], path, wrong[1], wrong[2]))
        elif prop.codes is not None and item not in prop.codes:
            message = f"{item!r} is none of the codes allowed here ({', '.join(sorted(prop.codes))})"
            faults.append(Fault("code-unknown", path, message, drop=False))
        return
    if type(item) is not dict:
        then = "" if prop.codes is None or item is None else "; so what it says is in doubt"
        rule = "json-null" if item is None else "json-type"
        faults.append(Fault(rule, path, f"an object is expected, this is {kind_of(item)}{then}"))
    elif not item:
        faults.append(Fault("object-empty", path, "the object is empty; an element without content is left out"))
    elif prop.type == "Resource":
        _contained(item, path, faults)
    else:
        if prop.codes is not None and not has_code_of(item, prop.codes):
            given = [repr(c["code"][:64]) for c in _codings(item) if isinstance(c.get("code"), str)]
            what = f"{' and '.join(given[:3])} is" if given else "it has no code, so it is"
            faults.append(
                Fault(
                    "code-unknown", path, f"{what} none of the codes allowed here ({', '.join(sorted(prop.codes))})", drop=False
                )
            )
        _object(prop.type, item, path, faults)


def has_code_of(concept: dict[str, Any], codes: frozenset[str]) -> bool:
    """Whether a CodeableConcept has a coding with one of the codes, or says nothing at all (a reason why it is absent, say)."""
    codings = _codings(concept)
    said = isinstance(concept.get("text"), str) or any("code" in coding or "display" in coding for coding in codings)
    return not said or _has_a_code(concept, codes)


def _has_a_code(concept: dict[str, Any], codes: frozenset[str]) -> bool:
    return any(isinstance(code := coding.get("code"), str) and code in codes for coding in _codings(concept))


def _codings(concept: dict[str, Any]) -> list[dict[str, Any]]:
    codings = concept.get("coding")
    return [coding for coding in codings if isinstance(coding, dict)] if isinstance(codings, list) else []


def _contained(item: dict[str, Any], path: tuple[str | int, ...], faults: list[Fault]) -> None:
    kind = item.get("resourceType")
    if not known_type(kind):
        faults.append(Fault("resource-type-unknown", path, unknown_type(kind)))
        return
    if path and path[0] == "contained" and "id" not in item:
        faults.append(Fault("id-missing", path, "a contained resource needs an id", drop=False))
    _object(str(kind), item, path, faults)


def unknown_type(kind: object) -> str:
    if kind is None:
        return "resourceType is not there, so what this is cannot be told"
    if not isinstance(kind, str):
        return f"resourceType is {kind_of(kind)}, a string is expected"
    return f"{kind[:64]!r} is no FHIR R4 resource type"


def _other(table: _Type, key: str, item: Any, value: dict[str, Any], path: tuple[str | int, ...], faults: list[Fault]) -> None:
    """A property that the type does not have: the companion of a primitive, ``resourceType``, or a stranger."""
    if key == "resourceType":
        return
    prop = table.properties[key[1:]] if key.startswith("_") else None
    if prop is not None:
        members = item if prop.many and isinstance(item, list) else [item]
        for member in members:
            if not isinstance(member, dict) and not (member is None and prop.many):
                faults.append(Fault("json-type", (*path, key), f"an object is expected, this is {kind_of(member)}"))
                return
            if isinstance(member, dict):
                _object("Element", member, (*path, key), faults)
        return
    if key == "fhir_comments":
        faults.append(Fault("json-comments", (*path, key), "comments are not allowed in FHIR JSON since DSTU2"))
        return
    shown = key if key.isprintable() and len(key) <= 64 else repr(key[:64])
    faults.append(Fault("element-unknown", (*path, key), f"FHIR R4 has no element {shown} here; it is not read"))


def kind_of(value: Any) -> str:
    """What a JSON value is, in words; never the value itself, which may say who the patient is."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, OutOfRange):
        return "a number out of range"
    if isinstance(value, str):
        return "a string"
    if isinstance(value, (int, Decimal)):
        return "a number"
    return "a list" if isinstance(value, list) else "an object"


# ---- primitives: None where all is well, else (rule, message, drop) ------------------------------------------------------

Verdict = tuple[str, str, bool] | None
Check = Callable[[Any], Verdict]


def _wrong(expected: str, value: Any) -> tuple[str, str, bool]:
    if value is None:
        return ("json-null", "null is not allowed; an element without a value is left out", True)
    if isinstance(value, OutOfRange):
        return ("number-out-of-range", "the number is out of range", True)
    return ("json-type", f"{expected} is expected, this is {kind_of(value)}", True)


def _boolean(value: Any) -> Verdict:
    return None if value is True or value is False else _wrong("true or false", value)


def _integer(least: int) -> Callable[[Any], Verdict]:
    def check_integer(value: Any) -> Verdict:
        if not isinstance(value, int) or isinstance(value, bool):
            return _wrong("a whole number", value)
        if value < least or value > 2147483647:
            return ("number-out-of-range", f"a whole number from {least} to 2147483647 is expected", True)
        return None

    return check_integer


def _decimal(value: Any) -> Verdict:
    if type(value) is not Decimal and type(value) is not int:
        return _wrong("a number", value)
    size = value.adjusted() if isinstance(value, Decimal) else 28 if abs(value) >= 10**28 else 0
    if not -1000 < size < 28:
        return ("number-out-of-range", "the number is out of range", True)
    return None


def _string(value: Any) -> Verdict:
    if type(value) is not str:
        return _wrong("a string", value)
    if not value:
        return ("string-empty", "the string is empty; an element without a value is left out", True)
    if not value.isprintable():
        for character in value:
            if (character < " " and character not in "\t\r\n") or "\ud800" <= character <= "\udfff":
                return ("string-invalid", "the string holds control characters", True)
    return None


def _xhtml(value: Any) -> Verdict:
    wrong = _string(value)
    if wrong is None and re.search(_UNSAFE_XHTML, value):
        return ("narrative-unsafe", "the narrative holds active content, which FHIR does not allow; it is not shown", True)
    return wrong


def _id(value: Any) -> Verdict:
    if type(value) is not str:
        return _wrong("a string", value)
    if 0 < len(value) <= 64 and value.isascii() and value.replace("-", "0").replace(".", "0").isalnum():
        return None
    return ("id-invalid", "an id has 1 to 64 letters, digits, '-' and '.'", False)


def _code(value: Any) -> Verdict:
    if type(value) is not str:
        return _wrong("a string", value)
    if value and value == " ".join(value.split()):
        return None
    return ("code-invalid", "this is no code: it is empty, or has spaces at its ends or in a row", True)


def _time(value: Any) -> Verdict:
    if type(value) is not str:
        return _wrong("a time as a string", value)
    found = parse(f"2000-01-01T{value}")
    if found is None or found.second is None or found.offset is not None:
        return ("date-invalid", "this is no time: hh:mm:ss is expected", True)
    return None


def _base64(value: Any) -> Verdict:
    if type(value) is not str:
        return _wrong("base64 as a string", value)
    return None if re.fullmatch(_BASE64, value) else ("base64-invalid", "this is not base64", True)


def _uri(value: Any) -> Verdict:
    if type(value) is not str:
        return _wrong("a string", value)
    if not value:
        return ("string-empty", "the URI is empty", True)
    return None if value.split() == [value] else ("uri-invalid", "a URI holds no spaces", False)


def _date(value: Any) -> Verdict:
    if type(value) is not str:
        return _wrong("a date as a string", value)
    found = parse(value)
    if found is None or found.hour is not None:
        return ("date-invalid", "this is no date: YYYY, YYYY-MM or YYYY-MM-DD is expected", True)
    return None


def _date_time(value: Any) -> Verdict:
    if type(value) is not str:
        return _wrong("a date-time as a string", value)
    if is_usual(value):
        return None
    found = parse(value)
    if found is None:
        return ("date-invalid", "this is no date-time: YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss+zz:zz is expected", True)
    if found.hour is not None and found.offset is None:
        return ("date-without-zone", "a time needs a time zone; it is taken in that of the evaluation", False)
    if found.hour is not None and found.second is None:
        return ("date-without-seconds", "a time needs its seconds", False)
    return None


def _instant(value: Any) -> Verdict:
    if type(value) is not str:
        return _wrong("an instant as a string", value)
    if len(value) > 10 and is_usual(value):
        return None
    found = parse(value)
    if found is None or found.second is None or found.offset is None:
        return ("date-invalid", "this is no instant: YYYY-MM-DDThh:mm:ss+zz:zz is expected", True)
    return None


_PRIMITIVES: dict[str, Check] = {
    "boolean": _boolean,
    "integer": _integer(-2147483648),
    "unsignedInt": _integer(0),
    "positiveInt": _integer(1),
    "decimal": _decimal,
    "string": _string,
    "markdown": _string,
    "xhtml": _xhtml,
    "id": _id,
    "code": _code,
    "uri": _uri,
    "url": _uri,
    "canonical": _uri,
    "oid": _uri,
    "uuid": _uri,
    "date": _date,
    "dateTime": _date_time,
    "instant": _instant,
    "time": _time,
    "base64Binary": _base64,
    "String": _string,
    "Boolean": _boolean,
}
