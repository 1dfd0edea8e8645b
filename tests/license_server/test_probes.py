"""Probes and metrics of the license server."""

from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from license_server.extensions import db
from tests.clocks import FakeClock
from tests.license_server.cast import Api, CustomerServer, refusal
from tests.license_server.conftest import set_up_keys


@pytest.mark.parametrize("path", ["/health", "/healthz"])
def test_a_living_server_says_so_without_a_database(
    make_server: Callable[..., Flask], tmp_path: Path, path: str
) -> None:
    client = make_server(f"sqlite:///{tmp_path / 'none.db'}").test_client()
    assert client.get(path).json == {"status": "ok", "version": "0.1.0"}


def test_a_server_is_ready_when_it_is_migrated_and_can_sign(
    make_server: Callable[..., Flask], tmp_path: Path, sqlite_url: str, root: object
) -> None:
    fresh = make_server(f"sqlite:///{tmp_path / 'none.db'}").test_client()
    answer = fresh.get("/readyz")
    assert refusal(answer) == (503, "not_ready")
    assert "db upgrade" in answer.json["detail"]
    app = make_server(sqlite_url)
    answer = app.test_client().get("/readyz")
    assert refusal(answer) == (503, "not_ready")
    assert "keys init" in answer.json["detail"]
    set_up_keys(app, root)
    app = make_server(sqlite_url)
    assert app.test_client().get("/readyz").status_code == 200


def test_a_server_whose_certificate_ended_is_not_ready(server: Flask, clock: FakeClock) -> None:
    client = server.test_client()
    clock.advance(100 * 86_400 - 1)
    assert client.get("/readyz").status_code == 200
    clock.advance(1)
    assert client.get("/readyz").status_code == 503


def test_a_server_without_its_database_is_not_ready(server: Flask) -> None:
    with server.app_context():
        path = Path(db.engine.url.database or "")
        db.engine.dispose()
    path.unlink()
    path.mkdir()
    answer = server.test_client().get("/readyz")
    assert refusal(answer) == (503, "not_ready")
    assert "database" in answer.json["detail"]


def test_metrics_tell_of_check_ins_licenses_mails_and_the_certificate(
    server: Flask, sentari: CustomerServer, clock: FakeClock
) -> None:
    sentari.check_in(findings=("tampered",))
    sentari.send("nonsense")
    text = server.test_client().get("/metrics").text
    expires = int(clock.now().timestamp()) + 100 * 86_400
    for line in (
        'license_server_check_ins_total{result="ok"}',
        'license_server_check_ins_total{result="malformed"}',
        "license_server_check_in_duration_seconds_count",
        'license_server_licenses{status="active"} 1.0',
        'license_server_licenses{status="revoked"} 0.0',
        "license_server_outbox_waiting 0.0",
        "license_server_outbox_failed 0.0",
        'license_server_mails_total{kind="license_key",result="sent"}',
        "license_server_open_flags 1.0",
        'license_server_key_warning{warning="no_certificate"} 0.0',
        'license_server_key_warning{warning="no_spare_root"} 1.0',
        f"license_server_signing_certificate_expiry_timestamp_seconds {float(expires)}",
    ):
        found = [seen for seen in text.splitlines() if seen.startswith(line.rsplit(" ", 1)[0])]
        assert found, line
        if " " in line:
            assert float(found[0].split()[-1]) == float(line.split()[-1])


def test_a_rotation_that_is_due_shows_in_the_metrics(server: Flask, clock: FakeClock) -> None:
    series = 'license_server_key_warning{warning="rotation_due"}'
    clock.advance(70 * 86_400 - 1)
    assert f"{series} 0.0" in server.test_client().get("/metrics").text
    clock.advance(1)
    assert f"{series} 1.0" in server.test_client().get("/metrics").text


def test_metrics_are_for_the_machine_itself_or_for_who_has_the_token(
    make_server: Callable[..., Flask], sqlite_url: str
) -> None:
    elsewhere = {"REMOTE_ADDR": "192.0.2.7"}
    plain = make_server(sqlite_url).test_client()
    assert plain.get("/metrics").status_code == 200
    assert refusal(plain.get("/metrics", environ_overrides=elsewhere)) == (403, "forbidden")
    client = make_server(sqlite_url, metrics_token="scrape me").test_client()
    assert client.get("/metrics").status_code == 401
    for token, status in (("scrape me", 200), ("scrape", 401), ("", 401)):
        headers = {"Authorization": f"Bearer {token}"}
        answer = client.get("/metrics", headers=headers, environ_overrides=elsewhere)
        assert answer.status_code == status


def test_an_address_behind_a_proxy_is_believed_only_when_configured(
    make_server: Callable[..., Flask], sqlite_url: str
) -> None:
    spoofed = {"X-Forwarded-For": "127.0.0.1"}
    elsewhere = {"REMOTE_ADDR": "192.0.2.7"}
    for proxies, status in ((0, 403), (1, 200)):
        client = make_server(sqlite_url, trusted_proxies=proxies).test_client()
        answer = client.get("/metrics", headers=spoofed, environ_overrides=elsewhere)
        assert answer.status_code == status


def test_the_interface_describes_itself(stranger: Api) -> None:
    document = stranger.get("/api/v1/openapi.json").json
    assert document["openapi"] == "3.1.0"
    assert "/api/v1/licenses/{license_id}/rekey" in document["paths"]
    assert "/metrics" not in document["paths"]
