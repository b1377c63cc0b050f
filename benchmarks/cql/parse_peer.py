"""Runs in the peer's environment: parses the files named on standard input with fhir4ds-v2, prints JSON.

Takes ``{"files": [...], "rounds": n}``; gives for each file the shortest time in seconds, or the reason why it was not parsed.
"""

from __future__ import annotations

import json
import sys
import time

from fhir4ds.cql.parser import parse_cql


def main() -> None:
    request = json.load(sys.stdin)
    answer: dict[str, float | str] = {}
    for name in request["files"]:
        with open(name, encoding="utf-8") as stream:
            text = stream.read()
        try:
            best = float("inf")
            for _ in range(request["rounds"]):
                start = time.perf_counter()
                parse_cql(text)
                best = min(best, time.perf_counter() - start)
            answer[name] = best
        except Exception as error:
            answer[name] = f"{type(error).__name__}: {error}"
    json.dump(answer, sys.stdout)


main()
