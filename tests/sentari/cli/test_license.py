"""flask license: the operator's way in when the browser's is closed."""

import json
from pathlib import Path

import pytest
from click.testing import Result

from license_token.armor import armor_license, unarmor
from sentari.licensing.answer import CheckInError
from sentari.licensing.causes import Cause
from tests.clocks import FakeClock
from tests.conftest import AppFactory
from tests.sentari.licensing.world import ISSUER, World, make_world
from tests.simulators.license_server import LicenseServerSimulator


@pytest.fixture
def world(make_app: AppFactory, usual_url: str, clock: FakeClock, tmp_path: Path) -> World:
    return make_world(make_app, usual_url, clock, tmp_path)


@pytest.fixture
def airgap(make_app: AppFactory, usual_url: str, clock: FakeClock, tmp_path: Path) -> World:
    return make_world(make_app, usual_url, clock, tmp_path, license_mode="airgap")


def run(world: World, *arguments: str, stdin: str | None = None) -> Result:
    return world.app.test_cli_runner().invoke(args=["license", *arguments], input=stdin)


def test_status_is_readable_and_as_json(world: World) -> None:
    assert "state: unlicensed" in run(world, "status").output
    run(world, "install", world.vendor.issue(max_devices=3).text)
    found = json.loads(run(world, "status", "--json").stdout)
    assert (found["state"], found["max_devices"]) == ("active", 3)


def test_the_exit_code_tells_how_far_the_server_is_open_when_it_is_asked_for(
    world: World,
) -> None:
    assert run(world, "status").exit_code == 0
    assert run(world, "status", "--exit-code").exit_code == 3
    run(world, "install", world.vendor.issue(max_offline_days=1).text)
    assert run(world, "status", "--exit-code").exit_code == 0
    world.clock.advance(86_400)
    locked = run(world, "status", "--json", "--exit-code")
    assert (locked.exit_code, locked.stderr) == (4, "")
    assert json.loads(locked.stdout)["state"] == "offline_exceeded"
    assert run(world, "status", "--json").exit_code == 0


def test_a_key_is_installed_from_the_command_line(world: World) -> None:
    done = run(world, "install", world.vendor.issue().text)
    assert done.exit_code == 0
    assert "state: active" in done.output
    assert world.events("LICENSE_INSTALLED")[0].actor == "cli"


@pytest.mark.parametrize("by", ["file", "stdin"])
def test_a_reply_is_installed_from_a_file(airgap: World, tmp_path: Path, by: str) -> None:
    assert run(airgap, "install", airgap.vendor.issue().text).exit_code == 1
    request = tmp_path / "request.txt"
    assert run(airgap, "request", "--output", str(request)).exit_code == 0
    reply = armor_license(airgap.vendor.answer(unarmor(request.read_text())))
    path = tmp_path / "reply.txt"
    path.write_text(reply)
    arguments = ("install", str(path)) if by == "file" else ("install", "-")
    done = run(airgap, *arguments, stdin=reply if by == "stdin" else None)
    assert done.exit_code == 0, done.output
    assert airgap.state == "active"


def test_a_refusal_is_one_line_on_standard_error(world: World) -> None:
    done = run(world, "install", "SENT-AAAA")
    assert done.exit_code == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "Group" in done.stderr
    world.vendor.unavailable = CheckInError(Cause.DNS, "No such name.")
    done = run(world, "install", world.vendor.issue().text)
    assert done.exit_code == 1
    assert done.stderr.startswith("The name could not be looked up: No such name. Check the DNS")
    assert done.stderr.count("\n") == 1


def test_check_in_and_request_need_a_key(world: World) -> None:
    for command in ("check-in", "request"):
        done = run(world, command)
        assert done.exit_code == 1
        assert done.stderr == "No license key was given yet. Install a license key first.\n"


def test_check_in_fetches_what_the_vendor_changed(world: World) -> None:
    key = world.vendor.issue()
    run(world, "install", key.text)
    world.vendor.change(key, max_devices=77)
    found = json.loads(run(world, "check-in", "--json").stdout)
    assert found["max_devices"] == 77


def test_remove_asks_unless_it_is_told_not_to(world: World) -> None:
    run(world, "install", world.vendor.issue().text)
    assert run(world, "remove", stdin="n\n").exit_code == 1
    assert world.state == "active"
    assert run(world, "remove", "--yes").exit_code == 0
    assert world.state == "unlicensed"
    assert run(world, "remove", "--yes").exit_code == 1


def test_inspect_verifies_and_installs_nothing(world: World, tmp_path: Path) -> None:
    path = tmp_path / "reply.txt"
    path.write_text(world.vendor.presigned(world.vendor.issue(tier="gold")))
    found = json.loads(run(world, "inspect", str(path), "--json").stdout)
    assert (found["verified"], found["tier"], found["presigned"]) == (True, "gold", True)
    assert (found["instance_id"], found["max_devices"]) == (None, 100)
    assert found["signing_key"]
    assert found["certificate_valid_from"] < found["issued_at"] < found["certificate_valid_until"]
    assert "tier: gold" in run(world, "inspect", str(path)).output
    assert world.state == "unlicensed"


def test_inspect_names_what_does_not_verify(world: World, tmp_path: Path) -> None:
    path = tmp_path / "reply.txt"
    genuine = world.vendor.presigned(world.vendor.issue())
    foreign = LicenseServerSimulator(ISSUER, world.clock)
    forged = foreign.presigned(foreign.issue())
    for text, fault in ((forged, "not trusted"), (genuine.replace(".", ".A", 1), "signature")):
        path.write_text(text)
        done = run(world, "inspect", str(path))
        assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (1, "", 1)
        assert fault in done.stderr


@pytest.mark.parametrize("content", [b"nonsense", b"\xff\xfe", b"x" * (64 * 1024 + 1)])
def test_inspect_refuses_what_is_no_reply(world: World, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "reply.txt"
    path.write_bytes(content)
    done = run(world, "inspect", str(path))
    assert done.exit_code == 1
    assert done.stderr.count("\n") == 1
    assert run(world, "inspect", str(tmp_path / "absent")).exit_code == 1
