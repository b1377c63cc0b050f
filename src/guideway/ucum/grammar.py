"""Unit strings → size and dimension, by the full grammar of UCUM (§2, "Grammar of Units and Unit Terms").

``parse("mg/dL")`` gives a :class:`Unit`: the exact factor to base units, the exponents of the base units, and the terms as
written (for multiplying units). Case-sensitive codes only. Arbitrary units (``[IU]``) are dimensions of their own, so they
convert to nothing but themselves; special units (``Cel``, ``[pH]``) carry the name of their function and stand alone.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

from msgspec import Struct

from guideway.ucum import units

Dimension = tuple[tuple[str, int], ...]

MAX_LENGTH = 200
MAX_EXPONENT = 99


class UnitError(ValueError):
    """Not a unit of UCUM: the reason, in words."""


class Special(Struct, frozen=True):
    """How a special unit's numbers count: ``function`` (a name of ``conversion``), after multiplying by ``prefix``."""

    function: str
    prefix: Fraction


class Unit(Struct, frozen=True):
    """A unit. One of it is ``factor`` times the base units in ``dimension`` (a special unit's function comes before)."""

    factor: Fraction
    dimension: Dimension
    terms: Dimension
    coefficient: Fraction
    special: Special | None = None


class _Definition(Struct, frozen=True):
    flags: str
    function: str | None
    value: str
    unit: str


def _lines(table: str) -> list[list[str]]:
    return [line.split(" ") for line in table.splitlines()]


def _number(text: str) -> Fraction:
    return Fraction(text)


PREFIXES: dict[str, Fraction] = {code: _number(value) for code, value in _lines(units.PREFIXES)}
BASES: dict[str, str] = dict(_lines(units.BASES))


def _definitions() -> dict[str, _Definition]:
    result = {}
    for code, flags, value, unit in _lines(units.UNITS):
        function, separator, number = value.rpartition(":")
        result[code] = _Definition(flags, function if separator else None, number, unit)
    return result


DEFINITIONS = _definitions()

_SYMBOL = re.compile(r"10[*^](?:[+-]?\d+)?|(?:[^\[\]{}()./\s]|\[[^\[\]{}\s]*\])+", re.ASCII).match
_EXPONENT = re.compile(r"(.*?)([+-]?\d+)?", re.ASCII | re.DOTALL).fullmatch
_ANNOTATION = re.compile(r"\{[\x20-\x7a\x7c\x7e]*\}").match


@lru_cache(maxsize=4096)
def parse(code: str) -> Unit:
    """The unit that ``code`` means; :class:`UnitError` with the reason where it means none."""
    if not code:
        raise UnitError("the unit is empty")
    if len(code) > MAX_LENGTH:
        raise UnitError(f"a unit of {len(code)} characters is too long")
    reader = _Reader(code)
    unit = reader.main_term()
    if reader.at < len(code):
        raise UnitError(f"{code[reader.at]!r} at position {reader.at + 1} cannot stand there")
    return unit


def known(code: str) -> bool:
    """Whether ``code`` is a unit of UCUM."""
    try:
        parse(code)
    except UnitError:
        return False
    return True


class _Reader:
    """A recursive-descent reader of one unit string."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def main_term(self) -> Unit:
        if self.peek() == "/":
            self.at += 1
            return self.term(_ratio(ONE, self.component()))
        return self.term(self.component())

    def term(self, left: Unit) -> Unit:
        while self.peek() and self.peek() in "./":
            operator = self.peek()
            self.at += 1
            right = self.component()
            left = _product(left, right) if operator == "." else _ratio(left, right)
        return left

    def component(self) -> Unit:
        character = self.peek()
        if not character:
            raise UnitError(f"{self.text!r} ends where a unit is expected")
        if character == "(":
            self.at += 1
            self.depth += 1
            if self.depth > 20:
                raise UnitError("parentheses are nested too deep")
            inner = self.main_term()
            if self.peek() != ")":
                raise UnitError("a parenthesis is not closed")
            self.at += 1
            self.depth -= 1
            if self.peek() == "{":
                self.annotation()
            return inner
        if character == "{":
            self.annotation()
            return ONE
        match = _SYMBOL(self.text, self.at)
        if match is None:
            raise UnitError(f"{character!r} at position {self.at + 1} cannot start a unit")
        self.at = match.end()
        unit = _simple(match.group())
        if self.peek() == "{":
            self.annotation()
        return unit

    def annotation(self) -> None:
        match = _ANNOTATION(self.text, self.at)
        if match is None:
            raise UnitError("an annotation in braces is not closed, or holds a character that is not printable ASCII")
        self.at = match.end()


def _simple(symbol: str) -> Unit:
    """One symbol with its exponent: ``cm3``, ``10*-6``, ``m[H2O]``, or a plain number."""
    if symbol.isascii() and symbol.isdigit():
        if int(symbol) == 0:
            raise UnitError("a factor of zero")
        value = Fraction(int(symbol))
        return Unit(value, (), (), value)
    match = _EXPONENT(symbol)
    assert match is not None
    code, digits = match.groups()
    if symbol.startswith(("10*", "10^")):
        code, digits = symbol[:3], symbol[3:]
    exponent = int(digits) if digits else 1
    if abs(exponent) > MAX_EXPONENT:
        raise UnitError(f"the exponent {exponent} is too large")
    atom = _atom(code)
    if exponent == 1:
        return atom
    if atom.special is not None:
        raise UnitError(f"{code!r} is a special unit and takes no exponent")
    return Unit(
        atom.factor**exponent,
        tuple((name, power * exponent) for name, power in atom.dimension) if exponent else (),
        ((code, exponent),) if exponent else (),
        Fraction(1),
    )


@lru_cache(maxsize=2048)
def _atom(code: str) -> Unit:
    """A unit symbol, with or without a prefix."""
    found = _plain_atom(code)
    if found is not None:
        return found
    for length in (2, 1):
        prefix, rest = code[:length], code[length:]
        if prefix not in PREFIXES or not rest:
            continue
        unit = _plain_atom(rest)
        if unit is None:
            continue
        if rest not in BASES and "m" not in DEFINITIONS[rest].flags:
            raise UnitError(f"{rest!r} takes no prefix, so {code!r} is not a unit")
        if unit.special is not None:
            special = Special(unit.special.function, PREFIXES[prefix])
            return Unit(unit.factor, unit.dimension, ((code, 1),), Fraction(1), special)
        return Unit(unit.factor * PREFIXES[prefix], unit.dimension, ((code, 1),), Fraction(1))
    raise UnitError(f"{code!r} is not a unit of UCUM")


def _plain_atom(code: str) -> Unit | None:
    terms = ((code, 1),)
    if code in BASES:
        return Unit(Fraction(1), terms, terms, Fraction(1))
    definition = DEFINITIONS.get(code)
    if definition is None:
        return None
    if "a" in definition.flags:
        base = parse(definition.unit)
        return Unit(Fraction(1), base.dimension or terms, terms, Fraction(1))
    base = parse(definition.unit)
    factor = base.factor * _number(definition.value)
    special = Special(definition.function, Fraction(1)) if definition.function else None
    return Unit(factor, base.dimension, terms, Fraction(1), special)


def _merge(left: Dimension, right: Dimension, sign: int) -> Dimension:
    powers = dict(left)
    for name, power in right:
        powers[name] = powers.get(name, 0) + sign * power
    return tuple((name, power) for name, power in powers.items() if power)


def combine(left: Unit, right: Unit, sign: int) -> Unit:
    """The product (``sign`` 1) or the quotient (-1) of two units; UnitError where there is none."""
    if left.special is not None or right.special is not None:
        if left == ONE and sign == 1:
            return right
        if right == ONE:
            return left
        raise UnitError("a special unit (such as Cel, [degF], [pH], dB) cannot be multiplied or divided")
    return Unit(
        left.factor * right.factor**sign,
        tuple(sorted(_merge(left.dimension, right.dimension, sign))),
        _merge(left.terms, right.terms, sign),
        left.coefficient * right.coefficient**sign,
    )


def _product(left: Unit, right: Unit) -> Unit:
    return combine(left, right, 1)


def _ratio(left: Unit, right: Unit) -> Unit:
    return combine(left, right, -1)


ONE = Unit(Fraction(1), (), (), Fraction(1))


def write(unit: Unit) -> str:
    """The unit as a UCUM string: its terms, positive exponents first (``g.m/s2``); ``1`` where none is left."""
    above = [f"{name}{power if power != 1 else ''}" for name, power in unit.terms if power > 0]
    below = [f"{name}{-power if power != -1 else ''}" for name, power in unit.terms if power < 0]
    if unit.coefficient.numerator != 1:
        above.insert(0, str(unit.coefficient.numerator))
    if unit.coefficient.denominator != 1:
        below.insert(0, str(unit.coefficient.denominator))
    text = ".".join(above) + "".join(f"/{part}" for part in below)
    return text or "1"
