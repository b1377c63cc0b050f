"""Reading elements of values while an expression runs, and FHIR's primitives and data types as CQL's own values.

``property_of`` is ELM's Property for any value; the generated code calls it where the static type does not settle what is to be
read. The functions ``to_…`` and ``fhir_…`` take raw JSON: what FHIRHelpers does to a ``value`` element, without the wrappers.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from guideway.engine.errors import CqlRuntimeError
from guideway.engine.values import Code, CodeSystemRef, Concept, Date, DateTime, Interval, Quantity, Ratio, Time, ValueSetRef
from guideway.fhir.element import Access, FhirObject, FhirPrimitive, get, read, wrap_object
from guideway.patterns import Later

EMPTY: dict[str, Any] = {}

# ---- primitives --------------------------------------------------------------------------------------------------------

_dates: dict[str, Date] = {}
_date_times: dict[str, DateTime] = {}
_REMEMBERED = 20_000


def to_date(raw: Any) -> Date | None:
    """A FHIR ``date`` as a Date; null stays null. CqlRuntimeError for text that is no date."""
    if raw is None:
        return None
    try:
        return _dates[raw]
    except KeyError:
        pass
    try:
        found = Date.parse(raw)
    except (ValueError, TypeError):
        raise CqlRuntimeError(f"{raw!r} is not a date of FHIR") from None
    if len(_dates) >= _REMEMBERED:
        _dates.clear()
    _dates[raw] = found
    return found


def to_datetime(raw: Any) -> DateTime | None:
    """A FHIR ``dateTime`` or ``instant`` as a DateTime; null stays null. CqlRuntimeError for text that is no date-time."""
    if raw is None:
        return None
    try:
        return _date_times[raw]
    except KeyError:
        pass
    try:
        found = DateTime.parse(raw)
    except (ValueError, TypeError):
        raise CqlRuntimeError(f"{raw!r} is not a date-time of FHIR") from None
    if len(_date_times) >= _REMEMBERED:
        _date_times.clear()
    _date_times[raw] = found
    return found


def to_time(raw: Any) -> Time | None:
    """A FHIR ``time`` as a Time; null stays null."""
    if raw is None:
        return None
    try:
        return Time.parse(raw)
    except (ValueError, TypeError):
        raise CqlRuntimeError(f"{raw!r} is not a time of FHIR") from None


def to_decimal(raw: Any) -> Decimal | None:
    """A JSON number as a Decimal; null stays null. CqlRuntimeError for what is no number."""
    if raw is None or type(raw) is Decimal:
        return raw
    if type(raw) is int:
        return Decimal(raw)
    raise CqlRuntimeError(f"{raw!r} is not a decimal of FHIR")


CONVERSIONS: dict[str, str] = {
    "date": "to_date", "dateTime": "to_datetime", "instant": "to_datetime", "time": "to_time", "decimal": "to_decimal",
    "System.Date": "to_date", "System.DateTime": "to_datetime", "System.Time": "to_time", "System.Decimal": "to_decimal",
}  # fmt: skip
"""The function that turns the raw value of a primitive into a CQL value; primitives that are not listed are what they are."""

_convert: dict[str, Callable[[Any], Any]] = {
    "to_date": to_date, "to_datetime": to_datetime, "to_time": to_time, "to_decimal": to_decimal,
}  # fmt: skip


def system_value(fhir_type: str, raw: Any) -> Any:
    """The CQL value of a primitive's raw value."""
    name = CONVERSIONS.get(fhir_type)
    return raw if name is None else _convert[name](raw)


# ---- data types --------------------------------------------------------------------------------------------------------

_CALENDAR = {
    "a": "year", "mo": "month", "wk": "week", "d": "day", "h": "hour", "min": "minute", "s": "second", "ms": "millisecond",
}  # fmt: skip
_UNIT_SYSTEMS = (None, "http://unitsofmeasure.org", "http://hl7.org/fhirpath/CodeSystem/calendar-units")


def fhir_quantity(raw: dict[str, Any] | None) -> Quantity | None:
    """FHIRHelpers.ToQuantity. A comparator, or a unit of another system than UCUM, is an error."""
    if raw is None:
        return None
    value = raw.get("value")
    if value is None:
        return None
    return quantity_of(value, raw.get("comparator"), raw.get("system"), raw.get("code"), raw.get("unit"))


def quantity_of(value: Any, comparator: Any, system: Any, code: Any, unit: Any) -> Quantity:
    """The elements of a FHIR Quantity as a CQL one."""
    if comparator is not None:
        raise CqlRuntimeError(
            "FHIRHelpers.ToQuantity.ComparatorQuantityNotSupported: "
            "FHIR Quantity value has a comparator and cannot be converted to a System.Quantity value."
        )
    if system not in _UNIT_SYSTEMS:
        raise CqlRuntimeError(f"FHIRHelpers.ToQuantity.InvalidFHIRQuantity: Invalid FHIR Quantity code: {unit} ({system}|{code})")
    if code is None:
        code = "1" if unit is None else unit
    return Quantity(to_decimal(value), _CALENDAR.get(code, code))  # type: ignore[arg-type]


def fhir_ratio(raw: dict[str, Any] | None) -> Ratio | None:
    """FHIRHelpers.ToRatio."""
    if raw is None:
        return None
    return Ratio(fhir_quantity(raw.get("numerator")), fhir_quantity(raw.get("denominator")))  # type: ignore[arg-type]


def fhir_code(raw: dict[str, Any] | None) -> Code | None:
    """FHIRHelpers.ToCode."""
    return None if raw is None else Code(raw.get("code"), raw.get("system"), raw.get("version"), raw.get("display"))


def fhir_concept(raw: dict[str, Any] | None) -> Concept | None:
    """FHIRHelpers.ToConcept."""
    if raw is None:
        return None
    codes: list[Any] = [fhir_code(coding) for coding in raw.get("coding") or ()]
    return Concept(codes, raw.get("text"))


def fhir_period(raw: dict[str, Any] | None) -> Interval | None:
    """FHIRHelpers.ToInterval of a Period: a missing start is unknown, a missing end is still to come."""
    if raw is None:
        return None
    start = raw.get("start")
    return interval_of(to_datetime(start), to_datetime(raw.get("end")), start is not None, True, "DateTime")


def fhir_range(raw: dict[str, Any] | None) -> Interval | None:
    """FHIRHelpers.ToInterval of a Range."""
    if raw is None:
        return None
    return interval_of(fhir_quantity(raw.get("low")), fhir_quantity(raw.get("high")), True, True, "Quantity")


def interval_of(low: Any, high: Any, low_closed: bool, high_closed: bool, point_type: str) -> Interval | None:
    """The Interval selector, with its checks."""
    from guideway.engine.operators.interval import make_interval

    made: Interval | None = make_interval(low, high, low_closed, high_closed, point_type)
    return made


# ---- any property of any value -----------------------------------------------------------------------------------------

_FIELDS = {"lowClosed": "low_closed", "highClosed": "high_closed"}
_STEP = Later(r"(?P<name>[A-Za-z_]\w*|\$this)?(?:\[(?P<index>\d+)\])?(?:\.|$)")
_paths: dict[str, tuple[str | int, ...]] = {}


def steps_of(path: str) -> tuple[str | int, ...]:
    """``name[0].given`` as ``("name", 0, "given")``; CqlRuntimeError for what is no simple path."""
    found = _paths.get(path)
    if found is None:
        steps: list[str | int] = []
        position = 0
        while position < len(path):
            match = _STEP.match(path, position)
            if match is None or match.end() == position:
                raise CqlRuntimeError(f"the path {path!r} is not understood")
            if match["name"] is not None and match["name"] != "$this":
                steps.append(match["name"])
            if match["index"] is not None:
                steps.append(int(match["index"]))
            position = match.end()
        found = _paths[path] = tuple(steps)
    return found


def property_of(value: Any, path: str) -> Any:
    """ELM's Property: the element at ``path`` of a FHIR object, tuple, quantity, code, interval …; null where there is none.

    Of a list: the elements of its members, in one list (CQL 1.5 Author's Guide, "List traversal").
    """
    for step in (path,) if path.isidentifier() else steps_of(path):
        if value is None:
            return None
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and step < len(value) else None
        else:
            value = _element(value, step)
    return value


def primitive_value(value: Any) -> Any:
    """The CQL value of a primitive: its ``value`` element."""
    if type(value) is FhirPrimitive:
        convert = CONVERSIONS.get(value.fhir_type)
        return value.value if convert is None else _convert[convert](value.value)
    return property_of(value, "value")


def _element(value: Any, name: str) -> Any:
    if isinstance(value, FhirPrimitive):
        if name == "value":
            return system_value(value.fhir_type, value.value)
        return get(value, name)
    if isinstance(value, FhirObject):
        return get(value, name)
    if isinstance(value, dict):
        return value.get(name)
    if isinstance(value, list):
        found = []
        for item in value:
            part = _element(item, name) if item is not None else None
            if isinstance(part, list):
                found.extend(part)
            elif part is not None:
                found.append(part)
        return found
    if isinstance(value, (Quantity, Ratio, Code, Concept, Interval, ValueSetRef, CodeSystemRef)):
        name = _FIELDS.get(name, name)
        if name in value.__struct_fields__:
            return getattr(value, name)
        if name == "codes" and isinstance(value, ValueSetRef):
            return value
    if name == "value":
        return value  # a primitive that was converted already
    raise CqlRuntimeError(f"{type(value).__name__} has no element {name!r}")


# ---- what the generated code uses --------------------------------------------------------------------------------------


def data_of(value: Any) -> dict[str, Any]:
    """The JSON object of a FHIR value; of null (and of a primitive without extensions) an empty one."""
    if type(value) is FhirObject:
        return value.data
    if value is None:
        return EMPTY
    if isinstance(value, FhirPrimitive):
        return value.extra or EMPTY
    raise CqlRuntimeError(f"an element of FHIR is expected here, not {type(value).__name__}")


def primitive(fhir_type: str, data: dict[str, Any], key: str) -> FhirPrimitive | None:
    """The primitive at ``key`` of a JSON object, with what its ``_key`` adds."""
    raw = data.get(key)
    extra = data.get("_" + key)
    return None if raw is None and extra is None else FhirPrimitive(fhir_type, raw, extra)


def choice(data: dict[str, Any], alternatives: tuple[tuple[str, str, bool], ...]) -> Any:
    """The choice element that is there, of (JSON name, FHIR type, primitive) alternatives."""
    for key, kind, is_primitive in alternatives:
        if is_primitive:
            found = primitive(kind, data, key)
            if found is not None:
                return found
        elif (raw := data.get(key)) is not None:
            return wrap_object(kind, raw)
    return None


def objects(fhir_type: str, raw: Any) -> list[Any] | None:
    """The members of a repeating complex element."""
    return None if raw is None else [wrap_object(fhir_type, item) for item in as_list(raw)]


def primitives(fhir_type: str, data: dict[str, Any], key: str) -> list[Any] | None:
    """The members of a repeating primitive at ``key``."""
    found: list[Any] | None = read(Access(((key, fhir_type, True),), True), data)
    return found


def as_list(raw: Any) -> list[Any]:
    """A JSON array; anything else becomes the only member of one."""
    return raw if isinstance(raw, list) else [] if raw is None else [raw]
