import csv
import io
import json

import pytest

from tests.sentari.inventory.scans import package, scan


@pytest.fixture
def run(fleet):
    runner = fleet.app.test_cli_runner()

    def invoke(*arguments, **options):
        return runner.invoke(args=list(arguments), **options)

    return invoke


def test_devices_are_listed_and_removed(fleet, run):
    device_id = fleet.add(scan(package(), hostname="web-01"))
    fleet.enroll(hostname="db")
    lines = run("device", "list").stdout.splitlines()
    assert lines[0].split("\t")[1:4] == ["db", "waiting", "0"]
    assert run("device", "list", "--search", "web").stdout.startswith(device_id)
    (row,) = json.loads(run("device", "list", "--status", "active", "--json").stdout)
    assert (row["id"], row["packages"]) == (device_id, 1)
    assert run("device", "remove", device_id, input="n\n").exit_code == 1
    removed = run("device", "remove", device_id, "--yes")
    assert removed.exit_code == 0
    assert "web-01" in removed.stdout
    (event,) = fleet.world.events("DEVICE_REMOVED")
    assert event.actor == "cli"


def test_what_is_not_there_is_one_line_and_status_1(run):
    for arguments in (
        ("device", "remove", "nothing", "--yes"),
        ("device", "list", "--status", "dead"),
        ("enrollment", "revoke-token", "nothing"),
        ("enrollment", "create-token", "--name", " "),
        ("enrollment", "create-token", "--name", "x", "--max-uses", "0"),
        ("inventory", "export", "--device", "nothing"),
        ("inventory", "export", "--output", "/nothing/there.csv"),
    ):
        result = run(*arguments)
        assert (result.exit_code, result.stdout) == (1, ""), arguments
        assert len(result.stderr.splitlines()) == 1


def test_a_token_is_made_listed_and_revoked(fleet, run):
    token = run(
        "enrollment", "create-token", "--name", "office", "--max-uses", "2",
        "--expires-in-days", "30",
    ).stdout.strip()  # fmt: skip
    assert fleet.register(enrollment_token=token).status_code == 201
    (row,) = json.loads(run("enrollment", "list", "--json").stdout)
    assert (row["name"], row["state"], row["uses"], row["max_uses"]) == ("office", "active", 1, 2)
    assert run("enrollment", "revoke-token", "office").exit_code == 0
    assert fleet.register(enrollment_token=token).status_code == 403
    assert "\trevoked\t" in run("enrollment", "list").stdout
    made = json.loads(run("enrollment", "create-token", "--name", "b", "--json").stdout)
    assert made["token"].startswith("stre_")


def test_the_inventory_is_exported_in_any_license_state(fleet, run, tmp_path):
    device_id = fleet.add(scan(package("=1+1"), hostname="web-01"))
    fleet.add(scan(package("pip"), hostname="db"))
    fleet.unlicense("revoked")
    rows = list(csv.DictReader(io.StringIO(run("inventory", "export").stdout)))
    assert [row["name"] for row in rows] == ["pip", "'=1+1"]
    path = tmp_path / "out.json"
    arguments = ("--format", "json", "--device", device_id, "--output", str(path))
    assert run("inventory", "export", *arguments).exit_code == 0
    assert [row["hostname"] for row in json.loads(path.read_text())] == ["web-01"]
    events = fleet.world.events("INVENTORY_EXPORTED")
    assert [event.actor for event in events] == ["cli", "cli"]
