"""Operators written as signs and words: logic, comparison, arithmetic, types, conditionals, lists and intervals.

CQL 1.5 Reference, chapters 1 to 10. Which node an operator becomes is a row in a table here; which operands it takes is in
``signatures``. Timing phrases are in ``timing``.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from guideway.cql import chains, converting, literals, orders, syntax, typenames, warnings
from guideway.cql.selectors import unified
from guideway.cql.translation import Translation
from guideway.cql.typesystem import ERROR
from guideway.elm import nodes as elm
from guideway.elm.types import (
    ANY,
    BOOLEAN,
    CODE,
    CODESYSTEM,
    CONCEPT,
    DATE,
    DATETIME,
    DECIMAL,
    INTEGER,
    LONG,
    QUANTITY,
    STRING,
    TIME,
    VALUESET,
    ChoiceType,
    IntervalType,
    ListType,
    NamedType,
    Type,
    choice_of,
)

BINARY = {
    "+": "Add", "-": "Subtract", "*": "Multiply", "/": "Divide", "div": "TruncatedDivide", "mod": "Modulo", "^": "Power",
    "<": "Less", "<=": "LessOrEqual", ">": "Greater", ">=": "GreaterOrEqual", "=": "Equal", "~": "Equivalent",
    "and": "And", "or": "Or", "xor": "Xor", "implies": "Implies",
}  # fmt: skip
NEGATED = {"!=": "Equal", "!~": "Equivalent"}
SETS = {"union": "Union", "intersect": "Intersect", "except": "Except"}
UNARY = {
    "not": "Not", "exists": "Exists", "distinct": "Distinct", "start of": "Start", "end of": "End", "width of": "Width",
    "successor of": "Successor", "predecessor of": "Predecessor", "singleton from": "SingletonFrom", "point from": "PointFrom",
    "is null": "IsNull", "is true": "IsTrue", "is false": "IsFalse",
}  # fmt: skip


def parens(t: Translation, node: syntax.Parens) -> Any:
    """Parentheses leave no trace in ELM."""
    return t.expression(node.expression)


def missing(t: Translation, node: syntax.Missing) -> Any:
    """What the parser has reported already."""
    return t.failed(node)


def binary(t: Translation, node: syntax.Binary) -> Any:
    """Signs and words between two operands."""
    op = node.op
    if op in SETS and id(node) in t.excused:
        t.excuse(node.left, node.right)
    left, right = t.expression(node.left), t.expression(node.right)
    warnings.binary(t, node, left, right)
    if op in SETS:
        return set_operator(t, SETS[op], left, right, node)
    if op == "&":
        return t.operator("Concatenate", [_or_empty(t, left), _or_empty(t, right)], node, called="&")
    if op in NEGATED:
        inner = t.operator(NEGATED[op], [left, right], node, called=op)
        return inner if inner.result_type is ERROR else t.mark(elm.Not(operand=inner), node, BOOLEAN)
    return orders.time_unit(t, t.operator(BINARY[op], [left, right], node, called=op), node.right)


def _or_empty(t: Translation, value: Any) -> Any:
    """``&`` takes null as the empty string."""
    way = t.conversions.find(value.result_type, STRING)
    if value.result_type is ERROR or way is None:
        return value
    text = converting.apply(t, value, way)
    empty = t.like(elm.Literal(valueType=STRING.name, value=""), value, STRING)
    return t.like(elm.Coalesce(operand=[text, empty]), value, STRING)


def unary(t: Translation, node: syntax.Unary) -> Any:
    """Signs and words before (or, like ``is null``, after) one operand."""
    op = node.op
    if op == "-":
        inner = syntax.strip(node.operand)
        if isinstance(inner, syntax.Literal) and inner.kind in ("integer", "long") and inner is node.operand:
            if int(inner.value) in (literals.INTEGER_LIMIT, literals.LONG_LIMIT):
                return literals.whole(t, inner, inner.value, negative=True)
        return t.operator("Negate", [t.expression(node.operand)], node, called="-")
    value = t.expression(node.operand)
    if op == "+":
        if value.result_type is ERROR:
            return value
        found = t.overloads.operator("Negate", (value.result_type,))
        return value if found is not None else t.no_signature("+", "Negate", (value.result_type,), node)
    if op == "flatten":
        return flatten(t, value, node)
    if op.startswith("is not "):
        inner = t.operator(UNARY["is " + op[7:]], [value], node, called=op)
        return inner if inner.result_type is ERROR else t.mark(elm.Not(operand=inner), node, BOOLEAN)
    return t.operator(UNARY[op], [value], node, called=op)


def flatten(t: Translation, value: Any, at: syntax.Node) -> Any:
    """Lists of lists lose one level; elements that are no lists stay."""
    type_ = value.result_type
    if isinstance(type_, ListType) and isinstance(type_.element, ChoiceType):
        parts = [c.element if isinstance(c, ListType) else c for c in type_.element.choices]
        return t.mark(elm.Flatten(operand=value), at, ListType(choice_of(parts)))
    return t.operator("Flatten", [value], at, called="flatten")


# ---- sets ------------------------------------------------------------------------------------------------------------------


def set_operator(t: Translation, name: str, left: Any, right: Any, at: syntax.Node) -> Any:
    """Union, intersect and except. Lists whose elements differ in type become lists of the choice of both."""
    if ERROR in (left.result_type, right.result_type):
        return t.failed(at)
    left, right = _as_set(t, left), _as_set(t, right)
    a, b = left.result_type, right.result_type
    if isinstance(a, ListType) and isinstance(b, ListType):
        joined = t.conversions.join(a.element, b.element) if name != "Union" else None
        element = joined or _common_element(t, a.element, b.element)
        type_ = ListType(element)
        operands = [_as_list_of(t, left, type_), _as_list_of(t, right, type_)]
        return t.mark(getattr(elm, name)(operand=operands), at, type_)
    return t.operator(name, [left, right], at, called=name.lower())


def _as_set(t: Translation, value: Any) -> Any:
    """A value set as the list of its codes; a period of a model as an interval."""
    type_ = value.result_type
    if isinstance(type_, NamedType) and type_ != ANY:
        for target in t.conversions.targets(type_):
            if isinstance(target, ListType | IntervalType):
                way = t.conversions.find(type_, target)
                return converting.apply(t, value, way) if way is not None else value
    return value


def _common_element(t: Translation, a: Type, b: Type) -> Type:
    if a == ANY or b == ANY:
        return b if a == ANY else a
    if t.types.is_subtype(a, b):
        return b
    if t.types.is_subtype(b, a):
        return a
    return choice_of((a, b))


def _as_list_of(t: Translation, value: Any, type_: ListType) -> Any:
    """Members of a choice need no more than the list's own cast."""
    if value.result_type == type_:
        return value
    if isinstance(type_.element, ChoiceType):
        return converting.cast(t, value, type_)
    way = t.conversions.find(value.result_type, type_)
    return value if way is None else converting.apply(t, value, way)


# ---- membership --------------------------------------------------------------------------------------------------------------


def membership(t: Translation, node: syntax.Membership) -> Any:
    """``in`` and ``contains``: in an interval, a list, a value set or a code system."""
    left, right = t.expression(node.left), t.expression(node.right)
    element, container = (left, right) if node.op == "in" else (right, left)
    if container.result_type in (VALUESET, CODESYSTEM) and element.result_type is not ERROR:
        if node.precision is not None:
            message = f"'{node.precision} of' applies to dates and times, not to {t.show(container.result_type)}."
            return t.error("cql-precision", message, node)
        return in_terminology(t, element, container, node)
    warnings.related_units(t, node, element, container)
    name = "In" if node.op == "in" else "Contains"
    made = t.operator(name, [left, right], node, precision=node.precision, called=node.op)
    return check_precision(t, made, node.precision, node)


def in_terminology(t: Translation, code: Any, container: Any, at: syntax.Node) -> Any:
    """``code in "Value Set"``: InValueSet, AnyInValueSet, InCodeSystem or AnyInCodeSystem."""
    kind = "ValueSet" if container.result_type == VALUESET else "CodeSystem"
    type_ = code.result_type
    many = isinstance(type_, ListType)
    element = type_.element if isinstance(type_, ListType) else type_
    if isinstance(element, ChoiceType) or element == ANY:
        for target in (CONCEPT, CODE, STRING):
            wanted = ListType(target) if many else target
            way = t.conversions.find(type_, wanted)
            if way is not None:
                code = converting.apply(t, code, way)
                break
    name = f"AnyIn{kind}" if many else f"In{kind}"
    made = t.operator(name, [code, container], at, called="in")
    field = kind.lower()
    if made.result_type is not ERROR and not isinstance(container, elm.ValueSetRef | elm.CodeSystemRef):
        setattr(made, field, None)
        setattr(made, f"{field}Expression", container)
    return made


def check_precision(t: Translation, made: Any, precision: str | None, at: syntax.Node) -> Any:
    """A precision says something about dates and times only."""
    if precision is None or made.result_type is ERROR:
        return made
    for operand in made.operand:
        type_ = operand.result_type
        point = type_.point if isinstance(type_, IntervalType) else type_.element if isinstance(type_, ListType) else type_
        if point != ANY and not (isinstance(point, NamedType) and point.local_name in ("Date", "DateTime", "Time")):
            return t.error("cql-precision", f"'{precision} of' applies to dates and times, not to {t.show(point)}.", at)
    return made


# ---- types -------------------------------------------------------------------------------------------------------------------


def is_type(t: Translation, node: syntax.IsType) -> Any:
    """``value is type``."""
    value, type_ = t.expression(node.operand), typenames.resolve(t, node.type)
    if ERROR in (value.result_type, type_):
        return t.failed(node)
    if not castable(t, value.result_type, type_):
        warnings.never_of_type(t, node, t.show(value.result_type), t.show(type_))
    return t.mark(elm.Is(operand=value, isTypeSpecifier=t.specifier(type_)), node, BOOLEAN)


def as_type(t: Translation, node: syntax.AsType) -> Any:
    """``value as type`` gives null, ``cast value as type`` fails, where the value is of another type."""
    value, type_ = t.expression(node.operand), typenames.resolve(t, node.type)
    if ERROR in (value.result_type, type_):
        return t.failed(node)
    if not castable(t, value.result_type, type_):
        way = explicit_conversion(t, value.result_type, type_) or t.conversions.find(value.result_type, type_)
        hint = f"convert {t.source.text[node.operand.start : node.operand.end]} to {t.show(type_)}" if way else None
        message = f"A value of {t.show(value.result_type)} is never of {t.show(type_)}, so it cannot be cast."
        return t.error("cql-impossible-cast", message, node, hint=hint)
    made = elm.As(operand=value, asTypeSpecifier=t.specifier(type_), strict=node.strict)
    return t.mark(made, node, type_)


def castable(t: Translation, from_: Type, to: Type) -> bool:
    """Whether some value of ``from_`` may be of ``to``."""
    if from_ == ANY or t.types.is_subtype(from_, to) or t.types.is_subtype(to, from_):
        return True
    if isinstance(from_, ChoiceType):
        return any(castable(t, c, to) for c in from_.choices)
    if isinstance(to, ChoiceType):
        return any(castable(t, from_, c) for c in to.choices)
    if isinstance(from_, ListType) and isinstance(to, ListType):
        return castable(t, from_.element, to.element)
    if isinstance(from_, IntervalType) and isinstance(to, IntervalType):
        return castable(t, from_.point, to.point)
    return False


def convert(t: Translation, node: syntax.Convert) -> Any:
    """``convert value to type``, ``convert quantity to unit``."""
    value = t.expression(node.operand)
    if node.type is None:
        if node.unit is not None and not node.calendar:
            checked = literals.quantity(t, syntax.Quantity(node.start, node.end, "1", node.unit))
            if checked.result_type is ERROR:
                return checked
        text = literals.unit_text(node.unit, node.calendar, node.plural)
        unit = t.mark(elm.Literal(valueType=STRING.name, value=text), node, STRING)
        return t.operator("ConvertQuantity", [value, unit], node, called="convert")
    type_ = typenames.resolve(t, node.type)
    if ERROR in (value.result_type, type_):
        return t.failed(node)
    if value.result_type == type_:
        return value
    way = t.conversions.find(value.result_type, type_, t.options.promotions)
    if way is not None:
        return converting.apply(t, value, way)
    name = explicit_conversion(t, value.result_type, type_)
    if name is not None:
        return t.operator(name, [value], node, called="convert")
    message = f"There is no conversion from {t.show(value.result_type)} to {t.show(type_)}."
    return t.error("cql-no-conversion", message, node)


def explicit_conversion(t: Translation, from_: Type, to: Type) -> str | None:
    """The operator that converts only when asked to, like ``ToInteger`` for a String; None where there is none."""
    name = f"To{to.local_name}" if isinstance(to, NamedType) else ""
    found = t.overloads.operator(name, (from_,)) if name in EXPLICIT else None
    return name if found is not None and found.result == to else None


EXPLICIT = {
    "ToBoolean", "ToInteger", "ToLong", "ToDecimal", "ToQuantity", "ToRatio", "ToDate", "ToDateTime", "ToTime", "ToString",
    "ToConcept",
}  # fmt: skip


EXTENTS = (INTEGER, LONG, DECIMAL, QUANTITY, DATE, DATETIME, TIME)


def type_extent(t: Translation, node: syntax.TypeExtent) -> Any:
    """``minimum Integer``, ``maximum DateTime``."""
    type_ = typenames.named(t, node.type)
    if type_ is ERROR:
        return t.failed(node)
    assert isinstance(type_, NamedType)
    if type_ not in EXTENTS:
        return t.error("cql-wrong-type", f"{t.show(type_)} has no {node.op} value.", node)
    made = (elm.MinValue if node.op == "minimum" else elm.MaxValue)(valueType=type_.name)
    return t.mark(made, node, type_)


# ---- conditionals ------------------------------------------------------------------------------------------------------------


def if_(t: Translation, node: syntax.If) -> Any:
    """``if condition then a else b``: both branches as one type. A long chain of them is a Case, which means the same."""
    chain = syntax.branches(node)
    warnings.repeated_conditions(t, chain)
    if len(chain) < chains.LONG:
        condition, then = _branch(t, node)
        (then, otherwise), type_ = unified(t, [then, t.expression(node.else_)], node)
        return t.mark(elm.If(condition=condition, then=then, else_=otherwise), node, type_)
    conditions, values = zip(*(_branch(t, branch) for branch in chain))
    made, type_ = unified(t, [*values, t.expression(chain[-1].else_)], node)
    items = [
        t.mark(elm.CaseItem(when=when, then=then), branch, type_) for branch, when, then in zip(chain, conditions, made)
    ]  # fmt: skip
    return t.mark(elm.Case(caseItem=items, else_=made[-1]), node, type_)


def _branch(t: Translation, node: syntax.If) -> tuple[Any, Any]:
    warnings.if_(t, node)
    return t.expected(node.condition, BOOLEAN, "the condition of 'if'"), t.expression(node.then)


def case(t: Translation, node: syntax.Case) -> Any:
    """``case``: with a comparand, each ``when`` is compared with it; without, each is a condition."""
    warnings.case(t, node)
    comparand = t.expression(node.comparand) if node.comparand is not None else None
    whens = []
    for item in node.items:
        if comparand is None:
            whens.append(t.expected(item.when, BOOLEAN, "the condition of 'when'"))
        else:
            whens.append(t.expression(item.when))
    if comparand is not None:
        (comparand, *whens), compared = _comparable(t, [comparand, *whens], node)
        if compared is ERROR:
            for item in node.items:
                t.expression(item.then)
            return t.failed(node)
    values = [t.expression(item.then) for item in node.items]
    values, type_ = unified(t, [*values, t.expression(node.else_)], node)
    items = [
        t.mark(elm.CaseItem(when=when, then=then), item, type_) for item, when, then in zip(node.items, whens, values)
    ]  # fmt: skip
    return t.mark(elm.Case(comparand=comparand, caseItem=items, else_=values[-1]), node, type_)


def _comparable(t: Translation, values: list[Any], node: syntax.Case) -> tuple[list[Any], Type]:
    """A comparand and what it is compared with, all as one type."""
    joined: Type = ANY
    for value, at in zip(values, [node.comparand, *(i.when for i in node.items)]):
        if value.result_type is ERROR:
            return values, ERROR
        found = t.conversions.join(joined, value.result_type)
        if found is None:
            message = f"{t.show(value.result_type)} cannot be compared with the case's {t.show(joined)}."
            return values, t.error("cql-wrong-type", message, at or node).result_type
        joined = found
    return [t.convert(v, joined, node, "a case") for v in values], joined


# ---- dates, ranges -----------------------------------------------------------------------------------------------------------


def between(t: Translation, node: syntax.Between) -> Any:
    """``x between a and b``; an interval lies between where it is included in ``Interval[a, b]``."""
    value, low, high = t.expression(node.operand), t.expression(node.low), t.expression(node.high)
    if ERROR in (value.result_type, low.result_type, high.result_type):
        return t.failed(node)
    warnings.related_units(t, node, value, low, high)
    warnings.units(t, node, low, high)
    if isinstance(value.result_type, IntervalType):
        point = t.conversions.join(low.result_type, high.result_type) or low.result_type
        if not orders.require(
            t, point, orders.ORDERED_TYPES, node, "An interval between two values", "values that have an order"
        ):
            return t.failed(node)
        bounds = elm.Interval(
            low=t.convert(low, point, node.low, "the low boundary"), high=t.convert(high, point, node.high, "the high boundary")
        )
        around = t.mark(bounds, node, IntervalType(point))
        return t.operator("ProperIncludedIn" if node.properly else "IncludedIn", [value, around], node, called="between")
    above = t.operator("Greater" if node.properly else "GreaterOrEqual", [value, low], node, called="between")
    below = t.operator("Less" if node.properly else "LessOrEqual", [value, high], node, called="between")
    return t.operator("And", [above, below], node, called="between")


_BETWEEN = {"duration": "DurationBetween", "difference": "DifferenceBetween"}


def duration_between(t: Translation, node: syntax.DurationBetween) -> Any:
    """``days between a and b``, ``difference in days between a and b``."""
    operands = [t.expression(node.low), t.expression(node.high)]
    return _duration(t, node.kind, node.precision, operands, node)


def duration_of(t: Translation, node: syntax.DurationOf) -> Any:
    """``duration in days of interval``: between its start and its end."""
    value = t.expression(node.operand)
    ends = [t.operator("Start", [value], node, called="duration of"), t.operator("End", [value], node)]
    return _duration(t, node.kind, node.precision, ends, node)


_TIME_UNITS = ("hour", "minute", "second", "millisecond")


def _duration(t: Translation, kind: str, precision: str, operands: list[Any], at: syntax.Node) -> Any:
    made = t.operator(_BETWEEN[kind], operands, at, precision=precision, called=f"{precision}s between")
    if made.result_type is ERROR:
        return made
    type_ = made.operand[0].result_type
    if type_.local_name == "Time" and precision not in _TIME_UNITS:
        return t.error("cql-precision", f"Times have no {precision}s.", at)
    if type_.local_name == "Date" and precision in _TIME_UNITS:
        return t.error("cql-precision", f"Dates have no {precision}s.", at)
    return made


_COMPONENTS = {"date": "DateFrom", "time": "TimeFrom", "timezoneoffset": "TimezoneOffsetFrom", "timezone": "TimezoneFrom"}


def component(t: Translation, node: syntax.Component) -> Any:
    """``year from x``, ``date from x``, ``timezoneoffset from x``."""
    value = t.expression(node.operand)
    called = f"{node.component} from"
    if node.component in _COMPONENTS:
        return t.operator(_COMPONENTS[node.component], [value], node, called=called)
    made = t.operator("DateTimeComponentFrom", [value], node, precision=node.component, called=called)
    kind = made.operand.result_type.local_name if made.result_type is not ERROR else ""
    if (kind == "Date" and node.component in _TIME_UNITS) or (kind == "Time" and node.component not in _TIME_UNITS):
        return t.error("cql-precision", f"A {kind} has no {node.component}.", node)
    return made


def set_aggregate(t: Translation, node: syntax.SetAggregate) -> Any:
    """``collapse intervals per day``, ``expand interval per 2 days``."""
    value = t.expression(node.operand)
    if node.per is not None:
        per = t.expected(node.per, QUANTITY, "the 'per' of " + node.op)
    elif node.precision is not None:
        per = t.mark(elm.Quantity(value=Decimal(1), unit=node.precision), node, QUANTITY)
    else:
        per = t.mark(elm.Null(), node, QUANTITY)
    return t.operator(node.op.capitalize(), [value, per], node, called=node.op)


def index(t: Translation, node: syntax.Index) -> Any:
    """``list[0]``, ``'text'[0]``."""
    return t.operator("Indexer", [t.expression(node.target), t.expression(node.index)], node, called="[]")


HANDLERS = {
    syntax.Parens: parens,
    syntax.Missing: missing,
    syntax.Binary: binary,
    syntax.Unary: unary,
    syntax.Membership: membership,
    syntax.IsType: is_type,
    syntax.AsType: as_type,
    syntax.Convert: convert,
    syntax.TypeExtent: type_extent,
    syntax.If: if_,
    syntax.Case: case,
    syntax.Between: between,
    syntax.DurationBetween: duration_between,
    syntax.DurationOf: duration_of,
    syntax.Component: component,
    syntax.SetAggregate: set_aggregate,
    syntax.Index: index,
}
