"""Argon2id passwords: what is accepted, how they are kept, how they are compared."""

import re
import secrets
from itertools import pairwise

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST = 12
LONGEST = 128

# Only what is twelve characters or longer is worth listing: shorter ones never get this far.
_COMMON = frozenset(
    """123456789012 1234567890123 12345678901234 123412341234 121212121212 111111111111
    000000000000 987654321098 qwertyuiop123 qwertyuiop12 qwertyuiopas qwertyuiop[] qwerty123456
    1qaz2wsx3edc 1q2w3e4r5t6y 1q2w3e4r5t6y7u password1234 password12345 password123456
    passwordpassword passw0rd1234 p@ssw0rd1234 p@ssword1234 adminadminadmin administrator
    administrator1 admin1234567 admin12345678 letmeinletmein letmein12345 welcome12345
    welcome123456 iloveyou1234 iloveyouiloveyou abcdefghijkl abcdefghijklm abcd12345678
    abc123abc123 changemechangeme changeme1234 changeme12345 secretsecret secret123456
    monkeymonkey dragondragon footballfootball baseball1234 superman1234 trustno1trustno1
    sentarisentari sentari12345 correcthorsebatterystaple""".split()  # noqa: SIM905 - fifty quoted lines read worse
)

# What most long passwords that leaked are made of: one of these words, and digits around it.
_WORDS = frozenset(
    """password passphrase passwort qwerty qwertz azerty asdfgh zxcvbn qwertyuiop asdfghjkl admin
    administrator welcome letmein login master monkey dragon football baseball superman sunshine
    princess iloveyou trustno secret changeme default summer winter spring autumn
    january february march april june july august september october november december monday
    tuesday wednesday thursday friday saturday sunday sentari""".split()  # noqa: SIM905 - as above
)
_ROWS = tuple(keys * LONGEST for keys in ("1234567890", "qwertyuiopasdfghjklzxcvbnm"))
_LETTERS_FOR = str.maketrans("013457@$!", "oieastasi")

_hasher = PasswordHasher()

# The hash of a password that nobody knows. To make one takes a fifth of a second, which every
# start of a server and every command would pay.
NOBODY = (
    "$argon2id$v=19$m=65536,t=3,p=4$Ptg9yFs4adzHvAO5pKJoCQ$"
    "Y/hYfYsrttUMeEgeYZhg2hsQO0ZAshmuzqKtybF1SjE"
)


class PasswordRefusedError(ValueError):
    """The password cannot be taken; the text says why."""


def check_password(password: str, email: str) -> None:
    """Raise PasswordRefusedError unless the password may be used for this account."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise PasswordRefusedError(f"Use {SHORTEST} to {LONGEST} characters.")
    lowered = password.lower()
    if lowered == email.lower():
        raise PasswordRefusedError("The password must not be the e-mail address.")
    if _is_common(lowered):
        raise PasswordRefusedError("This password is too common.")


def _is_common(lowered: str) -> bool:
    """Tell whether whoever guesses tries it early: listed, a pattern, or a padded word."""
    steps = {ord(after) - ord(before) for before, after in pairwise(lowered)}
    walked = len(steps) == 1 or any(lowered in row or lowered[::-1] in row for row in _ROWS)
    repeated = any((lowered[:n] * LONGEST).startswith(lowered) for n in (1, 2, 3))
    between = re.sub(r"\A[^a-z]+|[^a-z]+\Z", "", lowered).translate(_LETTERS_FOR)
    return lowered in _COMMON or walked or repeated or between in _WORDS


def hash_password(password: str) -> str:
    """Return an Argon2id hash with its parameters and salt in it."""
    return _hasher.hash(password)


def generate_password() -> str:
    """Return a random password of 20 characters."""
    return secrets.token_urlsafe(15)


def verify_password(stored: str | None, password: str) -> bool:
    """Tell whether the password matches; takes as long when there is no account."""
    try:
        # A missing account costs the same time, so that timing names no accounts.
        matches = _hasher.verify(stored or NOBODY, password[: LONGEST + 1])
    except (VerificationError, InvalidHashError):
        return False
    return matches and stored is not None
