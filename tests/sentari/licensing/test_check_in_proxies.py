"""The check-in call through proxies on loopback: plain, with a password, over TLS, inspecting."""

import base64
import logging
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from license_token.reply import read_reply
from sentari.licensing.answer import CheckInError
from sentari.licensing.causes import Cause
from sentari.licensing.check_in import HttpTransport
from sentari.licensing.outbound import OutboundSettings, Proxies
from tests.clocks import FakeClock
from tests.simulators.customer import CustomerSimulator
from tests.simulators.license_server import ISSUER, LicenseServerSimulator
from tests.simulators.proxies import ProxyLog, connect_proxy
from tests.simulators.servers import Behave, Server, Visit, vendor, vendors_answer

VENDOR = "https://license.test"
PASSWORD = "pä:ss/w@rd#1"
ENCODED = "p%C3%A4%3Ass%2Fw%40rd%231"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("license.test", "localhost").configure_cert(context)
    return context


@pytest.fixture
def authorities(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(path)
    return path


@pytest.fixture
def simulator() -> LicenseServerSimulator:
    return LicenseServerSimulator(ISSUER, FakeClock())


@pytest.fixture
def document(simulator: LicenseServerSimulator) -> str:
    return CustomerSimulator(ISSUER, simulator.clock).request(simulator.issue())


@pytest.fixture
def ports(simulator: LicenseServerSimulator, tls: ssl.SSLContext) -> Iterator[dict[str, int]]:
    """Yield what proxies can reach: the vendor, whose name no DNS knows."""
    with Server(vendor(simulator), tls=tls) as server:
        yield {"license.test:443": server.port}


def transport(proxy: str, authorities: Path | None, **changes: object) -> HttpTransport:
    settings = OutboundSettings(VENDOR, "0.1.0", proxies=Proxies(https=proxy), **changes)  # type: ignore[arg-type]
    return HttpTransport(settings, authorities=authorities)


def failure_behind(behave: Behave, user: str = "", **changes: object) -> CheckInError:
    with Server(behave) as proxy:
        reached = transport(f"http://{user}127.0.0.1:{proxy.port}", None, **changes)
        with pytest.raises(CheckInError) as caught:
            reached.check_in("a.b.c")
    return caught.value


def test_a_request_goes_through_a_proxy_that_alone_knows_the_name(
    simulator: LicenseServerSimulator, document: str, ports: dict[str, int], authorities: Path
) -> None:
    log = ProxyLog()
    with Server(connect_proxy(ports, log)) as proxy:
        text = transport(f"http://127.0.0.1:{proxy.port}", authorities).check_in(document)
    assert read_reply(text, simulator.roots)
    assert [line.rpartition(" ")[0] for line in log.lines] == ["CONNECT license.test:443"]
    assert log.authorizations == [None]


def test_user_and_password_reach_the_proxy_decoded_and_only_the_proxy(
    simulator: LicenseServerSimulator, document: str, tls: ssl.SSLContext, authorities: Path
) -> None:
    log = ProxyLog()
    with Server(vendor(simulator), tls=tls) as server:
        ports = {"license.test:443": server.port}
        with Server(connect_proxy(ports, log, credentials=f"us er:{PASSWORD}")) as proxy:
            address = f"http://us%20er:{ENCODED}@127.0.0.1:{proxy.port}"
            assert transport(address, authorities).check_in(document)
        assert server.visits[0].header("proxy-authorization") is None
    expected = base64.b64encode(f"us er:{PASSWORD}".encode()).decode()
    assert log.authorizations == [f"Basic {expected}"]


@pytest.mark.parametrize("user", ["", "user:hunter2@"])
def test_a_proxy_that_refuses_the_password_is_a_proxy_auth_failure(user: str) -> None:
    refusal = failure_behind(connect_proxy({}, ProxyLog(), credentials=f"us:{PASSWORD}"), user)
    assert refusal.cause is Cause.PROXY_AUTH
    assert "hunter2" not in str(refusal)


def test_no_log_and_no_error_has_the_password(
    ports: dict[str, int], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = f"http://user:{ENCODED}@127.0.0.1:1"
    with pytest.raises(CheckInError) as caught:
        transport(wrong, None).check_in("a.b.c")
    refusal = failure_behind(connect_proxy(ports, ProxyLog()), f"user:{ENCODED}@")
    secret = base64.b64encode(f"user:{PASSWORD}".encode()).decode()
    for text in (caplog.text, str(caught.value), str(refusal), repr(refusal)):
        assert not any(form in text for form in (PASSWORD, ENCODED, secret))
    assert caught.value.__cause__ is None


def test_a_proxy_that_cannot_reach_the_vendor_is_a_connect_failure() -> None:
    refusal = failure_behind(connect_proxy({}, ProxyLog()))
    assert refusal.cause is Cause.CONNECT
    assert "refused to open the way to the license server (HTTP 503)" in refusal.detail


def test_a_proxy_that_does_not_exist_is_named_by_the_step_that_fails() -> None:
    with pytest.raises(CheckInError) as caught:
        transport("http://proxy.invalid:3128", None).check_in("a.b.c")
    assert caught.value.cause is Cause.DNS
    assert "proxy.invalid:3128" in caught.value.detail
    with pytest.raises(CheckInError) as caught:
        transport("http://127.0.0.1:1", None).check_in("a.b.c")
    assert caught.value.cause is Cause.CONNECT
    assert caught.value.detail == "127.0.0.1:1: connection refused."


def silent_after_the_request(visit: Visit) -> None:
    visit.read_request()
    visit.keep_silent()


def dripping(visit: Visit) -> None:
    visit.read_request()
    visit.drip(b"HTTP/1.1 200 Connection established\r\nX: " + b"x" * 500, 0.05)


@pytest.mark.parametrize("behave", [Visit.keep_silent, silent_after_the_request, dripping])
def test_a_proxy_that_stalls_ends_at_the_deadline(behave: Behave) -> None:
    began = time.monotonic()
    refusal = failure_behind(behave, total_seconds=0.3)
    assert time.monotonic() - began < 1.3
    assert refusal.cause is Cause.TIMEOUT
    assert "proxy" in refusal.detail


@pytest.mark.parametrize("data", [b"", b"220 mail.example ESMTP\r\n", b"\x00\r\n\r\n"])
def test_a_proxy_that_is_none_is_a_connect_failure(data: bytes) -> None:
    def behave(visit: Visit) -> None:
        visit.read_request()
        visit.send(data)

    refusal = failure_behind(behave)
    assert refusal.cause is Cause.CONNECT
    assert "broke the connection off" in refusal.detail


def test_a_proxy_may_be_reached_over_tls_itself(
    simulator: LicenseServerSimulator,
    document: str,
    ports: dict[str, int],
    tls: ssl.SSLContext,
    authorities: Path,
) -> None:
    log = ProxyLog()
    behave = connect_proxy(ports, log, credentials=f"user:{PASSWORD}")
    with Server(behave, tls=tls) as proxy:
        address = f"https://user:{ENCODED}@localhost:{proxy.port}"
        text = transport(address, authorities).check_in(document)
        with pytest.raises(CheckInError) as caught:
            transport(address, None).check_in(document)
    assert read_reply(text, simulator.roots)
    assert len(log.lines) == 1
    assert caught.value.cause is Cause.TLS


def test_an_inspecting_proxy_is_refused_until_its_ca_is_in_the_bundle(
    simulator: LicenseServerSimulator,
    document: str,
    ports: dict[str, int],
    authority: trustme.CA,
    authorities: Path,
    tmp_path: Path,
) -> None:
    inspector, bundle = trustme.CA(), tmp_path / "inspector.pem"
    inspector.cert_pem.write_to_path(bundle)
    upstream = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(upstream)
    behave = connect_proxy(ports, ProxyLog(), inspector=inspector, upstream=upstream)
    with Server(behave) as proxy:
        address = f"http://127.0.0.1:{proxy.port}"
        with pytest.raises(CheckInError) as caught:
            transport(address, authorities).check_in(document)
        text = transport(address, authorities, ca_bundle=bundle).check_in(document)
    assert caught.value.cause is Cause.TLS
    assert read_reply(text, simulator.roots)


def test_no_proxy_sends_the_call_past_the_proxy(
    simulator: LicenseServerSimulator, document: str, tls: ssl.SSLContext, authorities: Path
) -> None:
    log = ProxyLog()
    with Server(vendor(simulator), tls=tls) as server, Server(connect_proxy({}, log)) as proxy:
        proxies = Proxies(https=f"http://127.0.0.1:{proxy.port}", no_proxy="localhost")
        settings = OutboundSettings(server.url, "0.1.0", proxies=proxies)
        assert HttpTransport(settings, authorities=authorities).check_in(document)
    assert log.lines == []


def test_a_plain_call_to_loopback_goes_through_a_proxy_that_was_named_for_it(
    simulator: LicenseServerSimulator, document: str
) -> None:
    def forward(visit: Visit) -> None:
        visit.read_request()
        log.lines.append(visit.request_line)
        log.authorizations.append(visit.header("proxy-authorization"))
        visit.answer(vendors_answer(simulator, "POST /api/v1/check-in HTTP/1.1", visit.body))

    log = ProxyLog()
    with Server(forward) as proxy:
        proxies = Proxies(http=f"http://user:{ENCODED}@127.0.0.1:{proxy.port}")
        settings = OutboundSettings("http://localhost:9000", "0.1.0", proxies=proxies)
        assert HttpTransport(settings).check_in(document)
    assert log.lines == ["POST http://localhost:9000/api/v1/check-in HTTP/1.1"]
    assert log.authorizations != [None]
