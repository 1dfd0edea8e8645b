"""What is counted later is exact at any time, on both databases."""

import random
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from sentari.extensions import db, writing
from sentari.inventory import counts
from sentari.inventory.counting import count_pending
from sentari.inventory.devices import find_device, remove_device
from sentari.inventory.models import (
    DevicePackage,
    EcosystemCount,
    InventoryChange,
    Package,
)
from sentari.inventory.packages import ecosystems_of
from tests.clocks import NOON
from tests.sentari.inventory.devices import device_id, enroll, send
from tests.sentari.inventory.scans import package, scan

KINDS = ("pip", "npm", "system_deb")


@pytest.fixture(autouse=True)
def _on_each_database(make_app, database_url):
    with make_app(database_url).app_context():
        yield


def pending():
    db.session.rollback()
    return db.session.scalar(select(func.count(InventoryChange.id)))


def rows():
    """Return the number of devices of each package and its ecosystem, as the rows say."""
    db.session.rollback()
    query = (
        select(Package.id, Package.ecosystem, func.count(DevicePackage.device_id))
        .outerjoin(DevicePackage, DevicePackage.package_id == Package.id)
        .group_by(Package.id, Package.ecosystem)
    )
    return [tuple(row) for row in db.session.execute(query)]


def check():
    """Compare every number with the rows."""
    there = rows()
    session = db.session()
    expected = {number: devices for number, _, devices in there}
    assert counts.device_counts(session, list(expected)) == expected
    held = set(session.scalars(select(Package.id).where(counts.held(session))))
    assert held == {number for number, devices in expected.items() if devices}
    kinds = [ecosystem for _, ecosystem, devices in there if devices]
    assert counts.packages_by_ecosystem(session) == {
        kind: kinds.count(kind) for kind in sorted(set(kinds))
    }
    query, count = counts.with_device_count(session, select(Package.id))
    assert dict(session.execute(query.add_columns(count)).all()) == expected


def check_devices(uids):
    for uid in uids:
        device = find_device(db.session(), uid, details=True)
        query = (
            select(Package.ecosystem, func.count())
            .join(DevicePackage, DevicePackage.package_id == Package.id)
            .where(DevicePackage.device_id == device_id(uid))
            .group_by(Package.ecosystem)
        )
        assert ecosystems_of(device) == dict(db.session.execute(query).all())


def test_numbers_are_those_of_the_rows_after_every_scan_removal_and_counting():
    chance = random.Random(7)
    uids = [enroll(hostname=f"host-{number}").device_uid for number in range(4)]
    for round_ in range(12):
        uid = chance.choice(uids)
        if round_ == 9:
            uids.remove(uid)
            with writing() as session:
                remove_device(session, uid, at=NOON, actor="test")
        else:
            chosen = [
                package(f"p{chance.randrange(5)}", env_type=chance.choice(KINDS))
                for _ in range(chance.randrange(6))
            ]
            at = (NOON + timedelta(hours=round_)).strftime("%Y-%m-%dT%H:%M:%SZ")
            send(uid, scan(*chosen, scanned_at=at), now=NOON + timedelta(hours=round_))
        check()
        if round_ % 3 == 2:
            count_pending()
            assert pending() == 0
            check()
    check_devices(uids)


def test_an_unchanged_scan_leaves_nothing_to_count():
    uid = enroll().device_uid
    send(uid, scan(package(), scanned_at="2026-11-23T12:00:00Z"))
    assert pending() == 1
    send(uid, scan(package(), scanned_at="2026-11-23T13:00:00Z"))
    assert pending() == 1


def test_only_so_much_is_counted_in_one_transaction():
    for number in range(3):
        send(enroll(hostname=f"h{number}").device_uid, scan(package(f"p{number}")))
    with writing() as session:
        assert counts.count_changes(session, at_most=2) == 2
    assert pending() == 1
    check()
    with writing() as session:
        assert counts.count_changes(session, at_most=2) == 1
        assert counts.count_changes(session, at_most=2) == 0
    check()


def test_an_ecosystem_that_nobody_has_any_more_is_not_told_of():
    uid = enroll().device_uid
    send(uid, scan(package(env_type="npm"), scanned_at="2026-11-23T12:00:00Z"))
    count_pending()
    send(uid, scan(package(), scanned_at="2026-11-23T13:00:00Z"))
    assert counts.packages_by_ecosystem(db.session()) == {"pypi": 1}
    count_pending()
    assert counts.packages_by_ecosystem(db.session()) == {"pypi": 1}
    kept = {row.ecosystem: row.packages for row in db.session.query(EcosystemCount)}
    assert kept == {"npm": 0, "pypi": 1}
