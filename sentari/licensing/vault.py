"""What is kept sealed at rest: the license key and the private half of the instance key."""

import hashlib
import hmac
from enum import StrEnum

from serverkit.secrets import SealError, derive_key, seal, unseal


class Purpose(StrEnum):
    """What a derived key is for; each purpose has a key of its own."""

    INSTANCE_KEY = "license/instance-key"
    LICENSE_KEY = "license/license-key"
    ENVIRONMENT = "license/environment"
    CLOCK = "license/clock"


class VaultError(Exception):
    """A sealed value does not open: the server's secret key is another one than at sealing."""


class Vault:
    """Seal, open and digest values under keys derived from SENTARI_SECRET_KEY."""

    def __init__(self, secret_key: str) -> None:
        """Derive one key for each purpose."""
        self._keys = {purpose: derive_key(secret_key, purpose.value) for purpose in Purpose}

    def seal(self, purpose: Purpose, plaintext: bytes) -> str:
        """Return the plaintext encrypted and authenticated, as text."""
        return seal(self._keys[purpose], plaintext)

    def open(self, purpose: Purpose, sealed: str) -> bytes:
        """Return what was sealed, or raise VaultError."""
        try:
            return unseal(self._keys[purpose], sealed)
        except SealError as error:
            raise VaultError(
                "It was sealed under another SENTARI_SECRET_KEY than the present one; start the "
                "server with the key that this database belongs to."
            ) from error

    def digest(self, purpose: Purpose, value: str) -> str:
        """Return 64 hex digits that tell values apart and say nothing about them."""
        return self.mac(purpose, value.encode())

    def mac(self, purpose: Purpose, value: bytes) -> str:
        """Return 64 hex digits that nobody can make for a value without the secret key."""
        return hmac.digest(self._keys[purpose], value, hashlib.sha256).hex()
