"""Licenses, their immutable versions of terms, approvals, keys and pre-signed replies."""

from datetime import date, datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from license_server import rules
from license_server.customers.models import Customer
from license_server.extensions import db
from serverkit.audit.store import attach_triggers
from serverkit.database import UtcDateTime

_STATUSES = ", ".join(f"'{status}'" for status in rules.Status)


class License(db.Model):  # type: ignore[name-defined, misc]
    """A contract's license; what it allows stands in its versions of terms.

    Triggers of the migrations hold that its status goes only where the rules let it, that a
    draft has no key and no activation, and that a license that is over gets no new terms.
    `issued_version` is the number of the terms that the first key was made for: what a draft
    said before was promised to nobody.
    """

    __table_args__ = (
        CheckConstraint(f"status IN ({_STATUSES})", name="status"),
        CheckConstraint("length(status_reason) >= 1", name="status_reason"),
        CheckConstraint(
            "(status IN ('draft', 'discarded')) = (issued_version IS NULL)", name="issued_version"
        ),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey("customer.id"), index=True)
    status: Mapped[str] = mapped_column(String(16))
    status_reason: Mapped[str] = mapped_column(String(rules.LONGEST_REASON))
    status_changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    status_changed_by: Mapped[str] = mapped_column(String(320))
    issued_version: Mapped[int | None] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[str] = mapped_column(String(320))

    customer: Mapped[Customer] = relationship()


def _range_checks() -> list[CheckConstraint]:
    # A cap of NULL is unlimited, and NULL passes a CHECK.
    return [
        CheckConstraint(f"{name} BETWEEN {low} AND {high}", name=name)
        for name, (low, high) in rules.RANGES.items()
    ]


class TermsVersion(db.Model):  # type: ignore[name-defined, misc]
    """One version of a license's terms: who, when, why. Written once, never changed.

    The customer's name and address are copied in, so that a version is all that is signed.
    """

    __table_args__ = (
        UniqueConstraint("license_id", "version"),
        # What TermsApproval refers to, to hold that two people were asked.
        UniqueConstraint("id", "created_by", name="uq_terms_version_author"),
        *_range_checks(),
        CheckConstraint("version >= 1", name="version"),
        CheckConstraint("length(tier) >= 1", name="tier"),
        CheckConstraint("length(reason) >= 1", name="reason"),
        CheckConstraint(
            f"max_offline_days <= {rules.OFFLINE_DAYS_WITHOUT_AIRGAP}"
            " OR (airgap AND airgap_addendum_signed_at IS NOT NULL)",
            name="airgap",
        ),
        CheckConstraint(
            "approval_required OR ("
            f"max_offline_days <= {rules.OFFLINE_DAYS_WITHOUT_APPROVAL}"
            " AND max_devices IS NOT NULL AND max_packages IS NOT NULL"
            f" AND term_days <= {rules.TERM_DAYS_WITHOUT_APPROVAL})",
            name="approval",
        ),
        # Each database subtracts dates in its own way.
        CheckConstraint(
            "term_days = julianday(expires_at) - julianday(starts_on)", name="term_days"
        ).ddl_if(dialect="sqlite"),
        CheckConstraint("term_days = expires_at - starts_on", name="term_days").ddl_if(
            dialect="postgresql"
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    license_id: Mapped[str] = mapped_column(ForeignKey("license.id"))
    version: Mapped[int] = mapped_column(Integer)
    customer_name: Mapped[str] = mapped_column(String(200))
    customer_email: Mapped[str] = mapped_column(String(254))
    tier: Mapped[str] = mapped_column(String(rules.LONGEST_TIER))
    expires_at: Mapped[date] = mapped_column(Date)
    max_devices: Mapped[int | None] = mapped_column(BigInteger)
    max_packages: Mapped[int | None] = mapped_column(BigInteger)
    grace_period_days: Mapped[int] = mapped_column(Integer)
    read_only_period_days: Mapped[int] = mapped_column(Integer)
    max_offline_days: Mapped[int] = mapped_column(Integer)
    max_activations: Mapped[int] = mapped_column(Integer)
    airgap: Mapped[bool]
    airgap_addendum_signed_at: Mapped[date | None] = mapped_column(Date)
    contract_reference: Mapped[str] = mapped_column(String(rules.LONGEST_REFERENCE))
    starts_on: Mapped[date] = mapped_column(Date)
    term_days: Mapped[int] = mapped_column(Integer)
    approval_required: Mapped[bool]
    reason: Mapped[str] = mapped_column(String(rules.LONGEST_REASON))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[str] = mapped_column(String(320))

    approval: Mapped["TermsApproval | None"] = relationship(lazy="joined", viewonly=True)

    @property
    def terms(self) -> rules.Terms:
        """Return what the rules look at."""
        return rules.Terms(**{name: getattr(self, name) for name in rules.TERM_NAMES})


class TermsApproval(db.Model):  # type: ignore[name-defined, misc]
    """The second person's yes to one version of terms."""

    __table_args__ = (
        ForeignKeyConstraint(
            ["terms_version_id", "created_by"], ["terms_version.id", "terms_version.created_by"]
        ),
        CheckConstraint("approved_by <> created_by", name="second_person"),
    )

    terms_version_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    created_by: Mapped[str] = mapped_column(String(320))
    approved_by: Mapped[str] = mapped_column(String(320))
    approved_at: Mapped[datetime] = mapped_column(UtcDateTime)


class IssuedKey(db.Model):  # type: ignore[name-defined, misc]
    """A license key by its hash; a license has one that is not replaced."""

    __tablename__ = "license_key"
    __table_args__ = (
        CheckConstraint("length(key_hash) = 64", name="key_hash"),
        CheckConstraint("length(hint) = 5", name="hint"),
        CheckConstraint("replaced_at >= issued_at", name="replaced_at"),
        Index(
            "uq_license_key_current",
            "license_id",
            unique=True,
            sqlite_where=text("replaced_at IS NULL"),
            postgresql_where=text("replaced_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    license_id: Mapped[str] = mapped_column(ForeignKey("license.id"), index=True)
    key_hash: Mapped[str] = mapped_column(String(64), unique=True)
    hint: Mapped[str] = mapped_column(String(5))
    issued_at: Mapped[datetime] = mapped_column(UtcDateTime)
    issued_by: Mapped[str] = mapped_column(String(320))
    replaced_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class PresignedReply(db.Model):  # type: ignore[name-defined, misc]
    """A reply that was signed for whichever server installs it first."""

    jti: Mapped[str] = mapped_column(String(86), primary_key=True)
    license_id: Mapped[str] = mapped_column(ForeignKey("license.id"), index=True)
    terms_version_id: Mapped[int] = mapped_column(ForeignKey("terms_version.id"))
    issued_at: Mapped[datetime] = mapped_column(UtcDateTime)
    issued_by: Mapped[str] = mapped_column(String(320))


attach_triggers(TermsVersion.__table__)
attach_triggers(TermsApproval.__table__)
