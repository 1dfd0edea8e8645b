"""Prometheus metrics: counters of this process or, under gunicorn, of all its workers."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from license_server.activations.models import ActivationFlag
from license_server.licenses.store import count_by_status
from license_server.outbox.models import FAILED, QUEUED, OutboxMail
from license_server.signing.ceremony import key_warnings
from license_server.signing.models import SigningKey
from license_server.signing.rules import Warn
from serverkit.metrics import exposition

_counters = CollectorRegistry()
_check_ins = Counter(
    "license_server_check_ins",
    "Check-ins by their result: ok, or the refusal's code.",
    ["result"],
    registry=_counters,
)
_check_in_seconds = Histogram(
    "license_server_check_in_duration_seconds",
    "How long check-ins took.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
    registry=_counters,
)
_mails = Counter(
    "license_server_mails",
    "Attempts to send a mail, by its kind and result: sent, put_off or failed.",
    ["kind", "result"],
    registry=_counters,
)


def count_check_in(result: str, seconds: float) -> None:
    """Count one check-in."""
    _check_ins.labels(result).inc()
    _check_in_seconds.observe(seconds)


def count_mails(counts: Mapping[tuple[str, str], int]) -> None:
    """Count attempts to send, given by (kind, result)."""
    for (kind, result), count in counts.items():
        _mails.labels(kind, result).inc(count)


def render(session: Session, now: datetime) -> bytes:
    """Return all metrics; the gauges are read from the database at this moment."""
    return exposition(_counters, _gauges(session, now))


def _gauges(session: Session, now: datetime) -> Iterator[Metric]:
    last = session.scalar(select(func.max(SigningKey.expires)))
    if last is not None:
        text = "When the last signing certificate ends; rotate thirty days before."
        yield _gauge("signing_certificate_expiry_timestamp_seconds", text, last)
    due = {warning.kind for warning in key_warnings(session, now)}
    text = "Whether staff should do something about the keys; see keys list."
    keys = GaugeMetricFamily("license_server_key_warning", text, labels=["warning"])
    for kind in Warn:
        keys.add_metric([kind.value], float(kind in due))
    yield keys
    mails = select(func.count(OutboxMail.id))
    waiting = mails.where(OutboxMail.state == QUEUED)
    yield _gauge("outbox_waiting", "Mails that are not delivered yet.", session.scalar(waiting))
    failed = mails.where(OutboxMail.state == FAILED)
    text = "Mails that are not tried any more until somebody looks at them."
    yield _gauge("outbox_failed", text, session.scalar(failed))
    overdue = waiting.where(OutboxMail.next_attempt_at <= now)
    yield _gauge("outbox_due", "Mails whose next attempt is due.", session.scalar(overdue))
    flags = select(func.count(ActivationFlag.id)).where(ActivationFlag.resolved_at.is_(None))
    text = "Findings and suspected clones for staff to look at."
    yield _gauge("open_flags", text, session.scalar(flags))
    licenses = GaugeMetricFamily(
        "license_server_licenses", "Licenses by status.", labels=["status"]
    )
    for status, count in count_by_status(session).items():
        licenses.add_metric([status], count)
    yield licenses


def _gauge(name: str, text: str, value: int | None) -> Metric:
    return GaugeMetricFamily(f"license_server_{name}", text, value=value or 0)
