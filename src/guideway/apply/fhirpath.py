"""FHIRPath over FHIR JSON: the expressions that artifacts write in ``text/fhirpath`` (FHIRPath 2.0.0).

``evaluate(text, variables)`` gives a list of values; the focus is ``%resource``. Variables are resources as JSON, or runtime
values. Comparison, arithmetic and conversion are the CQL engine's operators, so quantities and partial dates behave as they
do in the logic. What the language has and this lacks (``repeat`` on cyclic data aside, ``conformsTo``, ``memberOf``) is
refused by name.

Why our own: the packages at hand cost more to import than a whole run, and none shares the engine's quantities and dates.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from guideway.apply.fhirpath_syntax import FhirPathError, Node, parse
from guideway.diagnostics import GuidewayError
from guideway.engine.access import fhir_quantity, system_value
from guideway.engine.operators import OPERATORS
from guideway.engine.values import Code, Concept, Date, DateTime, Quantity, Time
from guideway.fhir.element import FhirObject, FhirPrimitive, ancestors, get

__all__ = ["FhirPathError", "evaluate"]

Values = list[Any]


Reads = dict[tuple[str, str], bool]
"""The elements that an expression read, as (``Observation/x``, ``value``), and whether there was something; without a name: that
the resource is there."""


def evaluate(
    text: str,
    variables: Mapping[str, Any],
    *,
    now: DateTime | None = None,
    resolve: Any = None,
    reads: Reads | None = None,
) -> Values:
    """The values of an expression; ``FhirPathError`` for one that cannot be read or evaluated.

    ``reads`` takes what was read for the result: of a false ``and``, a true ``or`` only by the side that decided.
    """
    known = {name: _wrapped(value) for name, value in variables.items() if value is not None}
    scope = _Scope(known, now, resolve, {} if reads is None else reads)
    focus = scope.variables.get("resource", [])
    try:
        return scope.evaluate(parse(text), focus if isinstance(focus, list) else [focus])
    except GuidewayError as error:
        raise FhirPathError(str(error)) from None
    except RecursionError:
        raise FhirPathError("the expression is nested too deeply") from None


def _wrapped(value: Any) -> Values:
    if isinstance(value, dict):
        kind = value.get("resourceType")
        return [FhirObject(str(kind), value)] if kind else [value]
    return list(value) if isinstance(value, list) else [value]


def system(value: Any) -> Any:
    """A value as the operators take it: primitives and quantities of FHIR as CQL's."""
    if isinstance(value, FhirPrimitive):
        return None if value.value is None else system_value(value.fhir_type, value.value)
    if isinstance(value, FhirObject) and value.fhir_type in (
        "Quantity",
        "SimpleQuantity",
        "Age",
        "Duration",
        "Count",
        "Distance",
    ):
        return fhir_quantity(value.data)
    return value


class _Scope:
    """The variables, and ``$this``, ``$index``, ``$total`` of one place."""

    def __init__(self, variables: dict[str, Values], now: DateTime | None, resolve: Any, reads: Reads) -> None:
        self.variables = variables
        self.now = now
        self.resolve = resolve
        self.reads = reads
        self.special: dict[str, Values] = {}

    def inner(self, this: Any, index: int | None = None, total: Values | None = None) -> _Scope:
        other = _Scope(self.variables, self.now, self.resolve, self.reads)
        other.special = {**self.special, "$this": [this]}
        if index is not None:
            other.special["$index"] = [index]
        if total is not None:
            other.special["$total"] = total
        return other

    def evaluate(self, node: Node, focus: Values) -> Values:
        return _NODES[node[0]](self, node, focus)

    def single(self, node: Node, focus: Values, what: str) -> Any:
        """The one value of an operand as the operators take it; None where there is none."""
        return one(self.evaluate(node, focus), what)

    def truth(self, node: Node, focus: Values) -> bool | None:
        return truth(self.evaluate(node, focus))


def one(values: Values, what: str) -> Any:
    """The only value of a collection; None of an empty one."""
    if len(values) > 1:
        raise FhirPathError(f"{what} takes one value, not {len(values)}")
    return system(values[0]) if values else None


def truth(values: Values) -> bool | None:
    """A collection as a Boolean: a single value that is not Boolean counts as true (FHIRPath §4.5)."""
    value = one(values, "a criterion")
    return value if isinstance(value, bool) else None if value is None else True


def _listed(value: Any) -> Values:
    return [] if value is None else [value]


# -- nodes


def _literal(scope: _Scope, node: Node, focus: Values) -> Values:
    return _listed(node[1])


def _variable(scope: _Scope, node: Node, focus: Values) -> Values:
    name = node[1]
    if name in _SYSTEMS:
        return [_SYSTEMS[name]]
    found = scope.variables.get(name)
    if found is None:
        if name in ("encounter", "practitioner", "organization", "location", "subject", "patient"):
            return []
        raise FhirPathError(f"there is no variable %{name}")
    _there(scope, found)
    return found


def _there(scope: _Scope, values: Values) -> None:
    """Note that resources were looked at."""
    for value in values:
        if isinstance(value, FhirObject) and value.reference:
            scope.reads.setdefault((value.reference, ""), True)


_SYSTEMS = {"ucum": "http://unitsofmeasure.org", "sct": "http://snomed.info/sct", "loinc": "http://loinc.org"}


def _special(scope: _Scope, node: Node, focus: Values) -> Values:
    found = scope.special.get(node[1])
    if found is None:
        if node[1] == "$this":
            return focus
        raise FhirPathError(f"{node[1]} means nothing here")
    return found


def _member(scope: _Scope, node: Node, focus: Values) -> Values:
    target, name = node[1], node[2]
    values = focus if target is None else scope.evaluate(target, focus)
    if target is None and values and all(isinstance(v, FhirObject) and _is(v, name) for v in values):
        return values  # Patient.name: the type's own name as the first step
    return _children(scope, values, name)


def _children(scope: _Scope | None, values: Values, name: str) -> Values:
    found: Values = []
    for value in values:
        below = get(value, name) if isinstance(value, FhirObject | FhirPrimitive) else _of_system(value, name)
        below = below if isinstance(below, list) else _listed(below)
        found += below
        if scope is not None and isinstance(value, FhirObject) and value.reference:
            scope.reads[value.reference, name] = bool(below)
    return found


def _of_system(value: Any, name: str) -> Any:
    if isinstance(value, Quantity | Code) and name in ("value", "unit", "code", "system", "display", "version"):
        return getattr(value, name, None)
    if isinstance(value, Concept) and name in ("codes", "coding"):
        return list(value.codes)
    return value.get(name) if isinstance(value, dict) else None


def _index(scope: _Scope, node: Node, focus: Values) -> Values:
    values = scope.evaluate(node[1], focus)
    index = scope.single(node[2], focus, "an index")
    return [values[index]] if isinstance(index, int) and 0 <= index < len(values) else []


def _unary(scope: _Scope, node: Node, focus: Values) -> Values:
    value = scope.single(node[2], focus, f"unary {node[1]}")
    return _listed(_operate("Negate", value) if node[1] == "-" and value is not None else value)


def _type(scope: _Scope, node: Node, focus: Values) -> Values:
    values = scope.evaluate(node[2], focus)
    if node[1] == "as":
        return [v for v in values if _is(v, node[3])]
    if len(values) > 1:
        raise FhirPathError("is takes one value")
    return [_is(values[0], node[3])] if values else []


def _is(value: Any, name: str) -> bool:
    wanted = name.removeprefix("FHIR.")
    if isinstance(value, FhirObject | FhirPrimitive):
        return not name.startswith("System.") and wanted in (value.fhir_type, *ancestors(value.fhir_type))
    kinds = {
        bool: "Boolean", int: "Integer", Decimal: "Decimal", str: "String", Date: "Date", DateTime: "DateTime", Time: "Time",
        Quantity: "Quantity", Code: "Code", Concept: "Concept",
    }  # fmt: skip
    return kinds.get(type(value)) == name.removeprefix("System.")


def _binary(scope: _Scope, node: Node, focus: Values) -> Values:
    operator, left, right = node[1], node[2], node[3]
    logical = _LOGICAL.get(operator)
    if logical is not None:
        return _listed(_decided(scope, logical, left, right, focus))
    first, second = scope.evaluate(left, focus), scope.evaluate(right, focus)
    if operator in ("=", "!=", "~", "!~"):
        return _equality(operator, first, second)
    if operator == "|":
        return _distinct([*first, *second])
    if operator in ("in", "contains"):
        item, collection = (first, second) if operator == "in" else (second, first)
        wanted = one(item, operator)
        return [] if wanted is None else [any(_same(system(v), wanted) for v in collection)]
    if operator == "&":
        return ["".join(_text(one(side, "&")) for side in (first, second))]
    a, b = one(first, operator), one(second, operator)
    if a is None or b is None:
        return []
    if operator == "+" and isinstance(a, str) and isinstance(b, str):
        return [a + b]
    if isinstance(a, bool) or isinstance(b, bool):
        raise FhirPathError(f"{operator} cannot be done with {_text(a)} and {_text(b)}")
    return _listed(_operate(_OPERATORS[operator], *_promoted(a, b)))


def _decided(scope: _Scope, name: str, left: Node, right: Node, focus: Values) -> bool | None:
    """A connective; what was read on the side that did not decide is forgotten."""
    before = dict(scope.reads)
    first = scope.truth(left, focus)
    if first is _DECIDES_FIRST.get(name, ...):
        return first is not False or name == "Implies"
    by_first = dict(scope.reads)
    scope.reads.clear()
    second = scope.truth(right, focus)
    by_second = dict(scope.reads)
    scope.reads.clear()
    scope.reads.update(before if second is _DECIDES_SECOND.get(name, ...) else by_first)
    scope.reads.update(by_second)
    found: bool | None = OPERATORS[name].function(first, second)
    return found


_DECIDES_FIRST = {"And": False, "Or": True, "Implies": False}
_DECIDES_SECOND = {"And": False, "Or": True, "Implies": True}
_LOGICAL = {"and": "And", "or": "Or", "xor": "Xor", "implies": "Implies"}
_OPERATORS = {
    "<": "Less", ">": "Greater", "<=": "LessOrEqual", ">=": "GreaterOrEqual", "+": "Add", "-": "Subtract", "*": "Multiply",
    "/": "Divide", "div": "TruncatedDivide", "mod": "Modulo",
}  # fmt: skip


def _operate(name: str, *operands: Any) -> Any:
    try:
        return OPERATORS[name].function(*operands)
    except (TypeError, AttributeError, ValueError, ArithmeticError) as error:
        shown = " and ".join(_text(o) for o in operands)
        raise FhirPathError(f"{name} cannot be done with {shown}: {error}") from None


def _promoted(a: Any, b: Any) -> tuple[Any, Any]:
    """Two operands of one type: integers become decimals, dates date-times, where the other is."""
    if isinstance(a, Decimal | Quantity) and type(b) is int:
        b = Decimal(b)
    if isinstance(b, Decimal | Quantity) and type(a) is int:
        a = Decimal(a)
    if isinstance(a, Date) and isinstance(b, DateTime):
        a = DateTime(a.ticks, a.precision, None)
    if isinstance(b, Date) and isinstance(a, DateTime):
        b = DateTime(b.ticks, b.precision, None)
    return a, b


def _equality(operator: str, left: Values, right: Values) -> Values:
    equivalent = "~" in operator
    if not equivalent and (not left or not right):
        return []
    if len(left) != len(right):
        result: bool | None = False
    else:
        pairs = [(system(a), system(b)) for a, b in zip(left, right)]
        results = [_equal(a, b, equivalent) for a, b in pairs]
        result = False if False in results else None if None in results else True
    if result is None:
        return []
    return [not result if operator.startswith("!") else result]


def _equal(a: Any, b: Any, equivalent: bool) -> bool | None:
    if isinstance(a, FhirObject) or isinstance(b, FhirObject):
        return isinstance(a, FhirObject) and isinstance(b, FhirObject) and a.data == b.data
    a, b = _promoted(a, b)
    if type(a) is not type(b):
        return False
    found = _operate("Equivalent" if equivalent else "Equal", a, b)
    return found if isinstance(found, bool) else None


def _same(a: Any, b: Any) -> bool:
    return _equal(a, b, False) is True


def _distinct(values: Values) -> Values:
    found: Values = []
    for value in values:
        if not any(_same(system(value), system(other)) for other in found):
            found.append(value)
    return found


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else str(OPERATORS["ToString"].function(value))


def _call(scope: _Scope, node: Node, focus: Values) -> Values:
    target, name, arguments = node[1], node[2], node[3]
    values = focus if target is None else scope.evaluate(target, focus)
    if target is None:
        _there(scope, values)
    function = FUNCTIONS.get(name)
    if function is None:
        raise FhirPathError(f"the function {name}() is not supported")
    return function(scope, values, arguments, focus)


_NODES: dict[str, Callable[[_Scope, Node, Values], Values]] = {
    "literal": _literal, "variable": _variable, "special": _special, "member": _member, "index": _index, "unary": _unary,
    "type": _type, "binary": _binary, "call": _call,
}  # fmt: skip

# -- functions: (scope, input, argument nodes, focus) → values

Function = Callable[[_Scope, Values, tuple[Node, ...], Values], Values]
FUNCTIONS: dict[str, Function] = {}


def _function(name: str, least: int = 0, most: int | None = None) -> Callable[[Function], Function]:
    def register(function: Function) -> Function:
        def checked(scope: _Scope, values: Values, arguments: tuple[Node, ...], focus: Values) -> Values:
            if not least <= len(arguments) <= (least if most is None else most):
                raise FhirPathError(f"{name}() does not take {len(arguments)} arguments")
            return function(scope, values, arguments, focus)

        FUNCTIONS[name] = checked
        return function

    return register


def _filtered(scope: _Scope, values: Values, criterion: Node) -> Values:
    return [v for n, v in enumerate(values) if scope.inner(v, n).truth(criterion, [v]) is True]


@_function("where", 1)
def _where(scope: _Scope, values: Values, arguments: tuple[Node, ...], focus: Values) -> Values:
    return _filtered(scope, values, arguments[0])


@_function("select", 1)
def _select(scope: _Scope, values: Values, arguments: tuple[Node, ...], focus: Values) -> Values:
    return [x for n, v in enumerate(values) for x in scope.inner(v, n).evaluate(arguments[0], [v])]


@_function("exists", 0, 1)
def _exists(scope: _Scope, values: Values, arguments: tuple[Node, ...], focus: Values) -> Values:
    return [bool(_filtered(scope, values, arguments[0]) if arguments else values)]


@_function("all", 1)
def _all(scope: _Scope, values: Values, arguments: tuple[Node, ...], focus: Values) -> Values:
    return [len(_filtered(scope, values, arguments[0])) == len(values)]


@_function("iif", 2, 3)
def _iif(scope: _Scope, values: Values, arguments: tuple[Node, ...], focus: Values) -> Values:
    if scope.truth(arguments[0], values or focus) is True:
        return scope.evaluate(arguments[1], values or focus)
    return scope.evaluate(arguments[2], values or focus) if len(arguments) > 2 else []


@_function("repeat", 1)
def _repeat(scope: _Scope, values: Values, arguments: tuple[Node, ...], focus: Values) -> Values:
    found: Values = []
    pending = list(values)
    while pending:
        current = pending.pop(0)
        for value in scope.inner(current).evaluate(arguments[0], [current]):
            if len(found) > 10_000:
                raise FhirPathError("repeat() does not end")
            if not any(_same(system(value), system(other)) for other in found):
                found.append(value)
                pending.append(value)
    return found


@_function("aggregate", 1, 2)
def _aggregate(scope: _Scope, values: Values, arguments: tuple[Node, ...], focus: Values) -> Values:
    total = scope.evaluate(arguments[1], focus) if len(arguments) > 1 else []
    for number, value in enumerate(values):
        total = scope.inner(value, number, total).evaluate(arguments[0], [value])
    return total


@_function("extension", 1)
def _extension(scope: _Scope, values: Values, arguments: tuple[Node, ...], focus: Values) -> Values:
    url = scope.single(arguments[0], focus, "extension()")
    return [e for e in _children(scope, values, "extension") if isinstance(e, FhirObject) and e.data.get("url") == url]


@_function("ofType", 1)
def _of_type(scope: _Scope, values: Values, arguments: tuple[Node, ...], focus: Values) -> Values:
    return [v for v in values if _is(v, _named(arguments[0]))]


@_function("as", 1)
def _as(scope: _Scope, values: Values, arguments: tuple[Node, ...], focus: Values) -> Values:
    return [v for v in values if _is(v, _named(arguments[0]))]


@_function("is", 1)
def _is_type(scope: _Scope, values: Values, arguments: tuple[Node, ...], focus: Values) -> Values:
    return [_is(values[0], _named(arguments[0]))] if values else []


def _named(node: Node) -> str:
    """A type written as an argument: ``Quantity``, ``FHIR.Quantity``."""
    if node[0] != "member":
        raise FhirPathError("a type is needed here")
    return f"{_named(node[1])}.{node[2]}" if node[1] is not None else str(node[2])


@_function("resolve")
def _resolve(scope: _Scope, values: Values, arguments: tuple[Node, ...], focus: Values) -> Values:
    found: Values = []
    for value in values:
        reference = value.data.get("reference") if isinstance(value, FhirObject) else system(value)
        resource = scope.resolve(reference) if scope.resolve is not None and isinstance(reference, str) else None
        found += _listed(resource)
    return found


@_function("trace", 1, 2)
def _trace(scope: _Scope, values: Values, arguments: tuple[Node, ...], focus: Values) -> Values:
    return values


def _whole(name: str, compute: Callable[[Values], Values]) -> None:
    """A function of the input alone."""

    @_function(name)
    def whole(scope: _Scope, values: Values, arguments: tuple[Node, ...], focus: Values) -> Values:
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
    return [x for name in names for x in _children(None, [value], name)]


_whole("empty", lambda values: [not values])
_whole("count", lambda values: [len(values)])
_whole("first", lambda values: values[:1])
_whole("last", lambda values: values[-1:])
_whole("tail", lambda values: values[1:])
_whole("single", _only)
_whole("distinct", _distinct)
_whole("isDistinct", lambda values: [len(_distinct(values)) == len(values)])
_whole("not", lambda values: _listed(OPERATORS["Not"].function(truth(values))))
_whole("hasValue", lambda values: [len(values) == 1 and isinstance(values[0], FhirPrimitive) and values[0].value is not None])
_whole("getValue", lambda values: _listed(one(values, "getValue()")))
_whole("children", lambda values: [x for v in values for x in _all_children(v)])
_whole("descendants", _descendants)
_whole("allTrue", lambda values: [all(truth([v]) is True for v in values)])
_whole("anyTrue", lambda values: [any(truth([v]) is True for v in values)])
_whole("allFalse", lambda values: [all(truth([v]) is False for v in values)])
_whole("anyFalse", lambda values: [any(truth([v]) is False for v in values)])


def _of_one(name: str, compute: Callable[..., Any], count: int = 0, most: int | None = None) -> None:
    """A function of a single value and of the values of its arguments; empty in, empty out."""

    @_function(name, count, most)
    def of_one(scope: _Scope, values: Values, arguments: tuple[Node, ...], focus: Values) -> Values:
        value = one(values, f"{name}()")
        given = [scope.single(a, focus, f"{name}()") for a in arguments]
        if value is None or None in given:
            return []
        try:
            result = compute(value, *given)
            return result if isinstance(result, list) else _listed(result)
        except (TypeError, AttributeError, ValueError, IndexError, ArithmeticError) as error:
            raise FhirPathError(f"{name}() cannot be done with {_text(value)}: {error}") from None


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
    text = _text(value).lower()
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
_of_one("toString", _text)
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
    def of_lists(scope: _Scope, values: Values, arguments: tuple[Node, ...], focus: Values) -> Values:
        return compute(values, scope.evaluate(arguments[0], focus))


def _among(value: Any, others: Values) -> bool:
    return any(_same(system(value), system(other)) for other in others)


_of_lists("union", lambda a, b: _distinct([*a, *b]))
_of_lists("combine", lambda a, b: [*a, *b])
_of_lists("intersect", lambda a, b: _distinct([v for v in a if _among(v, b)]))
_of_lists("exclude", lambda a, b: [v for v in a if not _among(v, b)])
_of_lists("subsetOf", lambda a, b: [all(_among(v, b) for v in a)])
_of_lists("supersetOf", lambda a, b: [all(_among(v, a) for v in b)])


def _taking(name: str, compute: Callable[[Values, int], Values]) -> None:
    @_function(name, 1)
    def taking(scope: _Scope, values: Values, arguments: tuple[Node, ...], focus: Values) -> Values:
        number = scope.single(arguments[0], focus, f"{name}()")
        return compute(values, max(number, 0)) if isinstance(number, int) else []


_taking("skip", lambda values, number: values[number:])
_taking("take", lambda values, number: values[:number])


@_function("join", 0, 1)
def _join(scope: _Scope, values: Values, arguments: tuple[Node, ...], focus: Values) -> Values:
    between = scope.single(arguments[0], focus, "join()") if arguments else ""
    return [str(between or "").join(_text(system(v)) for v in values)]


@_function("split", 1)
def _split(scope: _Scope, values: Values, arguments: tuple[Node, ...], focus: Values) -> Values:
    text, by = one(values, "split()"), scope.single(arguments[0], focus, "split()")
    return list(text.split(by)) if isinstance(text, str) and by else []


def _moment(name: str, compute: Callable[[DateTime], Any]) -> None:
    @_function(name)
    def moment(scope: _Scope, values: Values, arguments: tuple[Node, ...], focus: Values) -> Values:
        if scope.now is None:
            raise FhirPathError(f"{name}() is not known here")
        return [compute(scope.now)]


_moment("now", lambda now: now)
_moment("today", lambda now: Date.of(now.year, now.month, now.day))
_moment("timeOfDay", lambda now: Time.of(now.component(3) or 0, now.component(4), now.component(5), now.component(6)))
