"""The signing keys that this process may use, read from the database now and then."""

import logging
from dataclasses import dataclass, field
from datetime import datetime

from nacl.signing import SigningKey as PrivateKey
from sqlalchemy import select
from sqlalchemy.orm import Session

from license_server.errors import UnavailableError
from license_server.signing.models import SigningKey
from license_token.reply import ReplyClaims, sign_reply
from serverkit.clock import Clock
from serverkit.secrets import SealError, derive_key, seal, unseal

log = logging.getLogger(__name__)

FRESH_SECONDS = 5


@dataclass(frozen=True)
class Signer:
    """One signing key with its certificate."""

    kid: str
    root_kid: str
    private_key: PrivateKey = field(repr=False)
    certificate: str
    not_before: int
    expires: int
    superseded_at: datetime | None

    @property
    def seniority(self) -> tuple[bool, int, str]:
        """Return what is greatest for the key that signs: not superseded, then the newest.

        The `kid` decides between two rotations at once, so that all workers take the same.
        """
        return self.superseded_at is None, self.not_before, self.kid

    def covers(self, moment: int) -> bool:
        """Tell whether a reply of that moment (seconds since 1970) verifies."""
        return self.not_before <= moment < self.expires

    def sign(self, claims: ReplyClaims) -> str:
        """Return `reply~certificate`."""
        return sign_reply(claims, signing_key=self.private_key, certificate=self.certificate)


class Keyring:
    """Find the key to sign with; a rotation is noticed within five seconds."""

    def __init__(self, secret_key: str, clock: Clock) -> None:
        """Unseal with a key derived from the server's secret."""
        self._sealing_key = derive_key(secret_key, "license-server/signing-keys")
        self._clock = clock
        self._signers: tuple[Signer, ...] = ()
        self._read_at: float | None = None

    def seal(self, private_key: PrivateKey) -> str:
        """Return the private key in the form in which it is stored."""
        return seal(self._sealing_key, bytes(private_key))

    def current(self, session: Session, moment: int) -> Signer:
        """Return the newest key whose certificate covers the moment, or raise UnavailableError."""
        covering = [signer for signer in self._fresh(session) if signer.covers(moment)]
        if not covering:
            raise UnavailableError("no signing certificate is valid now; the vendor must renew it")
        return max(covering, key=lambda signer: signer.seniority)

    def get(self, session: Session, kid: str) -> Signer | None:
        """Return the key with this `kid`, or None when its private half was erased."""
        return next((signer for signer in self._fresh(session) if signer.kid == kid), None)

    def _fresh(self, session: Session) -> tuple[Signer, ...]:
        now = self._clock.monotonic()
        if self._read_at is None or now - self._read_at >= FRESH_SECONDS:
            query = select(SigningKey).where(SigningKey.private_sealed.is_not(None))
            self._signers = tuple(filter(None, map(self._open, session.scalars(query))))
            self._read_at = now
        return self._signers

    def _open(self, row: SigningKey) -> Signer | None:
        try:
            private_key = PrivateKey(unseal(self._sealing_key, row.private_sealed or ""))
        except SealError:
            log.exception("signing key cannot be unsealed; was the secret key changed?")
            return None
        return Signer(
            kid=row.kid,
            root_kid=row.root_kid,
            private_key=private_key,
            certificate=row.certificate,
            not_before=row.not_before,
            expires=row.expires,
            superseded_at=row.superseded_at,
        )
