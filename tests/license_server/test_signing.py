"""Root files, signing keys, rotation, and what is published of them."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from nacl.signing import SigningKey as PrivateKey
from sqlalchemy import select, update

from license_server.audit import AuditEvent
from license_server.background import NOTICES_SECONDS, Background
from license_server.errors import ConflictError, UnavailableError
from license_server.extensions import current, db, writing
from license_server.signing import ceremony
from license_server.signing.keyring import Keyring
from license_server.signing.models import SigningKey
from license_server.signing.root_file import (
    CHEAPEST,
    LARGEST_FILE_BYTES,
    RootFileError,
    open_root,
    read_root_file,
    seal_root,
    write_root_file,
)
from license_token.certificate import read_certificate
from license_token.errors import LicenseTokenError
from license_token.keys import RootSet, thumbprint
from license_token.reply import read_reply
from tests.clocks import FakeClock
from tests.license_server.cast import Api, CustomerServer, refusal

PASSPHRASE = "carried away on paper"
DAY = 86_400


# The root file.


def test_a_root_file_opens_with_its_passphrase_only(root: PrivateKey) -> None:
    text = seal_root(root, PASSPHRASE, CHEAPEST)
    assert bytes(open_root(text, PASSPHRASE)) == bytes(root)
    with pytest.raises(RootFileError, match="passphrase is wrong"):
        open_root(text, PASSPHRASE + "!")


def test_a_root_file_shows_which_root_it_is_and_not_the_key(root: PrivateKey) -> None:
    document = json.loads(seal_root(root, PASSPHRASE, CHEAPEST))
    assert document["kid"] == thumbprint(bytes(root.verify_key))
    assert bytes(root).hex() not in json.dumps(document)


def test_the_same_root_is_sealed_differently_each_time(root: PrivateKey) -> None:
    assert seal_root(root, PASSPHRASE, CHEAPEST) != seal_root(root, PASSPHRASE, CHEAPEST)


@pytest.mark.parametrize("length", [0, 11, 1025])
def test_a_passphrase_that_protects_too_little_is_refused(root: PrivateKey, length: int) -> None:
    with pytest.raises(RootFileError, match="12 to 1024 characters"):
        seal_root(root, "x" * length, CHEAPEST)


@pytest.mark.parametrize("length", [12, 1024])
def test_a_passphrase_is_accepted_at_its_limits(root: PrivateKey, length: int) -> None:
    text = seal_root(root, "x" * length, CHEAPEST)
    assert bytes(open_root(text, "x" * length)) == bytes(root)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("format",), "sentari-root-key/2"),
        (("kdf", "name"), "scrypt"),
        (("kdf", "passes"), 0),
        (("kdf", "passes"), 10**9),
        (("kdf", "memory_bytes"), 2**40),
        (("kdf", "memory_bytes"), "much"),
        (("kdf", "salt"), "AAAA"),
        (("sealed",), "!"),
        (("sealed",), "AAAA"),
        (("kdf",), None),
    ],
)
def test_a_damaged_root_file_is_refused(
    root: PrivateKey, path: tuple[str, ...], value: object
) -> None:
    document = json.loads(seal_root(root, PASSPHRASE, CHEAPEST))
    target = document
    for name in path[:-1]:
        target = target[name]
    target[path[-1]] = value
    with pytest.raises(RootFileError):
        open_root(json.dumps(document), PASSPHRASE)


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", "no json"])
def test_what_is_no_root_file_is_refused(text: str) -> None:
    with pytest.raises(RootFileError):
        open_root(text, PASSPHRASE)


def test_a_root_file_is_private_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "away" / "root.json"
    write_root_file(path, "first")
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(RootFileError, match="never overwritten"):
        write_root_file(path, "second")
    assert read_root_file(path) == "first"


def test_a_root_file_of_implausible_size_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "root.json"
    path.write_bytes(b"x" * LARGEST_FILE_BYTES)
    assert len(read_root_file(path)) == LARGEST_FILE_BYTES
    path.write_bytes(b"x" * (LARGEST_FILE_BYTES + 1))
    with pytest.raises(RootFileError, match="too large"):
        read_root_file(path)
    with pytest.raises(RootFileError, match="cannot be read"):
        read_root_file(tmp_path / "missing")


# Signing keys.


def rotate(server: Flask, root: PrivateKey) -> str:
    with server.app_context(), writing() as session:
        keyring, at = current().keyring, current().clock.now()
        return ceremony.make_signing_key(session, root, keyring, at=at, actor="test").kid


def test_a_certificate_is_valid_for_a_hundred_days_from_now(
    server: Flask, roots: RootSet, clock: FakeClock
) -> None:
    with server.app_context():
        [row] = db.session.scalars(select(SigningKey)).all()
        claims = read_certificate(row.certificate, roots)
    now = int(clock.now().timestamp())
    assert (claims.subject, claims.not_before, claims.expires) == (row.kid, now, now + 100 * DAY)


def test_a_signing_key_is_not_readable_without_the_servers_secret(
    server: Flask, clock: FakeClock
) -> None:
    now = int(clock.now().timestamp())
    with server.app_context():
        signer = current().keyring.current(db.session(), now)
        stored = db.session.get_one(SigningKey, signer.kid).private_sealed or ""
        assert bytes(signer.private_key).hex() not in stored
        assert repr(signer).count("private") == 0
        with pytest.raises(UnavailableError):
            Keyring("another secret of at least 32 letters", clock).current(db.session(), now)


@pytest.mark.parametrize(
    ("seconds", "valid"), [(-1, False), (0, True), (100 * DAY - 1, True), (100 * DAY, False)]
)
def test_a_key_signs_within_its_certificates_time_only(
    server: Flask, clock: FakeClock, seconds: int, valid: bool
) -> None:
    moment = int(clock.now().timestamp()) + seconds
    with server.app_context():
        if valid:
            assert current().keyring.current(db.session(), moment)
            return
        with pytest.raises(UnavailableError):
            current().keyring.current(db.session(), moment)


def test_another_root_cannot_certify_a_key_for_this_server(server: Flask) -> None:
    with pytest.raises(ConflictError, match="not one of this server's"):
        rotate(server, PrivateKey.generate())


def test_a_rotation_is_noticed_by_a_running_server_within_seconds(
    server: Flask, sentari: CustomerServer, root: PrivateKey, clock: FakeClock
) -> None:
    old = sentari.check_in().kid
    new = rotate(server, root)
    clock.advance(5)
    assert sentari.check_in().kid == new != old


def test_a_request_is_answered_with_the_same_bytes_across_a_rotation_for_thirty_days(
    server: Flask, sentari: CustomerServer, root: PrivateKey, clock: FakeClock
) -> None:
    request = sentari.request()
    first = sentari.send(request)
    rotate(server, root)
    clock.advance(30 * DAY - 1)
    rotate(server, root)
    clock.advance(5)
    assert sentari.send(request).data == first.data
    rotate(server, root)
    clock.advance(5)
    late = sentari.send(request)
    assert refusal(late) == (400, "malformed")
    assert "make a new one" in late.json["detail"]
    sentari.check_in()


def test_three_rotations_leave_installed_licenses_valid(
    server: Flask, sentari: CustomerServer, roots: RootSet, root: PrivateKey, clock: FakeClock
) -> None:
    installed = []
    for _ in range(3):
        installed.append(sentari.check_in())
        clock.advance(70 * DAY)
        rotate(server, root)
        clock.advance(5)
    newest = sentari.check_in()
    assert len({reply.kid for reply in [*installed, newest]}) == 4
    for reply in [*installed, newest]:
        assert read_reply(reply.text, roots) == reply


def test_a_key_that_has_nothing_left_to_sign_is_erased(
    server: Flask, root: PrivateKey, clock: FakeClock
) -> None:
    for _ in range(3):
        clock.advance(31 * DAY)
        rotate(server, root)
    assert kept(server) == [False, False, True, True]


def test_a_key_that_has_nothing_left_to_sign_is_erased_without_a_rotation(
    server: Flask, root: PrivateKey, clock: FakeClock
) -> None:
    rotate(server, root)
    clock.advance(30 * DAY - 1)
    thread = Background(server.app_context, clock, lambda: 0.5)
    thread.tick()
    assert kept(server) == [True, True]
    clock.advance(NOTICES_SECONDS)
    thread.tick()
    assert kept(server) == [False, True]
    # A clock that is years ahead does not cost the server its only key.
    clock.advance(3000 * DAY)
    thread.tick()
    assert kept(server) == [False, True]
    with server.app_context():
        event = db.session.scalars(select(AuditEvent).order_by(AuditEvent.seq.desc())).first()
        assert (event.action, event.actor) == ("SIGNING_KEY_ERASED", "server")


def kept(server: Flask) -> list[bool]:
    """Of which keys, the oldest first, the private half is still there."""
    with server.app_context():
        query = select(SigningKey.private_sealed).order_by(SigningKey.created_at)
        return [sealed is not None for sealed in db.session.scalars(query)]


def test_a_spare_root_takes_over_for_servers_that_pin_it(
    server: Flask, sentari: CustomerServer, root: PrivateKey, clock: FakeClock
) -> None:
    spare = PrivateKey.generate()
    with server.app_context(), writing() as session:
        ceremony.register_root(session, spare, at=clock.now() + timedelta(seconds=1), actor="test")
        published = ceremony.root_set(session)
    assert published == RootSet.of(bytes(root.verify_key), bytes(spare.verify_key))
    rotate(server, spare)
    clock.advance(5)
    answer = sentari.send(sentari.request())
    assert read_reply(answer.text, published)
    with pytest.raises(LicenseTokenError):
        read_reply(answer.text, sentari.roots)


def test_a_request_is_answered_anew_when_replies_are_signed_under_another_root_since(
    server: Flask,
    sentari: CustomerServer,
    issuer: Api,
    license_: dict[str, Any],
    root: PrivateKey,
    clock: FakeClock,
) -> None:
    spare = PrivateKey.generate()
    with server.app_context(), writing() as session:
        ceremony.register_root(session, spare, at=clock.now() + timedelta(seconds=1), actor="test")
        both = ceremony.root_set(session)
    request = sentari.request()
    first = read_reply(sentari.send(request).text, both)
    issuer.post(f"/api/v1/licenses/{license_['id']}/suspend", {"reason": "unpaid"})
    rotate(server, root)
    clock.advance(DAY)
    assert read_reply(sentari.send(request).text, both) == first
    rotate(server, spare)
    clock.advance(5)
    again = sentari.send(request)
    second = read_reply(again.text, RootSet.of(bytes(spare.verify_key)))
    # The same reply in number, name and nonce, with what is granted now and from now on.
    assert (second.claims.seq, second.claims.jti) == (first.claims.seq, first.claims.jti)
    assert second.claims.nonce == first.claims.nonce
    assert second.claims.terms.status == "suspended"
    assert second.claims.issued_at == int(clock.now().timestamp())
    clock.advance(60)
    assert sentari.send(request).data == again.data
    # What is older than the newest answer is nobody's to wait for any more.
    sentari.previous = first.claims.jti
    newest = sentari.request()
    assert sentari.send(newest).status_code == 200
    rotate(server, root)
    clock.advance(5)
    assert sentari.send(request).data == again.data
    assert issuer.activations(license_)[0]["flags"] == []
    assert read_reply(sentari.send(newest).text, sentari.roots).claims.seq == 2


def test_of_two_keys_the_newer_one_signs(server: Flask, root: PrivateKey, clock: FakeClock) -> None:
    newer = rotate(server, root)
    clock.advance(5)
    with server.app_context():
        found = current().keyring.current(db.session(), int(clock.now().timestamp()))
    assert found.kid == newer


# What is published.


def test_roots_and_certificates_in_force_are_published(
    server: Flask, stranger: Api, roots: RootSet, root: PrivateKey, clock: FakeClock
) -> None:
    path = "/.well-known/sentari-license-keys.json"
    answer = stranger.get(path)
    assert answer.status_code == 200
    assert RootSet.parse(json.dumps(answer.json["roots"])) == roots
    [first] = answer.json["certificates"]
    assert read_certificate(first["certificate"], roots).subject == first["kid"]
    rotate(server, root)
    assert len(stranger.get(path).json["certificates"]) == 2
    assert stranger.get(path).json["certificates"][1] == first
    clock.advance(100 * DAY)
    assert stranger.get(path).json["certificates"] == []
    assert "private" not in answer.text


def test_a_key_whose_seal_was_damaged_is_not_used(
    server: Flask, stranger: Api, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    with server.app_context(), writing() as session:
        session.execute(update(SigningKey).values(private_sealed="damaged"))
    clock.advance(5)
    assert refusal(stranger.get("/readyz")) == (503, "not_ready")
    assert "cannot be unsealed" in caplog.text
