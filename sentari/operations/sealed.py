"""What the database holds under SENTARI_SECRET_KEY, and whether the present one opens it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from sentari.agents import authority_store
from sentari.agents.models import CertificateAuthority
from sentari.config import PREFIX, Settings
from sentari.licensing.models import Instance, StoredKey
from sentari.licensing.vault import Purpose
from serverkit.secrets import SealError, derive_key, seal, unseal
from serverkit.settings import SettingsError


@dataclass(frozen=True)
class SealedColumn:
    """A column of sealed values, and the purpose of the key that opens them."""

    column: InstrumentedAttribute[str]
    purpose: str

    @property
    def name(self) -> str:
        """Return the column as an operator finds it in the database."""
        return str(self.column)

    def values(self, session: Session) -> Iterator[tuple[Any, str]]:
        """Yield the key of each row with what is sealed in it."""
        key = self.column.class_.__mapper__.primary_key[0]
        for row in session.execute(select(key, self.column)).all():
            yield row[0], row[1]

    def opens(self, secret_key: str, sealed: str) -> bool:
        """Tell whether this secret key opens a value."""
        try:
            unseal(derive_key(secret_key, self.purpose), sealed)
        except SealError:
            return False
        return True

    def reseal(self, session: Session, old: str, new: str) -> int:
        """Seal every value under another secret key, or raise SealError; return how many."""
        model = self.column.class_
        key = model.__mapper__.primary_key[0]
        rows = list(self.values(session))
        for number, sealed in rows:
            plain = unseal(derive_key(old, self.purpose), sealed)
            anew = {self.column: seal(derive_key(new, self.purpose), plain)}
            session.execute(update(model).where(key == number).values(anew))
        return len(rows)


SEALED = (
    SealedColumn(Instance.sealed_private_key, Purpose.INSTANCE_KEY),
    SealedColumn(StoredKey.sealed_key, Purpose.LICENSE_KEY),
    SealedColumn(CertificateAuthority.sealed_private_key, authority_store.PURPOSE),
)


def belongs(session: Session, secret_key: str) -> bool:
    """Tell whether the database was sealed under this secret key, or holds nothing sealed yet.

    A single value that does not open was damaged; when none does, it is the wrong key.
    """
    found = [(each, sealed) for each in SEALED for _, sealed in each.values(session)]
    return not found or any(each.opens(secret_key, sealed) for each, sealed in found)


def check_secret_key(session: Session, settings: Settings) -> None:
    """Raise SettingsError when the secret key is another one than this database's.

    The server would start with it and then accuse the operator of an edited clock.
    """
    if belongs(session, settings.secret_key):
        return
    name, fault = f"{PREFIX}SECRET_KEY", "the database was sealed under another secret key"
    if settings.secret_key_file is not None:
        name = f"{PREFIX}DATA_DIR"
        fault = (
            f"{PREFIX}SECRET_KEY is not set, and {settings.secret_key_file} holds another key than "
            "the one that the database was sealed under"
        )
    raise SettingsError(
        name,
        fault,
        "the key that belongs to this database; after an interrupted `flask secret rotate`, give "
        "the command again",
    )
