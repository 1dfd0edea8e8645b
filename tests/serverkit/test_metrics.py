"""Who may see the metrics, and one text for what was counted and what was found."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.metrics_core import GaugeMetricFamily

from serverkit.metrics import exposition, scrape_refusal
from tests.exposition import read

ROOT = Path(__file__).parents[2]


def status(token: str | None, peer: str, authorization: str | bytes = "") -> int:
    """Return what a request would be answered with, 200 when it may see the metrics."""
    if isinstance(authorization, bytes):
        authorization = authorization.decode("latin-1")
    environment = {"REMOTE_ADDR": peer, "HTTP_AUTHORIZATION": authorization}
    with Flask(__name__).test_request_context("/metrics", environ_overrides=environment):
        refusal = scrape_refusal(token, "A_TOKEN")
    assert refusal is None or "A_TOKEN" in refusal.detail
    return refusal.status if refusal else 200


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ("127.0.0.1", 200),
        ("127.255.255.254", 200),
        ("126.255.255.255", 403),
        ("128.0.0.0", 403),
        ("::1", 200),
        ("::2", 403),
        ("::ffff:127.0.0.1", 200),
        ("::ffff:192.0.2.7", 403),
        ("10.0.0.1", 403),
        ("localhost", 403),
        ("", 403),
    ],
)
def test_without_a_token_only_the_machine_itself_is_answered(peer: str, expected: int) -> None:
    assert status(None, peer) == expected


@pytest.mark.parametrize(
    ("authorization", "expected"),
    [
        ("Bearer scrape me", 200),
        ("bearer  scrape me ", 200),
        ("Bearer scrape m", 401),
        ("Bearer scrape me!", 401),
        ("Bearer SCRAPE ME", 401),
        ("Bearer ", 401),
        ("Bearer", 401),
        ("Basic scrape me", 401),
        ("scrape me", 401),
        ("", 401),
        ("Bearer žluťoučký".encode(), 401),
    ],
)
def test_with_a_token_it_has_to_be_sent_whoever_asks(
    authorization: str | bytes, expected: int
) -> None:
    for peer in ("127.0.0.1", "192.0.2.7"):
        assert status("scrape me", peer, authorization) == expected


def test_a_token_may_have_any_letters() -> None:
    assert status("žluťoučký", "192.0.2.7", "Bearer žluťoučký".encode()) == 200


def test_a_refusal_for_want_of_a_token_says_how_to_send_it() -> None:
    with Flask(__name__).test_request_context("/metrics"):
        refusal = scrape_refusal("scrape me", "A_TOKEN")
    assert refusal is not None
    assert refusal.headers == {"WWW-Authenticate": "Bearer"}
    assert "scrape me" not in refusal.detail


def test_what_was_counted_and_what_was_found_are_one_text() -> None:
    registry = CollectorRegistry()
    Counter("kettles", "Kettles.", registry=registry).inc(2)
    found = [GaugeMetricFamily("water_celsius", "Water.", value=81.5)]
    samples = read(exposition(registry, found).decode())
    assert samples == {"kettles_total": {(): 2.0}, "water_celsius": {(): 81.5}}


def test_all_processes_count_together_and_tell_what_they_found_once(tmp_path: Path) -> None:
    script = """
import os
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.metrics_core import GaugeMetricFamily
from serverkit.metrics import exposition, forget_worker
registry = CollectorRegistry()
kettles = Counter("kettles", "Kettles.", registry=registry)
for _ in range(3):
    if (child := os.fork()) == 0:
        kettles.inc()
        exposition(registry, [GaugeMetricFamily("water", "Water.", value=1)])
        os._exit(0)
    os.waitpid(child, 0)
    forget_worker(child)
print(exposition(registry, [GaugeMetricFamily("water", "Water.", value=2)]).decode())
"""
    environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert read(done.stdout) == {"kettles_total": {(): 3.0}, "water": {(): 2.0}}
    assert not list(tmp_path.glob("gauge*")), "nothing that was found is kept"
