"""Data models: which types there are, their elements and bases, how they convert, which contexts they offer.

Takes a compact table that ships with the package (``builtin("FHIR", "4.0.1")``, ``builtin("System")``) and gives a ``ModelInfo``;
that of a model info document in XML is made by ``modelinfo_xml``. Tables are made by ``scripts/make_model_table.py``; a line of a
table is parsed when its type is first asked for, because a run touches some thirty of the 932 types.

A type is named ``FHIR.Observation``, a component ``FHIR.Bundle.Entry``; where an element's type is written it is a type
expression: ``FHIR.string``, ``list<FHIR.Identifier>``, ``choice<FHIR.Quantity,FHIR.string>``, ``interval<System.DateTime>``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING

import msgspec

from guideway.diagnostics import GuidewayError

if TYPE_CHECKING:
    from mmap import mmap

    Data = bytes | mmap

BUILTIN_VERSIONS = {"System": "1.0.0", "FHIR": "4.0.1"}


class ElementInfo(msgspec.Struct, frozen=True):
    """An element of a type. ``target`` says how a profile-informed model maps it onto the base model (``%value.value``,
    ``FHIRHelpers.ToConcept(%value)``, ``%parent.extension[url='…'].value``); None where nothing needs mapping. ``required``:
    FHIR's minimum is one (known for the built-in FHIR model; model info documents do not say)."""

    name: str
    type: str
    target: str | None = None
    required: bool = False


class TypeInfo(msgspec.Struct, frozen=True):
    """A type. ``elements`` are its own, without those of ``base``. ``target`` is the type of the target model that a
    profile-informed type stands for (US Core's ``BMIProfile`` is an ``Observation``)."""

    name: str
    base: str | None
    elements: Mapping[str, ElementInfo]
    retrievable: bool = False
    primary_code_path: str | None = None
    identifier: str | None = None
    label: str | None = None
    target: str | None = None
    relationships: tuple[tuple[str, str], ...] = ()


class ConversionInfo(msgspec.Struct, frozen=True, order=True):
    """An implicit conversion: ``function`` turns ``from_type`` into ``to_type``."""

    function: str
    from_type: str
    to_type: str


class ContextInfo(msgspec.Struct, frozen=True, order=True):
    """A context that CQL may evaluate in: ``context Patient``."""

    name: str
    type: str
    key_element: str | None = None
    birth_date_element: str | None = None


class JsonElement(msgspec.Struct, frozen=True):
    """How one JSON property of a type is read: ``valueQuantity`` is element ``value`` as ``FHIR.Quantity``."""

    element: str
    type: str
    many: bool
    choice: bool


class _Lines:
    """Lines of a table in the order of what stands before their first tab, looked up by that in the place where they are: of the
    thousand lines a run looks at seventy."""

    __slots__ = ("_data", "_end", "_start")

    def __init__(self, data: Data, start: int, end: int) -> None:
        self._data = data
        self._start = start
        self._end = end

    def find(self, name: str) -> str | None:
        """What stands after the name; None where there is no such line."""
        data, low, high = self._data, self._start, self._end
        before, key = data.rfind, f"{name}\t".encode()
        length = len(key)
        while low < high:
            middle = (low + high) // 2
            start = before(b"\n", low, middle) + 1 or low
            if data[start : start + length] < key:
                low = data.find(b"\n", middle) + 1 or high
            else:
                high = start
        after = low + length
        return data[after : data.find(b"\n", after)].decode() if low < self._end and data[low:after] == key else None

    def lines(self) -> list[str]:
        """All of them."""
        text = self._data[self._start : self._end].decode()
        return text.split("\n") if text else []

    def names(self) -> list[str]:
        """The name of each."""
        return [line.partition("\t")[0] for line in self.lines()]


class _TypeTable(Mapping[str, TypeInfo]):
    """Types by qualified name; ``lines`` are those of a table by the type's own name, each parsed on first use."""

    def __init__(self, model: str, lines: _Lines) -> None:
        self._model = model
        self._lines = lines
        self._parsed: dict[str, TypeInfo] = {}

    def __getitem__(self, name: str) -> TypeInfo:
        if name in self:
            return self._parsed[name]
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        if name in self._parsed:
            return True
        line = self._line(name) if isinstance(name, str) else None
        if line is None:
            return False
        self._parsed[str(name)] = _read_type_line(self._model, str(name), line)
        return True

    def __iter__(self) -> Iterator[str]:
        return (f"{self._model}.{name}" for name in self._lines.names())

    def __len__(self) -> int:
        return len(self._lines.lines())

    def _line(self, name: str) -> str | None:
        model, _, own = name.partition(".")
        return self._lines.find(own) if model == self._model else None


class ModelInfo:
    """One data model."""

    __slots__ = (
        "_code_lines", "_codes", "_conversions", "_identifiers", "_inherited", "_json", "contexts", "name", "patient_birth_date",
        "patient_class", "required", "target_url", "target_version", "types", "url", "version",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        version: str | None,
        url: str,
        types: Mapping[str, TypeInfo],
        conversions: tuple[ConversionInfo, ...] | Callable[[], tuple[ConversionInfo, ...]] = (),
        contexts: tuple[ContextInfo, ...] = (),
        *,
        required: tuple[tuple[str, str | None], ...] = (),
        target_url: str | None = None,
        target_version: str | None = None,
        patient_class: str | None = None,
        patient_birth_date: str | None = None,
        codes: _Lines | None = None,
    ) -> None:
        self.name = name
        self.version = version
        self.url = url
        self.types = types
        self._conversions = conversions
        self.contexts = contexts
        self.required = required
        self.target_url = target_url
        self.target_version = target_version
        self.patient_class = patient_class
        self.patient_birth_date = patient_birth_date
        self._code_lines = codes
        self._codes: dict[str, frozenset[str] | None] = {}
        self._inherited: dict[str, dict[str, ElementInfo]] = {}
        self._json: dict[str, dict[str, JsonElement]] = {}
        self._identifiers: dict[str, str] | None = None

    def __repr__(self) -> str:
        return f"ModelInfo({self.name!r}, {self.version!r}, {len(self.types)} types)"

    @property
    def conversions(self) -> tuple[ConversionInfo, ...]:
        """The implicit conversions; of a table they are read when they are asked for, because only the translator does."""
        found = self._conversions
        if callable(found):
            found = self._conversions = found()
        return found

    def qualified(self, name: str) -> str:
        """``Observation`` → ``FHIR.Observation``; names already qualified by this model or by System stay as they are."""
        if name in self.types:
            return name
        own = f"{self.name}.{name}"
        return own if own in self.types else name

    def type(self, name: str) -> TypeInfo | None:
        """The type of that name (qualified or not), or None."""
        return self.types.get(self.qualified(name))

    def elements(self, type_name: str) -> Mapping[str, ElementInfo]:
        """All elements of a type, the inherited ones first; empty for an unknown type."""
        name = self.qualified(type_name)
        found = self._inherited.get(name)
        if found is None:
            info = self.types.get(name)
            found = {}
            if info is not None:
                if info.base is not None and info.base != name:
                    found.update(self.elements(info.base))
                found.update(info.elements)
            self._inherited[name] = found
        return found

    def element(self, type_name: str, element: str) -> ElementInfo | None:
        """An element of a type, own or inherited; None where there is none."""
        return self.elements(type_name).get(element)

    def ancestors(self, type_name: str) -> tuple[str, ...]:
        """The type itself, its base, the base's base, …; ends with ``System.Any``."""
        chain = []
        name: str | None = self.qualified(type_name)
        while name is not None and name not in chain:
            chain.append(name)
            info = self.types.get(name)
            name = info.base if info is not None else None
        return tuple(chain)

    def is_subtype(self, type_name: str, base: str) -> bool:
        """Whether ``type_name`` is ``base`` or derives from it."""
        return self.qualified(base) in self.ancestors(type_name)

    def primitive(self, type_name: str) -> str | None:
        """The System type of the value of a primitive type (``FHIR.boolean`` → ``System.Boolean``), or None."""
        value = self.element(type_name, "value")
        return value.type if value is not None and value.type.startswith("System.") else None

    def codes(self, type_name: str) -> frozenset[str] | None:
        """The codes of a required binding (``FHIR.ObservationStatus`` → final, amended, …); None where all codes are allowed or
        the binding is not known here."""
        if type_name not in self._codes:
            model, _, name = type_name.partition(".")
            lines = self._code_lines if model == self.name else None
            line = lines.find(name) if lines is not None else None
            self._codes[type_name] = frozenset(line.split(" ")) if line is not None else None
        return self._codes[type_name]

    def json_elements(self, type_name: str) -> Mapping[str, JsonElement]:
        """The JSON properties of a type: choice elements under each of their names (``valueQuantity``), the others as they
        are. The properties with ``_`` in front of primitives are not listed."""
        name = self.qualified(type_name)
        found = self._json.get(name)
        if found is None:
            found = {}
            for element in self.elements(name).values():
                inner = element.type
                many = inner.startswith("list<")
                if many:
                    inner = inner[len("list<") : -1]
                if inner.startswith("choice<"):
                    for part in split_type(inner)[1]:
                        short = part.rpartition(".")[2]
                        short = "Quantity" if short == "SimpleQuantity" else short  # a profile: JSON says Quantity
                        json_name = element.name + short[0].upper() + short[1:]
                        found[json_name] = JsonElement(element.name, part, many, True)
                else:
                    found[element.name] = JsonElement(element.name, inner, many, False)
            self._json[name] = found
        return found

    def by_identifier(self, url: str) -> TypeInfo | None:
        """The type that a profile or structure definition URL names, or None."""
        if self._identifiers is None:
            self._identifiers = {t.identifier: t.name for t in self.types.values() if t.identifier}
        name = self._identifiers.get(url)
        return self.types[name] if name is not None else None

    def qname(self, type_name: str) -> str:
        """The QName that ELM writes: ``{http://hl7.org/fhir}Observation``."""
        name = self.qualified(type_name)
        prefix, _, short = name.partition(".")
        if prefix == "System":
            return "{urn:hl7-org:elm-types:r1}" + short
        return f"{{{self.url}}}{short if prefix == self.name else name}"

    def from_qname(self, qname: str) -> str | None:
        """``{http://hl7.org/fhir}Observation`` → ``FHIR.Observation``; None where the type is not of this model or System."""
        namespace, _, short = qname[1:].partition("}")
        if namespace == "urn:hl7-org:elm-types:r1":
            return f"System.{short}"
        if namespace not in (self.url, self.target_url):
            return None
        name = f"{self.name}.{short}"
        return name if name in self.types else None

    def context(self, name: str) -> ContextInfo | None:
        """The context of that name, or None."""
        return next((c for c in self.contexts if c.name == name), None)


def split_type(expression: str) -> tuple[str, tuple[str, ...]]:
    """A type expression's constructor and its parts.

    >>> split_type("choice<FHIR.Quantity,interval<System.Date>>")
    ('choice', ('FHIR.Quantity', 'interval<System.Date>'))
    >>> split_type("FHIR.string")
    ('named', ('FHIR.string',))
    """
    if not expression.endswith(">"):
        return "named", (expression,)
    kind, _, rest = expression.partition("<")
    if "<" not in rest:
        return kind, tuple(rest[:-1].split(","))
    parts, depth, start = [], 0, 0
    for position, character in enumerate(rest):
        if character == "<":
            depth += 1
        elif character == ">":
            depth -= 1
        if (character == "," and depth == 0) or depth < 0:
            parts.append(rest[start:position])
            start = position + 1
    return kind, tuple(parts)


def builtin(name: str, version: str | None = None) -> ModelInfo:
    """A model that ships with the package: ``FHIR`` 4.0.1 or ``System`` 1.0.0. Raises GuidewayError for any other."""
    found = _BUILTIN.get(name)
    if found is not None and version in (None, found.version):
        return found
    known = BUILTIN_VERSIONS.get(name)
    if known is None or version not in (None, known):
        offered = ", ".join(f"{n} {v}" for n, v in BUILTIN_VERSIONS.items())
        wanted = name if version is None else f"{name} {version}"
        raise GuidewayError(f"There is no data model {wanted} here; there are {offered}. Give its model info as an XML file.")
    return _BUILTIN.setdefault(name, read_table(os.path.join(os.path.dirname(__file__), "models", f"{name}-{known}.txt")))


_BUILTIN: dict[str, ModelInfo] = {}
"""Those that have been read, each once, whether its version is named or not."""


def read_table(path: str | os.PathLike[str]) -> ModelInfo:
    """A model from a compact table (see ``scripts/make_model_table.py`` for the format)."""
    from mmap import ACCESS_READ, mmap

    with open(path, "rb") as stream:  # of a fifth of a megabyte most is never looked at
        content = mmap(stream.fileno(), 0, access=ACCESS_READ)
    data: Data = content[:].replace(b"\r\n", b"\n") if content.find(b"\r", 0, content.find(b"\n")) >= 0 else content
    ends = [data.find(b"\n\n")]
    for _ in ("codes", "conversions"):
        ends.append(data.find(b"\n\n", ends[-1] + 2))
    first, codes, conversions = (_Lines(data, start, end) for start, end in zip((0, ends[0] + 2, ends[1] + 2), ends))
    types = _Lines(data, ends[2] + 2, len(data) - 1)
    head: dict[str, str] = {}
    contexts: list[ContextInfo] = []
    required: list[tuple[str, str | None]] = []
    for line in first.lines():
        tag, *fields = line.split("\t")
        if tag == "M":
            head = dict(field.partition("=")[::2] for field in fields)
        elif tag == "R":
            required.append((fields[0], fields[1] or None))
        elif tag == "X":
            name, type_name, key, birth = fields
            contexts.append(ContextInfo(name, _expand(head["name"], type_name), key or None, birth or None))
    model = head["name"]
    return ModelInfo(
        model,
        head.get("version"),
        head["url"],
        _TypeTable(model, types),
        lambda: tuple(_conversion(model, line) for line in conversions.lines()),
        tuple(contexts),
        required=tuple(required),
        target_url=head.get("target_url"),
        target_version=head.get("target_version"),
        patient_class=head.get("patient_class"),
        patient_birth_date=head.get("patient_birth_date"),
        codes=codes,
    )


def _conversion(model: str, line: str) -> ConversionInfo:
    function, from_type, to_type = line.split("\t")
    return ConversionInfo(function, _expand(model, from_type), _expand(model, to_type))


@cache
def _expand(model: str, short: str) -> str:
    """The type expression behind a table's shorthand: ``Quantity|string`` in model FHIR is
    ``choice<FHIR.Quantity,FHIR.string>``, ``Identifier*`` a list, ``System.DateTime~`` an interval."""
    if short.endswith("*"):
        return f"list<{_expand(model, short[:-1])}>"
    if "|" in short:
        return f"choice<{','.join(_expand(model, part) for part in short.split('|'))}>"
    if short.endswith("~"):
        return f"interval<{_expand(model, short[:-1])}>"
    return short if short.startswith("System.") else f"{model}.{short}"


def _read_type_line(model: str, name: str, line: str) -> TypeInfo:
    base, flags, code_path, elements, relationships = line.split("\t")
    own: dict[str, ElementInfo] = {}
    for part in elements.split(" ") if elements else ():
        element, _, short = part.partition(":")
        required = short.endswith("!")
        own[element] = ElementInfo(element, _expand(model, short[:-1] if required else short), None, required)
    short_name = name.partition(".")[2]
    is_public = "i" in flags
    return TypeInfo(
        name,
        _expand(model, base) if base else None,
        own,
        "r" in flags,
        code_path or None,
        f"http://hl7.org/fhir/StructureDefinition/{short_name}" if is_public else None,
        short_name if is_public else None,
        None,
        tuple((c, k) for c, _, k in (r.partition("=") for r in relationships.split(";"))) if relationships else (),
    )
