"""What the generator knows before it writes: the libraries and how they refer to one another, models, and static types.

Types come from the translator (``node.result_type``). ELM of other translators may not carry them; then they are worked out here
as far as that is cheap, and where they stay unknown the generated code decides when it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

from guideway.diagnostics import GuidewayError
from guideway.elm import nodes, types
from guideway.engine.closed import Closed
from guideway.fhir.modelinfo import ModelInfo, builtin, split_type

FHIR_URI = "http://hl7.org/fhir"

_BOOLEAN_NODES = """
And Or Not Xor Implies Exists IsNull IsTrue IsFalse Is Equal NotEqual Equivalent Less LessOrEqual Greater GreaterOrEqual In
Contains Includes IncludedIn ProperIn ProperContains ProperIncludes ProperIncludedIn Before After SameAs SameOrBefore
SameOrAfter Meets MeetsBefore MeetsAfter Overlaps OverlapsBefore OverlapsAfter Starts Ends StartsWith EndsWith Matches AllTrue
AnyTrue InValueSet AnyInValueSet InCodeSystem AnyInCodeSystem CanConvert CanConvertQuantity Subsumes SubsumedBy ToBoolean
ConvertsToBoolean ConvertsToDate ConvertsToDateTime ConvertsToDecimal ConvertsToInteger ConvertsToLong ConvertsToQuantity
ConvertsToRatio ConvertsToString ConvertsToTime
"""
_NAMED: dict[str, types.Type] = {
    **dict.fromkeys(_BOOLEAN_NODES.split(), types.BOOLEAN),
    "ToString": types.STRING, "ToInteger": types.INTEGER, "ToLong": types.LONG, "ToDecimal": types.DECIMAL, "ToDate": types.DATE,
    "ToDateTime": types.DATETIME, "ToTime": types.TIME, "ToQuantity": types.QUANTITY, "ToRatio": types.RATIO,
    "ToConcept": types.CONCEPT, "ConvertQuantity": types.QUANTITY, "Concatenate": types.STRING, "Combine": types.STRING,
    "Upper": types.STRING, "Lower": types.STRING, "Substring": types.STRING, "ReplaceMatches": types.STRING,
    "Count": types.INTEGER, "Length": types.INTEGER, "PositionOf": types.INTEGER, "LastPositionOf": types.INTEGER,
    "IndexOf": types.INTEGER, "DurationBetween": types.INTEGER, "DifferenceBetween": types.INTEGER,
    "DateTimeComponentFrom": types.INTEGER, "CalculateAge": types.INTEGER, "CalculateAgeAt": types.INTEGER,
    "Quantity": types.QUANTITY, "Ratio": types.RATIO, "Code": types.CODE, "Concept": types.CONCEPT, "CodeRef": types.CODE,
    "ConceptRef": types.CONCEPT, "CodeSystemRef": types.CODESYSTEM, "Now": types.DATETIME, "Today": types.DATE,
    "DateTime": types.DATETIME, "Date": types.DATE, "Time": types.TIME, "TimeOfDay": types.TIME, "DateFrom": types.DATE,
    "TimeFrom": types.TIME, "TimezoneOffsetFrom": types.DECIMAL,
}  # fmt: skip


class LibraryInfo:
    """One library and what can be referred to in it."""

    def __init__(self, library: nodes.Library) -> None:
        identifier = library.identifier or nodes.VersionedIdentifier()
        self.library = library
        self.name = identifier.id or "Anonymous"
        self.version = identifier.version
        self.key = library_key(self.name, self.version)
        self.defines: dict[str, nodes.ExpressionDef] = {}
        self.functions: dict[str, list[nodes.FunctionDef]] = {}
        for statement in library.statements:
            if isinstance(statement, nodes.FunctionDef):
                self.functions.setdefault(statement.name or "", []).append(statement)
            else:
                self.defines.setdefault(statement.name or "", statement)
        self.parameters = {d.name or "": d for d in library.parameters}
        self.code_systems = {d.name or "": d for d in library.codeSystems}
        self.value_sets = {d.name or "": d for d in library.valueSets}
        self.codes = {d.name or "": d for d in library.codes}
        self.concepts = {d.name or "": d for d in library.concepts}
        self.includes = {d.localIdentifier or d.path or "": d for d in library.includes}


def library_key(name: str, version: str | None) -> str:
    """How programs name a library: ``Name|1.0.0``, or ``Name``."""
    return f"{name}|{version}" if version else name


class Environment:
    """The libraries of a program and the models they use."""

    def __init__(self, libraries: Sequence[nodes.Library], models: Iterable[ModelInfo] = ()) -> None:
        self.libraries: dict[str, LibraryInfo] = {}
        self._by_name: dict[str, list[LibraryInfo]] = {}
        for library in libraries:
            info = LibraryInfo(library)
            if info.key in self.libraries:
                continue
            self.libraries[info.key] = info
            self._by_name.setdefault(info.name, []).append(info)
        self.fhir = builtin("FHIR", "4.0.1")
        self.models: dict[str, ModelInfo] = {model.url: model for model in (self.fhir, *models)}
        self.closed = Closed()
        self._inferred: dict[int, tuple[Any, types.Type | None]] = {}

    def included(self, info: LibraryInfo, alias: str) -> LibraryInfo:
        """The library that ``alias`` names inside ``info``. Raises GuidewayError where it is not part of the program."""
        include = info.includes.get(alias)
        if include is None:
            raise GuidewayError(f"Library {info.name}: no included library is called {alias!r}.")
        path = include.path or alias
        for name in (path, path.rpartition("/")[2], path.rpartition(".")[2]):
            found = self.libraries.get(library_key(name, include.version))
            if found is not None:
                return found
            candidates = self._by_name.get(name, [])
            if include.version is None and candidates:
                return candidates[-1]
        wanted = path if include.version is None else f"{path} version '{include.version}'"
        raise GuidewayError(f"Library {info.name}: the included library {wanted} is not at hand; give its ELM or its CQL.")

    # ---- models --------------------------------------------------------------------------------------------------------

    def fhir_name(self, type_: types.Type | None) -> str | None:
        """``Observation`` for the FHIR model's type of that name; None for every other type."""
        if isinstance(type_, types.NamedType) and type_.uri == FHIR_URI:
            return type_.local_name
        return None

    def resource_type(self, qname: str | None) -> str:
        """The FHIR resource type behind the data type of a retrieve, which may be a profile of another model."""
        type_ = types.NamedType(qname or "")
        if type_.uri == FHIR_URI:
            return type_.local_name
        model = self.models.get(type_.uri)
        if model is not None:
            name: str | None = model.qualified(type_.local_name)
            while name is not None:
                info = model.types.get(name)
                if info is None:
                    break
                if info.target:
                    return info.target.rpartition(".")[2] if info.target.count(".") == 1 else info.target.partition(".")[2]
                if f"FHIR.{name.partition('.')[2]}" in self.fhir.types:
                    return name.partition(".")[2]
                name = info.base
        return type_.local_name

    def element_type(self, type_: types.Type | None, path: str) -> types.Type | None:
        """The static type of an element, where the type of its owner is known."""
        if type_ is None:
            return None
        if isinstance(type_, types.TupleType):
            return type_.element(path)
        if isinstance(type_, types.IntervalType):
            return type_.point if path in ("low", "high") else types.BOOLEAN
        if isinstance(type_, types.NamedType):
            system = types.SYSTEM_ELEMENTS.get(type_)
            if system is not None:
                return system.get(path)
            model = self.models.get(type_.uri)
            element = model.element(type_.local_name, path) if model is not None else None
            if model is not None and element is not None:
                return type_of_expression(model, element.type)
        return None

    # ---- static types --------------------------------------------------------------------------------------------------

    def type_of(self, node: Any, info: LibraryInfo) -> types.Type | None:
        """The static type of an expression outside of any query scope; None where it is not known."""
        if node is None:
            return None
        if node.result_type is not None:
            found: types.Type = node.result_type
            return found
        key = id(node)
        if key not in self._inferred:
            self._inferred[key] = node, None  # a circle of references ends here; the node is kept, so its id stays its own
            self._inferred[key] = node, self._infer(node, info)
        return self._inferred[key][1]

    def _infer(self, node: Any, info: LibraryInfo) -> types.Type | None:
        name = type(node).__name__
        if name in _NAMED:
            return _NAMED[name]
        match node:
            case nodes.Literal(valueType=str(qname)) | nodes.Null(valueType=str(qname)):
                return types.NamedType(qname)
            case nodes.Instance(classType=str(qname)):
                return types.NamedType(qname)
            case nodes.Retrieve(dataType=str(qname)):
                return types.ListType(types.NamedType(qname))
            case nodes.As():
                return self.named_or_specified(node.asType, node.asTypeSpecifier)
            case nodes.Convert():
                return self.named_or_specified(node.toType, node.toTypeSpecifier)
            case nodes.FunctionRef():
                owner = self.included(info, node.libraryName) if node.libraryName else info
                candidates = [f for f in owner.functions.get(node.name or "", []) if len(f.operand) == len(node.operand)]
                found = {self.type_of(f.expression, owner) or declared(f) for f in candidates}
                return found.pop() if len(found) == 1 else None
            case nodes.ExpressionRef():
                owner = self.included(info, node.libraryName) if node.libraryName else info
                definition = owner.defines.get(node.name or "")
                return None if definition is None else definition.result_type or self.type_of(definition.expression, owner)
            case nodes.ParameterRef():
                owner = self.included(info, node.libraryName) if node.libraryName else info
                parameter = owner.parameters.get(node.name or "")
                if parameter is None:
                    return None
                return self.named_or_specified(parameter.parameterType, parameter.parameterTypeSpecifier)
            case nodes.First() | nodes.Last() | nodes.SingletonFrom():
                source = self.type_of(node.operand if isinstance(node, nodes.SingletonFrom) else node.source, info)
                return source.element if isinstance(source, types.ListType) else None
            case nodes.Query():
                return self.query_type(node, info, lambda part: self.type_of(part, info))
            case nodes.Property() if node.source is not None and node.path and node.path.isidentifier():
                return self.element_type(self.type_of(node.source, info), node.path)
        return inferred(node, lambda part: self.type_of(part, info))

    def query_type(self, query: nodes.Query, info: LibraryInfo, type_of: Callable[[Any], types.Type | None]) -> types.Type | None:
        """The static type of a query; ``type_of`` knows the scope around it."""
        if query.aggregate is not None:
            return None
        sources = {source.alias: type_of(source.expression) for source in query.source}
        if query.return_ is None:
            return next(iter(sources.values())) if len(sources) == 1 else None
        rows = {alias: type_.element if isinstance(type_, types.ListType) else type_ for alias, type_ in sources.items()}
        lets = {let.identifier: let.expression for let in query.let}

        def inside(node: Any) -> types.Type | None:
            if node is None or node.result_type is not None:
                return None if node is None else node.result_type
            match node:
                case nodes.AliasRef(name=str(name)) if name in rows:
                    return rows[name]
                case nodes.QueryLetRef(name=str(name)) if name in lets:
                    return inside(lets[name])
                case nodes.Property(path=str(path), source=None) if node.scope in rows and path.isidentifier():
                    return self.element_type(rows[node.scope], path)
                case nodes.AliasRef() | nodes.QueryLetRef() | nodes.OperandRef() | nodes.Property(source=None):
                    return type_of(node)
                case nodes.Property(path=str(path)) if path.isidentifier():
                    return self.element_type(inside(node.source), path)
                case nodes.Query():
                    return self.query_type(node, info, inside)
            if type(node) in _SCOPELESS or type(node).__name__ in _NAMED:
                return self.type_of(node, info)
            return inferred(node, inside)

        made = inside(query.return_.expression)
        plural = any(isinstance(type_, types.ListType) for type_ in sources.values())
        if made is None or any(type_ is None for type_ in sources.values()):
            return None
        return types.ListType(made) if plural else made

    def named_or_specified(self, name: str | None, specifier: nodes.TypeSpecifier | None) -> types.Type | None:
        """The type that an attribute or its specifier element names."""
        if specifier is not None:
            return types.from_specifier(specifier)
        return types.NamedType(name) if name else None

    def type_test(self, type_: types.Type | None) -> Any:
        """The run-time test for a type, as ``guideway.engine.typetests`` reads it."""
        match type_:
            case None:
                return None
            case types.NamedType():
                if type_ == types.ANY:
                    return None
                if type_.uri in (types.SYSTEM_URI, ""):
                    return type_.local_name
                return ("fhir", tuple(sorted(descendants(self.resource_type(type_.name)))))
            case types.ListType(element):
                return ("list", self.type_test(element))
            case types.IntervalType(point):
                return ("interval", self.type_test(point))
            case types.TupleType(elements):
                return ("tuple", tuple((name, self.type_test(part)) for name, part in elements))
            case types.ChoiceType(choices):
                return ("choice", tuple(self.type_test(choice) for choice in choices))
        return None


_SCOPELESS = (
    nodes.Literal, nodes.Null, nodes.Instance, nodes.Retrieve, nodes.As, nodes.Convert, nodes.FunctionRef, nodes.ExpressionRef,
    nodes.ParameterRef,
)  # fmt: skip
"""Nodes whose type does not depend on the names in scope, whatever stands inside them."""


def inferred(node: Any, type_of: Callable[[Any], types.Type | None]) -> types.Type | None:
    """The static type of a node that follows from those of its parts; ELM need not carry any."""
    match node:
        case nodes.If():
            return type_of(node.then)
        case nodes.List():
            element = (
                types.from_specifier(node.typeSpecifier) if node.typeSpecifier is not None else _common(node.element, type_of)
            )
            return None if element is None else types.ListType(element)
        case nodes.Interval():
            point = _common([bound for bound in (node.low, node.high) if bound is not None], type_of)
            return None if point is None else types.IntervalType(point)
        case nodes.Start() | nodes.End() | nodes.PointFrom():
            interval = type_of(node.operand)
            return interval.point if isinstance(interval, types.IntervalType) else None
        case nodes.Add() | nodes.Subtract():
            while isinstance(node, (nodes.Add, nodes.Subtract)):
                node = node.operand[0]
            moment = type_of(node)
            return moment if moment in (types.DATE, types.DATETIME, types.TIME) else None
        case nodes.Min() | nodes.Max():
            source = type_of(node.source)
            return source.element if isinstance(source, types.ListType) else None
        case nodes.Distinct():
            return type_of(node.operand)
        case nodes.Union() | nodes.Intersect() | nodes.Except():
            return _common(node.operand, type_of)
    return None


def _common(parts: Sequence[Any], type_of: Callable[[Any], types.Type | None]) -> types.Type | None:
    """The one type of all parts that are no mere null; None where they differ or one is not known."""
    found = {type_of(part) for part in parts if not untyped_null(part)}
    return found.pop() if len(found) == 1 else None


def untyped_null(node: Any) -> bool:
    """Whether it is a mere null, which has no type."""
    while isinstance(node, nodes.As) and node.asType in (None, types.ANY.name) and node.asTypeSpecifier is None:
        node = node.operand
    if node is None:
        return True
    return isinstance(node, nodes.Null) and node.valueType in (None, types.ANY.name) and node.result_type in (None, types.ANY)


def declared(function: nodes.FunctionDef) -> types.Type | None:
    """The result type that a function was declared with (external functions have one and no body)."""
    found: types.Type | None = function.result_type
    return found


def operand_type(operand: nodes.OperandDef) -> types.Type | None:
    """The declared type of a function's operand."""
    if operand.operandTypeSpecifier is not None:
        return types.from_specifier(operand.operandTypeSpecifier)
    if operand.operandType is not None:
        return types.NamedType(operand.operandType)
    found: types.Type | None = operand.result_type
    return found


def type_of_expression(model: ModelInfo, expression: str) -> types.Type:
    """A model's type expression (``list<FHIR.Identifier>``) as a type."""
    kind, parts = split_type(expression)
    if kind == "named":
        return types.NamedType(model.qname(expression))
    inner = [type_of_expression(model, part) for part in parts]
    if kind == "list":
        return types.ListType(inner[0])
    if kind == "interval":
        return types.IntervalType(inner[0])
    return types.choice_of(inner)


@cache
def descendants(name: str) -> frozenset[str]:
    """A FHIR type and all types that derive from it."""
    found, pending = {name}, [name]
    below = _derived()
    while pending:
        for derived in below.get(pending.pop(), ()):
            if derived not in found:
                found.add(derived)
                pending.append(derived)
    return frozenset(found)


@cache
def _derived() -> dict[str, list[str]]:
    """FHIR type → the types that derive from it directly."""
    found: dict[str, list[str]] = {}
    for name, info in builtin("FHIR", "4.0.1").types.items():
        if info.base is not None:
            found.setdefault(info.base.partition(".")[2], []).append(name.partition(".")[2])
    return found
