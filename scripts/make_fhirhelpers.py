"""Write src/guideway/cql/FHIRHelpers.cql: the conversions between FHIR's types and CQL's that the FHIR model names.

The structured conversions are written out below. Those of the primitive types and of the 250 enumeration types are all the same
(``value.value``) and are listed from the model's own conversion table, so the library cannot fall behind the model.

    python scripts/make_fhirhelpers.py
"""

from __future__ import annotations

from pathlib import Path

from guideway.fhir import modelinfo

TARGET = Path(__file__).parent.parent / "src" / "guideway" / "cql" / "FHIRHelpers.cql"

HEAD = """\
/*
Conversions from FHIR 4.0.1 types to CQL's own types, under the names and signatures that the FHIR model info refers to.
Made by scripts/make_fhirhelpers.py; edit that.
*/
library FHIRHelpers version '4.0.1'

using FHIR version '4.0.1'

// A period whose start is missing began at an unknown time; one whose end is missing is still going on.
// @native: fhir-period
define function ToInterval(period FHIR.Period):
  if period is null then null
  else if period."start" is null then Interval(period."start".value, period."end".value]
  else Interval[period."start".value, period."end".value]

// @native: fhir-range
define function ToInterval(range FHIR.Range):
  if range is null then null
  else Interval[ToQuantity(range.low), ToQuantity(range.high)]

// "< 5 mg" is everything below 5 mg.
define function ToInterval(quantity FHIR.Quantity):
  if quantity is null then null
  else
    case quantity.comparator.value
      when '<' then Interval[null, ToQuantityIgnoringComparator(quantity))
      when '<=' then Interval[null, ToQuantityIgnoringComparator(quantity)]
      when '>=' then Interval[ToQuantityIgnoringComparator(quantity), null]
      when '>' then Interval(ToQuantityIgnoringComparator(quantity), null]
      else Interval[ToQuantity(quantity), ToQuantity(quantity)]
    end

// UCUM's units of time stand for calendar durations in FHIR quantities.
define function ToCalendarUnit(unit System.String):
  case unit
    when 'a' then 'year'
    when 'mo' then 'month'
    when 'wk' then 'week'
    when 'd' then 'day'
    when 'h' then 'hour'
    when 'min' then 'minute'
    when 's' then 'second'
    when 'ms' then 'millisecond'
    else unit
  end

// A quantity with a comparator is no single quantity: converting it is an error. ToInterval takes it.
// @native: fhir-quantity
define function ToQuantity(quantity FHIR.Quantity):
  if quantity.value is not null and quantity.comparator is not null then
    Message(
      null, true, 'FHIRHelpers.ToQuantity.ComparatorQuantityNotSupported', 'Error',
      'FHIR Quantity value has a comparator and cannot be converted to a System.Quantity value.')
  else ToQuantityIgnoringComparator(quantity)

define function ToQuantityIgnoringComparator(quantity FHIR.Quantity):
  if quantity is null or quantity.value is null then null
  else if quantity.system is null
    or quantity.system.value = 'http://unitsofmeasure.org'
    or quantity.system.value = 'http://hl7.org/fhirpath/CodeSystem/calendar-units' then
    System.Quantity {
      value: quantity.value.value,
      unit: ToCalendarUnit(Coalesce(quantity.code.value, quantity.unit.value, '1'))
    }
  else
    Message(
      null, true, 'FHIRHelpers.ToQuantity.InvalidFHIRQuantity', 'Error',
      'Invalid FHIR Quantity code: ' & quantity.unit.value & ' (' & quantity.system.value & '|' & quantity.code.value & ')')

// @native: fhir-ratio
define function ToRatio(ratio FHIR.Ratio):
  if ratio is null then null
  else System.Ratio { numerator: ToQuantity(ratio.numerator), denominator: ToQuantity(ratio.denominator) }

// @native: fhir-code
define function ToCode(coding FHIR.Coding):
  if coding is null then null
  else
    System.Code {
      code: coding.code.value,
      system: coding.system.value,
      version: coding.version.value,
      display: coding.display.value
    }

// @native: fhir-concept
define function ToConcept(concept FHIR.CodeableConcept):
  if concept is null then null
  else
    System.Concept {
      codes: concept.coding C return all ToCode(C),
      display: concept.text.value
    }

define function ToValueSet(uri System.String):
  if uri is null then null
  else System.ValueSet { id: uri }

define function reference(reference System.String):
  if reference is null then null
  else FHIR.Reference { reference: FHIR.string { value: reference } }

"""


def to_value(model: modelinfo.ModelInfo) -> str:
    """ToValue: any value that an extension may have, as the CQL value that it stands for."""
    element = model.element("FHIR.Extension", "value")
    assert element is not None
    _, choices = modelinfo.split_type(element.type)
    functions = {c.from_type: c.function.rpartition(".")[2] for c in model.conversions}
    lines = []
    for choice in choices:
        cast = f"value as {choice}"
        bases = [base for base in model.ancestors(choice) if base in functions]
        if model.primitive(choice) is not None:
            made = f"({cast}).value"
        elif bases:
            made = f"{functions[bases[0]]}({cast})"
        else:
            made = cast
        lines.append(f"    when value is {choice} then {made}\n")
    types = ", ".join(choices)
    return f"define function ToValue(value Choice<{types}>):\n  case\n{''.join(lines)}    else null\n  end\n\n"


def main() -> None:
    model = modelinfo.builtin("FHIR", "4.0.1")
    lines = [to_value(model)]
    for conversion in sorted(model.conversions, key=lambda c: (c.function, c.from_type)):
        if model.primitive(conversion.from_type) is None:
            continue
        function = conversion.function.rpartition(".")[2]
        lines.append(f"define function {function}(value {conversion.from_type}): value.value\n")
    TARGET.write_text(HEAD + "".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
