"""The license key that a customer types: `SENT-` and five groups of five characters."""

import hashlib
import re
import secrets
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from license_token.armor import is_armored
from license_token.errors import LicenseKeyError, MalformedError
from license_token.fields import check_text

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
PREFIX = "SENT"
GROUPS = 5
GROUP_SIZE = 5
LENGTH = GROUPS * GROUP_SIZE
RANDOM_CHARACTERS = 23
MAX_INPUT_CHARACTERS = 256

_FORM = "A license key is SENT- and five groups of five characters"
_LOOK_ALIKES = str.maketrans("abcdefghijklmnopqrstuvwxyzILO", "ABCDEFGH1JK1MN0PQRSTUVWXYZ110")


@dataclass(frozen=True)
class LicenseKey:
    """A license key by its 25 normalised characters; LicenseKeyError if they are not one."""

    # A key opens the product: it must not slip into a log with the repr of something else.
    characters: str = field(repr=False)

    def __post_init__(self) -> None:
        _check_groups(_cut(self.characters))
        if _checksum(self.characters[:RANDOM_CHARACTERS]) != self.characters[RANDOM_CHARACTERS:]:
            raise LicenseKeyError(
                "The license key is mistyped: its last two characters do not fit the others. "
                "Compare it with the key that was mailed to you."
            )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a typed key: any case, look-alikes, blanks and dashes as people write them."""
        if len(text) > MAX_INPUT_CHARACTERS:
            raise LicenseKeyError(f"{_FORM}; this text is longer than any key.")
        groups = _typed_groups(text)
        _check_groups(groups)
        return cls("".join(groups))

    @classmethod
    def generate(cls, random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> Self:
        """Make a key from 115 random bits: the leading ones of 15 bytes."""
        number = int.from_bytes(random_bytes(15), "big") >> 5
        characters = "".join(
            ALPHABET[number >> 5 * place & 31] for place in reversed(range(RANDOM_CHARACTERS))
        )
        return cls(characters + _checksum(characters))

    @property
    def text(self) -> str:
        """The whole key as it is mailed."""
        return "-".join([PREFIX, *_cut(self.characters)])

    @property
    def key_hash(self) -> str:
        """Lower-case hex SHA-256 of the 25 characters: all that travels and is stored."""
        return hashlib.sha256(self.characters.encode("ascii")).hexdigest()

    @property
    def hint(self) -> str:
        """The last group, by which people recognise a key."""
        return self.characters[-GROUP_SIZE:]

    @property
    def masked(self) -> str:
        """The key with all but its last group hidden."""
        return "-".join([PREFIX, *["•" * GROUP_SIZE] * (GROUPS - 1), self.hint])


def looks_like_reply(text: str) -> bool:
    """Tell whether a text given where both fit is a signed reply rather than a license key."""
    return is_armored(text) or "." in text or "~" in text


def check_hint(value: object, name: str) -> None:
    """Check the claim that carries a key's last group; MalformedError."""
    hint = check_text(value, name)
    if len(hint) != GROUP_SIZE or not set(hint) <= set(ALPHABET):
        raise MalformedError(f"{name} must be the last {GROUP_SIZE} characters of a license key.")


def _checksum(characters: str) -> str:
    digest = hashlib.sha256(characters.encode("ascii")).digest()
    value = int.from_bytes(digest[:2], "big") >> 6
    return ALPHABET[value >> 5] + ALPHABET[value & 31]


def _cut(characters: str) -> list[str]:
    """Cut by position; what is too much stays in the last group."""
    starts = range(0, LENGTH, GROUP_SIZE)
    return [characters[start : start + GROUP_SIZE] for start in starts[:-1]] + [
        characters[starts[-1] :]
    ]


def _typed_groups(text: str) -> list[str]:
    """Return the five groups without the prefix, as they were typed, normalised.

    If the number of characters is right their places count. If not, the separators tell
    which group is the wrong one, as long as there are five of them.
    """
    separated = "".join("-" if _is_dash(character) else character for character in text)
    everything = _normalise("".join(re.split(r"[\s-]+", separated)))
    if not everything.startswith(PREFIX):
        raise LicenseKeyError(f"{_FORM}; this text does not start with SENT-.")
    characters = everything.removeprefix(PREFIX)
    if len(characters) != LENGTH:
        for separator in (r"\s*-[\s-]*", r"[\s-]+"):
            chunks = re.split(separator, separated.strip().strip("-"))
            typed = [_normalise("".join(chunk.split())) for chunk in chunks]
            if len(typed) == GROUPS + 1 and typed[0] == PREFIX:
                return typed[1:]
    return _cut(characters)


def _is_dash(character: str) -> bool:
    # Mail programs turn dashes into their typographic relatives, and U+2212 is the minus sign.
    return unicodedata.category(character) == "Pd" or character == "\u2212"


def _normalise(text: str) -> str:
    # ASCII only, character by character: the Unicode rules would also read other scripts'
    # letters as ours.
    return text.translate(_LOOK_ALIKES)


def _check_groups(groups: list[str]) -> None:
    for number, group in enumerate(groups, start=1):
        for character in group:
            if character not in ALPHABET:
                shown = f"'{character}'" if character.isprintable() else f"U+{ord(character):04X}"
                raise LicenseKeyError(
                    f"Group {number} contains {shown}, which license keys never use."
                )
    for number, group in enumerate(groups, start=1):
        if len(group) != GROUP_SIZE:
            noun = "character" if len(group) == 1 else "characters"
            raise LicenseKeyError(
                f"Group {number} has {len(group)} {noun} instead of {GROUP_SIZE}. {_FORM}."
            )
