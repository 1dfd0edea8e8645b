"""In airgap mode the real server opens no connection and looks up no name, whatever it is asked."""

import html
import re
import time
from pathlib import Path

import pytest
import requests

from license_token.armor import armor_license, unarmor
from license_token.license_key import LicenseKey
from serverkit.clock import SystemClock
from tests.live.conftest import ServerFactory, scan
from tests.live.servers import Server, Vendor, form_token
from tests.simulators.license_server import LicenseServerSimulator

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]

BAN = Path(__file__).parent / "socket_ban"
PAGE = "/settings/license"
PAGES = ("/", "/devices", "/packages", "/audit", PAGE, f"{PAGE}/offline", "/metrics", "/readyz")


def banned(record: Path, **settings: str) -> dict[str, str]:
    """Settings of a server in which every way out fails and is written down."""
    return {"PYTHONPATH": str(BAN), "SOCKET_BAN_RECORD": str(record), **settings}


def attempts(record: Path) -> list[str]:
    return record.read_text().splitlines() if record.exists() else []


def post(server: Server, session: requests.Session, path: str, **form: str) -> requests.Response:
    page = session.get(f"{server.url}{PAGE}", timeout=20).text
    data = {"csrf_token": form_token(page), **form}
    return session.post(f"{server.url}{path}", data=data, timeout=30)


def hidden(page: str) -> str:
    found = re.search(r'<input type="hidden" name="license_key" value="([^"]*)"', page)
    assert found is not None, page
    return html.unescape(found[1])


def test_the_whole_life_of_an_air_gapped_server_opens_no_connection_and_looks_up_no_name(
    make_server: ServerFactory, tmp_path: Path
) -> None:
    record = tmp_path / "attempts"
    clock = SystemClock()
    issuer = "https://license.example.com"  # a name that would have to be looked up
    vendor = LicenseServerSimulator(issuer, clock)
    roots = tmp_path / "roots.json"
    roots.write_text(vendor.roots_json)
    server = make_server(
        **banned(
            record,
            SENTARI_LICENSE_MODE="airgap",
            SENTARI_LICENSE_SERVER_URL=issuer,
            SENTARI_LICENSE_PUBLIC_KEY_PATH=str(roots),
            SENTARI_HTTPS_PROXY="http://proxy.example.com:3128",
            SENTARI_LICENSE_CHECK_INTERVAL_SECONDS="60",
        )
    )
    session = server.browser()
    key = vendor.issue(max_offline_days=90)
    assert (
        "makes no outbound license calls" in post(server, session, PAGE, license_key=key.text).text
    )
    request = session.get(f"{server.url}{PAGE}/request", timeout=20).text
    reply = armor_license(vendor.answer(unarmor(request)))
    preview = post(server, session, PAGE, license_key=reply).text
    installed = post(server, session, f"{PAGE}/reply", license_key=hidden(preview))
    assert "The license is installed." in installed.text
    assert "No connection is made" in post(server, session, f"{PAGE}/connection-test").text
    assert "makes no outbound license calls" in post(server, session, f"{PAGE}/check-in").text
    device = server.register("host-1").json()
    assert server.upload(device, scan("server-459")).status_code == 202
    for path in PAGES:
        assert session.get(f"{server.url}{path}", timeout=20).status_code == 200, path
    server.flask("license", "status")
    assert "No connection is made" in server.flask("license", "doctor")
    time.sleep(6)  # the scheduler's next look, at which a check-in would be due
    assert server.license()["state"] == "active"
    assert server.server.stop() == 0
    assert attempts(record) == []


def test_the_ban_catches_a_server_that_is_not_air_gapped(
    make_server: ServerFactory, vendor: Vendor, tmp_path: Path
) -> None:
    record = tmp_path / "attempts"
    server = make_server(**banned(record, SENTARI_LICENSE_SERVER_URL="https://license.example.com"))
    answer = server.install(LicenseKey.generate().text)
    assert answer.status_code == 502, answer.text
    assert any("getaddrinfo license.example.com" in line for line in attempts(record))
