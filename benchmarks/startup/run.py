"""Whole processes, interleaved, medians: ``guideway apply`` of one bundle against the imports it cannot do without.

Takes the bundle to apply and the number of rounds; prints each median relative to the yardstick's. Exits with 1 where
the limit is exceeded.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
YARDSTICK = "import click, msgspec"
LIMIT = 1.8


EXAMPLES = ("no-mast-cell-disease", "indolent-sm-two-devices-in-place", "aggressive-sm-neutrophils-0-8")
"""From a patient whom the guideline says nothing to one with much to explain."""


def commands(bundles: list[Path]) -> dict[str, list[str]]:
    """Name → command line; the first is the yardstick."""
    python = sys.executable
    program = [python, "-c", "from guideway.cli import main; main()"]
    found = {
        YARDSTICK: [python, "-c", YARDSTICK],
        "bare interpreter": [python, "-c", "pass"],
        "guideway --help": [*program, "--help"],
    }
    for bundle in bundles:
        for form in ("table", "json"):
            name = f"guideway apply {bundle.name} --format {form}"
            found[name] = [*program, "apply", str(bundle), "--as-of", "2026-06-01", "--format", form]
    return found


def measure(table: dict[str, list[str]], rounds: int, environment: dict[str, str]) -> dict[str, float]:
    """Median seconds of each command; one round runs each once."""
    times: dict[str, list[float]] = {name: [] for name in table}
    for number in range(rounds + 1):
        for name, command in table.items():
            start = time.perf_counter()
            done = subprocess.run(command, capture_output=True, env=environment, check=False)
            elapsed = time.perf_counter() - start
            if done.returncode != 0:
                raise SystemExit(f"{name}: exit status {done.returncode}\n{done.stderr.decode()}")
            if number:  # the first round fills caches
                times[name].append(elapsed)
    return {name: statistics.median(values) for name, values in times.items()}


def imports(command: list[str], environment: dict[str, str]) -> dict[str, int]:
    """Module → its own import time in microseconds."""
    done = subprocess.run(
        [command[0], "-X", "importtime", *command[1:]], capture_output=True, text=True, env=environment, check=True
    )
    found = {}
    for line in done.stderr.splitlines():
        parts = line.removeprefix("import time:").split("|")
        if len(parts) == 3 and parts[0].strip().isdigit():
            found[parts[2].strip()] = int(parts[0])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundles", nargs="*", type=Path, help=f"the bundles to apply  [default: {', '.join(EXAMPLES)}]")
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--imports", action="store_true", help="list what apply imports beyond the yardstick")
    options = parser.parse_args()
    bundles = options.bundles or [ROOT / "examples" / f"{name}.json" for name in EXAMPLES]
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "GUIDEWAY_CACHE": folder}
        table = commands(bundles)
        medians = measure(table, options.rounds, environment)
        base = medians[YARDSTICK]
        print(f"{options.rounds} rounds, Python {sys.version.split()[0]}; times relative to the first, limit {LIMIT} for apply")
        exceeded = False
        for name, value in medians.items():
            over = "apply" in name and value / base > LIMIT
            exceeded |= over
            print(f"  {value / base:5.2f}  {name}{'  (over the limit)' if over else ''}")
        if options.imports:
            usual = imports(table[YARDSTICK], environment)
            ours = imports(list(table.values())[-1], environment)
            print("imported beyond the yardstick, microseconds each:")
            for name, cost in sorted(ours.items(), key=lambda item: -item[1]):
                if name not in usual:
                    print(f"  {cost:7}  {name}")
    sys.exit(1 if exceeded else 0)


if __name__ == "__main__":
    main()
