"""Documents that somebody made, changed or kept: document -> how the server refuses it.

Each is presented to a running server in the place of the genuine reply that it waits for. The
readers' own tables, claim by claim and value by value, are in tests/license_token; here the way
is whole: HTTP, the box that takes keys and replies alike, the verdict, the log, the gate.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from nacl.signing import SigningKey

from license_token.armor import armor_license, armor_request
from license_token.keys import public_jwk, thumbprint
from tests.attacks.forge import STRANGER, Forgery, b64, certified, unb64
from tests.attacks.site import ACTIVE, DAY, Site
from tests.attacks.vendor import Vendor
from tests.license_server.cast import AIRGAP

Forge = Callable[[Site, Forgery], str]
MALFORMED, FORGED = (400, "malformed"), (409, "bad_signature")
UNTRUSTED, UNCERTIFIED = (409, "untrusted_key"), (409, "certificate_invalid")
STALE, WRONG_NONCE, WRONG_INSTANCE = (409, "stale"), (409, "wrong_nonce"), (409, "wrong_instance")


@dataclass(frozen=True)
class After:
    """A moment so many seconds after the site's present one."""

    seconds: int

    def __call__(self, site: Site) -> int:
        return site.now + self.seconds


BETTER = {
    "max_devices": 99_999,
    "max_packages": None,
    "expires_at": "2099-01-01",
    "grace_period_days": 365,
    "read_only_period_days": 3650,
    "max_offline_days": 365,
    "status": "revoked",
    "tier": "platinum",
    "customer_name": "Somebody Else",
    "customer_email": "else@example.com",
    "iss": "https://elsewhere.example",
    "sub": "lic-other",
    "aud": "00000000-0000-4000-8000-000000000001",
    "iat": 4_000_000_000,
    "jti": "EBESExQVFhcYGRobHB0eHw",
    "nonce": "AAECAwQFBgcICQoLDA0ODw",
    "seq": 9_999,
    "cnf": {"jkt": b64(b"\x01" * 32)},
    "audit": {"seq": 1, "head": "0" * 64},
    "key_hint": "ZZZZZ",
}
CLAIMS: dict[str, tuple[Forge, tuple[int, str]]] = {
    f"{name} changed under the genuine signature": (
        lambda _site, f, name=name, value=value: f.with_claims(**{name: value}),
        FORGED,
    )
    for name, value in BETTER.items()
}

HEADERS: dict[str, tuple[Forge, tuple[int, str]]] = {
    f"header {changes}": (lambda _site, f, changes=changes: f.with_header(**changes), gets)
    for changes, gets in [
        ({"alg": "none"}, MALFORMED),
        ({"alg": "None"}, MALFORMED),
        ({"alg": "HS256"}, MALFORMED),
        ({"alg": "ES256"}, MALFORMED),
        ({"alg": "RS256"}, MALFORMED),
        ({"alg": "Ed25519"}, MALFORMED),
        ({"alg": "eddsa"}, MALFORMED),
        ({"alg": ["EdDSA"]}, MALFORMED),
        ({"alg": None}, MALFORMED),
        ({"typ": "sentari-request+jwt"}, MALFORMED),
        ({"typ": "sentari-certificate+jwt"}, MALFORMED),
        ({"typ": "JWT"}, MALFORMED),
        ({"typ": None}, MALFORMED),
        ({"kid": thumbprint(bytes(STRANGER.verify_key))}, UNCERTIFIED),
        ({"kid": "../../../etc/passwd"}, MALFORMED),
        ({"kid": "' OR 1=1 --"}, MALFORMED),
        ({"kid": None}, MALFORMED),
        ({"jwk": public_jwk(bytes(STRANGER.verify_key))}, MALFORMED),
        ({"jku": "https://elsewhere.example/keys"}, MALFORMED),
        ({"x5u": "https://elsewhere.example/cert"}, MALFORMED),
        ({"x5c": ["MIIB"]}, MALFORMED),
        ({"crit": ["exp"]}, MALFORMED),
        ({"b64": False}, MALFORMED),
        ({"zip": "DEF"}, MALFORMED),
        ({"cty": "JWT"}, MALFORMED),
    ]
}


def _json_serialization(f: Forgery) -> str:
    header, payload, signature = f.parts
    return json.dumps({"protected": header, "payload": payload, "signature": signature})


def _s_plus_l(f: Forgery) -> str:
    """The other number that fits the same signature where a verifier does not compare it."""
    order = 2**252 + 27742317777372353535851937790883648493
    signature = unb64(f.parts[2])
    larger = int.from_bytes(signature[32:], "little") + order
    return f.with_parts(*f.parts[:2], b64(signature[:32] + larger.to_bytes(32, "little")))


ENCODINGS: dict[str, tuple[Forge, tuple[int, str]]] = {
    "no signature": (lambda _s, f: f.with_parts(*f.parts[:2], ""), FORGED),
    "two parts": (lambda _s, f: f.with_parts(*f.parts[:2]), MALFORMED),
    "four parts": (lambda _s, f: f.with_parts(*f.parts, f.parts[2]), MALFORMED),
    "a signature that is cut": (lambda _s, f: f.with_parts(*f.parts[:2], f.parts[2][:-2]), FORGED),
    "a signature of nought": (lambda _s, f: f.with_parts(*f.parts[:2], b64(bytes(64))), FORGED),
    "the certificate's signature": (
        lambda _s, f: f.with_parts(*f.parts[:2], f.certificate.split(".")[2]),
        FORGED,
    ),
    "the second form of the signature": (lambda _s, f: _s_plus_l(f), FORGED),
    "padding": (lambda _s, f: f.with_parts(f.parts[0] + "=", *f.parts[1:]), MALFORMED),
    "the other base64 alphabet": (
        lambda _s, f: f.with_parts(*f.parts[:2], f.parts[2][:-1] + "+"),
        MALFORMED,
    ),
    "left-over bits": (
        lambda _s, f: f.with_parts(*f.parts[:2], f.parts[2][:-1] + chr(ord(f.parts[2][-1]) + 1)),
        MALFORMED,
    ),
    "percent signs": (lambda _s, f: f.text.replace(".", "%2E"), MALFORMED),
    "foreign letters": (lambda _s, f: f.text.replace("e", "\u0435", 1), MALFORMED),
    "a null character": (lambda _s, f: f.text.replace(".", "\0.", 1), MALFORMED),
    "JSON instead of compact": (lambda _s, f: _json_serialization(f), (400, "mistyped_key")),
    "the certificate first": (lambda _s, f: f"{f.certificate}~{f.reply}", MALFORMED),
    "the reply twice": (lambda _s, f: f"{f.reply}~{f.reply}", MALFORMED),
    "no certificate": (lambda _s, f: f.reply, MALFORMED),
    "the certificate twice": (lambda _s, f: f"{f.text}~{f.certificate}", MALFORMED),
    "text around the armour": (lambda _s, f: "See: " + armor_license(f.text), MALFORMED),
    "the armour of a request": (lambda _s, f: armor_request(f.text), MALFORMED),
    "one armour in another": (lambda _s, f: armor_license(armor_license(f.text)), MALFORMED),
    "seventeen KiB": (lambda _s, f: f.text + "A" * 17 * 1024, MALFORMED),
    "sixty-five KiB": (lambda _s, f: f.text + "." * 65 * 1024, MALFORMED),
    "its own request": (lambda s, _f: s.request_document(), MALFORMED),
    "its own request under a certificate": (
        lambda s, f: f"{s.request_document()}~{f.certificate}",
        MALFORMED,
    ),
}


def stolen(payload: Callable[[Forgery], bytes]) -> Forge:
    """Sign bytes with the vendor's own key: what is not a license is none, whoever signs it."""

    def forge(site: Site, f: Forgery) -> str:
        key, certificate = site.vendor.signing_key()
        return f.signed(key, payload(f), certificate)

    return forge


def with_number(name: str, written: str) -> Forge:
    def payload(f: Forgery) -> bytes:
        return json.dumps(f.claims | {name: "@"}).replace('"@"', written).encode()

    return stolen(payload)


SIGNED: dict[str, tuple[Forge, tuple[int, str]]] = {
    **{
        f"{name} written as {written[:20]}": (with_number(name, written), MALFORMED)
        for name, written in [
            ("max_devices", "1e9"),
            ("max_devices", "100.0"),
            ("max_devices", "-1"),
            ("max_devices", "true"),
            ("max_devices", '"100"'),
            ("max_devices", "9007199254740993"),
            ("max_devices", "9" * 5000),
            ("max_devices", "NaN"),
            ("max_devices", "Infinity"),
            ("max_devices", "[100]"),
            ("max_offline_days", "366"),
            ("max_offline_days", "0"),
            ("grace_period_days", "366"),
            ("read_only_period_days", "3651"),
            ("seq", "0"),
            ("iat", "221845392000"),
            ("expires_at", '"2099-13-01"'),
            ("expires_at", '"20990101"'),
            ("expires_at", "4000000000"),
            ("status", '"ACTIVE"'),
            ("status", "null"),
            ("tier", '""'),
            ("tier", '"a\\u0000b"'),
            ("tier", '"\\ud800"'),
            ("nonce", "null"),
            ("cnf", "null"),
            ("aud", '"*"'),
            ("audit", "null"),
        ]
    },
    "a claim twice": (
        stolen(lambda f: json.dumps(f.claims)[:-1].encode() + b',"max_devices":99999}'),
        MALFORMED,
    ),
    "UTF-16": (stolen(lambda f: json.dumps(f.claims).encode("utf-16")), MALFORMED),
    "a byte order mark": (
        stolen(lambda f: b"\xef\xbb\xbf" + json.dumps(f.claims).encode()),
        MALFORMED,
    ),
    "Latin-1": (
        stolen(
            lambda f: json.dumps(f.claims | {"tier": "\xe9"}, ensure_ascii=False).encode("latin-1")
        ),
        MALFORMED,
    ),
    "a list": (stolen(lambda f: json.dumps([f.claims]).encode()), MALFORMED),
    "two objects": (stolen(lambda f: json.dumps(f.claims).encode() * 2), MALFORMED),
    "nesting without end": (stolen(lambda _f: b'{"a":' * 1000), MALFORMED),
    "nothing": (stolen(lambda _f: b""), MALFORMED),
}


def _root_like(site: Site) -> SigningKey:
    return site.vendor.root


KEYS: dict[str, tuple[Forge, tuple[int, str]]] = {
    "signed by a stranger": (lambda _s, f: f.signed(STRANGER), UNCERTIFIED),
    "signed by a stranger who certified himself": (
        lambda s, f: f.signed(STRANGER, certificate=certified(STRANGER, STRANGER, s.now)),
        UNTRUSTED,
    ),
    "signed by a stranger whom the signing key certified": (
        lambda s, f: f.signed(
            STRANGER, certificate=certified(s.vendor.signing_key()[0], STRANGER, s.now)
        ),
        UNTRUSTED,
    ),
    "signed by the root itself": (lambda s, f: f.signed(s.vendor.root), UNCERTIFIED),
    "signed by the server's own key": (lambda _s, f: f.signed(SigningKey.generate()), UNCERTIFIED),
    **{
        f"a certificate with {changes}": (
            lambda s, f, changes=changes: f.signed(
                STRANGER,
                certificate=certified(
                    s.vendor.root,
                    STRANGER,
                    s.now,
                    **{
                        key: value(s) if callable(value) else value
                        for key, value in changes.items()
                    },
                ),
            ),
            gets,
        )
        for changes, gets in [
            ({"use": "audit"}, UNCERTIFIED),
            ({"use": ["license"]}, MALFORMED),
            ({"iss": "sentari"}, UNCERTIFIED),
            ({"sub": b64(b"\x02" * 32)}, UNCERTIFIED),
            ({"exp": After(0)}, UNCERTIFIED),
            ({"nbf": After(1)}, UNCERTIFIED),
            ({"exp": After(100 * DAY)}, UNCERTIFIED),
            ({"exp": After(-2 * DAY)}, UNCERTIFIED),
            ({"exp": None}, MALFORMED),
            ({"jwk": {"kty": "oct", "k": "AAAA"}}, MALFORMED),
            ({"jwk": {"kty": "OKP", "crv": "Ed25519", "x": b64(bytes(32))}}, MALFORMED),
            ({"jwk": {"kty": "OKP", "crv": "X25519", "x": b64(b"\x09" + bytes(31))}}, MALFORMED),
        ]
    },
}


def _other_vendor(site: Site, f: Forgery) -> str:
    """Another license server with keys of its own answers the same request."""
    directory = site.data_dir / "other-vendor"
    other = Vendor(directory, site.clock) if not directory.exists() else site.other
    site.other = other
    sold = other.issue(**AIRGAP)
    key, certificate = other.signing_key()
    assert sold["license_key"]
    return f.signed(key, certificate=certificate)


def _for_another_server(site: Site, f: Forgery) -> str:
    key, certificate = site.vendor.signing_key()
    return f.signed(key, certificate=certificate, aud="00000000-0000-4000-8000-000000000001")


def _for_another_key(site: Site, f: Forgery) -> str:
    key, certificate = site.vendor.signing_key()
    return f.signed(key, certificate=certificate, cnf={"jkt": b64(b"\x03" * 32)})


def _of_another_issuer(site: Site, f: Forgery) -> str:
    key, certificate = site.vendor.signing_key()
    return f.signed(key, certificate=certificate, iss="https://license.example.com")


def _installed(site: Site, _f: Forgery) -> str:
    [row] = site.rows("SELECT reply FROM installed_license")
    return str(row["reply"])


def _presigned(site: Site, _f: Forgery) -> str:
    return site.vendor.presigned(site.sold)


OTHERS: dict[str, tuple[Forge, tuple[int, str]]] = {
    "the reply that is installed": (_installed, STALE),
    "a pre-signed reply of the same license": (_presigned, STALE),
    "a reply for another server": (_for_another_server, WRONG_INSTANCE),
    "a reply for another key of this server": (_for_another_key, WRONG_INSTANCE),
    "a reply of another issuer": (_of_another_issuer, (409, "wrong_issuer")),
    "a reply of another vendor": (_other_vendor, UNTRUSTED),
}

ATTACKS = CLAIMS | HEADERS | ENCODINGS | SIGNED | KEYS | OTHERS


@pytest.fixture(scope="module")
def waiting(_airgapped: Site) -> Site:
    """A licensed server that has asked, and the genuine answer, which nobody has presented."""
    _airgapped.reset()
    genuine = Forgery(_airgapped.vendor.answer(_airgapped.request_document()))
    _airgapped.genuine = genuine
    return _airgapped


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_document_is_refused_and_changes_nothing(waiting: Site, attack: str) -> None:
    site = waiting
    forge, refused = ATTACKS[attack]
    before = site.rows("SELECT * FROM installed_license")
    answer = site.activate(forge(site, site.genuine))
    assert (answer.status_code, answer.json["code"]) == refused
    assert site.rows("SELECT * FROM installed_license") == before
    assert site.events("LICENSE_TAMPER_DETECTED") == [], "a slip is no accusation"


def test_after_all_of_them_the_genuine_one_is_taken(waiting: Site) -> None:
    answer = waiting.activate(waiting.genuine.text)
    assert answer.status_code == 200, answer.text
    assert waiting.gets() == ACTIVE


def test_with_the_vendors_stolen_key_a_license_can_be_made_until_the_certificate_is_withdrawn(
    waiting: Site,
) -> None:
    """What cannot be stopped here: who has the vendor's signing key is the vendor."""
    genuine = Forgery(waiting.vendor.answer(waiting.request_document()))
    key, certificate = waiting.vendor.signing_key()
    forged = genuine.signed(key, certificate=certificate, max_devices=99_999)
    assert waiting.activate(forged).status_code == 200
