"""The connection test on the page and on the command line: the server's own way, step by step."""

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sentari.licensing import service
from sentari.licensing.answer import CheckInError
from sentari.licensing.check_in import HttpTransport, Proxies
from sentari.licensing.exchange import check_in
from sentari.licensing.outbound import OutboundSettings
from tests.clocks import FakeClock
from tests.conftest import AppFactory
from tests.sentari.licensing.world import ISSUER, World, make_world
from tests.sentari.web.test_license import PAGE, post, signed_in
from tests.simulators.license_server import LicenseServerSimulator
from tests.simulators.servers import Server, vendor

TEST = f"{PAGE}/connection-test"
PASSWORD = "hunter2-of-the-proxy"
STEPS = ["Configuration", "Proxy", "Name lookup (DNS)", "Connection (TCP)"]


@pytest.fixture
def simulator(clock: FakeClock) -> LicenseServerSimulator:
    return LicenseServerSimulator(ISSUER, clock)


@pytest.fixture
def office(simulator: LicenseServerSimulator) -> Iterator[Server]:
    with Server(vendor(simulator)) as server:
        yield server


@pytest.fixture
def world(
    make_app: AppFactory,
    usual_url: str,
    clock: FakeClock,
    tmp_path: Path,
    simulator: LicenseServerSimulator,
    office: Server,
) -> World:
    """A server whose way to the vendor is a real one, over loopback."""
    return connected(make_app, usual_url, tmp_path, simulator, OutboundSettings(office.url, "0.1"))


def connected(
    make_app: AppFactory,
    url: str,
    tmp_path: Path,
    simulator: LicenseServerSimulator,
    outbound: OutboundSettings,
) -> World:
    roots = tmp_path / "roots.json"
    roots.write_text(simulator.roots_json)
    app = make_app(
        url,
        transport=HttpTransport(outbound),
        license_public_key_path=roots,
        license_issuer=ISSUER,
    )
    assert isinstance(simulator.clock, FakeClock)
    world = World(app, simulator, simulator.transport(), simulator.clock)
    with world.context():
        service.prepare(world.licensing)
    return world


def examined(world: World) -> str:
    answer = post(signed_in(world), TEST)
    assert answer[0] == 200
    return html.unescape(answer[1])


def diagnostics(page: str) -> str:
    found = re.search(r'<textarea[^>]*id="diagnostics-text"[^>]*>([^<]*)</textarea>', page)
    assert found is not None
    return found[1]


def run(world: World, *arguments: str) -> tuple[int, str, str]:
    done = world.app.test_cli_runner().invoke(args=["license", "doctor", *arguments])
    return done.exit_code, done.stdout, done.stderr


def test_an_open_way_is_shown_with_the_duration_of_each_step(world: World) -> None:
    world.install(world.vendor.issue())
    page = examined(world)
    assert "The way to the license server is open." in page
    assert "The reply verifies" in page
    assert len(re.findall(r"\d ms</td>", page)) >= len(STEPS)
    assert "Broken" not in page


def test_the_walk_applies_nothing_and_looks_like_no_second_server(world: World) -> None:
    key = world.vendor.issue()
    world.install(key)
    before = world.row()
    examined(world)
    assert world.row() == before
    world.do(check_in)
    assert world.row() != before
    (activation,) = world.vendor.license_of(key).activations.values()
    assert activation.flags == []
    assert world.state == "active"


def test_without_a_key_the_way_is_walked_with_a_probe(world: World) -> None:
    page = examined(world)
    assert "The way to the license server is open." in page
    assert "No license key was given yet, so there is no reply to verify." in page
    assert world.actions("LICENSE") == []


def test_the_first_broken_step_says_what_to_change(world: World, office: Server) -> None:
    office.__exit__(None, None, None)
    page = examined(world)
    assert "The way to the license server breaks at “Connection (TCP)”." in page
    assert "Allow outbound HTTPS" in page
    assert page.count("Not reached.") >= 4
    status, out, err = run(world)
    assert status == 1
    assert "Connection (TCP): broken" in out
    assert err.count("\n") == 1
    assert "breaks at “Connection (TCP)”" in err
    assert "Allow outbound HTTPS" in err


def test_the_diagnostics_hold_no_secret(
    make_app: AppFactory,
    usual_url: str,
    tmp_path: Path,
    simulator: LicenseServerSimulator,
    office: Server,
) -> None:
    proxies = Proxies(http=f"http://user:{PASSWORD}@localhost:1", no_proxy="")
    outbound = OutboundSettings("http://localhost:1", "0.1", proxies=proxies)
    world = connected(make_app, usual_url, tmp_path, simulator, outbound)
    key = simulator.issue()
    with pytest.raises(CheckInError):
        world.install(key)
    texts = [diagnostics(examined(world)), *run(world)[1:], *run(world, "--json")[1:]]
    with world.context():
        document = service.request_document(world.licensing)
    for text in texts:
        for secret in (PASSWORD, key.text, key.key_hash, document):
            assert secret not in text


def test_the_page_and_the_command_say_the_same(world: World) -> None:
    world.install(world.vendor.issue())
    found = json.loads(run(world, "--json")[1])
    assert found["healthy"] is True
    page = diagnostics(examined(world))
    titles = [step["title"] for step in found["steps"]]
    assert titles[:4] == STEPS
    assert [line.split(":")[0] for line in page.splitlines()[4:] if line[:1].strip()] == titles
    assert all(step["duration_seconds"] is not None for step in found["steps"][:4])
    status, out, _ = run(world)
    assert status == 0
    assert "The way to the license server is open." in out


def test_in_airgap_mode_nothing_is_walked(
    make_app: AppFactory, usual_url: str, clock: FakeClock, tmp_path: Path
) -> None:
    world = make_world(make_app, usual_url, clock, tmp_path, license_mode="airgap")
    status, out, _ = run(world)
    assert status == 0
    assert "makes no outbound license call" in out
    assert "No connection is made in airgap mode." in examined(world)


def test_the_test_is_for_admins_and_needs_their_form(world: World) -> None:
    viewer = signed_in(world, "viewer")
    assert post(viewer, TEST)[0] == 403
    admin = signed_in(world)
    assert admin.post(TEST).status_code == 400
    assert admin.get(TEST).status_code == 405


def test_the_test_stays_open_when_the_license_is_locked(world: World) -> None:
    world.install(world.vendor.issue(status="revoked"))
    assert world.state == "revoked"
    assert "The way to the license server is open." in examined(world)
