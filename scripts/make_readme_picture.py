"""The README's picture: what ``guideway apply`` prints for an example patient, as an SVG of a terminal.

Run it after the table view or the example has changed: ``python scripts/make_readme_picture.py``. A test compares the text in the
picture with what the command prints. The picture uses the reader's own fixed-width font and nothing from elsewhere.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from html import escape
from pathlib import Path

from guideway.cli.lines import Line

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "images" / "apply.svg"
EXAMPLE = "examples/aggressive-sm-neutrophils-0-8.json"
AS_OF = "2026-06-01"
PLAN = "midostaurin-dose-modification"
COMMAND = f"$ guideway apply {EXAMPLE} --as-of {AS_OF} \\\n    --plan {PLAN}"

WIDTH = 80
LETTER, ROW, MARGIN = 8.4, 18, 16
COLOURS = {
    "": "#d8dee9",
    "banner": "#f2cc60",
    "title": "#ffffff",
    "dim": "#8b949e",
    "label": "#79c0ff",
    "applies": "#7ee787",
    "unknown": "#f2cc60",
    "suppressed": "#d2a8ff",
    "already-satisfied": "#79c0ff",
    "error": "#ff7b72",
    "warning": "#f2cc60",
    "does-not-apply": "#8b949e",
}
BOLD = {"banner", "title", "applies", "unknown", "suppressed", "already-satisfied", "error"}


def table_lines() -> list[Line]:
    """The lines of the table view."""
    from guideway.apply.moment import moment
    from guideway.apply.run import apply_guideline
    from guideway.cli.table import table
    from guideway.guideline.compiled import open_guideline
    from guideway.records.reading import read_files

    guideline = open_guideline(str(ROOT))
    outcomes = [apply_guideline(guideline, r, as_of=moment(AS_OF), plans=[PLAN]) for r in read_files([ROOT / EXAMPLE])]
    for outcome in outcomes:
        outcome.guideline["hash"] = "…"  # it changes with every change of the guideline
    return list(table(outcomes, width=WIDTH, detail=True))


def svg(lines: Iterable[Line]) -> str:
    """Lines of styled text as a picture of a terminal."""
    rows: list[str] = []
    top = MARGIN
    for text in COMMAND.split("\n"):
        top += ROW
        rows.append(_text(MARGIN + LETTER * (len(text) - len(text.lstrip())), top, text.strip(), "#ffffff", False))
    top += ROW // 2
    for line in lines:
        top += ROW
        column = 0
        for piece in line:
            shown = piece.text.strip()
            if shown:
                left = MARGIN + LETTER * (column + len(piece.text) - len(piece.text.lstrip()))
                rows.append(_text(left, top, shown, COLOURS[piece.style], piece.style in BOLD))
            column += len(piece.text)
    width, height = round(2 * MARGIN + LETTER * WIDTH), top + MARGIN
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">'
    style = "text { font: 14px ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace; white-space: pre }"
    title = "<title>What guideway apply prints for an example patient</title>"
    back = f'<rect width="{width}" height="{height}" rx="8" fill="#161b22"/>'
    return "\n".join([head, title, f"<style>{style}</style>", back, *rows, "</svg>"]) + "\n"


def _text(left: float, top: float, text: str, colour: str, bold: bool) -> str:
    weight = ' font-weight="bold"' if bold else ""
    length = f'textLength="{len(text) * LETTER:.1f}" lengthAdjust="spacingAndGlyphs"'
    return f'<text x="{left:.1f}" y="{top}" fill="{colour}"{weight} {length}>{escape(text, quote=False)}</text>'


def main() -> None:
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(svg(table_lines()), encoding="utf-8")
    print(f"{TARGET.relative_to(ROOT)}: {TARGET.stat().st_size // 1024} kB", file=sys.stderr)


if __name__ == "__main__":
    main()
