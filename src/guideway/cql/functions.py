"""Calls: functions of this and of included libraries, of the System library, fluent functions and FHIRPath methods.

CQL 1.5 Author's Guide, "Using Functions to Define Reusable Logic" and "Fluent Functions"; Reference for the System
functions. Overloads are picked by ``conversions.Overloads``; a call of several equally good overloads is an error that
lists them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from guideway.cql import converting, methods, syntax, warnings
from guideway.cql.conversions import Resolution
from guideway.cql.operators import in_terminology
from guideway.cql.references import included
from guideway.cql.scope import Function, LibrarySymbols, Symbol, nearest
from guideway.cql.signatures import AGE_FUNCTIONS, AGE_PRECISIONS, FUNCTIONS, Row
from guideway.cql.translation import Translation
from guideway.cql.typesystem import ERROR
from guideway.elm import nodes as elm
from guideway.elm.types import ANY, CODESYSTEM, DATE, DATETIME, INTEGER, VALUESET, Type


def call(t: Translation, node: syntax.Call) -> Any:
    """``f(x)``, ``Library.f(x)``, ``x.f(y)``."""
    if node.target is None:
        return plain_call(t, node)
    include = included(t, node.target)
    if include is not None:
        return library_call(t, include, node)
    return method_call(t, node, node.target)


def plain_call(t: Translation, node: syntax.Call) -> Any:
    """A function of this library, or of the System library."""
    own = t.symbols.functions.get(node.name, [])
    if own:
        t.excuse(*node.arguments)
    special = _SPECIAL.get(node.name)
    values = [t.expression(a) for a in node.arguments]
    if any(v.result_type is ERROR for v in values):
        return t.failed(node)
    if own:
        found = choose(t, own, values)
        if found:
            return user_call(t, own, found, values, None, node)
    if special is not None:
        return special(t, node, values)
    age = age_call(t, node, values)
    if age is not None:
        return age
    if node.name in FUNCTIONS:
        if node.name in warnings.COMPARING and values:
            warnings.list_units(t, node, values[0])
        return t.operator(node.name, values, node)
    if own:
        return no_overload(t, node, own, values)
    return unknown_function(t, node)


def unknown_function(t: Translation, node: syntax.Call) -> Any:
    """Report a call of nothing."""
    at = syntax.Node(node.at, node.at + len(node.name))
    near = nearest(node.name, [*t.symbols.functions, *FUNCTIONS, *_SPECIAL, *AGE_FUNCTIONS])
    hint = f"did you mean '{near}'?" if near else None
    if hint is None:
        for symbol in t.symbols.symbols.values():
            if symbol.library is not None and node.name in symbol.library.functions:
                hint = f"library {symbol.library.name} has it: {symbol.name}.{node.name}(...)"
        if node.name in t.symbols.symbols:
            hint = "it is no function: leave out the parentheses"
    return t.error("cql-unknown-function", f"There is no function '{node.name}'.", at, hint=hint)


def library_call(t: Translation, include: Symbol, node: syntax.Call) -> Any:
    """``Library.f(x)``."""
    include.used = True
    t.excuse(*node.arguments)
    values = [t.expression(a) for a in node.arguments]
    library = include.library
    if library is None or any(v.result_type is ERROR for v in values):
        return t.failed(node)
    known = library.functions.get(node.name, [])
    public = [f for f in known if f.access == "Public"]
    if not public:
        at = syntax.Node(node.at, node.at + len(node.name))
        if known:
            return t.error("cql-private", f"'{node.name}' is private to library {library.name}.", at)
        near = nearest(node.name, list(library.functions))
        hint = f"did you mean '{near}'?" if near else None
        if node.name in library.symbols:
            hint = "it is no function: leave out the parentheses"
        return t.error("cql-unknown-function", f"Library {library.name} has no function '{node.name}'.", at, hint=hint)
    found = choose(t, public, values)
    return user_call(t, public, found, values, include.name, node) if found else no_overload(t, node, public, values)


def method_call(t: Translation, node: syntax.Call, target: syntax.Expression) -> Any:
    """``x.f(y)``: a fluent function of this or an included library with ``x`` as its first operand, else a FHIRPath method."""
    candidates = fluent_functions(t, node.name)
    if candidates:
        t.excuse(target, *node.arguments)
    value = t.expression(target)
    if value.result_type is ERROR:
        return t.failed(node)
    if candidates:
        values = [value, *[t.expression(a) for a in node.arguments]]
        if any(v.result_type is ERROR for v in values):
            return t.failed(node)
        fitting: list[tuple[Resolution, list[Function], str | None]] = []
        for functions, library in candidates:
            for found in choose(t, functions, values):
                fitting.append((found, functions, library))
        if fitting:
            best = min(f[0].cost for f in fitting)
            resolution, functions, library = next(f for f in fitting if f[0].cost == best)
            return user_call(t, functions, [resolution], values, library, node)
        if node.name not in methods.METHODS:
            return no_overload(t, node, [f for functions, _ in candidates for f in functions], values)
    if node.name in methods.METHODS:
        return methods.call(t, node, value)
    at = syntax.Node(node.at, node.at + len(node.name))
    known = [*methods.METHODS]
    for library_symbols in _libraries(t):
        known += [n for n, fs in library_symbols.functions.items() if any(f.fluent for f in fs)]
    near = nearest(node.name, known)
    hint = f"did you mean '{near}'?" if near else None
    if node.name in t.symbols.functions or node.name in FUNCTIONS:
        hint = f"it is called as {node.name}(...), or defined with 'fluent'"
    return t.error("cql-unknown-function", f"There is no fluent function '{node.name}'.", at, hint=hint)


def _libraries(t: Translation) -> list[LibrarySymbols]:
    return [t.symbols, *(s.library for s in t.symbols.symbols.values() if s.library is not None)]


def fluent_functions(t: Translation, name: str) -> list[tuple[list[Function], str | None]]:
    """The fluent functions of a name, by library."""
    found: list[tuple[list[Function], str | None]] = []
    own = [f for f in t.symbols.functions.get(name, []) if f.fluent]
    if own:
        found.append((own, None))
    for symbol in t.symbols.symbols.values():
        if symbol.library is not None:
            theirs = [f for f in symbol.library.functions.get(name, []) if f.fluent and f.access == "Public"]
            if theirs:
                found.append((theirs, symbol.name))
    return found


# ---- overloads -------------------------------------------------------------------------------------------------------------


def choose(t: Translation, functions: list[Function], values: list[Any]) -> list[Resolution]:
    """The overloads that fit the values best."""
    rows = [Row(f.operands, ANY, str(i)) for i, f in enumerate(functions)]
    return t.overloads.resolve(rows, tuple(v.result_type for v in values), t.options.promotions)


def user_call(
    t: Translation, functions: list[Function], found: list[Resolution], values: list[Any], library: str | None, node: syntax.Call
) -> Any:
    """The FunctionRef of the chosen overload."""
    if len(found) > 1:
        shown = "; ".join("(" + ", ".join(t.show(o) for o in r.operands) + ")" for r in found)
        return t.error(
            "cql-ambiguous-call", f"The call of '{node.name}' fits several of its overloads equally well.", node, hint=shown
        )
    chosen = found[0]
    function = functions[int(chosen.row.node)]
    function.used = True
    if function.result is None:
        t.declare(function, node)
    operands = [converting.apply(t, v, c) for v, c in zip(values, chosen.conversions)]
    signature = [t.specifier(o) for o in function.operands]
    made = elm.FunctionRef(name=node.name, libraryName=library, operand=operands, signature=signature)
    return t.mark(made, node, function.result or ERROR)


def no_overload(t: Translation, node: syntax.Call, functions: list[Function], values: list[Any]) -> Any:
    """Report that no overload takes these operands."""
    given = ", ".join(t.show(v.result_type) for v in values)
    shown = "; ".join(
        "(" + ", ".join(f"{n} {t.show(o)}" for n, o in zip(f.operand_names, f.operands)) + ")" for f in functions[:6]
    )
    return t.error("cql-no-such-signature", f"'{node.name}' cannot be called with ({given}).", node, hint=f"it takes {shown}")


# ---- System functions with a form of their own -----------------------------------------------------------------------------


def age_call(t: Translation, node: syntax.Call, values: list[Any]) -> Any | None:
    """``AgeInYears()``, ``AgeInYearsAt(date)``, ``CalculateAgeInYears(birth)``, ``CalculateAgeInYearsAt(birth, date)``."""
    name = node.name
    of_patient = name.startswith("AgeIn")
    if not of_patient and not name.startswith("CalculateAgeIn"):
        return None
    unit = name.removeprefix("Calculate").removeprefix("AgeIn")
    at_date = unit.endswith("At")
    precision = AGE_PRECISIONS.get(unit.removesuffix("At"))
    if precision is None:
        return None
    if of_patient:
        birth = patient_birth_date(t, node)
        if birth is None:
            return t.failed(node)
        values = [birth, *values]
    if len(values) != 1 + at_date:
        expected = ("a date" if at_date else "nothing") if of_patient else ("two dates" if at_date else "a date")
        return t.error("cql-no-such-signature", f"'{name}' takes {expected}.", node)
    if precision in ("Hour", "Minute", "Second"):
        values = [_as_datetime(t, v) for v in values]
    return t.operator("CalculateAgeAt" if at_date else "CalculateAge", values, node, precision=precision.lower(), called=name)


def _as_datetime(t: Translation, value: Any) -> Any:
    way = t.conversions.find(value.result_type, DATETIME)
    return value if way is None else converting.apply(t, value, way)


def patient_birth_date(t: Translation, node: syntax.Call) -> Any | None:
    """The birth date of the patient in context, as the model says where it is."""
    for model in t.models.values():
        context = model.context(t.context)
        path = (context.birth_date_element if context is not None else None) or model.patient_birth_date
        symbol = t.symbols.symbols.get(t.context)
        if path is None or symbol is None or symbol.node is None:
            continue
        patient = t.mark(elm.ExpressionRef(name=t.context), node, symbol.type)
        current: Type = symbol.type or ANY
        for step in path.split("."):
            element = t.types.element(current, step)
            current = element.type if element is not None else ANY
            if element is not None and element.target == "%value.value":
                path = f"{path}.value"
        if current not in (DATE, DATETIME):
            current = t.types.primitive(current) or current
            path = f"{path}.value" if current in (DATE, DATETIME) else path
        return t.mark(elm.Property(path=path, source=patient), node, current)
    known = t.symbols.symbols.get(t.context)
    if known is not None and known.type is ERROR:  # the context is at fault, and that has been said
        return None
    t.error("cql-no-patient", f"{node.name} needs the patient of the context.", node, hint="write it after: context Patient")
    return None


def _coalesce(t: Translation, node: syntax.Call, values: list[Any]) -> Any:
    """Any number of operands of one type."""
    if len(values) <= 5:
        return t.operator("Coalesce", values, node)
    joined: Type = ANY
    for value, at in zip(values, node.arguments):
        found = t.conversions.join(joined, value.result_type)
        if found is None:
            return t.error("cql-wrong-type", f"{t.show(value.result_type)} does not go with {t.show(joined)}.", at)
        joined = found
    operands = [t.convert(v, joined, a, "an operand of Coalesce") for v, a in zip(values, node.arguments)]
    return t.mark(elm.Coalesce(operand=operands), node, joined)


def _slice(start: int | None, end: bool) -> Callable[[Translation, syntax.Call, list[Any]], Any]:
    def build(t: Translation, node: syntax.Call, values: list[Any]) -> Any:
        return sliced(t, node, values, start, end)

    return build


def sliced(t: Translation, node: syntax.Call, values: list[Any], start: int | None, end: bool) -> Any:
    """``Skip(list, n)``, ``Tail(list)`` and ``Take(list, n)`` as ELM's Slice."""
    wanted = 1 if start == 1 else 2
    if len(values) != wanted or t.overloads.operator("Count", (values[0].result_type,)) is None:
        return t.error("cql-no-such-signature", f"'{node.name}' takes a list{' and a number' if wanted == 2 else ''}.", node)
    source = t.operator("First", [values[0]], node)
    items = source.source
    nothing = t.mark(elm.Null(), node, INTEGER)

    def number(value: int) -> Any:
        return t.mark(elm.Literal(valueType=INTEGER.name, value=str(value)), node, INTEGER)

    def unless_negative(count: Any, otherwise: int) -> Any:
        """Slice counts negative positions from the end, but Skip and Take of a negative number give nothing."""
        if isinstance(count, elm.Literal):
            return count
        below = t.operator("Less", [count, number(0)], node)
        return t.mark(elm.If(condition=below, then=number(otherwise), else_=count), node, INTEGER)

    if end:  # Take
        limit = t.convert(values[1], INTEGER, node, "the number")
        if not isinstance(limit, elm.Literal):
            limit = unless_negative(t.operator("Coalesce", [limit, number(0)], node), 0)
        made = elm.Slice(source=items, startIndex=number(0), endIndex=limit)
    else:
        begin = number(1) if start == 1 else unless_negative(t.convert(values[1], INTEGER, node, "the number"), 2**31 - 1)
        made = elm.Slice(source=items, startIndex=begin, endIndex=nothing)
    return t.mark(made, node, items.result_type)


def _in_terminology(t: Translation, node: syntax.Call, values: list[Any]) -> Any:
    if len(values) != 2 or values[1].result_type not in (VALUESET, CODESYSTEM):
        return t.error("cql-no-such-signature", f"'{node.name}' takes codes and a value set or code system.", node)
    return in_terminology(t, values[0], values[1], node)


def _boundary(t: Translation, node: syntax.Call, values: list[Any]) -> Any:
    """Without a precision the boundary has the finest: in ELM a null one."""
    return t.operator(node.name, methods.with_precision(t, node, values), node)


def _flatten(t: Translation, node: syntax.Call, values: list[Any]) -> Any:
    from guideway.cql.operators import flatten

    if len(values) != 1:
        return t.error("cql-no-such-signature", "'Flatten' takes a list of lists.", node)
    return flatten(t, values[0], node)


_SPECIAL: dict[str, Callable[[Translation, syntax.Call, list[Any]], Any]] = {
    "Coalesce": _coalesce,
    "Skip": _slice(None, False),
    "Tail": _slice(1, False),
    "Take": _slice(None, True),
    "InValueSet": _in_terminology,
    "AnyInValueSet": _in_terminology,
    "InCodeSystem": _in_terminology,
    "AnyInCodeSystem": _in_terminology,
    "Flatten": _flatten,
    "LowBoundary": _boundary,
    "HighBoundary": _boundary,
}
HANDLERS = {syntax.Call: call}
