"""The three roles: each may do what the one before it may, and more. PURE."""

SUPPORT, ISSUER, APPROVER = ROLES = ("support", "issuer", "approver")


def includes(role: str, needed: str) -> bool:
    """Tell whether `role` may do what `needed` may."""
    return ROLES.index(role) >= ROLES.index(needed)
