"""Implicit conversions, and which overload of an operator a call means.

Follows CQL 1.5 Developer's Guide, "Implicit Conversions" and "Conversion Precedence": a call takes the signature whose
operands need the cheapest conversions, in the order exact match, subtype, compatible (null), cast, conversion to a simple
type, conversion to a class, interval promotion, list demotion, interval demotion, list promotion; the last four only where
the options allow them.

``Conversions.find(from, to)`` says how one type becomes another; ``Overloads.resolve(rows, types)`` picks a row and
instantiates its type variables. Both are remembered, so a call of the same types costs one dictionary look-up.
``converting`` turns a ``Conversion`` into ELM.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import Any

import msgspec

from guideway.cql.signatures import OPERATORS, POINTS, Row, TypeVariable, has_variable, rows
from guideway.cql.typesystem import ERROR, TypeSystem
from guideway.elm.types import (
    ANY,
    CODE,
    CONCEPT,
    DATE,
    DATETIME,
    DECIMAL,
    INTEGER,
    LONG,
    QUANTITY,
    SYSTEM_TYPES,
    VALUESET,
    ChoiceType,
    IntervalType,
    ListType,
    NamedType,
    TupleType,
    Type,
    choice_of,
    tuple_of,
)


class Cost(IntEnum):
    """How far a conversion is from no conversion; the gaps leave room for chains."""

    exact = 0
    subtype = 10
    compatible = 20
    cast = 30
    simple = 40
    complex = 50
    interval_promotion = 60
    list_demotion = 70
    interval_demotion = 80
    list_promotion = 90


class Conversion(msgspec.Struct, frozen=True):
    """One way from ``from_`` to ``to``.

    ``kind``: ``none`` (nothing to do) · ``cast`` (As) · ``operator`` (an ELM node of one operand: ToDecimal, ToList ...) ·
    ``function`` (of a library, as a model says) · ``list`` and ``interval`` (``inner`` for the elements or boundaries) · ``then``
    (``inner``, then ``second``) · ``choice`` (by the value's run-time type, one of ``alternatives``) · ``promote_interval``.
    """

    kind: str
    from_: Type
    to: Type
    cost: int
    name: str = ""
    library: str = ""
    inner: Conversion | None = None
    second: Conversion | None = None
    alternatives: tuple[Conversion, ...] = ()


class Promotions(msgspec.Struct, frozen=True):
    """Which promotions and demotions are allowed; none by default, as in the reference implementation's defaults."""

    list_promotion: bool = False
    list_demotion: bool = False
    interval_promotion: bool = False
    interval_demotion: bool = False


NO_PROMOTIONS = Promotions()
_POINTS = frozenset(SYSTEM_TYPES[name] for name in POINTS)
_SYSTEM_TYPES = frozenset(SYSTEM_TYPES.values())
_UNKNOWN: Any = object()

# Conversions inside the System model: CQL 1.5 Author's Guide, "Implicit Conversions".
SYSTEM_CONVERSIONS: dict[Type, tuple[tuple[Type, str], ...]] = {
    INTEGER: ((LONG, "ToLong"), (DECIMAL, "ToDecimal"), (QUANTITY, "ToQuantity")),
    LONG: ((DECIMAL, "ToDecimal"), (QUANTITY, "ToQuantity")),
    DECIMAL: ((QUANTITY, "ToQuantity"),),
    DATE: ((DATETIME, "ToDateTime"),),
    CODE: ((CONCEPT, "ToConcept"),),
    ListType(CODE): ((CONCEPT, "ToConcept"),),
    VALUESET: ((ListType(CODE), "ExpandValueSet"),),
}


class Conversions:
    """Finds implicit conversions among the types of one type system."""

    def __init__(self, types: TypeSystem) -> None:
        self.types = types
        self._found: dict[tuple[Type, Type, Promotions], Conversion | None] = {}

    def find(self, from_: Type, to: Type, promotions: Promotions = NO_PROMOTIONS) -> Conversion | None:
        """The cheapest way from one type to the other; None where there is none."""
        if from_ == to:
            return Conversion("none", from_, to, Cost.exact)
        key = (from_, to, promotions)
        found: Conversion | None = self._found.get(key, _UNKNOWN)
        if found is _UNKNOWN:
            found = self._found[key] = self._find(from_, to, promotions)
        return found

    def _find(self, from_: Type, to: Type, promotions: Promotions) -> Conversion | None:
        if from_ is ERROR or to is ERROR:
            return Conversion("none", from_, to, Cost.compatible)
        if to == ANY:
            return Conversion("none", from_, to, Cost.subtype)
        if from_ == ANY:
            return Conversion("cast", from_, to, Cost.compatible)
        if isinstance(to, ChoiceType):
            return self._to_choice(from_, to)
        if self.types.is_subtype(from_, to):
            return Conversion("none", from_, to, Cost.subtype)
        if isinstance(from_, ChoiceType):
            return self._from_choice(from_, to, promotions)
        found = self._structural(from_, to, promotions) or self._named(from_, to)
        if found is None and promotions is not NO_PROMOTIONS:
            found = self._promoted(from_, to, promotions)
        return found

    def _named(self, from_: Type, to: Type) -> Conversion | None:
        """Conversions of the System model and of the models in use; a model's may be followed by a System one."""
        for target, node in SYSTEM_CONVERSIONS.get(self.types.system_base(from_), ()):
            if target == to:
                return Conversion("operator", from_, to, self._class_cost(to), name=node)
        best: Conversion | None = None
        for known in self.types.model_conversions(from_):
            first = Conversion(
                "function", from_, known.to, self._class_cost(known.to), name=known.function, library=known.library
            )
            if known.to == to:
                return first
            second = self.find(known.to, to)
            if second is not None and second.kind in ("operator", "interval"):
                chained = Conversion("then", from_, to, first.cost + 5, inner=first, second=second)
                best = chained if best is None or chained.cost < best.cost else best
        return best

    def _class_cost(self, to: Type) -> int:
        return Cost.simple if self.types.is_simple(to) else Cost.complex

    def _structural(self, from_: Type, to: Type, promotions: Promotions) -> Conversion | None:
        """List to list and interval to interval, by their elements."""
        if isinstance(from_, ListType) and isinstance(to, ListType):
            inner = self.find(from_.element, to.element, promotions)
            return Conversion("list", from_, to, inner.cost, inner=inner) if inner is not None else None
        if isinstance(from_, IntervalType) and isinstance(to, IntervalType):
            inner = self.find(from_.point, to.point)
            return Conversion("interval", from_, to, inner.cost, inner=inner) if inner is not None else None
        if isinstance(from_, TupleType) and isinstance(to, TupleType):
            return self._tuple(from_, to)
        return None

    def _tuple(self, from_: TupleType, to: TupleType) -> Conversion | None:
        """Element by element; ``alternatives`` holds the conversions in the order of the elements' names."""
        if [n for n, _ in from_.elements] != [n for n, _ in to.elements]:
            return None
        parts = [self.find(a, b) for (_, a), (_, b) in zip(from_.elements, to.elements)]
        if not all(part is not None and part.kind in ("none", "cast", "operator", "function") for part in parts):
            return None
        known = tuple(part for part in parts if part is not None)
        return Conversion("tuple", from_, to, max(part.cost for part in known), alternatives=known)

    def _to_choice(self, from_: Type, to: ChoiceType) -> Conversion | None:
        if self.types.is_subtype(from_, to):
            return Conversion("none" if isinstance(from_, ChoiceType) else "cast", from_, to, Cost.subtype)
        if isinstance(from_, ChoiceType):
            shared = [c for c in from_.choices if self.types.is_subtype(c, to)]
            return Conversion("cast", from_, to, Cost.cast) if shared else None
        best: Conversion | None = None
        for choice in to.choices:
            found = self.find(from_, choice)
            if found is not None and (best is None or found.cost < best.cost):
                best = found
        if best is None:
            return None
        return Conversion("then", from_, to, best.cost + 5, inner=best, second=Conversion("cast", best.to, to, Cost.subtype))

    def _from_choice(self, from_: ChoiceType, to: Type, promotions: Promotions) -> Conversion | None:
        """A choice converts where at least one of its members does; the value's run-time type decides."""
        ways = []
        for choice in from_.choices:
            way = self.find(choice, to, promotions)
            if way is not None and choice != ANY:
                ways.append(way)
        if not ways:
            return None
        # A number in a choice beside a quantity is not a quantity of unit 1.
        ways = [w for w in ways if not (w.second is not None and w.second.name == "ToQuantity")] or ways
        if all(way.kind == "none" for way in ways):
            return Conversion("cast", from_, to, Cost.cast)
        ways.sort(key=lambda way: way.cost)
        # A member that only gets there in two steps is further off than any that is one step away.
        detour = Cost.compatible if ways[0].kind == "then" else Cost.exact
        return Conversion("choice", from_, to, Cost.cast + ways[0].cost // 10 + detour, alternatives=tuple(ways))

    def _promoted(self, from_: Type, to: Type, promotions: Promotions) -> Conversion | None:
        if promotions.interval_promotion and isinstance(to, IntervalType):
            inner = self.find(from_, to.point)
            if inner is not None:
                return Conversion("promote_interval", from_, to, Cost.interval_promotion + inner.cost // 10, inner=inner)
        if promotions.list_demotion and isinstance(from_, ListType):
            return self._around(from_, from_.element, to, "SingletonFrom", Cost.list_demotion)
        if promotions.interval_demotion and isinstance(from_, IntervalType):
            return self._around(from_, from_.point, to, "PointFrom", Cost.interval_demotion)
        if promotions.list_promotion and isinstance(to, ListType):
            inner = self.find(from_, to.element)
            if inner is not None:
                wrap = Conversion("operator", to.element, to, 0, name="ToList")
                return Conversion("then", from_, to, Cost.list_promotion + inner.cost // 10, inner=inner, second=wrap)
        return None

    def _around(self, from_: Type, middle: Type, to: Type, node: str, cost: Cost) -> Conversion | None:
        rest = self.find(middle, to)
        if rest is None:
            return None
        first = Conversion("operator", from_, middle, 0, name=node)
        return Conversion("then", from_, to, cost + rest.cost // 10, inner=first, second=rest)

    # ---- joining types -------------------------------------------------------------------------------------------------

    def targets(self, from_: Type) -> Iterable[Type]:
        """The types that ``from_`` converts to implicitly, the nearest first."""
        plain = self.types.system_base(from_)
        if plain != from_:
            yield plain
        for target, _ in SYSTEM_CONVERSIONS.get(plain, ()):
            yield target
        for known in self.types.model_conversions(from_):
            yield known.to
            for target, _ in SYSTEM_CONVERSIONS.get(known.to, ()):
                yield target

    def join(self, a: Type, b: Type, *, narrow: bool = False) -> Type | None:
        """The one type that both become when they must agree (``Integer`` and ``Decimal`` → ``Decimal``); None where none is.

        ``narrow``: a choice becomes the one of its members that the other side is of (``value = 5``), not the other way round.
        """
        if a == b or b == ANY or b is ERROR:
            return a
        if a == ANY or a is ERROR:
            return b
        if narrow:
            for choice, other in ((a, b), (b, a)):
                if isinstance(choice, ChoiceType) and not isinstance(other, ChoiceType) and self.find(choice, other) is not None:
                    return other
        if self.types.is_subtype(b, a):
            return a
        if self.types.is_subtype(a, b):
            return b
        plain, other = self.types.system_base(a), self.types.system_base(b)
        if (plain, other) != (a, b):
            return self.join(plain, other)
        if isinstance(a, ListType) and isinstance(b, ListType):
            inner = self.join(a.element, b.element)
            return ListType(inner) if inner is not None else None
        if isinstance(a, IntervalType) and isinstance(b, IntervalType):
            inner = self.join(a.point, b.point)
            return IntervalType(inner) if inner is not None else None
        if isinstance(a, TupleType) and isinstance(b, TupleType):
            return self._join_tuples(a, b)
        ways = [(way.cost, target) for way, target in ((self.find(b, a), a), (self.find(a, b), b)) if way is not None]
        if ways:
            return min(ways, key=lambda way: way[0])[1]
        mine = list(self.targets(a))
        for target in self.targets(b):
            if target in mine:
                return target
        for choice, other in ((a, b), (b, a)):
            if isinstance(choice, ChoiceType):
                for member in choice.choices:
                    joined = self.join(member, other) if member != ANY else None
                    if joined is not None:
                        return joined
        common = self.types.common_base(a, b)
        return common if common != ANY else None

    def _join_tuples(self, a: TupleType, b: TupleType) -> Type | None:
        if [n for n, _ in a.elements] != [n for n, _ in b.elements]:
            return None
        joined: dict[str, Type] = {}
        for (name, x), (_, y) in zip(a.elements, b.elements):
            inner = self.join(x, y)
            if inner is None:
                return None
            joined[name] = inner
        return tuple_of(joined)

    def union(self, types: Iterable[Type]) -> Type:
        """The type of a value that may come from any of several branches: one type where they agree, else a choice."""
        parts = [t for t in types if t != ANY]
        if not parts:
            return ANY
        result = parts[0]
        for part in parts[1:]:
            if part is ERROR or result is ERROR:
                return ERROR
            if self.types.is_subtype(part, result):
                continue
            if self.types.is_subtype(result, part):
                result = part
                continue
            there, back = self.find(part, result), self.find(result, part)
            if not isinstance(result, ChoiceType) and there is not None and there.cost < Cost.interval_promotion:
                continue
            if not isinstance(part, ChoiceType) and not isinstance(result, ChoiceType) and back is not None:
                result = part
            else:
                result = choice_of((result, part))
        return result


class Resolution(msgspec.Struct, frozen=True):
    """The signature that a call means: its operand types with variables filled in, its result, and each operand's conversion.

    ``others`` are signatures that fit as well and would take another member of a choice: the call is ambiguous. ``left_out`` are
    members of a choice that another signature would take and this one does not: they give null.
    """

    row: Row
    operands: tuple[Type, ...]
    result: Type
    conversions: tuple[Conversion, ...]
    cost: int
    others: tuple[Resolution, ...] = ()
    left_out: tuple[Type, ...] = ()


class Overloads:
    """Picks signatures, remembering what it has found."""

    def __init__(self, conversions: Conversions) -> None:
        self.conversions = conversions
        self._found: dict[tuple[str, tuple[Type, ...], Promotions], Resolution | None] = {}

    def operator(self, name: str, types: tuple[Type, ...], promotions: Promotions = NO_PROMOTIONS) -> Resolution | None:
        """The signature of a System operator for operands of these types; None where none fits."""
        key = (name, types, promotions)
        found: Resolution | None = self._found.get(key, _UNKNOWN)
        if found is _UNKNOWN:
            fitting = self._fitting(rows(name), types, promotions)
            if any(isinstance(t, ListType) and _has_choice(t) for t in types):
                fitting = self._without_loss(fitting, types)
            best = self._best(fitting, types)
            found = best[0] if best else None
            if found is not None and any(_has_choice(t) for t in types):
                found = msgspec.structs.replace(found, others=tuple(best[1:]), left_out=self._left_out(found, fitting, types))
            self._found[key] = found
        return found

    def resolve(
        self, candidates: Sequence[Row], types: tuple[Type, ...], promotions: Promotions = NO_PROMOTIONS
    ) -> list[Resolution]:
        """The best fitting rows: empty where none fits, several where the call is ambiguous."""
        return self._best(self._fitting(candidates, types, promotions), types)

    def _fitting(self, candidates: Sequence[Row], types: tuple[Type, ...], promotions: Promotions) -> list[Resolution]:
        found = (self._fit(row, types, promotions) for row in candidates if len(row.operands) == len(types))
        return [fit for fit in found if fit is not None]

    def _best(self, fitting: list[Resolution], types: tuple[Type, ...]) -> list[Resolution]:
        """The cheapest; of those the simplest; of those the ones that take most members of a choice."""
        if len(fitting) <= 1:
            return fitting
        cheapest = min(f.cost for f in fitting)
        fitting = [f for f in fitting if f.cost == cheapest]
        if len(fitting) <= 1:
            return fitting
        # What a choice is taken for counts, else the row's own operand.
        known = self.conversions.types
        ranks = [
            sum(_precedence(known, o if isinstance(t, ChoiceType) else r) for r, o, t in zip(f.row.operands, f.operands, types))
            for f in fitting
        ]
        lowest = min(ranks)
        return self._widest([f for f, rank in zip(fitting, ranks) if rank == lowest], types)

    def _widest(self, fitting: list[Resolution], types: tuple[Type, ...]) -> list[Resolution]:
        """Without those that take fewer members of a choice than another does: of Integer and Decimal, Decimal takes both."""
        if len(fitting) <= 1 or not any(_has_choice(t) for t in types):
            return fitting
        taken = [self._taken(f, types) for f in fitting]
        return [f for f, mine in zip(fitting, taken) if not any(mine < other for other in taken)]

    def _without_loss(self, fitting: list[Resolution], types: tuple[Type, ...]) -> list[Resolution]:
        """Of a list of several types no item may vanish unseen: what takes the most of them counts before what costs least.

        Where all of them are System types, the author's own mix (``Sum({1, 'a'})``), and some fit nothing, nothing fits.
        """
        least: dict[frozenset[tuple[int, Type]], list[Resolution]] = {}
        for fit in self._widest(fitting, types):
            least.setdefault(self._taken(fit, types), []).append(fit)
        all_members = frozenset((i, choice) for i, t in enumerate(types) for choice in choice_members(t))
        system = all(choice in _SYSTEM_TYPES for _, choice in all_members)
        kept: list[Resolution] = []
        for taken, fits in least.items():
            if len(least) > 1 or fits[0].row.is_generic or taken == all_members or not system:
                kept += self._best(fits, types)
        if len(least) > 1:  # several kinds of items, each taken by another row: none is better for being cheaper
            highest = max((f.cost for f in kept), default=0)
            kept = [msgspec.structs.replace(f, cost=highest) for f in kept]
        return kept

    def _left_out(self, chosen: Resolution, fitting: list[Resolution], types: tuple[Type, ...]) -> tuple[Type, ...]:
        mine = self._taken(chosen, types)
        more = dict.fromkeys(member for fit in fitting for member in sorted(self._taken(fit, types) - mine, key=str))
        return tuple(dict.fromkeys(choice for _, choice in more))

    def _taken(self, fit: Resolution, types: tuple[Type, ...]) -> frozenset[tuple[int, Type]]:
        """The members of choices that become what a signature takes, each with the position of its operand."""
        return frozenset(
            (i, choice)
            for i, (type_, operand) in enumerate(zip(types, fit.operands))
            for choice in choice_members(type_)
            if self.conversions.find(choice, element_type(operand) if isinstance(type_, ListType) else operand) is not None
        )

    def _fit(self, row: Row, types: tuple[Type, ...], promotions: Promotions) -> Resolution | None:
        operands, result = row.operands, row.result
        if row.is_generic:
            bound: dict[str, Type] = {}
            for operand, type_ in zip(operands, types):
                if not self._bind(operand, type_, bound, promotions):
                    return None
            operands = tuple(substitute(o, bound) for o in operands)
            result = substitute(result, bound)
        ways = []
        cost = 0
        for operand, type_ in zip(operands, types):
            way = self.conversions.find(type_, operand, promotions)
            if way is None:
                return None
            ways.append(way)
            cost += way.cost
        return Resolution(row, operands, result, tuple(ways), cost)

    def _bind(self, parameter: Type, type_: Type, bound: dict[str, Type], promotions: Promotions, inside: bool = False) -> bool:
        """Bind the variables of ``parameter`` so that ``type_`` fits; False where it cannot. ``inside`` a list."""
        if isinstance(parameter, TypeVariable):
            current = bound.get(parameter.name, ANY)
            joined = self.conversions.join(current, type_, narrow=not inside)
            if joined is None:
                return False
            bound[parameter.name] = joined
            return True
        if type_ == ANY or type_ is ERROR or not has_variable(parameter):
            return True
        if isinstance(parameter, ListType):
            if isinstance(type_, ListType):
                return self._bind(parameter.element, type_.element, bound, promotions, True)
            if promotions.list_promotion and self._bind(parameter.element, type_, bound, promotions):
                return True
        elif isinstance(parameter, IntervalType):
            if isinstance(type_, IntervalType):
                return self._bind(parameter.point, type_.point, bound, promotions)
            if promotions.interval_promotion and self._is_point(type_):
                return self._bind(parameter.point, type_, bound, promotions)
        kind = type(parameter)
        return any(type(b) is kind and self._bind(parameter, b, bound, promotions) for b in self._becomes(type_))

    def _is_point(self, type_: Type) -> bool:
        """Whether a value may stand for the interval that holds just it: it has an order, and is or becomes no interval."""
        becomes = [type_, *self._becomes(type_)]
        return not any(isinstance(t, IntervalType) for t in becomes) and any(t == ANY or t in _POINTS for t in becomes)

    def _becomes(self, type_: Type) -> Iterable[Type]:
        if isinstance(type_, ChoiceType):
            for choice in type_.choices:
                yield choice
                yield from self.conversions.targets(choice)
        else:
            yield from self.conversions.targets(type_)


def element_type(type_: Type) -> Type:
    """What the items of a list, or of its lists, are; another type itself."""
    while isinstance(type_, ListType):
        type_ = type_.element
    return type_


def choice_members(type_: Type) -> tuple[Type, ...]:
    """The members of a choice, or of the choice that the items of a list are of."""
    inner = element_type(type_)
    return inner.choices if isinstance(inner, ChoiceType) else ()


def _has_choice(type_: Type) -> bool:
    return isinstance(element_type(type_), ChoiceType)


def substitute(type_: Type, bound: dict[str, Type]) -> Type:
    """A type with its variables filled in; unbound ones become Any."""
    match type_:
        case TypeVariable(name):
            return bound.get(name, ANY)
        case ListType(element):
            return ListType(substitute(element, bound))
        case IntervalType(point):
            return IntervalType(substitute(point, bound))
    return type_


def _precedence(types: TypeSystem, type_: Type) -> int:
    """Between equally cheap signatures the simpler operand wins."""
    match type_:
        case NamedType():
            return 1 if types.is_simple(type_) else 3
        case TupleType():
            return 2
        case IntervalType():
            return 4
        case ListType():
            return 5
        case ChoiceType():
            return 6
    return 7


def operator_signatures(name: str, types: TypeSystem) -> list[str]:
    """The signatures of an operator as messages show them."""
    if name not in OPERATORS:
        return []
    return [", ".join(types.display(o) for o in row.operands) for row in rows(name)]
