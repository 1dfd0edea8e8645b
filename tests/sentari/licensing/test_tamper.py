"""Every contradiction between row, signature and audit log is found and named."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

import pytest
from nacl.signing import SigningKey

from license_token.certificate import CertificateClaims
from license_token.errors import BadSignatureError
from license_token.keys import thumbprint
from license_token.reply import Reply, ReplyClaims
from sentari.licensing.tamper import (
    Difference,
    Identity,
    Recorded,
    Stored,
    Tampering,
    columns_of,
    differences,
    examine,
)
from serverkit.audit.chain import canonical
from tests.sentari.licensing.samples import (
    CONFIRMATION,
    INSTANCE_ID,
    JTI,
    make_claims,
    make_presigned,
)

CLAIMS = make_claims()
IDENTITY = Identity(INSTANCE_ID, CONFIRMATION)
RECORDED = Recorded("lic-1", JTI, 7)
ANCHOR = "ab" * 32
PUBLIC_KEY = bytes(SigningKey.generate().verify_key)
CERTIFICATE = CertificateClaims(
    issuer="sentari-root",
    subject=thumbprint(PUBLIC_KEY),
    public_key=PUBLIC_KEY,
    use="license",
    not_before=0,
    expires=1,
    issued_at=0,
)


def stored(claims: ReplyClaims = CLAIMS, columns: Mapping[str, object] | None = None) -> Stored:
    reply = Reply("text", claims, CERTIFICATE.subject, CERTIFICATE)
    return Stored(reply, columns_of(claims) if columns is None else columns)


def kind(tampering: Tampering | None) -> str | None:
    return tampering.kind.value if tampering else None


def test_what_was_signed_recorded_and_stored_alike_is_whole() -> None:
    assert examine(stored(), RECORDED, IDENTITY, ANCHOR) is None


def test_nothing_stored_and_nothing_recorded_is_whole() -> None:
    assert examine(None, None, IDENTITY, None) is None
    assert examine(None, None, None, None) is None


@pytest.mark.parametrize("column", columns_of(CLAIMS))
def test_each_column_is_compared_with_its_claim(column: str) -> None:
    for wrong in ("99999", 99999, None, 1.5, b"\xff", True):
        columns = columns_of(CLAIMS) | {column: wrong}
        if columns_of(CLAIMS)[column] != wrong:
            found = examine(stored(columns=columns), RECORDED, IDENTITY, ANCHOR)
            assert found is not None
            assert [difference.column for difference in found.differences] == [column]


def test_a_missing_column_is_a_difference() -> None:
    columns = columns_of(CLAIMS)
    del columns["max_devices"]
    assert differences(columns, CLAIMS) == (Difference("max_devices", None, 100),)


def test_a_difference_names_the_stored_and_the_signed_value() -> None:
    columns = columns_of(CLAIMS) | {"max_devices": 99999, "expires_at": date(2099, 1, 1)}
    assert differences(columns, CLAIMS) == (
        Difference("expires_at", "2099-01-01", "2027-03-14"),
        Difference("max_devices", 99999, 100),
    )


def test_dates_are_equal_as_the_database_returns_them() -> None:
    columns = columns_of(CLAIMS) | {"expires_at": "2027-03-14"}
    assert differences(columns, CLAIMS) == ()


def test_a_truth_value_is_not_the_number_it_equals() -> None:
    claims = make_claims(max_devices=1)
    assert differences(columns_of(claims) | {"max_devices": True}, claims)


def test_a_deleted_row_is_tampering_while_the_log_remembers_the_installation() -> None:
    assert kind(examine(None, RECORDED, IDENTITY, None)) == "missing"


def test_a_row_that_the_log_does_not_know_is_tampering() -> None:
    assert kind(examine(stored(), None, IDENTITY, ANCHOR)) == "unrecorded"


@pytest.mark.parametrize(
    "recorded", [replace(RECORDED, jti="x"), replace(RECORDED, seq=8), Recorded("lic-2", JTI, 7)]
)
def test_a_genuine_older_reply_put_back_is_tampering(recorded: Recorded) -> None:
    assert kind(examine(stored(), recorded, IDENTITY, ANCHOR)) == "older"


@pytest.mark.parametrize(
    "identity",
    [None, replace(IDENTITY, instance_id="other"), replace(IDENTITY, confirmation="other")],
)
def test_a_license_of_another_server_is_tampering(identity: Identity | None) -> None:
    assert kind(examine(stored(), RECORDED, identity, ANCHOR)) == "instance"


def test_a_presigned_license_fits_every_server_and_anchors_nothing() -> None:
    claims = make_presigned()
    recorded = Recorded("lic-1", JTI, 0)
    assert examine(stored(claims), recorded, IDENTITY, None) is None
    assert kind(examine(stored(claims), None, IDENTITY, None)) == "unrecorded"


@pytest.mark.parametrize("anchored", [None, "cd" * 32])
def test_an_audit_log_that_lost_or_changed_the_anchored_entry_is_tampering(
    anchored: str | None,
) -> None:
    assert kind(examine(stored(), RECORDED, IDENTITY, anchored)) == "anchor"


def test_a_reply_that_does_not_verify_is_tampering_and_says_why() -> None:
    broken = Stored(BadSignatureError("The signature does not fit."), columns_of(CLAIMS))
    found = examine(broken, RECORDED, IDENTITY, ANCHOR)
    assert found is not None
    assert (found.kind, "The signature does not fit." in found.sentence) == ("reply", True)


def test_the_fingerprint_is_the_same_only_for_the_same_contradiction() -> None:
    def edited(value: int) -> str:
        columns = columns_of(CLAIMS) | {"max_devices": value}
        found = examine(stored(columns=columns), RECORDED, IDENTITY, ANCHOR)
        assert found is not None
        return found.fingerprint

    assert edited(5) == edited(5) != edited(6)


@pytest.mark.parametrize("value", [2**53 + 1, 10**18, "x" * 100_000, "\x00", b"\xff" * 5000, 1e300])
def test_a_wild_value_is_reported_in_a_form_that_the_log_can_keep(value: object) -> None:
    found = examine(
        stored(columns=columns_of(CLAIMS) | {"tier": value}), RECORDED, IDENTITY, ANCHOR
    )
    assert found is not None
    told = found.differences[0].stored
    assert canonical({"stored": told})
    assert len(str(told)) <= 2048
