"""The license terms: what a customer bought, flat in the reply under these names."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Self

from license_token.fields import (
    check_choice,
    check_date,
    check_email,
    check_integer,
    check_text,
    present,
    read_date,
)

STATUSES = ("active", "suspended", "revoked")
MAX_TIER = 64
MAX_GRACE_PERIOD_DAYS = 365
MAX_READ_ONLY_PERIOD_DAYS = 3650
MAX_OFFLINE_DAYS = 365


@dataclass(frozen=True)
class LicenseTerms:
    """The terms of spec 1; MalformedError if one is not of its type and range.

    `expires_at` is the first date (UTC) on which the license is no longer valid; null caps
    mean unlimited.
    """

    customer_name: str
    customer_email: str
    tier: str
    expires_at: date
    max_devices: int | None
    max_packages: int | None
    grace_period_days: int
    read_only_period_days: int
    max_offline_days: int
    status: str

    def __post_init__(self) -> None:
        check_text(self.customer_name, "customer_name")
        check_email(self.customer_email, "customer_email")
        check_text(self.tier, "tier", longest=MAX_TIER)
        check_date(self.expires_at, "expires_at")
        if self.max_devices is not None:
            check_integer(self.max_devices, "max_devices")
        if self.max_packages is not None:
            check_integer(self.max_packages, "max_packages")
        check_integer(self.grace_period_days, "grace_period_days", most=MAX_GRACE_PERIOD_DAYS)
        check_integer(
            self.read_only_period_days, "read_only_period_days", most=MAX_READ_ONLY_PERIOD_DAYS
        )
        check_integer(self.max_offline_days, "max_offline_days", least=1, most=MAX_OFFLINE_DAYS)
        check_choice(self.status, "status", STATUSES)

    @classmethod
    def from_claims(cls, claims: Mapping[str, Any]) -> Self:
        """Read the terms out of a reply's claims; each must be there, null or not."""
        values = {name: present(claims, name) for name in cls.__dataclass_fields__}
        values["expires_at"] = read_date(values["expires_at"], "expires_at")
        return cls(**values)

    def to_claims(self) -> dict[str, Any]:
        """Return the terms as they stand in a reply."""
        return asdict(self) | {"expires_at": self.expires_at.isoformat()}
