"""Another way of writing the request that a locked server refuses: request -> its answer.

Sent as bytes to a real gunicorn, since what matters is what the server in front of the app makes
of them. The walk over every endpoint in every state is tests/sentari/web/test_gate_map.py.
"""

import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.attacks.site import STATIC_TOKEN, Site
from tests.conftest import SECRET
from tests.live.servers import Process, environment, free_port

pytestmark = pytest.mark.live

READ = "/api/v1/inventory/summary"
SCAN = "/api/v1/agent/scan"
PROXY_SECRET = "the terminator's secret of the attacks"
LOCKED, NOTHING, NO_METHOD, NO_HTTP = 402, 404, 405, 400
MOVED = 308


@dataclass(frozen=True)
class LockedServer:
    """A gunicorn whose license was revoked, with an admin's and a device's token."""

    port: int
    admin: str
    device: str

    def ask(self, line: str, *headers: str, token: str | None = None) -> tuple[int, bytes]:
        """Send one request as it is written and return the answer's status and body."""
        head = [line, "Host: localhost", "Connection: close", "Content-Length: 0", *headers]
        head.append(f"Authorization: Bearer {token or self.admin}")
        with socket.create_connection(("127.0.0.1", self.port), 10) as connection:
            connection.sendall(("\r\n".join(head) + "\r\n\r\n").encode("latin-1"))
            received = b""
            while data := connection.recv(65_536):
                received += data
        if received.startswith(b"HTTP/1.1 100"):
            received = received.partition(b"\r\n\r\n")[2]
        answer, _, body = received.partition(b"\r\n\r\n")
        return int(answer.split()[1]), body


@pytest.fixture(scope="module")
def server(_online: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LockedServer]:
    site, directory = _online, tmp_path_factory.mktemp("locked")
    site.reset()
    site.vendor.change(site.sold, "revoke")
    site.refresh()
    copy = site.snapshot("locked")
    site.close()
    shutil.move(copy, directory / "sentari.db")
    env = environment(
        SENTARI_DATA_DIR=str(directory),
        SENTARI_SECRET_KEY=SECRET,
        SENTARI_LICENSE_MODE="airgap",
        SENTARI_LICENSE_PUBLIC_KEY_PATH=str(site.settings.license_public_key_path),
        SENTARI_ENROLLMENT_TOKEN=STATIC_TOKEN,
        SENTARI_PROXY_AUTH_SECRET=PROXY_SECRET,
    )
    process = Process(env, free_port(), directory / "log", ("--workers", "1"))
    process.start()
    yield LockedServer(process.port, site.admin, site.device_token)
    process.stop()


PATHS = {
    READ: LOCKED,
    f"/{READ}": LOCKED,
    f"//{READ}": LOCKED,
    "/api//v1/inventory/summary": MOVED,
    "/api/v1//inventory/summary": MOVED,
    f"{READ}/": NOTHING,
    f"{READ}//": NOTHING,
    "/api/v1/inventory/./summary": NOTHING,
    "/api/v1/x/../inventory/summary": NOTHING,
    "/api/v1/license/../inventory/summary": NOTHING,
    "/healthz/../api/v1/inventory/summary": NOTHING,
    "/static/../api/v1/inventory/summary": NOTHING,
    "/static/%2e%2e/api/v1/inventory/summary": NOTHING,
    "/settings/license/../../devices": NOTHING,
    "/settings/license/..%2f..%2fdevices": NOTHING,
    "/api/v1/agent/../inventory/summary": NOTHING,
    "//api/v1/agent//../inventory/summary": NOTHING,
    "/api/v1/inventory/%2e/summary": NOTHING,
    "/api/v1/inventory%2fsummary": LOCKED,
    "/%61pi/v1/inventory/summary": LOCKED,
    "/API/V1/inventory/summary": NOTHING,
    f"{READ}%00": NOTHING,
    f"{READ}%20": NOTHING,
    f"{READ}%2f": NOTHING,
    f"{READ};x=1": NOTHING,
    f"{READ}.json": NOTHING,
    f"{READ}?_method=OPTIONS": LOCKED,
    f"{READ}?license_state=active": LOCKED,
    f"{READ}#/healthz": LOCKED,
    f"http://localhost{READ}": LOCKED,
    f"http://localhost/healthz{READ}": NOTHING,
    f"x{READ}": NO_HTTP,
    "\\api\\v1\\inventory\\summary": NO_HTTP,
    "*": NO_HTTP,
}
METHODS = {
    "HEAD": LOCKED,
    "OPTIONS": LOCKED,
    "TRACE": NO_METHOD,
    "CONNECT": NO_METHOD,
    "PROPFIND": NO_METHOD,
    "QUERY": NO_METHOD,
    "POST": NO_METHOD,
    "PUT": NO_METHOD,
    "PATCH": NO_METHOD,
    "DELETE": NO_METHOD,
    "GETT": NO_METHOD,
    "get": NO_HTTP,
}
HEADERS = {
    "X-HTTP-Method-Override: OPTIONS": LOCKED,
    "X-HTTP-Method: OPTIONS": LOCKED,
    "X-Method-Override: OPTIONS": LOCKED,
    "X-Original-URL: /healthz": LOCKED,
    "X-Rewrite-URL: /healthz": LOCKED,
    "X-Forwarded-Prefix: /healthz": LOCKED,
    "X-Script-Name: /healthz": LOCKED,
    "X-Forwarded-For: 127.0.0.1": LOCKED,
    "X-Forwarded-Proto: https": LOCKED,
    "X-Forwarded-Host: localhost": LOCKED,
    "Forwarded: for=127.0.0.1;proto=https": LOCKED,
    "X-Sentari-License-State: active": LOCKED,
    "X-Accel-Redirect: /healthz": LOCKED,
    "SCRIPT_NAME: /api": LOCKED,
    "SCRIPT_NAME: /healthz": LOCKED,
    "PATH_INFO: /healthz": LOCKED,
    "REMOTE_USER: admin": LOCKED,
    "Upgrade: h2c": LOCKED,
    "Range: bytes=0-10": LOCKED,
    "Expect: 100-continue": LOCKED,
    "Content-Encoding: gzip": LOCKED,
    "Transfer-Encoding: chunked": NO_HTTP,  # beside a Content-Length: a smuggled request
    "Content-Length: 5": NO_HTTP,
}
VERSIONS = {"HTTP/1.0": LOCKED, "HTTP/0.9": NO_HTTP, "HTTP/2.0": NO_HTTP, "": NO_HTTP}
SCANS = {
    SCAN: LOCKED,
    f"/{SCAN}": LOCKED,
    f"{SCAN}/": LOCKED,
    f"{SCAN}%2f": LOCKED,
    "/api/v1/agent/%73can": LOCKED,
    "/api/v1/agent//scan": MOVED,
    "/api/v1/agent/./scan": NOTHING,
    "/api/v1/agent/renew/../scan": NOTHING,
    f"{SCAN}?gate=open": LOCKED,
}


@pytest.mark.parametrize("path", PATHS)
def test_another_spelling_of_the_path_opens_nothing(server: LockedServer, path: str) -> None:
    assert server.ask(f"GET {path} HTTP/1.1")[0] == PATHS[path]


@pytest.mark.parametrize("method", METHODS)
def test_another_method_opens_nothing(server: LockedServer, method: str) -> None:
    assert server.ask(f"{method} {READ} HTTP/1.1")[0] == METHODS[method]


@pytest.mark.parametrize("header", HEADERS)
def test_a_header_more_opens_nothing(server: LockedServer, header: str) -> None:
    assert server.ask(f"GET {READ} HTTP/1.1", header)[0] == HEADERS[header]


@pytest.mark.parametrize("version", VERSIONS)
def test_another_version_of_http_opens_nothing(server: LockedServer, version: str) -> None:
    assert server.ask(f"GET {READ} {version}".rstrip())[0] == VERSIONS[version]


@pytest.mark.parametrize("path", SCANS)
def test_no_spelling_of_the_upload_gets_past_the_lock(server: LockedServer, path: str) -> None:
    status, _ = server.ask(f"POST {path} HTTP/1.1", token=server.device)
    assert status == SCANS[path]


@pytest.mark.parametrize("header", ["PATH_INFO", "X-Original-URL", "X-Rewrite-URL"])
def test_an_open_address_does_not_lead_elsewhere(server: LockedServer, header: str) -> None:
    status, body = server.ask("GET /healthz HTTP/1.1", f"{header}: {READ}")
    assert (status, b"total_devices" in body) == (200, False)


def test_a_header_with_underscores_is_not_the_one_with_dashes(server: LockedServer) -> None:
    """Both would be one name to the app, and a terminator strips only the one that it knows."""
    forged = ("X_Client_Cert_Fingerprint: " + "ab" * 32, f"X_Sentari_Proxy_Auth: {PROXY_SECRET}")
    status, body = server.ask("GET /api/v1/agent/config HTTP/1.1", *forged, token="none")
    assert (status, b"not made by this server" in body) == (401, False)


def test_what_stays_open_is_the_way_out(server: LockedServer) -> None:
    assert server.ask("GET /api/v1/license HTTP/1.1")[0] == 200
    assert server.ask("GET /api/v1/license/request HTTP/1.1")[0] == 200
