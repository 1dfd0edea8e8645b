"""Prometheus metrics: counters of this process or, under gunicorn, of all its workers."""

import os
from datetime import datetime

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from license_server.activations.models import ActivationFlag
from license_server.licenses.store import count_by_status
from license_server.outbox.models import QUEUED, OutboxMail
from license_server.signing.models import SigningKey

CONTENT_TYPE = CONTENT_TYPE_LATEST

_check_ins = Counter(
    "license_server_check_ins", "Check-ins by their result: ok, or the refusal's code.", ["result"]
)
_check_in_seconds = Histogram(
    "license_server_check_in_duration_seconds",
    "How long check-ins took.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)


def count_check_in(result: str, seconds: float) -> None:
    """Count one check-in."""
    _check_ins.labels(result).inc()
    _check_in_seconds.observe(seconds)


def render(session: Session, now: datetime) -> bytes:
    """Return all metrics; the gauges are read from the database at this moment."""
    return generate_latest(_counters()) + generate_latest(_gauges(session, now))


def _counters() -> CollectorRegistry:
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


def _gauges(session: Session, now: datetime) -> CollectorRegistry:
    registry = CollectorRegistry()

    def gauge(name: str, text: str) -> Gauge:
        return Gauge(f"license_server_{name}", text, registry=registry)

    last = session.scalar(select(func.max(SigningKey.expires)))
    if last is not None:
        text = "When the last signing certificate ends; rotate thirty days before."
        gauge("signing_certificate_expiry_timestamp_seconds", text).set(last)
    waiting = select(func.count(OutboxMail.id)).where(OutboxMail.state == QUEUED)
    gauge("outbox_waiting", "Mails that are not delivered yet.").set(session.scalar(waiting) or 0)
    overdue = waiting.where(OutboxMail.next_attempt_at <= now)
    gauge("outbox_due", "Mails whose next attempt is due.").set(session.scalar(overdue) or 0)
    flags = select(func.count(ActivationFlag.id)).where(ActivationFlag.resolved_at.is_(None))
    gauge("open_flags", "Findings and suspected clones for staff to look at.").set(
        session.scalar(flags) or 0
    )
    licenses = Gauge(
        "license_server_licenses", "Licenses by status.", ["status"], registry=registry
    )
    for status, count in count_by_status(session).items():
        licenses.labels(status).set(count)
    return registry
