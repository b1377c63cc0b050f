"""The public CQL suite through ``POST /fhir/$cql``, in the result forms that the public test runner reads: what is checked is the
way out of the service, with a reader of Parameters that shares nothing with their writer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest
from tests.conformance.suite import OUTPUT_OPTIONS, Case, Failed, evaluate, read
from tests.conformance.test_cql_suite import DISPUTED, FILES
from tests.service.ehr import Service, running
from tests.shared import shared_folder

from guideway.engine.operators.interval import shown
from guideway.engine.operators.points import lower, upper
from guideway.engine.values import Code, Concept, Date, DateTime, Interval, Long, Quantity, Ratio, Time

pytestmark = pytest.mark.full

ERROR = "evaluation error"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, package: Any) -> Iterator[Service]:
    with running(Service(tmp_path_factory.mktemp("cql"), package, deadline_seconds=15)) as service:
        yield service


def url_part(extension: dict[str, Any]) -> str:
    return str(extension["url"]).rpartition("/")[2]


def from_parameters(document: dict[str, Any]) -> Any:
    """The value of a Parameters resource in plain, comparable parts; a list of one element cannot be told from the element."""
    values = [one(p) for p in document["parameter"]]
    return values[0] if len(values) == 1 else values


def one(parameter: dict[str, Any]) -> Any:
    if "part" in parameter:
        parts = parameter["part"]
        if all(p["name"] == "element" for p in parts):
            return [one(p) for p in parts]
        names = list(dict.fromkeys(p["name"] for p in parts))
        grouped = {n: [one(p) for p in parts if p["name"] == n] for n in names}
        return {n: found[0] if len(found) == 1 else found for n, found in grouped.items()}
    marks = {url_part(e) for e in parameter.get("_valueBoolean", {}).get("extension", ())}
    if marks:
        return [] if "cqf-isEmptyList" in marks else {} if "cqf-isEmptyTuple" in marks else None
    kind = next((e["valueString"] for e in parameter.get("extension", ()) if url_part(e) == "cqf-cqlType"), "")
    key, value = next((k, v) for k, v in parameter.items() if k.startswith("value"))
    if kind == "System.Long":
        return ("Long", int(value))
    if key in ("valueRange", "valuePeriod"):
        ends = ("low", "high") if key == "valueRange" else ("start", "end")
        point = kind.partition("<System.")[2].rstrip(">")
        return ("Interval", *(bound(value.get(end), point) for end in ends))
    return scalar(key.removeprefix("value"), value)


def bound(value: Any, point: str) -> Any:
    if value is None:
        return None
    if point in ("Date", "DateTime", "Time"):
        text = str(value).partition("0001-01-01T")[2] if point == "Time" else value
        return scalar(point, text)
    if point == "Quantity":
        return scalar("Quantity", value)
    if "value" not in value:
        return value["unit"]
    return ("Long", int(value["value"])) if point == "Long" else Decimal(value["value"])


def scalar(kind: str, value: Any) -> Any:
    if kind in ("Integer", "Decimal"):
        return Decimal(value)
    if kind in ("Date", "DateTime", "Time"):
        return (kind, str(value).removeprefix("T").replace("+00:00", "Z"))
    if kind == "Quantity":
        return ("Quantity", Decimal(value["value"]), value.get("code") or value.get("unit") or "1")
    if kind == "Ratio":
        return ("Ratio", scalar("Quantity", value["numerator"]), scalar("Quantity", value["denominator"]))
    if kind == "Coding":
        return ("Code", value.get("system"), value["code"])
    if kind == "CodeableConcept":
        return ("Concept", [scalar("Coding", c) for c in value["coding"]], value.get("text"))
    return value


def plain(value: Any) -> Any:
    """An expected value in the same parts."""
    value = shown(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Long):
        return ("Long", int(value))
    if isinstance(value, int | Decimal):
        return Decimal(value)
    if isinstance(value, Date | DateTime | Time):
        return scalar(type(value).__name__, str(value))
    if isinstance(value, Quantity):
        return ("Quantity", value.value, value.unit or "1")
    if isinstance(value, Ratio):
        return ("Ratio", plain(value.numerator), plain(value.denominator))
    if isinstance(value, Code):
        return ("Code", value.system, value.code)
    if isinstance(value, Concept):
        return ("Concept", [plain(code) for code in value.codes], value.display)
    if isinstance(value, Interval):
        return (
            "Interval",
            plain(lower(value)) if value.low is not None else None,
            plain(upper(value)) if value.high is not None else None,
        )
    if isinstance(value, list):
        items = [plain(item) for item in value]
        return items[0] if len(items) == 1 else items
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return value


def problem(server: Service, client: httpx.Client, case: Case) -> str | None:
    body = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "expression", "valueString": case.expression},
            {"name": "asOf", "valueDateTime": "2024-03-15T10:30:00.000Z"},
        ],
    }
    answer = client.post(f"{server.base}/fhir/$cql", json=body)
    if answer.status_code >= 500:
        return f"HTTP {answer.status_code}: {answer.text}"
    document = json.loads(answer.text, parse_float=Decimal)
    failed = not answer.is_success or document["parameter"][0]["name"] == ERROR
    if failed:
        return None if case.invalid else f"failed: {answer.text}"
    if case.invalid in ("true", "semantic"):
        return f"gave {answer.text} where it must fail"
    try:
        expected = plain(evaluate(case.output or "null", OUTPUT_OPTIONS))
    except Failed as error:
        return f"the expected output {case.output!r} cannot be read: {error}"
    actual = from_parameters(document)
    return None if same(expected, actual) else f"gave {actual!r}, not {expected!r}"


def same(expected: Any, actual: Any) -> bool:
    """Equal, but that the text of an expected Date may stand for a DateTime, and an endless bound may be told or left out."""
    if isinstance(expected, tuple) and isinstance(actual, tuple) and len(expected) == len(actual):
        if {expected[0], actual[0]} == {"Date", "DateTime"}:
            return str(expected[1]).rstrip("TZ") == str(actual[1]).rstrip("TZ")
        return all(same(*pair) for pair in zip(expected, actual, strict=True))
    if isinstance(expected, list) and isinstance(actual, list):
        return len(expected) == len(actual) and all(same(*pair) for pair in zip(expected, actual, strict=True))
    if isinstance(expected, dict) and isinstance(actual, dict):
        return expected.keys() == actual.keys() and all(same(v, actual[k]) for k, v in expected.items())
    return type(expected) is type(actual) and bool(expected == actual)


@pytest.mark.parametrize("file", FILES)
def test_suite(server: Service, file: str) -> None:
    with httpx.Client(timeout=60) as client:
        cases = [c for c in read(shared_folder("conformance/cql-tests") / f"{file}.xml") if c.name not in DISPUTED]
        found = {case: text for case in cases if (text := problem(server, client, case)) is not None}
    lines = [f"{c.group}/{c.name}: {' '.join(c.expression.split())}\n    {text}" for c, text in found.items()]
    assert not lines, f"{len(lines)} of {len(cases)}:\n" + "\n".join(lines)
