"""What the generated code calls besides operators: retrieves, sorting, iteration, making FHIR values, external functions.

Every public function here is a name in the modules that ``guideway.engine.program`` loads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import cmp_to_key
from typing import TYPE_CHECKING, Any

from guideway.engine.access import data_of, property_of
from guideway.engine.data import matches
from guideway.engine.errors import CqlRuntimeError
from guideway.engine.operators.temporal import shift_of
from guideway.engine.values import Code, Concept, Date, DateTime, Interval, Quantity, Time, TupleValue, ValueSetRef
from guideway.engine.values.temporal import DAY, TICKS
from guideway.fhir.element import FhirObject, FhirPrimitive, access, codings

if TYPE_CHECKING:
    from guideway.engine.context import Evaluation
    from guideway.engine.data import CodeSet

# ---- results that are kept -----------------------------------------------------------------------------------------------


def key_of(function: Any, *operands: Any) -> tuple[Any, ...]:
    """What a result of a function for texts, codes and concepts is kept by."""
    return (
        function,
        *[(o.display, o.codes if o.codes is None else tuple(o.codes)) if type(o) is Concept else o for o in operands],
    )


# ---- retrieve ----------------------------------------------------------------------------------------------------------


_SUBJECT: Any = object()


def retrieve(
    E: Evaluation, kind: str, code_path: str | None = None, codes: CodeSet | None = None, context: Any = _SUBJECT
) -> list[FhirObject]:
    """The resources of a type (and with codes) of the subject, or of the resource ``context`` that is related to it.

    ``context`` may be a resource, a reference to one, or an id; a null one has no resources.
    """
    if context is _SUBJECT:
        found = E.source.retrieve(kind, code_path=code_path, codes=codes, context=E.context)
        return found if isinstance(found, list) else list(found)
    if isinstance(context, str):
        related = E.source.resolve(context if "/" in context else f"Patient/{context}")
    elif isinstance(context, FhirPrimitive):
        related = E.source.resolve(f"Patient/{context.value}")
    elif isinstance(context, FhirObject) and context.fhir_type == "Reference":
        reference = context.data.get("reference")
        related = E.source.resolve(reference) if isinstance(reference, str) else None
    else:
        related = context
    if related is None:
        return []
    return list(E.source.retrieve(kind, code_path=code_path, codes=codes, context=related))


def retrieve_all(E: Evaluation, kind: str, code_path: str | None = None, codes: CodeSet | None = None) -> list[FhirObject]:
    """The resources of a type (and with codes) of every subject: a retrieve in the Unfiltered context."""
    return list(E.source.retrieve(kind, code_path=code_path, codes=codes, context="Unfiltered"))


def value_set_codes(E: Evaluation, value_set: Any) -> CodeSet:
    """The codes of a value set as ``(system, code)``. Raises UnresolvedValueSet where they are not known."""
    if not isinstance(value_set, ValueSetRef):
        return code_set(E, value_set)
    if E.terminology is None:
        raise CqlRuntimeError(f"the value set {value_set.id} cannot be resolved: no terminology was given")
    found: CodeSet = E.terminology.codes(value_set.id, value_set.version)
    return found


def code_set(E: Evaluation, value: Any) -> CodeSet:
    """Codes, concepts, strings or value sets, single or in lists, as one set of ``(system, code)``; null gives no codes."""
    if isinstance(value, ValueSetRef):
        return value_set_codes(E, value)
    found: set[tuple[str | None, str]] = set()
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, Code):
            if item.code is not None:
                found.add((item.system, item.code))
        elif isinstance(item, Concept):
            found.update((code.system, code.code) for code in item.codes if code is not None and code.code is not None)
        elif isinstance(item, str):
            found.add((None, item))
        elif isinstance(item, (ValueSetRef, list)):
            found |= code_set(E, item)
        elif isinstance(item, FhirObject):
            found.update(codings({"code": item.data}, "code"))
    return frozenset(found)


def concept_in(E: Evaluation, raw: dict[str, Any] | None, value_set: ValueSetRef) -> bool:
    """Whether any coding of a CodeableConcept's JSON is in the value set; false for null (CQL 1.5, "In (Valueset)")."""
    if raw is None:
        return False
    codes = value_set_codes(E, value_set)
    return any((coding.get("system"), coding.get("code")) in codes for coding in raw.get("coding") or ())


def filter_codes(rows: list[FhirObject], path: str, codes: CodeSet) -> list[FhirObject]:
    """The resources with a coding at ``path`` that is one of ``codes``."""
    return [row for row in rows if matches(row.data, path, codes)]


def filter_versions(rows: list[FhirObject], path: str, wanted: Any) -> list[FhirObject]:
    """The resources with a coding equal to one of ``wanted`` also in version and display, where both sides give them. A text has
    neither: what was retrieved for it is equal."""
    codes = [c for item in (wanted if isinstance(wanted, list) else [wanted]) for c in getattr(item, "codes", [item])]
    if not any(isinstance(code, Code) for code in codes):
        return rows

    def agrees(coding: dict[str, Any], code: Code) -> bool:
        return coding.get("code") == code.code and coding.get("system") == code.system and all(
            ours is None or theirs is None or ours == theirs
            for ours, theirs in ((code.version, coding.get("version")), (code.display, coding.get("display")))
        )  # fmt: skip

    found = []
    for row in rows:
        value = property_of(row, path)
        concepts = value if isinstance(value, list) else [value]
        raws = [c for v in concepts if isinstance(v, FhirObject) for c in v.data.get("coding", [v.data])]
        if any(agrees(raw, code) for raw in raws for code in codes if isinstance(code, Code)):
            found.append(row)
    return found


def filter_dates(rows: list[FhirObject], paths: tuple[str | None, str | None, str | None], wanted: Any) -> list[FhirObject]:
    """The resources whose date at ``paths`` (one property, or one for each end) lies in ``wanted``; null lets none through."""
    from guideway.engine.operators.table import OPERATORS

    path, low, high = paths
    if isinstance(wanted, (Date, DateTime)):
        wanted = Interval(wanted, wanted, True, True, type(wanted).__name__)
    if wanted is None:
        return []
    found = []
    for row in rows:
        if path is not None:
            value = temporal(property_of(row, path))
        else:
            ends = [temporal(property_of(row, p)) if p else None for p in (low, high)]
            value = None if ends == [None, None] else Interval(ends[0], ends[1], True, True, "DateTime")
        if value is None:
            continue
        name = "IncludedIn" if isinstance(value, Interval) else "In"
        if OPERATORS[name].function(value, wanted) is True:
            found.append(row)
    return found


def temporal(value: Any) -> Any:
    """A FHIR date, date-time or period as a CQL value."""
    from guideway.engine.access import fhir_period

    if isinstance(value, FhirPrimitive):
        return property_of(value, "value")
    if isinstance(value, FhirObject):
        return fhir_period(value.data)
    return value


def filter_equal(rows: list[FhirObject], path: str, comparator: str, wanted: Any) -> list[FhirObject]:
    """The resources whose element at ``path`` compares with ``wanted``: ``=``, ``~``, ``in``, ``<``, ``<=``, ``>``, ``>=``."""
    from guideway.engine.operators.table import OPERATORS

    names = {
        "=": "Equal",
        "~": "Equivalent",
        "in": "In",
        "<": "Less",
        "<=": "LessOrEqual",
        ">": "Greater",
        ">=": "GreaterOrEqual",
    }
    if comparator not in names:
        raise CqlRuntimeError(f"the comparator {comparator!r} of a retrieve is not known")
    test = OPERATORS[names[comparator]].function

    def plain(value: Any) -> Any:
        return property_of(value, "value") if isinstance(value, FhirPrimitive) else value

    wanted = plain(wanted)
    return [row for row in rows if test(plain(property_of(row, path)), wanted) is True]


def for_each_subject(E: Evaluation, function: Callable[[Evaluation], Any]) -> list[Any]:
    """A define of the patient context, seen from the Unfiltered context: its value for each subject (CQL 1.5, "Context")."""
    if E.tracer is None:
        return [function(other) for other in E.subjects()]
    values, traces = [], []
    for other in E.subjects():
        values.append(E.tracer.value(other, function))
        traces.append(E.tracer.defines.get(function))
    E.made = traces
    return values


# ---- moments -----------------------------------------------------------------------------------------------------------


INSTANTS = (*TICKS[:5], 1, 1)
"""How long a value of each precision lasts for ``<`` and its like: one to the second is an instant (``temporal.INSTANT``)."""


def moment_before(left: Any, right: Any, lasting: tuple[int, ...] = TICKS) -> bool | None:
    """``left before right`` for two DateTimes or two Dates; null where the less specified of them covers the other."""
    if left is None or right is None:
        return None
    if type(left) is not type(right):  # an uncertainty, or a translator's mistake
        return _compared(left, right, lasting)
    precision, other = left.precision, right.precision
    if precision == other and left.offset == right.offset:
        return bool(left.ticks < right.ticks)
    if precision < DAY or other < DAY:
        return _compared(left, right, lasting)
    low, other_low = left.ticks, right.ticks
    if left.offset != right.offset:
        low, other_low = low + shift_of(left), other_low + shift_of(right)
    if low + lasting[precision] <= other_low:
        return True
    return False if low >= other_low + lasting[other] or (low == other_low and lasting[precision] == lasting[other]) else None


def moment_after(left: Any, right: Any) -> bool | None:
    """``left after right``."""
    return moment_before(right, left)


def moment_not_after(left: Any, right: Any) -> bool | None:
    """``left same or before right``."""
    after = moment_before(right, left)
    return None if after is None else not after


def moment_not_before(left: Any, right: Any) -> bool | None:
    """``left same or after right``."""
    before = moment_before(left, right)
    return None if before is None else not before


def moment_less(left: Any, right: Any) -> bool | None:
    """``left < right``."""
    return moment_before(left, right, INSTANTS)


def moment_greater(left: Any, right: Any) -> bool | None:
    """``left > right``."""
    return moment_before(right, left, INSTANTS)


def moment_not_greater(left: Any, right: Any) -> bool | None:
    """``left <= right``."""
    greater = moment_before(right, left, INSTANTS)
    return None if greater is None else not greater


def moment_not_less(left: Any, right: Any) -> bool | None:
    """``left >= right``."""
    less = moment_before(left, right, INSTANTS)
    return None if less is None else not less


def _compared(left: Any, right: Any, lasting: tuple[int, ...]) -> bool | None:
    from guideway.engine.operators.comparison import less
    from guideway.engine.operators.temporal import INSTANT

    return less(left, right, INSTANT if lasting is INSTANTS else None)


# ---- lists -------------------------------------------------------------------------------------------------------------


def rows_of(value: Any) -> Iterable[Any]:
    """The rows of a source whose type is only known now: a list's members, a single value, or nothing."""
    if value is None:
        return ()
    return value if isinstance(value, list) else (value,)


def paths_of(source: Any, path: str) -> list[Any] | None:
    """The element at ``path`` of each member of a list."""
    return None if source is None else [property_of(item, path) for item in source]


_SORTED_BY_PYTHON = (int, str, Decimal)


def sort_values(rows: list[Any] | None, descending: bool) -> list[Any] | None:
    """The values in order; nulls first ascending, last descending."""
    return None if rows is None else sort_rows([((row,), row) for row in rows], (descending,))


def sort_by_path(rows: list[Any] | None, path: str) -> list[Any] | None:
    """The values in ascending order of the element at ``path``."""
    return None if rows is None else sort_rows([((property_of(row, path),), row) for row in rows], (False,))


def sort_one(rows: list[Any], keys: list[Any], descending: bool) -> list[Any]:
    """The values in the order of one key each."""
    if len(rows) < 2:
        return rows
    kinds = set(map(type, keys))
    if len(kinds) == 1 and kinds <= _MOMENTS and _alike(keys):
        order = [key.ticks for key in keys]
    elif len(kinds) == 1 and kinds <= set(_SORTED_BY_PYTHON):
        order = keys
    else:
        return sort_rows([((key,), row) for key, row in zip(keys, rows)], (descending,))
    return [rows[position] for position in sorted(range(len(rows)), key=order.__getitem__, reverse=descending)]


def sort_rows(keyed: list[tuple[tuple[Any, ...], Any]], descending: tuple[bool, ...]) -> list[Any]:
    """The values of ``(keys, value)`` pairs in the order of the keys; equal keys keep their order."""
    for position in range(len(descending) - 1, -1, -1):
        down = descending[position]
        keys = [keys[position] for keys, _ in keyed]
        kinds = {type(key) for key in keys if key is not None}
        if len(kinds) <= 1 and kinds <= set(_SORTED_BY_PYTHON):
            zero: Any = next(iter(kinds))() if kinds else 0
            keyed = sorted(keyed, key=lambda pair: _plain_key(pair[0][position], zero), reverse=down)
        elif len(kinds) == 1 and kinds <= _MOMENTS and _alike(keys):
            keyed = sorted(keyed, key=lambda pair: _tick_key(pair[0][position]), reverse=down)
        else:
            compare = _comparator(position)
            keyed = sorted(keyed, key=cmp_to_key(compare), reverse=down)
    return [value for _, value in keyed]


_MOMENTS = {Date, DateTime, Time}


def _alike(keys: list[Any]) -> bool:
    """Whether all moments have one precision and one offset, so that their ticks are their order."""
    return len({(key.precision, key.offset) for key in keys if key is not None}) == 1


def _tick_key(value: Any) -> tuple[bool, int]:
    return (value is not None, 0 if value is None else value.ticks)


def _plain_key(value: Any, zero: Any) -> tuple[bool, Any]:
    return (value is not None, zero if value is None else value)


def _comparator(position: int) -> Callable[[Any, Any], int]:
    from guideway.engine.operators.comparison import sort_order

    def key(pair: Any) -> Any:
        value = pair[0][position]
        if isinstance(value, (FhirPrimitive, FhirObject)):
            return system_of(value)
        return value

    return lambda left, right: sort_order(key(left), key(right))


def system_of(value: Any) -> Any:
    """A FHIR element as the CQL value that FHIRHelpers would make of it, for sorting."""
    from guideway.engine import access as a

    if isinstance(value, FhirPrimitive):
        return property_of(value, "value")
    if isinstance(value, FhirObject):
        by_type = {"Quantity": a.fhir_quantity, "Period": a.fhir_period, "Range": a.fhir_range, "Ratio": a.fhir_ratio}
        convert = by_type.get(value.fhir_type)
        if convert is None:
            raise CqlRuntimeError(f"values of type FHIR.{value.fhir_type} have no order to sort by")
        return convert(value.data)
    return value


def repeat_step(result: list[Any], pending: list[Any], found: Any) -> None:
    """Add what a step of ``repeat`` gave, as far as it is new, to the result and to what is still to be done."""
    for item in rows_of(found):
        if item is not None and item not in result:
            result.append(item)
            pending.append(item)


def times(left: Any, right: Any) -> list[Any] | None:
    """Each tuple of the left list with each of the right (ELM "Times")."""
    if left is None or right is None:
        return None
    return [TupleValue({**one, **other}) for one in left for other in right]


def children(value: Any) -> list[Any] | None:
    """The values of all elements of a value, lists flattened (CQL 1.5 Appendix B, "Children")."""
    if value is None:
        return None
    found: list[Any] = []
    if isinstance(value, list):
        for item in value:
            found.extend(children(item) or ())
        return found
    for name in _element_names(value):
        part = property_of(value, name)
        if isinstance(part, list):
            found.extend(item for item in part if item is not None)
        elif part is not None:
            found.append(part)
    return found


def _element_names(value: Any) -> list[str]:
    if isinstance(value, dict):
        return list(value)
    if isinstance(value, FhirPrimitive):
        return ["value"] if value.value is not None else []
    if isinstance(value, FhirObject):
        from guideway.fhir.modelinfo import builtin

        return list(builtin("FHIR", "4.0.1").elements(f"FHIR.{value.fhir_type}"))
    if isinstance(value, (str, int, Decimal, Date, DateTime, Time)):
        return []
    fields: tuple[str, ...] = getattr(value, "__struct_fields__", ())
    return [name for name in fields if not name.endswith("_closed") and name != "point_type"]


def descendants(value: Any) -> list[Any] | None:
    """The children, their children, and so on (CQL 1.5 Appendix B, "Descendents")."""
    level = children(value)
    if level is None:
        return None
    found: list[Any] = []
    while level:
        found.extend(level)
        level = [inner for item in level for inner in children(item) or ()]
    return found


# ---- making values -----------------------------------------------------------------------------------------------------


def make_quantity(value: Any, unit: Any) -> Quantity | None:
    """``Quantity { value: …, unit: … }``; without a value there is none."""
    if value is None:
        return None
    return Quantity(Decimal(value) if isinstance(value, int) else value, "1" if unit is None else unit)


def make_concept(codes: Any, display: Any) -> Concept:
    """``Concept { codes: …, display: … }``."""
    return Concept([codes] if isinstance(codes, Code) else list(codes or ()), display)


def make_fhir(kind: str, elements: dict[str, Any]) -> FhirObject | FhirPrimitive:
    """``FHIR.Type { element: value, … }``: the JSON of the elements, choice elements under the name that fits the value."""
    from guideway.fhir.element import is_primitive

    if is_primitive(kind):
        extra = {name: _json(value) for name, value in elements.items() if name != "value" and value is not None}
        return FhirPrimitive(kind, _json(elements.get("value")), extra or None)
    data: dict[str, Any] = {}
    for name, value in elements.items():
        if value is None:
            continue
        how = access(kind, name)
        if how is None:
            raise CqlRuntimeError(f"FHIR.{kind} has no element {name!r}")
        key = how.alternatives[0][0]
        if len(how.alternatives) > 1:
            key = _choice_key(kind, name, value, how.alternatives)
        data[key] = _json(value)
        extras = _extras(value)
        if extras is not None:
            data["_" + key] = extras
            if data[key] is None:
                del data[key]
    if access(kind, "contained") is not None or access(kind, "implicitRules") is not None:
        data = {"resourceType": kind, **data}
    return FhirObject(kind, data)


def _choice_key(kind: str, name: str, value: Any, alternatives: tuple[tuple[str, str, bool], ...]) -> str:
    sample = value[0] if isinstance(value, list) and value else value
    given = sample.fhir_type if isinstance(sample, (FhirObject, FhirPrimitive)) else None
    for key, alternative, _ in alternatives:
        if alternative == given:
            return key
    raise CqlRuntimeError(f"FHIR.{kind} cannot take a value of this type as its {name!r}")


def _json(value: Any) -> Any:
    if isinstance(value, list):
        return [_json(item) for item in value]
    if isinstance(value, FhirObject):
        return value.data
    if isinstance(value, FhirPrimitive):
        return _json(value.value)
    if isinstance(value, (Date, DateTime, Time)):
        return str(value)
    if isinstance(value, dict):
        return {name: _json(item) for name, item in value.items() if item is not None}
    return value


def _extras(value: Any) -> Any:
    if isinstance(value, FhirPrimitive):
        return value.extra
    if isinstance(value, list) and any(isinstance(item, FhirPrimitive) and item.extra for item in value):
        return [item.extra if isinstance(item, FhirPrimitive) else None for item in value]
    return None


def json_of(value: Any) -> dict[str, Any] | None:
    """The JSON object of a complex FHIR value; null stays null."""
    return None if value is None else data_of(value)


def external(E: Evaluation, library: str, name: str, operands: tuple[Any, ...]) -> Any:
    """Call a function that the logic declares as external and the caller of the evaluation provides."""
    function = E.externals.get((library, name)) or E.externals.get(name)
    if function is None:
        raise CqlRuntimeError(f"the external function {name!r} is not provided")
    return function(*operands)
