"""The table of requirements and results in docs/service.md, from a run of the service's tests.

    python scripts/make_service_table.py [JUNIT_FILE...]

Without files the tests are run (all of tests/service, some minutes; PostgreSQL is needed). Exits with 1, and leaves the document
as it is, where a requirement has no test, a test that bears an id did not pass, or some deployment was left out.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.service.requirements import DEPLOYMENTS, REQUIREMENTS, deployments_of, ids_of  # noqa: E402

DOCUMENT = ROOT / "docs" / "service.md"
BEGIN, END = "<!-- requirements -->\n", "<!-- /requirements -->\n"


def table(*reports: Path) -> tuple[str, list[str]]:
    """The table, and what stands against it."""
    outcomes: dict[str, Counter[str]] = defaultdict(Counter)
    where: dict[str, set[str]] = defaultdict(set)
    tests: dict[str, set[str]] = defaultdict(set)
    for case in (case for report in reports for case in ElementTree.parse(report).getroot().iter("testcase")):
        name = case.get("name", "")
        result = "failed" if case.find("failure") is not None or case.find("error") is not None else "passed"
        result = "skipped" if case.find("skipped") is not None else result
        for each in ids_of(name):
            outcomes[each][result] += 1
            tests[each].add(name.partition("[")[0])
            where[each] |= {name.partition("[")[2].rstrip("]")} & {*DEPLOYMENTS}
    problems = [f"{each}: no test" for each in REQUIREMENTS if each not in tests]
    problems += [f"{each}: only in {sorted(where[each])}" for each in tests if not where[each] >= {*deployments_of(each)}]
    problems += [f"{each}: {dict(found)}" for each, found in outcomes.items() if set(found) != {"passed"}]
    lines = ["| id | level | requirement | deployments | tests |", "|---|---|---|---|---|"]
    for each, (level, words) in REQUIREMENTS.items():
        names = ", ".join(f"`{name}`" for name in sorted(tests[each]))
        lines.append(f"| {each} | {level} | {words} | passed in {len(where[each])} | {names} |")
    return "\n".join(lines) + "\n", problems


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        reports = [Path(name) for name in sys.argv[1:]]
        if not reports:
            reports = [Path(folder) / "junit.xml"]
            options = ["-q", "-n", "2", "--dist", "loadfile", "-m", "full or not long", f"--junitxml={reports[0]}"]
            subprocess.run([sys.executable, "-m", "pytest", "tests/service", *options], cwd=ROOT, check=False)
        made, problems = table(*reports)
    if problems:
        print("\n".join(problems), file=sys.stderr)
        return 1
    text = DOCUMENT.read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    DOCUMENT.write_text(before + BEGIN + made + END + rest.partition(END)[2], "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
