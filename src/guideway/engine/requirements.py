"""What data a logic asks for: resource types with their filters, and the elements it reads (CQL 1.5 Author's Guide, "Data
Requirements"; FHIR R4 DataRequirement; Clinical Reasoning module, ``$data-requirements``).

Worked out from the ELM alone, following references from the defines that are wanted into all libraries. The result is plain data:
for ``$data-requirements``, for prefetch templates, and for a decoder that reads only what the logic touches.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from guideway.elm import nodes, types
from guideway.elm.recursion import deep_recursion
from guideway.engine.generator_types import Environment, LibraryInfo, operand_type


class CodeUse(NamedTuple):
    """A code that a retrieve filters by."""

    system: str | None
    code: str | None
    display: str | None = None


class DataRequirement(NamedTuple):
    """One kind of retrieve: resources of a type, with the filters that any of its places has.

    ``elements`` are the elements of the type that the logic reads (FHIR's ``mustSupport``); ``value_sets`` are canonicals, with
    ``|version`` where pinned; ``open_codes`` says that codes are worked out when the logic runs, so the filter is not known here.
    """

    type: str
    profile: str | None
    code_path: str | None
    value_sets: tuple[str, ...]
    codes: tuple[CodeUse, ...]
    date_path: str | None
    elements: tuple[str, ...]
    open_codes: bool = False


class Requirements(NamedTuple):
    """All that some defines ask for."""

    data: tuple[DataRequirement, ...]
    value_sets: tuple[str, ...]
    code_systems: tuple[str, ...]
    parameters: tuple[tuple[str, str, str], ...]
    """(library, name, type in words)"""
    libraries: tuple[str, ...]
    touched: dict[str, tuple[str, ...]]
    """FHIR type → the elements of it that are read, by their base names."""
    defines: tuple[tuple[str, str], ...]
    """(library, name) of every define that is reached"""
    whole: tuple[str, ...] = ()
    """FHIR data types whose values are compared as they are, so that all of their elements count."""
    unclear: tuple[str, ...] = ()
    """Where values are compared whose type is not known here (ELM without types), as ``Library 12:3-12:20``."""


def requirements_of(
    environment: Environment, wanted: Iterable[tuple[str, str]] | None = None, *, libraries: Sequence[str] | None = None
) -> Requirements:
    """What the defines ``(library, name)`` ask for; all defines of ``libraries`` (of all libraries) where none are named.

    ``library`` is a name or ``Name|version``.
    """
    collector = _Collector(environment)
    by_name = {info.name: info for info in environment.libraries.values()}
    with deep_recursion():
        if wanted is None:
            for info in environment.libraries.values():
                if libraries is None or info.name in libraries or info.key in libraries:
                    for definition in info.defines.values():
                        collector.define(info, definition)
        else:
            for library, name in wanted:
                owner = environment.libraries.get(library) or by_name[library]
                collector.define(owner, owner.defines[name])
        return collector.result()


def as_fhir(requirement: DataRequirement) -> dict[str, Any]:
    """A requirement as FHIR's DataRequirement."""
    out: dict[str, Any] = {"type": requirement.type}
    if requirement.profile:
        out["profile"] = [requirement.profile]
    if requirement.elements:
        out["mustSupport"] = list(requirement.elements)
    filters: list[dict[str, Any]] = [{"path": requirement.code_path, "valueSet": url} for url in requirement.value_sets]
    if requirement.codes:
        codings = [{k: v for k, v in code._asdict().items() if v is not None} for code in requirement.codes]
        filters.append({"path": requirement.code_path, "code": codings})
    if filters:
        out["codeFilter"] = filters
    if requirement.date_path:
        out["dateFilter"] = [{"path": requirement.date_path}]
    return out


Scope = dict[str, types.Type | None]
"""Aliases, lets and operands → their static types."""

_HEAD = frozenset(("annotation", "resultTypeSpecifier", "localId", "locator", "resultTypeName", "result_type", "signature"))


_COMPARING_NODES = """
Equal NotEqual Equivalent Distinct Union Intersect Except In Contains ProperIn ProperContains Includes IncludedIn ProperIncludes
ProperIncludedIn IndexOf Children Descendants Descendents Repeat Mode
"""
_COMPARING = frozenset(_COMPARING_NODES.split())


class _Collector:
    def __init__(self, environment: Environment) -> None:
        self.env = environment
        self.seen: set[int] = set()
        self.retrieves: dict[tuple[Any, ...], DataRequirement] = {}
        self.touched: dict[str, dict[str, None]] = {}
        self.value_sets: dict[str, None] = {}
        self.code_systems: dict[str, None] = {}
        self.parameters: dict[tuple[str, str, str], None] = {}
        self.libraries: dict[str, None] = {}
        self.defines: dict[tuple[str, str], None] = {}
        self.whole: dict[str, None] = {}
        self.unclear: dict[str, None] = {}

    def result(self) -> Requirements:
        data = []
        for requirement in self.retrieves.values():
            read: dict[str, None] = {}
            for name in self.supertypes(requirement.type):
                read.update(self.touched.get(name, {}))
            if requirement.code_path and (requirement.value_sets or requirement.codes or requirement.open_codes):
                read.setdefault(requirement.code_path)
            data.append(requirement._replace(elements=tuple(sorted(read))))
        data.sort(key=lambda d: (d.type, d.value_sets, d.codes, d.profile or ""))
        touched = {name: tuple(sorted(elements)) for name, elements in sorted(self.touched.items())}
        return Requirements(
            tuple(data), tuple(sorted(self.value_sets)), tuple(sorted(self.code_systems)), tuple(sorted(self.parameters)),
            tuple(self.libraries), touched, tuple(self.defines), tuple(sorted(self.whole)), tuple(self.unclear),
        )  # fmt: skip

    def supertypes(self, name: str) -> list[str]:
        return [t.partition(".")[2] for t in self.env.fhir.ancestors(f"FHIR.{name}")] or [name]

    def define(self, info: LibraryInfo, definition: nodes.ExpressionDef) -> None:
        if id(definition) in self.seen:
            return
        self.seen.add(id(definition))
        self.libraries.setdefault(info.key)
        scope: Scope = {}
        if isinstance(definition, nodes.FunctionDef):
            scope = {operand.name or "": operand_type(operand) for operand in definition.operand}
        else:
            self.defines.setdefault((info.name, definition.name or ""))
        self.walk(info, definition.expression, scope)

    # ---- the tree ------------------------------------------------------------------------------------------------------

    def walk(self, info: LibraryInfo, node: Any, scope: Scope) -> None:
        match node:
            case None | str() | bool() | int():
                return
            case list():
                for item in node:
                    self.walk(info, item, scope)
                return
            case nodes.Query():
                self.query(info, node, scope)
                return
            case nodes.Retrieve():
                self.retrieve(info, node)
            case nodes.FunctionRef():
                self.function(info, node, scope)
            case nodes.ExpressionRef():
                owner = self.env.included(info, node.libraryName) if node.libraryName else info
                found = owner.defines.get(node.name or "")
                if found is not None:
                    self.define(owner, found)
            case nodes.ParameterRef():
                owner = self.env.included(info, node.libraryName) if node.libraryName else info
                parameter = owner.parameters.get(node.name or "")
                if parameter is not None:
                    type_ = self.env.named_or_specified(parameter.parameterType, parameter.parameterTypeSpecifier)
                    self.parameters.setdefault((owner.name, node.name or "", str(type_ or "Any")))
                    self.walk(owner, parameter.default, {})
            case nodes.ValueSetRef():
                self.value_set(info, node)
            case nodes.CodeRef():
                self.code(info, node)
            case nodes.CodeSystemRef():
                owner = self.env.included(info, node.libraryName) if node.libraryName else info
                system = owner.code_systems.get(node.name or "")
                if system is not None and system.id:
                    self.code_systems.setdefault(system.id)
            case nodes.Property():
                self.property(info, node, scope)
            case _ if type(node).__name__ in _COMPARING:
                self.compared(info, node, scope)
        if isinstance(node, (nodes.Element, nodes.TupleElement, nodes.InstanceElement)):
            for name in node.__struct_fields__:
                if name not in _HEAD:
                    self.walk(info, getattr(node, name), scope)

    def compared(self, info: LibraryInfo, node: Any, scope: Scope) -> None:
        """Note the FHIR types whose values are compared, made distinct, or taken apart as a whole."""
        operands = getattr(node, "operand", None) or getattr(node, "source", None)
        for operand in operands if isinstance(operands, list) else [operands]:
            self.note_whole(info, node, self.type_of(info, operand, scope))

    def note_whole(self, info: LibraryInfo, node: Any, type_: types.Type | None) -> None:
        match type_:
            case None | types.NamedType(types.ANY.name) if not isinstance(node, nodes.Null):
                self.unclear.setdefault(f"{info.name} {getattr(node, 'locator', None) or type(node).__name__}")
            case types.NamedType() if type_.uri not in (types.SYSTEM_URI, ""):
                name = self.env.resource_type(type_.name)
                if not self.is_resource(name):
                    self.whole.setdefault(name)
            case types.ListType(element):
                self.note_whole(info, node, element)
            case types.IntervalType(point):
                self.note_whole(info, node, point)
            case types.ChoiceType(choices):
                for choice in choices:
                    self.note_whole(info, node, choice)
            case types.TupleType(elements):
                for _, element in elements:
                    self.note_whole(info, node, element)

    def is_resource(self, name: str) -> bool:
        return "FHIR.Resource" in self.env.fhir.ancestors(f"FHIR.{name}")

    def type_of(self, info: LibraryInfo, node: Any, scope: Scope) -> types.Type | None:
        if node is None:
            return None
        if node.result_type is not None:
            found: types.Type = node.result_type
            return found
        match node:
            case nodes.AliasRef() | nodes.QueryLetRef() | nodes.OperandRef() | nodes.IdentifierRef():
                return scope.get(node.name or "")
            case nodes.Property(path=str(path)):
                owner = scope.get(node.scope or "") if node.source is None else self.type_of(info, node.source, scope)
                return self.path_type(owner, path)
            case nodes.First() | nodes.Last() | nodes.SingletonFrom():
                source = self.type_of(info, getattr(node, "source", None) or getattr(node, "operand", None), scope)
                return source.element if isinstance(source, types.ListType) else None
        return self.env.type_of(node, info)

    def path_type(self, owner: types.Type | None, path: str) -> types.Type | None:
        for step in path.split("."):
            if isinstance(owner, types.ListType):
                owner = owner.element
            owner = self.env.element_type(owner, step.partition("[")[0])
        return owner

    def query(self, info: LibraryInfo, node: nodes.Query, scope: Scope) -> None:
        inner = dict(scope)

        def add(name: str | None, expression: Any) -> None:
            self.walk(info, expression, inner)
            type_ = self.type_of(info, expression, inner)
            inner[name or ""] = type_.element if isinstance(type_, types.ListType) else type_

        for source in node.source:
            add(source.alias, source.expression)
        for let in node.let:
            self.walk(info, let.expression, inner)
            inner[let.identifier or ""] = self.type_of(info, let.expression, inner)
        for clause in node.relationship:
            add(clause.alias, clause.expression)
            self.walk(info, clause.suchThat, inner)
        self.walk(info, node.where, inner)
        self.walk(info, node.return_, inner)
        if node.return_ is not None and node.return_.distinct:
            self.note_whole(info, node, self.type_of(info, node.return_.expression, inner))
        self.walk(info, node.aggregate, inner)
        if node.sort is not None:
            item = self.type_of(info, node.return_.expression, inner) if node.return_ else inner.get(node.source[0].alias or "")
            for by in node.sort.by:
                if isinstance(by, nodes.ByColumn):
                    self.touch(item, by.path or "")
                elif isinstance(by, nodes.ByExpression):
                    for name in _free_names(by.expression):
                        if name not in inner:
                            self.touch(item, name)
                    self.walk(info, by.expression, {**inner, "$this": item})

    def property(self, info: LibraryInfo, node: nodes.Property, scope: Scope) -> None:
        owner = scope.get(node.scope or "") if node.source is None else self.type_of(info, node.source, scope)
        for step in (node.path or "").split("."):
            name = step.partition("[")[0]
            owner = self.touch(owner, name)

    def touch(self, owner: types.Type | None, name: str) -> types.Type | None:
        """Note that an element is read; its type."""
        if isinstance(owner, types.ListType):
            owner = owner.element
        for type_ in owner.choices if isinstance(owner, types.ChoiceType) else (owner,):
            if isinstance(type_, types.NamedType) and type_.uri not in (types.SYSTEM_URI, ""):
                self.touched.setdefault(self.env.resource_type(type_.name), {}).setdefault(name)
        return self.env.element_type(owner, name)

    def function(self, info: LibraryInfo, node: nodes.FunctionRef, scope: Scope) -> None:
        owner = self.env.included(info, node.libraryName) if node.libraryName else info
        fitting = [f for f in owner.functions.get(node.name or "", ()) if len(f.operand) == len(node.operand)]
        if len(fitting) > 1:
            given: list[types.Type | None]
            if len(node.signature) == len(node.operand):
                given = [types.from_specifier(s) for s in node.signature]
            else:
                given = [self.type_of(info, operand, scope) for operand in node.operand]
            fitting = [f for f in fitting if [operand_type(o) for o in f.operand] == given] or fitting
        for function in fitting:
            self.define(owner, function)

    # ---- filters -------------------------------------------------------------------------------------------------------

    def retrieve(self, info: LibraryInfo, node: nodes.Retrieve) -> None:
        kind = self.env.resource_type(node.dataType)
        base = f"http://hl7.org/fhir/StructureDefinition/{kind}"
        profile = node.templateId if node.templateId and node.templateId != base else None
        filters: list[tuple[str | None, Any]] = [(node.codeProperty, node.codes)] if node.codes is not None else []
        filters += [(f.property, f.value) for f in node.codeFilter if f.value is not node.codes]
        value_sets: dict[str, None] = {}
        codes: dict[CodeUse, None] = {}
        open_codes = False
        path = None
        for property_, expression in filters[:1]:
            info_of_type = self.env.fhir.type(f"FHIR.{kind}")
            path = property_ or (info_of_type.primary_code_path if info_of_type else None)
            open_codes = not self.filter(info, expression, value_sets, codes)
        date_path = node.dateProperty or next((f.property for f in node.dateFilter if f.property), None)
        found = DataRequirement(kind, profile, path, tuple(value_sets), tuple(codes), date_path, (), open_codes)
        self.retrieves.setdefault(tuple(found), found)

    def filter(self, info: LibraryInfo, node: Any, value_sets: dict[str, None], codes: dict[CodeUse, None]) -> bool:
        """Collect the codes of a filter; false where they are only known when the logic runs."""
        match node:
            case nodes.ValueSetRef():
                canonical = self.value_set(info, node)
                if canonical:
                    value_sets.setdefault(canonical)
                return canonical is not None
            case nodes.ExpandValueSet() | nodes.ToList() | nodes.ToConcept():
                return self.filter(info, node.operand, value_sets, codes)
            case nodes.List():
                known = [self.filter(info, item, value_sets, codes) for item in node.element]
                return all(known)
            case nodes.CodeRef():
                code = self.code(info, node)
                if code is not None:
                    codes.setdefault(code)
                return code is not None
            case nodes.ConceptRef():
                owner = self.env.included(info, node.libraryName) if node.libraryName else info
                concept = owner.concepts.get(node.name or "")
                known = [self.filter(owner, code, value_sets, codes) for code in concept.code] if concept is not None else [False]
                return all(known)
            case nodes.Property(path="codes" | "code"):
                return self.filter(info, node.source, value_sets, codes)
            case nodes.ExpressionRef() if not isinstance(node, nodes.FunctionRef):
                owner = self.env.included(info, node.libraryName) if node.libraryName else info
                definition = owner.defines.get(node.name or "")
                return definition is not None and self.filter(owner, definition.expression, value_sets, codes)
        return False

    def value_set(self, info: LibraryInfo, node: nodes.ValueSetRef) -> str | None:
        owner = self.env.included(info, node.libraryName) if node.libraryName else info
        found = owner.value_sets.get(node.name or "")
        if found is None or not found.id:
            return None
        canonical = f"{found.id}|{found.version}" if found.version else found.id
        self.value_sets.setdefault(canonical)
        return canonical

    def code(self, info: LibraryInfo, node: nodes.CodeRef) -> CodeUse | None:
        owner = self.env.included(info, node.libraryName) if node.libraryName else info
        found = owner.codes.get(node.name or "")
        if found is None:
            return None
        system = None
        if found.codeSystem is not None:
            holder = self.env.included(owner, found.codeSystem.libraryName) if found.codeSystem.libraryName else owner
            definition = holder.code_systems.get(found.codeSystem.name or "")
            system = definition.id if definition is not None else None
            if system:
                self.code_systems.setdefault(system)
        return CodeUse(system, found.id, found.display)


def _free_names(node: Any) -> list[str]:
    """The names of the IdentifierRefs in a sort expression."""
    found: list[str] = []
    pending = [node]
    while pending:
        item = pending.pop()
        if isinstance(item, list):
            pending.extend(item)
        elif isinstance(item, nodes.IdentifierRef):
            if item.libraryName is None and item.name:
                found.append(item.name)
        elif isinstance(item, (nodes.Element, nodes.TupleElement, nodes.InstanceElement)):
            pending.extend(getattr(item, name) for name in item.__struct_fields__ if name not in _HEAD)
    return found
