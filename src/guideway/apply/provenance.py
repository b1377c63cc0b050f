"""Where a value came from: the resources that it rests on, by what the logic did with them.

The *support* of a value are the resources without which it could be another one:

- ``found``: what it came from: of a list, the rows in it;
- ``needed``: what made it that: what let the rows in (``where``, ``with``, ``let``, other defines), what chose a branch;
- ``checked``: what was looked at for it and did not count;
- ``others``, of a list: the rows that did not get into it, with what kept them out. Whether something exists does not depend on
  them where something does; a count, the last one, or that nothing exists does.

Of a false ``and`` only the false operand counts, of a true ``or`` the true one; of a call what its body used of the operands; of
``First``, ``Last`` and an index the row that was taken: the others were ``checked``, for with another date, or without the one
before it, another row would have been taken.

Children that have not been made yet (``later``) rest on the names around them alone; they are made only where that may make a
difference: not where all that those names rest on is part of the answer already, as it is for the conditions of most rows.

Works on the nodes of ``engine.trace``; most are looked at only to see that there is nothing below them, so ``below`` is asked
first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol

from guideway.apply.support import NOTHING, References, Support, is_part, merged, of_one, qualifying, support_of
from guideway.engine.trace import Later, Rows, TraceNode
from guideway.fhir.element import FhirObject, FhirPrimitive


class Trace(Protocol):
    """One evaluated node; see ``engine.trace``."""

    kind: str
    label: str | None
    value: Any
    reads: Any
    children: Any
    below: Any
    known: Any
    later: Any
    rows: Any
    resources: Any
    operands: Any
    library: str | None
    define: str | None
    home: Any


Scope = Mapping[Any, Support]
"""What names stand for: aliases and operands by name, the value of a let by its identity."""
_CONNECTIVES = frozenset({"And", "Or", "Implies"})
_NAMES = frozenset({"AliasRef", "OperandRef", "QueryLetRef"})
_WITHOUT = _NAMES | {"Retrieve"}
"""Nodes that may rest on something though they have no children."""
_TAKES_ONE = frozenset({"First", "Last", "Indexer", "SingletonFrom"})
_TAKES_SOME = frozenset({"Distinct", "Union", "Intersect", "Except", "Slice"})
"""Lists that have fewer items than they are made of, or other reasons to have them."""
_OF_ROWS = _TAKES_ONE | _TAKES_SOME | {"Flatten", "List", "Retrieve"}
"""What its value is made of, if it is not empty, is found among rows."""
_CHOOSES = frozenset({"If", "Case", "Coalesce"})
_RELATES = frozenset({"With", "Without"})
_ASKS_ROWS = _RELATES | {"Retrieve"}
_OWN_WAY = frozenset(
    {"Query", "Retrieve", "FunctionRef", "With", "Without", "ExpressionDef", "Define", "Exists", "Flatten", "List"}
    | _CHOOSES
    | _TAKES_ONE
    | _TAKES_SOME
    | _CONNECTIVES
)
"""Nodes that do not simply rest on all that their operands rest on."""


def deciders(node: Trace) -> Sequence[Trace]:
    """The children that made the node's value what it is."""
    below = node.below
    children: Sequence[Trace] = below if type(below) is tuple else node.children
    kind = node.kind
    if kind not in _CONNECTIVES:
        return children
    value = node.value
    if value is not True and value is not False:
        value = unwrap(value)
    if kind == "And" and value is False:
        return [c for c in children if c.value is False or unwrap(c.value) is False][:1] or children
    if kind == "Or" and value is True:
        return [c for c in children if c.value is True or unwrap(c.value) is True][:1] or children
    if kind == "Implies" and value is True:
        if children and unwrap(children[0].value) is False:
            return children[:1]
        return [c for c in children[1:] if unwrap(c.value) is True][:1] or children
    return children


class Provenance:
    """Which resources values came from; each node of the traces of one evaluation is looked at once. ``readable`` says of
    a define which resources it may have read at all; None where that is not known."""

    def __init__(self, readable: Callable[[Trace], Collection[str] | None] = lambda define: None) -> None:
        self._readable = readable
        self._known: dict[int, Support] = {}
        self._read: dict[int, References] = {}
        self._resources: dict[str, Support] = {}
        """Of each resource that rows are, what it rests on by itself."""
        self._of_nothing: dict[int, bool] = {}
        """By define: see ``came_from_nothing``."""
        self._members: dict[tuple[int, int], tuple[dict[int, Support], References, Any]] = {}
        """By a list that rows are joined with, and what it rests on: what each member rests on, and all of them; with these two,
        which must not go."""

    def of(self, node: Trace) -> tuple[References, References, References]:
        """The resources that a value came from; those that made it that; those that were looked at for it and did not count."""
        support = self.support(node, {})
        found = dict.fromkeys(resources_of_value(node.value)) | support.found
        needed = {r: None for r in support.needed if r not in found}
        return found, needed, {r: None for r in (support.checked | support.others) if r not in found and r not in needed}

    def _reads_nothing(self, define: Trace) -> bool:
        readable = self._readable(define)
        return readable is not None and not readable

    def support(self, node: Trace, scope: Scope) -> Support:
        """What the value of a node rests on; ``scope`` is what the names around it stand for."""
        kind = node.kind
        if kind in _NAMES:
            return self._named(node, scope)
        key = id(node)
        known = self._known.get(key)
        if known is not None:
            return known
        below = node.below
        if type(below) is Later and (known := _straight(below, scope)) is not None:
            self._known[key] = known
            return known
        self._known[key] = NOTHING
        if kind in _OWN_WAY:
            known = self._new(node, scope)
            flat = not isinstance(node.value, list)
        elif not below:
            return NOTHING
        else:  # it rests on what its operands rest on; in a chain of nodes with one operand each, only the last need be asked
            children: Any = below if type(below) is tuple else node.children
            flat = not isinstance(node.value, list)
            while children and len(children) == 1:
                child = children[0]
                if child.kind in _NAMES or child.kind in _OWN_WAY:
                    known = self.support(child, scope)
                    break
                flat = flat or not isinstance(child.value, list)
                below = child.below
                children = below if type(below) is tuple else child.children
            else:
                known = self._together(children, scope) if children else NOTHING
        if flat and (known.others or known.items):
            known = of_one(known)
        self._known[key] = known
        return known

    def _new(self, node: Trace, scope: Scope) -> Support:
        """What a node rests on that has a way of its own (``_OWN_WAY``)."""
        kind = node.kind
        if kind in _CONNECTIVES:
            found = self._together(deciders(node), scope)
        elif kind == "ExpressionDef" or kind == "Define":
            found = NOTHING if self._reads_nothing(node) else self._together(node.children or (), {})
        elif kind == "Query":
            found = self._query(node, scope)
        elif kind == "FunctionRef" and (operands := getattr(node, "operands", None)) is not None:
            inner = {
                name: self.support(child, scope) if child.below or child.kind in _WITHOUT else NOTHING
                for name, child in zip(operands, node.known)
            }
            later = node.later
            straight = None if later is None else _straight(later, inner)
            found = self._together(node.children[len(inner) :], inner) if straight is None else straight
        elif kind == "Retrieve":
            read = dict.fromkeys(node.resources or ())
            below = self._together(node.children or (), scope)
            found = below if not read else support_of(read, below.all())
        elif kind in ("With", "Without"):
            found = self._related(node, scope)
        elif kind == "Exists" and node.value is True:
            rows = self._together(node.children or (), scope)
            found = support_of(rows.found, rows.needed, rows.checked) if rows.found else rows
        elif kind == "Flatten" and isinstance(node.value, list):
            lists = self._together(node.children or (), scope)
            parts = [(inner, lists.items.get(id(inner))) for child in node.children for inner in child.value or ()]
            items = {id(item): known for inner, known in parts if known and isinstance(inner, list) for item in inner}
            found = Support(lists.found, lists.needed, lists.checked, lists.others, lists.items | items)
        elif kind in _TAKES_SOME and isinstance(node.value, list):
            found = self._some(node, scope)
        elif kind in _TAKES_ONE and node.value is not None:
            rows = self.support(node.children[0], scope)
            index = self._together(node.children[1:], scope)
            taken = self._item(rows, node.value)
            found = support_of(taken.found, taken.needed | index.all(), taken.checked | rows.all())
        elif kind in _CHOOSES and not isinstance(node.value, bool) and len(node.children or ()) > 1:
            *before, last = node.children
            chosen = self.support(last, scope)
            conditions = self._together(before, scope)
            found = merged([chosen, qualifying(conditions)]) if chosen.found else merged([conditions, chosen])
            found = self._because(found, chosen, node.value, conditions)
        elif kind == "List":
            found = self._listed(node, scope)
        else:
            found = self._together(deciders(node), scope)
        return found

    def _together(self, nodes: Iterable[Trace], scope: Scope) -> Support:
        found = NOTHING
        several: list[Support] | None = None
        known = self._known
        for node in nodes:
            kind = node.kind
            if kind in _NAMES:
                support = self._named(node, scope)
            elif node.below or kind == "Retrieve":
                support = known.get(id(node)) or self.support(node, scope)
            else:
                continue
            if support is NOTHING or support is found:
                continue
            if found is NOTHING:
                found = support
            elif several is None:
                several = [found, support]
            else:
                several.append(support)
        return found if several is None else merged(several)

    def _named(self, node: Trace, scope: Scope) -> Support:
        """What an alias, an operand or a let stands for."""
        known = scope.get(node.label) if node.kind != "QueryLetRef" else scope.get(id(node.value))
        if known is not None:
            if (known.others or known.items) and not isinstance(node.value, list):
                return of_one(known)
            return known
        references = resources_of_value(node.value)
        return support_of(dict.fromkeys(references)) if references else NOTHING

    def _some(self, node: Trace, scope: Scope) -> Support:
        """Some of the items of lists: an item that is not in it, be it that an equal one is, is among the others."""
        lists = [child for child in node.children if isinstance(child.value, list)]
        whole = self._together(node.children, scope)
        items, others = whole.items, whole.others
        if node.kind == "Slice":  # what is before a row, and what is cut off, makes it one of those that are left
            rows = self.support(node.children[0], scope)
            reason = support_of({}, {}, whole.all())
            items = {id(item): merged([self._item(rows, item), reason]) for item in node.value if item is not None}
            left = merged([*items.values(), reason])
            return Support(left.found, left.needed, left.checked, {}, items)
        if node.kind in ("Intersect", "Except"):  # that an item is in the first list only, or in both, rests on the second too
            first = self.support(node.children[0], scope)
            second = support_of({}, {}, self._together(node.children[1:], scope).all())
            items = {id(item): merged([self._item(first, item), second]) for item in node.value}
        if sum(len(child.value) for child in lists) > len(node.value):
            others = dict(others)
            inside = {id(item) for item in node.value}
            for child in lists:
                known = self.support(child, scope)
                for item in child.value:
                    if id(item) not in inside:
                        self._item(known, item).add_to(others)
        return Support(whole.found, whole.needed, whole.checked, others, items)

    def _because(self, whole: Support, rows: Support, value: Any, reason: Support) -> Support:
        """A list that is these rows for a reason, which each of its items rests on too."""
        if reason is NOTHING or not isinstance(value, list):
            return whole
        reason = of_one(qualifying(reason))
        items = {id(item): merged([self._item(rows, item), reason]) for item in value if item is not None}
        return Support(whole.found, whole.needed, whole.checked, whole.others, items)

    def _listed(self, node: Trace, scope: Scope) -> Support:
        """A list of these values."""
        supports = [self.support(child, scope) for child in node.children]
        whole = merged(supports)
        if whole is NOTHING:
            return whole
        items: dict[int, Support] = {}
        for child, support in zip(node.children, supports):
            if child.value is not None and not isinstance(child.value, list) and support is not NOTHING:
                key = id(child.value)
                items[key] = merged([items[key], support]) if key in items else support
        return Support(whole.found, whole.needed, whole.checked, whole.others, whole.items | items)

    # -- queries

    def _query(self, node: Trace, scope: Scope) -> Support:
        below = node.below
        if type(below) is not tuple and node.rows is not None and (known := self._rows_to_come(node, scope)) is not None:
            return known
        children = node.children
        first = next((n for n, child in enumerate(children) if child.kind == "Iteration"), len(children))
        sources = [self.support(child, scope) for child in children[:first]]
        if first == len(children) == 1:  # nothing came in
            (source,) = sources
            if source.others and not (source.found or source.needed or source.checked or source.items):
                return source
        kept: list[Support] = []
        items: dict[int, Support] = {}
        others: References = {}
        for source in sources:
            others |= source.others
        simple = sources[0] if len(sources) == 1 else None
        for row in children[first:]:
            if row.kind == "Iteration" and (simple is None or not self._simple_row(row, simple, scope, kept, items, others)):
                self._row(row, 0, sources, [], scope, kept, items, others)
        if kept and len(sources) > 1:  # more than the rows: what an aggregate starts with
            kept += self._beside_rows(children[first], sources, children[:first])
        found = merged(kept)
        if isinstance(node.value, list) and len(node.value) < len(kept):  # each value once: whose value was there already
            inside = {id(item) for item in node.value}
            for value, known in items.items():
                if value not in inside:
                    known.add_to(others)
        if not kept:  # no row: what was looked through
            for source in sources:
                source.add_to(others)
        return Support(found.found, found.needed, found.checked, others, items)

    def _rows_to_come(self, node: Trace, scope: Scope) -> Support | None:
        """What a query rests on whose rows are there, or not, for nothing but what they say themselves, without making them; None
        where that cannot be told."""
        (child,) = node.known
        given = node.rows.items
        identities = {id(item) for item in given}
        if len(identities) < len(given) or any(id(value) in scope for value in (True, False, None)):  # a let of the same value
            return None
        if any(item is None or isinstance(item, bool) for item in given):
            return None
        source = self.support(child, scope)
        inside = {id(item) for item in node.value}
        if node.rows.straight is not None:
            return self._joined(node.rows, inside, source, scope)
        kept: list[Support] = []
        items: dict[int, Support] = {}
        others: References = dict(source.others)
        plain = not (source.items or source.needed or source.checked)
        for value in given:
            if plain and id(value) not in inside and type(value) is FhirObject and (reference := value.reference) is not None:
                others[reference] = None
                continue
            item = self._item(source, value)
            if id(value) in inside:
                items[id(value)] = whole = item if not (item.others or item.items) else of_one(item)
                kept.append(whole)
            else:
                item.add_to(others)
        if not kept:
            source.add_to(others)
        found = merged(kept)
        return Support(found.found, found.needed, found.checked, others, items)

    def _joined(self, rows: Rows, inside: set[int], source: Support, scope: Scope) -> Support | None:
        """The same of rows that are there, or not, for what they and rows around them say; ``inside``: those that are there. A
        query of this kind is asked for each row around, mostly over the same list, and in or out of it are most rows together."""
        (alias,) = rows.names
        names = rows.straight or ()
        if not all(name in scope for name in names if name != alias):
            return None
        around = merged([scope[name] for name in names if name != alias])
        key = id(rows.items), id(source)
        if key not in self._members:
            members = {id(value): self._item(source, value) for value in rows.items}
            every = dict(source.others)
            for member in members.values():
                member.add_to(every)
            source.add_to(every)
            self._members[key] = members, every, (rows.items, source)
        members, every, _ = self._members[key]
        if not inside:
            first = next(iter(members.values()))
            return Support({}, {}, {}, {**source.others, **first.all(), **around.all(), **every}, {})
        kept: list[Support] = []
        items: dict[int, Support] = {}
        others: References = dict(source.others)
        told = False
        for identity, member in members.items():
            if identity in inside:
                whole = of_one(member)
                if not is_part(around, (member,)):
                    condition = qualifying(merged([scope.get(name, member) if name != alias else member for name in names]))
                    whole = of_one(merged([member, condition]))
                kept.append(whole)
                items[identity] = whole
            else:
                member.add_to(others)
                if not told:
                    told = True
                    around.add_to(others)
        found = merged(kept)
        return Support(found.found, found.needed, found.checked, others, items)

    def _beside_rows(self, row: Any, sources: Sequence[Support], nodes: Sequence[Trace]) -> list[Support]:
        """What was evaluated before the rows of a query and is neither what they come from nor what they are related to."""
        depth, related = 0, []
        while row is not None and row.kind == "Iteration":
            depth += 1
            related = [getattr(child, "source", None) for child in row.children if child.kind in ("With", "Without")]
            row = next(iter(row.children), None)
        return [
            of_one(support)
            for node, support in zip(nodes[depth:], sources[depth:])
            if not any(node is known for known in related)
        ]

    def _simple_row(
        self, row: Any, source: Support, scope: Scope, kept: list[Support], items: dict[int, Support], others: References
    ) -> bool:
        """Whether a row is there as it is, or is not, for nothing but what it says itself, as most are; then it goes where it
        belongs."""
        below = row.below
        if len(below) != 1 or type(below[0]) is not TraceNode:
            return False
        condition = below[0]
        later = condition.below
        if type(later) is not Later or later.names != (row.label,) or id(condition.value) in scope:
            return False
        item = self._item(source, row.value)
        if row.more is None:
            item.add_to(others)
        elif row.more == 1 and row.value is not None and not isinstance(row.value, bool) and id(row.value) not in items:
            whole = item if not (item.others or item.items) else of_one(item)
            kept.append(whole)
            items[id(row.value)] = whole
        else:
            return False
        return True

    def _row(
        self,
        row: Trace,
        depth: int,
        sources: Sequence[Support],
        outer: list[Support],
        scope: Scope,
        kept: list[Support],
        items: dict[int, Support],
        others: References,
    ) -> None:
        """One row: it goes to ``kept`` and ``items``, or to ``others``."""
        children = list(row.children or ())
        item = self._item(sources[depth], row.value) if depth < len(sources) else NOTHING
        inside = {**scope, row.label: item}
        aliases = [*outer, item]
        if children and children[0].kind == "Iteration":  # of the next source
            for inner in children:
                self._row(inner, depth + 1, sources, aliases, inside, kept, items, others)
            return
        passed = getattr(row, "kept", None)
        conditions = children[:passed]
        results = children[len(conditions) :]
        supports = []
        for child in conditions:
            if child.kind in ("With", "Without"):
                supports.append(of_one(self._related(child, inside, aliases)))
            elif (
                self._adds_nothing(child, inside, aliases)
                if child.later is not None
                else passed is None and child is conditions[-1] and self._stays_within(child, inside, aliases)  # it is no let
            ):
                supports.append(NOTHING)
            else:
                if child.later is None and child is not conditions[-1] and self._stays_within(child, inside, aliases):
                    support = merged(aliases)  # a let that is about the row: what is inside of it need not be known
                else:
                    support = self.support(child, inside)
                supports.append(support)  # and of a let, for all that is known here
                inside[id(child.value)] = merged([inside.get(id(child.value), NOTHING), support])
        if passed is None:
            for support in (*aliases, *supports[-1:]):
                support.add_to(others)
            return
        needed = [
            qualifying(support)
            for child, support in zip(conditions, supports)
            if child.kind in ("With", "Without") or unwrap(child.value) is True
        ]
        given = [
            self.support(child, inside)
            for child in results
            if not (self._stays_within if child.later is None else self._adds_nothing)(child, inside, aliases)
        ]
        whole = merged([*aliases, *needed, *given])
        whole = support_of(whole.found, whole.needed, whole.checked | whole.others)
        kept.append(whole)
        value = results[-1].value if results else row.value
        if value is not None and not isinstance(value, bool):
            items[id(value)] = merged([items[id(value)], whole]) if id(value) in items else whole

    def _item(self, rows: Support, value: Any) -> Support:
        """What one item of a list rests on."""
        known = rows.items.get(id(value))
        if known is not None:
            return known
        if type(value) is FhirObject and (reference := value.reference) is not None:
            if rows.needed or rows.checked:
                return support_of({reference: None}, rows.needed, rows.checked)
            known = self._resources.get(reference)
            if known is None:
                known = self._resources[reference] = support_of({reference: None})
            return known
        references = resources_of_value(value)
        if references:
            return support_of(dict.fromkeys(references))
        return support_of(rows.found, rows.needed, rows.checked) if rows.others or rows.items else rows

    def _adds_nothing(self, node: Trace, scope: Scope, rows: Sequence[Support]) -> bool:
        """Whether what a condition or result of rows rests on is part of what the rows rest on, as far as can be told without the
        children that would have to be made."""
        if id(node.value) in scope:  # it stands for a let as well
            return False
        if node.known:
            names = [self.support(child, scope) for child in node.known]
            if len(names) < len(node.operands):
                return False
        else:
            names = []
            for name in node.later.names:
                if name:
                    if name not in scope:
                        return False
                    names.append(scope[name])
                else:
                    names += [support for key, support in scope.items() if type(key) is int]
        return all(is_part(support, rows) for support in names)

    def _stays_within(self, node: Trace, scope: Scope, rows: Sequence[Support]) -> bool:
        """The same of any node: what it rests on is looked for where nothing has to be made, and inside of a query only where it
        goes through something that stays within itself."""
        kind = node.kind
        if kind in _NAMES:
            support = self._named(node, scope)
            return support is NOTHING or is_part(support, rows)
        if kind == "Query":
            return self._all_stay_within(node.known, scope, rows)
        if kind == "Iteration":
            return self._all_stay_within(node.children, {**scope, node.label: NOTHING}, rows)
        if kind in _ASKS_ROWS:
            return False
        if kind == "ExpressionDef":
            return is_part(self.support(node, {}), rows)
        if type(node.below) is Later:
            return self._adds_nothing(node, scope, rows)
        if kind == "FunctionRef" and (operands := getattr(node, "operands", None)) is not None:
            count = len(operands)
            if len(node.known) < count or not self._all_stay_within(node.known[:count], scope, rows):
                return False
            inside = dict.fromkeys(operands, NOTHING)
            return node.later is not None or self._all_stay_within(node.children[count:], inside, rows)
        return self._all_stay_within(node.children, scope, rows)

    def _all_stay_within(self, nodes: Iterable[Trace], scope: Scope, rows: Sequence[Support]) -> bool:
        for child in nodes:
            if (child.below or child.kind in _WITHOUT) and not self._stays_within(child, scope, rows):
                return False
        return True

    def _related(self, node: Trace, scope: Scope, around: Sequence[Support] = ()) -> Support:
        """Whether a row is related: by the one that is, or because none of them is; ``around`` is what the row rests on."""
        children = list(node.children or ())
        rows = [child for child in children if child.kind == "Iteration"]
        source = getattr(node, "source", None)
        before = [source] if source is not None else [child for child in children if child.kind != "Iteration"]
        whole = self._together(before, scope)
        supports = []
        for row in rows[-1:] if node.value is True else rows:
            item = self._item(whole, row.value)
            inside = {**scope, row.label: item}
            rests_on = [*around, item]
            conditions = [c for c in row.children or () if c.later is None or not self._adds_nothing(c, inside, rests_on)]
            supports += [item, self._together(conditions, inside)]
        if node.value is True:
            return merged(supports)
        looked = merged([*supports, whole]).all()
        return support_of({}, {}, looked)

    def came_from_nothing(self, node: Trace) -> bool:
        """Whether a value certainly came from no resource and is what it is because of none (``of`` gives neither), as can be
        told of most that is null or empty without looking at rows: of no row that was looked at came anything of it."""
        return self._is_of_nothing(node, {})

    def _is_of_nothing(self, node: Trace, scope: Mapping[str, bool]) -> bool:
        """``scope`` says the same of the operands around the node."""
        kind, value = node.kind, node.value
        if kind in _NAMES:
            known = scope.get(node.label or "")
            return known if known is not None else kind != "QueryLetRef" and not resources_of_value(value)
        if kind == "Query":
            return isinstance(value, list) and not value
        if kind in _RELATES or resources_of_value(value) or (value and kind in _OF_ROWS):
            return False
        if kind == "ExpressionDef":
            known = self._of_nothing.get(id(node))
            if known is None:
                known = self._reads_nothing(node) or self._all_of_nothing(node.children, {})
                self._of_nothing[id(node)] = known
            return known
        if type(node.below) is Later:
            return all(scope.get(name, False) for name in node.below.names)
        if kind == "FunctionRef" and (operands := getattr(node, "operands", None)) is not None:
            inner = {name: self._is_of_nothing(child, scope) for name, child in zip(operands, node.known)}
            if node.later is not None:
                return all(inner.get(name, False) for name in node.later.names)
            return self._all_of_nothing(node.children[len(inner) :], inner)
        return self._all_of_nothing(deciders(node), scope)

    def _all_of_nothing(self, nodes: Sequence[Trace], scope: Mapping[str, bool]) -> bool:
        for node in nodes:  # noqa: SIM110 (all() would make a generator each time)
            if not self._is_of_nothing(node, scope):
                return False
        return True

    def read_by(self, node: Trace) -> References:
        """Every resource that was read for a value, in the order of reading; once there is none left that may have been read, no
        more is looked at."""
        known = self._read.get(id(node))
        if known is None:
            known = self._read[id(node)] = {}
            readable = self._readable(node) if node.kind == "ExpressionDef" else None
            left = {"anything"} if readable is None else set(readable)
            pending: list[Any] = [node]
            while pending and left:
                current = pending.pop()
                if type(current) is tuple:  # what is still to be made, after what it rests on
                    (current,) = current
                    later = current.later or current.rows
                    if later is not None and not later.reads_only(known):
                        count = len(current.known)
                        pending += reversed(current.children[count:])
                    continue
                if current.kind == "ExpressionDef" and current is not node:  # others refer to it too
                    if (read := self._read.get(id(current))) is None:
                        readable = self._readable(current)
                        if readable is not None and known.keys() >= set(readable):
                            continue
                        read = self.read_by(current)
                    if read:
                        known |= read
                        left.difference_update(read)
                    continue
                below = current.below
                if (current.reads or current.kind == "Retrieve") and current.resources:
                    known |= dict.fromkeys(resources := current.resources)
                    left.difference_update(resources)
                if type(below) is not tuple:
                    if current.later is not None or current.rows is not None:
                        pending.append((current,))
                    below = current.known
                pending += [child for child in below[::-1] if child.below or child.reads or child.kind == "Retrieve"]
        return known


def _straight(later: Later, scope: Scope) -> Support | None:
    """What children that are still to be made rest on, as far as their names tell; None where they do not."""
    names = later.names if later.straight is None else later.straight
    found = NOTHING
    for name in names:
        known = scope.get(name)
        if known is None or not (known is found or known is NOTHING or found is NOTHING):
            return None
        found = known if found is NOTHING else found
    if (later.straight is None and found is not NOTHING) or not later.is_plain():
        return None
    return of_one(found)


def resources_of_value(value: Any) -> list[str]:
    """References of the resources that a value is: one resource, or a list of nothing else."""
    if isinstance(value, FhirObject):
        return [value.reference] if value.reference else []
    if isinstance(value, list) and value and all(isinstance(v, FhirObject) and v.reference for v in value):
        return list(dict.fromkeys(str(v.reference) for v in value))
    return []


def unwrap(value: Any) -> Any:
    """A FHIR primitive as its value."""
    return value.value if isinstance(value, FhirPrimitive) else value
