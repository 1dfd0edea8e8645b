from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from license_token.armor import armor_license, armor_request
from license_token.certificate import read_certificate
from license_token.errors import (
    BadSignatureError,
    CertificateInvalidError,
    LicenseTokenError,
    MalformedError,
    UntrustedKeyError,
)
from license_token.keys import RootSet
from license_token.reply import (
    AuditAnchor,
    LicenseTerms,
    ReplyClaims,
    read_reply,
    sign_reply,
)
from tests.license_token.cast import (
    CERTIFICATE_TYP,
    DAY,
    HEAD,
    INSTANCE,
    INSTANCE_ID,
    JTI,
    MISSING,
    NONCE,
    NOW,
    OTHER_SIGNER,
    PRESIGNED,
    REPLY,
    ROOT,
    ROOTS,
    SIGNER,
    SPARE_ROOT,
    STRANGER,
    b64,
    certificate,
    document,
    jwk,
    kid,
    reply,
    request,
)
from tests.license_token.claims import (
    BAD_INTEGERS,
    BAD_NONCES,
    BAD_SHA256,
    BAD_TEXTS,
    BAD_THUMBPRINTS,
    BAD_TIMES,
    BAD_UUIDS,
    NOT_INTEGERS,
    label,
    refusals,
)

TERMS = LicenseTerms(
    customer_name="Žluťoučký kůň a.s. 🐎",
    customer_email="it@kun.example",
    tier="enterprise",
    expires_at=date(2027, 6, 30),
    max_devices=250,
    max_packages=None,
    grace_period_days=14,
    read_only_period_days=30,
    max_offline_days=1,
    status="active",
)
CLAIMS = ReplyClaims(
    issuer="https://license.sentari.dev",
    license_id="lic-2027-0001",
    audience=INSTANCE_ID,
    issued_at=NOW,
    jti=JTI,
    nonce=NONCE,
    seq=7,
    confirmation=kid(INSTANCE),
    audit=AuditAnchor(42, HEAD),
    key_hint="XW8Z4",
    terms=TERMS,
)
PRESIGNED_CLAIMS = replace(CLAIMS, audience="*", nonce=None, confirmation=None, audit=None, seq=0)
BAD_HINTS = [*BAD_TEXTS, "XW8Z", "XW8Z44", "xw8z4", "XW8ZU", "XW8ZI", "XW 8Z"]
MISMATCH = "belong together"


def test_a_reply_is_read_with_its_whole_chain() -> None:
    read = read_reply(reply(), ROOTS)
    assert read.claims == CLAIMS
    assert read.kid == kid(SIGNER)
    assert read.certificate == read_certificate(certificate(), ROOTS)
    assert read.text == reply()
    assert not read.claims.presigned


def test_what_is_signed_is_read() -> None:
    for claims in (CLAIMS, PRESIGNED_CLAIMS):
        text = sign_reply(claims, signing_key=SIGNER, certificate=certificate())
        assert read_reply(text, ROOTS).claims == claims
        assert read_reply(text, ROOTS).text == text


def test_a_presigned_reply_is_for_any_server() -> None:
    claims = read_reply(reply(base=PRESIGNED), ROOTS).claims
    assert claims == PRESIGNED_CLAIMS
    assert claims.presigned


def test_a_license_file_is_read_as_its_text() -> None:
    assert read_reply(armor_license(reply()), ROOTS) == read_reply(reply(), ROOTS)
    assert read_reply("\r\n  " + " ".join(reply()) + "\t", ROOTS) == read_reply(reply(), ROOTS)


def test_unknown_claims_of_a_newer_vendor_are_ignored() -> None:
    text = reply(
        features=["sso", -1, 1.5],
        cnf={"jkt": kid(INSTANCE), "more": None},
        audit={"seq": 42, "head": HEAD, "more": -1},
    )
    assert read_reply(text, ROOTS).claims == CLAIMS


def anchor(**changes: Any) -> list[dict[str, Any]]:
    values = changes.items()
    return [{"seq": 42, "head": HEAD} | {name: value} for name, all_ in values for value in all_]


def days(most: int) -> list[Any]:
    return [*NOT_INTEGERS, -1, most + 1]


@pytest.mark.parametrize(
    ("name", "value"),
    refusals(
        iss=BAD_TEXTS,
        sub=BAD_TEXTS,
        aud=[*BAD_UUIDS, "**"],
        iat=BAD_TIMES,
        jti=[*BAD_NONCES, b64(bytes(15)), b64(bytes(65))],
        nonce=[bad for bad in BAD_NONCES if bad is not None] + [b64(bytes(15)), b64(bytes(17))],
        seq=BAD_INTEGERS,
        cnf=[MISSING, 7, True, [], {}, kid(INSTANCE), {"jwk": jwk(INSTANCE)}]
        + [{"jkt": bad} for bad in BAD_THUMBPRINTS[2:]],
        audit=[
            MISSING,
            7,
            True,
            [],
            {},
            HEAD,
            {"seq": 1},
            {"head": HEAD},
            *anchor(seq=BAD_INTEGERS[1:], head=BAD_SHA256[1:]),
        ],
        key_hint=BAD_HINTS,
        customer_name=BAD_TEXTS,
        customer_email=[*BAD_TEXTS, "it", "it@", "@kun", "it@kun@kun", "it @kun", "it@k un"],
        tier=[*BAD_TEXTS, "x" * 65],
        expires_at=[
            *BAD_TEXTS,
            1_800_000_000,
            "2027-6-30",
            "20270630",
            "2027-W26-3",
            "2027-181",
            "27-06-30",
            "02027-06-30",
            "2027-06-30T00:00:00Z",
            " 2027-06-30",
            "2027-06-30 ",
            "2027/06/30",
            "2027-02-29",
            "2027-13-01",
            "2027-00-10",
            "2027-06-31",
            "0000-01-01",
            "9000-01-01",
            "-2027-06-30",
            "٢٠٢٧-٠٦-٣٠",
        ],
        max_devices=[bad for bad in BAD_INTEGERS if bad is not None],
        max_packages=[bad for bad in BAD_INTEGERS if bad is not None],
        grace_period_days=days(365),
        read_only_period_days=days(3650),
        max_offline_days=[0, *days(365)],
        status=[*BAD_TEXTS, "Active", "expired", "active "],
    ),
    ids=label,
)
def test_a_claim_that_is_missing_or_malformed_is_named(name: str, value: Any) -> None:
    with pytest.raises(MalformedError, match=rf"\b{name}\b"):
        read_reply(reply(**{name: value}), ROOTS)


def test_a_day_that_the_calendar_does_not_have_is_told_as_such() -> None:
    with pytest.raises(MalformedError, match="expires_at is not a date of the calendar"):
        read_reply(reply(expires_at="2027-02-29"), ROOTS)


def test_the_thumbprint_that_is_wrong_is_named() -> None:
    with pytest.raises(MalformedError, match=r"^cnf\.jkt (must|is)\b"):
        read_reply(reply(cnf={"jkt": "!"}), ROOTS)


@pytest.mark.parametrize("name", ["seq", "head"])
def test_the_part_of_the_anchor_that_is_wrong_is_named(name: str) -> None:
    audit = {"seq": 42, "head": HEAD} | {name: -1}
    with pytest.raises(MalformedError, match=rf"^audit\.{name} must"):
        read_reply(reply(audit=audit), ROOTS)


@pytest.mark.parametrize(
    ("name", "value"),
    refusals(
        seq=[1, 2**53],
        max_devices=[0, 2**53, None],
        max_packages=[0, 2**53],
        grace_period_days=[0, 365],
        read_only_period_days=[0, 3650],
        max_offline_days=[1, 365],
        expires_at=["0001-01-01", "2028-02-29", "8999-12-31"],
        status=["active", "suspended", "revoked"],
        tier=["x", "x" * 64],
        customer_name=["x" * 1024],
        customer_email=["a@b", "x" * 1022 + "@b"],
        jti=[b64(bytes(16)), b64(bytes(64))],
        key_hint=["00000", "ZZZZZ"],
    ),
    ids=label,
)
def test_a_value_at_its_limit_is_read(name: str, value: Any) -> None:
    claims = read_reply(reply(**{name: value}), ROOTS).claims.to_claims()
    assert claims == REPLY | {name: value}


@pytest.mark.parametrize("name", ["aud", "nonce", "cnf", "audit", "seq"])
def test_a_reply_is_either_presigned_or_bound(name: str) -> None:
    with pytest.raises(MalformedError, match=MISMATCH):
        read_reply(reply(**{name: PRESIGNED[name]}), ROOTS)
    with pytest.raises(MalformedError, match=MISMATCH):
        read_reply(reply(base=PRESIGNED, **{name: REPLY[name]}), ROOTS)


@pytest.mark.parametrize("count", [0, 2, 3])
def test_a_license_is_one_reply_and_one_certificate(count: int) -> None:
    documents = [reply().split("~")[0], *[certificate()] * count]
    with pytest.raises(MalformedError, match="joined by one ~"):
        read_reply("~".join(documents), ROOTS)


@pytest.mark.parametrize("text", ["", "~", ".~.", "..~..", "hello", "SENT-12345", "🐎~🐎"])
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        read_reply(text, ROOTS)


def test_the_other_order_is_refused() -> None:
    with pytest.raises(MalformedError, match="typ"):
        read_reply("~".join(reversed(reply().split("~"))), ROOTS)


def test_a_request_is_not_a_license_and_the_refusal_says_what_to_do() -> None:
    with pytest.raises(MalformedError, match="install the license file"):
        read_reply(armor_request(request()), ROOTS)


def test_a_certificate_under_another_root_is_refused() -> None:
    with pytest.raises(UntrustedKeyError):
        read_reply(reply(cert=certificate(STRANGER)), ROOTS)
    with pytest.raises(UntrustedKeyError):
        read_reply(reply(), RootSet.of())
    assert read_reply(reply(cert=certificate(SPARE_ROOT)), ROOTS).claims == CLAIMS


def test_a_reply_signed_by_another_key_is_refused() -> None:
    header, payload, _signature = reply().split("~")[0].split(".")
    signature = b64(STRANGER.sign(f"{header}.{payload}".encode()).signature)
    with pytest.raises(BadSignatureError):
        read_reply(f"{header}.{payload}.{signature}~{certificate()}", ROOTS)


def test_a_reply_whose_payload_was_changed_is_refused() -> None:
    header, _payload, signature = reply().split("~")[0].split(".")
    payload = reply(max_devices=99_999).split(".")[1]
    with pytest.raises(BadSignatureError):
        read_reply(f"{header}.{payload}.{signature}~{certificate()}", ROOTS)


@pytest.mark.parametrize("key", [OTHER_SIGNER, STRANGER, ROOT, INSTANCE])
def test_a_reply_of_a_key_that_the_certificate_does_not_name_is_refused(key: Any) -> None:
    with pytest.raises(CertificateInvalidError, match="another signing key"):
        read_reply(reply(key), ROOTS)


def test_the_certificate_of_another_key_does_not_help() -> None:
    other = certificate(sub=kid(OTHER_SIGNER), jwk=jwk(OTHER_SIGNER))
    assert read_reply(reply(OTHER_SIGNER, cert=other), ROOTS).kid == kid(OTHER_SIGNER)
    with pytest.raises(CertificateInvalidError):
        read_reply(reply(cert=other), ROOTS)
    swapped = certificate(jwk=jwk(OTHER_SIGNER))
    with pytest.raises(CertificateInvalidError):
        read_reply(reply(cert=swapped), ROOTS)


def test_a_certificate_for_another_use_is_refused() -> None:
    with pytest.raises(CertificateInvalidError, match="use"):
        read_reply(reply(cert=certificate(use="update")), ROOTS)


@pytest.mark.parametrize(
    ("issued_at", "accepted"),
    [
        (NOW - 10 * DAY - 1, False),
        (NOW - 10 * DAY, True),
        (NOW - 10 * DAY + 1, True),
        (NOW + 90 * DAY - 1, True),
        (NOW + 90 * DAY, False),
        (NOW + 90 * DAY + 1, False),
    ],
)
def test_the_certificate_must_cover_the_second_of_signing(issued_at: int, accepted: bool) -> None:
    if accepted:
        assert read_reply(reply(iat=issued_at), ROOTS).claims.issued_at == issued_at
    else:
        with pytest.raises(CertificateInvalidError, match="not valid when"):
            read_reply(reply(iat=issued_at), ROOTS)


def test_a_root_cannot_sign_a_license_itself() -> None:
    with pytest.raises(LicenseTokenError):
        read_reply(reply(ROOT, cert=document(REPLY, CERTIFICATE_TYP, ROOT)), ROOTS)


def test_a_license_has_at_most_16_kib() -> None:
    # Any text of the right length and form will do: it is measured before it is read.
    text = "A" * 8000 + "~" + "A" * 8383
    with pytest.raises(MalformedError, match="three parts"):
        read_reply(text, ROOTS)
    with pytest.raises(MalformedError, match="license is longer than 16384 characters"):
        read_reply(text + "A", ROOTS)


def filled(reply_filler: int, certificate_filler: int) -> str:
    return reply(filler="x" * reply_filler, cert=certificate(filler="x" * certificate_filler))


def test_a_whole_license_of_16_kib_is_read() -> None:
    # Base64url lengths go in steps, so look for the two fillers that hit the limit exactly.
    start = 5000 + (16_384 - len(filled(5000, 5700))) * 3 // 4
    texts = [filled(start + more, 5700 + other) for more in range(-6, 6) for other in range(3)]
    exact = next(text for text in texts if len(text) == 16_384)
    assert read_reply(exact, ROOTS).claims == CLAIMS
    over = next(text for text in texts if len(text) == 16_385)
    with pytest.raises(MalformedError, match="license is longer than 16384"):
        read_reply(over, ROOTS)


def test_what_could_not_be_read_again_is_not_signed() -> None:
    with pytest.raises(MalformedError, match="license is longer than"):
        sign_reply(CLAIMS, signing_key=SIGNER, certificate="x" * 16_384)
    wide = replace(TERMS, customer_name="🐎" * 1024, tier="🐎" * 64)
    with pytest.raises(MalformedError, match="longer than 8192"):
        sign_reply(
            replace(CLAIMS, license_id="🐎" * 1024, terms=wide),
            signing_key=SIGNER,
            certificate=certificate(),
        )


def test_a_reply_is_missing_nothing_by_accident() -> None:
    for name in REPLY:
        with pytest.raises(MalformedError, match=f"{name} is missing"):
            read_reply(reply(**{name: MISSING}), ROOTS)


def test_a_refusal_never_echoes_the_document() -> None:
    marker = "SECRETMARKER"
    for name in REPLY:
        values: list[Any] = [marker + "\x00", {marker: marker}, [marker]]
        for value in values:
            with pytest.raises(MalformedError) as refusal:
                read_reply(reply(**{name: value}), ROOTS)
            assert marker not in str(refusal.value)


def test_a_wrong_length_is_told_with_the_right_one() -> None:
    with pytest.raises(MalformedError, match=r"^nonce must be 16 bytes in base64url\.$"):
        read_reply(reply(nonce="AAAA"), ROOTS)
    with pytest.raises(MalformedError, match=r"^jti must be 16 to 64 bytes in base64url\.$"):
        read_reply(reply(jti="AAAA"), ROOTS)


def test_null_is_read_only_where_it_has_a_meaning() -> None:
    for name in REPLY.keys() - {"nonce", "cnf", "audit", "max_devices", "max_packages"}:
        with pytest.raises(MalformedError, match=rf"\b{name}\b"):
            read_reply(reply(**dict[str, Any]({name: None})), ROOTS)
