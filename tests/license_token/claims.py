"""Tables of claim values that every document must refuse, by the kind of claim."""

from typing import Any

from tests.license_token.cast import MISSING

NOT_TEXTS: list[Any] = [MISSING, None, 7, True, 1.5, [], {}]
BAD_TEXTS: list[Any] = [
    *NOT_TEXTS,
    "",
    "x" * 1025,
    "a\nb",
    "a\x00b",
    "a\x7fb",
    "a\x85b",
    "half of a pair \ud800",
]
NOT_INTEGERS: list[Any] = [MISSING, None, "7", True, False, 1.0, 7.5, [], {}]
BAD_INTEGERS: list[Any] = [*NOT_INTEGERS, -1, 2**53 + 1, 10**19]
BAD_TIMES: list[Any] = [*NOT_INTEGERS, -1, 221_845_392_000]
BAD_SHA256: list[Any] = [*BAD_TEXTS, "AB" * 32, "ab" * 31, "ab" * 33, "gh" * 32, "ab" * 32 + "\n"]
BAD_UUIDS: list[Any] = [
    *BAD_TEXTS,
    "6F1C2A58-4A0E-4D7B-9C55-0B3C6D1E2F90",
    "6f1c2a584a0e4d7b9c550b3c6d1e2f90",
    "6f1c2a58-4a0e-1d7b-9c55-0b3c6d1e2f90",
    "6f1c2a58-4a0e-4d7b-cc55-0b3c6d1e2f90",
    "{6f1c2a58-4a0e-4d7b-9c55-0b3c6d1e2f90}",
]
# The last character of 16 bytes carries four bits that must be zero.
BAD_NONCES: list[Any] = [
    *BAD_TEXTS,
    "AAECAwQFBgcICQoLDA0ODx",
    "AAECAwQFBgcICQoLDA0ODw==",
    "AAECAwQFBgcICQoLDA0O",
    "+/ECAwQFBgcICQoLDA0ODw",
    "AAECAwQFBgcICQoLDA0OD",
    "ž" * 22,
]
BAD_THUMBPRINTS: list[Any] = [*BAD_TEXTS, "A" * 42, "A" * 44, "A" * 42 + "B", "A" * 42 + "="]
SMALL_ORDER_POINTS = [
    "00" * 32,
    "01" + "00" * 31,
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "00" * 31 + "80",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]
NOT_POINTS = ["02" + "00" * 31, "ff" * 32]


def refusals(**tables: list[Any]) -> list[tuple[str, Any]]:
    """Return the pairs of claim and bad value."""
    return [(name, value) for name, values in tables.items() for value in values]


def label(value: Any) -> str | None:
    """Name a table's row without its control characters."""
    return "missing" if value is MISSING else ascii(value)[:30]
