"""Whether what is stored is what the vendor signed and the audit log remembers. PURE."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from license_token.errors import LicenseTokenError
from license_token.reply import Reply, ReplyClaims

Value = str | int | None

_LARGEST_INTEGER = 2**53
_LONGEST_TEXT = 2048


class Kind(StrEnum):
    """What contradicts what."""

    COLUMNS = "columns"
    REPLY = "reply"
    INSTANCE = "instance"
    MISSING = "missing"
    UNRECORDED = "unrecorded"
    OLDER = "older"
    ANCHOR = "anchor"
    CHAIN = "chain"
    CLOCK = "clock"


@dataclass(frozen=True)
class Difference:
    """A column whose stored value is not the signed one."""

    column: str
    stored: Value
    signed: Value


@dataclass(frozen=True)
class Tampering:
    """A contradiction; `sentence` tells people which, `differences` are for kind `columns`."""

    kind: Kind
    sentence: str
    differences: tuple[Difference, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Return 64 hex digits that are the same for the same contradiction in any process."""
        parts = [(d.column, d.stored, d.signed) for d in self.differences]
        text = json.dumps([self.kind.value, self.sentence, parts])
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Recorded:
    """The reply that the audit log says is in force."""

    license_id: str
    jti: str
    seq: int


@dataclass(frozen=True)
class Stored:
    """The license row: what its text verified to, or why it did not, and its columns."""

    reply: Reply | LicenseTokenError
    columns: Mapping[str, object]


@dataclass(frozen=True)
class Identity:
    """The instance that replies are made for; `confirmation` is its key's thumbprint."""

    instance_id: str
    confirmation: str


def columns_of(claims: ReplyClaims) -> dict[str, Value | date]:
    """Return every claim under the name of its column: what is written, and what must be there."""
    terms = claims.terms
    return {
        "issuer": claims.issuer,
        "license_id": claims.license_id,
        "audience": claims.audience,
        "issued_at": claims.issued_at,
        "jti": claims.jti,
        "nonce": claims.nonce,
        "seq": claims.seq,
        "confirmation": claims.confirmation,
        "audit_seq": claims.audit.seq if claims.audit else None,
        "audit_head": claims.audit.head if claims.audit else None,
        "key_hint": claims.key_hint,
        **{name: getattr(terms, name) for name in terms.__dataclass_fields__},
    }


def differences(columns: Mapping[str, object], claims: ReplyClaims) -> tuple[Difference, ...]:
    """Return the columns that are not equal to the signed claims, a missing one included."""
    pairs = [
        (name, _plain(columns.get(name)), _plain(signed))
        for name, signed in columns_of(claims).items()
    ]
    return tuple(Difference(name, stored, signed) for name, stored, signed in pairs
                 if not _same(stored, signed))  # fmt: skip


def examine(
    stored: Stored | None,
    recorded: Recorded | None,
    identity: Identity | None,
    anchored_hash: str | None,
    *,
    log_problem: str | None = None,
    clock_edited: bool = False,
) -> Tampering | None:
    """Return the gravest contradiction between row, signature and audit log, or None.

    `recorded` is None when the log knows of no installation that was not removed again;
    `anchored_hash` is the hash of the audit event that the reply's anchor names, or None when
    there is no such event. `log_problem` is what a walk over the log found broken since that
    reply, `clock_edited` tells that the floor of time was; neither matters without a license.
    """
    if stored is None:
        if recorded is None:
            return None
        return Tampering(
            Kind.MISSING, "The installed license was deleted from the database, not removed."
        )
    if isinstance(stored.reply, LicenseTokenError):
        return Tampering(Kind.REPLY, f"The stored license does not verify: {stored.reply}")
    claims = stored.reply.claims
    return (
        _wrong_place(claims, identity)
        or _wrong_time(claims, recorded)
        or _wrong_anchor(claims, anchored_hash)
        or _wrong_columns(stored.columns, claims)
        or _wrong_log(log_problem)
        or _wrong_clock(clock_edited)
    )


def _wrong_place(claims: ReplyClaims, identity: Identity | None) -> Tampering | None:
    if claims.presigned:
        return None
    if identity == Identity(claims.audience, claims.confirmation or ""):
        return None
    return Tampering(Kind.INSTANCE, "The stored license was made for another server.")


def _wrong_time(claims: ReplyClaims, recorded: Recorded | None) -> Tampering | None:
    if recorded is None:
        return Tampering(
            Kind.UNRECORDED, "A license is stored that was never installed, or was removed."
        )
    if recorded != Recorded(claims.license_id, claims.jti, claims.seq):
        return Tampering(Kind.OLDER, "The stored license is not the one that was installed last.")
    return None


def _wrong_anchor(claims: ReplyClaims, anchored_hash: str | None) -> Tampering | None:
    if claims.audit is None or claims.audit.head == anchored_hash:
        return None
    return Tampering(
        Kind.ANCHOR,
        f"The audit log was rewritten: its entry {claims.audit.seq} is not the one that the "
        "license server has confirmed.",
    )


def _wrong_columns(columns: Mapping[str, object], claims: ReplyClaims) -> Tampering | None:
    found = differences(columns, claims)
    if not found:
        return None
    names = ", ".join(difference.column for difference in found)
    return Tampering(
        Kind.COLUMNS, f"The license was edited in the database, not as signed: {names}.", found
    )


def _wrong_log(problem: str | None) -> Tampering | None:
    if problem is None:
        return None
    return Tampering(Kind.CHAIN, f"The audit log was changed after it was written: {problem}.")


def _wrong_clock(edited: bool) -> Tampering | None:
    if not edited:
        return None
    return Tampering(
        Kind.CLOCK, "The server's record of the time was edited in the database, not as saved."
    )


def _plain(value: object) -> Value:
    """Return a raw database value as the audit log can tell it, a date as its ISO text.

    What is too large for the log is larger than any signed value, and differs when cut, too.
    """
    if isinstance(value, int) and abs(value) > _LARGEST_INTEGER:
        return str(value)
    if value is None or isinstance(value, str | int):
        return value if not isinstance(value, str) else value[:_LONGEST_TEXT]
    return value.isoformat() if isinstance(value, date) else repr(value)[:_LONGEST_TEXT]


def _same(stored: Value, signed: Value) -> bool:
    # True == 1 in Python; in the database they are not the same value.
    return type(stored) is type(signed) and stored == signed
