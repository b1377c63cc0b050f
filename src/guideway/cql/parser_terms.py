"""Parsing of terms: literals, names, calls, arithmetic and logic, conditions (CQL 1.5.3 grammar, ``expressionTerm``)."""

from __future__ import annotations

from guideway.cql.lexer import DATE, DATETIME, KEYWORDS, LONG, NAME, NUMBER, RESERVED, SPECIAL, STRING, TIME, unescape
from guideway.cql.parser_core import (
    ACCESS,
    ADDITION,
    AND,
    DECLARATIONS,
    EQUALITY,
    EXISTS,
    IMPLIES,
    INEQUALITY,
    INFIX,
    IS_AS,
    MULTIPLICATION,
    NOT,
    OR,
    POWER,
    POWER_OF,
    PREFIX,
    SET,
    TERM,
    UNARY,
    Parser,
    Stop,
)
from guideway.cql.parser_types import named_type, type_specifier
from guideway.cql.syntax import (
    AsType,
    Binary,
    Call,
    Case,
    CaseItem,
    Convert,
    Expression,
    ExternalConstant,
    If,
    Index,
    IsType,
    Literal,
    Member,
    Membership,
    Name,
    Parens,
    Quantity,
    Ratio,
    SetAggregate,
    Special,
    Timing,
    TypeExtent,
    Unary,
)

UNITS = {
    **{word: (word, False) for word in "year month week day hour minute second millisecond".split()},  # noqa: SIM905
    **{word + "s": (word, True) for word in "year month week day hour minute second millisecond".split()},  # noqa: SIM905
}
"""Calendar words to the singular, and whether they were in the plural."""


def outside_term(p: Parser, first: int, limit: int, what: str) -> None:
    """Reports an expression that the grammar lets stand in a term only in parentheses, once it has been read."""
    if limit >= TERM:
        p.report(f"{what} must be in parentheses here", first, last=max(first, p.at - 1), rule="cql-needs-parentheses")


# -------------------------------------------------------------------------------------------------------------------- literals


def _string(p: Parser, limit: int) -> Expression:
    at = p.at
    p.at = at + 1
    return Literal(p.starts[at], p.ends[at], "string", unescape(p.texts[at]))


def quantity(p: Parser) -> Quantity:
    """The quantity at the cursor; a bare number is one without a unit."""
    at = p.at
    if p.kinds[at] is not NUMBER:
        p.fail("expected a quantity", hint="for example 3 days or 5 'mg'")
    unit_kind = p.kinds[at + 1]
    if unit_kind is STRING:
        p.at = at + 2
        return Quantity(p.starts[at], p.ends[at + 1], p.texts[at], unescape(p.texts[at + 1]), False, False)
    if unit_kind in UNITS:
        p.at = at + 2
        unit, plural = UNITS[unit_kind]
        return Quantity(p.starts[at], p.ends[at + 1], p.texts[at], unit, True, plural)
    p.at = at + 1
    return Quantity(p.starts[at], p.ends[at], p.texts[at], None, False, False)


def _number(p: Parser, limit: int) -> Expression:
    at = p.at
    kinds = p.kinds
    following = kinds[at + 1]
    if following is not STRING and following not in UNITS and (following != ":" or kinds[at + 2] is not NUMBER):
        p.at = at + 1
        text = p.texts[at]
        return Literal(p.starts[at], p.ends[at], "decimal" if "." in text else "integer", text)
    numerator = quantity(p)
    if kinds[p.at] == ":" and kinds[p.at + 1] is NUMBER:
        p.at += 1
        denominator = quantity(p)
        return Ratio(numerator.start, denominator.end, numerator, denominator)
    return numerator


def _long(p: Parser, limit: int) -> Expression:
    at = p.at
    p.at = at + 1
    return Literal(p.starts[at], p.ends[at], "long", p.texts[at][:-1])


def _date(p: Parser, limit: int) -> Expression:
    at = p.at
    p.at = at + 1
    return Literal(p.starts[at], p.ends[at], "date", p.texts[at][1:])


def _datetime(p: Parser, limit: int) -> Expression:
    at = p.at
    p.at = at + 1
    return Literal(p.starts[at], p.ends[at], "datetime", p.texts[at][1:])


def _time(p: Parser, limit: int) -> Expression:
    at = p.at
    p.at = at + 1
    return Literal(p.starts[at], p.ends[at], "time", p.texts[at][2:])


def _boolean(p: Parser, limit: int) -> Expression:
    at = p.at
    p.at = at + 1
    return Literal(p.starts[at], p.ends[at], "boolean", p.texts[at])


def _null(p: Parser, limit: int) -> Expression:
    at = p.at
    p.at = at + 1
    return Literal(p.starts[at], p.ends[at], "null", "null")


def _special(p: Parser, limit: int) -> Expression:
    at = p.at
    p.at = at + 1
    return Special(p.starts[at], p.ends[at], p.texts[at])


def _external_constant(p: Parser, limit: int) -> Expression:
    at = p.at
    p.at = at + 1
    if p.kinds[p.at] is STRING:
        return ExternalConstant(p.starts[at], p.ends[at + 1], p.string("a name"), "'")
    name = p.identifier("the name of an external constant")
    return ExternalConstant(p.starts[at], name.end, name.name, name.quote)


# ------------------------------------------------------------------------------------------------------------ names and calls


def _name(p: Parser, limit: int) -> Expression:
    """A name that a parenthesis follows, or an unreserved keyword used as a name."""
    at = p.at
    if p.kinds[at] in DECLARATIONS and p.certainly_declaration(at):
        p.fail("expected an expression")
    text = p.texts[at]
    quote = ""
    if text[0] in '"`':
        quote = text[0]
        text = unescape(text)
    p.at = at + 1
    start = p.starts[at]
    if p.kinds[at + 1] == "(":
        found = arguments(p)
        return Call(start, p.ends[p.at - 1], None, text, quote, start, found)
    return Name(start, p.ends[at], text, quote)


def arguments(p: Parser) -> list[Expression]:
    """``(a, b)`` at the cursor."""
    opened = p.at
    first = p.at = opened + 1
    found: list[Expression] = []
    if p.kinds[first] == ")":
        p.at = first + 1
        return found
    room = p.room
    try:
        found.append(p.expression(0))
        while p.kinds[p.at] == ",":
            p.at += 1
            first = p.at
            found.append(p.expression(0))
        p.close(opened, ")")
    except Stop as stop:
        p.room = room
        p.recover(opened, stop)
        found.append(p.missing(first))
    return found


def _access(p: Parser, left: Expression, limit: int) -> Expression:
    """``.name`` and ``.name(...)``; plain members are read by ``Parser.expression`` itself."""
    at = p.at = p.at + 1
    kind = p.kinds[at]
    if kind is not NAME and kind not in KEYWORDS:
        p.fail("expected the name of an element or function after '.'")
    text = p.texts[at]
    quote = ""
    if text[0] in '"`':
        quote = text[0]
        text = unescape(text)
    following = p.kinds[at + 1]
    if kind in RESERVED and following != "(" and not (following == "{" and kind in ("Code", "Concept")):
        if p.starts_declaration(at):
            p.fail("expected the name of an element or function after '.'")
        p.report(
            f"expected the name of an element or function after '.', but {kind} is a reserved word",
            at,
            rule="cql-keyword-as-name",
            hint=f'write it in double quotes: "{kind}"',
        )
        quote = '"'
    start = p.starts[at]
    p.at = at + 1
    if following == "(":
        found = arguments(p)
        return Call(left.start, p.ends[p.at - 1], left, text, quote, start, found)
    return Member(left.start, p.ends[at], left, text, quote, start)


def _index(p: Parser, left: Expression, limit: int) -> Expression:
    opened = p.at
    p.at = opened + 1
    room = p.room
    index: Expression
    try:
        index = p.expression(0)
        p.close(opened, "]", separator=False)
    except Stop as stop:
        p.room = room
        p.recover(opened, stop)
        index = p.missing(opened + 1)
    return Index(left.start, p.ends[p.at - 1], left, index)


def _parens(p: Parser, limit: int) -> Expression:
    opened = p.at
    p.at = opened + 1
    room = p.room
    inner: Expression
    try:
        inner = p.expression(0)
        p.close(opened, ")", separator=False)
    except Stop as stop:
        p.room = room
        p.recover(opened, stop)
        inner = p.missing(opened + 1)
    return Parens(p.starts[opened], p.ends[p.at - 1], inner)


# ------------------------------------------------------------------------------------------------------------------- operators


def _binary(p: Parser, left: Expression, limit: int) -> Expression:
    at = p.at
    kind = p.kinds[at]
    p.at = at + 1
    right = p.expression(POWER[kind])
    return Binary(left.start, right.end, kind, left, right)


def _union_sign(p: Parser, left: Expression, limit: int) -> Expression:
    p.at += 1
    right = p.expression(SET)
    return Binary(left.start, right.end, "union", left, right)


def _prefix_operator(op: str, of: str | None = None, operand: int = UNARY, *, term: bool = True) -> None:
    """Registers a prefix operator; ``of`` is its second word, without which the first is an ordinary name if it may be one."""
    word = op.split(" ")[0]
    nameable = word in KEYWORDS and word not in RESERVED

    def parse(p: Parser, limit: int) -> Expression:
        at = p.at
        if of is not None and p.kinds[at + 1] != of:
            if nameable:
                return _name(p, limit)
            p.at = at + 1
            p.fail(f"expected '{of}' after '{word}'", expected=(of,))
        p.at = at + (1 if of is None else 2)
        inner = p.expression(operand)
        if limit >= TERM and not term:
            outside_term(p, at, limit, f"'{op} ...'")
        return Unary(p.starts[at], inner.end, op, inner)

    PREFIX[word] = parse


def _is(p: Parser, left: Expression, limit: int) -> Expression:
    at = p.at = p.at + 1
    kind = p.kinds[at]
    if kind == "null" or kind == "true" or kind == "false":
        p.at = at + 1
        made = Unary(left.start, p.ends[at], "is " + kind, left)
        p.must_end(made, f"'... is {kind}'")
        return made
    if kind == "not":
        p.at = at + 1
        kind = p.kinds[at + 1]
        if kind not in ("null", "true", "false"):
            hint = "a type is excluded by 'not (x is Type)'"
            p.fail("expected null, true or false after 'is not'", hint=hint)
        p.at = at + 2
        made = Unary(left.start, p.ends[at + 1], "is not " + kind, left)
        p.must_end(made, f"'... is not {kind}'")
        return made
    tested = type_specifier(p)
    node = IsType(left.start, tested.end, left, tested)
    p.must_end(node, "'... is type'")
    return node


def _as(p: Parser, left: Expression, limit: int) -> Expression:
    p.at += 1
    target = type_specifier(p)
    made = AsType(left.start, target.end, left, target, False)
    p.must_end(made, "'... as type'")
    return made


def _cast(p: Parser, limit: int) -> Expression:
    first = p.at
    p.at = first + 1
    operand = p.expression(IS_AS)
    while p.kinds[p.at] != "as" and POWER.get(p.kinds[p.at], 0) > 0:
        # The operand is a looser expression, and its last operand has taken the "as" that is ours.
        before = p.at
        operand = INFIX[p.kinds[p.at]](p, operand, 0)
        taken = _give_back(operand)
        if taken is not None:
            outside_term(p, first, limit, "'cast ... as ...'")
            return AsType(p.starts[first], taken.end, taken.operand if operand is taken else operand, taken.type, True)
        if p.at == before:  # pragma: no cover - every continuation takes a token
            break
    if p.kinds[p.at] != "as":
        p.fail("expected 'as' and a type to finish the cast", expected=("as",))
    p.at += 1
    target = type_specifier(p)
    while p.kinds[p.at] == "as":
        operand = AsType(operand.start, target.end, operand, target, False)
        p.at += 1
        target = type_specifier(p)
    outside_term(p, first, limit, "'cast ... as ...'")
    made = AsType(p.starts[first], target.end, operand, target, True)
    p.must_end(made, "'cast ... as type'")
    return made


def _give_back(node: Expression) -> AsType | None:
    """Takes an ``as`` off the right edge of ``node``."""
    holder: Binary | Membership | Timing | None = None
    while isinstance(node, (Binary, Membership, Timing)):
        holder, node = node, node.right
    if not isinstance(node, AsType) or node.strict:
        return None
    if holder is not None:
        holder.right = node.operand
        holder.end = node.operand.end
    return node


def _convert(p: Parser, limit: int) -> Expression:
    first = p.at
    p.at = first + 1
    operand = p.expression(0)
    p.expect("to", "and a type or unit to finish the conversion")
    at = p.at
    kind = p.kinds[at]
    if kind is STRING:
        p.at = at + 1
        return Convert(p.starts[first], p.ends[at], operand, None, unescape(p.texts[at]))
    if kind in UNITS:
        p.at = at + 1
        unit, plural = UNITS[kind]
        return Convert(p.starts[first], p.ends[at], operand, None, unit, True, plural)
    target = type_specifier(p)
    return Convert(p.starts[first], target.end, operand, target)


def _extent(p: Parser, limit: int) -> Expression:
    at = p.at
    p.at = at + 1
    named = named_type(p)
    return TypeExtent(p.starts[at], named.end, p.kinds[at], named)


def _set_aggregate(p: Parser, limit: int) -> Expression:
    first = p.at
    p.at = first + 1
    operand = p.expression(0)
    if p.kinds[p.at] != "per":
        return SetAggregate(p.starts[first], operand.end, p.kinds[first], operand, None, None)
    at = p.at = p.at + 1
    kind = p.kinds[at]
    if kind in UNITS and not UNITS[kind][1] and p.kinds[at + 1] != "from":
        p.at = at + 1
        return SetAggregate(p.starts[first], p.ends[at], p.kinds[first], operand, kind, None)
    per = p.expression(0)
    return SetAggregate(p.starts[first], per.end, p.kinds[first], operand, None, per)


def _if(p: Parser, limit: int) -> Expression:
    parts: list[tuple[int, Expression, Expression]] = []
    while not parts or p.kinds[p.at] == "if":  # else if ... is a chain and no nesting
        start = p.starts[p.at]
        p.at += 1
        condition = p.expression(0)
        p.expect("then", "after the condition of 'if'")
        parts.append((start, condition, p.expression(0)))
        p.expect("else", "to finish the 'if'")
    other = p.expression(0)
    end = other.end
    for start, condition, then in reversed(parts):
        other = If(start, end, condition, then, other)
    return other


def _case(p: Parser, limit: int) -> Expression:
    first = p.at
    p.at = first + 1
    comparand = None if p.kinds[p.at] == "when" else p.expression(0)
    items: list[CaseItem] = []
    while p.kinds[p.at] == "when" or not items:
        start = p.starts[p.at]
        p.expect("when", "in a 'case'")
        when = p.expression(0)
        p.expect("then", "after the 'when' of a 'case'")
        then = p.expression(0)
        items.append(CaseItem(start, then.end, when, then))
    p.expect("else", "or 'when' to go on with the 'case'")
    other = p.expression(0)
    p.expect("end", "to finish the 'case'")
    return Case(p.starts[first], p.ends[p.at - 1], comparand, items, other)


# ---------------------------------------------------------------------------------------------------------------------- tables

for _power, _words in {
    SET: ("union", "intersect", "except"),
    IMPLIES: ("implies",),
    OR: ("or", "xor"),
    AND: ("and",),
    EQUALITY: ("=", "!=", "~", "!~"),
    INEQUALITY: ("<", "<=", ">", ">="),
    ADDITION: ("+", "-", "&"),
    MULTIPLICATION: ("*", "/", "div", "mod"),
    POWER_OF: ("^",),
}.items():
    for _word in _words:
        POWER[_word] = _power
        INFIX[_word] = _binary

POWER |= {"|": SET, "is": IS_AS, "as": IS_AS, ".": ACCESS, "[": ACCESS}
INFIX |= {"|": _union_sign, "is": _is, "as": _as, ".": _access, "[": _index}

for _word in KEYWORDS - RESERVED:
    PREFIX[_word] = _name

PREFIX |= {
    NAME: _name,
    STRING: _string,
    NUMBER: _number,
    LONG: _long,
    DATE: _date,
    DATETIME: _datetime,
    TIME: _time,
    SPECIAL: _special,
    "true": _boolean,
    "false": _boolean,
    "null": _null,
    "%": _external_constant,
    "(": _parens,
    "cast": _cast,
    "convert": _convert,
    "minimum": _extent,
    "maximum": _extent,
    "expand": _set_aggregate,
    "collapse": _set_aggregate,
    "if": _if,
    "case": _case,
}

for _op in ("+", "-"):
    _prefix_operator(_op)
for _op in ("start of", "end of", "width of", "successor of", "predecessor of", "singleton from", "point from"):
    _prefix_operator(_op, _op.split(" ")[1])
for _op in ("distinct", "flatten"):
    _prefix_operator(_op, operand=0)
_prefix_operator("not", operand=NOT, term=False)
_prefix_operator("exists", operand=EXISTS, term=False)
