"""Strict base64url and strict JSON: one text for one value, and nothing ambiguous."""

import base64
import json
from collections.abc import Mapping
from typing import Any, NoReturn

from license_token.errors import MalformedError

# 2**53 has 16 digits. Longer numbers are refused before they are converted, because the
# conversion of a very long one is slow and is limited differently by every interpreter.
MAX_DIGITS = 20


def encode_base64url(data: bytes) -> str:
    """Encode without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode_base64url(text: str, what: str) -> bytes:
    """Decode the one canonical text of some bytes; `what` names it in the MalformedError."""
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise MalformedError(f"{what} is not base64url.") from None
    # The decoder skips foreign characters and left-over bits; only the way back shows them.
    if encode_base64url(data) != text:
        raise MalformedError(f"{what} is not canonical base64url.")
    return data


def encode_object(members: Mapping[str, Any]) -> bytes:
    """Encode as UTF-8 JSON with sorted keys and without blanks."""
    text = json.dumps(
        members, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode("utf-8")


def decode_object(data: bytes, what: str) -> dict[str, Any]:
    """Decode UTF-8 bytes that hold one JSON object; `what` names it in the MalformedError."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedError(f"{what} is not UTF-8 text.") from None
    return parse_object(text, what)


def parse_object(text: str, what: str) -> dict[str, Any]:
    """Parse one JSON object; refuse duplicate keys, NaN, Infinity and endless numbers."""
    try:
        value = json.loads(
            text,
            object_pairs_hook=_unique_members,
            parse_int=_integer,
            parse_constant=_refuse_constant,
        )
    except json.JSONDecodeError:
        raise MalformedError(f"{what} is not JSON.") from None
    except RecursionError:
        raise MalformedError(f"{what} is nested too deeply.") from None
    if not isinstance(value, dict):
        raise MalformedError(f"{what} is not a JSON object.")
    return value


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise MalformedError("A JSON object in the document names the same member twice.")
    return members


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise MalformedError(f"A number in the document has more than {MAX_DIGITS} digits.")
    return int(digits)


def _refuse_constant(_name: str) -> NoReturn:
    raise MalformedError("The document contains NaN or Infinity, which are not JSON.")
