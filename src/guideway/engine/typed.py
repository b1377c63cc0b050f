"""The typed backend: patient data decoded into structs that hold only what the logic reads, and code that reads attributes.

From the data requirements of some defines (``requirements``) follow a decoder (msgspec structs, made here) and a program whose
code reads attributes instead of JSON objects; everything else in a bundle is skipped by the parser. It is the path for
many patients, and for results of CQL's own types. Whole resources, traces and what the logic does not say beforehand are the
business of the plain program, whose results for the same defines are the same.

One bad resource never costs the bundle: where decoding fails, the entries are taken one by one and the bad ones are listed.
Numbers are ``Decimal`` or ``int``; a JSON string where a number belongs is an error, not a number.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable, Sequence
from decimal import Decimal
from operator import attrgetter
from types import ModuleType
from typing import Any, NamedTuple

import msgspec

from guideway.diagnostics import GuidewayError
from guideway.elm import nodes
from guideway.engine.access import fhir_code, fhir_concept, fhir_period, fhir_quantity, interval_of, quantity_of, to_datetime
from guideway.engine.data import UNFILTERED, CodeSet
from guideway.engine.errors import CqlRuntimeError
from guideway.engine.generator_types import Environment
from guideway.engine.layout import Layout, attribute
from guideway.engine.program import Program
from guideway.engine.requirements import Requirements, requirements_of
from guideway.engine.support import concept_in, value_set_codes
from guideway.engine.values import Code, Concept, Interval, Quantity, ValueSetRef
from guideway.fhir.element import FhirObject, access, codings
from guideway.fhir.modelinfo import ModelInfo, builtin


class NotDecoded(CqlRuntimeError):
    """The logic reads an element that its requirements did not foresee; the plain program must be used."""


class Decoded(msgspec.Struct, gc=False):
    """Base of all structs; can be read like a JSON object."""

    def get(self, key: str, default: Any = None) -> Any:
        """The value at a JSON name."""
        try:
            return getattr(self, attribute(key))
        except AttributeError:
            if key == "resourceType":
                return self.__struct_config__.tag
            if key == "id":
                return default
            raise NotDecoded(f"the element {key!r} of {type(self).__name__} was not decoded") from None


class _Nothing(Decoded):
    """An object without elements."""

    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)


NOTHING = _Nothing()


class _View:
    """A plain JSON object with its names as attributes: a FHIR value that the logic made itself."""

    __slots__ = ("_data",)

    def __init__(self, data: dict[str, Any]) -> None:
        self._data = data

    def __getattr__(self, name: str) -> Any:
        return self._data.get(f"_{name[6:]}" if name.startswith("extra_") else name.removesuffix("_"))

    def get(self, key: str, default: Any = None) -> Any:
        """The value at a JSON name."""
        return self._data.get(key, default)


def decoded_data_of(value: Any) -> Any:
    """The struct of a FHIR value; of null an empty one."""
    if type(value) is FhirObject:
        return _View(value.data) if type(value.data) is dict else value.data
    return NOTHING


# ---- FHIRHelpers on structs --------------------------------------------------------------------------------------------


def decoded_quantity(raw: Any) -> Quantity | None:
    """FHIRHelpers.ToQuantity."""
    if raw is None or type(raw) is dict:
        return fhir_quantity(raw)
    value = raw.value
    return None if value is None else quantity_of(value, raw.comparator, raw.system, raw.code, raw.unit)


def decoded_code(raw: Any) -> Code | None:
    """FHIRHelpers.ToCode."""
    return fhir_code(raw) if raw is None or type(raw) is dict else Code(raw.code, raw.system, raw.version, raw.display)


def decoded_concept(raw: Any) -> Concept | None:
    """FHIRHelpers.ToConcept."""
    if raw is None or type(raw) is dict:
        return fhir_concept(raw)
    codes: list[Any] = [decoded_code(coding) for coding in raw.coding or ()]
    return Concept(codes, raw.text)


def decoded_period(raw: Any) -> Interval | None:
    """FHIRHelpers.ToInterval of a Period."""
    if raw is None or type(raw) is dict:
        return fhir_period(raw)
    return interval_of(to_datetime(raw.start), to_datetime(raw.end), raw.start is not None, True, "DateTime")


def decoded_concept_in(E: Any, raw: Any, value_set: ValueSetRef) -> bool:
    """``concept_in`` on a struct."""
    if raw is None or type(raw) is dict:
        return concept_in(E, raw, value_set)
    codes = value_set_codes(E, value_set)
    return any((coding.system, coding.code) in codes for coding in raw.coding or ())


NAMES: dict[str, Any] = {
    "concept_in": decoded_concept_in,
    "NOTHING": NOTHING,
    "decoded_data_of": decoded_data_of,
    "fhir_quantity": decoded_quantity,
    "fhir_code": decoded_code,
    "fhir_concept": decoded_concept,
    "fhir_period": decoded_period,
}
"""What the generated code of typed programs calls besides, and instead of, the usual names."""


# ---- structs -----------------------------------------------------------------------------------------------------------

_STRINGS = frozenset(("string", "code", "uri", "url", "canonical", "id", "oid", "uuid", "markdown", "date", "dateTime", "instant",
                      "time", "base64Binary"))  # fmt: skip
_INTEGERS = frozenset(("integer", "positiveInt", "unsignedInt"))
_modules = itertools.count(1)


class _Layouts:
    """Works out the fields of every type, and makes the structs."""

    def __init__(self, requirements: Requirements) -> None:
        self.model = builtin("FHIR", "4.0.1")
        self.whole = set(requirements.whole)
        self.read: dict[str, set[str]] = {name: set(elements) for name, elements in requirements.touched.items()}
        self.resources = sorted({requirement.type for requirement in requirements.data})
        for requirement in requirements.data:
            if requirement.code_path:
                self._touch(requirement.type, requirement.code_path.split("."))
        self.fields: dict[str, dict[str, str]] = {}
        pending = list(self.resources)
        while pending:
            name = pending.pop()
            if name not in self.fields:
                pending += self._lay_out(name)

    def _touch(self, name: str, path: list[str]) -> None:
        """A code filter reads the codes at its path."""
        if path:
            self.read.setdefault(name, set()).add(path[0])
            how = access(name, path[0])
            for _, kind, _ in how.alternatives if how is not None else ():
                self._touch(kind, path[1:])
        elif name == "CodeableConcept":
            self.read.setdefault(name, set()).add("coding")
            self.read.setdefault("Coding", set()).update(("system", "code"))
        elif name == "Coding":
            self.read.setdefault("Coding", set()).update(("system", "code"))

    def _lay_out(self, name: str) -> list[str]:
        """The fields of a type; gives the types of its elements."""
        elements: set[str] = set()
        for ancestor in self.model.ancestors(f"FHIR.{name}"):
            elements |= self.read.get(ancestor.partition(".")[2], set())
        if self.is_resource(name):
            elements.add("id")
        fields = self.fields[name] = {}
        found: list[str] = []
        for element in sorted(elements):
            how = access(name, element)
            if how is None:
                continue
            for key, kind, primitive in how.alternatives:
                if primitive:
                    fields[key] = _primitive(kind.removeprefix("System.").lower() if "." in kind else kind, how.many)
                    if not kind.startswith("System."):
                        fields["_" + key] = "Any"
                elif kind in self.whole or kind in ("Resource", "DomainResource"):
                    fields[key] = "Any"
                else:
                    fields[key] = f"list[{_class(kind)}] | None" if how.many else f"{_class(kind)} | None"
                    found.append(kind)
        return found

    def is_resource(self, name: str) -> bool:
        return "FHIR.Resource" in self.model.ancestors(f"FHIR.{name}")

    def layout(self) -> Layout:
        return {name: frozenset(fields) for name, fields in self.fields.items()}

    def classes(self) -> dict[str, type[Decoded]]:
        """Every FHIR resource type → its struct; those that are not read have no fields."""
        module = ModuleType(f"guideway.engine._decoded_{next(_modules)}")
        module.__dict__.update(Any=Any)
        sys.modules[module.__name__] = module
        made: dict[str, type[Decoded]] = {}
        unread = [
            t.name.partition(".")[2] for t in self.model.types.values()
            if t.retrievable and t.name.startswith("FHIR.") and t.name.partition(".")[2] not in self.fields
        ]  # fmt: skip
        for name in [*self.fields, *unread]:
            fields = self.fields.get(name, {})
            resource = self.is_resource(name)
            if name in made:
                continue
            struct: Any = msgspec.defstruct(
                _class(name),
                [(attribute(key), text, None) for key, text in fields.items()],
                bases=(Decoded,),
                module=module.__name__,
                rename={attribute(key): key for key in fields if attribute(key) != key},
                tag=name if resource else None,
                tag_field="resourceType" if resource else None,
                gc=False,
            )
            made[name] = module.__dict__[_class(name)] = struct
        return {name: cls for name, cls in made.items() if self.is_resource(name)}


def _class(name: str) -> str:
    return "D_" + name.replace(".", "_")


def _primitive(kind: str, many: bool) -> str:
    if kind == "boolean":
        text = "bool"
    elif kind in _INTEGERS:
        text = "int"
    elif kind == "decimal":
        return "Any"  # numbers as they are; strings are refused when the value is used
    else:  # dates stay text until an operator needs them; enumerations are text
        text = "str"
    return f"list[{text} | None] | None" if many else f"{text} | None"


# ---- decoding ----------------------------------------------------------------------------------------------------------


class Skipped(NamedTuple):
    """An entry that could not be decoded."""

    position: int
    reason: str


class Decoder:
    """Bytes of a Bundle to ``TypedRecord``."""

    def __init__(self, classes: dict[str, type[Decoded]]) -> None:
        union: Any = None
        for cls in classes.values():
            union = cls if union is None else union | cls
        entry = msgspec.defstruct("Entry", [("resource", union | None, None)], gc=False)
        bundle = msgspec.defstruct("Bundle", [("entry", list[entry], [])], gc=False)  # type: ignore[valid-type]
        raw_entry = msgspec.defstruct("RawEntry", [("resource", msgspec.Raw, msgspec.Raw())])
        raw_bundle = msgspec.defstruct("RawBundle", [("entry", list[raw_entry], [])])  # type: ignore[valid-type]
        self._bundle: Any = msgspec.json.Decoder(bundle, float_hook=Decimal)
        self._resource: Any = msgspec.json.Decoder(union, float_hook=Decimal)
        self._raw: Any = msgspec.json.Decoder(raw_bundle)

    def decode(self, data: bytes) -> TypedRecord:
        """The record in a Bundle. Raises GuidewayError where the bytes are no JSON Bundle at all."""
        try:
            entries = self._bundle.decode(data.removeprefix(b"\xef\xbb\xbf")).entry
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ArithmeticError):
            return self._one_by_one(data)
        return TypedRecord([entry.resource for entry in entries if entry.resource is not None], ())

    def _one_by_one(self, data: bytes) -> TypedRecord:
        try:
            entries = self._raw.decode(data.removeprefix(b"\xef\xbb\xbf")).entry
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise GuidewayError(f"This is no FHIR Bundle in JSON: {error}.") from None
        kept: list[Decoded] = []
        skipped: list[Skipped] = []
        for index, entry in enumerate(entries):
            if not bytes(entry.resource):
                continue
            try:
                kept.append(self._resource.decode(entry.resource))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ArithmeticError) as error:
                skipped.append(Skipped(index, str(error)))
        return TypedRecord(kept, skipped)


class TypedRecord:
    """One patient's decoded data; implements ``DataSource`` for typed programs. ``skipped`` lists what could not be decoded."""

    __slots__ = ("_decoded", "_indexes", "_kinds", "skipped")

    def __init__(self, resources: Iterable[Decoded], skipped: Sequence[Skipped]) -> None:
        decoded: dict[type[Decoded], list[Decoded]] = {}
        for resource in resources:
            kind = type(resource)
            if kind in decoded:
                decoded[kind].append(resource)
            else:
                decoded[kind] = [resource]
        self._decoded = {cls.__struct_config__.tag: found for cls, found in decoded.items()}
        self._kinds: dict[str, list[FhirObject]] = {}
        self._indexes: dict[tuple[str, str], _Index] = {}
        self.skipped = tuple(skipped)

    def _of(self, kind: str) -> list[FhirObject]:
        found = self._kinds.get(kind)
        if found is None:
            resources: list[Any] = self._decoded.get(kind, [])
            found = self._kinds[kind] = [FhirObject(kind, resource) for resource in resources]
        return found

    def subject(self) -> FhirObject | None:
        """The patient."""
        found = self._of("Patient")
        return found[0] if found else None

    def retrieve(
        self,
        type_name: str,
        *,
        code_path: str | None = None,
        codes: CodeSet | None = None,
        context: str | FhirObject | None = "Patient",
        template_id: str | None = None,
    ) -> Sequence[FhirObject]:
        """The resources of a type, and with one of the codes; see ``DataSource``. All data are one patient's."""
        if isinstance(context, FhirObject) or (context in UNFILTERED and len(self._of("Patient")) > 1):
            raise NotDecoded("the typed backend holds the data of one patient only")
        found = self._of(type_name)
        if codes is None or not found:
            return found
        key = (type_name, code_path or "code")
        index = self._indexes.get(key)
        if index is None:
            index = self._indexes[key] = _Index(found, key[1])
        return [found[position] for position in index.find(codes)]

    def resolve(self, reference: str) -> FhirObject | None:
        """The resource that a relative reference names."""
        kind, _, name = reference.rpartition("/")
        return next((o for o in self._of(kind.rpartition("/")[2]) if o.id == name), None)


class _Index:
    """The codes at one path of the resources of one type."""

    __slots__ = ("bare", "coded")

    def __init__(self, found: list[FhirObject], path: str) -> None:
        self.coded: dict[tuple[str, str], list[int]] = {}
        self.bare: dict[str, list[int]] = {}
        names = [attribute(key) for key in (path, f"{path}CodeableConcept", f"{path}Coding")]
        names = [name for name in names if hasattr(found[0].data, name)]
        read = attrgetter(names[0]) if names else None
        coded = self.coded
        for position, item in enumerate(found):
            concept = read(item.data) if read is not None else None
            for name in names[1:] if concept is None else ():
                concept = concept or getattr(item.data, name)
            if concept is not None and hasattr(concept, "coding"):
                for coding in concept.coding or ():
                    key = (coding.system, coding.code)
                    if key in coded:
                        coded[key].append(position)
                    elif None not in key:
                        coded[key] = [position]
            elif concept is not None or not names:
                for system, code in codings(msgspec.to_builtins(item.data), path):
                    if system is None:
                        self.bare.setdefault(code, []).append(position)
                    else:
                        self.coded.setdefault((system, code), []).append(position)

    def find(self, codes: CodeSet) -> list[int]:
        """The positions of the resources with one of the codes, ascending."""
        positions: set[int] = set()
        for key, places in self.coded.items():
            if key in codes:
                positions.update(places)
        if self.bare:
            for _, code in codes:
                positions.update(self.bare.get(code, ()))
        return sorted(positions)


# ---- programs ----------------------------------------------------------------------------------------------------------


class TypedProgram(NamedTuple):
    """A decoder and the program that reads what it decodes."""

    decoder: Decoder
    program: Program
    layout: Layout


def compile_typed(
    libraries: Sequence[nodes.Library], wanted: Iterable[tuple[str, str]], *, models: Iterable[ModelInfo] = ()
) -> TypedProgram:
    """A typed program for the defines ``(library, name)``.

    Raises GuidewayError where the logic compares values of types that its ELM does not tell: then only the plain program is safe.
    """
    from guideway.engine.compiler import compile_library

    environment = Environment(libraries, models)
    requirements = requirements_of(environment, wanted)
    if requirements.unclear:
        where = ", ".join(requirements.unclear[:3])
        raise GuidewayError(f"The data cannot be decoded by type: the ELM does not say what is compared at {where}.")
    layouts = _Layouts(requirements)
    layout = layouts.layout()
    compiled = [compile_library(environment, info, layout=layout) for info in environment.libraries.values()]
    return TypedProgram(Decoder(layouts.classes()), Program(compiled, None, NAMES), layout)


__all__ = ["Decoder", "NotDecoded", "TypedProgram", "TypedRecord", "compile_typed"]
