"""The root key's file: encrypted with a passphrase and meant to be carried away."""

import json
import os
from base64 import b64decode, b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nacl.exceptions import CryptoError
from nacl.pwhash import argon2id
from nacl.secret import SecretBox
from nacl.signing import SigningKey
from nacl.utils import random

from license_server.errors import LicenseServerError
from license_token.keys import thumbprint

FORMAT = "sentari-root-key/1"
SHORTEST_PASSPHRASE, LONGEST_PASSPHRASE = 12, 1024
LARGEST_FILE_BYTES = 4096


class RootFileError(LicenseServerError):
    """The root file cannot be written or opened; the text says what to do."""

    code = "root_file"


@dataclass(frozen=True)
class Cost:
    """What a guess at the passphrase costs (Argon2id): passes, and bytes of memory."""

    passes: int = argon2id.OPSLIMIT_MODERATE
    memory_bytes: int = argon2id.MEMLIMIT_MODERATE


CHEAPEST = Cost(argon2id.OPSLIMIT_MIN, argon2id.MEMLIMIT_MIN)
DEAREST = Cost(argon2id.OPSLIMIT_SENSITIVE, argon2id.MEMLIMIT_SENSITIVE)


def check_passphrase(passphrase: str) -> str:
    """Return the passphrase, or raise RootFileError when it protects too little."""
    if not SHORTEST_PASSPHRASE <= len(passphrase) <= LONGEST_PASSPHRASE:
        sizes = f"{SHORTEST_PASSPHRASE} to {LONGEST_PASSPHRASE}"
        raise RootFileError(f"the passphrase must have {sizes} characters")
    return passphrase


def seal_root(root: SigningKey, passphrase: str, cost: Cost | None = None) -> str:
    """Return the file's text: JSON with the public half readable and the private half sealed."""
    cost = cost or Cost()
    salt = random(argon2id.SALTBYTES)
    box = SecretBox(_derive(check_passphrase(passphrase), salt, cost))
    document = {
        "format": FORMAT,
        "kid": thumbprint(bytes(root.verify_key)),
        "kdf": {
            "name": "argon2id",
            "passes": cost.passes,
            "memory_bytes": cost.memory_bytes,
            "salt": b64encode(salt).decode(),
        },
        "sealed": b64encode(box.encrypt(bytes(root))).decode(),
    }
    return json.dumps(document, indent=2) + "\n"


def open_root(text: str, passphrase: str) -> SigningKey:
    """Return the root key in the file's text, or raise RootFileError."""
    cost, salt, sealed = _read(text)
    try:
        seed = SecretBox(_derive(passphrase, salt, cost)).decrypt(sealed)
        return SigningKey(seed)
    except (CryptoError, ValueError, TypeError) as error:
        raise RootFileError("the passphrase is wrong, or the root file is damaged") from error


def write_root_file(path: Path, text: str) -> None:
    """Write a new file that only its owner can read; an existing one is never replaced."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError as error:
        raise RootFileError(f"{path} exists already; a root file is never overwritten") from error
    except OSError as error:
        raise RootFileError(f"{path} cannot be written: {error.strerror}") from error


def read_root_file(path: Path) -> str:
    """Return the text of a root file of plausible size."""
    try:
        content = path.read_bytes()
        if len(content) > LARGEST_FILE_BYTES:
            raise RootFileError(f"{path} is not a root file: it is too large")
        return content.decode()
    except OSError as error:
        raise RootFileError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise RootFileError(f"{path} is not a root file: it is not text") from error


# What JSON of another shape ends in; endless numbers overflow, and endless nesting recurses.
_DAMAGE = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)


def _read(text: str) -> tuple[Cost, bytes, bytes]:
    try:
        document: dict[str, Any] = json.loads(text)
        kdf = document["kdf"]
        if document["format"] != FORMAT or kdf["name"] != "argon2id":
            raise ValueError("another format")
        cost = Cost(int(kdf["passes"]), int(kdf["memory_bytes"]))
        # The file says how dear opening it is; one that was tampered with must not exhaust
        # the machine.
        if not CHEAPEST.passes <= cost.passes <= DEAREST.passes:
            raise ValueError("passes out of range")
        if not CHEAPEST.memory_bytes <= cost.memory_bytes <= DEAREST.memory_bytes:
            raise ValueError("memory out of range")
        salt, sealed = b64decode(kdf["salt"]), b64decode(document["sealed"])
        if len(salt) != argon2id.SALTBYTES:
            raise ValueError("a salt of another size")
    except _DAMAGE as error:
        raise RootFileError("this is not a root file of this program, or it is damaged") from error
    return cost, salt, sealed


def _derive(passphrase: str, salt: bytes, cost: Cost) -> bytes:
    key: bytes = argon2id.kdf(
        SecretBox.KEY_SIZE,
        passphrase.encode(),
        salt,
        opslimit=cost.passes,
        memlimit=cost.memory_bytes,
    )
    return key
