"""`flask demo`: a fleet that looks real, in an empty house only, and gone again without a trace."""

import json
import re
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import select

from sentari.agents.models import EnrollmentToken
from sentari.demo.machines import fleet as machines
from sentari.demo.service import catalogue
from sentari.demo.versions import older
from sentari.extensions import db, writing
from sentari.inventory.activity import scans_by_day
from sentari.inventory.devices import status_of
from sentari.inventory.models import Device, Package, ScanDay, ScanEntry
from sentari.licensing import caps
from tests.sentari.inventory.scans import package, scan
from tools import demo_packages

ROUND = 20


@pytest.fixture
def run(fleet):
    runner = fleet.app.test_cli_runner()
    return lambda *arguments, **options: runner.invoke(args=["demo", *arguments], **options)


def rows(fleet, query):
    with fleet.app.app_context():
        found = db.session.scalars(query).all()
        db.session.remove()
    return found


def test_the_demo_has_machines_of_all_kinds_in_all_conditions(fleet, run):
    yesterday = (fleet.clock.now() - timedelta(days=1)).date()
    # A server that has been running for a while has counted the days before as empty.
    with fleet.app.app_context(), writing() as session:
        session.add(ScanDay(day=yesterday, scans=0))
    done = run("load", "--devices", str(ROUND))
    assert done.stdout == "Demo devices added: 20; scans taken in: 532.\n"
    devices, now = rows(fleet, select(Device)), fleet.clock.now()
    assert {device.os for device in devices} == {"linux", "windows", "darwin"}
    assert {device.agent_version for device in devices} == {"0.9.4", "1.0.0"}
    assert Counter(status_of(device, now) for device in devices) == {
        "active": 17, "silent": 2, "waiting": 1,
    }  # fmt: skip
    late = [device for device in devices if now - device.last_seen_at > timedelta(hours=2)]
    assert len(late) == 2 + 2 + 1
    assert sum(device.clone_seen_at is not None for device in devices) == 1
    assert sum(device.error_count > 0 for device in devices) == 2
    tags = Counter(tag for machine in machines(ROUND) for tag in machine.tags)
    assert tags["demo"] == ROUND
    assert min(tags["frankfurt"], tags["lisbon"], tags["austin"]) > 5
    assert len(rows(fleet, select(Package.version).where(Package.name == "openssl"))) > 2
    with fleet.app.app_context():
        assert dict(scans_by_day(db.session(), now))[yesterday] > 10
        assert caps.usage(db.session()) == caps.counted(db.session())
    (token,) = rows(fleet, select(EnrollmentToken))
    assert (token.name, token.uses, token.state(now)) == ("Demo", ROUND, "revoked")
    (event,) = fleet.world.events("DEMO_LOADED")
    assert (event.actor, json.loads(event.detail)) == ("cli", {"devices": 20, "scans": 532})


def test_the_history_shows_a_round_of_updates_each_week(fleet, run):
    run("load", "--devices", "1")
    changed = select(ScanEntry.changed + ScanEntry.added).order_by(ScanEntry.scanned_at)
    counts = rows(fleet, changed)
    assert len(counts) == 28
    assert sum(count > 0 for count in counts[1:]) == 4
    newest = rows(fleet, select(ScanEntry.id).where(ScanEntry.changes.is_not(None)))[-1]
    (device,) = rows(fleet, select(Device))
    path = f"/devices/{device.uid}/scans/{newest}"
    page = fleet.browser("viewer").get(path).get_data(as_text=True)
    told = dict(re.findall(r'(\w+)(?:</a>)?</div>\s*<div class="stat-value">(\d+)<', page))
    assert int(told["Upgraded"]) > 5
    assert told["Downgraded"] == "0"


def test_loading_it_again_adds_nothing_and_later_lets_the_machines_report_anew(fleet, run):
    run("load", "--devices", "4")
    again = run("load", "--devices", "4")
    assert again.stdout == "Demo devices added: 0; scans taken in: 0.\n"
    assert len(fleet.world.events("DEMO_LOADED")) == 1
    fleet.clock.advance(3 * 3600)
    more = run("load", "--devices", "5")
    assert more.stdout == "Demo devices added: 1; scans taken in: 32.\n"
    assert len(rows(fleet, select(Device))) == 5


def test_it_is_loaded_into_an_empty_house_only(fleet, run):
    fleet.add(scan(package()))
    refused = run("load")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr.startswith("there are other devices here (1)")
    assert len(rows(fleet, select(Device))) == 1


def test_it_stays_within_what_the_license_allows(fleet, run):
    fleet.license(max_devices=3, max_packages=700)
    refused = run("load", "--devices", "4")
    assert "the license allows 3 devices and the demo has 4" in refused.stderr
    assert rows(fleet, select(Device)) == []
    short = run("load", "--devices", "3")
    assert short.exit_code == 1
    assert "The license allows 700 packages" in short.stderr
    # What fitted is there, whole, and written down.
    assert len(rows(fleet, select(Device))) == 1
    (event,) = fleet.world.events("DEMO_LOADED")
    assert json.loads(event.detail) == {"devices": 1, "scans": 28}


def test_without_a_license_it_says_so(fleet, run):
    fleet.unlicense()
    refused = run("load")
    assert (refused.exit_code, len(refused.stderr.splitlines())) == (1, 1)
    assert refused.stderr.startswith("the license does not allow it: ")


def test_it_is_removed_without_touching_what_came_since(fleet, run):
    run("load", "--devices", "2")
    mine = fleet.add(scan(package()))
    assert run("remove", input="n\n").exit_code == 1
    assert run("remove", "--yes").stdout == "Demo devices removed: 2.\n"
    assert [device.uid for device in rows(fleet, select(Device))] == [mine]
    assert run("remove", "--yes").stdout == "Demo devices removed: 0.\n"
    assert rows(fleet, select(EnrollmentToken)) == []


def test_it_goes_into_either_database(each_fleet):
    run = each_fleet.app.test_cli_runner()
    done = run.invoke(args=["demo", "load", "--devices", "2"])
    assert done.stdout == "Demo devices added: 2; scans taken in: 56.\n"
    removed = run.invoke(args=["demo", "remove", "--yes"])
    assert removed.stdout == "Demo devices removed: 2.\n"


def test_its_packages_are_those_of_the_real_scans():
    assert catalogue() == demo_packages.catalogue()


@pytest.mark.parametrize(
    ("version", "steps", "expected"),
    [
        ("3.0.15", 1, "3.0.14"),
        ("3.0.15", 3, "3.0.12"),
        ("1:9.18.49-1~deb12u3", 2, "1:9.18.47-1~deb12u3"),
        ("2.40.0", 1, "2.39.0"),
        ("1.43.11.post0", 1, "1.43.10.post0"),
        ("0.0", 1, "0.0"),
        ("", 1, ""),
        ("v12", 1, "v12"),
    ],
)
def test_an_earlier_version_is_counted_down_from_a_later_one(version, steps, expected):
    assert older(version, steps) == expected
