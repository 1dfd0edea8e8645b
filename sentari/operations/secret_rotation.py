"""Put everything that SENTARI_SECRET_KEY protects under a new one."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import delete
from sqlalchemy.orm import Session

from sentari.accounts.models import UserSession
from sentari.audit.store import record
from sentari.licensing.clock_store import sign_floor_anew
from sentari.licensing.models import ROW, Instance
from sentari.licensing.vault import Purpose, Vault
from sentari.operations.sealed import SEALED, belongs
from sentari.operations.standstill import OperationError
from serverkit.database import Writing
from serverkit.secrets import (
    SHORTEST_SECRET,
    SealError,
    new_secret,
    replace_durably,
    write_secret,
)

ROTATED = "SECRET_KEY_ROTATED"
LONGEST_SECRET = 4096


@dataclass(frozen=True)
class Rotated:
    """What a rotation did; `completed` tells that an earlier one had only to be completed."""

    resealed: int = 0
    sessions: int = 0
    completed: bool = False


@dataclass(frozen=True)
class Rotation:
    """A rotation from one secret key to another one, for a server that stands still.

    `environment_value` is what SENTARI_LICENSE_KEY says.
    """

    old: str
    environment_value: str | None
    now: datetime

    def to(self, writing: Writing, new: str) -> Rotated:
        """Rotate to a key that the operator has in keeping; all or nothing."""
        check_new_key(self.old, new)
        with writing() as session:
            if not belongs(session, self.old):
                raise OperationError(_DONE_ALREADY if belongs(session, new) else _WRONG_KEY)
            return self._reseal(session, new)

    def in_place(self, writing: Writing, path: Path, new: str | None) -> Rotated:
        """Rotate the key that the server keeps in a file of its own.

        The new key is on disk before the database needs it, and takes the old one's place
        afterwards. A call that ended in between is completed by the next one.
        """
        draft = path.with_name(f"{path.name}.new")
        if draft.exists():
            waiting = draft.read_text().strip()
            with writing() as session:
                lost = not belongs(session, self.old) and belongs(session, waiting)
            if lost:
                replace_durably(draft, path)
                return Rotated(completed=True)
            draft.unlink()
        chosen = new or new_secret()
        check_new_key(self.old, chosen)
        write_secret(draft, chosen)
        try:
            done = self.to(writing, chosen)
        except OperationError:
            draft.unlink()
            raise
        replace_durably(draft, path)
        return done

    def _reseal(self, session: Session, new: str) -> Rotated:
        try:
            resealed = sum(each.reseal(session, self.old, new) for each in SEALED)
        except SealError as error:
            raise OperationError(
                "a sealed value was damaged and does not open, so nothing was changed: restore a "
                "backup, or look at " + ", ".join(each.name for each in SEALED)
            ) from error
        before, after = Vault(self.old), Vault(new)
        sign_floor_anew(session, before, after)
        self._digest_anew(session, before, after)
        # Their cookies were signed under the old key, too.
        ended = session.execute(delete(UserSession)).rowcount  # type: ignore[attr-defined]
        detail = {"resealed": resealed, "sessions_ended": ended}
        record(session, at=self.now, actor="cli", action=ROTATED, target="secret", detail=detail)
        return Rotated(resealed, ended)

    def _digest_anew(self, session: Session, before: Vault, after: Vault) -> None:
        """Remember under the new key which value of SENTARI_LICENSE_KEY was applied last.

        One that is not set any more cannot be told from others afterwards.
        """
        instance, value = session.get(Instance, ROW), self.environment_value
        if instance is None or value is None:
            return
        if instance.environment_digest == before.digest(Purpose.ENVIRONMENT, value):
            instance.environment_digest = after.digest(Purpose.ENVIRONMENT, value)


def check_new_key(old: str, new: str) -> None:
    """Raise OperationError unless `new` can take the place of `old`."""
    if not SHORTEST_SECRET <= len(new) <= LONGEST_SECRET:
        raise OperationError(
            f"the new key has {len(new)} characters; {SHORTEST_SECRET} to {LONGEST_SECRET:,} are "
            'accepted. To make one: python3 -c "import secrets; print(secrets.token_urlsafe(48))"'
        )
    if new == old:
        raise OperationError("the new key is the present one")


_WRONG_KEY = (
    "the present secret key is not the one that this database belongs to, so nothing was changed: "
    "give the command with the environment of the server"
)


_DONE_ALREADY = (
    "the database is under the new key already: set SENTARI_SECRET_KEY to it and start the server"
)
