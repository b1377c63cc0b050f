"""The operators of CQL as a table: name, the ELM node to emit, and one row for each signature.

Follows the CQL Reference (CQL 1.5.3, Appendix B) chapter by chapter. Adding an operator is adding an ``Operator`` here;
what calls it (an infix sign, a phrase, a function name) is said by ``expressions`` and by ``FUNCTIONS`` at the end. Rows
are text, read on first use: ``"Interval<T>, T -> Boolean"``. ``T`` stands for any one type; where it occurs twice both must
agree (see ``conversions``). The order of rows is the order of preference between rows that fit equally well.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from guideway.elm import nodes as elm
from guideway.elm.types import SYSTEM_TYPES, ChoiceType, IntervalType, ListType, TupleType, Type


class TypeVariable(Type, frozen=True):
    """``T`` in a row: stands for one type, the same wherever it occurs in the row."""

    name: str

    def __str__(self) -> str:
        return self.name


class Row(msgspec.Struct, frozen=True):
    """One signature. ``node`` overrides the operator's node class (``included in`` is IncludedIn or In)."""

    operands: tuple[Type, ...]
    result: Type
    node: str

    @property
    def is_generic(self) -> bool:
        return any(has_variable(o) for o in self.operands)


class Operator(msgspec.Struct, frozen=True):
    """An operator: ``node`` is the ELM class, ``fields`` the names of its operand fields, in order.

    ``fields`` is ``("operand",)`` for unary operators, ``("operand*",)`` for those whose operands are one list, else the names
    that ELM gives them (``("stringToSplit", "separator")``).
    """

    name: str
    node: str
    fields: tuple[str, ...]
    signatures: tuple[str, ...]

    def build(self, node: str, operands: list[Any]) -> Any:
        """The ELM node with these operands."""
        cls = getattr(elm, node)
        if self.fields == BINARY:
            return cls(operand=operands)
        return cls(**dict(zip(self.fields, operands)))


UNARY = ("operand",)
BINARY = ("operand*",)
SOURCE = ("source",)

OPERATORS: dict[str, Operator] = {}


def operator(name: str, fields: tuple[str, ...], *signatures: str, node: str | None = None) -> None:
    """Enter one operator into the table."""
    OPERATORS[name] = Operator(name, node or name, fields, signatures)


def has_variable(type_: Type) -> bool:
    """Whether a type mentions a type variable."""
    match type_:
        case TypeVariable():
            return True
        case ListType(inner) | IntervalType(inner):
            return has_variable(inner)
        case ChoiceType(choices):
            return any(has_variable(c) for c in choices)
        case TupleType(elements):
            return any(has_variable(t) for _, t in elements)
    return False


@cache
def rows(name: str) -> tuple[Row, ...]:
    """The signatures of an operator."""
    found = []
    entry = OPERATORS[name]
    for signature in entry.signatures:
        text, _, node = signature.partition(" => ")
        left, _, result = text.partition("->")
        operands = tuple(read_type(part) for part in left.split(",")) if left.strip() else ()
        found.append(Row(operands, read_type(result), node or entry.node))
    return tuple(found)


@cache
def read_type(text: str) -> Type:
    """A type as the table writes it: ``Integer``, ``T``, ``List<Interval<T>>``."""
    text = text.strip()
    if text.startswith("List<"):
        return ListType(read_type(text[5:-1]))
    if text.startswith("Interval<"):
        return IntervalType(read_type(text[9:-1]))
    return SYSTEM_TYPES.get(text) or TypeVariable(text)


def _each(template: str, *names: str) -> tuple[str, ...]:
    """One row for each type name: ``_each("?, ? -> Boolean", "Integer", "Long")``."""
    return tuple(template.replace("?", name) for name in names)


NUMBERS = ("Integer", "Long", "Decimal")
TEMPORAL = ("Date", "DateTime", "Time")
ORDERED = (*NUMBERS, "Quantity", *TEMPORAL, "String")
POINTS = (*NUMBERS, "Quantity", *TEMPORAL)

# ---- 1-2 Types, logical operators ---------------------------------------------------------------------------------------
for _name in ("And", "Or", "Xor", "Implies"):
    operator(_name, BINARY, "Boolean, Boolean -> Boolean")
operator("Not", UNARY, "Boolean -> Boolean")

# ---- 3 Type operators ---------------------------------------------------------------------------------------------------
operator("ToBoolean", UNARY, *_each("? -> Boolean", "String", "Integer", "Long", "Decimal", "Boolean"))
operator("ToInteger", UNARY, *_each("? -> Integer", "String", "Boolean", "Integer", "Long"))
operator("ToLong", UNARY, *_each("? -> Long", "String", "Boolean", "Integer", "Long"))
operator("ToDecimal", UNARY, *_each("? -> Decimal", "String", "Integer", "Long", "Boolean", "Decimal"))
operator("ToQuantity", UNARY, *_each("? -> Quantity", "String", "Integer", "Long", "Decimal", "Ratio", "Quantity"))
operator("ToRatio", UNARY, "String -> Ratio", "Ratio -> Ratio")
operator("ToDate", UNARY, "String -> Date", "DateTime -> Date", "Date -> Date")
operator("ToDateTime", UNARY, "String -> DateTime", "Date -> DateTime", "DateTime -> DateTime")
operator("ToTime", UNARY, "String -> Time", "Time -> Time")
operator(
    "ToString", UNARY,
    *_each("? -> String", "Integer", "Long", "Decimal", "Quantity", "Ratio", "Date", "DateTime", "Time", "Boolean", "String"),
)  # fmt: skip
operator("ToConcept", UNARY, "Code -> Concept", "List<Code> -> Concept", "Concept -> Concept")
operator("ToChars", UNARY, "String -> List<String>")
operator("ToList", UNARY, "T -> List<T>")
for _name in ("Boolean", "Integer", "Long", "Decimal", "Quantity", "Ratio", "Date", "DateTime", "Time", "String"):
    operator(f"ConvertsTo{_name}", UNARY, "Any -> Boolean")
operator("ConvertQuantity", BINARY, "Quantity, String -> Quantity")
operator("CanConvertQuantity", BINARY, "Quantity, String -> Boolean")

# ---- 4 Nullological operators -------------------------------------------------------------------------------------------
operator("IsNull", UNARY, "Any -> Boolean")
operator("IsTrue", UNARY, "Boolean -> Boolean")
operator("IsFalse", UNARY, "Boolean -> Boolean")
operator("Coalesce", BINARY, "List<T> -> T", *(", ".join("T" * n) + " -> T" for n in range(2, 6)))

# ---- 5 Comparison operators ---------------------------------------------------------------------------------------------
operator("Equal", BINARY, "T, T -> Boolean")
operator("Equivalent", BINARY, "T, T -> Boolean")
for _name in ("Less", "LessOrEqual", "Greater", "GreaterOrEqual"):
    operator(_name, BINARY, *_each("?, ? -> Boolean", *ORDERED))

# ---- 6 Arithmetic operators ---------------------------------------------------------------------------------------------
operator(
    "Add", BINARY,
    *_each("?, ? -> ?", *NUMBERS, "Quantity"), *_each("?, Quantity -> ?", "Date", "DateTime", "Time"),
    "String, String -> String => Concatenate",
)  # fmt: skip
operator("Subtract", BINARY, *_each("?, ? -> ?", *NUMBERS, "Quantity"), *_each("?, Quantity -> ?", "Date", "DateTime", "Time"))
operator("Multiply", BINARY, *_each("?, ? -> ?", *NUMBERS, "Quantity"))
operator("Divide", BINARY, "Decimal, Decimal -> Decimal", "Quantity, Quantity -> Quantity")
for _name in ("TruncatedDivide", "Modulo"):
    operator(_name, BINARY, *_each("?, ? -> ?", *NUMBERS, "Quantity"))
operator("Power", BINARY, *_each("?, ? -> ?", *NUMBERS))
operator("Negate", UNARY, *_each("? -> ?", *NUMBERS, "Quantity"))
operator("Abs", UNARY, *_each("? -> ?", *NUMBERS, "Quantity"))
for _name in ("Ceiling", "Floor", "Truncate"):
    operator(_name, UNARY, "Decimal -> Integer")
operator(
    "Round", ("operand", "precision"), *_each("? -> ?", "Decimal", "Quantity"), *_each("?, Integer -> ?", "Decimal", "Quantity")
)
operator("Ln", UNARY, "Decimal -> Decimal")
operator("Exp", UNARY, "Decimal -> Decimal")
operator("Log", BINARY, "Decimal, Decimal -> Decimal")
for _name in ("Successor", "Predecessor"):
    operator(_name, UNARY, *_each("? -> ?", *POINTS))
operator("Precision", UNARY, *_each("? -> Integer", "Decimal", "Date", "DateTime", "Time"))
for _name in ("LowBoundary", "HighBoundary"):
    operator(_name, BINARY, *_each("?, Integer -> ?", "Decimal", "Date", "DateTime", "Time"))

# ---- 7 String operators -------------------------------------------------------------------------------------------------
operator("Concatenate", BINARY, "String, String -> String")
operator("Combine", ("source", "separator"), "List<String> -> String", "List<String>, String -> String")
operator("Split", ("stringToSplit", "separator"), "String, String -> List<String>")
operator("SplitOnMatches", ("stringToSplit", "separatorPattern"), "String, String -> List<String>")
for _name in ("Upper", "Lower"):
    operator(_name, UNARY, "String -> String")
operator("Length", UNARY, "String -> Integer", "List<T> -> Integer")
operator("Indexer", BINARY, "String, Integer -> String", "List<T>, Integer -> T")
for _name in ("PositionOf", "LastPositionOf"):
    operator(_name, ("pattern", "string"), "String, String -> Integer")
operator("Substring", ("stringToSub", "startIndex", "length"), "String, Integer -> String", "String, Integer, Integer -> String")
for _name in ("StartsWith", "EndsWith", "Matches"):
    operator(_name, BINARY, "String, String -> Boolean")
operator("ReplaceMatches", BINARY, "String, String, String -> String")

# ---- 8 Date and time operators ------------------------------------------------------------------------------------------
operator("Now", (), " -> DateTime")
operator("Today", (), " -> Date")
operator("TimeOfDay", (), " -> Time")
_I = ["Integer"]
operator("Date", ("year", "month", "day"), *(", ".join(_I * n) + " -> Date" for n in range(1, 4)))
operator("Time", ("hour", "minute", "second", "millisecond"), *(", ".join(_I * n) + " -> Time" for n in range(1, 5)))
operator(
    "DateTime", ("year", "month", "day", "hour", "minute", "second", "millisecond", "timezoneOffset"),
    *(", ".join(_I * n) + " -> DateTime" for n in range(1, 8)), ", ".join(_I * 7) + ", Decimal -> DateTime",
)  # fmt: skip
operator("DateFrom", UNARY, "DateTime -> Date")
operator("TimeFrom", UNARY, "DateTime -> Time")
operator("TimezoneFrom", UNARY, "DateTime -> Decimal")
operator("TimezoneOffsetFrom", UNARY, "DateTime -> Decimal")
operator("DateTimeComponentFrom", UNARY, *_each("? -> Integer", "Date", "DateTime", "Time"))
for _name in ("DurationBetween", "DifferenceBetween"):
    operator(_name, BINARY, *_each("?, ? -> Integer", "Date", "DateTime", "Time"))
operator("SameAs", BINARY, *_each("?, ? -> Boolean", *TEMPORAL), "Interval<T>, Interval<T> -> Boolean")
for _name in ("SameOrBefore", "SameOrAfter"):
    operator(_name, BINARY, *_each("?, ? -> Boolean", *TEMPORAL), "Interval<T>, Interval<T> -> Boolean")
for _name in ("Before", "After"):
    operator(_name, BINARY, *_each("?, ? -> Boolean", *TEMPORAL), "Interval<T>, Interval<T> -> Boolean")

# ---- 9-10 Interval and list operators -----------------------------------------------------------------------------------
operator("Start", UNARY, "Interval<T> -> T")
operator("End", UNARY, "Interval<T> -> T")
operator("Width", UNARY, *_each("Interval<?> -> ?", *NUMBERS, "Quantity"), "Interval<T> -> T")
operator("Size", UNARY, "Interval<T> -> T")
operator("PointFrom", UNARY, "Interval<T> -> T")
operator("Contains", BINARY, "Interval<T>, T -> Boolean", "List<T>, T -> Boolean")
operator("ProperContains", BINARY, "Interval<T>, T -> Boolean", "List<T>, T -> Boolean")
operator("In", BINARY, "T, Interval<T> -> Boolean", "T, List<T> -> Boolean")
operator("ProperIn", BINARY, "T, Interval<T> -> Boolean", "T, List<T> -> Boolean")
# The words "includes", "included in" and "during" mean one of two nodes, by whether the smaller side is a point.
operator(
    "Includes", BINARY,
    "Interval<T>, T -> Boolean => Contains", "List<T>, T -> Boolean => Contains",
    "Interval<T>, Interval<T> -> Boolean", "List<T>, List<T> -> Boolean",
)  # fmt: skip
operator(
    "IncludedIn", BINARY,
    "T, Interval<T> -> Boolean => In", "T, List<T> -> Boolean => In",
    "Interval<T>, Interval<T> -> Boolean", "List<T>, List<T> -> Boolean",
)  # fmt: skip
operator(
    "ProperIncludes", BINARY,
    "Interval<T>, T -> Boolean => ProperContains", "List<T>, T -> Boolean => ProperContains",
    "Interval<T>, Interval<T> -> Boolean", "List<T>, List<T> -> Boolean",
)  # fmt: skip
operator(
    "ProperIncludedIn", BINARY,
    "T, Interval<T> -> Boolean => ProperIn", "T, List<T> -> Boolean => ProperIn",
    "Interval<T>, Interval<T> -> Boolean", "List<T>, List<T> -> Boolean",
)  # fmt: skip
for _name in ("Meets", "MeetsBefore", "MeetsAfter", "Overlaps", "OverlapsBefore", "OverlapsAfter", "Starts", "Ends"):
    operator(_name, BINARY, "Interval<T>, Interval<T> -> Boolean")
operator("Collapse", BINARY, "List<Interval<T>>, Quantity -> List<Interval<T>>")
operator("Expand", BINARY, "List<Interval<T>>, Quantity -> List<Interval<T>>", "Interval<T>, Quantity -> List<T>")
for _name in ("Union", "Intersect", "Except"):
    operator(_name, BINARY, "List<T>, List<T> -> List<T>", "Interval<T>, Interval<T> -> Interval<T>")
operator("Exists", UNARY, "List<T> -> Boolean")
operator("Distinct", UNARY, "List<T> -> List<T>")
operator("Flatten", UNARY, "List<List<T>> -> List<T>")
operator("SingletonFrom", UNARY, "List<T> -> T")
operator("First", SOURCE, "List<T> -> T")
operator("Last", SOURCE, "List<T> -> T")
operator("IndexOf", ("source", "element"), "List<T>, T -> Integer")
operator(
    "Slice", ("source", "startIndex", "endIndex"),
    "List<T> -> List<T>", "List<T>, Integer -> List<T>", "List<T>, Integer, Integer -> List<T>",
)  # fmt: skip

# ---- 11 Aggregate functions ---------------------------------------------------------------------------------------------
operator("Count", SOURCE, "List<T> -> Integer")
operator("Sum", SOURCE, *_each("List<?> -> ?", *NUMBERS, "Quantity"))
operator("Product", SOURCE, *_each("List<?> -> ?", *NUMBERS, "Quantity"))
for _name in ("Min", "Max"):
    operator(_name, SOURCE, *_each("List<?> -> ?", *ORDERED))
for _name in ("Avg", "Median", "Variance", "PopulationVariance", "StdDev", "PopulationStdDev"):
    operator(_name, SOURCE, "List<Decimal> -> Decimal", "List<Quantity> -> Quantity")
operator("GeometricMean", SOURCE, "List<Decimal> -> Decimal")
operator("Mode", SOURCE, "List<T> -> T")
for _name in ("AllTrue", "AnyTrue"):
    operator(_name, SOURCE, "List<Boolean> -> Boolean")

# ---- 12 Clinical operators ----------------------------------------------------------------------------------------------
_CODE_FIELDS, _CODES_FIELDS = ("code", "valueset"), ("codes", "valueset")
operator("InValueSet", _CODE_FIELDS, *_each("?, ValueSet -> Boolean", "String", "Code", "Concept"))
operator("AnyInValueSet", _CODES_FIELDS, *_each("List<?>, ValueSet -> Boolean", "String", "Code", "Concept"))
operator("InCodeSystem", ("code", "codesystem"), *_each("?, CodeSystem -> Boolean", "String", "Code", "Concept"))
operator("AnyInCodeSystem", ("codes", "codesystem"), *_each("List<?>, CodeSystem -> Boolean", "String", "Code", "Concept"))
operator("ExpandValueSet", UNARY, "ValueSet -> List<Code>")
operator("Subsumes", BINARY, "Code, Code -> Boolean", "Concept, Concept -> Boolean")
operator("SubsumedBy", BINARY, "Code, Code -> Boolean", "Concept, Concept -> Boolean")
operator("CalculateAge", UNARY, "Date -> Integer", "DateTime -> Integer")
operator("CalculateAgeAt", BINARY, "Date, Date -> Integer", "DateTime, DateTime -> Integer")

# ---- 13 Errors and messages ---------------------------------------------------------------------------------------------
operator("Message", ("source", "condition", "code", "severity", "message"), "T, Boolean, String, String, String -> T")

# ---- FHIRPath -----------------------------------------------------------------------------------------------------------
operator("Children", SOURCE, "Any -> List<Any>")
operator("Descendents", SOURCE, "Any -> List<Any>")

AGE_PRECISIONS = {
    "Years": "Year", "Months": "Month", "Weeks": "Week", "Days": "Day", "Hours": "Hour", "Minutes": "Minute", "Seconds": "Second",
}  # fmt: skip
AGE_FUNCTIONS = tuple(f"{start}AgeIn{unit}{end}" for start in ("", "Calculate") for unit in AGE_PRECISIONS for end in ("", "At"))

# Operators that CQL calls as functions of the same name.
FUNCTIONS: frozenset[str] = frozenset(OPERATORS) - {
    "And", "Or", "Xor", "Implies", "Not", "Equal", "Equivalent", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Add",
    "Subtract", "Multiply",
    "Divide", "TruncatedDivide", "Modulo", "Negate", "DateFrom", "TimeFrom", "TimezoneFrom", "TimezoneOffsetFrom",
    "DateTimeComponentFrom", "DurationBetween", "DifferenceBetween", "SameAs", "SameOrBefore", "SameOrAfter", "Before", "After",
    "Start", "End", "Contains", "ProperContains", "In", "ProperIn", "Includes", "IncludedIn", "ProperIncludes",
    "ProperIncludedIn", "Meets", "MeetsBefore", "MeetsAfter", "Overlaps", "OverlapsBefore", "OverlapsAfter", "Starts", "Ends",
    "Collapse", "Expand", "Union", "Intersect", "Except", "CalculateAge", "CalculateAgeAt",
}  # fmt: skip
