"""Syntax tree to CQL text, on one line, with as few parentheses as the grammar allows.

``unparse(node)`` takes any expression, type specifier, definition or library and gives text that parses to an equal tree
(``syntax.equal``). Comments are not written: ``formatter`` lays out texts and keeps them.

The powers are those of ``parser_core``. An operand is put in parentheses when it binds no tighter than its place allows; what
would swallow the words that follow it (conditions, ``distinct``, ``collapse``, queries) is in parentheses wherever words may
follow.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from guideway.cql import syntax as s
from guideway.cql.lexer import KEYWORDS
from guideway.cql.parser_core import (
    ACCESS,
    BETWEEN,
    EXISTS,
    IS_AS,
    MEMBERSHIP,
    NOT,
    TERM,
    TIMING,
    UNARY,
)
from guideway.cql.parser_core import POWER as OPERATORS

_ATOM = 1000
_EXPRESSION = 190  # needs parentheses only in a term
_GREEDY = 0.5  # swallows what follows
_QUERY = 0.0  # is in parentheses everywhere but where it stands alone
_ALONE = -1.0  # a place with room for a query
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*").fullmatch
_PHRASE_WORDS = frozenset({"included", "such", "less", "more", "on", "Choice"})
_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\f": "\\f"}
_ESCAPED = re.compile(r"""[\\\n\r\t\f]""")


def string(value: str, quote: str = "'") -> str:
    """The text in quotes, escaped."""
    return quote + _ESCAPED.sub(lambda m: _ESCAPES[m[0]], value).replace(quote, "\\" + quote) + quote


def name(value: str, quote: str = "") -> str:
    """The name, in double quotes where a plain identifier will not do or the author wrote it so."""
    if not quote and _PLAIN(value) and value not in KEYWORDS and value not in _PHRASE_WORDS:
        return value
    return string(value, quote if quote == "`" else '"')


def unparse(node: s.Node) -> str:
    """The text of an expression, type specifier, definition or library."""
    if isinstance(node, s.Expression):
        return _text(node, _ALONE)
    if isinstance(node, s.TypeSpecifier):
        return _type(node)
    if isinstance(node, s.Library):
        return _library(node)
    return _DEFINITIONS[type(node)](node)


# ----------------------------------------------------------------------------------------------------------------------- types


def _type(node: s.TypeSpecifier) -> str:
    if isinstance(node, s.NamedType):
        qualifiers = [name(part) for part in node.names[:-1]]
        last = node.names[-1]
        return ".".join([*qualifiers, last if last in ("Code", "Concept") else name(last)])
    if isinstance(node, s.ListType):
        return f"List<{_type(node.element)}>"
    if isinstance(node, s.IntervalType):
        return f"Interval<{_type(node.point)}>"
    if isinstance(node, s.TupleType):
        elements = ", ".join(f"{name(e.name, e.identifier.quote)} {_type(e.type)}" for e in node.elements)
        return f"Tuple {{ {elements} }}"
    assert isinstance(node, s.ChoiceType)
    return f"Choice<{', '.join(map(_type, node.choices))}>"


# ----------------------------------------------------------------------------------------------------------------- expressions


def _power(node: s.Expression) -> float:
    """How tightly the node binds, on the scale of ``parser_core``."""
    kind = type(node)
    fixed = _POWERS.get(kind)
    if fixed is not None:
        return fixed
    if isinstance(node, s.Binary):
        return OPERATORS[node.op]
    if isinstance(node, s.Unary):
        op = node.op
        if op in ("not", "exists"):
            return NOT if op == "not" else EXISTS
        if op in ("distinct", "flatten"):
            return _GREEDY
        return IS_AS if op.startswith("is ") else UNARY
    if isinstance(node, s.AsType):
        return IS_AS - 1 if node.strict else IS_AS
    return _ATOM


_POWERS: dict[type, float] = {
    s.Query: _QUERY,
    s.If: _GREEDY,
    s.SetAggregate: _GREEDY,
    s.Retrieve: _EXPRESSION,
    s.DurationBetween: _EXPRESSION,
    s.Between: BETWEEN,
    s.Timing: TIMING,
    s.Membership: MEMBERSHIP,
    s.IsType: IS_AS,
    s.Component: UNARY,
    s.DurationOf: UNARY,
    s.Convert: UNARY,
    s.TypeExtent: UNARY,
    s.Quantity: UNARY + 1,
    s.Ratio: UNARY + 1,
    s.CodeSelector: UNARY + 1,
    s.ConceptSelector: UNARY + 1,
    s.Member: ACCESS,
    s.Call: ACCESS,
    s.Index: ACCESS,
}


def _text(node: s.Expression, limit: float) -> str:
    """The node where what binds no tighter than ``limit`` needs parentheses. Long chains to the left are walked, not recursed."""
    suffixes: list[str] = []
    opened = 0
    while True:
        if type(node) is s.Parens:
            node = node.expression
            limit = _ATOM
            suffixes.append(")")
            opened += 1
            inner = _ALONE
        else:
            power = _power(node)
            inner = limit
            if power <= limit:
                suffixes.append(")")
                opened += 1
                inner = _ALONE
            suffix = _SUFFIXES.get(type(node))
            left = s.left_operand(node)
            if suffix is None or left is None:
                suffixes.append(_WHOLE[type(node)](node))
                break
            suffixes.append(suffix(node))
            # A left operand may bind as tightly as the node; only a timing phrase could take over the words of ours.
            inner = power if type(node) is s.Timing else power - 0.5
            node = left
        limit = inner
    return "(" * opened + "".join(reversed(suffixes))


def _free(node: s.Expression) -> str:
    """The node where the words behind it end any expression but a query."""
    return _text(node, _QUERY)


def _phrase(phrase: s.TimingPhrase) -> str:
    words = [phrase.left] if phrase.left else []
    if phrase.properly:
        words.append("properly")
    offset = phrase.offset
    if offset is not None and phrase.kind != "within":
        amount = _quantity(offset.quantity)
        relation = offset.relation
        words.append(
            amount if relation is None else f"{amount} {relation}" if relation.startswith("or") else f"{relation} {amount}"
        )
    words.append(phrase.kind)
    if phrase.kind == "same":
        words += [phrase.precision] if phrase.precision else []
        words.append(phrase.relation or "as")
    else:
        if phrase.kind == "within":
            assert offset is not None
            words += [_quantity(offset.quantity), "of"]
        if phrase.relation:
            words.append(phrase.relation)
        if phrase.precision:
            words += [phrase.precision, "of"]
    if phrase.right:
        words.append(phrase.right)
    return " ".join(words)


def _arguments(items: list[s.Expression]) -> str:
    return ", ".join(map(_free, items))


def _call_tail(node: s.Call) -> str:
    return f"{name(node.name, node.quote)}({_arguments(node.arguments)})"


_SUFFIXES: dict[type, Callable[[Any], str]] = {
    s.Binary: lambda n: f" {n.op} {_text(n.right, OPERATORS[n.op])}",
    s.Membership: lambda n: f" {n.op} {n.precision + ' of ' if n.precision else ''}{_text(n.right, MEMBERSHIP)}",
    s.Timing: lambda n: f" {_phrase(n.phrase)} {_text(n.right, TIMING)}",
    s.Between: lambda n: f" {'properly ' if n.properly else ''}between {_text(n.low, TERM)} and {_text(n.high, TERM)}",
    s.IsType: lambda n: f" is {_type(n.type)}",
    s.AsType: lambda n: f" as {_type(n.type)}",
    s.Unary: lambda n: f" {n.op}",
    s.Member: lambda n: f".{name(n.name, n.quote)}",
    s.Call: lambda n: f".{_call_tail(n)}",
    s.Index: lambda n: f"[{_free(n.index)}]",
}


def _literal(node: s.Literal) -> str:
    kind, value = node.kind, node.value
    if kind == "string":
        return string(value)
    return {"long": f"{value}L", "date": f"@{value}", "datetime": f"@{value}", "time": f"@T{value}"}.get(kind, value)


def _quantity(node: s.Quantity) -> str:
    if node.unit is None:
        return node.value
    if node.calendar:
        return f"{node.value} {node.unit}{'s' if node.plural else ''}"
    return f"{node.value} {string(node.unit)}"


def _unary(node: s.Unary) -> str:
    op = node.op
    if op in ("-", "+"):
        return f"{op}{_text(node.operand, UNARY)}"
    if op in ("distinct", "flatten"):
        return f"{op} {_free(node.operand)}"
    return f"{op} {_text(node.operand, _power(node))}"


def _convert(node: s.Convert) -> str:
    if node.type is not None:
        target = _type(node.type)
    elif node.calendar:
        target = f"{node.unit}{'s' if node.plural else ''}"
    else:
        target = string(node.unit or "")
    return f"convert {_free(node.operand)} to {target}"


def _set_aggregate(node: s.SetAggregate) -> str:
    per = ""
    if node.precision is not None:
        per = f" per {node.precision}"
    elif node.per is not None:
        per = f" per {_free(node.per)}"
    # A greedy operand would take the "per" that is ours.
    return f"{node.op} {_text(node.operand, _GREEDY)}{per}"


def _case(node: s.Case) -> str:
    comparand = f" {_free(node.comparand)}" if node.comparand is not None else ""
    items = "".join(f" when {_free(item.when)} then {_free(item.then)}" for item in node.items)
    return f"case{comparand}{items} else {_free(node.else_)} end"


def _elements(elements: list[s.Element]) -> str:
    if not elements:
        return "{ : }"
    return "{ " + ", ".join(f"{name(e.name, e.identifier.quote)}: {_free(e.value)}" for e in elements) + " }"


def _braced(items: str) -> str:
    return f"{{ {items} }}" if items else "{}"


def _list(node: s.ListSelector) -> str:
    head = f"List<{_type(node.element_type)}> " if node.element_type is not None else ""
    return head + _braced(_arguments(node.items))


def _interval(node: s.IntervalSelector) -> str:
    left, right = "[" if node.low_closed else "(", "]" if node.high_closed else ")"
    return f"Interval{left}{_free(node.low)}, {_free(node.high)}{right}"


def _display(display: str | None) -> str:
    return f" display {string(display)}" if display is not None else ""


def _code(node: s.CodeSelector) -> str:
    return f"Code {string(node.code)} from {_free(node.system)}{_display(node.display)}"


def _retrieve(node: s.Retrieve) -> str:
    context = f"{_free(node.context)} -> " if node.context is not None else ""
    tail = ""
    if node.terminology is not None:
        if node.code_path is not None:
            tail = f": {_free(node.code_path)} {node.comparator} {_free(node.terminology)}"
        else:
            # "code in x" would be read as a code path and its comparator.
            tail = f": {_text(node.terminology, _EXPRESSION)}"
    return f"[{context}{_type(node.type)}{tail}]"


def _source(node: s.AliasedSource) -> str:
    expression = node.expression
    path = expression
    while isinstance(path, s.Member):
        path = path.target
    bare = type(expression) in (s.Retrieve, s.Parens) or type(path) is s.Name
    return f"{_text(expression, _ALONE if bare else _ATOM)} {name(node.alias, node.identifier.quote)}"


def _if(node: s.If) -> str:
    chain = s.branches(node)
    return "".join(f"if {_free(n.condition)} then {_free(n.then)} else " for n in chain) + _free(chain[-1].else_)


def _direction(direction: str | None) -> str:
    return f" {direction}" if direction else ""


def _query(node: s.Query) -> str:
    parts = [("from " if len(node.sources) > 1 else "") + ", ".join(map(_source, node.sources))]
    if node.lets:
        parts.append("let " + ", ".join(f"{name(let.name, let.identifier.quote)}: {_free(let.expression)}" for let in node.lets))
    for related in node.relationships:
        word = "without" if related.without else "with"
        parts.append(f"{word} {_source(related.source)} such that {_free(related.condition)}")
    if node.where is not None:
        parts.append(f"where {_free(node.where)}")
    if node.return_ is not None:
        mode = f"{node.return_.mode} " if node.return_.mode else ""
        # Without a mode, "return distinct x" would read the operator as one.
        parts.append(f"return {mode}{_text(node.return_.expression, _GREEDY if not mode else _QUERY)}")
    aggregate = node.aggregate
    if aggregate is not None:
        mode = f"{aggregate.mode} " if aggregate.mode else ""
        starting = ""
        if aggregate.starting is not None:
            first = aggregate.starting
            simple = isinstance(first, s.Quantity) or (
                isinstance(first, s.Literal) and first.kind in ("integer", "decimal", "string")
            )
            starting = f" starting {_text(first, _QUERY if simple else _ATOM)}"
        running = name(aggregate.name, aggregate.identifier.quote)
        parts.append(f"aggregate {mode}{running}{starting}: {_free(aggregate.expression)}")
    if node.sort is not None:
        if node.sort.items:
            items = ", ".join(f"{_text(item.expression, TERM)}{_direction(item.direction)}" for item in node.sort.items)
            parts.append(f"sort by {items}")
        else:
            parts.append(f"sort{_direction(node.sort.direction or 'asc')}")
    return " ".join(parts)


_STARTING = frozenset({"integer", "decimal", "string"})

_WHOLE: dict[type, Callable[[Any], str]] = {
    s.Missing: lambda n: "null",
    s.Literal: _literal,
    s.Quantity: _quantity,
    s.Ratio: lambda n: f"{_quantity(n.numerator)} : {_quantity(n.denominator)}",
    s.Name: lambda n: name(n.name, n.quote),
    s.Special: lambda n: n.name,
    s.ExternalConstant: lambda n: "%" + (string(n.name) if n.quote == "'" else name(n.name, n.quote)),
    s.Call: _call_tail,
    s.Unary: _unary,
    s.AsType: lambda n: f"cast {_text(n.operand, IS_AS)} as {_type(n.type)}",
    s.DurationBetween: lambda n: (
        f"{'difference in ' if n.kind == 'difference' else ''}{n.precision}s between"
        f" {_text(n.low, TERM)} and {_text(n.high, TERM)}"
    ),
    s.DurationOf: lambda n: f"{n.kind} in {n.precision}s of {_text(n.operand, UNARY)}",
    s.Component: lambda n: f"{n.component} from {_text(n.operand, UNARY)}",
    s.Convert: _convert,
    s.TypeExtent: lambda n: f"{n.op} {_type(n.type)}",
    s.SetAggregate: _set_aggregate,
    s.If: _if,
    s.Case: _case,
    s.IntervalSelector: _interval,
    s.TupleSelector: lambda n: f"Tuple {_elements(n.elements)}",
    s.InstanceSelector: lambda n: f"{_type(n.type)} {_elements(n.elements)}",
    s.ListSelector: _list,
    s.CodeSelector: _code,
    s.ConceptSelector: lambda n: f"Concept {{ {', '.join(map(_code, n.codes))} }}{_display(n.display)}",
    s.Retrieve: _retrieve,
    s.Query: _query,
}


# ----------------------------------------------------------------------------------------------------------------- definitions


def _access(node: s.Definition) -> str:
    return f"{node.access} " if node.access else ""


def _identifier(node: s.Identifier) -> str:
    return name(node.name, node.quote)


def _version(version: str | None) -> str:
    return f" version {string(version)}" if version is not None else ""


def _called(alias: s.Identifier | None) -> str:
    return f" called {_identifier(alias)}" if alias is not None else ""


def _qualified(namespace: list[str], identifier: s.Identifier) -> str:
    return ".".join([*map(name, namespace), _identifier(identifier)])


def _valueset(node: s.ValueSetDef) -> str:
    systems = f" codesystems {{ {_arguments(node.codesystems)} }}" if node.codesystems else ""
    return f"{_access(node)}valueset {_identifier(node.identifier)}: {string(node.id)}{_version(node.version)}{systems}"


def _parameter(node: s.ParameterDef) -> str:
    kind = f" {_type(node.type)}" if node.type is not None else ""
    default = f" default {_text(node.default, _ALONE)}" if node.default is not None else ""
    return f"{_access(node)}parameter {_identifier(node.identifier)}{kind}{default}"


def _function(node: s.FunctionDef) -> str:
    operands = ", ".join(f"{_identifier(o.identifier)} {_type(o.type)}" for o in node.operands)
    fluent = "fluent " if node.fluent else ""
    returns = f" returns {_type(node.returns)}" if node.returns is not None else ""
    body = "external" if node.expression is None else _text(node.expression, _ALONE)
    return f"define {_access(node)}{fluent}function {_identifier(node.identifier)}({operands}){returns}: {body}"


_DEFINITIONS: dict[type, Callable[[Any], str]] = {
    s.UsingDef: lambda n: f"using {_identifier(n.identifier)}{_version(n.version)}{_called(n.alias)}",
    s.IncludeDef: lambda n: f"include {_qualified(n.namespace, n.identifier)}{_version(n.version)}{_called(n.alias)}",
    s.CodeSystemDef: lambda n: f"{_access(n)}codesystem {_identifier(n.identifier)}: {string(n.id)}{_version(n.version)}",
    s.ValueSetDef: _valueset,
    s.CodeDef: lambda n: (
        f"{_access(n)}code {_identifier(n.identifier)}: {string(n.id)} from {_free(n.system)}{_display(n.display)}"
    ),
    s.ConceptDef: lambda n: f"{_access(n)}concept {_identifier(n.identifier)}: {{ {_arguments(n.codes)} }}{_display(n.display)}",
    s.ParameterDef: _parameter,
    s.ContextDef: lambda n: f"context {name(n.model) + '.' if n.model is not None else ''}{_identifier(n.identifier)}",
    s.ExpressionDef: lambda n: f"define {_access(n)}{_identifier(n.identifier)}: {_text(n.expression, _ALONE)}",
    s.FunctionDef: _function,
}


def _library(node: s.Library) -> str:
    lines = []
    if node.identifier is not None:
        lines.append(f"library {_qualified(node.namespace, node.identifier)}{_version(node.version)}")
    lines += [_DEFINITIONS[type(definition)](definition) for definition in node.definitions]
    return "\n".join(lines) + "\n" if lines else ""
