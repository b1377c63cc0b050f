"""What the types of the models in use know of each other: bases, elements, subtypes, and model-defined conversions.

Takes ``guideway.fhir.modelinfo.ModelInfo`` values, whose types are written as expressions (``list<FHIR.Identifier>``), and
answers in ``guideway.elm.types``. CQL 1.5 Author's Guide, "Types", and Developer's Guide, "Data Model".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from guideway.elm.types import (
    ANY,
    BOOLEAN,
    DATETIME,
    QUANTITY,
    STRING,
    SYSTEM_BASES,
    SYSTEM_ELEMENTS,
    SYSTEM_TYPES,
    SYSTEM_URI,
    ChoiceType,
    IntervalType,
    ListType,
    NamedType,
    TupleType,
    Type,
    choice_of,
)
from guideway.fhir.modelinfo import ModelInfo, TypeInfo, split_type


class ErrorType(NamedType, frozen=True):
    """The type of an expression that could not be translated: equal to nothing else; accepted everywhere, so that one mistake
    is reported once."""

    def __str__(self) -> str:
        return "unknown"


ERROR: Type = ErrorType(ANY.name)


class ElementType(msgspec.Struct, frozen=True):
    """An element: its type, and for profile-informed models how it maps onto the base model (``%value.value``)."""

    type: Type
    target: str | None = None


class ModelConversion(msgspec.Struct, frozen=True):
    """An implicit conversion that a model defines: ``library.function`` makes ``to`` of ``from_``."""

    from_: NamedType
    to: Type
    library: str
    function: str


class TypeSystem:
    """All types of the System model and of the given models."""

    def __init__(self, models: Iterable[ModelInfo] = ()) -> None:
        self.models: dict[str, ModelInfo] = {}
        self._by_uri: dict[str, ModelInfo] = {}
        self._parsed: dict[str, Type] = {}
        self._targets: dict[NamedType, str] = {}
        self._ancestors: dict[NamedType, tuple[Type, ...]] = {}
        self._subtypes: dict[tuple[Type, Type], bool] = {}
        self._conversions: dict[NamedType, list[ModelConversion]] = {}
        for model in models:
            self.add(model)

    def add(self, model: ModelInfo) -> None:
        """Register one more model."""
        if model.name in self.models or model.name == "System":
            return
        self.models[model.name] = model
        self._by_uri[model.url] = model
        for remembered in (self._parsed, self._targets, self._ancestors, self._subtypes):
            remembered.clear()
        for conversion in model.conversions:
            from_ = self.parse(conversion.from_type)
            library, _, function = conversion.function.rpartition(".")
            if isinstance(from_, NamedType):
                found = ModelConversion(from_, self.parse(conversion.to_type), library, function)
                self._conversions.setdefault(from_, []).append(found)

    # ---- names ---------------------------------------------------------------------------------------------------------

    def parse(self, expression: str) -> Type:
        """The type that a type expression of a model info names; System's Any for names that no model knows."""
        found = self._parsed.get(expression)
        if found is None:
            kind, parts = split_type(expression)
            if kind == "list":
                found = ListType(self.parse(parts[0]))
            elif kind == "interval":
                found = IntervalType(self.parse(parts[0]))
            elif kind == "choice":
                found = choice_of(self.parse(part) for part in parts)
            else:
                found = self.named(expression) or ANY
            self._parsed[expression] = found
        return found

    def named(self, qualified: str) -> NamedType | None:
        """The type called ``Model.Name``, or None."""
        model_name, _, name = qualified.partition(".")
        if model_name == "System":
            return SYSTEM_TYPES.get(name)
        model = self.models.get(model_name)
        if model is None or qualified not in model.types:
            return None
        return NamedType(f"{{{model.url}}}{name}")

    def model_of(self, type_: Type) -> ModelInfo | None:
        """The model that defines a named type; None for the System model."""
        return self._by_uri.get(type_.uri) if isinstance(type_, NamedType) else None

    def info(self, type_: Type) -> TypeInfo | None:
        """What the model says of a named type; None for types of the System model and unknown ones."""
        model = self.model_of(type_)
        if model is None or not isinstance(type_, NamedType):
            return None
        return model.types.get(f"{model.name}.{type_.local_name}")

    def display(self, type_: Type) -> str:
        """How messages name a type: System types bare, others with their model."""
        match type_:
            case ErrorType():
                return "unknown"
            case NamedType():
                model = self.model_of(type_)
                return f"{model.name}.{type_.local_name}" if model is not None else type_.local_name
            case ListType(element):
                return f"List<{self.display(element)}>"
            case IntervalType(point):
                return f"Interval<{self.display(point)}>"
            case TupleType(elements):
                return "Tuple{" + ", ".join(f"{n} {self.display(t)}" for n, t in elements) + "}"
            case ChoiceType(choices):
                return "Choice<" + ", ".join(self.display(t) for t in choices) + ">"
        return str(type_)

    def target_name(self, type_: NamedType) -> str:
        """The QName by which data of this type is known at run time: a profile-informed type stands for a base type."""
        found = self._targets.get(type_)
        if found is None:
            found = self._targets[type_] = self._target_name(type_)
        return found

    def _target_name(self, type_: NamedType) -> str:
        model = self.model_of(type_)
        info = self.info(type_)
        if model is None or info is None or model.target_url is None:
            return type_.name
        name = info.target or info.name.partition(".")[2]
        return f"{{{model.target_url}}}{name.rpartition('.')[2] if name.startswith(model.name + '.') else name}"

    def twin(self, type_: NamedType) -> NamedType | None:
        """The type of the base model that a profile-informed type stands for; None for types of other models."""
        model = self.model_of(type_)
        return NamedType(self.target_name(type_)) if model is not None and model.target_url is not None else None

    # ---- bases ---------------------------------------------------------------------------------------------------------

    def base(self, type_: NamedType) -> Type | None:
        """The direct base of a named type; None for Any."""
        if type_ == ANY:
            return None
        if type_.uri == SYSTEM_URI:
            return SYSTEM_BASES.get(type_, ANY)
        info = self.info(type_)
        return ANY if info is None or info.base is None else self.parse(info.base)

    def ancestors(self, type_: NamedType) -> tuple[Type, ...]:
        """The bases of a named type, the nearest first; ends with Any."""
        found = self._ancestors.get(type_)
        if found is None:
            chain: list[Type] = []
            current = self.base(type_)
            while current is not None and current not in chain:
                chain.append(current)
                current = self.base(current) if isinstance(current, NamedType) else ANY
            found = self._ancestors[type_] = tuple(chain)
        return found

    def system_base(self, type_: Type) -> Type:
        """The System type that a model gives a name of its own (``statusReason`` is a Concept); other types as they are."""
        if not isinstance(type_, NamedType) or type_.uri == SYSTEM_URI:
            return type_
        for base in self.ancestors(type_):
            if isinstance(base, NamedType) and base.uri == SYSTEM_URI and base != ANY:
                return base
        return type_

    def is_subtype(self, type_: Type, of: Type) -> bool:
        """Whether every value of ``type_`` is a value of ``of``: the same type, a derived one, a member of a choice."""
        if type_ == of or of == ANY:
            return True
        key = (type_, of)
        found = self._subtypes.get(key)
        if found is None:
            found = self._subtypes[key] = self._is_subtype(type_, of)
        return found

    def _is_subtype(self, type_: Type, of: Type) -> bool:
        if isinstance(type_, ChoiceType):
            return all(self.is_subtype(choice, of) for choice in type_.choices)
        if isinstance(of, ChoiceType):
            return any(choice != ANY and self.is_subtype(type_, choice) for choice in of.choices)
        if isinstance(type_, NamedType):
            twin = self.twin(type_)
            return of in self.ancestors(type_) or (twin is not None and (twin == of or of in self.ancestors(twin)))
        if isinstance(type_, ListType) and isinstance(of, ListType):
            return self.is_subtype(type_.element, of.element)
        if isinstance(type_, IntervalType) and isinstance(of, IntervalType):
            return self.is_subtype(type_.point, of.point)
        if isinstance(type_, TupleType) and isinstance(of, TupleType):
            mine = dict(type_.elements)
            return len(mine) == len(of.elements) and all(n in mine and self.is_subtype(mine[n], t) for n, t in of.elements)
        return False

    def common_base(self, a: Type, b: Type) -> Type:
        """The nearest type that both are subtypes of; Any where there is nothing nearer."""
        if self.is_subtype(a, b):
            return b
        if self.is_subtype(b, a):
            return a
        if isinstance(a, NamedType) and isinstance(b, NamedType):
            others = (b, *self.ancestors(b))
            return next((t for t in self.ancestors(a) if t in others), ANY)
        if isinstance(a, ListType) and isinstance(b, ListType):
            return ListType(self.common_base(a.element, b.element))
        return ANY

    # ---- elements ------------------------------------------------------------------------------------------------------

    def elements(self, type_: Type) -> dict[str, ElementType]:
        """All elements of a type by name, inherited ones included; of a choice, the elements of all its members."""
        match type_:
            case NamedType():
                system = SYSTEM_ELEMENTS.get(type_)
                if system is not None:
                    return {name: ElementType(t) for name, t in system.items()}
                return self._model_elements(type_)
            case TupleType(elements):
                return {name: ElementType(t) for name, t in elements}
            case IntervalType(point):
                return {
                    "low": ElementType(point),
                    "lowClosed": ElementType(BOOLEAN),
                    "high": ElementType(point),
                    "highClosed": ElementType(BOOLEAN),
                }
            case ChoiceType(choices):
                found: dict[str, list[ElementType]] = {}
                for choice in choices:
                    for name, element in self.elements(choice).items():
                        found.setdefault(name, []).append(element)
                return {
                    n: ElementType(choice_of(e.type for e in es), es[0].target if len(es) == 1 else None)
                    for n, es in found.items()
                }
        return {}

    def element(self, type_: Type, name: str) -> ElementType | None:
        """One element of a type."""
        if isinstance(type_, NamedType):
            model = self.model_of(type_)
            if model is not None:
                info = model.element(f"{model.name}.{type_.local_name}", name)
                if info is not None:
                    return ElementType(self.parse(info.type), info.target)
                plain = self.system_base(type_)
                return self.element(plain, name) if plain != type_ else None
        return self.elements(type_).get(name)

    def _model_elements(self, type_: NamedType) -> dict[str, ElementType]:
        model = self.model_of(type_)
        if model is None:
            return {}
        known = model.elements(f"{model.name}.{type_.local_name}")
        if not known and (plain := self.system_base(type_)) != type_:
            return self.elements(plain)
        return {name: ElementType(self.parse(info.type), info.target) for name, info in known.items()}

    # ---- conversions ---------------------------------------------------------------------------------------------------

    def model_conversions(self, type_: Type) -> Iterator[ModelConversion]:
        """The conversions that a model defines for a type or, failing that, for its nearest base that has any."""
        if not isinstance(type_, NamedType) or type_.uri == SYSTEM_URI:
            return
        for candidate in (type_, *self.ancestors(type_)):
            found = self._conversions.get(candidate) if isinstance(candidate, NamedType) else None
            if found:
                yield from found
                return
        twin = self.twin(type_)
        if twin is not None and twin != type_:
            for known in self.model_conversions(twin):
                yield ModelConversion(type_, known.to, known.library, known.function)

    def is_simple(self, type_: Type) -> bool:
        """Whether a named type is a primitive of the System model, as against a class with elements."""
        return isinstance(type_, NamedType) and type_.uri == SYSTEM_URI and type_ not in SYSTEM_ELEMENTS

    def primitive(self, type_: Type) -> Type | None:
        """The System type of the ``value`` element of a primitive type of a model (``FHIR.dateTime`` → DateTime)."""
        if not isinstance(type_, NamedType) or type_.uri == SYSTEM_URI:
            return None
        value = self.element(type_, "value")
        if value is None or not isinstance(value.type, NamedType) or value.type.uri != SYSTEM_URI:
            return None
        return value.type


TEMPORAL = (DATETIME, SYSTEM_TYPES["Date"], SYSTEM_TYPES["Time"])
ORDERED = (*TEMPORAL, SYSTEM_TYPES["Integer"], SYSTEM_TYPES["Long"], SYSTEM_TYPES["Decimal"], STRING, QUANTITY)
