"""Our results beside those of the reference: cql-execution fed with the reference translator's ELM.

Every define of every library in ``libraries/`` is evaluated three ways: (a) cql-execution on the reference ELM, (b) our engine on
the reference ELM, (c) our translator and engine on the text. All three must agree, except where ``differences.yaml`` says which
of them differs and why. Needs Node and npm (the packages are installed into a folder of the user's cache), and the model
information in GUIDEWAY_SHARED.
"""

import json
import os
import re
import shutil
import subprocess
from decimal import Decimal, localcontext
from pathlib import Path

import pytest
import yaml
from tests.shared import shared_folder

pytestmark = pytest.mark.full
HERE = Path(__file__).parent
LIBRARIES = {p.stem: p.read_text("utf-8") for p in sorted((HERE / "libraries").glob("*.cql"))}
SUPPORT = {"Includes": ["Shared"], "Clinical": ["FHIRHelpers"]}
BUNDLE = json.loads((HERE / "patient.json").read_text("utf-8"))
COUNTS = [{"system": "http://loinc.org", "code": "751-8"}, {"system": "http://loinc.org", "code": "777-3"}]
VALUE_SET = "http://example.org/ValueSet/counts"
NOW = "2026-06-01T12:00:00.0+00:00"
DIFFERENCES = yaml.safe_load((HERE / "differences.yaml").read_text("utf-8"))


def our_helpers() -> str:
    import guideway.cql

    return (Path(guideway.cql.__file__).parent / "FHIRHelpers.cql").read_text("utf-8")


def is_answer(line: str) -> bool:
    """Whether a line is an answer; the translator's logger writes to the same stream."""
    return line.startswith('{"id"')


@pytest.fixture(scope="session")
def reference():
    """Answers of the reference for every library, by name; starts Node once."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("needs Node and npm")
    models = shared_folder("reference/model-info")
    folder = Path(os.environ.get("GUIDEWAY_ORACLE") or Path.home() / ".cache" / "guideway-oracle")
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "reference.mjs"):
        shutil.copy(HERE / name, folder / name)
    if not (folder / "node_modules" / "cql-execution").exists():
        subprocess.run(["npm", "install", "--no-audit", "--no-fund"], cwd=folder, check=True, capture_output=True)
    paths = {"System": str(models / "system-modelinfo.xml"), "FHIR": str(models / "fhir-modelinfo-4.0.1.xml")}
    jobs = []
    for name, text in LIBRARIES.items():
        libraries = {name: text} | {n: LIBRARIES.get(n) or our_helpers() for n in SUPPORT.get(name, [])}
        job = {"id": name, "libraries": libraries, "main": name, "models": paths, "now": NOW}
        if name in ("Clinical", "Includes"):
            job |= {"bundle": BUNDLE, "valueSets": {VALUE_SET: {"": [c | {"version": "1"} for c in COUNTS]}}}
        jobs.append(json.dumps(job))
    done = subprocess.run(
        ["node", "reference.mjs"], cwd=folder, input="\n".join(jobs), capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return {answer["id"]: answer for answer in map(json.loads, filter(is_answer, done.stdout.splitlines()))}


class Codes:
    """The one value set of the corpus."""

    def codes(self, url, version=None):
        return frozenset((c["system"], c["code"]) for c in COUNTS)

    def contains(self, url, version, code, system):
        return any(code == c["code"] and system in (None, c["system"]) for c in COUNTS)


def evaluate(libraries, name):
    """{define: value} of our engine, as comparable values; an error as its text."""
    from guideway.engine.data import ResourceSource
    from guideway.engine.errors import CqlRuntimeError
    from guideway.engine.operators import OPERATORS
    from guideway.engine.program import compile_program

    resources = [entry["resource"] for entry in json.loads(json.dumps(BUNDLE), parse_float=Decimal)["entry"]]
    source = ResourceSource(resources, resources[0])
    program = compile_program(libraries)
    now = OPERATORS["ToDateTime"].function
    from guideway.engine.values import DateTime

    moment = DateTime.parse(NOW) if hasattr(DateTime, "parse") else now(NOW)
    evaluation = program.evaluation(source, now=moment, timezone="UTC", terminology=Codes())
    results = {}
    for define in program.library(name).defines:
        if define == "Patient":
            continue
        try:
            results[define] = plain(evaluation.define(name, define))
        except CqlRuntimeError as error:
            results[define] = f"error: {error}"
    return results


def number(text):
    value = Decimal(str(int(text) if isinstance(text, int) else text))  # a Long's own text ends in L
    with localcontext(prec=60):
        return ("number", value.quantize(Decimal("1e-8")).normalize())


def plain(value):
    """One of our values, without what the reference cannot tell apart (Integer and Decimal, say)."""
    from guideway.engine import values as v

    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | Decimal):
        return number(value)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, v.Quantity):
        return ("quantity", number(value.value), value.unit)
    if isinstance(value, v.Ratio):
        return ("ratio", plain(value.numerator), plain(value.denominator))
    if isinstance(value, v.Interval):
        return ("interval", plain(value.low), plain(value.high), value.low_closed, value.high_closed)
    if isinstance(value, v.DateTime | v.Date | v.Time):
        return ("time", moment_text(str(value)))
    if isinstance(value, v.Code):
        return ("code", value.code, value.system)
    if isinstance(value, v.Concept):
        return ("concept", [plain(code) for code in value.codes])
    if isinstance(value, v.Uncertainty):
        return ("interval", plain(value.low), plain(value.high), True, True)
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return ("object", str(value))


def theirs(value):
    """One of the reference's values (see encode() in reference.mjs) in the same form."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, list):
        return [theirs(item) for item in value]
    kind = value["t"]
    if kind in ("number", "Long"):
        return number(value["v"])
    if kind == "Quantity":
        return ("quantity", number(value["v"]), value["unit"])
    if kind == "Ratio":
        return ("ratio", theirs(value["numerator"]), theirs(value["denominator"]))
    if kind == "Interval":
        return ("interval", theirs(value["low"]), theirs(value["high"]), value["lowClosed"], value["highClosed"])
    if kind == "Uncertainty":
        return ("interval", theirs(value["low"]), theirs(value["high"]), True, True)
    if kind in ("DateTime", "Date", "Time"):
        return ("time", moment_text(value["v"]))
    if kind == "Code":
        return ("code", value["code"], value["system"])
    if kind == "Concept":
        return ("concept", [theirs(code) for code in value["codes"]])
    if kind == "Tuple":
        found = {name: theirs(item) for name, item in value["v"].items()}
        return found["value"] if set(found) == {"value", "id", "extension"} else found
    return ("object", value.get("v"))


def moment_text(text):
    return re.sub(r"^T", "", text.replace("+00:00", "Z")).removesuffix("Z").removesuffix(".000")


def differences(name, ways):
    """What the three ways do not agree on and is not explained."""
    found = []
    for define in sorted(set().union(*ways.values())):
        known = DIFFERENCES.get(f"{name}.{define}", {})
        got = {way: results.get(define) for way, results in ways.items() if way not in known.get("differs", [])}
        if len({json.dumps(v, default=str, sort_keys=True) for v in got.values()}) > 1:
            found.append(f"{name}.{define}: " + ", ".join(f"{way} {value!r}" for way, value in got.items()))
    return found


@pytest.mark.parametrize("name", [n for n in LIBRARIES if n != "Shared"])
def test_the_three_ways_agree(reference, name):
    from guideway.cql.libraries import DictSource
    from guideway.cql.translator import translate_all
    from guideway.elm.codec_json import read_json

    answer = reference[name]
    assert not answer.get("failure"), answer["failure"]
    assert not answer["errors"], answer["errors"]
    source = DictSource({n: LIBRARIES[n] for n in [name, *SUPPORT.get(name, [])] if n in LIBRARIES})
    diagnostics = []
    own = translate_all(source, [name], diagnostics=diagnostics)
    assert not [d for d in diagnostics if d.severity == "error"], "\n".join(d.as_text() for d in diagnostics)
    ways = {
        "reference": {define: theirs(value) for define, value in answer["results"].items()},
        "reference-elm": evaluate([read_json(library) for library in answer["elm"].values()], name),
        "guideway": evaluate(list(own.values()), name),
    }
    assert len(ways["guideway"]) > 5
    found = differences(name, ways)
    assert not found, "\n".join(found)


def test_every_listed_difference_exists_and_gives_a_reason():
    defines = {
        f"{name}.{define}" for name, text in LIBRARIES.items() for define in re.findall(r"^define (?:\w+ )?(\w+):", text, re.M)
    }
    for key, entry in DIFFERENCES.items():
        assert key in defines
        assert set(entry) == {"differs", "because"}
        assert set(entry["differs"]) <= {"reference", "reference-elm"}
        assert len(entry["because"]) > 20


def test_the_corpus_holds_at_least_two_hundred_expressions():
    assert sum(len(re.findall(r"^define ", text, re.M)) for text in LIBRARIES.values()) >= 200
