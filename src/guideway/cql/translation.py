"""The state of one library's translation, and the few things every part of it does: report, mark, resolve, convert.

``Translation.expression(node)`` hands a syntax node to the handler for its class (``expressions.HANDLERS``); handlers are
plain functions ``(translation, node) -> elm node`` in the modules by concern. Every ELM node gets a ``localId``, a
``locator`` and its ``result_type``.

After a mistake a handler returns ``t.error(...)``: a Null whose type is ``ERROR``. Whatever is built from it is of that
type too and is not reported again, so one mistake gives one message and the rest of the library is still checked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from guideway.cql import converting, syntax
from guideway.cql.chains import flattened
from guideway.cql.conversions import (
    NO_PROMOTIONS,
    Conversions,
    Overloads,
    Promotions,
    Resolution,
    choice_members,
    element_type,
    operator_signatures,
)
from guideway.cql.scope import Function, LibrarySymbols, Scope
from guideway.cql.signatures import OPERATORS
from guideway.cql.source import SourceText
from guideway.cql.typesystem import ERROR, TypeSystem
from guideway.diagnostics import Diagnostic, Severity
from guideway.elm import nodes as elm
from guideway.elm.types import ANY, ListType, Type
from guideway.fhir.modelinfo import ModelInfo

Handler = Callable[["Translation", Any], Any]
NodeT = TypeVar("NodeT", bound=elm.Element)

MAXIMUM_CHAIN = 5_000
"""How many operators may stand in one chain (``a + b + c ...``): ELM nests one level for each, but for ``chains.flattened``."""


class TranslationOptions(msgspec.Struct, frozen=True):
    """What the author may choose.

    ``promotions``: list and interval promotion and demotion. ``warnings``: whether to look for likely mistakes.
    ``signatures``: whether every operator node says its signature, not only function references.
    """

    promotions: Promotions = NO_PROMOTIONS
    warnings: bool = True
    signatures: bool = False


class Translation:
    """One library on its way from syntax to ELM."""

    def __init__(
        self,
        source: SourceText,
        handlers: Mapping[type, Handler],
        types: TypeSystem,
        conversions: Conversions,
        overloads: Overloads,
        options: TranslationOptions,
    ) -> None:
        self.source = source
        self.handlers = handlers
        self.types = types
        self.conversions = conversions
        self.overloads = overloads
        self.options = options
        self.diagnostics: list[Diagnostic] = []
        self.scope = Scope()
        self.symbols = LibrarySymbols(None, None)
        self.models: dict[str, ModelInfo] = {}
        self.context: str = "Unfiltered"
        self.helpers: Callable[[str], str | None] = lambda library: None
        self.helper_functions: Callable[[str, str], list[Function]] = lambda library, name: []
        self.declare: Any = None
        self.excused: set[int] = set()
        self.lacks_model = False  # a data model that the library uses is not there
        self._ready: dict[int, Any] = {}
        self._ids = 0

    # ---- walking -------------------------------------------------------------------------------------------------------

    def expression(self, node: syntax.Expression) -> Any:
        """The ELM of an expression."""
        left = syntax.left_operand(node)
        if left is not None:
            ready = self._ready.pop(id(node), None)
            if ready is not None:
                return ready
            if id(left) not in self._ready:
                chain = syntax.left_spine(left)
                if len(chain) > 40:
                    if len(chain) > MAXIMUM_CHAIN:
                        return self.error(
                            "cql-too-long-chain",
                            f"{len(chain)} operators stand in one chain; at most {MAXIMUM_CHAIN} can.",
                            node,
                            hint="define a part of it under a name of its own",
                        )
                    for inner in reversed(chain):
                        if type(inner) is syntax.Name:  # it may name a library: what it is a member of knows
                            continue
                        self._ready[id(inner)] = self.expression(inner)
                    return flattened(self.handlers[type(node)](self, node))
        return self.handlers[type(node)](self, node)

    def excuse(self, *nodes: syntax.Expression) -> None:
        """What uses these retrieves filters them, or cannot be seen from here: no warning of an unfiltered one."""
        self.excused.update(id(syntax.strip(n)) for n in nodes)

    def expected(self, node: syntax.Expression, type_: Type, what: str) -> Any:
        """The ELM of an expression that must be of a type; ``what`` names its place in the message ("the where clause")."""
        return self.convert(self.expression(node), type_, node, what)

    # ---- nodes ---------------------------------------------------------------------------------------------------------

    def mark(self, made: NodeT, at: syntax.Node, type_: Type | None) -> NodeT:
        """Give an ELM node its id, its place in the text and its type."""
        self._ids += 1
        made.localId = str(self._ids)
        made.locator = self.source.locator(at.start, at.end)
        made.result_type = type_
        return made

    def like(self, made: NodeT, other: elm.Element, type_: Type | None) -> NodeT:
        """The same for a node that stands for no text of its own: it takes the place of ``other``."""
        self._ids += 1
        made.localId = str(self._ids)
        made.locator = other.locator
        made.result_type = type_
        return made

    def failed(self, at: syntax.Node) -> elm.Null:
        """What stands for an expression whose fault has been reported."""
        return self.mark(elm.Null(), at, ERROR)

    # ---- reports -------------------------------------------------------------------------------------------------------

    def error(self, rule: str, message: str, at: syntax.Node, *, hint: str | None = None) -> elm.Null:
        """Report an error; returns what to go on with."""
        self.diagnostics.append(self.source.diagnostic(rule, message, at.start, at.end, hint=hint))
        return self.failed(at)

    def warn(self, rule: str, message: str, at: syntax.Node, *, hint: str | None = None) -> None:
        """Report a likely mistake."""
        if self.options.warnings:
            found = self.source.diagnostic(rule, message, at.start, at.end, severity=Severity.warning, hint=hint)
            self.diagnostics.append(found)

    def show(self, type_: Type | None) -> str:
        """How messages name a type."""
        return self.types.display(type_ or ANY)

    # ---- operators and conversions -------------------------------------------------------------------------------------

    def operator(
        self,
        name: str,
        operands: Sequence[Any],
        at: syntax.Node,
        *,
        precision: str | None = None,
        promotions: Promotions | None = None,
        called: str | None = None,
    ) -> Any:
        """An operator of the System library applied to translated operands.

        ``called`` is how the author wrote it, for messages.
        """
        types = tuple([o.result_type for o in operands])
        for type_ in types:
            if type_ is ERROR:
                return self.failed(at)
        found = self.overloads.operator(name, types, promotions or self.options.promotions)
        if found is None:
            return self.no_signature(called or name, name, types, at)
        if found.others:
            return self.ambiguous(called or name, [found, *found.others], types, at)
        if found.left_out:
            used = ", ".join(self.show(o) for o in found.operands)
            others = [self.show(choice) for choice in found.left_out]
            message = f"'{called or name}' takes ({used}) here: values of {', '.join(others)} give null."
            self.warn("cql-choice-member", message, at, hint=f"(... as {others[0]}), where such values are meant")
        entry = OPERATORS[name]
        converted = [o if c.kind == "none" else converting.apply(self, o, c) for o, c in zip(operands, found.conversions)]
        made = entry.build(found.row.node, converted)
        if precision is not None:
            made.precision = precision.capitalize()
        if self.options.signatures:
            made.signature = self.signature(found)
        return self.mark(made, at, found.result)

    def signature(self, found: Resolution) -> list[elm.TypeSpecifier]:
        """The operand types as ELM writes a signature."""
        return [self.specifier(t) for t in found.operands]

    def no_signature(self, called: str, name: str, types: tuple[Type, ...], at: syntax.Node) -> elm.Null:
        """Report that an operator does not take operands of these types."""
        given = ", ".join(self.show(t) for t in types)
        known = operator_signatures(name, self.types)
        shown = "; ".join(f"({k})" for k in known[:6]) + ("; ..." if len(known) > 6 else "")
        return self.error("cql-no-such-signature", f"'{called}' cannot be applied to ({given}).", at, hint=f"it takes {shown}")

    def ambiguous(self, called: str, fitting: list[Resolution], types: tuple[Type, ...], at: syntax.Node) -> elm.Null:
        """Report that several signatures fit equally well: each would take other values of a choice, and lose the rest."""
        given = ", ".join(self.show(t) for t in types)
        shown = "; ".join("(" + ", ".join(self.show(o) for o in f.operands) + ")" for f in fitting)
        message = f"'{called}' of ({given}) is ambiguous: it fits {shown} equally well."
        known = [(t, choice) for t in types for choice in choice_members(t)]
        taken = [(t, c) for t, c in known if any(self.conversions.find(c, element_type(o)) for f in fitting for o in f.operands)]
        of, meant = next(((t, c) for t, c in known if self.show(c).endswith("Quantity")), (taken or known)[0])
        example = f"(... X where X is {self.show(meant)} return X as {self.show(meant)})" if isinstance(of, ListType) else ""
        hint = f"say which type is meant, as in {example or f'(... as {self.show(meant)})'}"
        return self.error("cql-ambiguous-call", message, at, hint=hint)

    def convert(self, value: Any, type_: Type, at: syntax.Node, what: str) -> Any:
        """A value as one of ``type_``, by an implicit conversion; reports where there is none."""
        if value.result_type == type_:
            return value
        found = self.conversions.find(value.result_type, type_, self.options.promotions)
        if found is None:
            return self.error(
                "cql-wrong-type", f"{what} must be {self.show(type_)}, but this is {self.show(value.result_type)}.", at
            )  # fmt: skip
        return converting.apply(self, value, found)

    def specifier(self, type_: Type) -> elm.TypeSpecifier:
        """The ELM TypeSpecifier of a type; profile-informed types are named by the type that the data has."""
        return converting.specifier(self.types, type_)
