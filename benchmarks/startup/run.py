"""Whole processes, in pairs, medians: ``guideway apply`` of one bundle against the imports it cannot do without.

Takes the bundles to apply (all examples unless given) and the number of rounds; prints of each the median of its time relative
to a yardstick run immediately before it, and the worst. Exits with 1 where the limit is exceeded.

What is measured is the program as pip installs it from this checkout, in a folder of its own: compiled once and written once, as
click and msgspec are. ``--checkout`` measures the checkout in place, as an editable installation does: there the state of every
source file is looked at, and where Python may keep nothing (``PYTHONDONTWRITEBYTECODE``) it compiles the first modules each time.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
YARDSTICK = "import click, msgspec"
LIMIT = 1.8


def commands(bundles: list[Path], forms: list[str], plans: list[str]) -> dict[str, list[str]]:
    """Name → command line; the first is the yardstick."""
    python = sys.executable
    program = [python, "-c", "from guideway.cli import main; main()"]
    found = {
        YARDSTICK: [python, "-c", YARDSTICK],
        "bare interpreter": [python, "-c", "pass"],
        "guideway --help": [*program, "--help"],
    }
    for form in forms:
        for bundle in bundles:
            name = f"guideway apply {bundle.name}" + (f" --format {form}" if form != "table" else "")
            found[name] = [*program, "apply", str(bundle), "--as-of", "2026-06-01", "--format", form]
            found[name] += [word for plan in plans for word in ("--plan", plan)]
    return found


Times = tuple[float, float]
"""By the clock, and of the processor."""


def measure(table: dict[str, list[str]], rounds: int, environment: dict[str, str]) -> tuple[dict[str, Times], float]:
    """The median of each command's times relative to those of the yardstick just before it, and the yardstick's seconds; one
    round runs each once. The speed of many machines changes within seconds: what stands next to each other is compared."""
    ratios: dict[str, list[Times]] = {name: [] for name in table if name != YARDSTICK}
    yardsticks: list[float] = []
    for number in range(rounds + 1):
        for name, found in ratios.items():
            clock, processor = once(YARDSTICK, table, environment)
            elapsed, busy = once(name, table, environment)
            if number:  # the first round fills caches
                yardsticks.append(clock)
                found.append((elapsed / clock, busy / processor))
    medians = {
        name: (statistics.median(t for t, _ in found), statistics.median(t for _, t in found)) for name, found in ratios.items()
    }
    return medians, statistics.median(yardsticks)


def once(name: str, table: dict[str, list[str]], environment: dict[str, str]) -> Times:
    """Seconds that a command takes."""
    before, start = used(), time.perf_counter()
    done = subprocess.run(table[name], capture_output=True, env=environment, check=False)
    elapsed, busy = time.perf_counter() - start, used() - before
    if done.returncode != 0:
        raise SystemExit(f"{name}: exit status {done.returncode}\n{done.stderr.decode()}")
    return elapsed, busy


def used() -> float:
    """Processor seconds of all child processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


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


def installed(folder: str) -> str:
    """What to put on Python's path for the program as pip installs it; it is written below ``folder``."""
    target = os.path.join(folder, "site-packages")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--target", target]
    subprocess.run([*command, str(ROOT)], check=True)
    return target


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundles", nargs="*", type=Path, help="the bundles to apply  [default: all of examples/]")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--format", action="append", dest="forms", help="of apply; repeatable  [default: table]")
    parser.add_argument("--plan", action="append", dest="plans", help="of apply; repeatable  [default: the whole guideline]")
    parser.add_argument("--checkout", action="store_true", help="measure the checkout in place, not what pip makes of it")
    parser.add_argument("--imports", action="store_true", help="list what apply imports beyond the yardstick")
    options = parser.parse_args()
    bundles = options.bundles or sorted((ROOT / "examples").glob("*.json"))
    with tempfile.TemporaryDirectory() as folder:
        path = str(ROOT / "src") if options.checkout else installed(folder)
        environment = {**os.environ, "GUIDEWAY_CACHE": os.path.join(folder, "cache"), "PYTHONPATH": path}
        table = commands(bundles, options.forms or ["table"], options.plans or [])
        medians, seconds = measure(table, options.rounds, environment)
        print(f"{options.rounds} rounds, Python {sys.version.split()[0]}; the yardstick takes {seconds * 1000:.0f} ms here")
        print(f"relative to it; the limit, by the clock, is {LIMIT} for apply\n  clock  processor")
        for name, (elapsed, busy) in medians.items():
            over = name.startswith("guideway apply") and elapsed > LIMIT
            print(f"  {elapsed:5.2f}  {busy:5.2f}      {name}{'  (over the limit)' if over else ''}")
        applied = {name: elapsed for name, (elapsed, _) in medians.items() if name.startswith("guideway apply")}
        worst = max(applied, key=lambda name: applied[name])
        within = sum(elapsed <= LIMIT for elapsed in applied.values())
        print(f"worst: {applied[worst]:.2f}, {worst}; median of all: {statistics.median(applied.values()):.2f}", end="; ")
        print(f"within the limit: {within} of {len(applied)}")
        exceeded = applied[worst] > LIMIT
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
