"""A customer's server for tests of the vendor's side: an identity that signs requests."""

import base64
import secrets
import uuid
from typing import Any

from nacl.signing import SigningKey

from license_token.anchor import AuditAnchor
from license_token.license_key import LicenseKey
from license_token.request import RequestClaims, sign_request
from serverkit.clock import Clock


class CustomerSimulator:
    """Hold an instance identity and sign requests with it."""

    def __init__(self, audience: str, clock: Clock) -> None:
        """Make a new identity that asks `audience`."""
        self.audience = audience
        self.clock = clock
        self.instance_id = str(uuid.uuid4())
        self.instance_key = SigningKey.generate()

    def request(self, key: LicenseKey, **claims: Any) -> str:
        """Return a signed request for a key; `claims` replace the usual ones."""
        usual: dict[str, Any] = {
            "instance_id": self.instance_id,
            "audience": self.audience,
            "issued_at": int(self.clock.now().timestamp()),
            "jti": base64.urlsafe_b64encode(secrets.token_bytes(16)).rstrip(b"=").decode(),
            "key_hash": key.key_hash,
            "public_key": bytes(self.instance_key.verify_key),
            "previous": None,
            "server_version": "0.1.0",
            "devices": 3,
            "packages": 459,
            "audit": AuditAnchor(1, "a" * 64),
            "findings": (),
        }
        return sign_request(RequestClaims(**(usual | claims)), instance_key=self.instance_key)
