"""Queries: sources, let, with and without, where, return, aggregate, sort (CQL 1.5 Author's Guide, "Queries").

A query over lists gives a list, without repeats unless it says ``return all``; over single values it gives a single value.
Several sources without a return give tuples of one element for each alias. In the sort clause the elements of the result
are named alone.
"""

from __future__ import annotations

from typing import Any

from guideway.cql import orders, syntax, warnings
from guideway.cql.scope import Frame, Local
from guideway.cql.translation import Translation
from guideway.cql.typesystem import ERROR
from guideway.elm import nodes as elm
from guideway.elm.types import ANY, BOOLEAN, ListType, Type, tuple_of


def query(t: Translation, node: syntax.Query) -> Any:
    """A whole query."""
    made = elm.Query()
    frame = Frame("query")
    plural = False
    failed = False
    t.excuse(*(s.expression for s in node.sources), *(r.source.expression for r in node.relationships))
    for source in node.sources:
        value = t.expression(source.expression)
        plural = plural or isinstance(value.result_type, ListType)
        failed = failed or value.result_type is ERROR
        made.source.append(t.mark(elm.AliasedQuerySource(alias=source.alias, expression=value), source, value.result_type))
    for source, translated in zip(node.sources, made.source):
        declare(t, frame, "alias", source.identifier, _item(translated.result_type))
    t.scope.push(frame)
    for let in node.lets:
        value = t.expression(let.expression)
        made.let.append(t.mark(elm.LetClause(identifier=let.name, expression=value), let, value.result_type))
        declare(t, frame, "let", let.identifier, value.result_type)
    made.relationship = [relationship(t, r) for r in node.relationships]
    if node.where is not None:
        made.where = t.expected(node.where, BOOLEAN, "the where clause")
    if t.options.warnings:
        warnings.queried_retrieves(t, node, made)
        warnings.unused_names(t, node)
    result = _result(t, node, made, plural)
    t.scope.pop()
    if result is not ERROR and not failed and node.sort is not None:
        made.sort = sort(t, node.sort, result)
    elif node.sort is not None:
        result = ERROR
    return t.mark(made, node, ERROR if failed else result)


def _item(type_: Type) -> Type:
    return type_.element if isinstance(type_, ListType) else type_


def declare(t: Translation, frame: Frame, kind: str, identifier: syntax.Identifier, type_: Type) -> None:
    """Add an alias or let; each must have a name of its own in its query."""
    if identifier.name in frame.names:
        t.error("cql-duplicate-name", f"'{identifier.name}' is declared twice in this query.", identifier)
        return
    hidden = t.scope.find(identifier.name) or t.symbols.symbols.get(identifier.name)
    if hidden is not None:
        what = "a name of an outer query or operand" if isinstance(hidden, Local) else f"the {hidden.kind} of that name"
        t.warn("cql-hidden-name", f"{kind.capitalize()} '{identifier.name}' hides {what}.", identifier)
    frame.add(Local(kind, identifier.name, type_, identifier))


def relationship(t: Translation, node: syntax.With) -> Any:
    """``with`` or ``without`` a related source."""
    value = t.expression(node.source.expression)
    inner = Frame("query")
    declare(t, inner, "alias", node.source.identifier, _item(value.result_type))
    t.scope.push(inner)
    condition = t.expected(node.condition, BOOLEAN, "the 'such that' condition")
    t.scope.pop()
    cls = elm.Without if node.without else elm.With
    return t.mark(cls(alias=node.source.alias, expression=value, suchThat=condition), node, value.result_type)


def _result(t: Translation, node: syntax.Query, made: elm.Query, plural: bool) -> Type:
    """Translate the return or aggregate clause; gives the type of the query."""
    if node.aggregate is not None:
        made.aggregate = aggregate(t, node.aggregate)
        total: Type = made.aggregate.result_type
        return total
    if node.return_ is not None:
        value = t.expression(node.return_.expression)
        clause = elm.ReturnClause(expression=value, distinct=node.return_.mode != "all")
        made.return_ = t.mark(clause, node.return_, value.result_type)
        item: Type = value.result_type
    elif len(node.sources) > 1:
        elements = []
        for source, translated in zip(node.sources, made.source):
            ref = t.mark(elm.AliasRef(name=source.alias), source, _item(translated.result_type))
            elements.append(elm.TupleElement(name=source.alias, value=ref))
        item = tuple_of((e.name or "", e.value.result_type) for e in elements if e.value is not None)
        pair = t.mark(elm.Tuple(element=elements), node, item)
        made.return_ = t.mark(elm.ReturnClause(expression=pair, distinct=True), node, item)
    else:
        item = _item(made.source[0].result_type)
    if item is ERROR:
        return ERROR
    return ListType(item) if plural else item


def aggregate(t: Translation, node: syntax.Aggregate) -> elm.AggregateClause:
    """``aggregate total starting 0: total + x``. The accumulator has the type of the result where the start converts to it."""
    starting = t.expression(node.starting) if node.starting is not None else t.mark(elm.Null(), node, ANY)
    type_ = starting.result_type
    reported = len(t.diagnostics)
    value = _accumulated(t, node, type_)
    result = value.result_type
    if result not in (type_, ERROR) and type_ is not ERROR and type_ != ANY:
        way = t.conversions.find(type_, result)
        if way is not None and way.kind != "none":
            del t.diagnostics[reported:]
            value = _accumulated(t, node, result)
            starting = t.convert(starting, result, node.starting or node, "the start")
        elif t.conversions.find(result, type_) is not None:
            value = t.convert(value, type_, node.expression, "the aggregate")
    clause = elm.AggregateClause(
        identifier=node.name, starting=starting, expression=value, distinct=node.mode == "distinct"
    )  # fmt: skip
    return t.mark(clause, node, value.result_type)


def _accumulated(t: Translation, node: syntax.Aggregate, type_: Type) -> Any:
    frame = t.scope.push(Frame("query"))
    frame.add(Local("total", node.name, type_, node.identifier))
    value = t.expression(node.expression)
    t.scope.pop()
    return value


_DIRECTIONS = {None: "asc", "asc": "asc", "desc": "desc"}


def sort(t: Translation, node: syntax.Sort, result: Type) -> Any:
    """``sort desc``, ``sort by a, b desc``: by direction, by element, or by an expression over the elements."""
    if not isinstance(result, ListType):
        t.error("cql-sort-of-one", "A query over single values gives one value: there is nothing to sort.", node)
        return None
    if not node.items:
        _sortable(t, result.element, node)
        by: list[elm.SortByItem] = [t.mark(elm.ByDirection(direction=_DIRECTIONS[node.direction]), node, result.element)]
        return t.mark(elm.SortClause(by=by), node, result)
    t.scope.push(Frame("sort", this=result.element))
    by = []
    for item in node.items:
        direction = _DIRECTIONS[item.direction]
        value = t.expression(item.expression)
        if value.result_type is not ERROR:
            _sortable(t, value.result_type, item)
        if isinstance(value, elm.IdentifierRef) and value.name != "$this":
            by.append(t.mark(elm.ByColumn(path=value.name, direction=direction), item, value.result_type))
        else:
            by.append(t.mark(elm.ByExpression(expression=value, direction=direction), item, value.result_type))
    t.scope.pop()
    return t.mark(elm.SortClause(by=by), node, result)


def _sortable(t: Translation, type_: Type, at: syntax.Node) -> None:
    orders.require(
        t, type_, orders.ORDERED_TYPES, at, "Sorting", "values that have an order (numbers, quantities, dates, times, strings)"
    )


HANDLERS = {syntax.Query: query}
