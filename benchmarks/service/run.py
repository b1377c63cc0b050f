"""How fast the service answers, relative to its own ASGI stack answering a constant; and whether it keeps its memory.

Three processes are asked one after the other, request by request, with the same body (patient-view, a prefetch of about 120 KB
with an answer for every template): the service, its own stack around a constant answer, and a bare stack (peer.py). Medians are
compared, so a slow moment of the machine falls on all alike; the processor time of the service a request is given beside them.
The same is done for a patient without the disease, as most of those are that an EHR asks about. Then eight clients at once ask
the service alone; then its resident memory after 1,000 and after 10,000 requests (of the lighter of the two CDS services, to be
done in minutes) is compared. ``--quick`` leaves out the last, ``--memory`` everything else.

    .venv/bin/python benchmarks/service/run.py
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
EXAMPLE = ROOT / "examples" / "aggressive-sm-neutrophils-0-8.json"
ORDINARY = ROOT / "examples" / "no-mast-cell-disease.json"
SERVICES = ("systemic-mastocytosis-pathway-patient-view", "low-dose-naltrexone-in-mcas-patient-view")
"""The service with the most to say, and one with the least."""
SIZE = 120_000
PANEL = (
    ("2951-2", "Sodium", "mmol/L"), ("2823-3", "Potassium", "mmol/L"), ("2075-0", "Chloride", "mmol/L"),
    ("3094-0", "Urea nitrogen", "mg/dL"), ("2160-0", "Creatinine", "mg/dL"), ("17861-6", "Calcium", "mg/dL"),
    ("1920-8", "AST", "U/L"), ("1742-6", "ALT", "U/L"), ("6768-6", "Alkaline phosphatase", "U/L"),
    ("1975-2", "Bilirubin", "mg/dL"), ("2345-7", "Glucose", "mg/dL"), ("8480-6", "Systolic blood pressure", "mm[Hg]"),
    ("8462-4", "Diastolic blood pressure", "mm[Hg]"), ("29463-7", "Body weight", "kg"),
)  # fmt: skip
MARK = "00000000-0000-4000-8000-000000000000"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextlib.contextmanager
def running(command: list[str], port: int, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, env=os.environ | environment, stdin=subprocess.DEVNULL)
    try:
        for _ in range(600):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            if process.poll() is not None:
                raise SystemExit(f"{command} ended with {process.returncode}")
            time.sleep(0.1)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def ask(connection: http.client.HTTPConnection, body: bytes, service: str) -> bytes:
    fresh = body.replace(MARK.encode(), str(uuid.uuid4()).encode())
    connection.request("POST", f"/cds-services/{service}", fresh, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    content = answer.read()
    if answer.status != 200:
        raise SystemExit(f"{answer.status}: {content[:500]!r}")
    return content


def resources_of(example: Path) -> list[dict[str, Any]]:
    return [entry["resource"] for entry in json.loads(example.read_text("utf-8"))["entry"]]


def request_body(discovery: dict[str, Any], example: Path) -> bytes:
    """A request for the example's patient with years of visits behind: at each the usual laboratory panel (with the counts that
    the guideline reads), blood pressure and weight."""
    resources = resources_of(example)
    patient = next(r for r in resources if r["resourceType"] == "Patient")
    subject = {"subject": {"reference": f"Patient/{patient['id']}"}}
    tests = [r | subject for r in resources_of(EXAMPLE) if r["resourceType"] == "Observation" and "valueQuantity" in r]
    chance = random.Random(1)
    (templates,) = [s["prefetch"] for s in discovery["services"] if s["id"] == SERVICES[0]]
    visit = 0
    while True:
        prefetch: dict[str, Any] = {}
        for key, query in templates.items():
            kind = query.partition("?")[0].partition("/")[0]
            found = [{"resource": r} for r in resources if r["resourceType"] == kind]
            prefetch[key] = patient if kind == "Patient" else {"resourceType": "Bundle", "type": "searchset", "entry": found}
        context = {"userId": "Practitioner/1", "patientId": patient["id"]}
        body = json.dumps({"hook": "patient-view", "hookInstance": MARK, "context": context, "prefetch": prefetch}).encode()
        if len(body) >= SIZE:
            return body
        visit += 1
        date = f"{2026 - visit // 6}-{1 + 2 * (visit % 6):02}-10"
        if date > "2026-05":
            continue
        for test in tests:
            value = test["valueQuantity"] | {"value": round(chance.uniform(3, 9), 2)}
            resources.append(test | {"id": f"{test['id']}-{visit}", "effectiveDateTime": date, "valueQuantity": value})
        for code, display, unit in PANEL:
            quantity = {
                "value": round(chance.uniform(1, 150), 1),
                "unit": unit,
                "system": "http://unitsofmeasure.org",
                "code": unit,
            }
            resources.append(
                {
                    "resourceType": "Observation", "id": f"l{code}-{visit}", "status": "final", **subject,
                    "code": {"coding": [{"system": "http://loinc.org", "code": code, "display": display}], "text": display},
                    "effectiveDateTime": date, "valueQuantity": quantity,
                }
            )  # fmt: skip


def memory(process: subprocess.Popen[bytes]) -> int:
    """Resident memory in KB."""
    return int(Path(f"/proc/{process.pid}/status").read_text().partition("VmRSS:")[2].split()[0])


def processor(process: subprocess.Popen[bytes]) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def many(port: int, body: bytes, service: str, clients: int, count: int) -> list[float]:
    """The seconds of ``count`` requests by ``clients`` at once."""
    found: list[float] = []

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while len(found) < count:
            start = time.perf_counter()
            ask(connection, body, service)
            found.append(time.perf_counter() - start)
        connection.close()

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def part(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="without the 10,000 requests")
    parser.add_argument("--memory", action="store_true", help="only the 10,000 requests")
    parser.add_argument("--rounds", type=int, default=400)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        ports = {name: free_port() for name in ("service", "constant", "bare")}
        served = {
            "GUIDEWAY_SERVE_STORE_URL": f"sqlite:///{folder}/store.sqlite3",
            "GUIDEWAY_SERVE_REQUESTS_PER_MINUTE": "100000000",
            "GUIDEWAY_SERVE_LOG_LEVEL": "warning",
        }
        command = [sys.executable, "-m", "guideway", "serve", "--port", str(ports["service"])]
        service = stack.enter_context(running(command, ports["service"], **served))
        connections = {name: http.client.HTTPConnection("127.0.0.1", port, timeout=60) for name, port in ports.items()}
        connections["service"].request("GET", "/cds-services")
        discovery = json.loads(connections["service"].getresponse().read())
        body = request_body(discovery, EXAMPLE)
        print(f"request: {len(body):,} bytes")
        if options.memory:
            keeps_its_memory(ports["service"], body, service)
            return
        answer = Path(folder) / "answer.json"
        answer.write_bytes(ask(connections["service"], body, SERVICES[0]))
        for name in ("constant", "bare"):
            told = {
                "PEER_PORT": str(ports[name]),
                "PEER_ANSWER": str(answer),
                "PEER_STACK": "whole" if name == "constant" else "bare",
                "GUIDEWAY_SERVE_STORE_URL": f"sqlite:///{folder}/{name}.sqlite3",
                "GUIDEWAY_SERVE_PORT": str(ports[name]),
                "GUIDEWAY_SERVE_REQUESTS_PER_MINUTE": "100000000",
            }
            stack.enter_context(running([sys.executable, str(HERE / "peer.py")], ports[name], **told))
        for name in SERVICES:
            compare(connections, body, name, options.rounds, service)
        print("a patient without the disease")
        ordinary = request_body(discovery, ORDINARY)
        for name in SERVICES:
            compare(connections, ordinary, name, options.rounds, service)
        found = many(ports["service"], body, SERVICES[0], 8, 2 * options.rounds)
        print(f"{SERVICES[0]}, 8 clients at once: p50 {part(found, 0.5) * 1000:.1f} ms, p99 {part(found, 0.99) * 1000:.1f} ms")
        if not options.quick:
            keeps_its_memory(ports["service"], body, service)


def keeps_its_memory(port: int, body: bytes, service: subprocess.Popen[bytes]) -> None:
    """Ask 10,000 times, and print the resident memory on the way and at the end."""
    many(port, body, SERVICES[1], 2, 1000)
    early = memory(service)
    many(port, body, SERVICES[1], 2, 9000)
    late = memory(service)
    print(f"resident memory after 1,000 requests {early:,} KB, after 10,000 {late:,} KB: {late / early:.3f}")


def compare(
    connections: dict[str, http.client.HTTPConnection],
    body: bytes,
    service: str,
    rounds: int,
    process: subprocess.Popen[bytes],
) -> None:
    """Ask all three in turn, and print what came of it."""
    cards = len(json.loads(ask(connections["service"], body, service))["cards"])
    times: dict[str, list[float]] = {name: [] for name in connections}
    before = processor(process)
    for number in range(rounds + 10):
        for name, connection in connections.items():
            start = time.perf_counter()
            ask(connection, body, service)
            if number >= 10:
                times[name].append(time.perf_counter() - start)
    median = {name: statistics.median(values) for name, values in times.items()}
    print(f"{service} ({cards} cards)")
    for name, values in times.items():
        print(f"  {name:9} p50 {median[name] * 1000:7.2f} ms   p99 {part(values, 0.99) * 1000:7.2f} ms")
    used = (processor(process) - before) / (rounds + 10) * 1000
    print(f"  processor time of the service: {used:.1f} ms a request")
    print(f"  p50 relative to its own stack around a constant: {median['service'] / median['constant']:.1f}")
    print(f"  p50 relative to a bare stack: {median['service'] / median['bare']:.1f}", flush=True)


if __name__ == "__main__":
    main()
