"""Random tokens: made here, shown once, kept as hashes."""

import hashlib
import secrets


def new_token(prefix: str = "") -> str:
    """Return 256 random bits in base64url behind the prefix."""
    return prefix + secrets.token_urlsafe(32)


def hash_token(token: str) -> str:
    """Return the form in which a random token is stored (lower-case hex SHA-256)."""
    return hashlib.sha256(token.encode()).hexdigest()
