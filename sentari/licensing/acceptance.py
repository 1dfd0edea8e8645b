"""Whether a verified reply may be applied here: the rules of acceptance. PURE."""

from dataclasses import dataclass

from license_token.errors import LicenseTokenError
from license_token.reply import ReplyClaims
from sentari.licensing.answer import CheckInError
from sentari.licensing.causes import Cause, explain


class ReplyRefusedError(CheckInError):
    """A reply, answered or presented, is not for this server at this moment."""

    def __init__(self, cause: Cause, detail: str | None = None) -> None:
        """Name the cause and, where its own words are too general, this very case."""
        super().__init__(cause, detail or f"{explain(cause).title}.")


@dataclass(frozen=True)
class Standing:
    """The newest reply of a license as the audit log remembers it, in force or removed since."""

    license_id: str
    seq: int
    issued_at: int


@dataclass(frozen=True)
class Expectation:
    """What a reply has to fit.

    `nonces`: online that of this very call; by hand all that are unused and young enough.
    `not_older_than`: online the `iat` of the reply in force, otherwise None. `seen_before`
    tells that this very reply (its `jti`) was applied once, `bound_before` that this server
    once had a reply of its own for the same license.
    """

    issuer: str
    instance_id: str
    confirmation: str
    nonces: frozenset[str]
    airgap: bool
    standing: Standing | None = None
    not_older_than: int | None = None
    seen_before: bool = False
    bound_before: bool = False


_TOKEN_CAUSES = {
    "bad_signature": Cause.BAD_SIGNATURE,
    "untrusted_key": Cause.UNTRUSTED_KEY,
    "certificate_invalid": Cause.CERTIFICATE_INVALID,
}


def refusal_of(error: LicenseTokenError) -> ReplyRefusedError:
    """Return the refusal for a text that does not read as a verified reply."""
    return ReplyRefusedError(_TOKEN_CAUSES.get(error.code, Cause.NOT_A_REPLY), str(error))


def check_acceptable(claims: ReplyClaims, expected: Expectation) -> None:
    """Raise ReplyRefusedError unless a verified reply with these claims may be applied."""
    if claims.issuer != expected.issuer:
        raise ReplyRefusedError(
            Cause.WRONG_ISSUER,
            f"The reply was issued by {claims.issuer}, but {expected.issuer} is expected.",
        )
    if claims.presigned:
        _check_presigned(claims, expected)
    else:
        _check_bound(claims, expected)


def _check_presigned(claims: ReplyClaims, expected: Expectation) -> None:
    if not expected.airgap:
        raise ReplyRefusedError(
            Cause.WRONG_INSTANCE,
            "A pre-signed license is accepted only with SENTARI_LICENSE_MODE=airgap.",
        )
    if expected.bound_before:
        raise ReplyRefusedError(
            Cause.STALE,
            "This server already has a license of its own from the same contract; the "
            "pre-signed one is not accepted any more.",
        )
    _check_newer(claims, expected)


def _check_bound(claims: ReplyClaims, expected: Expectation) -> None:
    if claims.audience != expected.instance_id or claims.confirmation != expected.confirmation:
        raise ReplyRefusedError(Cause.WRONG_INSTANCE)
    if expected.seen_before:
        raise ReplyRefusedError(Cause.STALE, "This very reply was applied before.")
    if claims.nonce not in expected.nonces:
        raise ReplyRefusedError(Cause.WRONG_NONCE)
    _check_newer(claims, expected)
    if expected.not_older_than is not None and claims.issued_at < expected.not_older_than:
        raise ReplyRefusedError(
            Cause.STALE, "The reply was signed before the license that is installed."
        )


def _check_newer(claims: ReplyClaims, expected: Expectation) -> None:
    standing = expected.standing
    if standing is None or standing.license_id != claims.license_id:
        return
    if claims.seq <= standing.seq:
        raise ReplyRefusedError(
            Cause.STALE,
            f"The reply has number {claims.seq} of this license, but number {standing.seq} "
            "was installed here already.",
        )
