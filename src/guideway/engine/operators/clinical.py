"""Clinical operators: ages, codes in value sets and code systems (CQL 1.5 Appendix B, "Clinical Operators").

Membership is asked of ``context.terminology``, which raises where a value set cannot be resolved: never a silent false.
"""

from __future__ import annotations

from typing import Any

from guideway.engine.errors import CqlRuntimeError
from guideway.engine.operators import temporal
from guideway.engine.operators.logical import Truth, any_of
from guideway.engine.operators.operator import Context, Operator
from guideway.engine.operators.points import type_name
from guideway.engine.values.clinical import Code, CodeSystemRef, Concept, ValueSetRef
from guideway.engine.values.temporal import Date


def calculate_age(context: Context, birth: Any, *, precision: str | None = None) -> Any:
    """The age today (for a birth Date) or now (for a DateTime), in whole ``precision`` periods."""
    if birth is None:
        return None
    moment = temporal.date_of(context.now) if type(birth) is Date else context.now
    return temporal.duration(birth, moment, precision or "Year")


def calculate_age_at(birth: Any, moment: Any, *, precision: str | None = None) -> Any:
    """The age at a date or time; a Date with a DateTime counts in days."""
    if birth is None or moment is None:
        return None
    if type(birth) is not type(moment) and precision in (None, "Year", "Month", "Week", "Day"):
        birth, moment = temporal.date_of(birth), temporal.date_of(moment)
    return temporal.duration(birth, moment, precision or "Year")


_NO_SYSTEM = ""
"""In place of the system of a code that names none. It is no string: a string may be looked for by itself, such a code is in no
value set and no code system, because what it means is not known (and the other codes of its concept count all the same)."""


def _codes(value: Any) -> list[tuple[str | None, str | None]]:
    """(code, system) of a code, a string (its system is None), a concept, or a list of these."""
    if type(value) is Code:
        return [(value.code, value.system or _NO_SYSTEM)]
    if isinstance(value, str):
        return [(value, None)]
    if type(value) is Concept:
        return [pair for code in value.codes if code is not None for pair in _codes(code)]
    if isinstance(value, list):
        return [pair for item in value if item is not None for pair in _codes(item)]
    raise CqlRuntimeError(f"{type_name(value)} is not a code")


def in_value_set(context: Context, code: Any, value_set: Any) -> bool:
    """Whether a code (or one code of a concept) is in a value set; a null code is not."""
    return any_in_value_set(context, code, value_set)


def any_in_value_set(context: Context, codes: Any, value_set: Any) -> bool:
    """Whether any of the codes is in a value set (a reference, or the list of its codes)."""
    if codes is None or value_set is None:
        return False
    wanted = _codes(codes)
    if type(value_set) is not ValueSetRef:
        members = set(_codes(value_set))
        return any(pair in members for pair in wanted)
    terminology, url, version = context.terminology, value_set.id, value_set.version
    return any(
        terminology.contains(url, version, code, system)
        if system is not None
        else terminology.contains_string(url, version, code)
        for code, system in wanted
        if code is not None and system != _NO_SYSTEM
    )


def in_code_system(context: Context, code: Any, code_system: Any) -> Truth:
    """Whether a code (or one code of a concept) is in a code system; a null code is not."""
    return any_in_code_system(context, code, code_system)


def any_in_code_system(context: Context, codes: Any, code_system: CodeSystemRef | None) -> Truth:
    """Whether any of the codes is in a code system; a code that names another system is not."""
    if codes is None or code_system is None:
        return False
    return any_of(
        context.terminology.in_code_system(code_system.id, code_system.version, code)
        for code, system in _codes(codes)
        if code is not None and system in (None, code_system.id)
    )


def expand_value_set(context: Context, value_set: Any) -> list[Code] | None:
    """The codes of a value set, in the order of system and code, each with its display where the expansion has one."""
    if value_set is None or isinstance(value_set, list):
        return value_set
    terminology = context.terminology
    pairs = terminology.codes(value_set.id, value_set.version)
    names = getattr(terminology, "displays", None)
    known = names(value_set.id, value_set.version) if names is not None else {}
    return [Code(code, system, None, known.get((system, code))) for system, code in sorted(pairs)]


def subsumes(context: Context, ancestor: Any, descendant: Any) -> Truth:
    """Whether the first code is the second or an ancestor of it in their code system's hierarchy."""
    if ancestor is None or descendant is None:
        return None
    return any_of(
        _subsumes(context, code, system, other, other_system)
        for code, system in _codes(ancestor)
        for other, other_system in _codes(descendant)
    )


def _subsumes(context: Context, code: str | None, system: str | None, other: str | None, other_system: str | None) -> Truth:
    if (code, system) == (other, other_system):
        return True
    if system != other_system:
        return False
    known = getattr(context.terminology, "subsumes", None)
    if known is None:
        raise CqlRuntimeError(f"whether {code} subsumes {other} is not known: the hierarchy of {system} is not at hand")
    result: Truth = known(system, code, other)
    return result


def subsumed_by(context: Context, descendant: Any, ancestor: Any) -> Truth:
    """:func:`subsumes` the other way round."""
    return subsumes(context, ancestor, descendant)


TABLE = {
    "CalculateAge": Operator(calculate_age, keywords=("precision",), needs_context=True),
    "CalculateAgeAt": Operator(calculate_age_at, keywords=("precision",)),
    "InValueSet": Operator(in_value_set, ("code", "valueset"), needs_context=True, null_in_null_out=False),
    "AnyInValueSet": Operator(any_in_value_set, ("codes", "valueset"), needs_context=True, null_in_null_out=False),
    "InCodeSystem": Operator(in_code_system, ("code", "codesystem"), needs_context=True, null_in_null_out=False),
    "AnyInCodeSystem": Operator(any_in_code_system, ("codes", "codesystem"), needs_context=True, null_in_null_out=False),
    "ExpandValueSet": Operator(expand_value_set, needs_context=True),
    "Subsumes": Operator(subsumes, needs_context=True),
    "SubsumedBy": Operator(subsumed_by, needs_context=True),
}
