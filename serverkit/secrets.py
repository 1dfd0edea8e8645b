"""Keys derived from a server's one secret, and what is sealed with them."""

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from nacl.encoding import Base64Encoder
from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

SHORTEST_SECRET = 32


class SealError(ValueError):
    """A sealed value cannot be opened: another secret, or damaged."""


def derive_key(secret: str, purpose: str) -> bytes:
    """Return 32 bytes that only this secret and this purpose give (HMAC-SHA-256).

    One purpose per use keeps a key that leaks in one place from opening another.
    """
    return hmac.digest(secret.encode(), b"serverkit/v1/" + purpose.encode(), hashlib.sha256)


def seal(key: bytes, plaintext: bytes) -> str:
    """Return the plaintext encrypted and authenticated under a 32-byte key, as base64 text."""
    return SecretBox(key).encrypt(plaintext, encoder=Base64Encoder).decode()


def unseal(key: bytes, sealed: str) -> bytes:
    """Return what `seal` was given, or raise SealError."""
    try:
        return SecretBox(key).decrypt(sealed.encode(), encoder=Base64Encoder)
    except (CryptoError, ValueError, TypeError) as error:
        raise SealError("the sealed value does not open with this secret key") from error


def load_or_create_secret(path: Path) -> str:
    """Return the secret in the file, made on first use and readable by its owner only."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        # Written aside and linked into place: of several processes that start at once
        # one wins, and none reads a file that is only half there.
        draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        write_secret(draft, new_secret())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()


def new_secret() -> str:
    """Return a secret that nobody guesses."""
    return secrets.token_urlsafe(48)


def write_secret(path: Path, secret: str) -> None:
    """Write a secret into a file that is not there yet, readable by its owner only, for good."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())


def replace_durably(source: Path, target: Path) -> None:
    """Put a file into another one's place, so that a crash leaves either the one or the other."""
    source.replace(target)
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
