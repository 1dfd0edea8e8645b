"""Who this server is to the vendor: a random id and a key pair, made once, kept in the database."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime

from nacl.encoding import URLSafeBase64Encoder
from nacl.signing import SigningKey
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from license_token.keys import thumbprint
from sentari.licensing.models import ROW, Instance
from sentari.licensing.tamper import Identity
from sentari.licensing.vault import Purpose, Vault


@dataclass(frozen=True)
class InstanceIdentity:
    """The id and the public key; the private half stays sealed until a request is signed."""

    instance_id: str
    public_key: bytes
    sealed_private_key: str = field(repr=False)

    @property
    def confirmation(self) -> str:
        """Return the thumbprint that a reply confirms."""
        return thumbprint(self.public_key)

    @property
    def identity(self) -> Identity:
        """Return what a license has to be made for."""
        return Identity(self.instance_id, self.confirmation)

    def signing_key(self, vault: Vault) -> SigningKey:
        """Open the private half, or raise VaultError."""
        return SigningKey(vault.open(Purpose.INSTANCE_KEY, self.sealed_private_key))


class IdentityError(Exception):
    """The stored identity cannot be read: somebody changed it."""


def find_identity(session: Session) -> InstanceIdentity | None:
    """Return the identity, or None before the first start; raise IdentityError if damaged."""
    columns = select(Instance.instance_id, Instance.public_key, Instance.sealed_private_key)
    row = session.execute(columns.where(Instance.id == ROW)).one_or_none()
    if row is None:
        return None
    try:
        public_key = URLSafeBase64Encoder.decode(row.public_key)
        thumbprint(public_key)
    except ValueError as error:
        raise IdentityError("The stored instance key was damaged.") from error
    return InstanceIdentity(row.instance_id, public_key, row.sealed_private_key)


def ensure_identity(session: Session, vault: Vault, now: datetime) -> InstanceIdentity:
    """Return the identity, made now if there is none; two that start at once agree on one."""
    found = find_identity(session)
    if found is not None:
        return found
    key = SigningKey.generate()
    build = (
        postgresql.insert if session.connection().dialect.name == "postgresql" else sqlite.insert
    )
    values = {
        "id": ROW,
        "instance_id": str(uuid.uuid4()),
        "public_key": URLSafeBase64Encoder.encode(bytes(key.verify_key)).decode(),
        "sealed_private_key": vault.seal(Purpose.INSTANCE_KEY, bytes(key)),
        "created_at": now,
    }
    session.execute(build(Instance).values(**values).on_conflict_do_nothing())
    made = find_identity(session)
    if made is None:
        raise RuntimeError("the instance identity was written and cannot be read")
    return made
