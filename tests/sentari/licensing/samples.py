"""Claims and facts for the pure tests, with every value in its place unless named."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from license_token.reply import AuditAnchor, LicenseTerms, ReplyClaims

EXPIRES = date(2027, 3, 14)
EXPIRY = datetime(2027, 3, 14, tzinfo=UTC)
ISSUED = datetime(2027, 1, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
INSTANCE_ID = "5f0d5bd2-4b53-4d58-9cf5-3b1d2a6f7c11"
CONFIRMATION = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
ISSUER = "https://license.sentari.dev"
NONCE = "AAAAAAAAAAAAAAAAAAAAAA"
JTI = "AQEBAQEBAQEBAQEBAQEBAQ"


def make_terms(**changes: Any) -> LicenseTerms:
    values: dict[str, Any] = {
        "customer_name": "Example GmbH",
        "customer_email": "it@example.com",
        "tier": "enterprise",
        "expires_at": EXPIRES,
        "max_devices": 100,
        "max_packages": 1000,
        "grace_period_days": 14,
        "read_only_period_days": 30,
        "max_offline_days": 365,
        "status": "active",
    }
    return LicenseTerms(**(values | changes))


def make_claims(*, issued_at: datetime | int = ISSUED, **changes: Any) -> ReplyClaims:
    names = LicenseTerms.__dataclass_fields__
    terms = {name: changes.pop(name) for name in list(changes) if name in names}
    values: dict[str, Any] = {
        "issuer": ISSUER,
        "license_id": "lic-1",
        "audience": INSTANCE_ID,
        "issued_at": issued_at if isinstance(issued_at, int) else int(issued_at.timestamp()),
        "jti": JTI,
        "nonce": NONCE,
        "seq": 7,
        "confirmation": CONFIRMATION,
        "audit": AuditAnchor(3, "ab" * 32),
        "key_hint": "ABCDE",
        "terms": make_terms(**terms),
    }
    return ReplyClaims(**(values | changes))


def make_presigned(**changes: Any) -> ReplyClaims:
    marks = {"audience": "*", "nonce": None, "confirmation": None, "audit": None, "seq": 0}
    return make_claims(**(marks | changes))
