"""The values of FHIRPath: collections, what is equal, of which type something is, and the CQL engine's operators over them.

A collection is a list of FHIR objects and primitives and of the engine's values; an empty one stands for nothing (FHIRPath 2.0.0
§4.2, §6.1). ``FhirPathError`` where an operation cannot be done with what it is given.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from guideway.apply.fhirpath_syntax import FhirPathError
from guideway.engine.access import fhir_quantity, system_value
from guideway.engine.operators import OPERATORS
from guideway.engine.values import Code, Concept, Date, DateTime, Quantity, Time
from guideway.fhir.element import FhirObject, FhirPrimitive, ancestors, get

Values = list[Any]

Reads = dict[tuple[str, str], bool | None]
"""The elements that an expression read, as (``Observation/x``, ``value``), and whether there was something (None: there was not,
and that leaves nothing open); without a name: that the resource is there."""


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


def one(values: Values, what: str) -> Any:
    """The only value of a collection; None of an empty one."""
    if len(values) > 1:
        raise FhirPathError(f"{what} takes one value, not {len(values)}")
    return system(values[0]) if values else None


def truth(values: Values) -> bool | None:
    """A collection as a Boolean: a single value that is not Boolean counts as true (FHIRPath §4.5)."""
    value = one(values, "a criterion")
    return value if isinstance(value, bool) else None if value is None else True


def listed(value: Any) -> Values:
    return [] if value is None else [value]


def children(values: Values, name: str, reads: Reads | None = None) -> Values:
    """The elements of that name; what was looked at is noted in ``reads``."""
    found: Values = []
    for value in values:
        below = get(value, name) if isinstance(value, FhirObject | FhirPrimitive) else of_system(value, name)
        below = below if isinstance(below, list) else listed(below)
        found += below
        if reads is not None and isinstance(value, FhirObject) and value.reference:
            reads[value.reference, name] = bool(below)
    return found


def of_system(value: Any, name: str) -> Any:
    if isinstance(value, Quantity | Code) and name in ("value", "unit", "code", "system", "display", "version"):
        return getattr(value, name, None)
    if isinstance(value, Concept) and name in ("codes", "coding"):
        return list(value.codes)
    return value.get(name) if isinstance(value, dict) else None


def is_of_type(value: Any, name: str) -> bool:
    wanted = name.removeprefix("FHIR.")
    if isinstance(value, FhirObject | FhirPrimitive):
        return not name.startswith("System.") and wanted in (value.fhir_type, *ancestors(value.fhir_type))
    kinds = {
        bool: "Boolean", int: "Integer", Decimal: "Decimal", str: "String", Date: "Date", DateTime: "DateTime", Time: "Time",
        Quantity: "Quantity", Code: "Code", Concept: "Concept",
    }  # fmt: skip
    return kinds.get(type(value)) == name.removeprefix("System.")


def operate(name: str, *operands: Any) -> Any:
    try:
        return OPERATORS[name].function(*operands)
    except (TypeError, AttributeError, ValueError, ArithmeticError) as error:
        shown = " and ".join(text_of(o) for o in operands)
        raise FhirPathError(f"{name} cannot be done with {shown}: {error}") from None


def promoted(a: Any, b: Any) -> tuple[Any, Any]:
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


def equality(operator: str, left: Values, right: Values) -> Values:
    equivalent = "~" in operator
    if not equivalent and (not left or not right):
        return []
    if len(left) != len(right):
        result: bool | None = False
    else:
        pairs = [(system(a), system(b)) for a, b in zip(left, right)]
        results = [equal(a, b, equivalent) for a, b in pairs]
        result = False if False in results else None if None in results else True
    if result is None:
        return []
    return [not result if operator.startswith("!") else result]


def equal(a: Any, b: Any, equivalent: bool) -> bool | None:
    if isinstance(a, FhirObject) or isinstance(b, FhirObject):
        return isinstance(a, FhirObject) and isinstance(b, FhirObject) and a.data == b.data
    a, b = promoted(a, b)
    if type(a) is not type(b):
        return False
    found = operate("Equivalent" if equivalent else "Equal", a, b)
    return found if isinstance(found, bool) else None


def same(a: Any, b: Any) -> bool:
    return equal(a, b, False) is True


def distinct(values: Values) -> Values:
    found: Values = []
    for value in values:
        if not any(same(system(value), system(other)) for other in found):
            found.append(value)
    return found


def text_of(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else str(OPERATORS["ToString"].function(value))
