"""What a verified reply would change: old and new terms side by side. PURE."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from license_token.reply import Reply, ReplyClaims
from sentari.licensing.dates import counted, moment, spoken_date, spoken_moment
from sentari.licensing.state import LicenseStatus, evaluate


@dataclass(frozen=True)
class Term:
    """One line of the comparison; `old` is None where no license is installed."""

    name: str
    old: str | None
    new: str

    @property
    def changed(self) -> bool:
        """Tell whether the reply says something else than the license in force."""
        return self.old != self.new


@dataclass(frozen=True)
class Preview:
    """A reply that could be installed now, and what would be afterwards."""

    document: str
    terms: tuple[Term, ...]
    issued_at: str
    before: LicenseStatus
    after: LicenseStatus

    @property
    def changes(self) -> int:
        """Return how many terms would change."""
        return sum(term.changed for term in self.terms)


def preview(status: LicenseStatus, reply: Reply) -> Preview:
    """Compare the license in force with a verified reply."""
    # A fresh reply heals tampering, and what was seen before says nothing of its state.
    facts = replace(status.facts, tampering=None, tampered_at=None, entered=None)
    return Preview(
        document=reply.text,
        terms=tuple(_compared(status.claims, reply.claims)),
        issued_at=spoken_moment(moment(reply.claims.issued_at)),
        before=status,
        after=evaluate(reply.claims, facts, status.evaluated_at),
    )


def _compared(old: ReplyClaims | None, new: ReplyClaims) -> Iterator[Term]:
    before = _told(old) if old else {}
    for name, value in _told(new).items():
        yield Term(name, before.get(name), value)


def _told(claims: ReplyClaims) -> dict[str, str]:
    terms = claims.terms
    return {
        "License id": claims.license_id,
        "Customer": terms.customer_name,
        "E-mail": terms.customer_email,
        "Tier": terms.tier,
        "Status": terms.status,
        "Expires on": spoken_date(terms.expires_at),
        "Devices": _limit(terms.max_devices),
        "Packages": _limit(terms.max_packages),
        "Grace period": counted(terms.grace_period_days, "day"),
        "Read-only period": counted(terms.read_only_period_days, "day"),
        "Time without an answer": counted(terms.max_offline_days, "day"),
        "License key": f"…-{claims.key_hint}",
        "Made for": "any air-gapped server" if claims.presigned else "this server",
    }


def _limit(limit: int | None) -> str:
    return "unlimited" if limit is None else f"{limit:,}"
