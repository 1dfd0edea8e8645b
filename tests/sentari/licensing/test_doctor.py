"""The walk to the vendor: each step breaks once, against real servers on loopback."""

import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from license_token.keys import RootSet
from sentari.licensing.answer import Answer
from sentari.licensing.check_in import HttpTransport
from sentari.licensing.doctor import (
    Diagnosis,
    Step,
    StepName,
    StepStatus,
    diagnose,
    diagnose_airgap,
)
from sentari.licensing.outbound import OutboundSettings, Proxies
from serverkit.wire import Address
from tests.clocks import NOON, FakeClock
from tests.simulators.customer import CustomerSimulator
from tests.simulators.license_server import ISSUER, Fault, LicenseServerSimulator, problem
from tests.simulators.proxies import ProxyLog, connect_proxy
from tests.simulators.servers import Server, Visit, always, vendor

PASSWORD = "hunter2"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA(organization_name="Example Trust", organization_unit_name="Tests")


@pytest.fixture(scope="module")
def tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "license.test").configure_cert(context)
    return context


@pytest.fixture
def authorities(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(path)
    return path


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def simulator(clock: FakeClock) -> LicenseServerSimulator:
    return LicenseServerSimulator(ISSUER, clock)


@pytest.fixture
def document(simulator: LicenseServerSimulator, clock: FakeClock) -> str:
    return CustomerSimulator(ISSUER, clock).request(simulator.issue())


class Patient:
    """A server whose way to the vendor is examined."""

    def __init__(self, simulator: LicenseServerSimulator, clock: FakeClock) -> None:
        self.roots = simulator.roots
        self.clock = clock
        self.authorities: Path | None = None
        self.document: str | None = None

    def examine(self, url: str, **changes: object) -> Diagnosis:
        settings = OutboundSettings(url, "0.1.0", **changes)  # type: ignore[arg-type]
        return diagnose(
            HttpTransport(settings, authorities=self.authorities),
            roots=self.roots,
            document=self.document,
            clock=self.clock,
        )


@pytest.fixture
def patient(simulator: LicenseServerSimulator, clock: FakeClock) -> Patient:
    return Patient(simulator, clock)


def step(diagnosis: Diagnosis, name: StepName) -> Step:
    return next(step for step in diagnosis.steps if step.name is name)


def broken(diagnosis: Diagnosis, name: StepName) -> Step:
    """Return the broken step, which must be `name`, with nothing reached after it."""
    found = diagnosis.broken
    assert found is not None
    assert found.name is name
    assert found.advice
    position = diagnosis.steps.index(found)
    assert all(earlier.status is not StepStatus.BROKEN for earlier in diagnosis.steps[:position])
    assert {later.detail for later in diagnosis.steps[position + 1 :]} <= {"Not reached."}
    return found


def test_an_open_way_is_walked_to_its_end(
    patient: Patient,
    simulator: LicenseServerSimulator,
    document: str,
    tls: ssl.SSLContext,
    authorities: Path,
) -> None:
    patient.document, patient.authorities = document, authorities
    with Server(vendor(simulator), tls=tls) as server:
        diagnosis = patient.examine(server.url)
    assert diagnosis.broken is None
    assert diagnosis.summary == "The way to the license server is open."
    assert [found.name for found in diagnosis.steps] == [
        name for name in StepName if name is not StepName.TUNNEL
    ]
    assert {found.status for found in diagnosis.steps} == {StepStatus.OK}
    assert step(diagnosis, StepName.TLS).detail == (
        "TLSv1.3; the certificate was issued by Example Trust."
    )
    assert step(diagnosis, StepName.DNS).detail.startswith("localhost has the address ")
    assert "The reply verifies" in step(diagnosis, StepName.REPLY).detail


def test_every_step_of_the_network_tells_how_long_it_took(
    patient: Patient, simulator: LicenseServerSimulator
) -> None:
    with Server(vendor(simulator)) as server:
        diagnosis = patient.examine(server.url)
    for name in (StepName.DNS, StepName.TCP, StepName.HTTP):
        took = step(diagnosis, name).duration_seconds
        assert took is not None
        assert 0 < took < 5


def test_a_test_does_not_use_up_the_reply(
    patient: Patient, simulator: LicenseServerSimulator, document: str
) -> None:
    patient.document = document
    with Server(vendor(simulator)) as server:
        assert patient.examine(server.url).broken is None
    assert simulator.transport().check_in(document) == simulator.transport().check_in(document)
    (activation,) = simulator.licenses[0].activations.values()
    assert (activation.seq, activation.flags) == (1, [])


def test_without_a_key_the_vendors_refusal_of_a_probe_proves_the_way(
    patient: Patient, simulator: LicenseServerSimulator
) -> None:
    with Server(vendor(simulator)) as server:
        diagnosis = patient.examine(server.url)
        assert server.visits[0].body == b"connection-test"
    assert diagnosis.broken is None
    assert step(diagnosis, StepName.HTTP).detail == "HTTP 400, application/problem+json."
    assert step(diagnosis, StepName.REPLY).status is StepStatus.SKIPPED
    assert step(diagnosis, StepName.CLOCK).status is StepStatus.OK
    assert simulator.licenses == []


def test_airgap_mode_takes_no_step_and_says_what_to_do_instead() -> None:
    diagnosis = diagnose_airgap(
        version="0.1.0", server_url="https://license.test", started_at=FakeClock().now()
    )
    assert diagnosis.summary == "No connection is made in airgap mode."
    assert "by hand" in (diagnosis.steps[0].advice or "")
    assert {found.status for found in diagnosis.steps[1:]} == {StepStatus.SKIPPED}


# Configuration and proxy


def test_a_server_without_roots_breaks_at_the_configuration(patient: Patient) -> None:
    patient.roots = RootSet.of()
    found = broken(patient.examine("https://license.invalid"), StepName.CONFIGURATION)
    assert "SENTARI_LICENSE_PUBLIC_KEY_PATH" in (found.advice or "")


def test_a_missing_ca_bundle_breaks_at_the_configuration(patient: Patient, tmp_path: Path) -> None:
    missing = tmp_path / "missing.pem"
    diagnosis = patient.examine("https://license.invalid", ca_bundle=missing)
    found = broken(diagnosis, StepName.CONFIGURATION)
    assert str(missing) in found.detail
    assert "SENTARI_CA_BUNDLE" in (found.advice or "")


def test_a_proxy_of_another_kind_breaks_at_the_proxy(patient: Patient) -> None:
    proxies = Proxies(https=f"socks5://user:{PASSWORD}@proxy.example:1080")
    diagnosis = patient.examine("https://license.invalid", standard_proxies=proxies)
    assert "HTTPS_PROXY" in broken(diagnosis, StepName.PROXY).detail
    assert PASSWORD not in diagnosis.diagnostics()


@pytest.mark.parametrize(
    ("proxies", "reason"),
    [
        (Proxies(), "No proxy is set"),
        (Proxies(https="http://localhost:1", no_proxy="*"), "SENTARI_NO_PROXY exempts"),
        (Proxies(https="http://localhost:1"), "SENTARI_HTTPS_PROXY names the proxy"),
    ],
)
def test_the_proxy_step_says_which_way_and_why(
    patient: Patient, proxies: Proxies, reason: str
) -> None:
    diagnosis = patient.examine("https://license.invalid", proxies=proxies)
    assert reason in step(diagnosis, StepName.PROXY).detail


# Lookup, connection, tunnel


def test_an_unknown_name_breaks_at_the_lookup(patient: Patient) -> None:
    found = broken(patient.examine("https://license.invalid"), StepName.DNS)
    assert "license.invalid:443" in found.detail
    assert "DNS server" in (found.advice or "")
    assert found.duration_seconds is not None


def test_a_closed_port_breaks_at_the_connection(patient: Patient) -> None:
    found = broken(patient.examine("https://127.0.0.1:1"), StepName.TCP)
    assert "connection refused" in found.detail
    assert "port 443" in (found.advice or "")


def test_a_proxy_that_wants_a_password_breaks_at_the_tunnel(patient: Patient) -> None:
    with Server(connect_proxy({}, ProxyLog(), credentials="user:other")) as proxy:
        proxies = Proxies(https=f"http://user:{PASSWORD}@127.0.0.1:{proxy.port}")
        diagnosis = patient.examine("https://license.test", proxies=proxies)
    found = broken(diagnosis, StepName.TUNNEL)
    assert "asks for a password" in found.detail
    assert "SENTARI_HTTPS_PROXY" in (found.advice or "")
    assert PASSWORD not in diagnosis.diagnostics()
    assert PASSWORD not in str(diagnosis.to_dict())


def test_the_way_through_a_proxy_is_a_step_of_its_own(
    patient: Patient,
    simulator: LicenseServerSimulator,
    tls: ssl.SSLContext,
    authorities: Path,
) -> None:
    patient.authorities = authorities
    with (
        Server(vendor(simulator), tls=tls) as server,
        Server(connect_proxy({"license.test:443": server.port}, ProxyLog())) as proxy,
    ):
        proxies = Proxies(https=f"http://127.0.0.1:{proxy.port}")
        diagnosis = patient.examine("https://license.test", proxies=proxies)
    assert diagnosis.broken is None
    tunnel = step(diagnosis, StepName.TUNNEL)
    assert tunnel.detail == "The proxy opened the way to license.test:443."


# TLS


@pytest.fixture
def inspector() -> trustme.CA:
    return trustme.CA(organization_name="Zscaler Inc.", organization_unit_name="Root CA")


@pytest.fixture
def inspecting_proxy(
    simulator: LicenseServerSimulator,
    tls: ssl.SSLContext,
    authority: trustme.CA,
    inspector: trustme.CA,
) -> Iterator[Proxies]:
    upstream = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(upstream)
    with Server(vendor(simulator), tls=tls) as server:
        ports = {"license.test:443": server.port}
        behave = connect_proxy(
            ports, ProxyLog(), credentials="user:pw", inspector=inspector, upstream=upstream
        )
        with Server(behave) as proxy:
            yield Proxies(https=f"http://user:pw@127.0.0.1:{proxy.port}")


def test_an_inspecting_proxy_is_named_with_what_to_change(
    patient: Patient, inspecting_proxy: Proxies, authorities: Path
) -> None:
    patient.authorities = authorities
    diagnosis = patient.examine("https://license.test", proxies=inspecting_proxy)
    found = broken(diagnosis, StepName.TLS)
    assert "The certificate seen was issued by Zscaler Inc." in found.detail
    assert (found.advice or "").startswith("Zscaler most likely inspects TLS on the way.")
    assert "SENTARI_CA_BUNDLE" in (found.advice or "")
    assert "exempt license.test" in (found.advice or "")


def test_an_inspection_that_the_bundle_allows_is_still_told(
    patient: Patient,
    inspecting_proxy: Proxies,
    authorities: Path,
    inspector: trustme.CA,
    tmp_path: Path,
) -> None:
    patient.authorities, bundle = authorities, tmp_path / "bundle.pem"
    inspector.cert_pem.write_to_path(bundle)
    diagnosis = patient.examine("https://license.test", proxies=inspecting_proxy, ca_bundle=bundle)
    assert diagnosis.broken is None
    found = step(diagnosis, StepName.TLS).detail
    assert "TLS is inspected on the way by Zscaler, and SENTARI_CA_BUNDLE allows it." in found


def test_an_unnamed_inspection_is_told_by_the_ca_that_vouches_for_it(
    patient: Patient,
    simulator: LicenseServerSimulator,
    tls: ssl.SSLContext,
    authority: trustme.CA,
    authorities: Path,
    tmp_path: Path,
) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    with Server(vendor(simulator), tls=tls) as server:
        patient.authorities = other
        inspected = patient.examine(server.url, ca_bundle=authorities)
        patient.authorities = authorities
        plain = patient.examine(server.url, ca_bundle=other)
    assert "TLS is inspected on the way, and" in step(inspected, StepName.TLS).detail
    assert "inspected" not in step(plain, StepName.TLS).detail


def test_an_expired_certificate_points_at_the_clock(
    patient: Patient, authority: trustme.CA, authorities: Path
) -> None:
    patient.authorities = authorities
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    old = authority.issue_cert("localhost", not_after=datetime(2020, 1, 1, tzinfo=UTC))
    old.configure_cert(context)
    with Server(Visit.keep_silent, tls=context) as server:
        found = broken(patient.examine(server.url), StepName.TLS)
    assert "to 2020-01-01; this machine's date is 2026-11-23." in found.detail
    assert (found.advice or "").startswith("Check this machine's clock first.")


def test_a_certificate_for_another_name_points_at_the_name(
    patient: Patient, tls: ssl.SSLContext, authorities: Path
) -> None:
    patient.authorities = authorities
    with Server(Visit.keep_silent, tls=tls) as server:
        found = broken(patient.examine(f"https://127.0.0.1:{server.port}"), StepName.TLS)
    assert "SENTARI_LICENSE_SERVER_URL" in (found.advice or "")


def test_a_port_without_tls_breaks_at_tls(patient: Patient) -> None:
    def behave(visit: Visit) -> None:
        visit.connection.recv(65_536)
        visit.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with Server(behave) as server:
        url = server.url.replace("http:", "https:")
        assert "wrong version number" in broken(patient.examine(url), StepName.TLS).detail


def test_looking_at_a_refused_certificate_sends_nothing(
    patient: Patient, document: str, tls: ssl.SSLContext
) -> None:
    patient.document = document
    received: list[bytes] = []
    with Server(lambda visit: received.append(visit.connection.recv(10)), tls=tls) as server:
        broken(patient.examine(server.url), StepName.TLS)
    assert received == [b""]


# Answer, reply, clock


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (Answer(200, {"content-type": "text/html"}, b"<html>"), "text/html, not application/jwt"),
        (Answer(302, {"location": "https://login.example/"}, b""), "redirect (HTTP 302) to login"),
        (Answer(404, {"content-type": "text/html"}, b""), "HTTP 404"),
        (problem(503, "unavailable", "Maintenance."), "Maintenance."),
        (problem(429, "rate_limited", "Slow down."), "Slow down."),
    ],
)
@pytest.mark.parametrize("with_key", [False, True])
def test_an_answer_in_the_vendors_place_breaks_at_http(
    patient: Patient, document: str, answer: Answer, detail: str, with_key: bool
) -> None:
    patient.document = document if with_key else None
    with Server(always(answer)) as server:
        assert detail in broken(patient.examine(server.url), StepName.HTTP).detail


def test_silence_breaks_at_http(patient: Patient) -> None:
    with Server(Visit.keep_silent) as server:
        found = broken(patient.examine(server.url, total_seconds=0.2), StepName.HTTP)
    assert "No complete answer came within 0.2 seconds." in found.detail


def test_a_refusal_of_the_vendor_itself_breaks_at_the_reply(
    patient: Patient, simulator: LicenseServerSimulator, document: str
) -> None:
    patient.document = document
    simulator.licenses.clear()
    with Server(vendor(simulator)) as server:
        diagnosis = patient.examine(server.url)
    assert "No license has this key." in broken(diagnosis, StepName.REPLY).detail
    assert step(diagnosis, StepName.HTTP).status is StepStatus.OK


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault.BAD_SIGNATURE, "signature"),
        (Fault.UNTRUSTED_ROOT, "not trusted"),
        (Fault.EXPIRED_CERTIFICATE, "certificate"),
        (Fault.WRONG_NONCE, "open request"),
        (Fault.WRONG_INSTANCE, "another server"),
        (Fault.WRONG_CONFIRMATION, "another server"),
        (Fault.WRONG_ISSUER, "elsewhere.example"),
    ],
)
def test_a_reply_that_would_not_be_applied_breaks_at_the_reply(
    patient: Patient, simulator: LicenseServerSimulator, document: str, fault: Fault, words: str
) -> None:
    patient.document, simulator.fault = document, fault
    with Server(vendor(simulator)) as server:
        assert words in broken(patient.examine(server.url), StepName.REPLY).detail


@pytest.mark.parametrize(
    ("offset_seconds", "status", "words"),
    [
        (-301, StepStatus.BROKEN, "301 seconds behind"),
        (-300, StepStatus.OK, "agrees"),
        (0, StepStatus.OK, "agrees"),
        (300, StepStatus.OK, "agrees"),
        (301, StepStatus.BROKEN, "301 seconds ahead of"),
    ],
)
def test_a_clock_more_than_five_minutes_off_is_broken(
    patient: Patient, offset_seconds: int, status: StepStatus, words: str
) -> None:
    vendors_now = NOON - timedelta(seconds=offset_seconds)
    answer = problem(400, "malformed", "No.", date=f"{vendors_now:%a, %d %b %Y %H:%M:%S} GMT")
    with Server(always(answer)) as server:
        found = step(patient.examine(server.url), StepName.CLOCK)
    assert found.status is status
    assert words in found.detail


def test_an_answer_without_a_date_leaves_the_clock_open(patient: Patient) -> None:
    with Server(always(problem(400, "malformed", "No."))) as server:
        diagnosis = patient.examine(server.url)
    assert step(diagnosis, StepName.CLOCK).status is StepStatus.SKIPPED
    assert diagnosis.broken is None


# What is shown


def test_the_diagnostics_can_be_sent_to_support(
    patient: Patient, simulator: LicenseServerSimulator, document: str
) -> None:
    patient.document = document
    with Server(vendor(simulator)) as server:
        text = patient.examine(server.url).diagnostics()
    assert text.startswith("Sentari connection test, 2026-11-23T12:00:00Z\nSentari 0.1.0, ")
    assert "Name lookup (DNS): ok (" in text
    for secret in (document, *document.split("."), simulator.licenses[0].key.text):
        assert secret not in text


def test_the_walk_has_a_form_for_json(patient: Patient) -> None:
    shown = patient.examine("https://license.invalid").to_dict()
    assert shown["healthy"] is False
    assert shown["summary"] == "The way to the license server breaks at “Name lookup (DNS)”."
    assert {"name", "title", "status", "detail", "advice", "duration_seconds"} == set(
        shown["steps"][2]
    )
    assert (shown["steps"][2]["name"], shown["steps"][2]["status"]) == ("dns", "broken")


def test_a_lookup_that_hangs_does_not_hang_the_page(patient: Patient) -> None:
    release = threading.Event()

    def hang(host: str, port: int) -> list[Address]:
        release.wait(10)
        return []

    settings = OutboundSettings("https://license.test", "0.1.0", connect_seconds=0.2)
    diagnosis = diagnose(
        HttpTransport(settings, resolve=hang),
        roots=patient.roots,
        document=None,
        clock=patient.clock,
    )
    release.set()
    broken(diagnosis, StepName.DNS)
