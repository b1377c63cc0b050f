"""The sizes of several hundred units agree with pint's (read by ucumvert), where both are installed (``pip install ucumvert``).

Pint counts the mole as a base unit, UCUM as a number: that factor is put back. Units that the peers read otherwise than UCUM's
table says are named below.
"""

from __future__ import annotations

import csv
from fractions import Fraction
from pathlib import Path

import pytest

from guideway.ucum.conversion import factor
from guideway.ucum.grammar import known, parse

AVOGADRO = 6.02214076e23

DIFFERENT = {
    "[LPF]": "a field of view: 100 in UCUM, 1 in pint",
    "[HPF]": "a field of view",
    "[Hg]": "133.322 Pa/mm in UCUM, one digit more in pint",
    "[in_i'H2O]": "by g in UCUM",
    "[iU]": "arbitrary in UCUM",
    "[IU]": "arbitrary in UCUM",
}


def test_sizes_agree_with_pint() -> None:
    ucumvert = pytest.importorskip("ucumvert", reason="needs the peer: pip install ucumvert")
    registry = ucumvert.PintUcumRegistry()
    examples = Path(ucumvert.__file__).parent / "vendor" / "ucum_examples.tsv"
    with examples.open(encoding="utf-8") as rows:
        codes = [row["UCUM_CODE"] for row in csv.DictReader(rows, delimiter="\t")]
    compared, wrong = 0, []
    for code in codes:
        if not known(code) or any(name in code for name in DIFFERENT) or parse(code).special is not None:
            continue
        try:
            theirs = registry.from_ucum(code).to_base_units()
        except Exception:  # what the peer cannot read, it cannot judge
            continue
        exponents = {str(name): power for name, power in theirs.unit_items()}
        ours = parse(code)
        size = float(ours.factor * Fraction(1, 1000) ** dict(ours.dimension).get("g", 0))
        expected = float(theirs.magnitude) * AVOGADRO ** exponents.get("mole", 0)
        compared += 1
        if abs(size - expected) > 1e-9 * abs(expected):
            wrong.append((code, size, expected))
    assert not wrong
    assert compared > 600


def test_every_unit_of_the_peer_is_known_or_named() -> None:
    ucumvert = pytest.importorskip("ucumvert", reason="needs the peer: pip install ucumvert")
    examples = Path(ucumvert.__file__).parent / "vendor" / "ucum_examples.tsv"
    with examples.open(encoding="utf-8") as rows:
        codes = [row["UCUM_CODE"] for row in csv.DictReader(rows, delimiter="\t")]
    assert [code for code in codes if not known(code)] == ["Torr"], "Torr is no unit of UCUM's table"
    assert factor("10*3/uL", "10*9/L") == 1
