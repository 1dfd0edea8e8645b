"""Make the reply of a check-in out of what is stored of it: the same facts, the same bytes."""

from dataclasses import dataclass

from license_server.activations.models import CheckIn
from license_server.licenses.store import Granted, signed_terms
from license_token.reply import AuditAnchor, ReplyClaims


@dataclass(frozen=True)
class Answered:
    """One answered check-in: what was granted, and by which key it is signed."""

    claims: ReplyClaims
    signing_kid: str
    received_on: str


def answered(
    check_in: CheckIn,
    version: Granted,
    *,
    license_id: str,
    instance_id: str,
    key_hint: str,
    issuer_url: str,
) -> Answered:
    """Return the reply's claims.

    Nothing but stored facts goes in, so that a request that is sent again after a lost answer
    gets the same bytes; the signature is deterministic (RFC 8032).
    """
    claims = ReplyClaims(
        issuer=issuer_url,
        license_id=license_id,
        audience=instance_id,
        issued_at=check_in.issued_at,
        jti=check_in.reply_jti,
        nonce=check_in.request_jti,
        seq=check_in.seq,
        confirmation=check_in.thumbprint,
        audit=AuditAnchor(seq=check_in.audit_seq, head=check_in.audit_head),
        key_hint=key_hint,
        terms=signed_terms(version, check_in.status),
    )
    received_on = check_in.received_at.date().isoformat()
    return Answered(claims, check_in.signing_kid, received_on)
