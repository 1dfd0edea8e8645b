"""Which verified replies may be applied here, and why the others may not."""

from dataclasses import replace

import pytest

from license_token.errors import (
    BadSignatureError,
    CertificateInvalidError,
    LicenseTokenError,
    MalformedError,
    UntrustedKeyError,
)
from license_token.reply import ReplyClaims
from sentari.licensing.acceptance import (
    Expectation,
    ReplyRefusedError,
    Standing,
    check_acceptable,
    refusal_of,
)
from tests.sentari.licensing.samples import (
    CONFIRMATION,
    INSTANCE_ID,
    ISSUED,
    ISSUER,
    NONCE,
    make_claims,
    make_presigned,
)

IAT = int(ISSUED.timestamp())
EXPECTED = Expectation(ISSUER, INSTANCE_ID, CONFIRMATION, frozenset({NONCE}), airgap=False)
AIRGAP = replace(EXPECTED, airgap=True)
OTHER_INSTANCE = "9a4d2f66-2c8c-4b3c-a3b5-55de0a3a9d10"


def cause_of(claims: ReplyClaims, expected: Expectation) -> str | None:
    try:
        check_acceptable(claims, expected)
    except ReplyRefusedError as refusal:
        return refusal.cause.value
    return None


def test_a_reply_to_our_own_request_is_accepted() -> None:
    assert cause_of(make_claims(), EXPECTED) is None


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"issuer": "https://license.example.com"}, "wrong_issuer"),
        ({"issuer": ISSUER + "/"}, "wrong_issuer"),
        ({"audience": OTHER_INSTANCE}, "wrong_instance"),
        ({"confirmation": "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"}, "wrong_instance"),
        ({"nonce": "BBBBBBBBBBBBBBBBBBBBBA"}, "wrong_nonce"),
    ],
)
def test_a_reply_that_is_not_for_us_is_refused_by_name(
    changes: dict[str, object], cause: str
) -> None:
    assert cause_of(make_claims(**changes), EXPECTED) == cause


def test_without_an_open_request_no_bound_reply_is_accepted() -> None:
    assert cause_of(make_claims(), replace(EXPECTED, nonces=frozenset())) == "wrong_nonce"


@pytest.mark.parametrize(("seq", "cause"), [(6, "stale"), (7, "stale"), (8, None)])
def test_the_number_must_rise_within_one_license(seq: int, cause: str | None) -> None:
    expected = replace(EXPECTED, standing=Standing("lic-1", 7, IAT))
    assert cause_of(make_claims(seq=seq), expected) == cause


def test_the_number_of_another_license_says_nothing() -> None:
    expected = replace(EXPECTED, standing=Standing("lic-0", 900, IAT))
    assert cause_of(make_claims(seq=1), expected) is None


@pytest.mark.parametrize(("issued_at", "cause"), [(IAT - 1, "stale"), (IAT, None), (IAT + 1, None)])
def test_online_a_reply_must_not_be_older_than_the_one_in_force(
    issued_at: int, cause: str | None
) -> None:
    claims = make_claims(issued_at=issued_at)
    assert cause_of(claims, replace(EXPECTED, not_older_than=IAT)) == cause
    assert cause_of(claims, EXPECTED) is None


def test_a_reply_that_was_applied_once_is_not_applied_again() -> None:
    assert cause_of(make_claims(), replace(EXPECTED, seen_before=True)) == "stale"


def test_a_presigned_reply_is_for_airgap_mode_only() -> None:
    assert cause_of(make_presigned(), AIRGAP) is None
    assert cause_of(make_presigned(), EXPECTED) == "wrong_instance"


def test_a_presigned_reply_needs_the_right_issuer_too() -> None:
    assert cause_of(make_presigned(issuer="https://other.example"), AIRGAP) == "wrong_issuer"


def test_a_presigned_reply_is_refused_once_a_bound_one_was_here() -> None:
    assert cause_of(make_presigned(), replace(AIRGAP, bound_before=True)) == "stale"


def test_a_presigned_reply_does_not_replace_one_of_the_same_license() -> None:
    same, other = Standing("lic-1", 0, IAT), Standing("lic-0", 0, IAT)
    assert cause_of(make_presigned(), replace(AIRGAP, standing=same)) == "stale"
    assert cause_of(make_presigned(), replace(AIRGAP, standing=other)) is None


def test_a_bound_reply_replaces_a_presigned_one_of_the_same_license() -> None:
    expected = replace(AIRGAP, standing=Standing("lic-1", 0, IAT))
    assert cause_of(make_claims(seq=1), expected) is None


def test_bound_replies_are_accepted_by_hand_in_airgap_mode() -> None:
    assert cause_of(make_claims(), AIRGAP) is None


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (MalformedError("x"), "not_a_reply"),
        (BadSignatureError("x"), "bad_signature"),
        (UntrustedKeyError("x"), "untrusted_key"),
        (CertificateInvalidError("x"), "certificate_invalid"),
    ],
)
def test_each_way_a_text_fails_to_verify_has_its_cause(
    error: LicenseTokenError, cause: str
) -> None:
    assert refusal_of(error).cause == cause
