"""Likely mistakes in text that is otherwise right; each rule is called where its kind of expression is translated.

======================= ==================================================================================================
cql-null-comparison     ``x = null`` is always null: ``x is null`` was meant
cql-boolean-comparison  ``x = false`` is null where x is null: ``x is false`` or ``not x``, whichever was meant
cql-unreachable         a branch that no value reaches: ``if false``, a ``when`` after ``when true``, a repeated condition
cql-mixed-logic         ``a or b and c`` without parentheses: ``and`` binds first
cql-unfiltered-retrieve a retrieve of every resource of a type, or of any status
cql-incommensurable     quantities whose units never compare: ``5 'mg' < 3 'mL'``
cql-impossible-type     ``x is T`` where x is never a T
cql-unused              a private definition, an include, a let or an alias that nothing refers to
cql-choice-member       an operator that takes some of a choice's types and gives null for others that it could take
cql-hidden-name         an alias or let that hides another name (reported where it is declared)
======================= ==================================================================================================
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from guideway.cql import syntax
from guideway.elm import nodes as elm
from guideway.elm.types import ANY, BOOLEAN, ChoiceType, ListType, NamedType, Type

if TYPE_CHECKING:
    from guideway.cql.translation import Translation

_COMPARED = frozenset({"=", "!=", "<", "<=", ">", ">="})
_LOGIC = frozenset({"and", "or", "xor", "implies"})
_UNIT_OPERATORS = _COMPARED | {"~", "!~", "+", "-"}


def binary(t: Translation, node: syntax.Binary, left: Any, right: Any) -> None:
    """Comparisons with null and with Booleans, mixed logic, units that never compare."""
    op = node.op
    if op in _LOGIC:
        for side in (node.left, node.right):
            if isinstance(side, syntax.Binary) and side.op in _LOGIC and side.op != op and "implies" not in (op, side.op):
                t.warn(
                    "cql-mixed-logic",
                    f"'{side.op}' and '{op}' stand together without parentheses: '{side.op}' is taken first.",
                    side,
                    hint=f"put parentheses around the '{side.op}' part, or around the part that you mean",
                )
        return
    if op in _COMPARED:
        for side, at, other in ((left, node.left, node.right), (right, node.right, node.left)):
            inner = syntax.strip(at)
            if isinstance(side, elm.Null) and side.result_type == ANY and isinstance(inner, syntax.Literal):
                word = "is not null" if op == "!=" else "is null"
                t.warn(
                    "cql-null-comparison",
                    "A comparison with null is always null: 'where' and 'if' take that for false.",
                    node,
                    hint=f"{t.source.text[other.start : other.end]} {word}" if op in ("=", "!=") else None,
                )
            elif (
                isinstance(inner, syntax.Literal)
                and inner.kind == "boolean"
                and op in ("=", "!=")
                and _is_boolean(t, right if side is left else left)
                and not _never_null(t, right if side is left else left)
                and not isinstance(syntax.strip(other), syntax.Literal)
            ):
                shown = t.source.text[other.start : other.end]
                yes = (inner.value == "true") == (op == "=")
                word, negated = ("true", "") if yes else ("false", "not ")
                hint = f"where null counts as not {word}: '{shown} is {word}'; where it stays null: '{negated}{shown}'"
                t.warn("cql-boolean-comparison", f"This is null where '{shown}' is null.", node, hint=hint)
    if op in _UNIT_OPERATORS:
        units(t, node, left, right)


def _is_boolean(t: Translation, value: Any) -> bool:
    """Whether a value is a Boolean, or an element that is taken for one: the model's boolean, a choice with it."""
    type_ = value.result_type
    return type_ == BOOLEAN or (isinstance(type_, NamedType | ChoiceType) and type_ != ANY and _to_boolean(t, type_))


def _to_boolean(t: Translation, type_: Type) -> bool:
    if isinstance(type_, ChoiceType):
        return any(choice == BOOLEAN or _to_boolean(t, choice) for choice in type_.choices if isinstance(choice, NamedType))
    return t.conversions.find(type_, BOOLEAN) is not None


def _never_null(t: Translation, value: Any) -> bool:
    """Whether an expression is true or false whatever its operands are."""
    match value:
        case elm.Exists() | elm.IsNull() | elm.IsTrue() | elm.IsFalse() | elm.Is():
            return True
        case elm.Not():
            return _never_null(t, value.operand)
        case elm.And() | elm.Or() | elm.Xor() | elm.Implies():
            return all(_never_null(t, operand) for operand in value.operand)
        case elm.Coalesce():
            return any(isinstance(operand, elm.Literal) or _never_null(t, operand) for operand in value.operand)
        case elm.ExpressionRef() if not isinstance(value, elm.FunctionRef) and value.libraryName is None:
            symbol = t.symbols.symbols.get(value.name or "")
            node = symbol.node if symbol is not None else None
            return isinstance(node, elm.ExpressionDef) and node.expression is not value and _never_null(t, node.expression)
    return False


def units(t: Translation, node: syntax.Node, left: Any, right: Any) -> None:
    """Two quantities written out, whose units never compare."""
    a, b = _constant_quantity(t, left), _constant_quantity(t, right)
    if a is None or b is None:
        return
    first, second = (_ucum(q.unit or "1") for q in (a, b))
    if first == second:
        return
    from guideway.ucum import conversion

    try:
        fitting = conversion.commensurable(first, second)
    except ValueError:
        return
    if not fitting:
        t.warn("cql-incommensurable", f"'{a.unit}' and '{b.unit}' never compare: the result is always null.", node)


def related_units(t: Translation, node: syntax.Node, left: Any, *rights: Any) -> None:
    """Quantities written out that are looked for among, or set beside, others of which none compares with them."""
    from guideway.ucum import conversion

    mine = _constant_quantities(t, left)
    others = [quantity for right in rights for quantity in _constant_quantities(t, right)]
    for a in mine:
        for b in others:
            first, second = _ucum(a.unit or "1"), _ucum(b.unit or "1")
            try:
                if first == second or conversion.commensurable(first, second):
                    return
            except ValueError:
                return
    if mine and others:
        message = f"'{mine[0].unit}' and '{others[0].unit}' never compare: this is never true."
        t.warn("cql-incommensurable", message, node)


COMPARING = frozenset({"Min", "Max", "Sum", "Avg", "Median", "Variance", "PopulationVariance", "StdDev", "PopulationStdDev"})
"""The functions of a list of quantities whose units must compare."""


def list_units(t: Translation, node: syntax.Node, value: Any) -> None:
    """A list of quantities written out that are to be compared or added, of which two have units that never compare."""
    found = _constant_quantities(t, value) if isinstance(value, elm.List) else []
    for other in found[1:]:
        units(t, node, found[0], other)


def unused_names(t: Translation, node: syntax.Query) -> None:
    """A let that nothing refers to; an alias that matters to nothing: of a ``with`` or of one source of several."""
    several = len(node.sources) > 1 and (node.return_ is not None or node.aggregate is not None)
    if not (node.lets or node.relationships or several):
        return
    for relation in node.relationships:
        if relation.source.alias not in _names(relation.condition):
            message = f"'such that' does not mention '{relation.source.alias}': it is the same for all of them."
            t.warn("cql-unused", message, relation.source.identifier)
    clauses = [node.lets, node.relationships, node.where, node.return_, node.aggregate, node.sort]
    mentioned = {name for clause in clauses if clause is not None for name in _names(clause)}
    mentioned |= {name for source in node.sources for name in _names(source.expression)}
    for let in node.lets:
        if let.name not in mentioned:
            t.warn("cql-unused", f"Nothing in this query refers to '{let.name}'.", let.identifier)
    if several:
        for source in node.sources:
            if source.alias not in mentioned:
                message = f"Nothing in this query refers to '{source.alias}': it only repeats the result."
                t.warn("cql-unused", message, source.identifier)


def _names(node: Any) -> set[str]:
    return {inner.name for inner in walk(node) if isinstance(inner, syntax.Name)}


def _constant_quantities(t: Translation, value: Any) -> list[elm.Quantity]:
    """The quantities of a quantity, interval or list that is written out; none where a part of it is not."""
    match value:
        case elm.Interval():
            ends = [end for end in (value.low, value.high) if not isinstance(end, elm.Null | elm.As)]
        case elm.List():
            ends = list(value.element)
        case _:
            ends = [value]
    found = [_constant_quantity(t, end) for end in ends]
    return [quantity for quantity in found if quantity is not None] if None not in found else []


def _ucum(unit: str) -> str:
    from guideway.cql.syntax import PRECISIONS

    word = unit.removesuffix("s")
    codes = dict(zip(PRECISIONS, ("a", "mo", "wk", "d", "h", "min", "s", "ms")))
    return codes.get(word, unit)


def _constant_quantity(t: Translation, value: Any) -> elm.Quantity | None:
    """A quantity written out, here or as the whole of a definition of this library."""
    if isinstance(value, elm.ExpressionRef) and not isinstance(value, elm.FunctionRef) and value.libraryName is None:
        symbol = t.symbols.symbols.get(value.name or "")
        if symbol is not None and isinstance(symbol.node, elm.ExpressionDef):
            value = symbol.node.expression
    return value if isinstance(value, elm.Quantity) else None


def if_(t: Translation, node: syntax.If) -> None:
    """``if true``, ``if false``."""
    condition = syntax.strip(node.condition)
    if isinstance(condition, syntax.Literal) and condition.kind in ("boolean", "null"):
        dead = node.else_ if condition.value == "true" else node.then
        t.warn("cql-unreachable", f"The condition is always {condition.value or 'null'}: this branch is never reached.", dead)


def repeated_conditions(t: Translation, chain: list[syntax.If]) -> None:
    """``if A ... else if A ...``: the second branch is never reached."""
    if len(chain) < 2 or not t.options.warnings:
        return
    seen: set[str] = set()
    for branch in chain:
        text = _text(t, branch.condition)
        if text in seen:
            message = "This branch is never reached: the same condition stands above it."
            t.warn("cql-unreachable", message, syntax.Node(branch.condition.start, branch.then.end))
        seen.add(text)


def _text(t: Translation, node: syntax.Node) -> str:
    """What is written there, whatever the white space."""
    return " ".join(t.source.text[node.start : node.end].split())


def case(t: Translation, node: syntax.Case) -> None:
    """A condition that is never true, or stands after one that always is, or stands there twice."""
    always: syntax.CaseItem | None = None
    seen: set[str] = set()
    for item in node.items:
        when = syntax.strip(item.when)
        if always is not None:
            t.warn("cql-unreachable", "This branch is never reached: an earlier condition is always true.", item)
            continue
        if node.comparand is None and isinstance(when, syntax.Literal) and when.kind in ("boolean", "null"):
            if when.value == "true":
                always = item
            else:
                t.warn("cql-unreachable", "This branch is never reached: its condition is never true.", item)
            continue
        text = _text(t, item.when)
        if text in seen:
            t.warn("cql-unreachable", "This branch is never reached: the same condition stands above it.", item)
        seen.add(text)


def never_of_type(t: Translation, node: syntax.IsType, shown: str, wanted: str) -> None:
    """``x is T`` where x is never a T."""
    t.warn("cql-impossible-type", f"A value of {shown} is never of {wanted}: this is always false.", node)


# ---- retrieves -----------------------------------------------------------------------------------------------------------------


def bare_retrieve(t: Translation, node: syntax.Retrieve, type_: NamedType, codes: bool) -> None:
    """A retrieve that nothing filters where it stands."""
    _unfiltered(t, node, type_, codes, set())


def queried_retrieves(t: Translation, node: syntax.Query, made: elm.Query) -> None:
    """Retrieves that are sources of a query: what the query asks of their alias counts as a filter."""
    for source, translated in zip(node.sources, made.source):
        inner = syntax.strip(source.expression)
        type_ = translated.result_type
        if not isinstance(inner, syntax.Retrieve) or not isinstance(type_, ListType) or not isinstance(type_.element, NamedType):
            continue
        conditions = [node.where, *(let.expression for let in node.lets), *(r.condition for r in node.relationships)]
        _unfiltered(t, inner, type_.element, inner.terminology is not None, _asked(source.alias, conditions))
    for relation in node.relationships:
        inner = syntax.strip(relation.source.expression)
        if isinstance(inner, syntax.Retrieve):
            type_ = _relation_type(made, relation)
            if type_ is not None:
                asked = _asked(relation.source.alias, [relation.condition])
                _unfiltered(t, inner, type_, inner.terminology is not None, asked)


def _relation_type(made: elm.Query, relation: syntax.With) -> NamedType | None:
    for translated in made.relationship:
        type_ = translated.result_type
        if translated.alias == relation.source.alias and isinstance(type_, ListType) and isinstance(type_.element, NamedType):
            return type_.element
    return None


def _asked(alias: str, conditions: list[syntax.Expression | None]) -> set[str]:
    """The elements of an alias that conditions mention; ``*`` where it is handed to a function."""
    found: set[str] = set()
    for condition in conditions:
        for node in walk(condition) if condition is not None else ():
            if isinstance(node, syntax.Member) and _is_name(node.target, alias):
                found.add(node.name)
            elif isinstance(node, syntax.Call):
                if any(_is_name(a, alias) for a in node.arguments) or (node.target is not None and _is_name(node.target, alias)):
                    found.add("*")
    return found


def _is_name(node: syntax.Expression, text: str) -> bool:
    inner = syntax.strip(node)
    return isinstance(inner, syntax.Name) and inner.name == text


def walk(node: syntax.Node) -> Iterator[syntax.Node]:
    """A node and all nodes below it, in no particular order."""
    pending: list[Any] = [node]
    while pending:
        current = pending.pop()
        if isinstance(current, list):
            pending.extend(current)
        elif isinstance(current, syntax.Node):
            yield current
            pending.extend(getattr(current, name) for name in current.__struct_fields__[2:])


STATES = ("status", "clinicalStatus", "verificationStatus")
"""The elements that say whether a resource counts: one entered in error does not."""


def _unfiltered(t: Translation, node: syntax.Retrieve, type_: NamedType, codes: bool, asked: set[str]) -> None:
    info = t.types.info(type_)
    if info is None or "*" in asked:
        return
    if info.primary_code_path and not codes and info.primary_code_path not in asked:
        t.warn(
            "cql-unfiltered-retrieve",
            f"This takes every {t.show(type_)} there is, whatever its {info.primary_code_path}.",
            node,
            hint=f'[{node.type.name}: "Value Set"]',
        )
        return
    states = [name for name in t.types.elements(type_) if name in STATES]
    if states and not asked.intersection(states):
        t.warn(
            "cql-unfiltered-retrieve",
            f"This takes every {t.show(type_)} whatever its {states[0]}: those entered in error, refuted or planned among them.",
            node,
            hint=f"where ... .{states[0]} ...",
        )


# ---- the whole library ---------------------------------------------------------------------------------------------------------


def unused(t: Translation, tree: syntax.Library) -> None:
    """Private definitions and includes that nothing refers to."""
    for symbol in t.symbols.symbols.values():
        if symbol.used or symbol.definition is None:
            continue
        if symbol.kind == "include":
            if symbol.library is not None and symbol.library.name != "FHIRHelpers" and not _has_fluent(symbol.library):
                t.warn("cql-unused", f"Nothing here uses the included library '{symbol.name}'.", symbol.definition)
        elif symbol.access == "Private":
            t.warn("cql-unused", f"'{symbol.name}' is private, and nothing refers to it.", symbol.definition.identifier)
    for functions in t.symbols.functions.values():
        for function in functions:
            if function.access == "Private" and not function.used and function.definition is not None:
                t.warn("cql-unused", f"'{function.name}' is private, and nothing calls it.", function.definition.identifier)


def _has_fluent(library: Any) -> bool:
    return any(f.fluent and f.used for functions in library.functions.values() for f in functions)
