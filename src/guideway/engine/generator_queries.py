"""Queries and iteration as Python loops (CQL 1.5 Author's Guide, "Queries"; ELM "Query", "List Operators").

A query is: its sources, nested; for each row the lets, the with and without clauses, the where; then the return or aggregate; at
the end distinct and sort. A query over single values gives a single value. A null list gives null.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from guideway.elm import nodes, types
from guideway.engine.generator import Binding, Generator, Handler
from guideway.engine.generator_access import bind, bound_value, raw_of
from guideway.engine.generator_emit import Block, Code
from guideway.engine.generator_logic import truth
from guideway.engine.generator_trace import Below, node_text, place_text, plainly, rows_later


class _Source:
    """A source of a query: a name for what is iterated, whether it is a list (None: only known at run time), how a row binds."""

    __slots__ = ("alias", "is_list", "nonnull", "raw", "type", "value")

    def __init__(
        self, alias: str, value: str, is_list: bool | None, nonnull: bool, type_: types.Type | None, raw: str | None
    ) -> None:
        self.alias = alias
        self.value = value
        self.is_list = is_list
        self.nonnull = nonnull
        self.type = type_
        self.raw = raw

    def iterable(self) -> str:
        """The Python iterable over the rows."""
        if self.is_list:
            return self.value if self.nonnull else f"{self.value} or ()"
        if self.is_list is None:
            return f"rows_of({self.value})"
        return f"({self.value},)" if self.nonnull else f"() if {self.value} is None else ({self.value},)"


def _source(g: Generator, node: nodes.AliasedQuerySource) -> _Source:
    """Evaluate a source into a variable, before the loops."""
    alias = node.alias or ""
    raw = raw_of(g, node.expression)
    if raw is not None and raw.how.many and raw.single is not None and not raw.single[2]:
        name = g.w.store(Code(raw.json() or ""))
        list_type = g.type_of(node.expression)
        element = list_type.element if isinstance(list_type, types.ListType) else None
        return _Source(alias, name.text, True, False, element, raw.single[1])
    code = g.visit(node.expression)
    type_ = g.type_of(node.expression)
    stored = g.w.store(code)
    if isinstance(type_, types.ListType):
        return _Source(alias, stored.text, True, stored.nonnull, type_.element, None)
    known = type_ is not None and type_ != types.ANY and not isinstance(type_, types.ChoiceType)
    return _Source(alias, stored.text, False if known else None, stored.nonnull, type_ if known else None, None)


def _loop(g: Generator, source: _Source, body: Callable[[], None], nonnull: bool = False) -> None:
    """``for row in source: body``, with the row bound to the source's alias."""
    row = g.w.new_local()
    with g.w.apart(loop=True) as block:
        code = Code(row, simple=True, nonnull=nonnull or source.is_list is False or source.raw is not None)
        if source.raw is not None:
            binding = Binding(code, source.type, raw=source.raw)
        else:
            binding = bind(g, code, source.type, retrieved=nonnull)
        with g.bound({source.alias: binding}):
            body()
        if binding.data is not None and not binding.used:
            del block.items[0]
    g.w.behind(f"for {row} in {source.iterable()}:", block)


def _row(g: Generator, alias: str, locator: str | None, kept: str = "") -> tuple[Below, Below, str]:
    """Traced: what is made for a row of a query from here on goes below the row: what it goes to otherwise, what it goes to now,
    and the statement that makes the row's own node, for every place where the row is left."""
    outer = g.below
    assert outer is not None
    below = g.below = Below(g, listed=True)
    item = bound_value(g.aliases[alias])
    made = node_text(g, "Iteration", place_text(g, alias, locator), item.text, below.rows(), kept)
    return outer, below, f"{outer.rows()}.append({made})"


def _is_retrieve(node: Any) -> bool:
    return isinstance(node, nodes.Retrieve)


class _Query:
    """The parts of one query while it is written."""

    def __init__(self, g: Generator, node: nodes.Query) -> None:
        self.g = g
        self.node = node
        self.sources = [_source(g, s) for s in node.source]
        names = {s.alias or "" for s in node.source} | {let.identifier or "" for let in node.let}
        self.ahead: dict[int, _Source] = {}
        self.traces_ahead: dict[int, str] = {}
        """Traced: where the trace of such a source is."""
        for clause in node.relationship:
            if not uses(clause.expression, names):
                self.ahead[id(clause)] = _source(g, clause)
                if g.traced:
                    assert g.below is not None
                    self.traces_ahead[id(clause)] = g.below.last()
        self.iterations: list[str] = []
        self.kept: list[tuple[str, str]] = []
        """Traced: of each row around, a variable for how many of its children are its conditions, and the list of these."""

    def rows(self, body: Callable[[], None]) -> None:
        """The loops, with ``body`` for each row that passes."""
        self._loops(0, body)

    def _loops(self, depth: int, body: Callable[[], None]) -> None:
        g = self.g
        if depth == len(self.sources):

            def passed() -> None:
                if self.kept:  # what is evaluated from here on is the row's result
                    g.w.line(f"{self.kept[-1][0]} = len({self.kept[-1][1]})")
                body()

            self._lets(0, lambda: self._clauses(passed))
            return
        nonnull = _is_retrieve(self.node.source[depth].expression)
        if not g.traced:
            _loop(g, self.sources[depth], lambda: self._loops(depth + 1, body), nonnull)
            return

        def traced_body() -> None:
            alias = self.sources[depth].alias
            kept = g.w.new_local()
            g.w.line(f"{kept} = None")
            outer, below, leave = _row(g, alias, self.node.source[depth].locator, kept)
            self.iterations.append(leave)
            self.kept.append((kept, below.rows()))
            self._loops(depth + 1, body)
            self.kept.pop()
            g.w.line(self.iterations.pop())
            below.close()
            g.below = outer

        _loop(g, self.sources[depth], traced_body, nonnull)

    def skip(self) -> Block:
        """The statements that leave the current row."""
        block = Block()
        if self.iterations:
            block.items.append(self.iterations[-1])
        block.items.append("continue")
        return block

    def _lets(self, index: int, body: Callable[[], None]) -> None:
        g = self.g
        if index == len(self.node.let):
            body()
            return
        let = self.node.let[index]
        code = g.w.store(g.visit(let.expression))
        with g.bound({let.identifier or "": bind(g, code, g.type_of(let.expression))}, kind="lets"):
            self._lets(index + 1, body)

    def _clauses(self, body: Callable[[], None]) -> None:
        g = self.g
        for clause in self.node.relationship:
            self._related(clause)
        if self.node.where is not None:
            with g.row():
                condition = truth(g, self.node.where)
            g.w.behind(f"if not {condition.text}:", self.skip())
        body()

    def _related(self, clause: nodes.RelationshipClause) -> None:
        """With: some related row makes the condition true. Without: none does."""
        g = self.g
        outer = g.below
        if g.traced:
            g.below = Below(g)
        source = self.ahead.get(id(clause)) or _source(g, clause)
        found = g.w.new_local()
        g.w.line(f"{found} = False")

        def test() -> None:
            leave: list[str] = []
            around, below = g.below, None
            if g.traced:
                around, below, text = _row(g, clause.alias or "", clause.locator)
                leave.append(text)
            related = [f"{found} = True", *leave, "break"]
            if clause.suchThat is not None:
                with g.row():
                    condition = truth(g, clause.suchThat)
                block = Block()
                block.items += related
                g.w.behind(f"if {condition.text}:", block)
                g.w.block.items += leave
            else:
                g.w.block.items += related
            if below is not None:
                below.close()
                g.below = around

        _loop(g, source, test, _is_retrieve(clause.expression))
        if g.below is not None and outer is not None:
            children, _ = g.below.close()
            g.below = outer
            place = place_text(g, clause.alias or "", clause.locator)
            outer.add(node_text(g, type(clause).__name__, place, found, children, self.traces_ahead.get(id(clause), "")))
        negate = "not " if isinstance(clause, nodes.With) else ""
        g.w.behind(f"if {negate}{found}:", self.skip())

    # ---- results -------------------------------------------------------------------------------------------------------

    def row_value(self) -> Code:
        """The value of a row: the return expression, the only alias, or a tuple of all aliases."""
        g = self.g
        if self.node.return_ is not None:
            with g.row():
                return g.visit(self.node.return_.expression)
        if len(self.sources) == 1:
            return bound_value(g.aliases[self.sources[0].alias])
        return self.all_aliases()

    def all_aliases(self) -> Code:
        """A tuple of all aliases."""
        values = ((s.alias, bound_value(self.g.aliases[s.alias]).text) for s in self.sources)
        return Code(f"TupleValue({{{', '.join(f'{name!r}: {text}' for name, text in values)}}})", 2, nonnull=True)

    def only_copies(self) -> bool:
        """Whether the rows are the members of one list, as they are."""
        node = self.node
        plain = not (node.let or node.relationship or node.where or node.return_ or self.g.traced)
        return plain and len(self.sources) == 1 and bool(self.sources[0].is_list) and self.sources[0].raw is None

    def condition_alone(self) -> tuple[str, ...] | None:
        """Traced: the alias, where the rows are those members of one list for which a condition holds that is about nothing but
        the member; or all names that the condition mentions, where these are rows around as well and it always rests on all of
        them (a join); null where the condition may rest on anything else."""
        node, g, source = self.node, self.g, self.sources[0]
        if len(self.sources) > 1 or not source.is_list or source.raw is not None or g.context != "Patient":
            return None
        if node.let or node.relationship or node.return_ or node.where is None:
            return None
        around = g.aliases.keys() - {source.alias}
        with g.bound({source.alias: Binding(Code("None"), source.type)}):
            names = g.env.closed.names(g, node.where)
            if names == (source.alias,):
                return names
            if names is None or source.alias not in names or not around.issuperset(set(names) - {source.alias}):
                return None
            straight = g.env.closed.straight(g, node.where, scoped=True)
        return straight if straight is not None and set(straight) == set(names) else None

    def null_source(self) -> str | None:
        """A test for the query's list being null, or None where it cannot be."""
        lists = [s for s in self.sources if s.is_list is not False]
        if len(self.sources) == 1 and lists and not lists[0].nonnull:
            return f"{lists[0].value} is None"
        return None

    def only_single(self) -> bool | None:
        """Whether the result is a single value; None where that is only known at run time."""
        if any(s.is_list for s in self.sources):
            return False
        return None if any(s.is_list is None for s in self.sources) else True


def _query(g: Generator, node: nodes.Query) -> Code:
    with g.row(False):
        return _written(g, node)


def _written(g: Generator, node: nodes.Query) -> Code:
    query = _Query(g, node)
    if node.aggregate is not None:
        return _aggregated(query, node.aggregate)
    result = g.w.new_local()
    if query.only_copies():
        source = query.sources[0]
        g.w.line(f"{result} = [*{source.value}]" if source.nonnull else f"{result} = [*({source.value} or ())]")
    else:
        g.w.line(f"{result} = []")

        def keep() -> None:
            g.w.line(f"{result}.append({query.row_value().text})")

        if g.traced and (names := query.condition_alone()):
            with plainly(g):
                query.rows(keep)
            rows_later(g, query.sources[0], node.where, names, lambda: query.rows(lambda: None))
        else:
            query.rows(keep)
    if node.return_ is not None and node.return_.distinct:
        g.w.line(f"{result} = {g.operator('Distinct')}({result})")
    if node.sort is not None:
        _sorted(g, node.sort.by, result, _item_type(g, query))
    single = query.only_single()
    if single:
        g.w.line(f"{result} = {result}[0] if {result} else None")
        return Code(result, simple=True)
    if single is None:
        lists = " or ".join(f"isinstance({s.value}, list)" for s in query.sources)
        g.w.line(f"{result} = {result} if {lists} else {result}[0] if {result} else None")
        return Code(result, simple=True)
    null = query.null_source()
    if null is not None:
        g.w.line(f"{result} = None if {null} else {result}")
    return Code(result, simple=True, nonnull=null is None)


def _item_type(g: Generator, query: _Query) -> types.Type | None:
    """The static type of a query's items."""
    type_ = query.node.result_type
    if isinstance(type_, types.ListType):
        return type_.element
    if query.node.return_ is None and len(query.sources) == 1:
        return query.sources[0].type
    return None if query.node.return_ is None else g.type_of(query.node.return_.expression)


def _aggregated(query: _Query, clause: nodes.AggregateClause) -> Code:
    g = query.g
    total = g.w.new_local()
    start = g.visit_optional(clause.starting)
    g.w.line(f"{total} = {start.text}")
    binding = Binding(Code(total, simple=True), g.type_of(clause.starting))

    def step() -> None:
        with g.bound({clause.identifier or "": binding}, kind="lets"), g.bound({clause.identifier or "": binding}):
            g.w.line(f"{total} = {g.visit(clause.expression).text}")

    if not clause.distinct:
        query.rows(step)
    else:
        rows = g.w.new_local()
        g.w.line(f"{rows} = []")
        query.rows(lambda: g.w.line(f"{rows}.append({query.all_aliases().text})"))
        row = g.w.new_local()
        with g.w.apart(loop=True) as block:
            names: dict[str, Binding] = {}
            for source in query.sources:
                code = g.w.store(Code(f"{row}[{source.alias!r}]"))
                names[source.alias] = bind(g, code, source.type)
            with g.bound(names):
                query._lets(0, step)
        g.w.behind(f"for {row} in {g.operator('Distinct')}({rows}):", block)
    null = query.null_source()
    if null is not None:
        g.w.line(f"{total} = None if {null} else {total}")
    return Code(total, simple=True)


# ---- sorting -----------------------------------------------------------------------------------------------------------


def _sorted(g: Generator, by: list[nodes.SortByItem], rows: str, type_: types.Type | None) -> None:
    """Sort the list in the variable ``rows`` (CQL 1.5: nulls come first ascending and last descending)."""
    directions = tuple((item.direction or "asc").startswith("desc") for item in by)
    if all(isinstance(item, nodes.ByDirection) for item in by):
        g.w.line(f"{rows} = sort_values({rows}, {directions[0] if directions else False})")
        return
    keyed = g.w.new_local()
    g.w.line(f"{keyed} = []")
    item_name = g.w.new_local()
    with g.w.apart(loop=True) as block:
        item = bind(g, Code(item_name, simple=True), type_)
        keys = []
        g.items.append(item)
        for key in by:
            if isinstance(key, nodes.ByColumn):
                this = nodes.IdentifierRef(name="$this", result_type=type_)
                keys.append(g.visit(nodes.Property(path=key.path, source=this, locator=key.locator)))
            elif isinstance(key, nodes.ByExpression):
                keys.append(g.visit(key.expression))
            else:
                keys.append(bound_value(item))
        g.items.pop()
        if item.data is not None and not item.used:
            del block.items[0]
        if len(keys) == 1:
            g.w.line(f"{keyed}.append({keys[0].text})")
        else:
            g.w.line(f"{keyed}.append((({''.join(k.text + ', ' for k in keys)}), {item_name}))")
    g.w.behind(f"for {item_name} in {rows}:", block)
    if len(keys) == 1:
        g.w.line(f"{rows} = sort_one({rows}, {keyed}, {directions[0]})")
    else:
        g.w.line(f"{rows} = sort_rows({keyed}, {directions})")


def _sort(g: Generator, node: nodes.Sort) -> Code:
    source = g.visit(node.source)
    rows = g.w.new_local()
    g.w.line(f"{rows} = {source.text}")
    type_ = g.type_of(node.source)
    with g.w.apart() as block:
        _sorted(g, node.by, rows, type_.element if isinstance(type_, types.ListType) else None)
    g.w.behind(f"if {rows} is not None:", block)
    return Code(rows, simple=True)


# ---- exists, first, last, aggregates -----------------------------------------------------------------------------------


def _exists(g: Generator, node: nodes.Exists) -> Code:
    operand = node.operand
    raw = raw_of(g, operand)
    if raw is not None and raw.how.many and raw.single is not None:
        return Code(f"bool({raw.json()})", raw.depth + 1, nonnull=True)
    if (
        isinstance(operand, nodes.Query)
        and not g.traced
        and len(operand.source) == 1
        and operand.aggregate is None
        and (operand.return_ is None or not operand.return_.distinct or _is_retrieve(operand.source[0].expression))
        and isinstance(g.type_of(operand.source[0].expression), types.ListType)
    ):
        query = _Query(g, operand)
        found = g.w.new_local()
        g.w.line(f"{found} = False")

        def stop() -> None:
            value = query.row_value()
            block = Block()
            block.items += [f"{found} = True", "break"]
            if value.nonnull:
                g.w.block.items += block.items
            else:
                g.w.behind(f"if {value.text} is not None:", block)

        query.rows(stop)
        return Code(found, simple=True, nonnull=True)
    return g.call(g.operator("Exists"), [g.visit(operand)], node, nonnull=True)


def _first_last(g: Generator, node: nodes.First | nodes.Last) -> Code:
    source = g.visit(node.source)
    if node.orderBy:
        source = g.call("sort_by_path", [source, Code(g.literal(node.orderBy))])
    return g.call(g.operator(type(node).__name__), [source], node)


def _aggregate_function(g: Generator, node: nodes.AggregateExpression) -> Code:
    source = g.visit(node.source)
    if node.path:
        source = g.call("paths_of", [source, Code(g.literal(node.path))])
    return g.call(g.operator(type(node).__name__), [source], node)


# ---- iteration nodes (FHIRPath) ----------------------------------------------------------------------------------------


def _each(g: Generator, node: Any, source: str, body: Callable[[Code], None], *, index: bool = False) -> None:
    """``for item in source``, with the item as ``$this`` (and under the node's scope name) and its index as ``$index``."""
    item = g.w.new_local()
    type_ = g.type_of(node.source)
    counter = g.w.new_local() if index else None
    with g.w.apart(loop=True) as block:
        code = Code(item, simple=True)
        binding = bind(g, code, type_.element if isinstance(type_, types.ListType) else None)
        g.items.append(binding)
        if counter is not None:
            g.indexes.append(Code(counter, simple=True, nonnull=True))
        scope = getattr(node, "scope", None)
        with g.bound({scope: binding} if scope else {}):
            body(code)
        if counter is not None:
            g.indexes.pop()
        g.items.pop()
    header = f"for {counter}, {item} in enumerate({source}):" if counter else f"for {item} in {source}:"
    g.w.behind(header, block)


def _filter(g: Generator, node: nodes.Filter) -> Code:
    source = g.w.store(g.visit(node.source))
    result = g.w.new_local()
    g.w.line(f"{result} = None if {source.text} is None else []")

    def body(item: Code) -> None:
        condition = truth(g, node.condition)
        block = Block()
        block.items.append(f"{result}.append({item.text})")
        g.w.behind(f"if {condition.text}:", block)

    _each(g, node, f"rows_of({source.text})", body, index=True)
    return Code(result, simple=True)


def _for_each(g: Generator, node: nodes.ForEach) -> Code:
    source = g.w.store(g.visit(node.source))
    result = g.w.new_local()
    g.w.line(f"{result} = None if {source.text} is None else []")
    _each(g, node, f"rows_of({source.text})", lambda _: g.w.line(f"{result}.append({g.visit(node.element).text})"), index=True)
    return Code(result, simple=True)


def _repeat(g: Generator, node: nodes.Repeat) -> Code:
    """The element expression applied again and again to what it gave, until nothing new comes (FHIRPath ``repeat``)."""
    source = g.w.store(g.visit(node.source))
    result, pending = g.w.new_local(), g.w.new_local()
    g.w.line(f"{result} = None if {source.text} is None else []")
    g.w.line(f"{pending} = list(rows_of({source.text}))")
    _each(g, node, pending, lambda _: g.w.line(f"repeat_step({result}, {pending}, {g.visit(node.element).text})"))
    return Code(result, simple=True)


def _aggregate(g: Generator, node: nodes.Aggregate) -> Code:
    source = g.w.store(g.visit(node.source))
    total = g.w.new_local()
    g.w.line(f"{total} = {g.visit_optional(node.initialValue).text}")
    g.totals.append(Code(total, simple=True))
    _each(g, node, f"rows_of({source.text})", lambda _: g.w.line(f"{total} = {g.visit(node.iteration).text}"), index=True)
    g.totals.pop()
    return Code(total, simple=True)


def _current(g: Generator, node: nodes.Current) -> Code:
    if node.scope and node.scope in g.aliases:
        return bound_value(g.aliases[node.scope])
    if not g.items:
        raise g.problem(node, "$this is used outside of an iteration.")
    return bound_value(g.items[-1])


def _iteration(g: Generator, node: nodes.Iteration) -> Code:
    if not g.indexes:
        raise g.problem(node, "$index is used outside of an iteration.")
    return g.indexes[-1]


def _total(g: Generator, node: nodes.Total) -> Code:
    if not g.totals:
        raise g.problem(node, "$total is used outside of an aggregate.")
    return g.totals[-1]


def _times(g: Generator, node: nodes.Times) -> Code:
    return g.call("times", [g.visit(operand) for operand in node.operand], node)


def _children(g: Generator, node: nodes.Children) -> Code:
    return g.call("children", [g.visit(node.source)], node)


def _descendants(g: Generator, node: Any) -> Code:
    return g.call("descendants", [g.visit(node.source)], node)


def uses(node: Any, names: set[str]) -> bool:
    """Whether an expression mentions one of the aliases or lets ``names``."""
    pending = [node]
    while pending:
        item = pending.pop()
        if isinstance(item, list):
            pending.extend(item)
        elif isinstance(item, (nodes.AliasRef, nodes.QueryLetRef, nodes.IdentifierRef)):
            if item.name in names:
                return True
        elif isinstance(item, (nodes.Element, nodes.TupleElement, nodes.InstanceElement)):
            if isinstance(item, nodes.Property) and item.scope in names:
                return True
            pending.extend(getattr(item, f) for f in item.__struct_fields__ if f not in _HEAD)
    return False


_HEAD = frozenset(("annotation", "resultTypeSpecifier", "localId", "locator", "resultTypeName", "result_type", "signature"))

_AGGREGATES: tuple[type[Any], ...] = (
    nodes.Count, nodes.Sum, nodes.Product, nodes.Min, nodes.Max, nodes.Avg, nodes.GeometricMean, nodes.Median, nodes.Mode,
    nodes.Variance, nodes.PopulationVariance, nodes.StdDev, nodes.PopulationStdDev, nodes.AllTrue, nodes.AnyTrue,
)  # fmt: skip

HANDLERS: dict[type[Any], Handler] = {
    nodes.Query: _query,
    nodes.Sort: _sort,
    nodes.Exists: _exists,
    nodes.First: _first_last,
    nodes.Last: _first_last,
    nodes.Filter: _filter,
    nodes.ForEach: _for_each,
    nodes.Repeat: _repeat,
    nodes.Aggregate: _aggregate,
    nodes.Current: _current,
    nodes.Iteration: _iteration,
    nodes.Total: _total,
    nodes.Times: _times,
    nodes.Children: _children,
    nodes.Descendants: _descendants,
    nodes.Descendents: _descendants,
    **dict.fromkeys(_AGGREGATES, _aggregate_function),
}
