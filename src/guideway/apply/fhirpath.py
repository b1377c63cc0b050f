"""FHIRPath over FHIR JSON: the expressions that artifacts write in ``text/fhirpath`` (FHIRPath 2.0.0).

``evaluate(text, variables)`` gives a list of values; the focus is ``%resource``. Variables are resources as JSON, or runtime
values. Comparison, arithmetic and conversion are the CQL engine's operators, so quantities and partial dates behave as they
do in the logic. What the language has and this lacks (``repeat`` on cyclic data aside, ``conformsTo``, ``memberOf``) is
refused by name. The functions are in ``fhirpath_functions``, equality and types in ``fhirpath_values``.

Why our own: the packages at hand cost more to import than a whole run, and none shares the engine's quantities and dates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from guideway.apply.fhirpath_functions import FUNCTIONS
from guideway.apply.fhirpath_syntax import FhirPathError, Node, parse
from guideway.apply.fhirpath_values import (
    Reads,
    Values,
    children,
    distinct,
    equality,
    is_of_type,
    listed,
    one,
    operate,
    promoted,
    same,
    system,
    text_of,
    truth,
)
from guideway.diagnostics import GuidewayError
from guideway.engine.operators import OPERATORS
from guideway.engine.values import DateTime
from guideway.fhir.element import FhirObject

__all__ = ["FhirPathError", "Reads", "evaluate"]


def evaluate(
    text: str,
    variables: Mapping[str, Any],
    *,
    now: DateTime | None = None,
    resolve: Any = None,
    reads: Reads | None = None,
) -> Values:
    """The values of an expression; ``FhirPathError`` for one that cannot be read or evaluated.

    ``reads`` takes what was read for the result: of a false ``and``, a true ``or`` only by the side that decided. A variable that
    is empty is read by its name, with ``%``. What was read and is not there is false, and None where that leaves nothing open.
    """
    known = {name: _wrapped(value) for name, value in variables.items() if value is not None}
    scope = Scope(known, now, resolve, {} if reads is None else reads)
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


class Scope:
    """The variables, and ``$this``, ``$index``, ``$total`` of one place."""

    def __init__(self, variables: dict[str, Values], now: DateTime | None, resolve: Any, reads: Reads) -> None:
        self.variables = variables
        self.now = now
        self.resolve = resolve
        self.reads = reads
        self.special: dict[str, Values] = {}

    def inner(self, this: Any, index: int | None = None, total: Values | None = None) -> Scope:
        other = Scope(self.variables, self.now, self.resolve, self.reads)
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


# -- nodes


def _literal(scope: Scope, node: Node, focus: Values) -> Values:
    return listed(node[1])


def _variable(scope: Scope, node: Node, focus: Values) -> Values:
    name = node[1]
    if name in _SYSTEMS:
        return [_SYSTEMS[name]]
    found = scope.variables.get(name)
    if found is None:
        if name in ("encounter", "practitioner", "organization", "location", "subject", "patient"):
            return []
        raise FhirPathError(f"there is no variable %{name}")
    _there(scope, found)
    if not found:
        scope.reads[f"%{name}", ""] = False
    return found


def _there(scope: Scope, values: Values) -> None:
    """Note that resources were looked at."""
    for value in values:
        if isinstance(value, FhirObject) and value.reference:
            scope.reads.setdefault((value.reference, ""), True)


_SYSTEMS = {"ucum": "http://unitsofmeasure.org", "sct": "http://snomed.info/sct", "loinc": "http://loinc.org"}


def _special(scope: Scope, node: Node, focus: Values) -> Values:
    found = scope.special.get(node[1])
    if found is None:
        if node[1] == "$this":
            return focus
        raise FhirPathError(f"{node[1]} means nothing here")
    return found


def _member(scope: Scope, node: Node, focus: Values) -> Values:
    target, name = node[1], node[2]
    values = focus if target is None else scope.evaluate(target, focus)
    if target is None and values and all(isinstance(v, FhirObject) and is_of_type(v, name) for v in values):
        return values  # Patient.name: the type's own name as the first step
    return children(values, name, scope.reads)


def _index(scope: Scope, node: Node, focus: Values) -> Values:
    values = scope.evaluate(node[1], focus)
    index = scope.single(node[2], focus, "an index")
    return [values[index]] if isinstance(index, int) and 0 <= index < len(values) else []


def _unary(scope: Scope, node: Node, focus: Values) -> Values:
    value = scope.single(node[2], focus, f"unary {node[1]}")
    return listed(operate("Negate", value) if node[1] == "-" and value is not None else value)


def _type(scope: Scope, node: Node, focus: Values) -> Values:
    values = scope.evaluate(node[2], focus)
    if node[1] == "as":
        return [v for v in values if is_of_type(v, node[3])]
    if len(values) > 1:
        raise FhirPathError("is takes one value")
    return [is_of_type(values[0], node[3])] if values else []


def _binary(scope: Scope, node: Node, focus: Values) -> Values:
    operator, left, right = node[1], node[2], node[3]
    logical = _LOGICAL.get(operator)
    if logical is not None:
        return listed(_decided(scope, logical, left, right, focus))
    first, second = scope.evaluate(left, focus), scope.evaluate(right, focus)
    if operator in ("=", "!=", "~", "!~"):
        return equality(operator, first, second)
    if operator == "|":
        return distinct([*first, *second])
    if operator in ("in", "contains"):
        item, collection = (first, second) if operator == "in" else (second, first)
        wanted = one(item, operator)
        return [] if wanted is None else [any(same(system(v), wanted) for v in collection)]
    if operator == "&":
        return ["".join(text_of(one(side, "&")) for side in (first, second))]
    a, b = one(first, operator), one(second, operator)
    if a is None or b is None:
        return []
    if operator == "+" and isinstance(a, str) and isinstance(b, str):
        return [a + b]
    if isinstance(a, bool) or isinstance(b, bool):
        raise FhirPathError(f"{operator} cannot be done with {text_of(a)} and {text_of(b)}")
    return listed(operate(_OPERATORS[operator], *promoted(a, b)))


def _decided(scope: Scope, name: str, left: Node, right: Node, focus: Values) -> bool | None:
    """A connective; what was read on the side that did not decide is forgotten. Where neither did, what is not there on a side
    that is known leaves nothing open."""
    before = dict(scope.reads)
    first = scope.truth(left, focus)
    if first is _DECIDES_FIRST.get(name, ...):
        return first is not False or name == "Implies"
    by_first = dict(scope.reads)
    scope.reads.clear()
    second = scope.truth(right, focus)
    by_second = dict(scope.reads)
    scope.reads.clear()
    found: bool | None = OPERATORS[name].function(first, second)
    if found is None and first is not None:
        by_first = {key: there if there or key in before else None for key, there in by_first.items()}
    elif found is None and second is not None:
        by_second = {key: there or None for key, there in by_second.items()}
    scope.reads.update(before if second is _DECIDES_SECOND.get(name, ...) else by_first)
    for key, there in by_second.items():
        if there is not None or key not in scope.reads:
            scope.reads[key] = there
    return found


_DECIDES_FIRST = {"And": False, "Or": True, "Implies": False}
_DECIDES_SECOND = {"And": False, "Or": True, "Implies": True}
_LOGICAL = {"and": "And", "or": "Or", "xor": "Xor", "implies": "Implies"}
_OPERATORS = {
    "<": "Less", ">": "Greater", "<=": "LessOrEqual", ">=": "GreaterOrEqual", "+": "Add", "-": "Subtract", "*": "Multiply",
    "/": "Divide", "div": "TruncatedDivide", "mod": "Modulo",
}  # fmt: skip


def _call(scope: Scope, node: Node, focus: Values) -> Values:
    target, name, arguments = node[1], node[2], node[3]
    values = focus if target is None else scope.evaluate(target, focus)
    if target is None:
        _there(scope, values)
    function = FUNCTIONS.get(name)
    if function is None:
        raise FhirPathError(f"the function {name}() is not supported")
    return function(scope, values, arguments, focus)


_NODES: dict[str, Callable[[Scope, Node, Values], Values]] = {
    "literal": _literal, "variable": _variable, "special": _special, "member": _member, "index": _index, "unary": _unary,
    "type": _type, "binary": _binary, "call": _call,
}  # fmt: skip
