"""FHIRPath methods in CQL's method style: ``list.where(...)``, ``value.toString()``, ``list.exists()``.

CQL 1.5 Developer's Guide, Appendix J, "FHIRPath Function Translation". Most methods are an operator under another name, with the
target as the first operand; those with a criterion evaluate it for each ``$this``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from guideway.cql import syntax
from guideway.cql.scope import Frame, Local
from guideway.cql.translation import Translation
from guideway.cql.typesystem import ERROR
from guideway.elm import nodes as elm
from guideway.elm.types import ANY, BOOLEAN, INTEGER, ListType, Type

# Methods that are an operator with the target as first operand.
OPERATOR_METHODS = {
    "first": "First", "last": "Last", "single": "SingletonFrom", "count": "Count", "distinct": "Distinct", "not": "Not",
    "startsWith": "StartsWith", "endsWith": "EndsWith", "matches": "Matches", "replaceMatches": "ReplaceMatches",
    "length": "Length",
    "substring": "Substring", "lower": "Lower", "upper": "Upper", "toChars": "ToChars", "toString": "ToString",
    "toInteger": "ToInteger", "toLong": "ToLong", "toDecimal": "ToDecimal", "toBoolean": "ToBoolean", "toQuantity": "ToQuantity",
    "toDate": "ToDate", "toDateTime": "ToDateTime", "toTime": "ToTime", "convertsToString": "ConvertsToString",
    "convertsToInteger": "ConvertsToInteger", "convertsToDecimal": "ConvertsToDecimal", "convertsToBoolean": "ConvertsToBoolean",
    "convertsToQuantity": "ConvertsToQuantity", "convertsToDate": "ConvertsToDate", "convertsToDateTime": "ConvertsToDateTime",
    "convertsToTime": "ConvertsToTime", "abs": "Abs", "ceiling": "Ceiling", "floor": "Floor", "truncate": "Truncate",
    "exp": "Exp",
    "ln": "Ln", "log": "Log", "power": "Power", "round": "Round", "split": "Split", "sum": "Sum", "min": "Min", "max": "Max",
    "avg": "Avg", "children": "Children", "descendants": "Descendents", "descendents": "Descendents",
    "lowBoundary": "LowBoundary",
    "highBoundary": "HighBoundary", "precision": "Precision",
}  # fmt: skip
_SETS = {"union": "Union", "intersect": "Intersect", "exclude": "Except"}


def call(t: Translation, node: syntax.Call, value: Any) -> Any:
    """A method call on a translated target."""
    operator = OPERATOR_METHODS.get(node.name)
    if operator is not None:
        values = [value, *[t.expression(a) for a in node.arguments]]
        if operator in ("LowBoundary", "HighBoundary"):
            values = with_precision(t, node, values)
        return t.operator(operator, values, node, called=node.name)
    return _OWN[node.name](t, node, value)


def with_precision(t: Translation, node: syntax.Call, values: list[Any]) -> list[Any]:
    """The operands of a boundary, with a null precision where none is given."""
    return values if len(values) != 1 else [*values, t.mark(elm.Null(), node, INTEGER)]


def _criterion(t: Translation, node: syntax.Call, value: Any, position: int = 0) -> tuple[Any, Type]:
    """An argument evaluated for each item of the target; gives it and the type of the items."""
    type_ = value.result_type
    item = type_.element if isinstance(type_, ListType) else type_
    frame = t.scope.push(Frame("this", this=item))
    frame.add(Local("alias", "$this", item))
    made = t.expression(node.arguments[position])
    t.scope.pop()
    return made, item


def _arguments(t: Translation, node: syntax.Call, low: int, high: int) -> bool:
    if low <= len(node.arguments) <= high:
        return True
    t.error("cql-no-such-signature", f"'{node.name}' takes {low if low == high else f'{low} or {high}'} arguments.", node)
    return False


def _query(t: Translation, node: syntax.Call, value: Any, **clauses: Any) -> elm.Query:
    source = t.mark(elm.AliasedQuerySource(alias="$this", expression=value), node, value.result_type)
    return elm.Query(source=[source], **clauses)


def _where(t: Translation, node: syntax.Call, value: Any) -> Any:
    if not _arguments(t, node, 1, 1):
        return t.failed(node)
    condition, _ = _criterion(t, node, value)
    condition = t.convert(condition, BOOLEAN, node.arguments[0], "the criterion")
    return t.mark(_query(t, node, value, where=condition), node, value.result_type)


def _exists(t: Translation, node: syntax.Call, value: Any) -> Any:
    if not _arguments(t, node, 0, 1):
        return t.failed(node)
    if node.arguments:
        value = _where(t, node, value)
    if value.result_type is not ERROR and not isinstance(value.result_type, ListType):
        return t.mark(elm.Not(operand=t.mark(elm.IsNull(operand=value), node, BOOLEAN)), node, BOOLEAN)
    return t.operator("Exists", [value], node, called="exists")


def _all(t: Translation, node: syntax.Call, value: Any) -> Any:
    if not _arguments(t, node, 1, 1):
        return t.failed(node)
    condition, _ = _criterion(t, node, value)
    condition = t.convert(condition, BOOLEAN, node.arguments[0], "the criterion")
    clause = t.mark(elm.ReturnClause(expression=condition, distinct=False), node, BOOLEAN)
    query = t.mark(_query(t, node, value, return_=clause), node, ListType(BOOLEAN))
    return t.operator("AllTrue", [query], node, called="all")


def _select(t: Translation, node: syntax.Call, value: Any) -> Any:
    if not _arguments(t, node, 1, 1):
        return t.failed(node)
    made, _ = _criterion(t, node, value)
    type_ = made.result_type
    if type_ is ERROR:
        return t.failed(node)
    clause = t.mark(elm.ReturnClause(expression=made, distinct=False), node, type_)
    if not isinstance(value.result_type, ListType):
        return t.mark(_query(t, node, value, return_=clause), node, type_)
    query = t.mark(_query(t, node, value, return_=clause), node, ListType(type_))
    if isinstance(type_, ListType):
        return t.mark(elm.Flatten(operand=query), node, type_)
    return query


def _empty(t: Translation, node: syntax.Call, value: Any) -> Any:
    made = _exists(t, node, value)
    return made if made.result_type is ERROR else t.mark(elm.Not(operand=made), node, BOOLEAN)


def _of_type(t: Translation, node: syntax.Call, value: Any) -> Any:
    """``list.ofType(Type)``: the items that are of the type."""
    type_ = _type_argument(t, node)
    if type_ is None:
        return t.failed(node)
    item = value.result_type.element if isinstance(value.result_type, ListType) else value.result_type
    this = t.mark(elm.AliasRef(name="$this"), node, item)
    test = t.mark(elm.Is(operand=this, isTypeSpecifier=t.specifier(type_)), node, BOOLEAN)
    if not isinstance(value.result_type, ListType):
        return t.mark(elm.As(operand=value, asTypeSpecifier=t.specifier(type_)), node, type_)
    cast = t.mark(elm.As(operand=this, asTypeSpecifier=t.specifier(type_)), node, type_)
    clause = t.mark(elm.ReturnClause(expression=cast, distinct=False), node, type_)
    return t.mark(_query(t, node, value, where=test, return_=clause), node, ListType(type_))


def _type_argument(t: Translation, node: syntax.Call) -> Type | None:
    from guideway.cql import typenames

    if not _arguments(t, node, 1, 1):
        return None
    argument = syntax.strip(node.arguments[0])
    names: list[str] = []
    while isinstance(argument, syntax.Member):
        names.insert(0, argument.name)
        argument = argument.target
    if not isinstance(argument, syntax.Name):
        t.error("cql-unknown-type", "The name of a type is expected here.", node.arguments[0])
        return None
    found = typenames.named(t, syntax.NamedType(argument.start, node.arguments[0].end, [argument.name, *names]))
    return None if found is ERROR else found


def _is(t: Translation, node: syntax.Call, value: Any) -> Any:
    type_ = _type_argument(t, node)
    if type_ is None:
        return t.failed(node)
    return t.mark(elm.Is(operand=value, isTypeSpecifier=t.specifier(type_)), node, BOOLEAN)


def _as(t: Translation, node: syntax.Call, value: Any) -> Any:
    type_ = _type_argument(t, node)
    if type_ is None:
        return t.failed(node)
    return t.mark(elm.As(operand=value, asTypeSpecifier=t.specifier(type_)), node, type_)


def _combine(t: Translation, node: syntax.Call, value: Any) -> Any:
    """``list.combine(other)``: all items of both, repeats kept."""
    if not _arguments(t, node, 1, 1):
        return t.failed(node)
    other = t.expression(node.arguments[0])
    if ERROR in (value.result_type, other.result_type):
        return t.failed(node)
    type_ = t.conversions.union([value.result_type, other.result_type])
    both = t.mark(elm.List(element=[value, other]), node, ListType(type_))
    return t.mark(elm.Flatten(operand=both), node, type_)


def _set(t: Translation, node: syntax.Call, value: Any) -> Any:
    from guideway.cql.operators import set_operator

    if not _arguments(t, node, 1, 1):
        return t.failed(node)
    return set_operator(t, _SETS[node.name], value, t.expression(node.arguments[0]), node)


def _slice(t: Translation, node: syntax.Call, value: Any) -> Any:
    from guideway.cql.functions import sliced

    values = [value, *[t.expression(a) for a in node.arguments]]
    if any(v.result_type is ERROR for v in values):
        return t.failed(node)
    return sliced(t, node, values, 1 if node.name == "tail" else None, node.name == "take")


def _contains(t: Translation, node: syntax.Call, value: Any) -> Any:
    """``text.contains(part)``, ``list.contains(item)``."""
    if not _arguments(t, node, 1, 1):
        return t.failed(node)
    other = t.expression(node.arguments[0])
    if isinstance(value.result_type, ListType):
        return t.operator("Contains", [value, other], node, called="contains")
    position = t.operator("PositionOf", [other, value], node, called="contains")
    if position.result_type is ERROR:
        return position
    zero = t.mark(elm.Literal(valueType=INTEGER.name, value="0"), node, INTEGER)
    return t.operator("GreaterOrEqual", [position, zero], node)


def _index_of(t: Translation, node: syntax.Call, value: Any) -> Any:
    if not _arguments(t, node, 1, 1):
        return t.failed(node)
    other = t.expression(node.arguments[0])
    if isinstance(value.result_type, ListType):
        return t.operator("IndexOf", [value, other], node, called="indexOf")
    return t.operator("PositionOf", [other, value], node, called="indexOf")


def _is_null(t: Translation, node: syntax.Call, value: Any) -> Any:
    made = t.mark(elm.IsNull(operand=value), node, BOOLEAN)
    return made if node.name == "isNull" else t.mark(elm.Not(operand=made), node, BOOLEAN)


def _repeat(t: Translation, node: syntax.Call, value: Any) -> Any:
    """``list.repeat(children)``: the projection applied again to what it gives, until nothing new comes."""
    if not _arguments(t, node, 1, 1):
        return t.failed(node)
    made, _ = _criterion(t, node, value)
    type_ = made.result_type if isinstance(made.result_type, ListType) else ListType(made.result_type)
    if made.result_type is ERROR:
        return t.failed(node)
    return t.mark(elm.Repeat(source=value, element=made, scope="$this"), node, type_ if type_ != ListType(ANY) else ListType(ANY))


_OWN: dict[str, Callable[[Translation, syntax.Call, Any], Any]] = {
    "where": _where,
    "exists": _exists,
    "all": _all,
    "select": _select,
    "empty": _empty,
    "ofType": _of_type,
    "is": _is,
    "as": _as,
    "combine": _combine,
    "union": _set,
    "intersect": _set,
    "exclude": _set,
    "skip": _slice,
    "take": _slice,
    "tail": _slice,
    "contains": _contains,
    "indexOf": _index_of,
    "isNull": _is_null,
    "hasValue": _is_null,
    "repeat": _repeat,
}
METHODS = frozenset(OPERATOR_METHODS) | frozenset(_OWN)
