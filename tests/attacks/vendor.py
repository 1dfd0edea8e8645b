"""The real license server as the attacks' vendor, and the wire between it and a server."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from nacl.signing import SigningKey

from license_server import create_app as create_license_server
from license_server import startup as license_server_startup
from license_server.config import Settings as LicenseServerSettings
from license_server.extensions import current as vendor_current
from license_server.extensions import db as vendor_db
from license_token.keys import RootSet
from sentari.licensing.answer import Answer, CheckInError, reply_in
from sentari.licensing.causes import Cause
from tests.clocks import FakeClock
from tests.conftest import SECRET
from tests.license_server.cast import ISSUER_URL
from tests.license_server.conftest import api_of, set_up_keys

API = "/api/v1"


class Vendor:
    """The license server with its keys, spoken to through its own interface."""

    def __init__(self, directory: Path, clock: FakeClock, issuer: str = ISSUER_URL) -> None:
        """Make its database, its root and its first signing key."""
        directory.mkdir()
        self.path, self.clock, self.root = directory / "vendor.db", clock, SigningKey.generate()
        settings = LicenseServerSettings(
            f"sqlite:///{self.path}", directory, SECRET, issuer_url=issuer
        )
        self.app = create_license_server(settings, clock=clock)
        license_server_startup.prepare(self.app)
        set_up_keys(self.app, self.root)
        self.api = api_of(self.app, "approver")
        self.second = api_of(self.app, "issuer")

    @property
    def roots(self) -> RootSet:
        """Return what the customers' servers pin."""
        return RootSet.of(bytes(self.root.verify_key))

    def issue(self, **terms: Any) -> dict[str, Any]:
        """Sell a license: what comes back has its `id` and its `license_key`."""
        return self.second.issue(**terms)

    def change(self, sold: dict[str, Any], verb: str) -> None:
        """Suspend, reinstate or revoke a license."""
        answer = self.api.post(f"{API}/licenses/{sold['id']}/{verb}", {"reason": "A test."})
        assert answer.status_code == 200, answer.text

    def presigned(self, sold: dict[str, Any]) -> str:
        """Return a reply that an air-gapped server may be started with."""
        answer = self.api.post(f"{API}/licenses/{sold['id']}/presigned")
        assert answer.status_code == 201, answer.text
        return str(answer.json["reply"])

    def post(self, document: str) -> Answer:
        """Return what the check-in call answers."""
        client = self.app.test_client()
        sent = client.post(
            f"{API}/check-in", data=document.encode(), content_type="application/jwt"
        )
        headers = {name.lower(): value for name, value in sent.headers.items()}
        return Answer(sent.status_code, headers, sent.data)

    def answer(self, document: str) -> str:
        """Return the reply to a request, as it is carried by hand."""
        answer = self.post(document)
        assert answer.status == 200, answer.body
        return answer.body.decode()

    def activations(self, sold: dict[str, Any]) -> list[dict[str, Any]]:
        """Return what the vendor knows of a license's servers."""
        return self.api.activations(sold)

    def signing_key(self) -> tuple[SigningKey, str]:
        """Return the key that signs at present and its certificate, as a thief would have them."""
        with self.app.app_context():
            moment = int(self.clock.now().timestamp())
            signer = vendor_current().keyring.current(vendor_db.session(), moment)
        return signer.private_key, signer.certificate


Meddle = Callable[[str], Answer]


class Wire:
    """Carry requests to the license server; who sits on the wire may answer in its place."""

    def __init__(self, vendor: Vendor) -> None:
        """Reach `vendor`."""
        self.vendor, self.meddle = vendor, vendor.post
        self.sent: list[str] = []

    def check_in(self, document: str) -> str:
        """Return the reply's text, or raise CheckInError as the transport over HTTP does."""
        self.sent.append(document)
        return reply_in(self.meddle(document))

    @staticmethod
    def dead(_document: str) -> Answer:
        """Stand in the place of a vendor that cannot be reached."""
        raise CheckInError(Cause.CONNECT, "Nobody answers.")
