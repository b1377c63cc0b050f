"""Converting values between units, and multiplying and dividing units (UCUM §3, "Special Units on Non-Ratio Scales").

Factors are exact fractions; a value comes back as a Decimal of up to 100 digits, which the caller rounds as it needs. The
functions of special units are exact where they are linear (temperatures) and good to 60 digits where they are logarithms or
powers.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from fractions import Fraction
from functools import lru_cache

from guideway.ucum.grammar import Unit, UnitError, combine, parse, write

CONTEXT = Context(prec=100, rounding=ROUND_HALF_UP, Emin=-999999, Emax=999999, traps=[InvalidOperation])


@lru_cache(maxsize=4096)
def factor(source: str, target: str) -> Fraction | None:
    """What one ``source`` is in ``target``, exactly; None where there is no such factor.

    There is none between different dimensions, for strings that are not units, and for special units (use :func:`convert`).
    """
    if source == target:
        return Fraction(1)
    try:
        left, right = parse(source), parse(target)
    except UnitError:
        return None
    if left.dimension != right.dimension or left.special is not None or right.special is not None:
        return None
    return left.factor / right.factor


@lru_cache(maxsize=4096)
def commensurable(source: str, target: str) -> bool:
    """Whether values of the one unit can be converted to the other."""
    if source == target:
        return True
    try:
        return parse(source).dimension == parse(target).dimension
    except UnitError:
        return False


def exact(value: Decimal, source: str, target: str) -> Fraction | None:
    """``value`` in ``target`` as an exact fraction; None where it cannot be converted."""
    if source == target:
        return Fraction(value)
    ratio = factor(source, target)
    if ratio is not None:
        return Fraction(value) * ratio
    if not commensurable(source, target):
        return None
    left, right = parse(source), parse(target)
    try:
        return _from_base(_to_base(Fraction(value), left), right)
    except (ArithmeticError, ValueError):
        return None


def convert(value: Decimal, source: str, target: str) -> Decimal | None:
    """``value`` in ``target``, with up to 100 digits; None where it cannot be converted."""
    if source == target:
        return value
    result = exact(value, source, target)
    return None if result is None else decimal_of(result)


def decimal_of(value: Fraction) -> Decimal:
    """A fraction as a Decimal of up to 100 digits."""
    return CONTEXT.divide(Decimal(value.numerator), Decimal(value.denominator))


def multiply(left: str, right: str) -> str:
    """The product of two units; equal symbols are merged: cm times cm is cm2. UnitError where there is none."""
    return _combined(left, right, 1)


def divide(left: str, right: str) -> str:
    """The quotient of two units; UnitError where there is none."""
    return _combined(left, right, -1)


@lru_cache(maxsize=2048)
def _combined(left: str, right: str, sign: int) -> str:
    if right == "1":
        return left
    if left == "1" and sign == 1:
        return right
    return write(combine(parse(left), parse(right), sign))


LARGEST_EXPONENT = 500
"""Of what a logarithmic unit may stand for: beyond it, no Decimal of CQL or FHIR could hold the result."""


def _power(base: int, exponent: Fraction) -> Fraction:
    if abs(exponent) > LARGEST_EXPONENT:
        raise ValueError("the result is too large or too small")
    return Fraction(CONTEXT.power(Decimal(base), decimal_of(exponent)))


def _logarithm(value: Fraction, base: int) -> Fraction:
    if value <= 0:
        raise ValueError("logarithm of a number that is not positive")
    number = decimal_of(value)
    if base == 10:
        return Fraction(CONTEXT.log10(number))
    return Fraction(CONTEXT.divide(CONTEXT.ln(number), CONTEXT.ln(Decimal(base))))


def _exp(value: Fraction) -> Fraction:
    if abs(value) > LARGEST_EXPONENT:
        raise ValueError("the result is too large or too small")
    return Fraction(CONTEXT.exp(decimal_of(value)))


def _ln(value: Fraction) -> Fraction:
    if value <= 0:
        raise ValueError("logarithm of a number that is not positive")
    return Fraction(CONTEXT.ln(decimal_of(value)))


def _arctangent(value: Fraction) -> Fraction:
    from math import atan

    return Fraction(atan(float(value / 100)))


def _tangent(value: Fraction) -> Fraction:
    from math import tan

    return Fraction(tan(float(value))) * 100


def _square_root(value: Fraction) -> Fraction:
    if value < 0:
        raise ValueError("square root of a negative number")
    return Fraction(CONTEXT.sqrt(decimal_of(value)))


def _affine(zero: str) -> tuple[Callable[[Fraction], Fraction], Callable[[Fraction], Fraction]]:
    offset = Fraction(zero)
    return (lambda value: value + offset), (lambda value: value - offset)


FUNCTIONS: dict[str, tuple[Callable[[Fraction], Fraction], Callable[[Fraction], Fraction]]] = {
    "Cel": _affine("273.15"),
    "degF": _affine("459.67"),
    "degRe": _affine("218.52"),
    "pH": (lambda value: _power(10, -value), lambda value: -_logarithm(value, 10)),
    "ln": (_exp, _ln),
    "lg": (lambda value: _power(10, value), lambda value: _logarithm(value, 10)),
    "lgTimes2": (lambda value: _power(10, value / 2), lambda value: 2 * _logarithm(value, 10)),
    "ld": (lambda value: _power(2, value), lambda value: _logarithm(value, 2)),
    "hpX": (lambda value: _power(10, -value), lambda value: -_logarithm(value, 10)),
    "hpC": (lambda value: _power(100, -value), lambda value: -_logarithm(value, 100)),
    "hpM": (lambda value: _power(1000, -value), lambda value: -_logarithm(value, 1000)),
    "hpQ": (lambda value: _power(50000, -value), lambda value: -_logarithm(value, 50000)),
    "sqrt": (lambda value: value * value, _square_root),
    "tanTimes100": (_arctangent, _tangent),
    "100tan": (_arctangent, _tangent),
}
"""Special functions by name: from the unit's number to the number of its reference unit, and back."""

ANGLES = frozenset({"tanTimes100", "100tan"})
"""Functions whose reference number is an angle in radians, whatever unit the table gives."""


def _to_base(value: Fraction, unit: Unit) -> Fraction:
    if unit.special is None:
        return value * unit.factor
    number = FUNCTIONS[unit.special.function][0](value * unit.special.prefix)
    return number if unit.special.function in ANGLES else number * unit.factor


def _from_base(value: Fraction, unit: Unit) -> Fraction:
    if unit.special is None:
        return value / unit.factor
    number = value if unit.special.function in ANGLES else value / unit.factor
    return FUNCTIONS[unit.special.function][1](number) / unit.special.prefix
