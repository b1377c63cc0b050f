"""A library's declarations: usings, includes, parameters, terminology, contexts, definitions, functions (CQL 1.5 Author's
Guide).

All names are entered first, so a definition may refer to a later one; a definition is translated when it is first referred
to or, at the latest, in its turn. A definition that needs itself is reported as circular.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from guideway.cql import converting, references, syntax, typenames, warnings
from guideway.cql.expressions import HANDLERS
from guideway.cql.scope import Frame, Function, LibrarySymbols, Local, Symbol, nearest
from guideway.cql.translation import Translation
from guideway.cql.typesystem import ERROR
from guideway.diagnostics import NOWHERE, Diagnostic, Severity
from guideway.elm import nodes as elm
from guideway.elm.types import ANY, CODE, CODESYSTEM, CONCEPT, SYSTEM_URI, VALUESET, ListType, NamedType, Type
from guideway.fhir.modelinfo import ModelInfo

if TYPE_CHECKING:
    from guideway.cql.libraries import Translated, Workspace

RECURSION = 12_000
"""Definitions refer to definitions: translating one on demand nests Python calls beyond the default limit."""

ON_DEMAND = 20
"""How many definitions may be translated inside one another before what they need is put in order first."""


@contextmanager
def _deep() -> Iterator[None]:
    before = sys.getrecursionlimit()
    if before < RECURSION:
        sys.setrecursionlimit(RECURSION)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def _place(finding: Diagnostic) -> tuple[int, int]:
    position = finding.position or NOWHERE
    return position.line, position.column


def translate_library(tree: syntax.Library, diagnostics: list[Diagnostic], workspace: Workspace) -> Translated:
    """The ELM of a library, with all findings; those of the parser are passed in and stand first."""
    from guideway.cql.libraries import Translated

    builder = LibraryBuilder(tree, workspace)
    with _deep():
        builder.build()
    found = list(dict.fromkeys([*diagnostics, *builder.t.diagnostics]))
    found.sort(key=_place)
    failed = any(d.severity is Severity.error for d in found)
    symbols = builder.t.symbols
    builder.close()
    return Translated(symbols, builder.library, found, failed)


class LibraryBuilder:
    """Builds one ELM library."""

    def __init__(self, tree: syntax.Library, workspace: Workspace) -> None:
        self.tree = tree
        self.workspace = workspace
        self.t = Translation(
            tree.source, HANDLERS, workspace.types, workspace.conversions, workspace.overloads, workspace.options
        )  # fmt: skip
        self.t.symbols = LibrarySymbols(tree.name, tree.version)
        self.t.declare = self.declare
        self.t.helpers = self.helpers
        self.t.helper_functions = self.helper_functions
        self.library = elm.Library(
            identifier=elm.VersionedIdentifier(id=tree.name, version=tree.version),
            schemaIdentifier=elm.VersionedIdentifier(id="urn:hl7-org:elm", version="r1"),
        )
        self.t.symbols.elm = self.library
        self._busy: set[int] = set()
        self._functions: dict[int, Function] = {}
        self._overloads: set[tuple[str, tuple[Type, ...]]] = set()
        self._depth = 0
        self._made: dict[int, Any] = {}
        self._contexts: dict[int, str] = {}
        self._context_defs: dict[str, elm.ExpressionDef] = {}
        self._helper_names: dict[str, str | None] = {}
        self._meant: dict[str, str] = {}

    # ---- the whole -----------------------------------------------------------------------------------------------------

    def build(self) -> None:
        """Declare everything, then translate everything in order."""
        t = self.t
        if self.tree.tags:
            self.library.annotation.append(_annotation(self.tree.tags))
        system = elm.UsingDef(localIdentifier="System", uri=SYSTEM_URI)
        self.library.usings.append(t.mark(system, self.tree, None))
        for definition in self.tree.definitions:
            if isinstance(definition, syntax.UsingDef):
                self.using(definition)
        for definition in self.tree.definitions:
            if isinstance(definition, syntax.IncludeDef):
                self.include(definition)
        context = t.context
        for definition in self.tree.definitions:
            if isinstance(definition, syntax.ContextDef):
                context = self.declare_context(definition)
            self._contexts[id(definition)] = context
            self.enter(definition, context)
        for definition in self.tree.definitions:
            self.translate(definition)
        self.library.contexts.sort(key=lambda c: int(c.localId or 0))
        if t.options.warnings:
            warnings.unused(t, self.tree)

    def close(self) -> None:
        """Let go of the tree and of what refers back here, so that memory is free at once and not when cycles are looked for."""
        for symbol in self.t.symbols.symbols.values():
            symbol.definition = None
        for functions in self.t.symbols.functions.values():
            for function in functions:
                function.definition = None
        self.t.declare = self.t.helpers = self.t.helper_functions = None  # type: ignore[assignment]

    def enter(self, definition: syntax.Definition, context: str) -> None:
        """Enter a declaration's name."""
        t = self.t
        kind = _KINDS.get(type(definition))
        if isinstance(definition, syntax.FunctionDef):
            self.enter_function(definition, context)
            return
        if kind is None:
            return
        if definition.name in t.symbols.symbols or (kind == "expression" and definition.name in t.symbols.functions):
            t.error("cql-duplicate-name", f"'{definition.name}' is declared twice in this library.", definition.identifier)
            self._made[id(definition)] = None
            return
        symbol = Symbol(
            kind, definition.name, _TYPES.get(kind), _access(definition), definition,
            context=context if kind == "expression" else None,
        )  # fmt: skip
        t.symbols.symbols[definition.name] = symbol

    def enter_function(self, definition: syntax.FunctionDef, context: str) -> None:
        """Enter a function; overloads of a name differ in their operands."""
        t = self.t
        operands = tuple(typenames.resolve(t, o.type) for o in definition.operands)
        result = typenames.resolve(t, definition.returns) if definition.returns is not None else None
        if definition.external and result is None:
            result = ERROR  # the parser has said that a result type is missing
        function = Function(
            definition.name, operands, tuple(o.name for o in definition.operands), result, _access(definition), definition.fluent,
            definition.external, definition, context,
        )  # fmt: skip
        known = t.symbols.functions.setdefault(definition.name, [])
        self._functions[id(definition)] = function
        if (definition.name, operands) in self._overloads and ERROR not in operands:
            shown = ", ".join(t.show(o) for o in operands)
            t.error("cql-duplicate-name", f"'{definition.name}' with operands ({shown}) is defined twice.", definition.identifier)
        if definition.name in t.symbols.symbols:
            t.error("cql-duplicate-name", f"'{definition.name}' is declared twice in this library.", definition.identifier)
        names = [o.name for o in definition.operands]
        for operand in definition.operands:
            if names.count(operand.name) > 1:
                t.error("cql-duplicate-name", f"'{operand.name}' names two operands.", operand.identifier)
                break
        self._overloads.add((definition.name, operands))
        known.append(function)

    def translate(self, definition: syntax.Definition) -> None:
        """Translate one declaration, unless that has been done on demand."""
        match definition:
            case syntax.FunctionDef():
                self.function(self._functions[id(definition)])
            case _ if type(definition) in _KINDS:
                symbol = self.t.symbols.symbols.get(definition.name)
                if symbol is not None and symbol.definition is definition and id(definition) not in self._made:
                    self.declare(symbol, definition)

    def declare(self, wanted: Symbol | Function, at: syntax.Node) -> None:
        """Translate what a symbol or function stands for, if that is still to be done."""
        if isinstance(wanted, Function):
            if wanted.result is None:
                self.function(wanted, at)
            return
        definition = wanted.definition
        if definition is None or id(definition) in self._made:
            return
        if id(definition) in self._busy:
            self.t.error("cql-circular-definition", f"'{wanted.name}' is defined by itself.", at)
            wanted.type = ERROR
            return
        if self._depth >= ON_DEMAND:
            self.needed_first(wanted)
        self._busy.add(id(definition))
        self._depth += 1
        outer = self.t.scope.frames, self.t.context, self.t._ready
        self.t.scope.frames, self.t.context, self.t._ready = [], self._contexts[id(definition)], {}
        try:
            made = _DECLARE[wanted.kind](self, definition, wanted)
        finally:
            self.t.scope.frames, self.t.context, self.t._ready = outer
            self._busy.discard(id(definition))
            self._depth -= 1
        self._made[id(definition)] = made
        wanted.node = made

    def needed_first(self, wanted: Symbol | Function) -> None:
        """Translate all that a declaration needs, the innermost first, without nesting: for long chains of definitions."""
        depth, self._depth = self._depth, 0
        seen = {id(wanted)}
        pending = [(wanted, self.needs(wanted))]
        while pending:
            current, needs = pending[-1]
            while needs:
                need = needs.pop()
                if id(need) not in seen:
                    seen.add(id(need))
                    pending.append((need, self.needs(need)))
                    break
            else:
                pending.pop()
                if current is not wanted and id(current.definition) not in self._busy:
                    self.declare(current, current.definition or self.tree)
        self._depth = depth

    def needs(self, wanted: Symbol | Function) -> list[Symbol | Function]:
        """The declarations of this library that a declaration mentions and that are still to be translated."""
        found: list[Symbol | Function] = []
        for node in warnings.walk(wanted.definition) if wanted.definition is not None else ():
            if isinstance(node, syntax.Name):
                symbol = self.t.symbols.symbols.get(node.name)
                if symbol is not None and symbol.kind == "expression":
                    found.append(symbol)
            elif isinstance(node, syntax.Call):
                found += self.t.symbols.functions.get(node.name, ())
        return [f for f in found if f.definition is not None and id(f.definition) not in self._made]

    # ---- usings and includes -------------------------------------------------------------------------------------------

    def using(self, node: syntax.UsingDef) -> None:
        """``using FHIR version '4.0.1'``."""
        from guideway.cql.libraries import Problem

        t = self.t
        local = node.alias.name if node.alias is not None else node.name
        if node.name == "System":
            return
        model = self.workspace.model(node.name, node.version)
        if isinstance(model, Problem):
            near = self._instead_of_model(node.name)
            hint = f"did you mean '{near.name}'?" if near is not None and near.name != node.name else model.hint
            t.error(model.rule, model.message, node, hint=hint)
            if near is None:
                t.lacks_model = True
                return
            t.models.setdefault(near.name, near)
            model = near
            if local == near.name:
                return
        if local in t.models:
            t.error("cql-duplicate-name", f"'{local}' is in use already.", node)
            return
        t.models[local] = model
        made = elm.UsingDef(localIdentifier=local, uri=model.url, version=node.version or model.version)
        self.library.usings.append(t.mark(made, node, None))

    def _instead_of_model(self, name: str) -> ModelInfo | None:
        """What goes on in place of an unknown model: another version of it, or the one of a near name."""
        from guideway.fhir.modelinfo import BUILTIN_VERSIONS

        for near in (name, nearest(name, [*self.workspace.given_models, *BUILTIN_VERSIONS])):
            found = self.workspace.model(near, None) if near is not None else None
            if isinstance(found, ModelInfo) and found.name != "System":
                return found
        return None

    def include(self, node: syntax.IncludeDef) -> None:
        """``include Common version '1.0' called C``."""
        from guideway.cql.libraries import Problem

        t = self.t
        if node.local_name in t.symbols.symbols:
            t.error(
                "cql-duplicate-name", f"'{node.local_name}' is declared twice in this library.", node.alias or node.identifier
            )
            return
        found = self.workspace.include(node.name, node.version)
        if isinstance(found, Problem):
            t.error(found.rule, found.message, node, hint=found.hint)
            t.symbols.symbols[node.local_name] = Symbol("include", node.local_name, definition=node, used=True)
            return
        if found.failed:
            file = found.diagnostics[0].file if found.diagnostics else None
            t.error("cql-included-error", f"Library {node.name} has errors of its own{f' ({file})' if file else ''}.", node)
        symbol = Symbol("include", node.local_name, definition=node, library=found.symbols)
        t.symbols.symbols[node.local_name] = symbol
        path = ".".join((*node.namespace, node.name))
        made = elm.IncludeDef(localIdentifier=node.local_name, path=path, version=node.version or found.symbols.version)
        made.mediaType = "application/elm+xml"
        symbol.node = t.mark(made, node, None)
        self.library.includes.append(made)

    def helpers(self, library: str) -> str | None:
        """The name by which this library includes a model's conversion library; included unasked where it is not."""
        if library == self.tree.name:
            return None
        if library in self._helper_names:
            return self._helper_names[library]
        name: str | None = None
        for symbol in self.t.symbols.symbols.values():
            if (
                symbol.kind == "include"
                and isinstance(symbol.definition, syntax.IncludeDef)
                and symbol.definition.name == library
            ):
                symbol.used = True
                name = symbol.name
        if name is None:
            name = self._include_unasked(library)
        self._helper_names[library] = name
        return name

    def helper_functions(self, library: str, name: str) -> list[Function]:
        """The overloads of a function of a model's conversion library."""
        if library == self.tree.name:
            return self.t.symbols.functions.get(name, [])
        known = self.workspace.find_done(library, None)
        return known.symbols.functions.get(name, []) if known is not None else []

    def _include_unasked(self, library: str) -> str:
        from guideway.cql.libraries import Problem

        found = self.workspace.include(library, None)
        if isinstance(found, Problem):
            self.t.error(found.rule, found.message, self.tree.identifier or self.tree, hint=found.hint)
            return library
        made = elm.IncludeDef(localIdentifier=library, path=library, version=found.symbols.version)
        self.library.includes.append(self.t.mark(made, self.tree.identifier or self.tree, None))
        return library

    # ---- contexts ------------------------------------------------------------------------------------------------------

    def declare_context(self, node: syntax.ContextDef) -> str:
        """``context Patient``: from here on; the first time it defines ``Patient``, the one subject of the context."""
        t = self.t
        name = self._meant.get(node.name, node.name)
        self._context_once(node, name)
        if name in references.UNFILTERED:
            return "Unfiltered"
        if name in t.symbols.symbols or name in self._context_defs:
            return name
        candidates = [m for local, m in t.models.items() if node.model in (None, local)]
        type_ = self._context_type(name, candidates)
        if type_ is None:
            known = [c.name for m in t.models.values() for c in m.contexts]
            hint = (
                f"contexts here: {', '.join([*known, 'Unfiltered'])}" if known else "using FHIR version '4.0.1' offers: Patient"
            )
            meant = nearest(name, [*known, "Unfiltered"])
            if meant is not None:
                hint = f"did you mean '{meant}'? {hint}"
            if not t.lacks_model:
                t.error("cql-unknown-context", f"No data model of this library has a context '{name}'.", node, hint=hint)
            # Going on as if the near one stood here: that its subject is not there is no further mistake.
            self._meant[name] = name = meant if meant is not None else name
            type_ = self._context_type(name, candidates)
            for subject in {node.name, name, *([] if meant else ["Patient", *known])} if type_ is None else {node.name}:
                unknown = Symbol("expression", subject, ERROR, definition=None, context=name, used=True)
                t.symbols.symbols.setdefault(subject, unknown)
            if name in references.UNFILTERED:
                return "Unfiltered"
            if type_ is None:
                return name
        self._context_definition(node, name, type_)
        return name

    def _context_type(self, name: str, models: list[ModelInfo]) -> NamedType | None:
        """The type of a context's subject: as a model says, or else the type of that name."""
        types = self.t.types
        model = next((m for m in models if m.context(name) is not None), None)
        info = model.context(name) if model is not None else None
        if info is not None:
            found: Type | None = types.parse(info.type)
        else:
            found = next((type_ for m in models if (type_ := types.named(f"{m.name}.{name}")) is not None), None)
        return found if isinstance(found, NamedType) and found != ANY else None

    def _context_once(self, node: syntax.ContextDef, name: str) -> None:
        shown = "Unfiltered" if name in references.UNFILTERED else name
        if all(c.name != shown for c in self.library.contexts):
            self.library.contexts.append(self.t.mark(elm.ContextDef(name=shown), node, None))

    def _context_definition(self, node: syntax.ContextDef, name: str, type_: NamedType) -> None:
        t = self.t
        info = t.types.info(type_)
        retrieve = elm.Retrieve(dataType=t.types.target_name(type_), templateId=info.identifier if info is not None else None)
        single = t.mark(elm.SingletonFrom(operand=t.mark(retrieve, node, ListType(type_))), node, type_)
        made = t.mark(elm.ExpressionDef(name=name, context=name, expression=single), node, type_)
        self.library.statements.append(made)
        self._context_defs[name] = made
        t.symbols.symbols[name] = Symbol("expression", name, type_, definition=None, node=made, context=name, used=True)

    # ---- declarations with a value -------------------------------------------------------------------------------------

    def parameter(self, node: syntax.ParameterDef, symbol: Symbol) -> Any:
        """``parameter "Measurement Period" Interval<DateTime> default Interval[...]``."""
        t = self.t
        declared = typenames.resolve(t, node.type) if node.type is not None else None
        default = t.expression(node.default) if node.default is not None else None
        if default is not None and declared is not None and declared is not ERROR:
            default = t.convert(default, declared, node.default or node, "the default")
        type_ = declared or (default.result_type if default is not None else ERROR)
        if type_ == ANY and declared is None:
            t.error("cql-no-type", f"Parameter '{node.name}' needs a type.", node.identifier)
            type_ = ERROR
        symbol.type = type_
        made = elm.ParameterDef(
            name=node.name, accessLevel=_access(node), default=default, parameterTypeSpecifier=t.specifier(type_)
        )  # fmt: skip
        self._finish(made, node, type_)
        self.library.parameters.append(made)
        return made

    def code_system(self, node: syntax.CodeSystemDef, symbol: Symbol) -> Any:
        """``codesystem "LOINC": 'http://loinc.org'``."""
        made = elm.CodeSystemDef(name=node.name, id=node.id, version=node.version, accessLevel=_access(node))
        self.library.codeSystems.append(made)
        return self._finish(made, node, CODESYSTEM)

    def value_set(self, node: syntax.ValueSetDef, symbol: Symbol) -> Any:
        """``valueset "Name": 'url' version '1' codesystems { ... }``."""
        made = elm.ValueSetDef(name=node.name, id=node.id, version=node.version, accessLevel=_access(node))
        for system in node.codesystems:
            found = references.terminology(self.t, system, "codesystem")
            if found is not None:
                made.codeSystem.append(found)
        self.library.valueSets.append(made)
        return self._finish(made, node, VALUESET)

    def code(self, node: syntax.CodeDef, symbol: Symbol) -> Any:
        """``code "Name": 'id' from system display 'text'``."""
        made = elm.CodeDef(name=node.name, id=node.id, display=node.display, accessLevel=_access(node))
        made.codeSystem = references.terminology(self.t, node.system, "codesystem")
        self.library.codes.append(made)
        return self._finish(made, node, CODE)

    def concept(self, node: syntax.ConceptDef, symbol: Symbol) -> Any:
        """``concept "Name": { code, ... } display 'text'``."""
        made = elm.ConceptDef(name=node.name, display=node.display, accessLevel=_access(node))
        for code in node.codes:
            found = references.terminology(self.t, code, "code")
            if found is not None:
                made.code.append(found)
        self.library.concepts.append(made)
        return self._finish(made, node, CONCEPT)

    def expression(self, node: syntax.ExpressionDef, symbol: Symbol) -> Any:
        """``define "Name": expression``."""
        self.t.excuse(node.expression)
        value = self.t.expression(node.expression)
        if symbol.type is not ERROR:
            symbol.type = value.result_type
        made = elm.ExpressionDef(name=node.name, context=symbol.context, accessLevel=_access(node), expression=value)
        self.library.statements.append(made)
        return self._finish(made, node, value.result_type)

    def function(self, function: Function, at: syntax.Node | None = None) -> None:
        """``define function name(operands): expression``."""
        t = self.t
        node = function.definition
        if node is None or id(node) in self._made:
            return
        if id(node) in self._busy:
            function.result = t.error(
                "cql-circular-definition", f"Function '{node.name}' calls itself before its type is known.", at or node,
                hint="say what it returns: define function ...(...) returns Type: ..."
            ).result_type  # fmt: skip
            return
        if self._depth >= ON_DEMAND:
            self.needed_first(function)
        self._busy.add(id(node))
        self._depth += 1
        outer = t.scope.frames, t.context, t._ready
        frame = Frame("function")
        for operand, type_ in zip(node.operands, function.operands):
            frame.add(Local("operand", operand.name, type_, operand.identifier))
        t.scope.frames, t.context, t._ready = [frame], self._contexts[id(node)], {}
        try:
            value = t.expression(node.expression) if node.expression is not None else None
            if value is not None and function.result is not None and function.result is not ERROR and node.returns is not None:
                value = t.convert(value, function.result, node.expression or node, "what the function returns")
        finally:
            t.scope.frames, t.context, t._ready = outer
            self._busy.discard(id(node))
            self._depth -= 1
        if value is not None and function.result is None:
            function.result = value.result_type
        made = elm.FunctionDef(name=node.name, context=function.context, accessLevel=_access(node), expression=value)
        for operand, type_ in zip(node.operands, function.operands):
            specifier = t.specifier(type_)
            made.operand.append(t.mark(elm.OperandDef(name=operand.name, operandTypeSpecifier=specifier), operand, type_))
        made.fluent = True if node.fluent else None
        if node.external:
            made.external = True
            made.resultTypeSpecifier = converting.specifier(t.types, function.result or ANY)
        self.library.statements.append(made)
        self._made[id(node)] = self._finish(made, node, function.result or ERROR)

    def _finish(self, made: Any, node: syntax.Definition, type_: Type) -> Any:
        if node.tags:
            made.annotation.append(_annotation(node.tags))
        return self.t.mark(made, node, type_)


def _annotation(tags: list[syntax.Tag]) -> dict[str, Any]:
    """``@name: value`` lines as ELM holds them."""
    return {"type": "Annotation", "t": [{"name": tag.name, "value": tag.value} for tag in tags]}


def _access(definition: syntax.Definition) -> str:
    return "Private" if definition.access == "private" else "Public"


_KINDS: dict[type, str] = {
    syntax.ParameterDef: "parameter",
    syntax.CodeSystemDef: "codesystem",
    syntax.ValueSetDef: "valueset",
    syntax.CodeDef: "code",
    syntax.ConceptDef: "concept",
    syntax.ExpressionDef: "expression",
}
_TYPES: dict[str, Type] = {"codesystem": CODESYSTEM, "valueset": VALUESET, "code": CODE, "concept": CONCEPT}
_DECLARE: dict[str, Any] = {
    "parameter": LibraryBuilder.parameter,
    "codesystem": LibraryBuilder.code_system,
    "valueset": LibraryBuilder.value_set,
    "code": LibraryBuilder.code,
    "concept": LibraryBuilder.concept,
    "expression": LibraryBuilder.expression,
}
