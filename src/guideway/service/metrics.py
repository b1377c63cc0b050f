"""Prometheus metrics: requests, latencies, cards and what became of them, data that could not be had.

Labels are few and bounded: routes, service ids, statuses, plan and version; never a patient, never free text.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Where several workers keep their counters side by side, and what else they share; the library reads it when it is imported."""
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


def _forget_the_dead(folder: Path) -> None:
    """Leave out what workers that are gone had under way: nobody else takes back what a killed one counted."""
    for file in folder.glob("gauge_live*.db"):
        number = file.stem.rpartition("_")[2]
        if number.isdigit() and not _lives(int(number)):
            file.unlink(missing_ok=True)


def _lives(process: int) -> bool:
    if os.name == "nt":  # there a signal would end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


class _Given(Collector):
    """Numbers counted elsewhere; unlike a Gauge they are not kept beside those of other workers."""

    def __init__(self, family: Metric) -> None:
        self.family = family

    def collect(self) -> Iterable[Metric]:
        return [self.family]


class Metrics:
    """The counters, of all workers together where there are several; feedback is counted from the store, which they share."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        self.requests = Counter("guideway_requests", "Requests answered", ["route", "method", "status"], registry=registry)
        self.seconds = Histogram("guideway_request_seconds", "Time to answer", ["route"], buckets=BUCKETS, registry=registry)
        self.cards = Counter("guideway_cards", "Cards made", ["service", "indicator", "shadow"], registry=registry)
        self.incomplete = Counter(
            "guideway_incomplete", "Requests answered with 412: data could not be obtained", ["service"], registry=registry
        )
        self.refused = Counter(
            "guideway_refused", "Requests refused for their token, rate or size", ["status"], registry=registry
        )
        self.under_way = Gauge(
            "guideway_requests_under_way", "Requests being answered", registry=registry, multiprocess_mode="livesum"
        )

    def text(self, feedback: list[dict[str, Any]], recommendations: list[dict[str, Any]]) -> tuple[bytes, str]:
        """The exposition text and its content type: rows of ``Store.feedback_counts`` and ``Store.recommendation_feedback``."""
        labels = ["plan", "version", "outcome", "reason"]
        counts = GaugeMetricFamily(
            "guideway_card_outcomes", "Cards shown, accepted and overridden since the store began", labels=labels
        )
        for row in feedback:
            counts.add_metric([row[label] for label in labels], row["count"])
        each = GaugeMetricFamily(
            "guideway_recommendation_outcomes",
            "Recommendations whose suggestion was accepted, or whose card was overridden, since the store began",
            labels=["plan", "version", "action", "outcome", "reason"],
        )
        for row in recommendations:
            each.add_metric([row[label] for label in ("plan", "version", "action", "outcome", "reason")], row["count"])
        shared = CollectorRegistry()
        shared.register(_Given(counts))
        shared.register(_Given(each))
        own = self.registry
        if folder := os.environ.get(SHARED_FOLDER):
            _forget_the_dead(Path(folder))
            own = CollectorRegistry()
            multiprocess.MultiProcessCollector(own)  # type: ignore[no-untyped-call]
        return generate_latest(own) + generate_latest(shared), CONTENT_TYPE
