"""Who talks to the license server in the tests: staff, and customers' servers."""

import secrets
import uuid
from dataclasses import dataclass, field, replace
from typing import Any

from flask.testing import FlaskClient
from nacl.signing import SigningKey as PrivateKey
from werkzeug.test import TestResponse

from license_token.encoding import encode_base64url
from license_token.keys import RootSet
from license_token.license_key import LicenseKey
from license_token.reply import Reply, read_reply
from license_token.request import AuditAnchor, RequestClaims, sign_request
from tests.clocks import FakeClock

ISSUER_URL = "https://license.sentari.dev"
TERMS: dict[str, Any] = {
    "tier": "enterprise",
    "expires_at": "2027-11-23",
    "max_devices": 100,
    "max_packages": 100_000,
    "grace_period_days": 14,
    "read_only_period_days": 30,
}
AIRGAP = {"max_offline_days": 90, "airgap": True, "airgap_addendum_signed_at": "2026-11-01"}


class Api:
    """The machine interface with one token, or with none."""

    def __init__(self, client: FlaskClient, token: str | None) -> None:
        self.client = client
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def get(self, path: str) -> TestResponse:
        return self.client.get(path, headers=self.headers)

    def post(self, path: str, body: object | None = None) -> TestResponse:
        return self._send("POST", path, body)

    def patch(self, path: str, body: object) -> TestResponse:
        return self._send("PATCH", path, body)

    def delete(self, path: str) -> TestResponse:
        return self.client.delete(path, headers=self.headers)

    def _send(self, method: str, path: str, body: object | None) -> TestResponse:
        if body is None:
            return self.client.open(path, method=method, headers=self.headers)
        return self.client.open(path, method=method, json=body, headers=self.headers)

    def new_customer(self, name: str = "Example Ltd") -> str:
        answer = self.post("/api/v1/customers", {"name": name, "email": "it@example.com"})
        assert answer.status_code == 201, answer.text
        return str(answer.json["id"])

    def issue(self, customer_id: str | None = None, **terms: object) -> dict[str, Any]:
        customer_id = customer_id or self.new_customer()
        answer = self.post(f"/api/v1/customers/{customer_id}/licenses", {**TERMS, **terms})
        assert answer.status_code == 201, answer.text
        return dict(answer.json)

    def activations(self, license_: dict[str, Any]) -> list[dict[str, Any]]:
        return list(self.get(f"/api/v1/licenses/{license_['id']}").json["activations"])


def refusal(answer: TestResponse) -> tuple[int, str]:
    """Return status and code of a problem document."""
    assert answer.content_type == "application/problem+json"
    return answer.status_code, str(answer.json["code"])


@dataclass
class CustomerServer:
    """A Sentari server as the vendor sees it: one identity, one key, what it installed last."""

    client: FlaskClient
    license_key: str
    clock: FakeClock
    roots: RootSet
    instance_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    instance_key: PrivateKey = field(default_factory=PrivateKey.generate)
    previous: str | None = None

    def claims(self, **changes: object) -> RequestClaims:
        claims = RequestClaims(
            instance_id=self.instance_id,
            audience=ISSUER_URL,
            issued_at=int(self.clock.now().timestamp()),
            jti=encode_base64url(secrets.token_bytes(16)),
            key_hash=LicenseKey.parse(self.license_key).key_hash,
            public_key=bytes(self.instance_key.verify_key),
            previous=self.previous,
            server_version="0.1.0",
            devices=3,
            packages=459,
            audit=AuditAnchor(seq=7, head="ab" * 32),
            findings=(),
        )
        return replace(claims, **changes)

    def request(self, **changes: object) -> str:
        return sign_request(self.claims(**changes), instance_key=self.instance_key)

    def send(self, request: str) -> TestResponse:
        return self.client.post("/api/v1/check-in", data=request, content_type="application/jwt")

    def check_in(self, **changes: object) -> Reply:
        """Send a new request and install the reply, which must verify."""
        answer = self.send(self.request(**changes))
        assert answer.status_code == 200, answer.text
        reply = read_reply(answer.text, self.roots)
        self.previous = reply.claims.jti
        return reply

    def clone(self) -> "CustomerServer":
        """Return what a copy of the machine would be."""
        return replace(self)
