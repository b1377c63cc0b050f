"""Write the table of rules into docs/validate.md, between its two markers, from ``guideway.authoring.rules``.

python scripts/make_rule_page.py
"""

from __future__ import annotations

from pathlib import Path

from guideway.authoring.rules import RULES

PAGE = Path(__file__).resolve().parent.parent / "docs" / "validate.md"
BEGIN, END = "<!-- rules: begin -->", "<!-- rules: end -->"


def main() -> None:
    """Replace what stands between the markers."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    rows = [f"| `{rule.id}` | {rule.severity.value} | {rule.text} |" for rule in RULES.values()]
    table = "\n".join(["| rule | severity | what it finds |", "|---|---|---|", *rows])
    PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
