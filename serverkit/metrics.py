"""What both servers need to answer Prometheus: all workers' counters, and who may ask."""

import hmac
import ipaddress
import os
from collections.abc import Iterable, Iterator

from flask import request
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from serverkit.problems import Problem
from serverkit.worker_files import METRICS_VARIABLE

CONTENT_TYPE = CONTENT_TYPE_LATEST

# The workers' shared files have no room for them, and both ways must look the same.
disable_created_metrics()  # type: ignore[no-untyped-call]


class _Found(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        yield from self._families


def exposition(counters: CollectorRegistry, found: Iterable[Metric]) -> bytes:
    """Return Prometheus' text: what was counted, in all workers, and what was found just now.

    What is found is given as families and not as gauges: a gauge would be kept in the workers'
    files, for ever and once for each worker.
    """
    moment = CollectorRegistry()
    moment.register(_Found(found))
    return generate_latest(_of_all_workers(counters)) + generate_latest(moment)


def _of_all_workers(counters: CollectorRegistry) -> CollectorRegistry:
    if METRICS_VARIABLE not in os.environ:
        return counters
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


def forget_worker(pid: int) -> None:
    """Keep what a worker counted that has ended, and nothing else of it."""
    mark_process_dead(pid)  # type: ignore[no-untyped-call]


def scrape_refusal(token: str | None, variable: str) -> Problem | None:
    """Return why the request may not see the metrics, or None when it may.

    With a token it has to be sent as a bearer token; without one, only peers on the machine
    itself are answered.
    """
    if token is None:
        if _from_loopback():
            return None
        detail = f"Only this machine may ask while {variable} is not set."
        return Problem(403, "forbidden", "Not allowed", detail)
    if _has_token(token):
        return None
    detail = f"Send the value of {variable}: Authorization: Bearer ..."
    headers = {"WWW-Authenticate": "Bearer"}
    return Problem(401, "unauthenticated", "Not authenticated", detail, headers=headers)


def _has_token(token: str) -> bool:
    scheme, _, offered = request.headers.get("Authorization", "").partition(" ")
    # WSGI hands the header's bytes over as Latin-1.
    given = offered.strip().encode("latin-1", "replace")
    return hmac.compare_digest(given, token.encode()) and scheme.lower() == "bearer"


def _from_loopback() -> bool:
    try:
        peer = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:
        return False
    return (getattr(peer, "ipv4_mapped", None) or peer).is_loopback
