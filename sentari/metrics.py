"""Prometheus metrics: what the workers counted, and the license as the database has it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from sqlalchemy.orm import Session

from sentari.audit import service as audit
from sentari.licensing import history, store
from sentari.licensing.dates import moment
from sentari.licensing.snapshot import Snapshot
from sentari.licensing.state import LicenseStatus, State
from sentari.licensing.tally import Tally, read_tally
from serverkit.metrics import exposition

METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})

_counters = CollectorRegistry()
_requests = Counter(
    "sentari_http_requests",
    "HTTP requests by method and status.",
    ["method", "status"],
    registry=_counters,
)
_request_seconds = Histogram(
    "sentari_http_request_duration_seconds",
    "How long HTTP requests took until the answer began, by endpoint.",
    ["endpoint"],
    buckets=(0.01, 0.05, 0.25, 1, 5),
    registry=_counters,
)
_scans = Counter(
    "sentari_scans_ingested",
    "Scans that were accepted, by what became of them.",
    ["result"],
    registry=_counters,
)
_denied = Counter(
    "sentari_license_denied_requests",
    "Requests answered 402, by the license's state and the endpoint's gate class.",
    ["state", "class"],
    registry=_counters,
)
_log_anomalies = Counter(
    "sentari_agent_log_anomalies",
    "What was found wrong with the logs that agents ship, by kind; each once.",
    ["kind"],
    registry=_counters,
)


def count_request(method: str, status: int, endpoint: str | None, seconds: float) -> None:
    """Count one answered request; what strangers can make up is not a label of its own."""
    _requests.labels(method if method in METHODS else "other", status).inc()
    _request_seconds.labels(endpoint or "none").observe(seconds)


def count_scan(result: str) -> None:
    """Count one scan that was accepted."""
    _scans.labels(result).inc()


def count_log_anomaly(kind: str) -> None:
    """Count one broken rule of an agent's log."""
    _log_anomalies.labels(kind).inc()


def count_denied(state: str, gate_class: str) -> None:
    """Count one request that the license closed the door to."""
    _denied.labels(state, gate_class).inc()


def expect_denials(pairs: Iterable[tuple[str, str]]) -> None:
    """Start these (state, gate class) at 0, so that the first denial shows as an increase."""
    for state, gate_class in pairs:
        _denied.labels(state, gate_class)


def expect_scans(results: Iterable[str]) -> None:
    """Start these results at 0."""
    for result in results:
        _scans.labels(result)


def expect_log_anomalies(kinds: Iterable[str]) -> None:
    """Start these kinds at 0."""
    for kind in kinds:
        _log_anomalies.labels(kind)


@dataclass(frozen=True)
class LicenseReading:
    """What is told of the license; `clock_offsets` are in seconds, by what they were seen by."""

    status: LicenseStatus
    kid: str | None
    tally: Tally
    succeeded_at: datetime | None
    tamper_detections: int
    clock_offsets: Mapping[str, float] = field(default_factory=dict)


def read_license(session: Session, snapshot: Snapshot) -> LicenseReading:
    """Return the license of this very moment: the same whichever worker is asked."""
    status = snapshot.refresh()
    record = store.check_in_record(session)
    return LicenseReading(
        status=status,
        kid=snapshot.kid,
        tally=read_tally(session),
        succeeded_at=record.succeeded_at if record else None,
        tamper_detections=audit.count(session, history.TAMPER_DETECTED),
        clock_offsets=status.facts.clock.offsets,
    )


def render(reading: LicenseReading) -> bytes:
    """Return all metrics as Prometheus' text."""
    return exposition(_counters, license_families(reading))


def license_families(reading: LicenseReading) -> Iterator[Metric]:
    """Yield the license's metrics; without a license only its state and the check-ins."""
    state = GaugeMetricFamily(
        "sentari_license_state", "1 for the license's state, 0 for all others.", labels=["state"]
    )
    for each in State:
        state.add_metric([each.value], float(each is reading.status.state))
    yield state
    yield _check_ins(reading.tally)
    if reading.status.state is State.UNLICENSED:
        return
    yield from _of_any_license(reading)
    yield from _of_the_claims(reading)


def _check_ins(tally: Tally) -> Metric:
    family = CounterMetricFamily(
        "sentari_license_check_ins",
        "Check-ins by result and named cause, of all replicas and since the installation.",
        labels=["result", "cause"],
    )
    for outcome, count in tally.outcomes.items():
        family.add_metric(outcome, count)
    return family


def _durations(tally: Tally) -> Metric:
    up_to = accumulate(tally.within.values())
    return HistogramMetricFamily(
        "sentari_license_check_in_duration_seconds",
        "How long check-ins took, of all replicas and since the installation.",
        buckets=list(zip(tally.within, up_to, strict=True)),
        sum_value=tally.seconds,
    )


def _of_any_license(reading: LicenseReading) -> Iterator[Metric]:
    usage = reading.status.usage
    yield _durations(reading.tally)
    yield CounterMetricFamily(
        "sentari_license_tamper_detected",
        "Contradictions to the signed license that the audit log has.",
        value=reading.tamper_detections,
    )
    yield _gauge("license_devices", "Enrolled devices.", usage.devices)
    yield _gauge("license_packages", "Packages tracked across all devices.", usage.packages)
    if reading.succeeded_at is not None:
        yield _time("last_check_in_success", "When a reply was applied last.", reading.succeeded_at)
    if reading.clock_offsets:
        yield _clock(reading.clock_offsets)


def _of_the_claims(reading: LicenseReading) -> Iterator[Metric]:
    claims, deadlines = reading.status.claims, reading.status.deadlines
    if claims is None or deadlines is None:
        return  # What is stored does not verify: nothing it says is known.
    info = GaugeMetricFamily(
        "sentari_license_info",
        "The license in force, its tier, and the key that signed it.",
        labels=["license_id", "tier", "kid"],
    )
    info.add_metric([claims.license_id, claims.terms.tier, reading.kid or ""], 1)
    yield info
    issued_at = moment(claims.issued_at)
    yield _time("issued", "When the vendor signed the license in force.", issued_at)
    yield _time("expiry", "When the license stops being valid.", deadlines.expiry)
    yield _time("grace_end", "When writes stop.", deadlines.grace_end)
    yield _time("read_only_end", "When the server locks.", deadlines.read_only_end)
    text = "When the server locks unless it checks in before."
    yield _time("offline_deadline", text, deadlines.offline)
    limits = reading.status.limits
    for noun, limit in (("devices", limits.devices), ("packages", limits.packages)):
        if limit is not None:
            text = f"How many {noun} the license allows; absent when that is unlimited."
            yield _gauge(f"license_{noun}_limit", text, limit)


def _clock(offsets: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(
        "sentari_clock_offset_seconds",
        "How far the wall clock is ahead of what it was compared with.",
        labels=["source"],
    )
    for source, seconds in offsets.items():
        family.add_metric([source], round(seconds, 3))  # no machine is set to the microsecond
    return family


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"sentari_{name}", text, value=value)


def _time(name: str, text: str, at: datetime) -> Metric:
    return _gauge(f"license_{name}_timestamp_seconds", text, at.timestamp())
