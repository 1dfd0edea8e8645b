"""The check-in call against real servers on loopback, good ones and misbehaving ones."""

import gzip
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st

from license_token.reply import read_reply
from sentari.licensing.answer import MAX_BODY_BYTES, Answer, CheckInError
from sentari.licensing.causes import Cause
from sentari.licensing.check_in import HttpTransport, NoTransport
from sentari.licensing.outbound import OutboundSettings, Proxies
from serverkit.wire import Address, resolve_name
from tests.clocks import FakeClock
from tests.simulators.customer import CustomerSimulator
from tests.simulators.license_server import ISSUER, Fault, LicenseServerSimulator, problem
from tests.simulators.servers import Behave, Server, Visit, always, vendor

JWT = {"content-type": "application/jwt"}
FAST = {"connect_seconds": 1.0, "total_seconds": 0.3}
# What a call may take beyond its deadline on a busy machine.
SLACK = 1.0


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def authorities(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ca") / "authority.pem"
    authority.cert_pem.write_to_path(path)
    return path


@pytest.fixture(scope="module")
def tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "license.test").configure_cert(context)
    return context


@pytest.fixture
def simulator() -> LicenseServerSimulator:
    return LicenseServerSimulator(ISSUER, FakeClock())


@pytest.fixture
def document(simulator: LicenseServerSimulator) -> str:
    return CustomerSimulator(ISSUER, simulator.clock).request(simulator.issue())


def transport(url: str, *, authorities: Path | None = None, **changes: object) -> HttpTransport:
    outbound = OutboundSettings(url, "0.1.0", **changes)  # type: ignore[arg-type]
    return HttpTransport(outbound, authorities=authorities)


def failure(url: str, **changes: object) -> CheckInError:
    with pytest.raises(CheckInError) as caught:
        transport(url, **changes).check_in("a.b.c")  # type: ignore[arg-type]
    return caught.value


def failure_at(behave: Behave, **changes: object) -> CheckInError:
    with Server(behave) as server:
        return failure(server.url, **changes)


@contextmanager
def taking_at_most(seconds: float) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began <= seconds


def sending(data: bytes) -> Behave:
    def behave(visit: Visit) -> None:
        visit.read_request()
        visit.send(data)

    return behave


# A reply arrives


def test_a_request_brings_the_vendors_signed_reply_over_tls(
    simulator: LicenseServerSimulator, document: str, tls: ssl.SSLContext, authorities: Path
) -> None:
    with Server(vendor(simulator), tls=tls) as server:
        text = transport(server.url, authorities=authorities).check_in(document)
    assert read_reply(text, simulator.roots).claims.terms.customer_name == "Example Works"


def test_a_call_sends_the_document_and_nothing_that_was_not_asked_for(
    simulator: LicenseServerSimulator, document: str
) -> None:
    with Server(vendor(simulator)) as server:
        transport(f"{server.url}/").check_in(document)
        visit, port = server.visits[0], server.port
    assert visit.body == document.encode()
    sent = dict(line.split(": ", 1) for line in visit.head.decode().split("\r\n")[1:])
    assert {name.lower(): value for name, value in sent.items()} == {
        "host": f"localhost:{port}",
        "user-agent": "sentari/0.1.0",
        "accept": "application/jwt, application/problem+json",
        "accept-encoding": "identity",
        "connection": "close",
        "content-type": "application/jwt",
        "content-length": str(len(document)),
    }


def test_neither_netrc_nor_proxy_nor_ca_variables_of_the_environment_are_used(
    simulator: LicenseServerSimulator,
    document: str,
    tls: ssl.SSLContext,
    authorities: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / ".netrc").write_text("machine localhost login somebody password hunter2\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, str(tmp_path / "missing.pem"))
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys.log"))
    with Server(vendor(simulator), tls=tls) as server:
        transport(server.url, authorities=authorities).check_in(document)
        assert server.visits[0].header("authorization") is None
    assert not (tmp_path / "keys.log").exists()


def test_a_small_compressed_reply_is_read_although_it_was_not_asked_for(document: str) -> None:
    packed = Answer(200, JWT | {"content-encoding": "gzip"}, gzip.compress(b"a.b.c~d.e.f"))
    with Server(always(packed)) as server:
        assert transport(server.url).check_in(document) == "a.b.c~d.e.f"


def test_a_chunked_reply_is_read(document: str) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/jwt\r\nTransfer-Encoding: chunked\r\n\r\n"
    with Server(sending(head + b"3\r\na.b\r\n2\r\n.c\r\n0\r\n\r\n")) as server:
        assert transport(server.url).check_in(document) == "a.b.c"


def test_a_reply_of_64_kib_is_read() -> None:
    with Server(always(Answer(200, JWT, b"x" * MAX_BODY_BYTES))) as server:
        assert len(transport(server.url).check_in("a.b.c")) == MAX_BODY_BYTES


# The answer is no reply


@pytest.mark.parametrize(
    ("fault", "cause"), [(Fault.HTML, Cause.NOT_A_REPLY), (None, Cause.HTTP_STATUS)]
)
def test_a_vendor_that_answers_something_else_is_a_named_cause(
    simulator: LicenseServerSimulator, fault: Fault | None, cause: Cause
) -> None:
    simulator.fault = fault
    with Server(vendor(simulator)) as server:
        assert failure(server.url).cause is cause


@pytest.mark.parametrize(
    ("status", "code", "cause"),
    [
        (404, "unknown_key", Cause.UNKNOWN_KEY),
        (409, "activation_limit", Cause.ACTIVATION_LIMIT),
        (409, "approval_pending", Cause.APPROVAL_PENDING),
        (401, "bad_signature", Cause.BAD_SIGNATURE),
        (400, "malformed", Cause.HTTP_STATUS),
        (429, "rate_limited", Cause.HTTP_STATUS),
        (503, "unavailable", Cause.HTTP_STATUS),
    ],
)
def test_a_problem_document_names_the_cause_and_the_wait(
    status: int, code: str, cause: Cause
) -> None:
    refusal = failure_at(always(problem(status, code, "Because.", retry_after="60")))
    assert (refusal.cause, refusal.code, refusal.retry_after_seconds) == (cause, code, 60)


def test_a_redirect_is_not_followed() -> None:
    with Server(always(Answer(200, JWT, b"a.b.c"))) as elsewhere:
        target = {"location": f"{elsewhere.url}/api/v1/check-in"}
        for status in (301, 302, 303, 307, 308):
            refusal = failure_at(always(Answer(status, target, b"")))
            assert refusal.cause is Cause.HTTP_STATUS
            assert "redirects are not followed" in refusal.detail
        assert elsewhere.visits == []


def test_the_endless_body_of_a_redirect_is_not_read() -> None:
    head = b"HTTP/1.1 302 Found\r\nLocation: https://x.example/\r\n\r\n"

    def behave(visit: Visit) -> None:
        visit.read_request()
        visit.send(head)
        while True:
            visit.send(b"x" * 65_536)

    with taking_at_most(SLACK):
        assert failure_at(behave).cause is Cause.HTTP_STATUS


@pytest.mark.parametrize("framing", ["", "Content-Length: 1000000000\r\n"])
def test_a_gigabyte_is_not_read_beyond_the_limit(framing: str) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/jwt\r\n{framing}\r\n".encode()
    sent = 0

    def behave(visit: Visit) -> None:
        nonlocal sent
        visit.read_request()
        visit.send(head)
        while sent < 1_000_000_000:
            visit.send(b"x" * 65_536)
            sent += 65_536

    with taking_at_most(SLACK):
        refusal = failure_at(behave)
    assert refusal.cause is Cause.NOT_A_REPLY
    assert "longer than 65536 bytes" in refusal.detail
    # What the kernel's buffers of both sides take in is all that leaves the server.
    assert sent < 50_000_000


def test_a_gzip_bomb_is_not_unpacked() -> None:
    bomb = gzip.compress(b"x" * 50_000_000)
    assert len(bomb) < MAX_BODY_BYTES
    packed = Answer(200, JWT | {"content-encoding": "gzip"}, bomb)
    refusal = failure_at(always(packed))
    assert refusal.cause is Cause.NOT_A_REPLY
    assert "longer than 65536 bytes" in refusal.detail


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"", Cause.CONNECT),
        (b"HTTP/1.1 2", Cause.NOT_A_REPLY),
        (b"220 mail.example ESMTP\r\n", Cause.NOT_A_REPLY),
        (b"\x00\x01\x02\x03\r\n\r\n", Cause.NOT_A_REPLY),
        (b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 200 + b"\r\n", Cause.NOT_A_REPLY),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", Cause.NOT_A_REPLY),
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/jwt\r\nContent-Length: 50\r\n\r\na.b",
            Cause.NOT_A_REPLY,
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/jwt\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n3\r\na.b\r\n",
            Cause.NOT_A_REPLY,
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/jwt\r\n"
            b"Transfer-Encoding: chunked\r\n\r\nzz\r\na.b\r\n",
            Cause.NOT_A_REPLY,
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/jwt\r\nContent-Length: x\r\n\r\n",
            Cause.NOT_A_REPLY,
        ),
    ],
    ids=[
        "closed", "half a status line", "smtp", "binary", "200 headers", "70 kB header",
        "truncated", "truncated chunks", "broken chunk size", "broken length",
    ],
)  # fmt: skip
def test_what_is_not_whole_http_is_refused_with_a_cause(data: bytes, cause: Cause) -> None:
    assert failure_at(sending(data)).cause is cause


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/jwt\r\n"
FRAMING = [b"Content-Length: ", b"Transfer-Encoding: ", b"Content-Encoding: ", b"\r\n", b"\x80: "]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([b"", HEAD]), st.lists(st.sampled_from(FRAMING) | st.binary(max_size=12)))
def test_whatever_a_server_sends_is_a_reply_or_a_named_refusal(
    head: bytes, pieces: list[bytes]
) -> None:
    with Server(sending(head + b"".join(pieces))) as server:
        try:
            assert transport(server.url).check_in("a.b.c")
        except CheckInError as refusal:
            named = refusal.cause
            assert named in (Cause.NOT_A_REPLY, Cause.CONNECT, Cause.HTTP_STATUS)


# The way there is closed


def test_a_name_that_does_not_exist_is_a_dns_failure() -> None:
    refusal = failure("https://license.sentari.invalid")
    assert refusal.cause is Cause.DNS
    assert refusal.detail == "The name of license.sentari.invalid:443 could not be looked up."


def test_a_refused_connection_is_a_connect_failure() -> None:
    with Server(always(Answer(200, JWT, b""))) as server:
        port = server.port
    refusal = failure(f"http://127.0.0.1:{port}")
    assert refusal.cause is Cause.CONNECT
    assert refusal.detail == f"127.0.0.1:{port}: connection refused."


def test_airgap_mode_has_a_transport_that_refuses() -> None:
    with pytest.raises(CheckInError, match="airgap") as caught:
        NoTransport().check_in("a.b.c")
    assert caught.value.code == "airgap"


def test_a_proxy_of_other_programs_that_cannot_be_used_is_a_connect_failure() -> None:
    proxies = Proxies(https="socks5://user:hunter2@proxy.example:1080")
    refusal = failure("https://license.test", standard_proxies=proxies)
    assert refusal.cause is Cause.CONNECT
    assert "HTTPS_PROXY" in refusal.detail
    assert "hunter2" not in str(refusal)


# TLS


def test_a_certificate_of_an_unknown_ca_is_a_tls_failure(tls: ssl.SSLContext) -> None:
    with Server(always(Answer(200, JWT, b"a.b.c")), tls=tls) as server:
        refusal = failure(server.url)
        assert server.visits == []
    assert refusal.cause is Cause.TLS
    assert refusal.detail == "localhost: unable to get local issuer certificate."


def test_a_certificate_for_another_name_is_a_tls_failure(
    tls: ssl.SSLContext, authorities: Path
) -> None:
    with Server(always(Answer(200, JWT, b"a.b.c")), tls=tls) as server:
        refusal = failure(f"https://127.0.0.1:{server.port}", authorities=authorities)
        assert server.visits == []
    assert refusal.cause is Cause.TLS
    assert "certificate is not valid for '127.0.0.1'" in refusal.detail


def test_an_expired_certificate_is_a_tls_failure(authority: trustme.CA, authorities: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    old = authority.issue_cert("localhost", not_after=datetime(2020, 1, 1, tzinfo=UTC))
    old.configure_cert(context)
    with Server(always(Answer(200, JWT, b"a.b.c")), tls=context) as server:
        refusal = failure(server.url, authorities=authorities)
    assert refusal.cause is Cause.TLS
    assert refusal.detail == "localhost: certificate has expired."


def test_tls_1_2_is_accepted_and_tls_1_1_is_not(authority: trustme.CA, authorities: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with Server(always(Answer(200, JWT, b"a.b.c")), tls=context) as server:
        assert transport(server.url, authorities=authorities).check_in("a.b.c") == "a.b.c"
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with Server(always(Answer(200, JWT, b"a.b.c")), tls=context) as server:
        assert failure(server.url, authorities=authorities).cause is Cause.TLS


def test_plain_http_behind_an_https_address_is_a_tls_failure(authorities: Path) -> None:
    def behave(visit: Visit) -> None:
        visit.connection.recv(65_536)
        visit.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with Server(behave) as server:
        refusal = failure(server.url.replace("http:", "https:"), authorities=authorities)
    assert refusal.cause is Cause.TLS
    assert refusal.detail == "localhost: wrong version number."


def test_a_handshake_that_is_cut_is_a_tls_failure() -> None:
    with Server(lambda visit: None) as server:
        refusal = failure(server.url.replace("http:", "https:"))
    assert refusal.cause is Cause.TLS


def test_the_ca_bundle_adds_to_the_systems_cas_and_replaces_none(
    tls: ssl.SSLContext, authorities: Path, tmp_path: Path
) -> None:
    other, bundle = trustme.CA(), tmp_path / "bundle.pem"
    other.cert_pem.write_to_path(bundle)
    inspected = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    other.issue_cert("localhost").configure_cert(inspected)
    reply = always(Answer(200, JWT, b"a.b.c"))
    with Server(reply, tls=tls) as plain, Server(reply, tls=inspected) as through_inspection:
        both = {"authorities": authorities, "ca_bundle": bundle}
        for server in (plain, through_inspection):
            assert transport(server.url, **both).check_in("a.b.c") == "a.b.c"  # type: ignore[arg-type]
        assert failure(through_inspection.url, authorities=authorities).cause is Cause.TLS


@pytest.mark.parametrize("content", [None, b"", b"no certificate", b"x" * (4 * 1024 * 1024 + 1)])
def test_a_ca_bundle_that_cannot_be_used_is_named(content: bytes | None, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.pem"
    if content is not None:
        bundle.write_bytes(content)
    refusal = failure("https://license.test", ca_bundle=bundle)
    assert refusal.cause is Cause.TLS
    assert "SENTARI_CA_BUNDLE" in refusal.detail
    assert str(bundle) in refusal.detail


def test_a_ca_bundle_may_carry_comments_in_any_language(
    authority: trustme.CA, tls: ssl.SSLContext, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes("# Prüfstelle für Verkehr\n".encode() + authority.cert_pem.bytes())
    with Server(always(Answer(200, JWT, b"a.b.c")), tls=tls) as server:
        assert transport(server.url, ca_bundle=bundle).check_in("a.b.c") == "a.b.c"


# The deadline


def test_a_drip_of_headers_ends_at_the_deadline() -> None:
    def behave(visit: Visit) -> None:
        visit.read_request()
        visit.drip(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 500, 0.05)

    with taking_at_most(0.3 + SLACK):
        refusal = failure_at(behave, **FAST)
    assert refusal.cause is Cause.TIMEOUT
    assert refusal.detail == "No complete answer came within 0.3 seconds."


@pytest.mark.parametrize("framing", ["Content-Length: 5000", "Transfer-Encoding: chunked", "X: 1"])
def test_a_drip_of_the_body_ends_at_the_deadline(framing: str) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/jwt\r\n{framing}\r\n\r\n".encode()

    def behave(visit: Visit) -> None:
        visit.read_request()
        visit.send(head)
        visit.drip(b"1\r\na\r\n" * 700, 0.05)

    with taking_at_most(0.3 + SLACK):
        assert failure_at(behave, **FAST).cause is Cause.TIMEOUT


def test_endless_interim_answers_end_at_the_deadline() -> None:
    def behave(visit: Visit) -> None:
        visit.read_request()
        while not visit.stopping.wait(0.01):
            visit.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    with taking_at_most(0.3 + SLACK):
        assert failure_at(behave, **FAST).cause is Cause.TIMEOUT


def test_a_drip_inside_tls_ends_at_the_deadline(tls: ssl.SSLContext, authorities: Path) -> None:
    def behave(visit: Visit) -> None:
        visit.read_request()
        visit.drip(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 500, 0.05)

    with Server(behave, tls=tls) as server, taking_at_most(0.3 + SLACK):
        assert failure(server.url, authorities=authorities, **FAST).cause is Cause.TIMEOUT


def test_a_server_that_accepts_and_keeps_silent_ends_at_the_deadline() -> None:
    with taking_at_most(0.3 + SLACK):
        assert failure_at(Visit.keep_silent, **FAST).cause is Cause.TIMEOUT


def test_a_tls_handshake_that_stalls_ends_at_the_deadline() -> None:
    with Server(Visit.keep_silent) as server, taking_at_most(0.3 + SLACK):
        refusal = failure(server.url.replace("http:", "https:"), **FAST)
    assert refusal.cause is Cause.TIMEOUT
    assert "TLS handshake" in refusal.detail


def test_a_tls_handshake_that_drips_ends_at_the_deadline() -> None:
    def behave(visit: Visit) -> None:
        # A record header that announces 16 KiB of handshake, and then one byte at a time.
        visit.drip(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc" + b"\x00" * 500, 0.05)

    with Server(behave) as server, taking_at_most(0.3 + SLACK):
        assert failure(server.url.replace("http:", "https:"), **FAST).cause is Cause.TIMEOUT


def test_a_connection_that_nobody_takes_ends_after_the_connect_time(filled: str) -> None:
    with taking_at_most(0.3 + SLACK):
        refusal = failure(filled, connect_seconds=0.3)
    assert refusal.cause is Cause.TIMEOUT
    assert "took no connection within 0.3 seconds" in refusal.detail


@pytest.fixture
def filled() -> Iterator[str]:
    """Yield the address of a listener whose queue of waiting connections is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        waiting = [socket.socket() for _ in range(8)]
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        for client in waiting:
            client.close()


def test_a_name_lookup_that_hangs_ends_after_the_connect_time() -> None:
    release = threading.Event()

    def hang(host: str, port: int) -> list[Address]:
        release.wait(10)
        return []

    outbound = OutboundSettings("https://license.test", "0.1.0", connect_seconds=0.3)
    with taking_at_most(0.3 + SLACK), pytest.raises(CheckInError) as caught:
        HttpTransport(outbound, resolve=hang).check_in("a.b.c")
    release.set()
    assert caught.value.cause is Cause.DNS


def test_an_address_that_does_not_answer_leaves_time_for_the_next(
    simulator: LicenseServerSimulator, document: str, filled: str
) -> None:
    silent_port = int(filled.rpartition(":")[2])
    with Server(vendor(simulator)) as server:

        def both(host: str, port: int) -> list[Address]:
            (good,) = set(resolve_name("127.0.0.1", server.port))
            return [(good[0], "127.0.0.1", silent_port), good]

        outbound = OutboundSettings(server.url, "0.1.0", connect_seconds=1.0)
        with taking_at_most(1.0 + SLACK):
            assert HttpTransport(outbound, resolve=both).check_in(document)


def test_no_thread_and_no_descriptor_is_left_behind(
    simulator: LicenseServerSimulator, document: str
) -> None:
    def left_open() -> int:
        return threading.active_count() + len(list(Path("/proc/self/fd").iterdir()))

    before = left_open()
    for _ in range(10):
        with Server(vendor(simulator)) as server:
            transport(server.url).check_in(document)
        failure_at(Visit.keep_silent, total_seconds=0.05)
    # Threads that have done their work need a moment to end.
    ends_at = time.monotonic() + 2
    while left_open() > before and time.monotonic() < ends_at:
        time.sleep(0.01)
    assert left_open() <= before
