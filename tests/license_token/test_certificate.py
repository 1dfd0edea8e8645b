from typing import Any

import pytest

from license_token.certificate import CertificateClaims, issue_certificate, read_certificate
from license_token.errors import (
    BadSignatureError,
    CertificateInvalidError,
    MalformedError,
    UntrustedKeyError,
)
from license_token.keys import RootSet
from tests.license_token.cast import (
    CERTIFICATE,
    DAY,
    LICENSE_TYP,
    MISSING,
    NOW,
    OTHER_SIGNER,
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
    public,
)
from tests.license_token.claims import (
    BAD_TEXTS,
    BAD_THUMBPRINTS,
    BAD_TIMES,
    NOT_TEXTS,
    SMALL_ORDER_POINTS,
    label,
    refusals,
)

CLAIMS = CertificateClaims(
    issuer="sentari-root",
    subject=kid(SIGNER),
    public_key=public(SIGNER),
    use="license",
    not_before=NOW - 10 * DAY,
    expires=NOW + 90 * DAY,
    issued_at=NOW - 10 * DAY,
)


def issue(**times: int) -> str:
    period = {"not_before": NOW - 10 * DAY, "expires": NOW + 90 * DAY, "issued_at": NOW - 10 * DAY}
    return issue_certificate(ROOT, signing_public_key=public(SIGNER), **(period | times))


def test_a_certificate_is_read_under_either_root() -> None:
    assert read_certificate(certificate(), ROOTS) == CLAIMS
    assert read_certificate(certificate(SPARE_ROOT), ROOTS) == CLAIMS


def test_what_is_issued_is_read() -> None:
    assert read_certificate(issue(), ROOTS) == CLAIMS


def test_unknown_claims_of_a_newer_vendor_are_ignored() -> None:
    text = certificate(policy={"a": [1.5, -1, None]}, note="\x00" + "x" * 2000)
    assert read_certificate(text, ROOTS) == CLAIMS


def test_a_certificate_of_a_root_that_is_not_pinned_is_refused() -> None:
    with pytest.raises(UntrustedKeyError):
        read_certificate(certificate(STRANGER), ROOTS)
    with pytest.raises(UntrustedKeyError):
        read_certificate(certificate(), RootSet.of(public(SPARE_ROOT)))
    with pytest.raises(UntrustedKeyError):
        read_certificate(certificate(), RootSet.of())


def test_a_signing_key_cannot_certify_another() -> None:
    with pytest.raises(UntrustedKeyError):
        read_certificate(certificate(SIGNER, sub=kid(OTHER_SIGNER), jwk=jwk(OTHER_SIGNER)), ROOTS)


def test_a_certificate_that_was_changed_is_refused() -> None:
    header, _payload, signature = certificate().split(".")
    payload = certificate(exp=NOW + 80 * DAY).split(".")[1]
    with pytest.raises(BadSignatureError):
        read_certificate(f"{header}.{payload}.{signature}", ROOTS)


def test_another_document_of_a_root_is_no_certificate() -> None:
    with pytest.raises(MalformedError, match="typ"):
        read_certificate(document(CERTIFICATE, LICENSE_TYP, ROOT), ROOTS)


@pytest.mark.parametrize(
    ("name", "value"),
    refusals(
        iss=BAD_TEXTS,
        sub=BAD_THUMBPRINTS,
        use=BAD_TEXTS,
        nbf=BAD_TIMES,
        exp=BAD_TIMES,
        iat=BAD_TIMES,
        jwk=[
            *NOT_TEXTS,
            jwk(SIGNER)["x"],
            jwk(SIGNER) | {"kty": "EC"},
            jwk(SIGNER) | {"x": "AAAA"},
            *[jwk(SIGNER) | {"x": b64(bytes.fromhex(point))} for point in SMALL_ORDER_POINTS],
        ],
    ),
    ids=label,
)
def test_a_claim_that_is_missing_or_malformed_is_named(name: str, value: Any) -> None:
    with pytest.raises(MalformedError, match=rf"\b{name}\b|public key"):
        read_certificate(certificate(**{name: value}), ROOTS)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "sentari"},
        {"iss": "sentari-root "},
        {"use": "request"},
        {"use": "License"},
        {"sub": kid(OTHER_SIGNER)},
        {"jwk": jwk(OTHER_SIGNER)},
        {"sub": kid(ROOT)},
    ],
    ids=label,
)
def test_a_certificate_for_something_else_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(CertificateInvalidError):
        read_certificate(certificate(**changes), ROOTS)


@pytest.mark.parametrize("lifetime", [1, 100 * DAY - 1, 100 * DAY])
def test_a_lifetime_up_to_100_days_is_accepted(lifetime: int) -> None:
    assert read_certificate(certificate(exp=CLAIMS.not_before + lifetime), ROOTS)
    assert issue(expires=CLAIMS.not_before + lifetime)


@pytest.mark.parametrize("lifetime", [-1, 0, 100 * DAY + 1, 3650 * DAY])
def test_a_lifetime_that_is_empty_or_longer_is_neither_read_nor_issued(lifetime: int) -> None:
    with pytest.raises(CertificateInvalidError):
        read_certificate(certificate(exp=CLAIMS.not_before + lifetime), ROOTS)
    with pytest.raises(CertificateInvalidError):
        issue(expires=CLAIMS.not_before + lifetime)


@pytest.mark.parametrize(
    ("moment", "covered"),
    [
        (CLAIMS.not_before - 1, False),
        (CLAIMS.not_before, True),
        (CLAIMS.not_before + 1, True),
        (CLAIMS.expires - 1, True),
        (CLAIMS.expires, False),
        (CLAIMS.expires + 1, False),
    ],
)
def test_a_certificate_covers_its_first_second_and_not_its_last(moment: int, covered: bool) -> None:
    assert CLAIMS.covers(moment) is covered


def test_times_are_from_1970_to_the_year_8999() -> None:
    assert read_certificate(certificate(nbf=0, exp=100 * DAY, iat=0), ROOTS).not_before == 0
    last = 221_845_391_999
    text = certificate(nbf=last - DAY, exp=last, iat=last)
    assert read_certificate(text, ROOTS).expires == last


def test_a_certificate_is_missing_nothing_by_accident() -> None:
    for name in CERTIFICATE:
        with pytest.raises(MalformedError, match=f"{name} is missing"):
            read_certificate(certificate(**{name: MISSING}), ROOTS)
