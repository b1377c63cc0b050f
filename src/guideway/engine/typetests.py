"""Whether a value is of a type, while an expression runs: ELM's Is and As, and overloads that only the data can settle.

A type test is plain data, so that compiled programs can be stored: the name of a System type (``"Integer"``), ``("fhir", names)``
with the FHIR types that count, ``("list", test)``, ``("interval", test)``, ``("tuple", ((name, test), ...))``, ``("choice",
tests)``, or None for Any.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from guideway.engine.errors import CqlRuntimeError
from guideway.engine.values import (
    Code,
    CodeSystemRef,
    Concept,
    Date,
    DateTime,
    Interval,
    Long,
    Quantity,
    Ratio,
    Time,
    TupleValue,
    Uncertainty,
    ValueSetRef,
)
from guideway.fhir.element import FhirObject, FhirPrimitive

Test = Any

_CLASSES: dict[str, type[Any] | tuple[type[Any], ...]] = {
    "Boolean": bool,
    "Long": Long,
    "Decimal": Decimal,
    "String": str,
    "Date": Date,
    "DateTime": DateTime,
    "Time": Time,
    "Quantity": Quantity,
    "Ratio": Ratio,
    "Code": Code,
    "Concept": Concept,
    "ValueSet": ValueSetRef,
    "CodeSystem": CodeSystemRef,
    "Vocabulary": (ValueSetRef, CodeSystemRef),
}


def is_type(value: Any, test: Test) -> bool:
    """Whether ``value`` is of the type; null is of none (CQL 1.5 Appendix B, "Is"), an uncertainty of that of its bounds."""
    if value is None:
        return False
    if test is None:
        return True
    if type(value) is Uncertainty:
        return is_type(value.low if value.low is not None else value.high, test)
    if isinstance(test, str):
        if test == "Integer":
            return type(value) is int
        found = _CLASSES.get(test)
        return found is not None and isinstance(value, found)
    kind, inner = test
    if kind == "fhir":
        return isinstance(value, (FhirObject, FhirPrimitive)) and value.fhir_type in inner
    if kind == "list":
        return isinstance(value, list) and all(item is None or is_type(item, inner) for item in value)
    if kind == "interval":
        return isinstance(value, Interval) and _is_interval(value, inner)
    if kind == "tuple":
        return isinstance(value, TupleValue) and all(
            value.get(name) is None or is_type(value[name], part) for name, part in inner
        ) and set(value) <= {name for name, _ in inner}  # fmt: skip
    return any(is_type(value, part) for part in inner)


def _is_interval(value: Interval, test: Test) -> bool:
    if test is None:
        return True
    if value.low is None and value.high is None:
        return value.point_type is None or not isinstance(test, str) or value.point_type == test
    return all(bound is None or is_type(bound, test) for bound in (value.low, value.high))


def as_type(value: Any, test: Test) -> Any:
    """The value if it is of the type, else null."""
    return value if is_type(value, test) else None


def cast(value: Any, test: Test, name: str) -> Any:
    """The value if it is of the type (or null); else a run-time error (CQL 1.5 Appendix B, "As": ``cast``)."""
    if value is None or is_type(value, test):
        return value
    raise CqlRuntimeError(f"a value of type {type_name(value)} cannot be cast to {name}")


def type_name(value: Any) -> str:
    """The CQL name of a value's type, for messages."""
    if value is None:
        return "Any"
    if isinstance(value, (FhirObject, FhirPrimitive)):
        return f"FHIR.{value.fhir_type}"
    if type(value) is int:
        return "Integer"
    if type(value) is Uncertainty:
        return type_name(value.low if value.low is not None else value.high)
    if isinstance(value, list):
        return f"List<{type_name(next((item for item in value if item is not None), None))}>"
    if isinstance(value, TupleValue):
        return "Tuple{" + ", ".join(f"{name} {type_name(item)}" for name, item in value.items()) + "}"
    if isinstance(value, Interval):
        return f"Interval<{type_name(value.low if value.low is not None else value.high)}>"
    for name, classes in _CLASSES.items():
        if isinstance(value, classes):
            return name
    return type(value).__name__


def choose(candidates: tuple[tuple[tuple[Test, ...], Any], ...], operands: tuple[Any, ...], name: str) -> Any:
    """The first overload whose operand types take the values (null is taken by all); a run-time error where none does."""
    for tests, function in candidates:
        if all(value is None or is_type(value, test) for value, test in zip(operands, tests)):
            return function
    given = ", ".join(type_name(value) for value in operands)
    raise CqlRuntimeError(f"no overload of the function {name} takes ({given})")
