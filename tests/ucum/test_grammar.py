"""Units as UCUM's grammar reads them: sizes, dimensions, refusals with reasons, suggestions."""

from __future__ import annotations

from fractions import Fraction

import pytest

from guideway.ucum.advice import NUMBERS, PARTS, WHOLE, problem, suggestion
from guideway.ucum.grammar import DEFINITIONS, UnitError, known, parse, write


def test_every_unit_of_the_table_has_a_size() -> None:
    assert len(DEFINITIONS) > 290
    for code in DEFINITIONS:
        assert parse(code).factor > 0


@pytest.mark.parametrize(
    ("code", "factor", "dimension"),
    [
        ("1", 1, {}), ("m", 1, {"m": 1}), ("km", 1000, {"m": 1}), ("cm3", Fraction(1, 10**6), {"m": 3}),
        ("L", Fraction(1, 1000), {"m": 3}),
        ("l", Fraction(1, 1000), {"m": 3}), ("mg/dL", 10, {"g": 1, "m": -3}), ("/min", Fraction(1, 60), {"s": -1}),
        ("10*3/uL", 10**12, {"m": -3}),
        ("10^9/L", 10**12, {"m": -3}), ("10*-6", Fraction(1, 10**6), {}), ("g.m/s2", 1, {"g": 1, "m": 1, "s": -2}),
        ("kg.m/(s2.m2)", 1000, {"g": 1, "m": -1, "s": -2}),
        ("m/s/s", 1, {"m": 1, "s": -2}), ("{cells}/uL", 10**9, {"m": -3}),
        ("mg{total}/d", Fraction(1, 86_400_000), {"g": 1, "s": -1}), ("24.h", 86_400, {"s": 1}),
        ("m2{area}", 1, {"m": 2}), ("/(8.h){shift}", Fraction(1, 28_800), {"s": -1}),
        ("[in_i]", Fraction(254, 10_000), {"m": 1}), ("%", Fraction(1, 100), {}),
        ("dam", 10, {"m": 1}), ("Kibit", 1024, {}), ("{}", 1, {}), ("mm[Hg]", Fraction(133_322), {"g": 1, "m": -1, "s": -2}),
    ],
)  # fmt: skip
def test_sizes(code: str, factor: int | Fraction, dimension: dict[str, int]) -> None:
    unit = parse(code)
    assert unit.factor == factor
    assert dict(unit.dimension) == dimension


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("", "empty"), ("foo", "'foo' is not a unit"), ("mg/", "ends where a unit is expected"), ("mg//L", "cannot start"),
        ("(mg", "not closed"), ("mg)", "cannot stand there"),
        ("mg {x", "cannot stand there"), ("{x", "not closed"), ("{ä}", "ASCII"), ("k[lb_av]", "takes no prefix"),
        ("Cel2", "no exponent"), ("Cel/d", "cannot be multiplied"),
        ("m100", "too large"), ("MGG", "not a unit"), ("mg L", "cannot stand there"), ("0", "zero"), ("m" * 201, "too long"),
        ("(" * 30 + "m", "too deep"), ("kk", "not a unit"),
    ],
)  # fmt: skip
def test_refusals(code: str, reason: str) -> None:
    with pytest.raises(UnitError, match=reason):
        parse(code)
    assert not known(code)
    assert reason in (problem(code) or "")


def test_writing_a_unit_gives_the_same_unit() -> None:
    for code in ("mg/dL", "10*3/uL", "g.m/s2", "/min", "cm2", "24.h", "g/(12.h)", "1", "m[IU]/L", "10*-6"):
        assert parse(write(parse(code))).factor == parse(code).factor
        assert parse(write(parse(code))).dimension == parse(code).dimension
    assert write(parse("m.m/s/s")) == "m2/s2"


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("mcg/L", "ug/L"), ("µg/mL", "ug/mL"), ("x10^9/L", "10*9/L"), ("10E3/uL", "10*3/uL"), ("mmHg", "mm[Hg]"),
        ("degC", "Cel"), ("°F", "[degF]"), ("bpm", "/min"), ("IU/L", "[IU]/L"),
        ("mg/DL", "mg/dl"), ("cells/uL", "{cells}/uL"), ("mL/min/1.73 m2", "mL/min/{1.73_m2}"), ("mEq/L", "meq/L"),
        ("lbs", "[lb_av]"), ("hours", "h"), ("thou/uL", "10*3/uL"),
        ("Thousand/uL", "10*3/uL"), ("Thou/mm3", "10*3/mm3"), ("k/mm3", "10*3/mm3"), ("K/cumm", "10*3/mm3"), ("giga/L", "10*9/L"),
        ("bil/L", "10*9/L"), ("Million/uL", "10*6/uL"), ("lakh/cumm", "10*5/mm3"), ("thousand cells/uL", "10*3/uL"),
        ("x10(9)/L", "10*9/L"), ("10(3)/mcL", "10*3/uL"), ("x 10E9/L", "10*9/L"), ("x10³/µL", "10*3/uL"),
        ("10^3 cells/uL", "10*3/uL"),
        ("{cells}/mcL", "{cells}/uL"), ("copies/mL", "{copies}/mL"), ("milligram/dL", "mg/dL"), ("micrograms/mL", "ug/mL"),
        ("mg / dL", "mg/dL"), ("zzz$", None), ("", None), ("mg", None), ("K/uL", "10*3/uL"),
        ("1000 cells/uL", "10*3/uL"), ("x1000/uL", "10*3/uL"), ("x 1000/uL", "10*3/uL"), ("x 10 3 /uL", "10*3/uL"),
        ("10 9/L", None), ("103 /uL", None), ("10 6 cells/L", None), ("109 cells/L", None),
    ],
)  # fmt: skip
def test_suggestions(wrong: str, meant: str | None) -> None:
    assert suggestion(wrong) == meant
    assert meant is None or known(meant)


@pytest.mark.parametrize("word", [*NUMBERS, "thousands", "Giga", "k", "K", "kilo", "dozen", "milligram", "widget"])
@pytest.mark.parametrize("place", ["{0}/uL", "mg/{0}", "{0}"])
def test_what_may_be_a_number_or_a_unit_is_never_put_in_braces(word: str, place: str) -> None:
    """An annotation counts as one: who took such a hint would be wrong by a factor of thousand or more."""
    assert "{" not in (suggestion(place.format(word)) or "")


@pytest.mark.parametrize("code", ["10³/uL", "x10⁹/L", "³", "m³", "10*³"])
def test_raised_digits_are_no_unit_and_no_failure(code: str) -> None:
    assert not known(code)


def test_every_suggestion_in_the_tables_is_a_unit() -> None:
    assert [unit for unit in (*WHOLE.values(), *PARTS.values()) if not known(unit)] == []


def test_the_usual_units_are_units_and_others_are_looked_up() -> None:
    from guideway.ucum import usual

    assert all(known(unit) for unit in usual.USUAL)
    assert usual.known("mg/dL")
    assert usual.known("mg/mmol{Cr}")
    assert not usual.known("K/uL mg")


def test_usual_units_are_commensurable_as_all_others_are() -> None:
    from guideway.ucum import conversion, usual

    for one, other in (("mg/dL", "mg/dL"), ("mg/dL", "g/L"), ("mg/dL", "mg"), ("K/uL mg", "K/uL mg"), ("{cells}/uL", "/uL")):
        assert usual.commensurable(one, other) == conversion.commensurable(one, other)


def test_usual_units_that_are_one_have_the_factor_one() -> None:
    from guideway.ucum import usual
    from guideway.ucum.conversion import factor

    pairs = {(one, other) for one in usual.USUAL for other in usual.USUAL if one != other and usual.same(one, other)}
    assert pairs == {("mL/min", "mL/min/{1.73_m2}"), ("mL/min/{1.73_m2}", "mL/min")}
    assert all(factor(one, other) == 1 for one, other in pairs)
