"""A license server and customers' servers in numbers, whose requests are signed ahead."""

import secrets
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from nacl.signing import SigningKey
from sqlalchemy import delete, func, select

from bench.hammer import Answer, post
from license_server import create_app
from license_server.activations.models import CheckIn
from license_server.config import Settings
from license_server.customers.service import create_customer
from license_server.extensions import current, db, writing
from license_server.licenses.service import Act, issue
from license_server.outbox.models import OutboxMail
from license_server.rules import Terms
from license_server.signing import ceremony
from license_server.startup import prepare
from license_token.anchor import AuditAnchor
from license_token.encoding import encode_base64url
from license_token.keys import RootSet
from license_token.license_key import LicenseKey
from license_token.reply import ReplyClaims, read_reply
from license_token.request import RequestClaims, sign_request
from tests.live.servers import Process, environment, free_port

_IN_ONE_TRANSACTION = 200


@dataclass
class Sentari:
    """One customer's server: its license key, its identity, and the address it comes from."""

    key: LicenseKey
    address: str
    instance_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    instance_key: SigningKey = field(default_factory=SigningKey.generate)

    def request(self, issuer_url: str, issued_at: int) -> bytes:
        """Return a new check-in as a proxy passes it on: the sender's address in a header."""
        claims = RequestClaims(
            instance_id=self.instance_id,
            audience=issuer_url,
            issued_at=issued_at,
            jti=encode_base64url(secrets.token_bytes(16)),
            key_hash=self.key.key_hash,
            public_key=bytes(self.instance_key.verify_key),
            previous=None,
            server_version="0.1.0",
            devices=250,
            packages=180_000,
            audit=AuditAnchor(seq=7, head="ab" * 32),
            findings=(),
        )
        body = sign_request(claims, instance_key=self.instance_key).encode("ascii")
        return post("/api/v1/check-in", body, "application/jwt", X_Forwarded_For=self.address)


class Office:
    """A license server under gunicorn with its keys, behind one proxy, and who checks in there."""

    def __init__(self, directory: Path, database_url: str) -> None:
        """Make schema and keys; `database_url` names an empty database, in SQLAlchemy's form."""
        port, root = free_port(), SigningKey.generate()
        self.url, self.address = f"http://127.0.0.1:{port}", ("127.0.0.1", port)
        env = environment(
            LICENSE_SERVER_DATA_DIR=str(directory),
            LICENSE_SERVER_DATABASE_URL=database_url,
            LICENSE_SERVER_SECRET_KEY=secrets.token_hex(32),
            LICENSE_SERVER_ISSUER_URL=self.url,
            LICENSE_SERVER_TRUSTED_PROXIES="1",
            LICENSE_SERVER_LOG_FORMAT="json",
        )
        arguments = ("--config", "license_server/gunicorn.conf.py")
        self.server = Process(env, port, directory / "log", arguments)
        self.app = create_app(Settings.from_env(env))
        prepare(self.app)
        self.roots = RootSet.of(bytes(root.verify_key))
        with self._at_work():
            server, at = current(), current().clock.now()
            with writing() as session:
                ceremony.register_root(session, root, at=at, actor="fleet")
                ceremony.make_signing_key(session, root, server.keyring, at=at, actor="fleet")

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        with self.app.app_context():
            yield
            db.session.remove()
            db.engine.dispose()

    def issue(self, count: int) -> list[Sentari]:
        """Issue a license for each of `count` servers, each at an address of its own."""
        fleet: list[Sentari] = []
        with self._at_work():
            while len(fleet) < count:
                numbers = range(len(fleet), min(count, len(fleet) + _IN_ONE_TRANSACTION))
                fleet += _issue_some(numbers)
        return fleet

    def requests(self, fleet: list[Sentari]) -> list[bytes]:
        """Return a new check-in of each server."""
        now = int(time.time())
        return [sentari.request(self.url, now) for sentari in fleet]

    def claims(self, answers: list[Answer]) -> list[ReplyClaims]:
        """Return what the replies say; each must verify."""
        return [read_reply(answer.body.decode(), self.roots).claims for answer in answers]

    def stored(self) -> int:
        """Return how many check-ins the database holds."""
        with self._at_work():
            return db.session().scalar(select(func.count(CheckIn.id))) or 0


def address_of(number: int) -> str:
    """Return the n-th address of a network that is nobody's (RFC 2544's, 131,072 of them)."""
    return f"198.{18 + number // 65_536}.{number // 256 % 256}.{number % 256}"


def _issue_some(numbers: Sequence[int]) -> list[Sentari]:
    server = current()
    act = Act("fleet", server.clock.now(), server.mail_key)
    terms = Terms(
        tier="enterprise",
        expires_at=(act.at + timedelta(days=365)).date(),
        max_devices=1000,
        max_packages=1_000_000,
        grace_period_days=14,
        read_only_period_days=30,
        max_offline_days=1,
        max_activations=1,
        airgap=False,
        airgap_addendum_signed_at=None,
        contract_reference="",
    )
    with writing() as session:
        customer = create_customer(
            session, name="Example Ltd", email="it@example.com", at=act.at, actor=act.actor
        )
        session.flush()
        issued = [issue(session, customer, terms, reason="fleet", act=act) for _ in numbers]
        # Nobody waits for the mails with the keys, and sending them would disturb.
        session.execute(delete(OutboxMail))
    return [
        Sentari(one.key, address_of(number)) for one, number in zip(issued, numbers, strict=True)
    ]
