"""Callers that come at once: one call at a time, and its outcome serves those who waited."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from sentari.extensions import writing
from sentari.licensing import service
from sentari.licensing.answer import CheckInError
from sentari.licensing.causes import Cause
from sentari.licensing.core import Licensing
from sentari.licensing.exchange import check_in, check_in_if_due, is_check_in_due
from sentari.licensing.lease import Claim
from sentari.licensing.refusals import BusyError
from sentari.licensing.turn import PATIENCE_SECONDS, TURN_SECONDS, turn
from tests.sentari.licensing.gates import GatedTransport
from tests.sentari.licensing.world import World


def ask(world: World, licensing: Licensing) -> None:
    with world.context():
        check_in(licensing, actor="user:admin@example.com")


@contextmanager
def call_under_way(
    world: World, pool: ThreadPoolExecutor
) -> Iterator[tuple[GatedTransport, Future[None]]]:
    """Have a check-in wait for its answer."""
    gated = GatedTransport(world.transport)
    first = pool.submit(ask, world, replace(world.licensing, transport=gated))
    assert gated.called.wait(20)
    try:
        yield gated, first
    finally:
        gated.gate.set()


def waiting(world: World, gated: GatedTransport) -> Licensing:
    """Open the gate as soon as somebody waits for the call behind it."""

    def pause(_seconds: float) -> None:
        gated.gate.set()

    return replace(world.licensing, pause=pause)


def test_who_comes_during_a_check_in_waits_and_shares_its_outcome(each_world: World) -> None:
    world = each_world
    world.install(world.vendor.issue())
    world.clock.advance(60)
    with ThreadPoolExecutor(2) as pool, call_under_way(world, pool) as (gated, first):
        ask(world, waiting(world, gated))
        first.result(20)
    assert world.vendor.calls == 2  # the installation and one check-in
    assert world.row()["seq"] == 2
    assert world.actions("LICENSE_CHECK_IN_FAILED") == []


def test_who_waited_for_a_vendor_that_did_not_answer_does_not_ask_again(each_world: World) -> None:
    world = each_world
    world.install(world.vendor.issue())
    world.clock.advance(60)
    world.transport.lose_answers = True
    with ThreadPoolExecutor(2) as pool, call_under_way(world, pool) as (gated, first):
        with pytest.raises(CheckInError) as caught:
            ask(world, waiting(world, gated))
        assert caught.value.cause is Cause.TIMEOUT
        assert isinstance(first.exception(20), CheckInError)
    assert world.vendor.calls == 2


def test_a_key_that_waits_is_asked_for_after_another_check_in(each_world: World) -> None:
    world = each_world
    world.install(world.vendor.issue(tier="first"))
    world.clock.advance(60)
    second = world.vendor.issue(tier="second")
    with ThreadPoolExecutor(2) as pool, call_under_way(world, pool) as (gated, first):
        with world.context():
            service.give_key(waiting(world, gated), second, actor="user:admin@example.com")
        first.result(20)
    terms = world.status().terms
    assert terms is not None
    assert terms.tier == "second"
    assert world.vendor.calls == 3


def test_the_scheduler_does_not_wait_for_another_check_in(world: World) -> None:
    world.install(world.vendor.issue())
    with (
        ThreadPoolExecutor(1) as pool,
        call_under_way(world, pool),
        world.context(),
        pytest.raises(BusyError),
    ):
        check_in_if_due(world.licensing)


def test_a_check_in_that_was_just_made_is_not_made_again_by_schedule(world: World) -> None:
    world.install(world.vendor.issue())
    with world.context():
        check_in_if_due(world.licensing)
        assert not is_check_in_due(world.licensing)
    assert world.vendor.calls == 1


def take(world: World, holder: str) -> bool:
    with world.context(), writing() as session:
        claim = Claim("check-in", holder, TURN_SECONDS)
        return claim.take(session, world.clock.now())


def test_a_caller_that_was_killed_keeps_nobody_out_for_longer_than_a_turn(world: World) -> None:
    world.install(world.vendor.issue())
    began = world.clock.now()
    take(world, "killed")
    ask(world, replace(world.licensing, pause=world.clock.advance))
    assert world.vendor.calls == 2
    assert world.clock.now() - began == timedelta(seconds=TURN_SECONDS)


def held_for_ever(world: World) -> Licensing:
    """Return licensing in which another caller renews its turn whenever one waits."""

    def pause(seconds: float) -> None:
        world.clock.advance(seconds)
        take(world, "somebody")

    take(world, "somebody")
    return replace(world.licensing, pause=pause)


def test_nobody_waits_for_ever(world: World) -> None:
    world.install(world.vendor.issue())
    began = world.clock.now()
    with world.context(), pytest.raises(BusyError, match="under way"):
        check_in(held_for_ever(world), actor="cli")
    assert world.clock.now() - began == timedelta(seconds=PATIENCE_SECONDS)
    assert world.vendor.calls == 1


def test_a_key_given_in_vain_is_kept_and_asked_for_later(world: World) -> None:
    with world.context(), pytest.raises(BusyError, match="The key is kept"):
        service.give_key(held_for_ever(world), world.vendor.issue(), actor="cli")
    assert world.status().facts.activation_pending
    world.clock.advance(TURN_SECONDS)
    with world.context():
        check_in_if_due(world.licensing)
    assert world.state == "active"


def test_a_turn_ends_with_its_error(world: World) -> None:
    with world.context():
        with pytest.raises(ZeroDivisionError), turn(world.licensing):
            raise ZeroDivisionError
        with turn(world.licensing, patience_seconds=0) as ours:
            assert not ours.waited


def test_the_outcome_for_a_license_that_was_removed_meanwhile_concerns_nobody(
    world: World,
) -> None:
    world.install(world.vendor.issue())
    with ThreadPoolExecutor(1) as pool, call_under_way(world, pool) as (gated, first):
        world.do(service.remove)
        gated.gate.set()
        assert isinstance(first.exception(20), CheckInError)
    status = world.status()
    assert (status.state, status.facts.last_check_in_error) == ("unlicensed", None)
    assert world.actions("LICENSE_CHECK_IN_FAILED") == []
