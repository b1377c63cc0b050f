"""Write each example patient as a FHIR bundle: ``examples/<name>.yaml`` → ``examples/<name>.json``.

python scripts/make_examples.py
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from guideway.authoring.testing import Suite, open_suite

ROOT = Path(__file__).resolve().parent.parent


def bundle_text(suite: Suite, case_file: Path) -> bytes:
    """The bundle of one case, as the file beside it holds it."""
    case = suite.read(case_file, case_file.name)
    return msgspec.json.format(msgspec.json.Encoder(decimal_format="number").encode(case.bundle), indent=2) + b"\n"


def main() -> None:
    suite = open_suite(str(ROOT))
    for case_file in sorted((ROOT / "examples").glob("*.yaml")):
        case_file.with_suffix(".json").write_bytes(bundle_text(suite, case_file))
        print(case_file.with_suffix(".json").name)


if __name__ == "__main__":
    main()
