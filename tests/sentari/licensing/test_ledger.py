"""The audit log rewritten, cut and damaged, and the vendor's signature that it then contradicts."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy.orm import Session

from sentari.audit.models import AuditHead
from sentari.audit.store import audit_log, record
from sentari.extensions import db, writing
from sentari.licensing.core import create_licensing, reading
from sentari.licensing.exchange import check_in
from sentari.licensing.ledger import LogVerdict, LogWatch, verify_log
from serverkit.audit.chain import AuditEntry, next_entry
from tests.sentari.licensing.world import World

ALTERED = "UPDATE audit_event SET actor = 'user:innocent@example.com' WHERE seq = :seq"


@pytest.fixture
def watched(each_world: World) -> World:
    """A licensed server with a past that the vendor has confirmed, its triggers out of the way."""
    with each_world.context(), writing() as session:
        for name in ("one", "two", "three"):
            record(
                session, at=each_world.clock.now(), actor="user:admin@example.com",
                action="DEVICE_REMOVED", target=name,
            )  # fmt: skip
    each_world.install(each_world.vendor.issue())
    each_world.do(check_in)
    disarm(each_world)
    return each_world


def disarm(world: World) -> None:
    """Drop the triggers, as an owner of the database can."""
    with world.context():
        sqlite = db.engine.dialect.name == "sqlite"
    if sqlite:
        world.edit("DROP TRIGGER audit_event_no_update")
        world.edit("DROP TRIGGER audit_event_no_delete")
    else:
        world.edit("ALTER TABLE audit_event DISABLE TRIGGER USER")


def restart(world: World) -> World:
    sentari = world.app.extensions["sentari"]
    sentari.licensing = create_licensing(
        sentari.settings, clock=world.clock, transport=world.transport, server_version="0"
    )
    return world


def walk(world: World, watch: LogWatch | None = None) -> str:
    """Walk the log as the lease holder does, and return the state a second later."""
    watch = watch or LogWatch(world.licensing, world.app.app_context)
    with world.context():
        watch.walk_if_due()
    return world.state


def verdict(world: World) -> LogVerdict:
    with world.context():
        return verify_log(db.session(), world.licensing.trust.roots)


def target_seq(world: World, target: str) -> int:
    return next(event.seq for event in world.events("DEVICE_REMOVED") if event.target == target)


def relinked(session: Session, since: int) -> Iterator[AuditEntry]:
    """Compute the chain anew from an entry on, as somebody does who rewrites history."""
    seq, head = since - 1, audit_log.hash_at(session, since - 1)
    for entry in list(audit_log.entries(session)):
        if entry.seq >= since:
            assert head is not None
            made = next_entry(
                seq, head, at=entry.occurred_at, actor=entry.actor, action=entry.action,
                target=entry.target, detail=entry.detail,
            )  # fmt: skip
            yield made
            seq, head = made.seq, made.hash


def rewrite(world: World, seq: int) -> None:
    """Alter an entry and make every hash after it anew, and the head."""
    world.edit(ALTERED, seq=seq)
    with world.context(), reading() as session:
        made = list(relinked(session, seq))
    for entry in made:
        world.edit(
            "UPDATE audit_event SET prev_hash = :prev, hash = :hash WHERE seq = :seq",
            prev=entry.prev_hash, hash=entry.hash, seq=entry.seq,
        )  # fmt: skip
    world.edit("UPDATE audit_head SET hash = :hash", hash=made[-1].hash)


def findings(world: World) -> list[tuple[str, ...]]:
    activation = next(iter(world.vendor.licenses[0].activations.values()))
    return [request.findings for request in activation.requests]


def test_an_untouched_log_is_confirmed_and_nothing_is_written(watched: World) -> None:
    before = len(watched.events())
    assert walk(watched) == "active"
    assert len(watched.events()) == before
    found = verdict(watched)
    assert found.intact
    assert found.anchor is not None
    assert found.anchor.seq == watched.row()["audit_seq"]


def test_a_history_with_all_its_hashes_made_anew_contradicts_the_signature(watched: World) -> None:
    rewrite(watched, target_seq(watched, "two"))
    assert watched.audit_intact(), "by itself the forged chain holds"
    found = verdict(watched)
    assert (found.chain.intact, found.intact) == (True, False)
    assert found.broken_seq == watched.row()["audit_seq"]
    assert restart(watched).state == "tampered"


def test_an_altered_entry_that_kept_its_hash_is_found_by_the_walk(watched: World) -> None:
    seq = target_seq(watched, "two")
    watched.edit(ALTERED, seq=seq)
    assert restart(watched).state == "active", "a start does not wait for the walk"
    assert walk(watched) == "tampered"
    (told,) = watched.events("AUDIT_CHAIN_BROKEN")
    assert told.details()["entries"] == [seq]
    assert verdict(watched).broken_seq == seq
    assert "changed after it was written" in watched.status().reason


def test_an_entry_cut_out_of_the_middle_is_found(watched: World) -> None:
    watched.edit("DELETE FROM audit_event WHERE seq = :seq", seq=target_seq(watched, "one"))
    assert walk(watched) == "tampered"


def test_a_log_cut_off_below_the_anchor_is_found_at_the_start(watched: World) -> None:
    watched.edit("DELETE FROM audit_event WHERE seq >= :seq", seq=watched.row()["audit_seq"])
    assert verdict(watched).intact is False
    assert restart(watched).state == "tampered"


def test_a_log_cut_off_behind_the_anchor_is_found_by_the_walk(watched: World) -> None:
    with watched.context(), writing() as session:
        record(session, at=watched.clock.now(), actor="system", action="DEVICE_REMOVED")
    with watched.context():
        last = db.session.get_one(AuditHead, 1).seq
    watched.edit("DELETE FROM audit_event WHERE seq = :seq", seq=last)
    assert walk(watched) == "tampered"


def test_every_worker_locks_and_stays_locked_over_restarts(watched: World) -> None:
    watched.edit(ALTERED, seq=target_seq(watched, "two"))
    assert walk(watched) == "tampered"
    for _ in range(2):
        assert restart(watched).state == "tampered", "another worker reads it in the log"
        assert walk(watched) == "tampered"
    assert watched.actions("AUDIT_CHAIN") == ["AUDIT_CHAIN_BROKEN"]
    assert len(watched.events("LICENSE_TAMPER_DETECTED")) == 1


def test_what_was_altered_back_is_whole_again(watched: World) -> None:
    seq = target_seq(watched, "two")
    watched.edit(ALTERED, seq=seq)
    assert walk(watched) == "tampered"
    watched.edit(
        "UPDATE audit_event SET actor = 'user:admin@example.com' WHERE seq = :seq", seq=seq
    )
    assert walk(restart(watched)) == "active"
    assert watched.actions("AUDIT_CHAIN") == ["AUDIT_CHAIN_BROKEN", "AUDIT_CHAIN_RESTORED"]


def test_the_vendor_is_told_and_the_reply_after_that_opens_the_server_again(
    watched: World,
) -> None:
    watched.edit(ALTERED, seq=target_seq(watched, "two"))
    assert walk(watched) == "tampered"
    watched.do(check_in)
    assert findings(watched)[-1] == ("audit_broken", "tampered")
    assert walk(watched) == "active"
    assert not verdict(watched).intact, "the log itself can never be whole again, and says so"
    watched.do(check_in)
    assert walk(restart(watched)) == "active"
    assert findings(watched)[-1] == ()


def test_new_damage_is_not_covered_by_what_the_vendor_was_told_of(watched: World) -> None:
    watched.edit(ALTERED, seq=target_seq(watched, "two"))
    walk(watched)
    watched.do(check_in)
    assert walk(watched) == "active"
    watched.edit(ALTERED, seq=target_seq(watched, "three"))
    assert walk(restart(watched)) == "tampered"


def test_the_same_entry_altered_once_more_is_new_damage(watched: World) -> None:
    seq = target_seq(watched, "two")
    watched.edit(ALTERED, seq=seq)
    walk(watched)
    watched.do(check_in)
    watched.edit("UPDATE audit_event SET target = 'four' WHERE seq = :seq", seq=seq)
    assert walk(restart(watched)) == "tampered"


def test_a_reply_to_a_request_from_before_the_report_opens_nothing_for_long(
    watched: World,
) -> None:
    watched.transport.lose_answers = True
    with pytest.raises(Exception, match="complete answer"):
        watched.do(check_in)
    watched.transport.lose_answers = False
    watched.edit(ALTERED, seq=target_seq(watched, "two"))
    assert walk(watched) == "tampered"
    watched.do(check_in)
    assert findings(watched)[-1] == ()
    assert walk(watched) == "tampered"
    watched.do(check_in)
    assert "audit_broken" in findings(watched)[-1]
    assert walk(watched) == "active"


def test_the_log_is_walked_once_for_each_reply(watched: World) -> None:
    walks: list[float] = []
    with watched.context(), writing() as session:
        for _ in range(200):
            record(session, at=watched.clock.now(), actor="system", action="DEVICE_REMOVED")
    counting = replace(watched.licensing, pause=walks.append)
    watch = LogWatch(counting, watched.app.app_context)
    for _ in range(3):
        walk(watched, watch)
    assert len(walks) == 1, "it pauses for others on its way"
    watched.do(check_in)
    walk(watched, watch)
    assert len(walks) == 2


def test_the_minute_does_not_wait_for_the_walk(watched: World) -> None:
    watched.edit(ALTERED, seq=target_seq(watched, "two"))
    watch = LogWatch(watched.licensing, watched.app.app_context)
    with watched.context():
        watch.start()
        watch.start()
    watch.wait()
    assert watched.state == "tampered"


def test_without_a_license_there_is_nothing_to_contradict(each_world: World) -> None:
    assert walk(each_world) == "unlicensed"
    found = verdict(each_world)
    assert (found.intact, found.anchor) == (True, None)


def test_the_command_line_names_the_entry_that_contradicts_the_vendor(watched: World) -> None:
    runner = watched.app.test_cli_runner()
    done = runner.invoke(args=["audit", "verify"])
    assert f"confirmed it up to entry {watched.row()['audit_seq']}" in done.output
    rewrite(watched, target_seq(watched, "two"))
    done = runner.invoke(args=["audit", "verify"])
    assert done.exit_code == 1
    assert "not the one that the license server has confirmed" in done.output
    done = runner.invoke(args=["audit", "verify", "--json"])
    assert '"anchor_intact": false' in done.output
