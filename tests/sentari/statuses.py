"""License statuses for tests of what the caps and the gate leave open."""

from datetime import UTC, datetime
from typing import Any

from sentari.licensing.state import Facts, LicenseStatus, evaluate
from tests.sentari.licensing.samples import make_claims


def licensed(**terms: Any) -> LicenseStatus:
    """Return the status of an active license with these terms; unlimited unless they say so."""
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    limits = {"max_devices": None, "max_packages": None}
    claims = make_claims(issued_at=now, **(limits | terms))
    return evaluate(claims, Facts(), now)
