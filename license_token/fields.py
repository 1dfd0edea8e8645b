"""Checks of single claims. Each names the claim in its MalformedError and never its value."""

import re
import unicodedata
from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

from license_token.encoding import decode_base64url
from license_token.errors import MalformedError

MAX_INTEGER = 2**53
MAX_TEXT = 1024
# Times end with the year 8999, so that every period of a license can be added to every time
# without leaving the range of `datetime`.
MAX_TIME = 221_845_391_999
END_OF_DATES = date(9000, 1, 1)

_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_HEX_SHA256 = re.compile(r"[0-9a-f]{64}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def present(claims: Mapping[str, Any], name: str) -> Any:
    """Return a claim that must be there, even when it is null."""
    if name not in claims:
        raise MalformedError(f"{name} is missing.")
    return claims[name]


def member(value: object, name: str, key: str) -> Any:
    """Return a member that must be there of a claim that must be an object."""
    if not isinstance(value, dict):
        raise MalformedError(f"{name} must be an object.")
    if key not in value:
        raise MalformedError(f"{name}.{key} is missing.")
    return value[key]


def check_text(value: object, name: str, *, longest: int = MAX_TEXT) -> str:
    """Check 1..`longest` characters of well-formed Unicode without control characters."""
    if not isinstance(value, str):
        raise MalformedError(f"{name} must be a text.")
    if not 1 <= len(value) <= longest:
        raise MalformedError(f"{name} must have 1 to {longest} characters.")
    if value.isascii() and value.isprintable():
        return value  # as nearly all are
    # Cc are the control characters, Cs is half of a character that UTF-8 cannot express.
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in value):
        raise MalformedError(f"{name} contains control characters or broken Unicode.")
    return value


def check_integer(value: object, name: str, *, least: int = 0, most: int = MAX_INTEGER) -> None:
    """Check an integer, which a boolean and a float are not."""
    if type(value) is not int:
        raise MalformedError(f"{name} must be an integer.")
    if not least <= value <= most:
        raise MalformedError(f"{name} must be from {least} to {most}.")


def check_time(value: object, name: str) -> None:
    """Check integer seconds since 1970."""
    check_integer(value, name, most=MAX_TIME)


def check_choice(value: object, name: str, choices: Collection[str]) -> None:
    """Check one out of a closed set of texts."""
    if check_text(value, name) not in choices:
        raise MalformedError(f"{name} must be one of: {', '.join(choices)}.")


def check_bytes(value: object, name: str, *, least: int, most: int) -> None:
    """Check canonical base64url of `least` to `most` bytes."""
    size = len(decode_base64url(check_text(value, name), name))
    if not least <= size <= most:
        wanted = str(least) if least == most else f"{least} to {most}"
        raise MalformedError(f"{name} must be {wanted} bytes in base64url.")


def check_thumbprint(value: object, name: str) -> None:
    """Check the form of an RFC 7638 SHA-256 thumbprint."""
    check_bytes(value, name, least=32, most=32)


def check_uuid4(value: object, name: str) -> None:
    """Check a random UUID in its lower-case form with dashes."""
    _check_form(value, name, _UUID4, "a random UUID (version 4) in lower case")


def check_sha256(value: object, name: str) -> None:
    """Check a SHA-256 value as lower-case hex."""
    _check_form(value, name, _HEX_SHA256, "64 lower-case hexadecimal digits")


def check_email(value: object, name: str) -> None:
    """Check that a mail could be addressed to it: one @ with something on both sides."""
    _check_form(value, name, _EMAIL, "an e-mail address")


def read_date(value: object, name: str) -> date:
    """Read a calendar date written YYYY-MM-DD and in no other of the ISO forms."""
    _check_form(value, name, _DATE, "a date written YYYY-MM-DD")
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise MalformedError(f"{name} is not a date of the calendar.") from None


def check_date(value: object, name: str) -> None:
    """Check a date before the year 9000 that is not a moment (`datetime` is also a `date`)."""
    if type(value) is not date:
        raise MalformedError(f"{name} must be a date.")
    if value >= END_OF_DATES:
        raise MalformedError(f"{name} must be before {END_OF_DATES.isoformat()}.")


def _check_form(value: object, name: str, pattern: re.Pattern[str], form: str) -> None:
    if not pattern.fullmatch(check_text(value, name)):
        raise MalformedError(f"{name} must be {form}.")
