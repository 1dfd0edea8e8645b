"""The public endpoint agent as a client: what it sends, in its order, and what it makes of answers.

Standard library and cryptography only, so that measurements can use it as well as tests.
"""

import hashlib
import json
import shutil
import ssl
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.simulators.agent_transport import (
    AgentTransport,
    Reply,
    UnreachableError,
    pinning_context,
)

AGENT_VERSION = "1.0.0"
LONGEST_QUEUE = 500
DRAINED_A_CYCLE = 100
RENEWED_BEFORE_END = timedelta(days=30)
TAKEN = frozenset({200, 202})
ENROLLED = frozenset({200, 201})
CONFIG_TYPES = {"scan_interval": int, "scan_root": str, "max_depth": int, "config_version": str}


class AgentError(Exception):
    """The agent cannot go on; `reply` is the answer that stopped it, if one came."""

    def __init__(self, text: str, reply: Reply | None = None) -> None:
        super().__init__(f"{text}: {reply.status} {reply.body[:300]!r}" if reply else text)
        self.reply = reply


@dataclass
class Cycle:
    """What became of one cycle: the statuses of the answers, in order; 0 is no answer."""

    drained: list[int] = field(default_factory=list)
    scan: int | None = None
    audit: int | None = None

    @property
    def sent(self) -> bool:
        """Tell whether the current scan was taken."""
        return self.scan in TAKEN


class Agent:
    """One host with its data directory: key, certificates, device id and a queue of scans."""

    def __init__(
        self,
        url: str,
        directory: Path,
        *,
        enrollment_token: str = "",
        hostname: str = "web-01",
        machine_id: str = "",
        pin: str | None = None,
        with_device_token: bool = False,
        install_gate: bool = False,
        source: str | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Set up an agent.

        `pin` is the SHA-256 of the server's leaf in hex, used until it is enrolled.
        `with_device_token` also sends the device token, as scripts do and the agent does not.
        `source` is the address that it calls from, on a machine with several.
        """
        self.directory, self.hostname, self.machine_id = directory, hostname, machine_id
        self._enrollment_token, self._install_gate = enrollment_token, install_gate
        self._pin = bytes.fromhex(pin.replace(":", "")) if pin else None
        self._with_device_token, self._now = with_device_token, now
        self.transport = AgentTransport(url, sleep=sleep, source=source)
        self.queue: deque[bytes] = deque(maxlen=LONGEST_QUEUE)
        self.audit_backlog: list[dict[str, Any]] = []
        self._audit_head = ("", 0)
        self.device_token = ""
        self._request_id = uuid.uuid4().hex
        self._trusted = ""
        directory.mkdir(parents=True, exist_ok=True)

    @property
    def device_id(self) -> str:
        """Return the id that the server gave, or an empty text."""
        return self._read("device_id")

    @property
    def enrolled(self) -> bool:
        """Tell whether the agent has all it needs to speak as a device."""
        names = ["device_id"]
        if self.transport.secure:
            names += ["device.key", "device.crt", "ca.crt"]
        return all(self._read(name) for name in names)

    @property
    def certificate(self) -> x509.Certificate:
        """Return the device's certificate."""
        return x509.load_pem_x509_certificate(self._read("device.crt").encode())

    @property
    def fingerprint(self) -> str:
        """Return the SHA-256 of the device's certificate."""
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    def wipe(self) -> None:
        """Lose the data directory."""
        shutil.rmtree(self.directory)
        self.directory.mkdir()
        self._audit_head, self.audit_backlog = ("", 0), []
        self.transport.close()

    def register(self) -> Reply:
        """Enroll; AgentError unless the answer gives a usable identity."""
        self._trust_for_enrollment()
        key = ec.generate_private_key(ec.SECP256R1())
        body = {
            "hostname": self.hostname,
            "enrollment_token": self._enrollment_token,
            "os": "linux",
            "arch": "amd64",
            "agent_version": AGENT_VERSION,
            "machine_id": self.machine_id,
            "csr": certificate_request(key, self.hostname),
        }
        reply = self._post("register", body)
        if reply.status not in ENROLLED:
            raise AgentError("not enrolled", reply)
        self._keep(reply, key)
        return reply

    def renew(self) -> Reply:
        """Ask for a new certificate with the present one; AgentError unless it comes."""
        self._trust_as_device()
        key = ec.generate_private_key(ec.SECP256R1())
        reply = self._post("renew", {"csr": certificate_request(key, self.hostname)})
        if reply.status not in ENROLLED:
            raise AgentError("not renewed", reply)
        self._keep(reply, key)
        return reply

    def renew_when_due(self) -> bool:
        """Renew when the certificate has less than 30 days; tell whether it did."""
        due = self.certificate.not_valid_after_utc - self._now() < RENEWED_BEFORE_END
        if due:
            self.renew()
        return due

    def cycle(self, scan: Mapping[str, Any]) -> Cycle:
        """Run one whole cycle: enroll when needed, ask, drain the queue, scan, ship the log."""
        self._request_id = uuid.uuid4().hex
        if not self.enrolled:
            self.register()
        self._trust_as_device()
        self._get("license-map")
        if self._install_gate:
            self._get("policy-map")
        done = Cycle(drained=self._drain())
        current = json.dumps({**scan, "device_id": self.device_id}).encode()
        done.scan = self._send_scan(current)
        if not done.sent:
            self.queue.append(current)
        elif self.audit_backlog:
            done.audit = self._ship_audit()
        return done

    def poll_config(self) -> dict[str, Any]:
        """Return the server's configuration; AgentError when a type is not exact."""
        self._trust_as_device()
        reply = self._get("config")
        if reply.status != 200:
            raise AgentError("no configuration", reply)
        found: dict[str, Any] = reply.json()
        for name, kind in CONFIG_TYPES.items():
            if type(found.get(name)) is not kind:
                raise AgentError(f"{name} is not of type {kind.__name__}", reply)
        return found

    def note(self, event_type: str, detail: str) -> None:
        """Write an entry into the agent's own audit log (hash version 2)."""
        prev_hash, last = self._audit_head
        created_at = self._now().isoformat().replace("+00:00", "Z")
        content_hash = entry_hash(event_type, detail, prev_hash, created_at)
        self._audit_head = (content_hash, last + 1)
        self.audit_backlog.append(
            {
                "entry_id": last + 1,
                "event_type": event_type,
                "detail": detail,
                "content_hash": content_hash,
                "prev_hash": prev_hash,
                "created_at": created_at,
                "hash_version": 2,
            }
        )

    def _drain(self) -> list[int]:
        """Send queued scans, oldest first, until one is not taken or a cycle's share is done."""
        statuses: list[int] = []
        while self.queue and len(statuses) < DRAINED_A_CYCLE:
            statuses.append(self._send_scan(self.queue[0]))
            if statuses[-1] not in TAKEN:
                break
            self.queue.popleft()
        return statuses

    def _send_scan(self, document: bytes) -> int:
        headers = {"X-Sentari-Payload-Version": "3"}
        try:
            return self._send("POST", "scan", document, headers).status
        except UnreachableError:
            return 0

    def _ship_audit(self) -> int:
        body = {"device_id": self.device_id, "entries": self.audit_backlog}
        try:
            status = self._post("audit-log", body).status
        except UnreachableError:
            return 0
        if status in TAKEN:
            self.audit_backlog = []
        return status

    def _get(self, name: str) -> Reply:
        return self._send("GET", name, None, {})

    def _post(self, name: str, document: object) -> Reply:
        return self._send("POST", name, json.dumps(document).encode(), {})

    def _send(
        self, method: str, name: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Reply:
        named = {"X-Request-ID": self._request_id, **headers}
        if body is not None:
            named["Content-Type"] = "application/json"
        if self._with_device_token and self.device_token:
            named["Authorization"] = f"Bearer {self.device_token}"
        return self.transport.send(method, f"/api/v1/agent/{name}", body, named)

    def _keep(self, reply: Reply, key: ec.EllipticCurvePrivateKey) -> None:
        """Store the new identity, after looking whether it is one."""
        answer = reply.json()
        if self.transport.secure:
            certificate = x509.load_pem_x509_certificate(answer["device_cert"].encode())
            if certificate.public_key() != key.public_key():
                raise AgentError("the certificate is for another key", reply)
            self._write("device.key", _private_pem(key))
            self._write("device.crt", answer["device_cert"])
            self._write("ca.crt", answer["ca_cert"])
        self._write("device_id", answer["device_id"])
        self.device_token = answer.get("device_token", self.device_token)
        self._trust_as_device()

    def _trust_for_enrollment(self) -> None:
        """Trust the pinned leaf alone; without a pin, what the machine trusts."""
        if self.transport.secure:
            context = ssl.create_default_context() if self._pin is None else pinning_context()
            self.transport.trust(context, pin=self._pin)
            self._trusted = ""

    def _trust_as_device(self) -> None:
        """Trust nothing but the returned `ca_cert`, and present the device's certificate."""
        if not self.transport.secure or self._trusted == self._read("device.crt"):
            return
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.directory / "ca.crt")
        context.load_cert_chain(self.directory / "device.crt", self.directory / "device.key")
        self.transport.trust(context)
        self._trusted = self._read("device.crt")

    def _read(self, name: str) -> str:
        path = self.directory / name
        return path.read_text() if path.exists() else ""

    def _write(self, name: str, text: str) -> None:
        (self.directory / name).write_text(text)


def certificate_request(key: ec.EllipticCurvePrivateKey, hostname: str) -> str:
    """Return the agent's CSR: O=Sentari, OU=Device, CN=host name."""
    names = (
        (NameOID.ORGANIZATION_NAME, "Sentari"),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, "Device"),
        (NameOID.COMMON_NAME, hostname[:64]),
    )
    subject = x509.Name([x509.NameAttribute(name, value) for name, value in names])
    request = x509.CertificateSigningRequestBuilder(subject).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()


def entry_hash(event_type: str, detail: str, prev_hash: str, created_at: str) -> str:
    """Return the hash of an audit entry, version 2: each field after its 8-byte length."""
    return hashlib.sha256(_framed((event_type, detail, prev_hash, created_at))).hexdigest()


def _framed(fields: Sequence[str]) -> bytes:
    encoded = [text.encode() for text in fields]
    return b"".join(len(text).to_bytes(8, "big") + text for text in encoded)


def _private_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
