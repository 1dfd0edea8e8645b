"""The check-in call and the connection test through a real squid."""

import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from license_token.reply import read_reply
from sentari.licensing.answer import CheckInError
from sentari.licensing.causes import Cause
from sentari.licensing.check_in import HttpTransport
from sentari.licensing.doctor import StepName, diagnose
from sentari.licensing.outbound import OutboundSettings, Proxies
from tests.clocks import FakeClock
from tests.simulators.customer import CustomerSimulator
from tests.simulators.license_server import ISSUER, LicenseServerSimulator
from tests.simulators.servers import Server, vendor
from tests.simulators.squid import SQUID, Squid, can_inspect, running_squid

USER, PASSWORD = "sentari", "p@ss:w/rd#1%"
ENCODED = "p%40ss%3Aw%2Frd%231%25"

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(SQUID is None, reason="squid is not installed (Debian: squid-openssl)"),
]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Yield a directory that squid's own user can enter, unlike pytest's."""
    with tempfile.TemporaryDirectory(prefix="sentari-squid-") as name:
        yield Path(name)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def authorities(authority: trustme.CA, folder: Path) -> Path:
    path = folder / "authority.pem"
    authority.cert_pem.write_to_path(path)
    return path


@pytest.fixture
def simulator() -> LicenseServerSimulator:
    return LicenseServerSimulator(ISSUER, FakeClock())


@pytest.fixture
def document(simulator: LicenseServerSimulator) -> str:
    return CustomerSimulator(ISSUER, simulator.clock).request(simulator.issue())


@pytest.fixture
def server(simulator: LicenseServerSimulator, authority: trustme.CA) -> Iterator[Server]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("license.test").configure_cert(context)
    with Server(vendor(simulator), tls=context) as server:
        yield server


def through(
    squid: Squid, server: Server, authorities: Path, user: str = "", bundle: Path | None = None
) -> HttpTransport:
    proxies = Proxies(https=f"http://{user}127.0.0.1:{squid.port}")
    settings = OutboundSettings(
        f"https://license.test:{server.port}", "0.1.0", proxies=proxies, ca_bundle=bundle
    )
    return HttpTransport(settings, authorities=authorities)


def test_a_check_in_goes_through_squid(
    simulator: LicenseServerSimulator,
    document: str,
    server: Server,
    authorities: Path,
    folder: Path,
) -> None:
    with running_squid(folder, vendor_port=server.port) as squid:
        text = through(squid, server, authorities).check_in(document)
    assert read_reply(text, simulator.roots)
    assert f"CONNECT license.test:{server.port}" in squid.access_log()


def test_a_check_in_goes_through_squid_with_the_right_password_only(
    simulator: LicenseServerSimulator,
    document: str,
    server: Server,
    authorities: Path,
    folder: Path,
) -> None:
    with running_squid(folder, vendor_port=server.port, credentials=(USER, PASSWORD)) as squid:
        right = through(squid, server, authorities, f"{USER}:{ENCODED}@")
        assert read_reply(right.check_in(document), simulator.roots)
        for user in ("", f"{USER}:wrong@"):
            refused = through(squid, server, authorities, user)
            with pytest.raises(CheckInError) as caught:
                refused.check_in(document)
            assert caught.value.cause is Cause.PROXY_AUTH
            assert "wrong" not in str(caught.value)
    assert server.visits[0].header("proxy-authorization") is None
    assert len(server.visits) == 1


def test_what_squid_forbids_is_a_connect_failure(
    document: str, server: Server, authorities: Path, folder: Path
) -> None:
    with running_squid(folder, vendor_port=1) as squid, pytest.raises(CheckInError) as caught:
        through(squid, server, authorities).check_in(document)
    assert caught.value.cause is Cause.CONNECT
    assert "HTTP 403" in caught.value.detail


@pytest.mark.skipif(not can_inspect(), reason="this squid cannot inspect TLS (squid-openssl can)")
def test_an_inspecting_squid_needs_its_ca_in_the_bundle(
    simulator: LicenseServerSimulator,
    document: str,
    server: Server,
    authorities: Path,
    folder: Path,
) -> None:
    inspector = trustme.CA(organization_name="Example Works Squid CA")
    bundle = folder / "bundle.pem"
    inspector.cert_pem.write_to_path(bundle)
    with running_squid(
        folder, vendor_port=server.port, inspector=inspector, upstream_ca=authorities
    ) as squid:
        without = through(squid, server, authorities)
        with pytest.raises(CheckInError) as caught:
            without.check_in(document)
        diagnosis = diagnose(without, roots=simulator.roots, document=document, clock=FakeClock())
        text = through(squid, server, authorities, bundle=bundle).check_in(document)
    assert caught.value.cause is Cause.TLS
    assert diagnosis.broken is not None
    assert diagnosis.broken.name is StepName.TLS
    assert "issued by Example Works Squid CA" in diagnosis.broken.detail
    assert (diagnosis.broken.advice or "").startswith("Squid most likely inspects TLS")
    assert read_reply(text, simulator.roots)
