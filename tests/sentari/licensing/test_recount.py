"""Edited totals are found by counting again, once an hour."""

from sentari.extensions import db, writing
from sentari.inventory.models import InventoryTotals
from sentari.licensing import caps
from sentari.licensing.recount import RECOUNT_SECONDS, Recount
from sentari.licensing.state import Usage
from tests.sentari.licensing.world import World


def edit(world: World) -> None:
    with world.app.app_context(), writing() as session:
        session.merge(InventoryTotals(id=1, devices=0, packages=-50))


def usage(world: World) -> Usage:
    with world.app.app_context():
        return caps.usage(db.session())


def test_totals_are_counted_again_after_an_hour_and_not_before(world: World) -> None:
    job = Recount(world.licensing)
    edit(world)
    world.clock.advance(RECOUNT_SECONDS - 1)
    with world.app.app_context():
        job()
    assert usage(world).packages == -50
    world.clock.advance(1)
    with world.app.app_context():
        job()
    assert usage(world) == Usage(0, 0)
    assert world.actions("USAGE_TOTALS_CORRECTED") == ["USAGE_TOTALS_CORRECTED"]
