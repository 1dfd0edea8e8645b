"""The same request and the same reply, carried by hand."""

import socket
from datetime import timedelta

import pytest

from license_token.armor import armor_license, unarmor
from license_token.license_key import LicenseKey
from license_token.request import read_request
from sentari.licensing import service
from sentari.licensing.answer import CheckInError
from sentari.licensing.exchange import check_in
from sentari.licensing.refusals import LicensingRefusedError
from tests.sentari.licensing.world import World

DAY = 86_400


def give(world: World, key: LicenseKey) -> None:
    with pytest.raises(LicensingRefusedError, match="no outbound license calls"):
        world.install(key)


def carried(world: World) -> str:
    """Fetch the request, have it answered, and return the license file."""
    with world.context():
        request = service.request_file(world.licensing)
    return armor_license(world.vendor.answer(unarmor(request)))


def refusal(world: World, text: str) -> str:
    with pytest.raises(CheckInError) as caught:
        world.install(text)
    return caught.value.cause.value


def test_the_whole_loop_opens_no_socket(airgap: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def banned(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened or a name was looked up")

    monkeypatch.setattr(socket, "socket", banned)
    monkeypatch.setattr(socket, "getaddrinfo", banned)
    key = airgap.vendor.issue(max_offline_days=365)
    give(airgap, key)
    assert airgap.state == "unlicensed"
    airgap.install(carried(airgap))
    assert airgap.state == "active"
    with pytest.raises(LicensingRefusedError):
        airgap.do(check_in)
    assert airgap.transport.documents == []


def test_the_same_loop_renews_and_revokes(airgap: World) -> None:
    key = airgap.vendor.issue(max_offline_days=365)
    give(airgap, key)
    airgap.install(carried(airgap))
    airgap.vendor.change(key, max_devices=9)
    airgap.clock.advance(40 * DAY)
    airgap.install(carried(airgap))
    assert airgap.status().limits.devices == 9
    airgap.vendor.change(key, status="revoked")
    airgap.install(carried(airgap))
    assert airgap.state == "revoked"
    (activation,) = airgap.vendor.license_of(key).activations.values()
    assert (activation.seq, activation.flags) == (3, [])


def test_a_request_stays_the_same_until_it_is_answered(airgap: World) -> None:
    give(airgap, airgap.vendor.issue())
    with airgap.context():
        first, second = (service.request_file(airgap.licensing) for _ in range(2))
    assert first == second
    airgap.install(armor_license(airgap.vendor.answer(unarmor(first))))
    with airgap.context():
        assert service.request_file(airgap.licensing) != first


def test_a_reply_is_used_once(airgap: World) -> None:
    give(airgap, airgap.vendor.issue())
    reply = carried(airgap)
    airgap.install(reply)
    assert refusal(airgap, reply) == "stale"
    assert airgap.state == "active"


@pytest.mark.parametrize(
    ("age", "cause"),
    [(30 * DAY - 1, None), (30 * DAY, "wrong_nonce"), (30 * DAY + 1, "wrong_nonce")],
)
def test_a_nonce_is_good_for_thirty_days(airgap: World, age: int, cause: str | None) -> None:
    give(airgap, airgap.vendor.issue(max_offline_days=365))
    reply = carried(airgap)
    airgap.clock.advance(age)
    if cause is None:
        airgap.install(reply)
        assert airgap.state == "active"
    else:
        assert refusal(airgap, reply) == cause


def test_a_reply_to_another_servers_request_is_refused(airgap: World) -> None:
    key = airgap.vendor.issue()
    give(airgap, key)
    reply = carried(airgap)
    airgap.edit("UPDATE license_instance SET instance_id = '5f0d5bd2-4b53-4d58-9cf5-3b1d2a6f7c11'")
    assert refusal(airgap, reply) == "wrong_instance"


def test_an_older_reply_by_hand_needs_no_clock(airgap: World) -> None:
    give(airgap, airgap.vendor.issue(max_offline_days=365))
    reply = carried(airgap)
    airgap.clock.turn_wall(20 * DAY)
    airgap.install(reply)
    status = airgap.status()
    assert (status.state, status.offline_days_used) == ("active", 20)


def test_a_presigned_license_starts_an_air_gapped_server(airgap: World) -> None:
    airgap.install(airgap.vendor.presigned(airgap.vendor.issue(tier="gold")))
    status = airgap.status()
    assert status.terms is not None
    assert (status.state, status.terms.tier) == ("active", "gold")
    (event,) = airgap.events("LICENSE_INSTALLED")
    with airgap.context():
        assert len(event.details()["instance_id"]) == 36
    assert event.details()["presigned"] is True


def test_a_presigned_license_is_for_air_gapped_servers_only(world: World) -> None:
    assert refusal(world, world.vendor.presigned(world.vendor.issue())) == "wrong_instance"


def test_a_bound_reply_replaces_the_presigned_one_for_good(airgap: World) -> None:
    key = airgap.vendor.issue(max_offline_days=365)
    presigned = airgap.vendor.presigned(key)
    airgap.install(presigned)
    assert refusal(airgap, presigned) == "stale"
    give(airgap, key)
    reply = carried(airgap)
    airgap.install(reply)
    (activation,) = airgap.vendor.license_of(key).activations.values()
    assert activation.flags == []
    assert refusal(airgap, presigned) == "stale"
    airgap.do(service.remove)
    assert refusal(airgap, presigned) == "stale"
    assert airgap.state == "unlicensed"


def test_a_presigned_license_can_be_installed_again_after_its_removal(airgap: World) -> None:
    presigned = airgap.vendor.presigned(airgap.vendor.issue())
    airgap.install(presigned)
    airgap.do(service.remove)
    airgap.install(presigned)
    assert airgap.state == "active"


def test_an_online_server_takes_a_carried_reply_when_its_network_is_broken(world: World) -> None:
    key = world.vendor.issue()
    world.transport.lose_answers = True
    with pytest.raises(CheckInError):
        world.install(key)
    world.install(carried(world))
    assert world.state == "active"
    assert read_request(world.transport.documents[0]).claims.jti


def test_the_offline_deadline_ends_it_all(airgap: World) -> None:
    give(airgap, airgap.vendor.issue(max_offline_days=90))
    airgap.install(carried(airgap))
    airgap.clock.advance(timedelta(days=90).total_seconds() - 2)
    assert airgap.state == "active"
    airgap.clock.advance(2)
    assert airgap.state == "offline_exceeded"
    airgap.install(carried(airgap))
    assert airgap.state == "active"
