"""What data a library reads, from its ELM: for each define the retrieves, data elements and FHIR elements it rests on.

Walks every definition once and then closes over references (expressions and functions, across libraries). The result serves
``$data-requirements``, the explanation (which excluded data would have been relevant), and the prefetch of services.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from guideway.elm import nodes
from guideway.elm.types import ChoiceType, ListType, NamedType
from guideway.guideline.compiled import DateFilter, DefineKey, Definition, Requirement
from guideway.guideline.date_filters import of_condition, of_retrieve
from guideway.guideline.elements import tags_of

FHIR_URI = "http://hl7.org/fhir"
_SKIPPED = frozenset({"annotation", "localId", "locator", "resultTypeName", "resultTypeSpecifier", "result_type", "signature"})


class _Facts(msgspec.Struct):
    """What one definition does by itself."""

    requirements: list[int] = []
    value_sets: list[str] = []
    """Those that it names, whether it retrieves by them or asks whether a code is in them."""
    shared: str | None = None
    """Its tag ``@shared``: what it does for all who call it, such as to read the names of drugs."""
    references: list[DefineKey] = []
    touched: list[tuple[str, str]] = []


class Analysis:
    """The facts of all libraries, closed over references."""

    def __init__(self, libraries: Sequence[nodes.Library]) -> None:
        self.requirements: list[Requirement] = []
        self._index: dict[Requirement, int] = {}
        self._facts: dict[DefineKey, _Facts] = {}
        self._libraries = {name_of(library): library for library in libraries}
        for library in libraries:
            self._library(library)

    def _body(self, library: str, reference: Any) -> tuple[str, Any, tuple[str, ...]] | None:
        """What a reference in a library refers to: its library, body and operands; None for what is overloaded or not there."""
        home = library
        if reference.libraryName:
            includes = self._libraries[library].includes if library in self._libraries else []
            home = next((base_name(i.path) for i in includes if i.localIdentifier == reference.libraryName), "")
        wanted = isinstance(reference, nodes.FunctionRef)
        count = len(reference.operand) if isinstance(reference, nodes.FunctionRef) else 0
        found = [
            s
            for s in (self._libraries[home].statements if home in self._libraries else ())
            if s.name == reference.name
            and isinstance(s, nodes.FunctionDef) == wanted
            and (not isinstance(s, nodes.FunctionDef) or len(s.operand) == count)
        ]
        if len(found) != 1 or found[0].expression is None or home == "FHIRHelpers":
            return None
        operands = found[0].operand if isinstance(found[0], nodes.FunctionDef) else []
        return home, found[0].expression, tuple(o.name or "" for o in operands)

    def definition(
        self, key: DefineKey, type_name: str | None, elements: frozenset[DefineKey], display: str | None = None
    ) -> Definition:
        """What is known of a define, and what people call it; ``elements`` are the data elements of all libraries."""
        reached = self.closure(key)
        requirements: dict[int, None] = {}
        for part in reached:
            facts = self._facts.get(part)
            if facts is not None:
                requirements |= dict.fromkeys(facts.requirements)
        return Definition(
            type=type_name,
            requirements=tuple(requirements),
            elements=tuple(part for part in reached if part in elements),
            display=display,
        )

    def must_support(self, key: DefineKey) -> tuple[tuple[str, str], ...]:
        """The (type, element path) pairs that a define touches, directly or through other defines, sorted."""
        return tuple(sorted({pair for part in self.closure(key) if part in self._facts for pair in self._facts[part].touched}))

    def value_sets(self, key: DefineKey) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The canonicals of the value sets that a define's logic names, in retrieves and elsewhere; and the tags ``@shared`` of
        what it calls, whose value sets say nothing about it (``shared_value_sets``). Both sorted."""
        parts = [self._facts[part] for part in self.closure(key, whole=False) if part in self._facts]
        urls = {url for facts in parts if facts.shared is None for url in facts.value_sets}
        return tuple(sorted(urls)), tuple(sorted({facts.shared for facts in parts if facts.shared is not None}))

    def shared_value_sets(self) -> dict[str, tuple[str, ...]]:
        """For each tag ``@shared`` the canonicals of the value sets that what bears it names."""
        found: dict[str, set[str]] = {}
        for key, facts in self._facts.items():
            if facts.shared is not None:
                parts = (self._facts[part] for part in self.closure(key) if part in self._facts)
                found.setdefault(facts.shared, set()).update(url for part in parts for url in part.value_sets)
        return {name: tuple(sorted(urls)) for name, urls in sorted(found.items())}

    def own_requirements(self, key: DefineKey) -> tuple[int, ...]:
        """What a define reads itself, not through others."""
        facts = self._facts.get(key)
        return tuple(dict.fromkeys(facts.requirements)) if facts is not None else ()

    def branches(self, elements: frozenset[DefineKey]) -> dict[str, dict[str, tuple[DefineKey, ...]]]:
        """For each choice (if, case), by library and locator: the data elements in the branches that an unknown condition passes
        over. A condition that is null goes the way of false, so nothing there is evaluated."""
        found: dict[str, dict[str, tuple[DefineKey, ...]]] = {}
        for name, library in self._libraries.items():
            aliases = {i.localIdentifier: base_name(i.path) for i in library.includes}
            for statement in library.statements:
                for node in walk(statement.expression) if statement.expression is not None else ():
                    if not isinstance(node, nodes.If | nodes.Case) or not node.locator:
                        continue
                    passed: list[Any] = [node.then] if isinstance(node, nodes.If) else [*node.caseItem, node.else_]
                    reached: dict[DefineKey, None] = {}
                    for part in (p for p in passed if p is not None):
                        for inner in walk(part):
                            if isinstance(inner, nodes.ExpressionRef) and inner.name is not None:
                                home = aliases.get(inner.libraryName) if inner.libraryName else name
                                if home is not None:
                                    reached |= dict.fromkeys(self.closure((home, inner.name)))
                    wanted = tuple(key for key in reached if key in elements)
                    if wanted:
                        found.setdefault(name, {})[node.locator] = wanted
        return found

    def closure(self, key: DefineKey, *, whole: bool = True) -> list[DefineKey]:
        """The define and everything it refers to, in the order of first use; not ``whole``: not below those shared."""
        reached: dict[DefineKey, None] = {}
        pending = [key]
        while pending:
            current = pending.pop()
            if current in reached:
                continue
            reached[current] = None
            facts = self._facts.get(current)
            if facts is not None and (whole or facts.shared is None):
                pending += reversed(facts.references)
        return list(reached)

    def _library(self, library: nodes.Library) -> None:
        name = name_of(library)
        aliases = {i.localIdentifier: base_name(i.path) for i in library.includes}
        for statement in library.statements:
            if statement.name is None:
                continue
            facts = self._facts.setdefault((name, statement.name), _Facts())
            facts.shared = dict(tags_of(statement.annotation)).get("shared") or facts.shared
            body = statement.expression
            if body is None:
                continue
            dates: dict[int, tuple[DateFilter, ...]] = {}
            for node, scopes in scoped(body):
                if isinstance(node, nodes.Query):
                    for source in (*node.source, *node.relationship):
                        condition = source.suchThat if isinstance(source, nodes.RelationshipClause) else node.where
                        dates[id(source.expression)] = of_condition(condition, source.alias, name, self._body)
                elif isinstance(node, nodes.FunctionRef) and any(isinstance(o, nodes.Retrieve) for o in node.operand):
                    dates |= self._dates_in_body(name, node)
                elif isinstance(node, nodes.Retrieve):
                    facts.requirements.append(self._requirement(node, name, aliases, dates.get(id(node), ())))
                elif isinstance(node, nodes.ValueSetRef):
                    url = value_set_url(self._home(node, name, aliases), node.name)
                    facts.value_sets += [url] if url is not None else []
                if isinstance(node, nodes.ExpressionRef):
                    target = aliases.get(node.libraryName, node.libraryName) if node.libraryName else name
                    if node.name is not None and target is not None:
                        facts.references.append((target, node.name))
                elif isinstance(node, nodes.Property) and node.path:
                    owner = scopes.get(node.scope) if node.scope else getattr(node.source, "result_type", None)
                    facts.touched += _touched(owner, node.path)
                elif isinstance(node, nodes.IdentifierRef) and node.name and not node.libraryName:
                    facts.touched += _touched(scopes.get(_SORTED), node.name)

    def _dates_in_body(self, library: str, call: nodes.FunctionRef) -> dict[int, tuple[DateFilter, ...]]:
        """By identity of the retrieves that a function is given: the dates that its body asks of their rows, where it uses
        them in one query alone."""
        found: dict[int, tuple[DateFilter, ...]] = {}
        known = self._body(library, call)
        home, body, names = known if known is not None else ("", None, ())
        inside = list(walk(body)) if body is not None else []
        used = [node.name for node in inside if isinstance(node, nodes.OperandRef)]
        for query in inside:
            for source in query.source if isinstance(query, nodes.Query) else ():
                rows = source.expression
                if isinstance(rows, nodes.OperandRef) and rows.name in names and used.count(rows.name) == 1:
                    given = call.operand[names.index(rows.name)]
                    found[id(given)] = of_condition(query.where, source.alias, home, self._body)
        return found

    def _requirement(
        self, node: nodes.Retrieve, library: str, aliases: dict[str | None, str], dates: tuple[DateFilter, ...]
    ) -> int:
        value_set, codes = self._codes(node.codes, library, aliases)
        requirement = Requirement(
            type=local_name(node.dataType or ""),
            code_path=node.codeProperty if node.codes is not None else None,
            value_set=value_set,
            codes=codes,
            dates=(*of_retrieve(node), *dates),
            template=node.templateId,
        )
        known = self._index.get(requirement)
        if known is None:
            known = self._index[requirement] = len(self.requirements)
            self.requirements.append(requirement)
        return known

    def _home(self, reference: Any, library: str, aliases: dict[str | None, str]) -> nodes.Library | None:
        """The library whose declarations a reference names."""
        alias = getattr(reference, "libraryName", None)
        return self._libraries.get(aliases.get(alias, "") if alias else library)

    def _codes(
        self, expression: nodes.Expression | None, library: str, aliases: dict[str | None, str]
    ) -> tuple[str | None, tuple[tuple[str | None, str], ...]]:
        if expression is None:
            return None, ()
        value_set: str | None = None
        codes: list[tuple[str | None, str]] = []
        for node in walk(expression):
            home = self._home(node, library, aliases)
            if isinstance(node, nodes.ValueSetRef):
                value_set = value_set_url(home, node.name) or value_set
            elif isinstance(node, nodes.CodeRef) and home is not None:
                code = next((c for c in home.codes if c.name == node.name), None)
                if code is not None and code.id is not None:
                    codes.append((_system_url(home, code), code.id))
        return value_set, tuple(codes)


def value_set_url(library: nodes.Library | None, name: str | None) -> str | None:
    """The canonical of a value set that a library declares under a local name."""
    if library is None:
        return None
    for declared in library.valueSets:
        if declared.name == name:
            return f"{declared.id}|{declared.version}" if declared.version else declared.id
    return None


def _system_url(library: nodes.Library, code: nodes.CodeDef) -> str | None:
    wanted = code.codeSystem.name if code.codeSystem is not None else None
    return next((s.id for s in library.codeSystems if s.name == wanted), None)


_SORTED = "$sorted"
"""In ``Scopes``: what a query gives, whose elements its sort expressions name."""


def _touched(owner: Any, path: str) -> Iterator[tuple[str, str]]:
    """(resource type, path) of an element, where its owner is FHIR data."""
    if isinstance(owner, ListType):
        owner = owner.element
    types = owner.choices if isinstance(owner, ChoiceType) else (owner,)
    for kind in types:
        if isinstance(kind, NamedType) and kind.uri == FHIR_URI:
            yield kind.local_name, path


def walk(node: Any) -> Iterator[Any]:
    """An ELM node and all nodes below it, in the order of the text."""
    pending = [node]
    while pending:
        current = pending.pop()
        if isinstance(current, msgspec.Struct):
            yield current
            children = [
                value
                for name in current.__struct_fields__
                if name not in _SKIPPED and isinstance(value := getattr(current, name), msgspec.Struct | list)
            ]
            pending += reversed(children)
        elif isinstance(current, list):
            pending += reversed(current)


Scopes = dict[str, Any]
"""Query aliases in sight, each with the type of its source."""


def scoped(node: Any) -> Iterator[tuple[Any, Scopes]]:
    """As ``walk``, each node with the query aliases it can see: a query's aliases inside the query only."""
    pending: list[tuple[Any, Scopes]] = [(node, {})]
    while pending:
        current, scopes = pending.pop()
        if isinstance(current, list):
            pending += [(item, scopes) for item in reversed(current)]
            continue
        if not isinstance(current, msgspec.Struct):
            continue
        yield current, scopes
        inside = scopes
        if isinstance(current, nodes.Query):
            inside = {**scopes, **{s.alias: _source_type(s) for s in current.source if s.alias}, _SORTED: current.result_type}
        elif isinstance(current, nodes.RelationshipClause) and current.alias:
            inside = {**scopes, current.alias: _source_type(current)}
        children = [
            (value, scopes if name in ("source", "expression") and inside is not scopes else inside)
            for name in current.__struct_fields__
            if name not in _SKIPPED and isinstance(value := getattr(current, name), msgspec.Struct | list)
        ]
        pending += reversed(children)


def _source_type(source: nodes.AliasedQuerySource) -> Any:
    return source.expression.result_type if source.expression is not None else None


def name_of(library: nodes.Library) -> str:
    """The library's name."""
    return (library.identifier.id if library.identifier is not None else None) or "?"


def base_name(path: str | None) -> str:
    """The name in an include's path, which may be qualified by a namespace."""
    return (path or "").rpartition("/")[2].rpartition(".")[2]


def local_name(qname: str) -> str:
    """``{http://hl7.org/fhir}Observation`` → ``Observation``."""
    return qname.rpartition("}")[2]
