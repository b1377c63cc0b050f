"""Text to ELM against parsing alone, on the same files in one process: the ratio is to stay below 5.

Takes .cql files (default: FHIRHelpers and the libraries under plandefinitions/). Libraries that a file includes are
translated before the clock starts, so each figure is that file's own. Prints, per file and in all, the best of several rounds of
each in processor time, and their ratio; exits with 1 where the ratio of all is above the limit.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from guideway.cql.libraries import FolderSource, Workspace
from guideway.cql.parser import parse
from guideway.cql.translation import TranslationOptions

ROOT = Path(__file__).resolve().parent.parent.parent
LIMIT = 5.0


def best(work: Callable[[], object], rounds: int) -> float:
    """The shortest of several runs, in seconds of processor time."""
    shortest = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        work()
        shortest = min(shortest, time.process_time() - start)
    return shortest


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    files = options.files or [
        ROOT / "src" / "guideway" / "cql" / "FHIRHelpers.cql",
        *sorted((ROOT / "plandefinitions").rglob("*.cql")),
    ]
    sources = FolderSource(*{file.parent for file in files}, ROOT / "plandefinitions", deep=True)
    print(f"{'file':48} {'parse ms':>9} {'to ELM ms':>10} {'ratio':>6}")
    parsing_all = translating_all = 0.0
    for file in files:
        text = file.read_text(encoding="utf-8")
        workspace = Workspace(sources, (), TranslationOptions())
        workspace.translate(text, str(file))
        parsing = best(lambda text=text, file=file: parse(text, str(file)), options.rounds)  # type: ignore[misc]
        translating = best(lambda w=workspace, text=text, file=file: w.translate(text, str(file)), options.rounds)  # type: ignore[misc]
        parsing_all += parsing
        translating_all += translating
        print(f"{file.name:48} {parsing * 1e3:9.2f} {translating * 1e3:10.2f} {translating / parsing:6.2f}")
    ratio = translating_all / parsing_all
    print(f"{'all':48} {parsing_all * 1e3:9.2f} {translating_all * 1e3:10.2f} {ratio:6.2f}   (limit {LIMIT:g})")
    return 0 if ratio <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
