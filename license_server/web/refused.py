"""A refusal as a sentence of a page."""

from license_server.errors import InvalidError, LicenseServerError


def sentence(error: LicenseServerError) -> str:
    """Return the refusal's words with a capital letter and a full stop."""
    if isinstance(error, InvalidError):
        words = "; ".join(violation.detail for violation in error.violations)
    else:
        words = error.detail
    words = words[:1].upper() + words[1:]
    return words if words.endswith(".") else f"{words}."
