"""The operator edits the database, with every right on it: what is noticed, told and healed."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from license_token.errors import LicenseTokenError
from sentari.audit.store import record
from sentari.extensions import db, writing
from sentari.licensing import service
from sentari.licensing.answer import CheckInError
from sentari.licensing.causes import Cause
from sentari.licensing.core import create_licensing
from sentari.licensing.exchange import check_in
from sentari.licensing.models import InstalledLicense
from tests.conftest import AppFactory
from tests.sentari.licensing.world import World


def detected(world: World) -> list[dict[str, Any]]:
    return [event.details() for event in world.events("LICENSE_TAMPER_DETECTED")]


def test_an_edited_column_closes_the_gate_and_its_repair_opens_it(each_world: World) -> None:
    world = each_world
    world.install(world.vendor.issue(max_devices=100))
    world.edit("UPDATE installed_license SET max_devices = 99999")
    status = world.status()
    assert (status.state, status.gate) == ("tampered", "locked")
    assert status.limits.devices == 100, "the signature, not the column, is what counts"
    (told,) = detected(world)
    assert told["columns"] == [{"column": "max_devices", "stored": 99999, "signed": 100}]
    world.edit("UPDATE installed_license SET max_devices = 100")
    assert world.state == "active"
    assert world.actions("LICENSE_TAMPER") == ["LICENSE_TAMPER_DETECTED", "LICENSE_TAMPER_CLEARED"]
    assert world.audit_intact()


@pytest.mark.parametrize(
    "column",
    [column.name for column in InstalledLicense.__table__.columns if column.name != "id"],
)
def test_no_column_can_be_edited_unnoticed(world: World, column: str) -> None:
    world.install(world.vendor.issue())
    value = "'2099-01-01'" if column == "expires_at" else "7777"
    world.edit(f"UPDATE installed_license SET {column} = {value}")
    assert world.state == "tampered"
    if column != "reply":
        (told,) = detected(world)
        assert [difference["column"] for difference in told["columns"]] == [column]


@pytest.mark.parametrize(
    "value",
    ["NULL", "''", "'x'", "x'ff00'", "CAST(x'ff' AS TEXT)", "1e308", "9223372036854775807", "-1"],
)
@pytest.mark.parametrize("column", ["max_devices", "expires_at", "tier", "reply"])
@pytest.mark.sqlite
def test_no_value_however_wild_keeps_the_last_verdict_in_force(
    world: World, column: str, value: str
) -> None:
    world.install(world.vendor.issue())
    assert world.state == "active"
    world.edit("PRAGMA writable_schema = ON")
    world.edit(
        "UPDATE sqlite_schema SET sql = replace(sql, 'NOT NULL', '') "
        "WHERE name = 'installed_license'"
    )
    with world.app.app_context():
        db.engine.dispose()
    world.edit(f"UPDATE installed_license SET {column} = {value}")
    assert world.state == "tampered"
    assert len(detected(world)) == 1


def test_the_same_difference_is_told_once_and_another_one_again(each_world: World) -> None:
    world = each_world
    world.install(world.vendor.issue(max_devices=100))
    for value in (5, 5, 6, 6):
        world.edit("UPDATE installed_license SET max_devices = :value", value=value)
        for _ in range(3):
            assert world.state == "tampered"
    assert [told["columns"][0]["stored"] for told in detected(world)] == [5, 6]


def test_several_workers_tell_it_once_together(
    each_world: World, make_app: AppFactory, database_url: str
) -> None:
    world = each_world
    world.install(world.vendor.issue())
    path = world.app.extensions["sentari"].settings.license_public_key_path
    apps = [make_app(database_url, license_public_key_path=path) for _ in range(6)]
    workers = [World(app, world.vendor, world.transport, world.clock) for app in apps]
    assert {worker.state for worker in workers} == {"active"}
    world.edit("UPDATE installed_license SET tier = 'platinum'")
    with ThreadPoolExecutor(len(workers)) as pool:
        assert set(pool.map(lambda worker: worker.state, workers)) == {"tampered"}
    assert len(detected(world)) == 1
    assert world.actions("LICENSE_STATE_CHANGED") == ["LICENSE_STATE_CHANGED"] * 2
    assert world.audit_intact()


def test_a_deleted_row_is_remembered_by_the_audit_log(each_world: World) -> None:
    world = each_world
    world.install(world.vendor.issue())
    world.edit("DELETE FROM installed_license")
    assert world.state == "tampered"
    assert detected(world)[0]["kind"] == "missing"


def test_deleting_every_table_of_the_license_gains_nothing(world: World) -> None:
    world.install(world.vendor.issue())
    for table in ("installed_license", "license_key", "license_request", "license_check_in"):
        world.edit(f"DELETE FROM {table}")
    assert world.state == "tampered"


def test_a_genuine_older_reply_put_back_is_noticed(each_world: World) -> None:
    world = each_world
    key = world.vendor.issue(max_devices=1000)
    world.install(key)
    older = world.row()
    world.vendor.change(key, max_devices=3, status="suspended")
    world.do(check_in)
    world.put_row_back(older)
    assert world.state == "tampered"
    assert detected(world)[0]["kind"] == "older"


def test_a_license_put_back_after_its_removal_is_noticed(world: World) -> None:
    world.install(world.vendor.issue())
    row = world.row()
    world.do(service.remove)
    world.put_row_back(row)
    assert world.state == "tampered"
    assert detected(world)[0]["kind"] == "unrecorded"


def test_a_presigned_license_written_into_the_table_is_noticed(world: World) -> None:
    world.install(world.vendor.issue())
    row = world.row()
    world.do(service.remove)
    world.put_row_back(row | {"reply": world.vendor.presigned(world.vendor.issue())})
    assert world.state == "tampered"


def test_another_servers_license_is_noticed(world: World) -> None:
    world.install(world.vendor.issue())
    world.edit("UPDATE license_instance SET instance_id = '5f0d5bd2-4b53-4d58-9cf5-3b1d2a6f7c11'")
    assert world.state == "tampered"
    assert detected(world)[0]["kind"] == "instance"


@pytest.mark.parametrize(
    "edit", ["DELETE FROM license_instance", "UPDATE license_instance SET public_key = 'é'"]
)
def test_a_lost_or_damaged_identity_is_noticed(world: World, edit: str) -> None:
    world.install(world.vendor.issue())
    world.edit(edit)
    assert world.state == "tampered"


def test_a_broken_signature_in_the_table_is_noticed(world: World) -> None:
    world.install(world.vendor.issue())
    reply = world.row()["reply"]
    world.edit("UPDATE installed_license SET reply = :reply", reply=reply[:-4] + "AAAA")
    status = world.status()
    assert (status.state, status.claims) == ("tampered", None)
    assert detected(world)[0]["kind"] == "reply"


@pytest.mark.sqlite
def test_an_audit_log_whose_anchored_entry_was_rewritten_is_noticed(world: World) -> None:
    with world.context(), writing() as session:
        record(session, at=world.clock.now(), actor="system", action="DEVICE_REMOVED")
    world.install(world.vendor.issue())
    anchored = world.row()["audit_seq"]
    world.edit("DROP TRIGGER audit_event_no_update")
    world.edit("UPDATE audit_event SET hash = :hash WHERE seq = :seq", hash="0" * 64, seq=anchored)
    assert world.state == "active", "checked at start and whenever the stored reply changes"
    world.do(check_in)
    world.edit(
        "UPDATE audit_event SET hash = :h WHERE seq = :s", h="1" * 64, s=world.row()["audit_seq"]
    )
    assert restarted(world).state == "tampered"
    assert detected(world)[0]["kind"] == "anchor"


def restarted(world: World) -> World:
    """Return the server after a restart: the same database, nothing remembered."""
    sentari = world.app.extensions["sentari"]
    sentari.licensing = create_licensing(
        sentari.settings, clock=world.clock, transport=world.transport, server_version="0"
    )
    return world


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE installed_license SET max_devices = 99999",
        "DELETE FROM installed_license",
        "UPDATE installed_license SET reply = 'x'",
    ],
)
def test_a_fresh_reply_heals_and_the_vendor_is_told(world: World, edit: str) -> None:
    key = world.vendor.issue()
    world.install(key)
    world.edit(edit)
    assert world.state == "tampered"
    world.do(check_in)
    assert world.state == "active"
    assert world.actions("LICENSE_TAMPER")[-1] == "LICENSE_TAMPER_CLEARED"
    requests = next(iter(world.vendor.license_of(key).activations.values())).requests
    assert [request.findings for request in requests] == [(), ("tampered",)]
    world.do(check_in)
    assert requests[-1].findings == ()


def test_what_was_repaired_by_hand_is_told_to_the_vendor_all_the_same(world: World) -> None:
    key = world.vendor.issue(max_devices=10)
    world.install(key)
    for value in (99, 10):
        world.edit("UPDATE installed_license SET max_devices = :value", value=value)
        world.status()
    world.do(check_in)
    requests = next(iter(world.vendor.license_of(key).activations.values())).requests
    assert requests[-1].findings == ("tampered",)


def test_an_admin_can_remove_a_license_that_was_tampered_with(world: World) -> None:
    world.install(world.vendor.issue())
    world.edit("DELETE FROM installed_license")
    assert world.state == "tampered"
    world.do(service.remove)
    assert world.state == "unlicensed"


def test_nothing_that_is_presented_makes_the_license_tampered(world: World) -> None:
    key = world.vendor.issue()
    world.install(key)
    good = world.row()["reply"]
    for text in ("a.b.c~d.e.f", good[:-4] + "AAAA", good, good.replace("~", ".")):
        with pytest.raises((CheckInError, LicenseTokenError)):
            world.install(text)
        assert world.state == "active"
    assert detected(world) == []


def test_while_the_vendor_cannot_be_reached_tampering_stays(world: World) -> None:
    world.install(world.vendor.issue())
    world.edit("UPDATE installed_license SET seq = 99")
    world.vendor.unavailable = CheckInError(Cause.DNS, "No such name.")
    with pytest.raises(CheckInError):
        world.do(check_in)
    assert world.state == "tampered"
