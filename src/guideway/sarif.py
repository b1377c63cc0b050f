"""Findings for other programs: as SARIF 2.1.0, for editors and code-scanning services, and as a JSON array."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from guideway.diagnostics import Diagnostic, Severity

SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def as_sarif(diagnostics: Iterable[Diagnostic], version: str) -> dict[str, Any]:
    """All findings as one log."""
    levels = {Severity.error: "error", Severity.warning: "warning", Severity.information: "note"}
    results = []
    for d in diagnostics:
        result: dict[str, Any] = {"ruleId": d.rule, "level": levels[d.severity], "message": {"text": d.message}}
        if d.file is not None:
            location: dict[str, Any] = {"physicalLocation": {"artifactLocation": {"uri": d.file}}}
            if d.position is not None:
                p = d.position
                location["physicalLocation"]["region"] = {
                    "startLine": p.line, "startColumn": p.column, "endLine": p.end_line, "endColumn": p.end_column,
                }  # fmt: skip
            if d.pointer is not None:
                location["logicalLocations"] = [{"fullyQualifiedName": d.pointer}]
            result["locations"] = [location]
        results.append(result)
    rules = sorted({r["ruleId"] for r in results})
    tool = {"driver": {"name": "guideway", "version": version, "rules": [{"id": r} for r in rules]}}
    return {"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [{"tool": tool, "results": results}]}


def as_json_text(diagnostics: Iterable[Diagnostic]) -> str:
    """All findings as one JSON array."""
    return json.dumps([d.as_json() for d in diagnostics], indent=2, ensure_ascii=False)
