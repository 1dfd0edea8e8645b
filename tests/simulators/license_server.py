"""A vendor's license server for tests: it keeps licenses and really signs replies."""

import base64
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import Any

from nacl.signing import SigningKey

from license_token.certificate import issue_certificate
from license_token.errors import LicenseTokenError
from license_token.keys import RootSet, thumbprint
from license_token.license_key import LicenseKey
from license_token.reply import AuditAnchor, LicenseTerms, ReplyClaims, sign_reply
from license_token.request import Request, RequestClaims, read_request
from sentari.licensing.answer import Answer, CheckInError, reply_in
from sentari.licensing.causes import Cause
from serverkit.clock import Clock

DAY = 86_400
ISSUER = "https://license.sentari.dev"


class Fault(StrEnum):
    """Name what the simulated vendor does wrong with its next replies."""

    BAD_SIGNATURE = "bad_signature"
    UNTRUSTED_ROOT = "untrusted_root"
    EXPIRED_CERTIFICATE = "expired_certificate"
    WRONG_NONCE = "wrong_nonce"
    WRONG_INSTANCE = "wrong_instance"
    WRONG_CONFIRMATION = "wrong_confirmation"
    WRONG_ISSUER = "wrong_issuer"
    WRONG_ANCHOR = "wrong_anchor"
    STALE_SEQ = "stale_seq"
    OLD_IAT = "old_iat"
    HTML = "html"


class VendorRefusalError(Exception):
    """The vendor's problem document: status, code and words."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail


@dataclass
class Activation:
    """One server that uses a license."""

    instance_id: str
    confirmation: str
    seq: int = 0
    replies: dict[str, str] = field(default_factory=dict)
    reply_ids: list[str] = field(default_factory=list)
    requests: list[RequestClaims] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)


@dataclass
class License:
    """One license that the vendor sold."""

    license_id: str
    key: LicenseKey
    terms: LicenseTerms
    max_activations: int = 1
    approved: bool = True
    activations: dict[str, Activation] = field(default_factory=dict)
    presigned_ids: list[str] = field(default_factory=list)


class LicenseServerSimulator:
    """Keep licenses and answer requests as document 2 says, unless `fault` is set."""

    def __init__(self, issuer: str, clock: Clock) -> None:
        """Make a root, a spare root, and a certified signing key."""
        self.issuer = issuer
        self.clock = clock
        self.fault: Fault | None = None
        self.unavailable: CheckInError | None = None
        self.licenses: list[License] = []
        self.calls = 0
        self._root, self._spare_root = SigningKey.generate(), SigningKey.generate()
        self.rotate()

    @property
    def now(self) -> int:
        """Return the vendor's time in seconds since 1970."""
        return int(self.clock.now().timestamp())

    @property
    def roots(self) -> RootSet:
        """Return the root keys that a customer's server pins."""
        return RootSet.of(bytes(self._root.verify_key), bytes(self._spare_root.verify_key))

    @property
    def roots_json(self) -> str:
        """Return the pinned roots as the JWK Set's text."""
        return self.roots.to_json()

    def rotate(self, *, spare_root: bool = False) -> None:
        """Sign with a new key from now on, certified by the root or its spare."""
        self._signing_key = SigningKey.generate()
        self._certifying_root = self._spare_root if spare_root else self._root

    def issue(self, **terms: Any) -> LicenseKey:
        """Sell a license; `terms` replace the usual ones. Returns the key."""
        key = LicenseKey.generate()
        license_id = f"lic_{len(self.licenses) + 1:04}"
        self.licenses.append(License(license_id, key, self._usual_terms(**terms)))
        return key

    def license_of(self, key: LicenseKey) -> License:
        """Return the license that a key opens."""
        return next(sold for sold in self.licenses if sold.key == key)

    def change(self, key: LicenseKey, **terms: Any) -> None:
        """Change terms; servers learn it with their next check-in."""
        sold = self.license_of(key)
        sold.terms = replace(sold.terms, **terms)

    def rekey(self, key: LicenseKey) -> LicenseKey:
        """Replace a license's key; the old one is unknown from now on."""
        sold = self.license_of(key)
        sold.key = LicenseKey.generate()
        return sold.key

    def release(self, key: LicenseKey) -> None:
        """Release every activation of a license."""
        self.license_of(key).activations.clear()

    def answer(self, request_text: str) -> str:
        """Return the reply to a request, or raise VendorRefusalError."""
        self.calls += 1
        try:
            request = read_request(request_text)
        except LicenseTokenError as error:
            status = 401 if error.code == "bad_signature" else 400
            raise VendorRefusalError(status, error.code, str(error)) from error
        sold = self._find(request)
        activation = self._activation(sold, request.claims)
        repeated = activation.replies.get(request.claims.jti)
        if repeated is not None and self.fault is None:
            return repeated
        return self._answer_anew(sold, activation, request.claims)

    def presigned(self, key: LicenseKey) -> str:
        """Return a pre-signed reply that any air-gapped server may install."""
        sold = self.license_of(key)
        claims = ReplyClaims(
            issuer=self.issuer,
            license_id=sold.license_id,
            audience="*",
            issued_at=self.now,
            jti=_nonce(),
            nonce=None,
            seq=0,
            confirmation=None,
            audit=None,
            key_hint=sold.key.hint,
            terms=sold.terms,
        )
        sold.presigned_ids.append(claims.jti)
        return self._signed(claims)

    def problem_or_reply(self, request_text: str) -> Answer:
        """Return what the check-in call answers over HTTP."""
        if self.fault is Fault.HTML:
            page = b"<!doctype html><title>Sign in to the guest network</title>"
            return Answer(200, {"content-type": "text/html; charset=utf-8"}, page)
        try:
            reply = self.answer(request_text)
        except VendorRefusalError as refusal:
            return problem(refusal.status, refusal.code, refusal.detail)
        return Answer(200, {"content-type": "application/jwt"}, reply.encode())

    def transport(self) -> "SimulatorTransport":
        """Return a transport that reaches this vendor without any network."""
        return SimulatorTransport(self)

    def _find(self, request: Request) -> License:
        for sold in self.licenses:
            if sold.key.key_hash == request.claims.key_hash:
                if not sold.approved:
                    raise VendorRefusalError(
                        409, "approval_pending", "The license awaits approval."
                    )
                return sold
        raise VendorRefusalError(404, "unknown_key", "No license has this key.")

    def _activation(self, sold: License, claims: RequestClaims) -> Activation:
        confirmation = thumbprint(claims.public_key)
        known = sold.activations.get(claims.instance_id)
        if known is not None and known.confirmation == confirmation:
            return known
        if known is not None or len(sold.activations) >= sold.max_activations:
            raise VendorRefusalError(409, "activation_limit", "The license is in use elsewhere.")
        sold.activations[claims.instance_id] = Activation(claims.instance_id, confirmation)
        return sold.activations[claims.instance_id]

    def _answer_anew(self, sold: License, activation: Activation, claims: RequestClaims) -> str:
        expected = [None, *sold.presigned_ids, *activation.reply_ids[-2:]]
        if claims.previous not in expected:
            activation.flags.append("clone_suspected")
        activation.seq += 1
        reply = ReplyClaims(
            issuer=self.issuer,
            license_id=sold.license_id,
            audience=claims.instance_id,
            issued_at=self.now,
            jti=_nonce(),
            nonce=claims.jti,
            seq=activation.seq,
            confirmation=activation.confirmation,
            audit=claims.audit,
            key_hint=sold.key.hint,
            terms=sold.terms,
        )
        activation.requests.append(claims)
        activation.reply_ids.append(reply.jti)
        activation.replies[claims.jti] = self._signed(self._spoilt(reply))
        return activation.replies[claims.jti]

    def _spoilt(self, claims: ReplyClaims) -> ReplyClaims:
        spoil = _SPOILERS.get(self.fault) if self.fault else None
        return spoil(claims) if spoil else claims

    def _signed(self, claims: ReplyClaims) -> str:
        # A vendor renews its certificates in time, however far a test moves the clock.
        root, certified_at = self._certifying_root, claims.issued_at
        if self.fault is Fault.UNTRUSTED_ROOT:
            root = SigningKey.generate()
        if self.fault is Fault.EXPIRED_CERTIFICATE:
            certified_at -= 200 * DAY
        certificate = self._certify(root, certified_at)
        text = sign_reply(claims, signing_key=self._signing_key, certificate=certificate)
        return _with_broken_signature(text) if self.fault is Fault.BAD_SIGNATURE else text

    def _certify(self, root: SigningKey, moment: int) -> str:
        return issue_certificate(
            root,
            signing_public_key=bytes(self._signing_key.verify_key),
            not_before=moment - DAY,
            expires=moment + 99 * DAY,
            issued_at=moment,
        )

    def _usual_terms(self, **changes: Any) -> LicenseTerms:
        today = self.clock.now().date()
        usual: dict[str, Any] = {
            "customer_name": "Example Works",
            "customer_email": "it@example.com",
            "tier": "enterprise",
            "expires_at": date.fromordinal(today.toordinal() + 365),
            "max_devices": 100,
            "max_packages": 1_000_000,
            "grace_period_days": 14,
            "read_only_period_days": 30,
            "max_offline_days": 1,
            "status": "active",
        }
        return LicenseTerms(**(usual | changes))


class SimulatorTransport:
    """Carry requests to a simulated vendor within the process.

    Set `simulator.unavailable` to a CheckInError to have every call end in it; set
    `lose_answers` to have the vendor answer and the answer be lost on its way back.
    """

    def __init__(self, simulator: LicenseServerSimulator) -> None:
        """Reach `simulator`."""
        self.simulator = simulator
        self.documents: list[str] = []
        self.lose_answers = False

    def check_in(self, document: str) -> str:
        """Return the vendor's reply, or raise CheckInError as the real transport does."""
        self.documents.append(document)
        if self.simulator.unavailable is not None:
            raise self.simulator.unavailable
        answer = self.simulator.problem_or_reply(document)
        if self.lose_answers:
            raise CheckInError(Cause.TIMEOUT, "No complete answer came within 15 seconds.")
        return reply_in(answer)


def problem(status: int, code: str, detail: str, **headers: str) -> Answer:
    """Return a problem document (RFC 9457) as the vendor writes it."""
    body = {"type": "about:blank", "title": code, "status": status, "detail": detail, "code": code}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    media_type = {"content-type": "application/problem+json"}
    return Answer(status, media_type | named, json.dumps(body).encode())


def _nonce() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(16)).rstrip(b"=").decode()


def _with_broken_signature(joined: str) -> str:
    reply, _, certificate = joined.partition("~")
    signed, _, signature = reply.rpartition(".")
    flipped = ("B" if signature[0] != "B" else "C") + signature[1:]
    return f"{signed}.{flipped}~{certificate}"


_SPOILERS: dict[Fault, Callable[[ReplyClaims], ReplyClaims]] = {
    Fault.WRONG_NONCE: lambda claims: replace(claims, nonce=_nonce()),
    Fault.WRONG_INSTANCE: lambda claims: replace(
        claims, audience="00000000-0000-4000-8000-000000000000"
    ),
    Fault.WRONG_CONFIRMATION: lambda claims: replace(
        claims, confirmation=thumbprint(bytes(SigningKey.generate().verify_key))
    ),
    Fault.WRONG_ISSUER: lambda claims: replace(claims, issuer="https://elsewhere.example"),
    Fault.WRONG_ANCHOR: lambda claims: replace(claims, audit=AuditAnchor(1, "0" * 64)),
    Fault.STALE_SEQ: lambda claims: replace(claims, seq=1),
    Fault.OLD_IAT: lambda claims: replace(claims, issued_at=claims.issued_at - 2 * DAY),
}
