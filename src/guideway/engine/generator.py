"""Python source from ELM: one function for every define and every function of a library.

The handlers of the nodes are in the sibling modules ``generator_…``, each with a table from node class to function; here is
what they share: visiting, scopes, names, constants, and how a library becomes a module. Expressions stay Python expressions where
that is possible; what needs statements (queries, branches with work in them) is written as statements before its use.

With ``traced`` every sub-expression also makes a node of the trace (``generator_trace``); the handlers are the same.

Source (HL7 ELM 1.5): Logical Specification, https://cql.hl7.org/04-logicalspecification.html.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from guideway.diagnostics import GuidewayError
from guideway.elm import nodes, types
from guideway.elm.recursion import deep_recursion
from guideway.engine.generator_emit import Code, FunctionWriter, LineMap, SourceWriter
from guideway.engine.generator_trace import (
    GIVEN,
    Below,
    define_later,
    function_later,
    node_text,
    place_text,
    traced,
    traced_later,
)
from guideway.engine.generator_types import Environment, LibraryInfo, inferred
from guideway.engine.layout import Layout
from guideway.engine.packing import Form

Handler = Callable[["Generator", Any], Code]

_LOCAL_NAME = re.compile(r"\bv\d+\b")
_MARKS = re.compile("\x01\\d+\x02")
_DEEPEST_FOLD = 50
"""How many constants may be made from one another: each is made within the making of the one that needs it."""


class Binding:
    """What a name of the logic (alias, let, operand) is in the generated function.

    ``raw`` is set where the variable holds the JSON object itself: it names the FHIR type of that object. ``data`` is a name for
    the JSON object of a value that has one (never None), so that it is looked up once and not at every property.
    """

    __slots__ = ("code", "data", "raw", "type", "used")

    def __init__(self, code: Code, type_: types.Type | None, *, raw: str | None = None, data: str | None = None) -> None:
        self.code = code
        self.type = type_
        self.raw = raw
        self.data = data
        self.used = False
        """Whether ``data`` has been read."""


class Generator:
    """Writes the module of one library."""

    def __init__(
        self, environment: Environment, info: LibraryInfo, *, traced: bool = False, layout: Layout | None = None
    ) -> None:
        self.env = environment
        self.info = info
        self.traced = traced
        self.layout: Layout = layout or {}
        self.numbers = itertools.count(1)
        self.constants: dict[str, str] = {}
        self.operators: dict[str, str] = {}
        self.links: dict[tuple[str, str, str, int], str] = {}
        self.forms: dict[str, Form] = {}
        self.helpers: list[FunctionWriter] = []
        self.marks: list[tuple[str, str]] = []
        self.aliases: dict[str, Binding] = {}
        self.lets: dict[str, Binding] = {}
        self.operands: dict[str, Binding] = {}
        self.items: list[Binding] = []
        self.distances: dict[int, str] = {}
        """Nodes (by id) that a timing phrase made of a distance → the operator's row to use (``operators.distances``)."""
        self.item_scopes: list[str | None] = []
        self.indexes: list[Code] = []
        self.totals: list[Code] = []
        self._types: dict[int, tuple[Any, types.Type | None]] = {}
        self._values: dict[str, Any] = {}
        self._evaluated = 0
        self._folds: dict[str, int] = {}
        self.in_row = False
        """Whether something of a query's rows is written that is evaluated for each of them."""
        self.later = 0
        """Traced: how many traces the module can make later."""
        self.plainly = False
        """Whether this is plain code amid traced code: what it calls is the plain code of that."""
        self.below: Below | None = None
        """Traced: the children of the expression that is being written."""
        self.calls = ""
        """Traced: whether it calls a ``function`` several ``defines``, which make a trace of their own, or, as a ``reference``,
        what makes its node as well."""
        self.home = ""
        """Traced: the variable for the library and the name of the define that is evaluated."""
        self.define = ""
        self.context = "Patient"
        self.w = FunctionWriter("", [], self.numbers)
        self.statement_index = {id(s): i for i, s in enumerate(info.library.statements)}
        self.parameter_index = {name: i for i, name in enumerate(info.parameters)}

    # ---- visiting ------------------------------------------------------------------------------------------------------

    def visit(self, node: Any) -> Code:
        """The Python expression for a node; statements it needs go to the current block before it."""
        handler = handlers().get(type(node))
        if handler is None:
            raise self.refusal(node)
        if self.traced:
            return self._visit_traced(node, handler)
        if self.w.too_deep():
            return self._visit_apart(node, handler)
        return self.w.settle(handler(self, node))

    def visit_optional(self, node: Any) -> Code:
        """The expression for a child that may be absent: null."""
        return Code("None", simple=True, constant=True) if node is None else self.visit(node)

    def _visit_traced(self, node: Any, handler: Handler) -> Code:
        if self.w.too_deep():
            return self._visit_apart(node, handler)
        if self.in_row and self.context == "Patient" and (names := self.env.closed.names(self, node)):
            return traced_later(self, node, handler, place_text(self, label_of(node), node.locator), names)
        outer, calls = self.below, self.calls
        below = self.below = Below(self)
        self.calls = ""
        code = handler(self, node)
        self.below = outer
        found = traced(self, type(node).__name__, place_text(self, label_of(node), node.locator), code, below)
        self.calls = calls
        return found

    def is_local(self, text: str) -> bool:
        """Whether an expression is a local name."""
        return _LOCAL_NAME.fullmatch(text) is not None

    def _visit_apart(self, node: Any, handler: Handler) -> Code:
        """A node whose code would be indented too far: in a function of its own, called here."""
        outer = self.w
        root = outer
        while root.parent is not None:
            root = root.parent
        inner = FunctionWriter(f"{root.name}_{next(self.numbers)}", [], self.numbers, outer)
        self.w = inner
        code = self.visit(node)
        inner.line(f"return {code.text}")
        self.w = outer
        captured = inner.captured()
        inner.arguments = ["E", *captured]
        outer.inner.append(inner)
        return Code(f"{inner.name}({', '.join(inner.arguments)})", 1, nonnull=code.nonnull)

    def refusal(self, node: Any) -> GuidewayError:
        """The error for a node that this engine does not evaluate."""
        locator = getattr(node, "locator", None)
        place = f"{self.info.name}{f' {locator}' if locator else ''}"
        return GuidewayError(f"{place}: the ELM node {type(node).__name__} is not supported (in {self.define!r}).")

    def problem(self, node: Any, message: str) -> GuidewayError:
        """An error in the ELM itself, placed."""
        locator = getattr(node, "locator", None)
        return GuidewayError(f"{self.info.name}{f' {locator}' if locator else ''} (in {self.define!r}): {message}")

    def type_of(self, node: Any) -> types.Type | None:
        """The static type of a node, with the aliases in scope."""
        if node is None:
            return None
        if node.result_type is not None:
            known: types.Type = node.result_type
            return known
        found = self._types.get(id(node))
        if found is None:
            found = self._types[id(node)] = node, self._type_of(node)
        return found[1]

    def _type_of(self, node: Any) -> types.Type | None:
        match node:
            case nodes.AliasRef(name=str(name)) if name in self.aliases:
                return self.aliases[name].type
            case nodes.QueryLetRef(name=str(name)) if name in self.lets:
                return self.lets[name].type
            case nodes.OperandRef(name=str(name)) if name in self.operands:
                return self.operands[name].type
            case nodes.Property(path=str(path)) if path.isidentifier():
                if node.scope is not None and node.source is None:
                    binding = self.aliases.get(node.scope)
                    return self.env.element_type(binding.type, path) if binding else None
                return self.env.element_type(self.type_of(node.source), path)
            case nodes.First() | nodes.Last():
                source = self.type_of(node.source)
                return source.element if isinstance(source, types.ListType) else None
            case nodes.SingletonFrom():
                source = self.type_of(node.operand)
                return source.element if isinstance(source, types.ListType) else None
            case nodes.Query():
                return self.env.query_type(node, self.info, self.type_of)
        return inferred(node, self.type_of) or self.env.type_of(node, self.info)

    # ---- writing -------------------------------------------------------------------------------------------------------

    def mark(self, node: Any) -> str:
        """A zero-width mark that ties the text after it to the node's place."""
        if getattr(node, "locator", None) is None:
            return ""
        place = (node.locator, self.define)
        if not self.marks or self.marks[-1] != place:
            self.marks.append(place)
        return f"\x01{len(self.marks) - 1}\x02"

    def call(self, function: str, arguments: list[Code], node: Any = None, *, nonnull: bool = False) -> Code:
        """A call of a name of the module."""
        depth = 1 + max((a.depth for a in arguments), default=0)
        text = f"{self.mark(node) if node is not None else ''}{function}({', '.join(a.text for a in arguments)})"
        return Code(text, depth, nonnull=nonnull)

    def literal(self, value: Any) -> str:
        """A Python literal that cannot be mistaken for a local name."""
        text = repr(value)
        return self.constant(text) if _LOCAL_NAME.search(text) else text

    def constant(self, expression: str) -> str:
        """A name of the module for a value that is made once, when the module is loaded."""
        name = self.constants.get(expression)
        if name is None:
            name = self.constants[expression] = f"c{len(self.constants)}"
        return name

    def folded(self, code: Code, arguments: list[Code]) -> Code:
        """A call of a pure function as a constant of the module, where all its arguments are constants and it does not fail."""
        if self.traced or not all(argument.constant for argument in arguments):
            return code
        text = _MARKS.sub("", code.text)
        depth = 1 + max((self._folds.get(argument.text, 0) for argument in arguments), default=0)
        if depth > _DEEPEST_FOLD:
            return code
        try:
            value = eval(text, self._constant_values())
        except Exception:  # it will fail again, in its place, when it is evaluated
            return code
        if value is None:
            return Code("None", simple=True, constant=True)
        name = self.constant(text)
        self._folds[name] = depth
        return Code(name, nonnull=True, simple=True, constant=True)

    def _constant_values(self) -> dict[str, Any]:
        """The names that constants may use, with their values."""
        from guideway.engine.operators import OPERATORS
        from guideway.engine.program import names_of_modules

        names = self._values
        if not names:
            names.update(names_of_modules())
        for name, short in self.operators.items():
            names[short] = OPERATORS[name].function
        for expression, name in list(self.constants.items())[self._evaluated :]:
            names[name] = eval(expression, names)
        self._evaluated = len(self.constants)
        return names

    def operator(self, name: str) -> str:
        """The name of the module for an operator's function."""
        return self.operators.setdefault(name, f"o_{name}")

    def link(self, kind: str, library: str, name: str, index: int = 0) -> str:
        """The name of the module for a define, function or parameter of another library, which is loaded at first use."""
        return self.links.setdefault((kind, library, name, index), f"x{len(self.links)}")

    def branches(self, build: Callable[[], Code]) -> tuple[Code, Any]:
        """An expression written apart: the expression, and the statements it needs."""
        with self.w.apart() as block:
            code = build()
        return code, block

    @contextmanager
    def row(self, inside: bool = True) -> Iterator[None]:
        """Inside the ``with`` block something is written that is evaluated for each row of a query, or (not ``inside``) not."""
        outer, self.in_row = self.in_row, inside
        try:
            yield
        finally:
            self.in_row = outer

    @contextmanager
    def bound(self, names: dict[str, Binding], *, kind: str = "aliases") -> Iterator[None]:
        """Names in scope inside the ``with`` block; ``kind`` is ``aliases``, ``lets`` or ``operands``."""
        outer: dict[str, Binding] = getattr(self, kind)
        setattr(self, kind, {**outer, **names})
        try:
            yield
        finally:
            setattr(self, kind, outer)

    # ---- the module ----------------------------------------------------------------------------------------------------

    def source(self) -> tuple[str, LineMap]:
        """The module's source text, and its line map."""
        out = SourceWriter(GIVEN if self.traced else ())
        with deep_recursion():
            functions = [self._statement(i, s) for i, s in enumerate(self.info.library.statements)]
            functions += [self._parameter(i, p) for i, p in enumerate(self.info.parameters.values())]
        for expression, name in self.constants.items():
            out.line(f"{name} = {expression}")
        for (kind, library, name, index), link in self.links.items():
            out.line(f"# {link} is the {kind} {name!r} of {library!r}{f', number {index}' if index else ''}")
        for name, (form, target, values) in self.forms.items():
            out.line(f"# {name} is a {form}, {target}, {values!r}")
        for helper in self.helpers:
            out.function(helper)
        for writer in functions:
            if writer is not None:
                out.function(writer)
        return out.text(), out.map

    def _statement(self, index: int, statement: nodes.ExpressionDef) -> FunctionWriter | None:
        self.define = statement.name or ""
        self.context = statement.context or "Patient"
        self.aliases, self.lets, self.operands = {}, {}, {}
        if isinstance(statement, nodes.FunctionDef):
            return self._function(index, statement)
        if statement.expression is None:
            raise self.problem(statement, "the definition has no expression.")
        body = f"d{index}"
        if self.traced and self._reference(body, statement):
            return None
        writer = self.w = FunctionWriter(body, ["E"], self.numbers)
        if self.traced:
            if self.context == "Patient" and self.env.closed.define(self, statement):
                return define_later(self, body, statement)
            self.home = writer.new_local()
            writer.line(f"{self.home} = {self.literal((self.info.name, self.define))}")
            code, children = self.with_children(statement.expression)
            place = place_text(self, self.define, statement.locator)
            writer.line(f"return {node_text(self, 'ExpressionDef', place, code.text, children)}")
            return writer
        writer.line(f"v = E.memo.get({body}, U)")
        writer.line("if v is not U:")
        writer.line("    return v")
        code = self.visit(statement.expression)
        writer.line(f"E.memo[{body}] = v = {code.text}")
        writer.line("return v")
        return writer

    def _reference(self, name: str, statement: nodes.ExpressionDef) -> bool:
        """Traced: whether a define is nothing but a reference to another one (``forms.reference``)."""
        from guideway.engine.generator_refs import reference_name

        node = statement.expression
        target = reference_name(self, node)
        if not isinstance(node, nodes.ExpressionRef) or target is None:
            return False
        places = f"{statement.locator or ''} {self.define}", f"{node.locator or ''} {label_of(node)}"
        self.forms[name] = "reference", target, (*places, (self.info.name, self.define))
        return True

    def _function(self, index: int, function: nodes.FunctionDef) -> FunctionWriter | None:
        arguments = [f"a{i}" for i in range(len(function.operand))]
        writer = self.w = FunctionWriter(f"f{index}", ["E", *arguments], self.numbers)
        if function.expression is None:
            names = f"{self.literal(self.info.key)}, {self.define!r}, ({''.join(a + ', ' for a in arguments)})"
            if self.traced:
                writer.line("E.made = None")
            writer.line(f"return external(E, {names})")
            return writer
        if not self.traced:
            self.bind_operands(function, arguments)
            kept = self.env.closed.searches(self, function)
            if kept:
                writer.line(f"k = key_of(f{index}, {', '.join(arguments)})")
                writer.line("v = E.results.get(k, U)")
                writer.line("if v is not U:")
                writer.line("    return v")
            code = self.visit(function.expression)
            if kept:
                code = Code(f"E.results.setdefault(k, {code.text})")
        else:  # what the call's own node needs: the names of its operands, and the body
            if self.env.closed.function(self, function):
                return function_later(self, index, function, arguments)
            names = self.literal(tuple(operand.name or "" for operand in function.operand))
            self.bind_operands(function, arguments)
            code, children = self.traced_body(function.expression)
            writer.line(f"E.made = {names}, {children}")
        writer.line(f"return {code.text}")
        return writer

    def bind_operands(self, function: nodes.FunctionDef, arguments: Iterable[str]) -> None:
        """From here on the operands are what the Python function is given."""
        from guideway.engine.generator_access import bind
        from guideway.engine.generator_types import operand_type

        self.operands = {}
        for operand, argument in zip(function.operand, arguments):
            name = self.w.new_local()
            self.w.line(f"{name} = {argument}")
            self.operands[operand.name or ""] = bind(self, Code(name, simple=True), operand_type(operand))

    def traced_body(self, expression: Any) -> tuple[Code, str]:
        """Traced: the value of the body of a function, for the define that calls it, and the children that this has."""
        self.home = self.w.new_local()
        self.w.line(f"{self.home} = E.home")
        return self.with_children(expression)

    def with_children(self, expression: Any) -> tuple[Code, str]:
        """Traced: the value of the body of a define or function, and the children that this has."""
        self.below = below = Below(self)
        code = self.visit(expression)
        code = Code(code.text) if code.simple else self.w.store(code)
        self.below = None
        return code, below.close()[0]

    def _parameter(self, index: int, parameter: nodes.ParameterDef) -> FunctionWriter:
        self.define = parameter.name or ""
        self.context = "Unfiltered"
        self.aliases, self.lets, self.operands = {}, {}, {}
        writer = self.w = FunctionWriter(f"p{index}", ["E"], self.numbers)
        type_ = self.env.named_or_specified(parameter.parameterType, parameter.parameterTypeSpecifier)
        test = self.literal(self.env.type_test(type_)) if type_ is not None else "None"
        writer.line(f"v = E.parameter({self.literal(self.info.key)}, {self.define!r}, {test}, {str(type_)!r})")
        if parameter.default is None:
            writer.line("return None if v is U else v")
            return writer
        writer.line("if v is not U:")
        writer.line("    return v")
        writer.line(f"v = E.memo.get(p{index}, U)")
        writer.line("if v is not U:")
        writer.line("    return v")
        traced, self.traced = self.traced, False
        code = self.visit(parameter.default)
        self.traced = traced
        writer.line(f"E.memo[p{index}] = v = {code.text}")
        writer.line("return v")
        return writer


def label_of(node: Any) -> str:
    """What a trace calls a node besides its kind: the name, path, value or type that it mentions."""
    match node:
        case nodes.Literal():
            return node.value or ""
        case nodes.Quantity():
            return f"{node.value} {node.unit or ''}".strip()
        case nodes.Retrieve():
            return (node.dataType or "").rpartition("}")[2]
        case nodes.Property() | nodes.AggregateExpression():
            return node.path or ""
        case nodes.As():
            return str(types.from_specifier(node.asTypeSpecifier) if node.asTypeSpecifier else types.NamedType(node.asType or ""))
        case nodes.Is():
            return str(types.from_specifier(node.isTypeSpecifier) if node.isTypeSpecifier else types.NamedType(node.isType or ""))
        case nodes.Code():
            return node.code or ""
    precision = getattr(node, "precision", None)
    if isinstance(precision, str):
        return precision
    library, name = getattr(node, "libraryName", None), getattr(node, "name", None)
    if isinstance(name, str):
        return f"{library}.{name}" if library else name
    return ""


_handlers: dict[type[Any], Handler] = {}


def handlers() -> dict[type[Any], Handler]:
    """Node class → the function that writes it; every concrete expression node is either here or refused by name."""
    if not _handlers:
        from guideway.engine import (
            generator_access,
            generator_clinical,
            generator_logic,
            generator_operators,
            generator_queries,
            generator_refs,
            generator_values,
        )

        for part in (
            generator_operators, generator_logic, generator_values, generator_refs, generator_queries, generator_clinical,
            generator_access,
        ):  # fmt: skip
            _handlers.update(part.HANDLERS)
    return _handlers
