"""The operator edits several tables together to get a better license back."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from sentari.extensions import db
from sentari.licensing import service
from sentari.licensing.answer import CheckInError
from sentari.licensing.causes import Cause
from sentari.licensing.exchange import check_in
from sentari.licensing.refusals import LicensingRefusedError
from tests.sentari.licensing.world import World

FAR_AHEAD = 1_000_000_000
DAY = 86_400


def insert(world: World, table: str, row: dict[str, Any]) -> None:
    marks = ", ".join(f":{name}" for name in row)
    world.edit(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", **row)


def rows(world: World, query: str) -> list[dict[str, Any]]:
    with world.context():
        return [dict(row) for row in db.session.execute(text(query)).mappings()]


def hoarded_reply(world: World) -> tuple[str, dict[str, Any]]:
    """Have a request answered, keep the reply for later, and take the request away."""
    with world.context():
        document = service.request_document(world.licensing)
    (request,) = rows(world, "SELECT * FROM license_request")
    world.edit("DELETE FROM license_request")
    return world.vendor.answer(document), request


@pytest.mark.parametrize("way", ["removed", "replaced"])
def test_a_reply_kept_from_before_a_revocation_does_not_undo_it(
    each_world: World, way: str
) -> None:
    world = each_world
    key = world.vendor.issue()
    world.install(key)
    hoarded, request = hoarded_reply(world)
    world.vendor.change(key, status="revoked")
    world.do(check_in)
    assert world.state == "revoked"
    if way == "removed":
        world.do(service.remove)
    else:
        world.install(world.vendor.issue(status="suspended"))
    before = world.state
    insert(world, "license_request", request)
    with pytest.raises(CheckInError) as caught:
        world.install(hoarded)
    assert (caught.value.cause, world.state) == (Cause.STALE, before)


def test_after_a_removal_the_vendors_next_reply_is_taken(each_world: World) -> None:
    key = each_world.vendor.issue()
    each_world.install(key)
    each_world.do(service.remove)
    each_world.install(key)
    assert each_world.state == "active"


@pytest.mark.parametrize("which", ["older", "newest"])
def test_an_entry_put_far_ahead_of_the_audit_log_hides_nothing(
    each_world: World, which: str
) -> None:
    world = each_world
    key = world.vendor.issue()
    world.install(key)
    older = world.row()
    query = "SELECT * FROM audit_event WHERE action = 'LICENSE_INSTALLED'"
    (forged,) = rows(world, query)
    world.vendor.change(key, status="revoked")
    world.do(check_in)
    if which == "newest":
        (forged,) = rows(world, query.replace("INSTALLED", "REPLY_APPLIED"))
    insert(world, "audit_event", forged | {"seq": FAR_AHEAD})
    if which == "older":
        world.put_row_back(older)
    for _ in range(3):
        assert world.state == "tampered"
    assert len(world.events("LICENSE_TAMPER_DETECTED")) == 1, "told once, not each second"


def test_a_head_row_set_back_or_lost_hides_no_newer_entry(each_world: World) -> None:
    each_world.install(each_world.vendor.issue())
    assert each_world.state == "active"
    each_world.edit("UPDATE audit_head SET seq = seq - 1")
    assert each_world.state == "tampered"
    each_world.edit("UPDATE audit_head SET seq = seq + 1")
    assert each_world.state == "active"


def test_a_request_dated_anew_does_not_give_back_the_time_since_it_was_made(
    airgap: World,
) -> None:
    world = airgap
    with pytest.raises(LicensingRefusedError):
        world.install(world.vendor.issue(max_offline_days=60))
    with world.context():
        document = service.request_document(world.licensing)
    world.install(world.vendor.answer(document))
    hoarded, request = hoarded_reply(world)
    begun = world.clock.now()
    for _ in range(20):
        world.clock.advance(DAY)
        with world.context():
            service.keep_time(world.licensing)
    dated_now = begun.replace(tzinfo=None) + timedelta(days=20)
    insert(world, "license_request", request | {"created_at": dated_now.isoformat(" ")})
    world.clock.advance(-20 * DAY)
    world.install(hoarded)
    assert world.licensing.time.now() - begun >= timedelta(days=18)
    assert world.status().facts.clock.rolled_back
