"""The second factor: six digits of an authenticator app (RFC 6238, 30 seconds, SHA-1)."""

import hmac
from datetime import datetime

import pyotp

STEP_SECONDS = 30
DRIFT_STEPS = 1
DIGITS = 6
_ISSUER = "Sentari licenses"


def new_secret() -> str:
    """Return 160 random bits in base32, as authenticator apps take them."""
    return pyotp.random_base32(32)


def provisioning_uri(secret: str, email: str) -> str:
    """Return the `otpauth://` address that a QR code carries into the app."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=_ISSUER)


def clean_code(text: str) -> str:
    """Return the digits without the blanks that apps show between them."""
    return "".join(text.split())


def matching_step(secret: str, code: str, at: datetime) -> int | None:
    """Return the time step whose code this is, at most one away from now, or None."""
    given, otp = clean_code(code), pyotp.TOTP(secret)
    now = int(at.timestamp()) // STEP_SECONDS
    found = None
    for step in range(now - DRIFT_STEPS, now + DRIFT_STEPS + 1):
        # All are compared, so that the time taken does not tell which one matched.
        if hmac.compare_digest(otp.generate_otp(step).encode(), given.encode("utf-8", "replace")):
            found = step
    return found
