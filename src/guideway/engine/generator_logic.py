"""Logic, conditions and types: And, Or, If, Case, Coalesce, Is, As and their kin (CQL 1.5 Appendix B, "Logical Operators",
"Nullological Operators", "Type Operators"; ELM "Conditional Operators").

Booleans are True, False and None. Where only *true or not* matters (a condition, a where), ``truth`` writes a plain Python test;
elsewhere the three-valued result is computed, the right side only where the left has not decided.
"""

from __future__ import annotations

from typing import Any

from guideway.elm import nodes, types
from guideway.engine.generator import Generator, Handler
from guideway.engine.generator_access import raw_of
from guideway.engine.generator_emit import FALSE, Code
from guideway.engine.generator_operators import comparison_test
from guideway.engine.generator_refs import handler_of

# ---- conditions --------------------------------------------------------------------------------------------------------


def truth(g: Generator, node: Any) -> Code:
    """A Python expression that is true (as Python takes it) exactly where the node is true."""
    return g.w.settle(_test(g, node, True))


def _test(g: Generator, node: Any, wanted: bool) -> Code:
    """A Python test for the node being true (``wanted``) or false."""
    if not g.traced:
        match node:
            case nodes.And(operand=[left, right]):
                return _both(g, left, right, wanted, all_of=wanted)
            case nodes.Or(operand=[left, right]):
                return _both(g, left, right, wanted, all_of=not wanted)
            case nodes.Not():
                return _test(g, node.operand, not wanted)
            case nodes.IsTrue() if wanted:
                return _test(g, node.operand, True)
            case nodes.IsFalse() if wanted:
                return _test(g, node.operand, False)
            case _ if wanted:
                plain = comparison_test(g, node)
                if plain is not None:
                    return plain
    code = g.visit(node)
    if code.nonnull:
        return code if wanted else Code(f"(not {code.text})", code.depth + 1, nonnull=True)
    if wanted and not g.traced and g.type_of(node) == types.BOOLEAN:
        return code
    return Code(f"({code.text} is {wanted})", code.depth + 1, nonnull=True)


def _both(g: Generator, left: Any, right: Any, wanted: bool, *, all_of: bool) -> Code:
    first = g.w.settle(_test(g, left, wanted))
    with g.w.apart() as block:
        second = g.w.settle(_test(g, right, wanted))
    if not block:
        word = "and" if all_of else "or"
        return Code(f"({first.text} {word} {second.text})", 1 + max(first.depth, second.depth))
    name = g.w.new_local()
    g.w.line(f"{name} = {first.text}")
    block.items.append(f"{name} = {second.text}")
    g.w.behind(f"if {name}:" if all_of else f"if not {name}:", block)
    return Code(name, simple=True)


# ---- logical operators -------------------------------------------------------------------------------------------------


def _and_or(g: Generator, node: nodes.And | nodes.Or, decisive: bool) -> Code:
    """``decisive`` is the value that settles the matter: False for And, True for Or."""
    left = g.visit(node.operand[0])
    with g.w.apart() as block:
        right = g.visit(node.operand[1])
    if left.nonnull and right.nonnull and not block:
        word = "or" if decisive else "and"
        return Code(f"({left.text} {word} {right.text})", 1 + max(left.depth, right.depth), nonnull=True)
    if block:
        result = g.w.new_local()
        g.w.line(f"{result} = {left.text}")
        block.items.append(f"{result} = {_combined(g, result, right, decisive)}")
        g.w.behind(f"if {result} is not {decisive}:", block)
        return Code(result, simple=True, nonnull=left.nonnull and right.nonnull)
    if left.simple:
        text = f"({decisive} if {left.text} is {decisive} else {_combined(g, left.text, right, decisive)})"
    else:
        name = g.w.new_local()
        text = f"({decisive} if ({name} := {left.text}) is {decisive} else {_combined(g, name, right, decisive)})"
    return Code(text, 3 + max(left.depth, right.depth))


def _combined(g: Generator, left: str, right: Code, decisive: bool) -> str:
    """The result where ``left`` (a name) is not decisive: ``right``, unless it is open and must stay null."""
    undecided = f"{left} is False" if decisive else left
    if right.simple:
        return f"({right.text} if {right.text} is {decisive} or {undecided} else None)"
    name = g.w.new_local()
    return f"({name} if ({name} := {right.text}) is {decisive} or {undecided} else None)"


def _and(g: Generator, node: nodes.And) -> Code:
    return _and_or(g, node, False)


def _or(g: Generator, node: nodes.Or) -> Code:
    return _and_or(g, node, True)


def _implies(g: Generator, node: nodes.Implies) -> Code:
    """``false implies x`` is true whatever x is; ``x implies true`` likewise."""
    left = g.w.store(g.visit(node.operand[0]))
    with g.w.apart() as block:
        right = g.visit(node.operand[1])
        result = g.w.new_local()
        if right.simple:
            name = right.text
        else:
            name = g.w.new_local()
            g.w.line(f"{name} = {right.text}")
        g.w.line(f"{result} = {name} if {left.text} or {name} is True else None")
    g.w.line(f"{result} = True")
    g.w.behind(f"if {left.text} is not False:", block)
    return Code(result, simple=True)


def _not(g: Generator, node: nodes.Not) -> Code:
    code = g.visit(node.operand)
    if code.nonnull:
        return Code(f"(not {code.text})", code.depth + 1, nonnull=True)
    if code.simple:
        return Code(f"(None if {code.text} is None else not {code.text})", 1)
    name = g.w.new_local()
    return Code(f"(None if ({name} := {code.text}) is None else not {name})", code.depth + 2)


def _xor(g: Generator, node: nodes.Xor) -> Code:
    left, right = (g.w.store(g.visit(operand)) for operand in node.operand)
    return Code(f"(None if {left.text} is None or {right.text} is None else {left.text} is not {right.text})", 1)


def _is_null(g: Generator, node: nodes.IsNull) -> Code:
    raw = raw_of(g, node.operand)
    if raw is not None:
        return raw.is_null()
    code = g.visit(node.operand)
    if code.nonnull and code.simple:
        return FALSE
    return Code(f"({code.text} is None)", code.depth + 1, nonnull=True)


def _is_true(g: Generator, node: nodes.IsTrue) -> Code:
    code = g.visit(node.operand)
    return Code(f"({code.text} is True)", code.depth + 1, nonnull=True)


def _is_false(g: Generator, node: nodes.IsFalse) -> Code:
    code = g.visit(node.operand)
    return Code(f"({code.text} is False)", code.depth + 1, nonnull=True)


# ---- conditional expressions -------------------------------------------------------------------------------------------


def _if(g: Generator, node: nodes.If) -> Code:
    condition = truth(g, node.condition)
    with g.w.apart() as then_block:
        then = g.visit_optional(node.then)
    with g.w.apart() as else_block:
        other = g.visit_optional(node.else_)
    if not then_block and not else_block:
        depth = 1 + max(condition.depth, then.depth, other.depth)
        return Code(f"({then.text} if {condition.text} else {other.text})", depth, nonnull=then.nonnull and other.nonnull)
    result = g.w.new_local()
    then_block.items.append(f"{result} = {then.text}")
    else_block.items.append(f"{result} = {other.text}")
    g.w.behind(f"if {condition.text}:", then_block)
    g.w.behind("else:", else_block)
    return Code(result, simple=True, nonnull=then.nonnull and other.nonnull)


def _case(g: Generator, node: nodes.Case) -> Code:
    comparand = None if node.comparand is None else g.w.store(g.visit(node.comparand))
    result = g.w.new_local()
    with g.w.apart(loop=True, once=True) as body:
        for item in node.caseItem:
            if comparand is None:
                condition = truth(g, item.when).text
            else:
                condition = _same(g, node, comparand, item)
            with g.w.apart() as then_block:
                then = g.visit_optional(item.then)
                g.w.line(f"{result} = {then.text}")
                g.w.line("break")
            g.w.behind(f"if {condition}:", then_block)
        other = g.visit_optional(node.else_)
        g.w.line(f"{result} = {other.text}")
        g.w.line("break")
    g.w.behind("while True:", body)
    return Code(result, simple=True)


def _same(g: Generator, node: nodes.Case, comparand: Code, item: nodes.CaseItem) -> str:
    """The test that the comparand equals a case."""
    when = g.visit(item.when)
    plain = (types.STRING, types.INTEGER, types.BOOLEAN)
    if isinstance(item.when, nodes.Literal) and g.type_of(node.comparand) in plain and g.type_of(item.when) in plain:
        return f"{comparand.text} == {when.text}"
    return f"{g.mark(item)}{g.operator('Equal')}({comparand.text}, {when.text}) is True"


def _coalesce(g: Generator, node: nodes.Coalesce) -> Code:
    if len(node.operand) == 1:
        return g.call(g.operator("Coalesce"), [Code(f"[{g.visit(node.operand[0]).text}]", 1)], node)
    first, *rest = node.operand
    code = g.visit(first)
    pending: list[tuple[Code, Any]] = []
    statements = False
    for operand in rest:
        with g.w.apart() as block:
            other = g.visit(operand)
        pending.append((other, block))
        statements = statements or bool(block)
    if not statements:
        text = pending[-1][0].text
        depth = pending[-1][0].depth
        for other in (*(p[0] for p in reversed(pending[:-1])), code):
            if other.nonnull:
                text = other.text
            elif other.simple:
                text = f"({other.text} if {other.text} is not None else {text})"
            else:
                name = g.w.new_local()
                text = f"({name} if ({name} := {other.text}) is not None else {text})"
            depth = 2 + max(depth, other.depth)
        if depth < 60:
            return Code(text, depth, nonnull=code.nonnull or any(other.nonnull for other, _ in pending))
    result = g.w.new_local()
    g.w.line(f"{result} = {code.text}")
    for other, block in pending:
        block.items.append(f"{result} = {other.text}")
        g.w.behind(f"if {result} is None:", block)
    return Code(result, simple=True)


# ---- types -------------------------------------------------------------------------------------------------------------


def _is(g: Generator, node: nodes.Is) -> Code:
    type_ = g.env.named_or_specified(node.isType, node.isTypeSpecifier)
    raw = raw_of(g, node.operand)
    if raw is not None:
        known = raw.has_type(g.env.fhir_name(type_))
        if known is not None:
            return known
    code = g.visit(node.operand)
    test = g.literal(g.env.type_test(type_))
    return g.call("is_type", [code, Code(test)], nonnull=True)


def _as(g: Generator, node: nodes.As) -> Code:
    type_ = g.env.named_or_specified(node.asType, node.asTypeSpecifier)
    raw = raw_of(g, node)
    if raw is not None:
        return raw.value()
    code = g.visit(node.operand)
    if code.text == "None" or type_ == types.ANY:
        return code
    if not g.traced and type_ is not None and g.type_of(node.operand) == type_:
        return code
    test = Code(g.literal(g.env.type_test(type_)))
    if node.strict:
        return g.call("cast", [code, test, Code(g.literal(str(type_)))], node)
    return g.call("as_type", [code, test])


_CONVERSIONS = {
    "Boolean": "ToBoolean", "Integer": "ToInteger", "Long": "ToLong", "Decimal": "ToDecimal", "String": "ToString",
    "Date": "ToDate", "DateTime": "ToDateTime", "Time": "ToTime", "Quantity": "ToQuantity", "Ratio": "ToRatio",
    "Concept": "ToConcept",
}  # fmt: skip


def _convert(g: Generator, node: nodes.Convert) -> Code:
    type_ = g.env.named_or_specified(node.toType, node.toTypeSpecifier)
    operand = node.operand
    if isinstance(type_, types.NamedType) and type_.uri == types.SYSTEM_URI and type_.local_name in _CONVERSIONS:
        if g.type_of(operand) == type_:
            return g.visit(operand)
        converted = getattr(nodes, _CONVERSIONS[type_.local_name])(operand=operand, locator=node.locator)
        return g.visit(converted) if not g.traced else handler_of(converted)(g, converted)
    if type_ == types.ANY:
        return g.visit(operand)
    if isinstance(type_, types.ListType) and not isinstance(g.type_of(operand), types.ListType):
        return g.call(g.operator("ToList"), [g.visit(operand)], node)
    test = Code(g.literal(g.env.type_test(type_)))
    return g.call("cast", [g.visit(operand), test, Code(g.literal(str(type_)))], node)


def _can_convert(g: Generator, node: nodes.CanConvert) -> Code:
    type_ = g.env.named_or_specified(node.toType, node.toTypeSpecifier)
    if isinstance(type_, types.NamedType) and type_.uri == types.SYSTEM_URI:
        name = _CONVERSIONS.get(type_.local_name, "")
        convertible = f"Converts{name}"
        if hasattr(nodes, convertible):
            inner = getattr(nodes, convertible)(operand=node.operand, locator=node.locator)
            return handler_of(inner)(g, inner)
    code = g.w.store(g.visit(node.operand))
    test = g.literal(g.env.type_test(type_))
    return Code(f"(None if {code.text} is None else is_type({code.text}, {test}))", 2)


def _null(g: Generator, node: nodes.Null) -> Code:
    return Code("None", simple=True, constant=True)


HANDLERS: dict[type[Any], Handler] = {
    nodes.And: _and,
    nodes.Or: _or,
    nodes.Implies: _implies,
    nodes.Not: _not,
    nodes.Xor: _xor,
    nodes.IsNull: _is_null,
    nodes.IsTrue: _is_true,
    nodes.IsFalse: _is_false,
    nodes.If: _if,
    nodes.Case: _case,
    nodes.Coalesce: _coalesce,
    nodes.Is: _is,
    nodes.As: _as,
    nodes.Convert: _convert,
    nodes.CanConvert: _can_convert,
    nodes.Null: _null,
}
