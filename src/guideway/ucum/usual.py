"""Units that most measurements are in: known without reading the grammar of UCUM and its table of units.

Every one is a valid UCUM code (a test holds that against ``grammar``); a unit that is not listed here is looked up there.
"""

from __future__ import annotations

USUAL = frozenset(
    {
        "%", "/min", "/mm3", "/uL", "10*12/L", "10*3/mm3", "10*3/uL",
        "10*6/uL", "10*9/L", "1", "Cel", "U/L", "[degF]", "[in_i]", "[lb_av]", "a", "cm", "d",
        "fL", "g", "g/L", "g/dL", "h", "kg", "kg/m2", "m", "mL", "mL/min", "mL/min/{1.73_m2}", "meq/L", "mg", "mg/L", "mg/d",
        "mg/dL", "min", "mm", "mm[Hg]", "mmol/L", "mo", "ng/L", "ng/mL", "pg", "pg/mL", "s", "ug", "ug/L", "ug/dL", "ug/mL",
        "umol/L", "wk", "{cells}/uL",
    }
)  # fmt: skip


def known(unit: str) -> bool:
    """Whether this is a unit of UCUM."""
    if unit in USUAL:
        return True
    from guideway.ucum import grammar

    return grammar.known(unit)


def commensurable(left: str, right: str) -> bool:
    """Whether both are units, and of one kind."""
    if left == right and left in USUAL:
        return True
    from guideway.ucum import conversion

    return conversion.commensurable(left, right)


def same(left: str, right: str) -> bool:
    """Whether two usual units are surely one: what stands in braces is a note, and stands for 1 (UCUM §2.4)."""
    return left == right or (left in USUAL and right in USUAL and left.partition("/{")[0] == right.partition("/{")[0])
