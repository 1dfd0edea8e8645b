"""What a forger could try with keys and certificates, each through the way a license comes in."""

import base64
from collections.abc import Callable
from typing import Any

import pytest
from nacl.signing import SigningKey

from license_token import jws
from license_token.armor import armor_license
from license_token.certificate import TYP
from license_token.errors import MalformedError
from license_token.keys import public_jwk, thumbprint
from license_token.reply import ReplyClaims
from license_token.request import RequestClaims, read_request
from sentari.licensing import service
from sentari.licensing.answer import CheckInError
from sentari.licensing.exchange import check_in
from sentari.licensing.refusals import LicensingRefusedError
from tests.sentari.licensing.samples import make_terms
from tests.sentari.licensing.world import ISSUER, World

DAY = 86_400


class Notary:
    """The vendor's two root keys and whatever is signed with them, or with others."""

    def __init__(self, world: World) -> None:
        self.root = world.vendor._root
        self.spare = world.vendor._spare_root
        self.key = SigningKey.generate()
        self.now = world.vendor.now
        self.asked: RequestClaims | None = None

    def certificate(
        self, root: SigningKey | None = None, key: SigningKey | None = None, **claims: Any
    ) -> str:
        """Sign a certificate with any claims, also such that the vendor's tool refuses."""
        public = bytes((key or self.key).verify_key)
        usual = {
            "iss": "sentari-root",
            "sub": thumbprint(public),
            "jwk": public_jwk(public),
            "use": "license",
            "nbf": self.now - DAY,
            "exp": self.now + DAY,
            "iat": self.now - DAY,
        }
        return jws.sign(usual | claims, typ=TYP, signing_key=root or self.root)

    def reply(self, **changes: Any) -> ReplyClaims:
        """Claims that fit the server's request in every respect."""
        assert self.asked is not None
        values: dict[str, Any] = {
            "issuer": ISSUER,
            "license_id": "lic-1",
            "audience": self.asked.instance_id,
            "issued_at": self.now,
            "jti": base64.urlsafe_b64encode(bytes(16)).rstrip(b"=").decode(),
            "nonce": self.asked.jti,
            "seq": 1,
            "confirmation": thumbprint(self.asked.public_key),
            "audit": self.asked.audit,
            "key_hint": "ABCDE",
            "terms": make_terms(),
        }
        return ReplyClaims(**(values | changes))

    def joined(self, certificate: str, key: SigningKey | None = None, **changes: Any) -> str:
        """Sign a reply and join whatever certificate is given."""
        body = jws.sign(
            self.reply(**changes).to_claims(),
            typ="sentari-license+jwt",
            signing_key=key or self.key,
        )
        return f"{body}~{certificate}"


@pytest.fixture
def notary(airgap: World) -> Notary:
    with pytest.raises(LicensingRefusedError):
        airgap.install(airgap.vendor.issue())
    found = Notary(airgap)
    with airgap.context():
        found.asked = read_request(service.request_document(airgap.licensing)).claims
    return found


def stranger() -> SigningKey:
    return SigningKey(b"\x07" * 32)


def under_the_kid_of(key: SigningKey, text: str) -> str:
    """Write another key's kid into the header of the reply, as a forger would."""
    body, _, certificate = text.partition("~")
    _, payload, signature = body.split(".")
    header = {
        "alg": "EdDSA",
        "kid": thumbprint(bytes(key.verify_key)),
        "typ": "sentari-license+jwt",
    }
    encoded = base64.urlsafe_b64encode(jws.encode_object(header)).rstrip(b"=").decode()
    return f"{encoded}.{payload}.{signature}~{certificate}"


FORGERIES: dict[str, tuple[Callable[[Notary], str], str]] = {
    "a certificate for another use": (
        lambda n: n.joined(n.certificate(use="audit")),
        "certificate_invalid",
    ),
    "a certificate of another issuer": (
        lambda n: n.joined(n.certificate(iss="someone-else")),
        "certificate_invalid",
    ),
    "a reply signed by a key without a certificate": (
        lambda n: n.joined(n.certificate(), key=stranger()),
        "certificate_invalid",
    ),
    "the same under the certified key's name": (
        lambda n: under_the_kid_of(n.key, n.joined(n.certificate(), key=stranger())),
        "bad_signature",
    ),
    "a certificate whose name and key are swapped": (
        lambda n: n.joined(
            n.certificate(jwk=public_jwk(bytes(stranger().verify_key))), key=stranger()
        ),
        "certificate_invalid",
    ),
    "a certificate by a root that is not pinned": (
        lambda n: n.joined(n.certificate(root=stranger())),
        "untrusted_key",
    ),
    "a certificate that a signing key made for another": (
        lambda n: n.joined(n.certificate(root=n.key, key=stranger()), key=stranger()),
        "untrusted_key",
    ),
    "a certificate by the reply's own key": (
        lambda n: n.joined(n.certificate(root=stranger(), key=stranger()), key=stranger()),
        "untrusted_key",
    ),
    "a certificate for longer than a hundred days": (
        lambda n: n.joined(n.certificate(exp=n.now + 100 * DAY)),
        "certificate_invalid",
    ),
    "a certificate that had ended when the reply was signed": (
        lambda n: n.joined(n.certificate(exp=n.now)),
        "certificate_invalid",
    ),
    "a certificate that had not begun when the reply was signed": (
        lambda n: n.joined(n.certificate(nbf=n.now + 1)),
        "certificate_invalid",
    ),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_chain_is_refused_by_name_and_changes_nothing(
    airgap: World, notary: Notary, name: str
) -> None:
    forge, cause = FORGERIES[name]
    for text in (forge(notary), armor_license(forge(notary))):
        with pytest.raises(CheckInError) as caught:
            airgap.install(text)
        assert caught.value.cause.value == cause
    assert airgap.state == "unlicensed"
    assert not airgap.installed
    assert len(airgap.events("LICENSE_REPLY_REFUSED")) == 2
    airgap.install(notary.joined(notary.certificate()))
    assert airgap.state == "active"


@pytest.mark.parametrize(
    "certificate",
    [
        lambda n: n.certificate(exp=n.now + 1),
        lambda n: n.certificate(nbf=n.now),
        lambda n: n.certificate(nbf=n.now, exp=n.now + 100 * DAY),
        lambda n: n.certificate(root=n.spare),
        lambda n: n.certificate(new_claim="of a newer vendor"),
    ],
    ids=["last second", "first second", "hundred days", "spare root", "unknown claim"],
)
def test_a_chain_at_its_limits_is_accepted(
    airgap: World, notary: Notary, certificate: Callable[[Notary], str]
) -> None:
    airgap.install(notary.joined(certificate(notary)))
    assert airgap.state == "active"


@pytest.mark.parametrize(
    "swap",
    [
        lambda reply, certificate: f"{certificate}~{reply}",
        lambda reply, certificate: f"{reply}~{reply}",
        lambda reply, certificate: reply,
        lambda reply, certificate: f"{reply}~{certificate}~{certificate}",
    ],
    ids=["order", "no certificate", "alone", "two certificates"],
)
def test_a_license_that_is_put_together_wrongly_is_malformed(
    airgap: World, notary: Notary, swap: Callable[[str, str], str]
) -> None:
    reply, certificate = notary.joined(notary.certificate()).split("~")
    with pytest.raises((MalformedError, CheckInError)):
        airgap.install(swap(reply, certificate))
    assert airgap.state == "unlicensed"


def test_an_installed_license_outlives_its_certificate_and_its_signing_key(
    airgap: World, notary: Notary
) -> None:
    airgap.install(notary.joined(notary.certificate()))
    airgap.clock.advance(100 * DAY)
    assert airgap.state == "active"
    assert airgap.events("LICENSE_TAMPER_DETECTED") == []


def test_a_reply_that_waited_longer_than_its_certificate_is_still_accepted(
    airgap: World, notary: Notary
) -> None:
    text = notary.joined(notary.certificate())
    airgap.clock.advance(20 * DAY)
    airgap.install(text)
    assert airgap.state == "active"


def test_signing_keys_and_roots_change_hands_without_a_release(world: World) -> None:
    world.install(world.vendor.issue(max_offline_days=365))
    kids = {world.licensing.snapshot.kid}
    for spare_root in (False, True, False):
        world.vendor.rotate(spare_root=spare_root)
        world.do(check_in)
        assert world.state == "active"
        kids.add(world.licensing.snapshot.kid)
    assert len(kids) == 4
