"""Parsing of retrieves and queries (CQL 1.5.3 grammar, ``retrieve`` and ``query``)."""

from __future__ import annotations

from guideway.cql.lexer import END, KEYWORDS, NAME, NUMBER, RESERVED, STRING, unescape
from guideway.cql.parser_core import CLOSERS, DECLARATIONS, INFIX, JUXTAPOSITION, OPENERS, POWER, PREFIX, TERM, Parser, Stop
from guideway.cql.parser_terms import outside_term, quantity
from guideway.cql.parser_types import named_type
from guideway.cql.syntax import (
    Aggregate,
    AliasedSource,
    Expression,
    Index,
    Let,
    Literal,
    Member,
    Name,
    NamedType,
    Parens,
    Quantity,
    Query,
    Retrieve,
    Return,
    Sort,
    SortItem,
    With,
)

# ------------------------------------------------------------------------------------------------------------------- retrieves


def _retrieve(p: Parser, limit: int) -> Expression:
    opened = p.at
    room = p.room
    try:
        made = _retrieve_inside(p, opened)
    except Stop as stop:
        p.room = room
        p.recover(opened, stop)
        return p.missing(opened)
    if limit >= TERM:
        outside_term(p, opened, limit, "a retrieve")
    else:
        p.must_end(made, "a retrieve")
    return made


def _retrieve_inside(p: Parser, opened: int) -> Retrieve:
    p.at = opened + 1
    context = None
    named = named_type(p)
    if p.accept("->"):
        context = _path_of(p, named, opened + 1)
        named = named_type(p)
    path = comparator = terminology = None
    if p.accept(":"):
        path = _code_path(p)
        if path is not None:
            comparator = p.kinds[p.at]
            p.at += 1
        terminology = p.expression(0)
    if p.kinds[p.at] != "]":
        choice = "']'" if terminology is not None else "':', '->' or ']'" if context is None else "':' or ']'"
        p.fail(f"expected {choice} in a retrieve", expected=("]",))
    p.at += 1
    return Retrieve(p.starts[opened], p.ends[p.at - 1], named, context, path, comparator, terminology)


def _path_of(p: Parser, named: NamedType, first: int) -> Expression:
    """The names that were read as a type, as a path."""
    node: Expression | None = None
    for index, name in enumerate(named.names):
        at = first + 2 * index
        start, end = p.starts[at], p.ends[at]
        quote = p.texts[at][0] if p.texts[at][0] in '"`' else ""
        node = Name(start, end, name, quote) if node is None else Member(node.start, end, node, name, quote, start)
    assert node is not None
    return node


def _code_path(p: Parser) -> Expression | None:
    """The path before a comparator, the cursor then being at the comparator; None, and no step, where there is no comparator."""
    kinds = p.kinds
    at = p.at
    node: Expression | None = None
    while True:
        kind = kinds[at]
        if kind is not NAME and (kind not in KEYWORDS or kind in RESERVED):
            return None
        text = p.texts[at]
        quote = ""
        if text[0] in '"`':
            quote = text[0]
            text = unescape(text)
        start, end = p.starts[at], p.ends[at]
        node = Name(start, end, text, quote) if node is None else Member(node.start, end, node, text, quote, start)
        at += 1
        while kinds[at] == "[" and kinds[at + 1] in (NUMBER, STRING) and kinds[at + 2] == "]":
            text = p.texts[at + 1]
            kind, value = (
                ("string", unescape(text)) if kinds[at + 1] is STRING else ("decimal" if "." in text else "integer", text)
            )
            index = Literal(p.starts[at + 1], p.ends[at + 1], kind, value)
            node = Index(node.start, p.ends[at + 2], node, index)
            at += 3
        if kinds[at] != ".":
            break
        at += 1
    if kinds[at] not in ("in", "=", "~"):
        return None
    p.at = at
    return node


# --------------------------------------------------------------------------------------------------------------------- queries


def _is_source(node: Expression) -> bool:
    kind = type(node)
    if kind is Name or kind is Retrieve or kind is Parens:
        return True
    while isinstance(node, Member):
        node = node.target
    return type(node) is Name


def _aliased(p: Parser, left: Expression, limit: int) -> Expression:
    """A query without ``from``: ``left`` is its source and the cursor at the alias."""
    at = p.at
    if type(left) is Query:
        # Two names behind a source: the first was hardly meant as an alias if it is nearly a word of the language.
        if p.meant(at - 1) is not None:
            p.at = at - 1
        p.fail("expected an operator or the end of the expression")
    if not _is_source(left):
        if isinstance(left, (Literal, Quantity)) or p.meant(at) is not None:
            p.fail("expected an operator or the end of the expression")
        start, end = left.start, left.end
        message = "the source of a query must be a retrieve, a name, or an expression in parentheses"
        found = p.source.diagnostic("cql-needs-parentheses", message, start, end, hint="put parentheses around it")
        p.diagnostics.append(found)
    alias = p.identifier("an alias")
    query = _query(p, AliasedSource(left.start, alias.end, left, alias), left.start, False)
    if limit >= TERM:
        message = "a query must be in parentheses here"
        p.diagnostics.append(p.source.diagnostic("cql-needs-parentheses", message, query.start, query.end))
    else:
        p.must_end(query, "a query")
    return query


def _from(p: Parser, limit: int) -> Expression:
    first = p.at
    p.at = first + 1
    query = _query(p, _aliased_source(p), p.starts[first], True)
    outside_term(p, first, limit, "a query")
    return query


def _source_expression(p: Parser) -> Expression:
    """A retrieve, a qualified name, or an expression in parentheses."""
    kind = p.kinds[p.at]
    if kind == "(" or kind == "[":
        return PREFIX[kind](p, 0)
    first = p.reference("a source: a retrieve, a name, or an expression in parentheses")
    node: Expression = Name(first.start, first.end, first.name, first.quote)
    while p.accept("."):
        name = p.reference("a name after '.'")
        node = Member(node.start, name.end, node, name.name, name.quote, name.start)
    if p.kinds[p.at] == "(":
        p.fail("a call must be in parentheses to be the source of a query")
    return node


def _aliased_source(p: Parser) -> AliasedSource:
    expression = _source_expression(p)
    alias = p.identifier("an alias for the source")
    return AliasedSource(expression.start, alias.end, expression, alias)


def _source_ahead(p: Parser, at: int) -> bool:
    """Whether a source and its alias begin at token ``at``."""
    kinds = p.kinds
    kind = kinds[at]
    if kind in OPENERS:
        if kind == "{":
            return False
        depth = 0
        while True:
            kind = kinds[at]
            if kind in OPENERS:
                depth += 1
            elif kind in CLOSERS:
                depth -= 1
                if not depth:
                    break
            elif kind is END or (kind in DECLARATIONS and p.starts_declaration(at)):
                return False
            at += 1
        return kinds[at + 1] is NAME
    while kind is NAME or (kind in KEYWORDS and kind not in RESERVED):
        at += 1
        if kinds[at] != ".":
            return kinds[at] is NAME
        at += 1
        kind = kinds[at]
    return False


_CLAUSES = frozenset({"let", "with", "without", "where", "return", "aggregate", "sort"})


def _query(p: Parser, first: AliasedSource, start: int, from_: bool) -> Query:
    """The rest of a query, behind its first source."""
    kinds = p.kinds
    sources = [first]
    while kinds[p.at] == ",":
        if not _source_ahead(p, p.at + 1):
            if from_ and kinds[p.at + 2] in _CLAUSES:
                p.at += 2
                p.fail("expected an alias for the source")
            break
        p.at += 1
        sources.append(_aliased_source(p))
    kind = kinds[p.at]
    if kind not in _CLAUSES:
        return Query(start, p.ends[p.at - 1], sources, [], [], None, None, None, None)
    lets: list[Let] = []
    if kind == "let":
        p.at += 1
        while True:
            identifier = p.identifier("the name of a let")
            p.expect(":", "after the name of a let")
            value = p.expression(0)
            lets.append(Let(identifier.start, value.end, identifier, value))
            if kinds[p.at] != "," or kinds[p.at + 1] is not NAME or kinds[p.at + 2] != ":":
                break
            p.at += 1
        kind = kinds[p.at]
    relationships: list[With] = []
    while kind == "with" or kind == "without":
        at = p.at
        p.at = at + 1
        source = _aliased_source(p)
        p.expect("such that", f"and a condition after '{kind} ...'")
        condition = p.expression(0)
        relationships.append(With(p.starts[at], condition.end, source, condition, kind == "without"))
        kind = kinds[p.at]
    where = None
    if kind == "where":
        p.at += 1
        where = p.expression(0)
        kind = kinds[p.at]
    returned: Return | None = None
    aggregate: Aggregate | None = None
    if kind == "return":
        at = p.at
        p.at = at + 1
        mode = _mode(p)
        value = p.expression(0)
        returned = Return(p.starts[at], value.end, mode, value)
        kind = kinds[p.at]
    elif kind == "aggregate":
        aggregate = _aggregate(p)
        kind = kinds[p.at]
    sort = None
    if kind == "sort":
        sort = _sort(p)
        kind = kinds[p.at]
    if kind in _CLAUSES:
        p.fail(f"'{kind}' comes too late in this query", found=False, hint=_ORDER)
    return Query(start, p.ends[p.at - 1], sources, lets, relationships, where, returned, aggregate, sort)


_ORDER = "the order is: sources, let, with and without, where, return or aggregate, sort; each but with and without once"


def _mode(p: Parser) -> str | None:
    """``all`` or ``distinct``."""
    kind = p.kinds[p.at]
    if kind == "all" or kind == "distinct":
        p.at += 1
        return kind
    return None


def _aggregate(p: Parser) -> Aggregate:
    at = p.at
    p.at = at + 1
    mode = _mode(p)
    identifier = p.identifier("the name of the running value")
    starting: Expression | None = None
    if p.accept("starting"):
        begin = p.at
        kind = p.kinds[begin]
        if kind is NUMBER:
            amount = quantity(p)  # a ratio would take the colon that belongs to the clause
            starting = amount
            if amount.unit is None:
                starting = Literal(amount.start, amount.end, "decimal" if "." in amount.value else "integer", amount.value)
        elif kind is STRING or kind == "(":
            starting = PREFIX[kind](p, TERM)
        else:
            starting = p.expression(TERM)
            message = "the starting value must be a number, a quantity, a text, or an expression in parentheses"
            p.report(message, begin, last=p.at - 1, rule="cql-needs-parentheses")
    p.expect(":", "before the expression of the aggregate clause")
    value = p.expression(0)
    return Aggregate(p.starts[at], value.end, mode, identifier, starting, value)


_DIRECTIONS = {"asc": "asc", "ascending": "asc", "desc": "desc", "descending": "desc"}


def _sort(p: Parser) -> Sort:
    at = p.at
    p.at = at + 1
    kinds = p.kinds
    direction = _DIRECTIONS.get(kinds[p.at])
    if direction is not None:
        p.at += 1
        return Sort(p.starts[at], p.ends[p.at - 1], direction, [])
    p.expect("by", "or a direction (asc, desc) after 'sort'")
    items: list[SortItem] = []
    while True:
        value = p.expression(TERM)
        direction = _DIRECTIONS.get(kinds[p.at])
        if direction is not None:
            p.at += 1
        items.append(SortItem(value.start, p.ends[p.at - 1], value, direction))
        if kinds[p.at] != ",":
            break
        p.at += 1
    return Sort(p.starts[at], p.ends[p.at - 1], None, items)


PREFIX["["] = _retrieve
PREFIX["from"] = _from
POWER[NAME] = JUXTAPOSITION
INFIX[NAME] = _aliased
