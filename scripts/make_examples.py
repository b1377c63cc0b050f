"""Write each example patient as a FHIR bundle: ``examples/<name>.yaml`` → ``examples/<name>.json``.

python scripts/make_examples.py
"""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from guideway.authoring.cases import concepts_of, read_case

ROOT = Path(__file__).resolve().parent.parent
BASE = "https://example.org/guideway/mast-cell-disease"


def bundle_text(case_file: Path) -> bytes:
    """The bundle of one case, as the file beside it holds it."""
    sets = (json.loads(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "valuesets").rglob("*.json")))
    case = read_case(case_file.read_text(encoding="utf-8"), concepts_of(sets, BASE), case_file.name)
    return msgspec.json.format(msgspec.json.Encoder(decimal_format="number").encode(case.bundle), indent=2) + b"\n"


def main() -> None:
    for case_file in sorted((ROOT / "examples").glob("*.yaml")):
        case_file.with_suffix(".json").write_bytes(bundle_text(case_file))
        print(case_file.with_suffix(".json").name)


if __name__ == "__main__":
    main()
