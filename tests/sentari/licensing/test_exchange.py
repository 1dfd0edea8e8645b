"""A check-in from beginning to end: what is sent, what is accepted, what a lost answer costs."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from license_token.request import read_request
from sentari.extensions import db, writing
from sentari.inventory.models import Device
from sentari.licensing import service
from sentari.licensing.answer import CheckInError
from sentari.licensing.causes import Cause
from sentari.licensing.exchange import check_in
from sentari.licensing.identity import find_identity
from sentari.licensing.models import Instance, StoredRequest
from sentari.licensing.refusals import LicensingRefusedError
from sentari.licensing.vault import Vault
from tests.sentari.licensing.world import World
from tests.simulators.license_server import Fault, VendorRefusalError

DAY = 86_400


def flags(world: World) -> list[str]:
    """Return what the vendor suspects of all servers together."""
    return [
        flag
        for sold in world.vendor.licenses
        for activation in sold.activations.values()
        for flag in activation.flags
    ]


def failed(world: World) -> str:
    with pytest.raises(CheckInError) as caught:
        world.do(check_in)
    return caught.value.cause.value


def device(world: World, packages: int) -> Device:
    now, words = world.clock.now(), {"hostname": "h", "os": "", "arch": "", "agent_version": "1"}
    return Device(
        uid=f"d-{packages}", enrolled_at=now, last_seen_at=now, package_count=packages, **words
    )


def test_the_request_tells_what_the_contract_lists(world: World) -> None:
    with world.context():
        with writing() as session:
            session.add_all(device(world, count) for count in (10, 30, 0))
        identity = find_identity(db.session())
    assert identity is not None
    world.install(world.vendor.issue())
    claims = read_request(world.transport.documents[0]).claims
    assert claims.instance_id == identity.instance_id
    assert claims.audience == "https://license.sentari.dev"
    assert claims.issued_at == int(world.clock.now().timestamp())
    assert (claims.devices, claims.packages) == (3, 40)
    assert (claims.previous, claims.findings) == (None, ())
    assert claims.audit.seq > 0


def test_each_check_in_names_the_reply_before_and_raises_no_suspicion(world: World) -> None:
    world.install(world.vendor.issue())
    for _ in range(5):
        before = world.row()["jti"]
        world.clock.advance(3600)
        world.do(check_in)
        assert read_request(world.transport.documents[-1]).claims.previous == before
    assert flags(world) == []
    assert world.row()["seq"] == 6


def test_a_lost_answer_is_asked_for_again_with_the_same_bytes(each_world: World) -> None:
    world = each_world
    world.install(world.vendor.issue())
    world.transport.lose_answers = True
    for _ in range(4):
        assert failed(world) == "timeout"
    world.transport.lose_answers = False
    world.do(check_in)
    assert len(set(world.transport.documents[1:])) == 1
    assert world.row()["seq"] == 2
    world.do(check_in)
    assert flags(world) == []


def test_a_first_answer_that_was_lost_does_not_use_up_an_activation(world: World) -> None:
    key = world.vendor.issue()
    world.transport.lose_answers = True
    with pytest.raises(CheckInError):
        world.install(key)
    world.transport.lose_answers = False
    world.do(check_in)
    assert world.state == "active"
    assert (len(set(world.transport.documents)), flags(world)) == (1, [])


def test_the_request_is_stored_before_it_is_sent(world: World) -> None:
    world.vendor.unavailable = CheckInError(Cause.CONNECT, "Refused.")
    with pytest.raises(CheckInError):
        world.install(world.vendor.issue())
    with world.context():
        (stored,) = db.session.query(StoredRequest).all()
        assert stored.document == world.transport.documents[0]


@pytest.mark.parametrize(("age", "repeated"), [(30 * DAY - 1, True), (30 * DAY, False)])
def test_a_request_is_repeated_for_thirty_days(world: World, age: int, repeated: bool) -> None:
    world.transport.lose_answers = True
    with pytest.raises(CheckInError):
        world.install(world.vendor.issue())
    world.clock.advance(age)
    failed(world)
    assert (len(set(world.transport.documents)) == 1) is repeated


def test_two_check_ins_at_once_send_the_same_request_and_both_succeed(each_world: World) -> None:
    world = each_world
    world.install(world.vendor.issue())
    with ThreadPoolExecutor(4) as pool:
        for outcome in [pool.submit(world.do, check_in) for _ in range(8)]:
            outcome.result()
    assert world.state == "active"
    assert flags(world) == []
    assert world.actions("LICENSE_CHECK_IN_FAILED") == []
    assert world.audit_intact()


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (Fault.BAD_SIGNATURE, "bad_signature"),
        (Fault.UNTRUSTED_ROOT, "untrusted_key"),
        (Fault.EXPIRED_CERTIFICATE, "certificate_invalid"),
        (Fault.WRONG_NONCE, "wrong_nonce"),
        (Fault.WRONG_INSTANCE, "wrong_instance"),
        (Fault.WRONG_CONFIRMATION, "wrong_instance"),
        (Fault.WRONG_ISSUER, "wrong_issuer"),
        (Fault.STALE_SEQ, "stale"),
        (Fault.OLD_IAT, "stale"),
        (Fault.HTML, "not_a_reply"),
    ],
)
def test_a_reply_that_does_not_fit_changes_nothing_but_the_named_cause(
    world: World, fault: Fault, cause: str
) -> None:
    world.install(world.vendor.issue())
    world.do(check_in)
    before = world.row()
    world.vendor.fault = fault
    assert failed(world) == cause
    assert world.row() == before
    status = world.status()
    assert (status.state, status.facts.last_check_in_error) == ("active", cause)


def test_after_a_stale_reply_a_new_request_is_made(world: World) -> None:
    world.install(world.vendor.issue())
    world.do(check_in)
    world.vendor.fault = Fault.STALE_SEQ
    assert failed(world) == "stale"
    world.vendor.fault = None
    world.do(check_in)
    assert world.transport.documents[-1] != world.transport.documents[-2]
    assert world.state == "active"


def test_an_anchor_that_the_log_does_not_have_is_tampering_once_it_is_applied(
    world: World,
) -> None:
    world.vendor.fault = Fault.WRONG_ANCHOR
    world.install(world.vendor.issue())
    assert world.state == "tampered"


def test_retired_signing_keys_do_not_end_what_they_signed(world: World) -> None:
    world.install(world.vendor.issue(max_offline_days=365))
    world.vendor.rotate(spare_root=True)
    world.clock.advance(200 * DAY)
    assert world.state == "active"
    world.do(check_in)
    assert world.state == "active"


def test_a_new_key_makes_a_new_request_and_keeps_the_old_one_until_it_is_replaced(
    world: World,
) -> None:
    world.install(world.vendor.issue())
    world.transport.lose_answers = True
    failed(world)
    with pytest.raises(CheckInError):
        world.install(world.vendor.issue())
    with world.context():
        assert db.session.query(StoredRequest).count() == 2
    world.transport.lose_answers = False
    world.do(check_in)
    with world.context():
        assert db.session.query(StoredRequest).count() == 0


def test_removal_discards_the_open_request(world: World) -> None:
    key = world.vendor.issue()
    world.install(key)
    world.transport.lose_answers = True
    failed(world)
    world.do(service.remove)
    with world.context():
        assert db.session.query(StoredRequest).count() == 0
    world.transport.lose_answers = False
    world.install(key)
    assert len(set(world.transport.documents)) == len(world.transport.documents)


def test_a_request_that_was_edited_is_not_sent(world: World) -> None:
    world.transport.lose_answers = True
    with pytest.raises(CheckInError):
        world.install(world.vendor.issue())
    world.edit("UPDATE license_request SET document = 'x.y.z'")
    world.transport.lose_answers = False
    world.do(check_in)
    assert world.state == "active"
    assert "x.y.z" not in world.transport.documents


def test_a_reply_cannot_be_used_twice_even_when_its_nonce_is_written_back(world: World) -> None:
    world.transport.lose_answers = True
    key = world.vendor.issue()
    with pytest.raises(CheckInError):
        world.install(key)
    with world.context():
        (stored,) = db.session.query(StoredRequest).all()
        values = {c.name: getattr(stored, c.name) for c in StoredRequest.__table__.columns}
    reply = world.vendor.answer(values["document"])
    world.transport.lose_answers = False
    world.do(check_in)
    world.do(service.remove)
    with world.context(), writing() as session:
        session.add(StoredRequest(**values))
    with pytest.raises(CheckInError) as caught:
        world.install(reply)
    assert caught.value.cause == Cause.STALE
    assert world.state == "unlicensed"


def test_with_another_secret_key_the_server_says_what_is_wrong(world: World) -> None:
    world.install(world.vendor.issue())
    object.__setattr__(world.licensing, "vault", Vault("another secret key of this server!!!"))
    with pytest.raises(LicensingRefusedError, match="SENTARI_SECRET_KEY"):
        world.do(check_in)
    assert world.state == "active"


def test_the_instance_key_is_sealed_and_made_once(world: World) -> None:
    with world.context():
        first = db.session.get_one(Instance, 1).instance_id
        service.prepare(world.licensing)
        db.session.rollback()
        instance = db.session.get_one(Instance, 1)
        assert instance.instance_id == first
        identity = find_identity(db.session())
        assert identity is not None
        private = bytes(identity.signing_key(world.licensing.vault))
        assert private.hex() not in instance.sealed_private_key


def test_a_vendor_that_refuses_a_request_is_told_by_its_words(world: World) -> None:
    world.install(world.vendor.issue())
    world.vendor.licenses.clear()
    with pytest.raises(CheckInError, match="No license has this key"):
        world.do(check_in)
    with pytest.raises(VendorRefusalError):
        world.vendor.answer(world.transport.documents[-1])
    assert world.state == "active"
