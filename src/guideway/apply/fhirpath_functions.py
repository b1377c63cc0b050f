"""The functions of FHIRPath (2.0.0 §5, §6): a table from the name to what computes it.

Each takes the scope, its input, the nodes of its arguments and the focus, and gives values; it checks the number of its arguments
and raises ``FhirPathError`` for an input that it cannot be done with.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from guideway.apply.fhirpath_syntax import FhirPathError, Node
from guideway.apply.fhirpath_values import Values, children, distinct, is_of_type, listed, one, same, system, text_of, truth
from guideway.engine.operators import OPERATORS
from guideway.engine.values import Date, DateTime, Quantity, Time
from guideway.fhir.element import FhirObject, FhirPrimitive

if TYPE_CHECKING:
    from guideway.apply.fhirpath import Scope

Function = Callable[["Scope", Values, tuple[Node, ...], Values], Values]
FUNCTIONS: dict[str, Function] = {}


def _function(name: str, least: int = 0, most: int | None = None) -> Callable[[Function], Function]:
    def register(function: Function) -> Function:
        def checked(scope: Scope, values: Values, arguments: tuple[Node, ...], focus: Values) -> Values:
            if not least <= len(arguments) <= (least if most is None else most):
                raise FhirPathError(f"{name}() does not take {len(arguments)} arguments")
            return function(scope, values, arguments, focus)

        FUNCTIONS[name] = checked
        return function

    return register


def _filtered(scope: Scope, values: Values, criterion: Node) -> Values:
    return [v for n, v in enumerate(values) if scope.inner(v, n).truth(criterion, [v]) is True]


@_function("where", 1)
def _where(scope: Scope, values: Values, arguments: tuple[Node, ...], focus: Values) -> Values:
    return _filtered(scope, values, arguments[0])


@_function("select", 1)
def _select(scope: Scope, values: Values, arguments: tuple[Node, ...], focus: Values) -> Values:
    return [x for n, v in enumerate(values) for x in scope.inner(v, n).evaluate(arguments[0], [v])]


@_function("exists", 0, 1)
def _exists(scope: Scope, values: Values, arguments: tuple[Node, ...], focus: Values) -> Values:
    return [bool(_filtered(scope, values, arguments[0]) if arguments else values)]


@_function("all", 1)
def _all(scope: Scope, values: Values, arguments: tuple[Node, ...], focus: Values) -> Values:
    return [len(_filtered(scope, values, arguments[0])) == len(values)]


@_function("iif", 2, 3)
def _iif(scope: Scope, values: Values, arguments: tuple[Node, ...], focus: Values) -> Values:
    if scope.truth(arguments[0], values or focus) is True:
        return scope.evaluate(arguments[1], values or focus)
    return scope.evaluate(arguments[2], values or focus) if len(arguments) > 2 else []


@_function("repeat", 1)
def _repeat(scope: Scope, values: Values, arguments: tuple[Node, ...], focus: Values) -> Values:
    found: Values = []
    pending = list(values)
    while pending:
        current = pending.pop(0)
        for value in scope.inner(current).evaluate(arguments[0], [current]):
            if len(found) > 10_000:
                raise FhirPathError("repeat() does not end")
            if not any(same(system(value), system(other)) for other in found):
                found.append(value)
                pending.append(value)
    return found


@_function("aggregate", 1, 2)
def _aggregate(scope: Scope, values: Values, arguments: tuple[Node, ...], focus: Values) -> Values:
    total = scope.evaluate(arguments[1], focus) if len(arguments) > 1 else []
    for number, value in enumerate(values):
        total = scope.inner(value, number, total).evaluate(arguments[0], [value])
    return total


@_function("extension", 1)
def _extension(scope: Scope, values: Values, arguments: tuple[Node, ...], focus: Values) -> Values:
    url = scope.single(arguments[0], focus, "extension()")
    return [e for e in children(values, "extension", scope.reads) if isinstance(e, FhirObject) and e.data.get("url") == url]


@_function("ofType", 1)
def _of_type(scope: Scope, values: Values, arguments: tuple[Node, ...], focus: Values) -> Values:
    return [v for v in values if is_of_type(v, _named(arguments[0]))]


@_function("as", 1)
def _as(scope: Scope, values: Values, arguments: tuple[Node, ...], focus: Values) -> Values:
    return [v for v in values if is_of_type(v, _named(arguments[0]))]


@_function("is", 1)
def _is_type(scope: Scope, values: Values, arguments: tuple[Node, ...], focus: Values) -> Values:
    return [is_of_type(values[0], _named(arguments[0]))] if values else []


def _named(node: Node) -> str:
    """A type written as an argument: ``Quantity``, ``FHIR.Quantity``."""
    if node[0] != "member":
        raise FhirPathError("a type is needed here")
    return f"{_named(node[1])}.{node[2]}" if node[1] is not None else str(node[2])


@_function("resolve")
def _resolve(scope: Scope, values: Values, arguments: tuple[Node, ...], focus: Values) -> Values:
    found: Values = []
    for value in values:
        reference = value.data.get("reference") if isinstance(value, FhirObject) else system(value)
        resource = scope.resolve(reference) if scope.resolve is not None and isinstance(reference, str) else None
        found += listed(resource)
    return found


@_function("trace", 1, 2)
def _trace(scope: Scope, values: Values, arguments: tuple[Node, ...], focus: Values) -> Values:
    return values


def _whole(name: str, compute: Callable[[Values], Values]) -> None:
    """A function of the input alone."""

    @_function(name)
    def whole(scope: Scope, values: Values, arguments: tuple[Node, ...], focus: Values) -> Values:
        return compute(values)


def _only(values: Values) -> Values:
    if len(values) > 1:
        raise FhirPathError(f"single() of {len(values)} values")
    return values


def _descendants(values: Values) -> Values:
    found: Values = []
    pending = list(values)
    while pending:
        below = _all_children(pending.pop(0))
        found += below
        pending += below
    return found


def _all_children(value: Any) -> Values:
    from guideway.fhir.modelinfo import builtin

    if not isinstance(value, FhirObject):
        return []
    names = builtin("FHIR", "4.0.1").elements(f"FHIR.{value.fhir_type}")
    return [x for name in names for x in children([value], name)]


_whole("empty", lambda values: [not values])
_whole("count", lambda values: [len(values)])
_whole("first", lambda values: values[:1])
_whole("last", lambda values: values[-1:])
_whole("tail", lambda values: values[1:])
_whole("single", _only)
_whole("distinct", distinct)
_whole("isDistinct", lambda values: [len(distinct(values)) == len(values)])
_whole("not", lambda values: listed(OPERATORS["Not"].function(truth(values))))
_whole("hasValue", lambda values: [len(values) == 1 and isinstance(values[0], FhirPrimitive) and values[0].value is not None])
_whole("getValue", lambda values: listed(one(values, "getValue()")))
_whole("children", lambda values: [x for v in values for x in _all_children(v)])
_whole("descendants", _descendants)
_whole("allTrue", lambda values: [all(truth([v]) is True for v in values)])
_whole("anyTrue", lambda values: [any(truth([v]) is True for v in values)])
_whole("allFalse", lambda values: [all(truth([v]) is False for v in values)])
_whole("anyFalse", lambda values: [any(truth([v]) is False for v in values)])


def _of_one(name: str, compute: Callable[..., Any], count: int = 0, most: int | None = None) -> None:
    """A function of a single value and of the values of its arguments; empty in, empty out."""

    @_function(name, count, most)
    def of_one(scope: Scope, values: Values, arguments: tuple[Node, ...], focus: Values) -> Values:
        value = one(values, f"{name}()")
        given = [scope.single(a, focus, f"{name}()") for a in arguments]
        if value is None or None in given:
            return []
        try:
            result = compute(value, *given)
            return result if isinstance(result, list) else listed(result)
        except (TypeError, AttributeError, ValueError, IndexError, ArithmeticError) as error:
            raise FhirPathError(f"{name}() cannot be done with {text_of(value)}: {error}") from None


def _substring(text: str, start: int, length: int | None = None) -> str | None:
    if not 0 <= start < len(text):
        return None
    return text[start:] if length is None else text[start : start + max(length, 0)]


def _limited(pattern: str) -> re.Pattern[str]:
    if len(pattern) > 500:
        raise FhirPathError("the pattern is too long")
    try:
        return re.compile(pattern, re.DOTALL)
    except re.error as error:
        raise FhirPathError(f"{pattern!r} is no pattern: {error}") from None


def _boolean(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    text = text_of(value).lower()
    return (
        True
        if text in ("true", "t", "yes", "y", "1", "1.0")
        else False
        if text in ("false", "f", "no", "n", "0", "0.0")
        else None
    )


def _number(value: Any, kind: type) -> Any:
    try:
        return kind(value) if isinstance(value, int | Decimal | str) and str(value) == str(value).strip() else None
    except (ValueError, ArithmeticError):
        return None


def _quantity(value: Any) -> Any:
    if isinstance(value, Quantity):
        return value
    if isinstance(value, int | Decimal):
        return Quantity(Decimal(value), "1")
    return OPERATORS["ToQuantity"].function(value)


def _rounded(value: Any, digits: int = 0) -> Decimal:
    return Decimal(OPERATORS["Round"].function(Decimal(value), digits))


_of_one("length", len)
_of_one("upper", str.upper)
_of_one("lower", str.lower)
_of_one("trim", str.strip)
_of_one("toChars", lambda text: list(text))
_of_one("startsWith", lambda text, part: text.startswith(part), 1)
_of_one("endsWith", lambda text, part: text.endswith(part), 1)
_of_one("contains", lambda text, part: part in text, 1)
_of_one("indexOf", lambda text, part: text.find(part), 1)
_of_one("substring", _substring, 1, 2)
_of_one("replace", lambda text, old, new: text.replace(old, new), 2)
_of_one("matches", lambda text, pattern: _limited(pattern).search(text) is not None, 1)
_of_one("replaceMatches", lambda text, pattern, new: _limited(pattern).sub(new.replace("$", "\\"), text), 2)
_of_one("toString", text_of)
_of_one("toBoolean", _boolean)
_of_one(
    "toInteger",
    lambda value: int(value) if isinstance(value, bool) else _number(value, int) if not isinstance(value, Decimal) else None,
)
_of_one("toDecimal", lambda value: _number(value, Decimal))
_of_one("toDate", lambda value: OPERATORS["ToDate"].function(value))
_of_one("toDateTime", lambda value: OPERATORS["ToDateTime"].function(value))
_of_one("toQuantity", _quantity)
_of_one("abs", lambda value: OPERATORS["Abs"].function(value))
_of_one("ceiling", lambda value: OPERATORS["Ceiling"].function(Decimal(value)))
_of_one("floor", lambda value: OPERATORS["Floor"].function(Decimal(value)))
_of_one("truncate", lambda value: OPERATORS["Truncate"].function(Decimal(value)))
_of_one("round", _rounded, 0, 1)
_of_one("sqrt", lambda value: OPERATORS["Power"].function(Decimal(value), Decimal("0.5")) if value >= 0 else None)
_of_one("power", lambda value, exponent: OPERATORS["Power"].function(Decimal(value), Decimal(exponent)), 1)


def _of_lists(name: str, compute: Callable[[Values, Values], Values]) -> None:
    """A function of the input and of one collection."""

    @_function(name, 1)
    def of_lists(scope: Scope, values: Values, arguments: tuple[Node, ...], focus: Values) -> Values:
        return compute(values, scope.evaluate(arguments[0], focus))


def _among(value: Any, others: Values) -> bool:
    return any(same(system(value), system(other)) for other in others)


_of_lists("union", lambda a, b: distinct([*a, *b]))
_of_lists("combine", lambda a, b: [*a, *b])
_of_lists("intersect", lambda a, b: distinct([v for v in a if _among(v, b)]))
_of_lists("exclude", lambda a, b: [v for v in a if not _among(v, b)])
_of_lists("subsetOf", lambda a, b: [all(_among(v, b) for v in a)])
_of_lists("supersetOf", lambda a, b: [all(_among(v, a) for v in b)])


def _taking(name: str, compute: Callable[[Values, int], Values]) -> None:
    @_function(name, 1)
    def taking(scope: Scope, values: Values, arguments: tuple[Node, ...], focus: Values) -> Values:
        number = scope.single(arguments[0], focus, f"{name}()")
        return compute(values, max(number, 0)) if isinstance(number, int) else []


_taking("skip", lambda values, number: values[number:])
_taking("take", lambda values, number: values[:number])


@_function("join", 0, 1)
def _join(scope: Scope, values: Values, arguments: tuple[Node, ...], focus: Values) -> Values:
    between = scope.single(arguments[0], focus, "join()") if arguments else ""
    return [str(between or "").join(text_of(system(v)) for v in values)]


@_function("split", 1)
def _split(scope: Scope, values: Values, arguments: tuple[Node, ...], focus: Values) -> Values:
    text, by = one(values, "split()"), scope.single(arguments[0], focus, "split()")
    return list(text.split(by)) if isinstance(text, str) and by else []


def _moment(name: str, compute: Callable[[DateTime], Any]) -> None:
    @_function(name)
    def moment(scope: Scope, values: Values, arguments: tuple[Node, ...], focus: Values) -> Values:
        if scope.now is None:
            raise FhirPathError(f"{name}() is not known here")
        return [compute(scope.now)]


_moment("now", lambda now: now)
_moment("today", lambda now: Date.of(now.year, now.month, now.day))
_moment("timeOfDay", lambda now: Time.of(now.component(3) or 0, now.component(4), now.component(5), now.component(6)))
