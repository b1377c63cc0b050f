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


def commands(bundle: Path) -> dict[str, list[str]]:
    """Name → command line; the first is the yardstick."""
    python = sys.executable
    program = [python, "-c", "from guideway.cli import main; main()"]
    return {
        YARDSTICK: [python, "-c", YARDSTICK],
        "bare interpreter": [python, "-c", "pass"],
        "guideway --help": [*program, "--help"],
        "guideway apply": [*program, "apply", str(bundle)],
        "guideway apply --format json": [*program, "apply", str(bundle), "--format", "json"],
    }


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
    parser.add_argument("bundle", nargs="?", type=Path, help="the bundle to apply  [default: the first example]")
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--imports", action="store_true", help="list what apply imports beyond the yardstick")
    options = parser.parse_args()
    bundle = options.bundle or sorted((ROOT / "examples").glob("*.json"))[0]
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "GUIDEWAY_CACHE": folder}
        table = commands(bundle)
        medians = measure(table, options.rounds, environment)
        base = medians[YARDSTICK]
        print(f"{bundle.name}, {options.rounds} rounds, Python {sys.version.split()[0]}")
        for name, value in medians.items():
            print(f"  {value / base:5.2f}  {name}")
        ratio = medians["guideway apply --format json"] / base
        print(f"limit {LIMIT}: {'met' if ratio <= LIMIT else 'exceeded'}")
        if options.imports:
            usual = imports(table[YARDSTICK], environment)
            ours = imports(table["guideway apply --format json"], environment)
            print("imported beyond the yardstick, microseconds each:")
            for name, cost in sorted(ours.items(), key=lambda item: -item[1]):
                if name not in usual:
                    print(f"  {cost:7}  {name}")
    sys.exit(0 if ratio <= LIMIT else 1)


if __name__ == "__main__":
    main()
