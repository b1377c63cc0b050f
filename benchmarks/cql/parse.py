"""Parsing CQL: this parser against the hand-written one of fhir4ds-v2 on the same files, and against our own lexer alone.

Takes files of CQL (default: the guideline's, and texts made from them, see ``samples``). The peer is installed from PyPI into an
environment of its own, kept between runs. Files that the peer cannot read are named and left out of the comparison. Prints the
shortest times and their ratios; exits with 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from pathlib import Path

from guideway.cql.lexer import tokenize
from guideway.cql.parser import parse

ROOT = Path(__file__).resolve().parent.parent.parent
PEER = "fhir4ds-v2==0.0.17"
FASTER_THAN_PEER = 10.0
AT_MOST_THE_LEXER = 3.0

MEASURE = """\
library Measure{number} version '1.0.0'

using FHIR version '4.0.1'

include FHIRHelpers version '4.0.1' called FHIRHelpers

codesystem "LOINC": 'http://loinc.org'
valueset "Encounters": 'urn:oid:2.16.840.1.{number}'
valueset "Conditions": 'urn:oid:2.16.840.2.{number}'
code "Test": '{number}-4' from "LOINC" display 'A test'

parameter "Measurement Period" Interval<DateTime> default Interval[@2024-01-01T00:00:00.0, @2025-01-01T00:00:00.0)

context Patient

define "Initial Population":
  AgeInYearsAt(date from start of "Measurement Period") >= 18
    and exists "Qualifying Encounters"

define "Qualifying Encounters":
  [Encounter: "Encounters"] E
    with [Condition: "Conditions"] C
      such that C.onset during "Measurement Period" and C.clinicalStatus ~ 'active'
    where E.status = 'finished' and E.period during "Measurement Period"

define "Last Result":
  Last([Observation: "Test"] O
    where O.status in {{ 'final', 'amended', 'corrected' }}
      and O.effective during "Measurement Period"
    sort by issued desc)

define "Numerator":
  "Last Result".value > 9.0 or "Last Result" is null

define "Stratifier":
  case
    when AgeInYears() < 40 then 'young'
    when AgeInYears() < 65 then 'middle'
    else 'old'
  end

define function "Days Between"(earlier DateTime, later DateTime):
  if earlier is null or later is null then null
  else difference in days between earlier and later
"""


def samples(folder: Path) -> list[Path]:
    """The guideline's own files, and a few in the form of quality measures."""
    made = []
    for number in range(1, 6):
        file = folder / f"Measure{number}.cql"
        file.write_text(MEASURE.format(number=number), "utf-8")
        made.append(file)
    return sorted((ROOT / "plandefinitions").rglob("*.cql")) + made


def peer_python(folder: Path) -> Path:
    """The interpreter of the peer's environment, made on first use."""
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not python.exists():
        venv.create(folder, with_pip=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", PEER], check=True)
    return python


def shortest(work: Callable[[str], object], text: str, rounds: int) -> float:
    """The shortest of ``rounds`` times of ``work(text)``, in seconds."""
    best = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        work(text)
        best = min(best, time.perf_counter() - start)
    return best


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("files", nargs="*", type=Path)
    options.add_argument("--rounds", type=int, default=15)
    default = Path(tempfile.gettempdir()) / "guideway-benchmark-fhir4ds-v2"
    options.add_argument("--peer", type=Path, default=default, help=f"folder of the peer's environment (default: {default})")
    options.add_argument("--no-peer", action="store_true", help="compare with our own lexer only")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files: list[Path] = given.files or samples(Path(folder))
        theirs: dict[str, float | str] = {}
        if not given.no_peer:
            request = json.dumps({"files": [str(file) for file in files], "rounds": max(3, given.rounds // 3)})
            script = str(Path(__file__).with_name("parse_peer.py"))
            done = subprocess.run([peer_python(given.peer), script], input=request, capture_output=True, text=True, check=True)
            theirs = json.loads(done.stdout)
        lexed = parsed = ours_in_common = theirs_in_common = 0.0
        tokens = 0
        print(f"{'file':42} {'tokens':>7} {'lexer':>9} {'parser':>9} {'peer':>9}  peer/parser")
        for file in files:
            text = file.read_text("utf-8")
            mistakes = parse(text, str(file))[1]
            if mistakes:
                raise SystemExit(mistakes[0].as_text())
            lexer, parser = shortest(tokenize, text, given.rounds), shortest(parse, text, given.rounds)
            count = len(tokenize(text).texts)
            tokens, lexed, parsed = tokens + count, lexed + lexer, parsed + parser
            peer = theirs.get(str(file))
            shown = ""
            if isinstance(peer, float):
                ours_in_common, theirs_in_common = ours_in_common + parser, theirs_in_common + peer
                shown = f"{peer * 1e3:6.2f} ms  {peer / parser:.1f}"
            elif peer is not None:
                shown = f"not parsed: {peer[:60]}"
            print(f"{file.name:42} {count:7} {lexer * 1e3:6.2f} ms {parser * 1e3:6.2f} ms {shown}")
        print(
            f"\n{parsed / tokens * 1e9:.0f} ns a token"
            f"\nparser / lexer: {parsed / lexed:.2f} (target: at most {AT_MOST_THE_LEXER:.0f})"
        )
        missed = parsed / lexed > AT_MOST_THE_LEXER
        if ours_in_common:
            ratio = theirs_in_common / ours_in_common
            print(f"{PEER} / parser: {ratio:.1f} (target: at least {FASTER_THAN_PEER:.0f})")
            missed = missed or ratio < FASTER_THAN_PEER
        sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
