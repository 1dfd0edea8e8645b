"""The audit log against what the vendor has confirmed of it: the whole walk, and its report."""

import hashlib
import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from license_token.errors import LicenseTokenError
from license_token.keys import RootSet
from license_token.reply import AuditAnchor, ReplyClaims, read_reply
from sentari.audit.store import audit_log
from sentari.extensions import writing
from sentari.licensing import history, store
from sentari.licensing.core import Licensing, reading
from sentari.licensing.history import History
from serverkit.audit.chain import Break, Verdict

log = logging.getLogger(__name__)

# The walk leaves the processor to requests after so many entries.
BATCH = 200
PAUSE_SECONDS = 0.005
_TOLD = 20


@dataclass(frozen=True)
class LogVerdict:
    """What a walk found, and whether the log still has what the vendor confirmed last.

    `anchor` is None when the vendor has confirmed nothing, or nothing that can be read.
    """

    chain: Verdict
    anchor: AuditAnchor | None
    anchor_holds: bool

    @property
    def intact(self) -> bool:
        """Tell whether every link and the anchor hold."""
        return self.chain.intact and self.anchor_holds

    @property
    def problem(self) -> str | None:
        """Return what is wrong, as a part of a sentence."""
        if self.chain.problem or self.anchor is None or self.anchor_holds:
            return self.chain.problem
        return f"entry {self.anchor.seq} is not the one that the license server has confirmed"

    @property
    def broken_seq(self) -> int | None:
        """Return the entry that does not fit."""
        if self.chain.problem or self.anchor is None or self.anchor_holds:
            return self.chain.broken_seq
        return self.anchor.seq


def verify_log(session: Session, roots: RootSet) -> LogVerdict:
    """Walk the whole log, and compare it with the anchor in the stored reply."""
    return with_anchor(session, roots, audit_log.verify(session))


def with_anchor(session: Session, roots: RootSet, chain: Verdict) -> LogVerdict:
    """Compare the log, which was walked, with the anchor in the stored reply."""
    anchor = _anchor(session, roots)
    holds = anchor is None or audit_log.hash_at(session, anchor.seq) == anchor.head
    return LogVerdict(chain, anchor, holds)


def _anchor(session: Session, roots: RootSet) -> AuditAnchor | None:
    claims = _stored_claims(session, roots)
    return claims.audit if claims else None


def _stored_claims(session: Session, roots: RootSet) -> ReplyClaims | None:
    stored = store.read_license(session)
    if stored is None:
        return None
    try:
        return read_reply(stored.reply, roots).claims
    except LicenseTokenError:
        return None


class LogWatch:
    """Walk the log once for each stored reply."""

    def __init__(
        self, licensing: Licensing, context: Callable[[], AbstractContextManager[object]]
    ) -> None:
        """`context` opens the app in the thread of the walk."""
        self._licensing, self._context = licensing, context
        self._walked: str | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Walk in a thread of its own, if it is time and none is at it: it may take minutes."""
        if self._thread is None or not self._thread.is_alive():
            if self._due() is None:
                return
            self._thread = threading.Thread(target=self._run, name="audit-walk", daemon=True)
            self._thread.start()

    def wait(self) -> None:
        """Return when no walk is under way."""
        if self._thread is not None:
            self._thread.join()

    def walk_if_due(self) -> None:
        """Walk the log if the stored reply is another one than at the last walk of this process.

        What is found goes into the log itself, so that every worker knows it within a second.
        """
        claims = self._due()
        if claims is None:
            return
        found = self._breaks()
        with writing() as session:
            history.lock_history(session)
            stored = _stored_claims(session, self._licensing.trust.roots)
            if stored is not None and stored.jti != claims.jti:
                return  # Replaced meanwhile: the walk is made anew for that reply.
            # The log itself is not asked which reply is in force: that entry may be what is gone.
            self._tell(session, history.read_history(session), claims, found)
        self._walked = claims.jti
        self._licensing.snapshot.refresh()

    def _run(self) -> None:
        try:
            with self._context():
                self.walk_if_due()
        except Exception:
            log.exception("the audit log could not be walked; the next minute tries again")

    def _due(self) -> ReplyClaims | None:
        claims = self._licensing.snapshot.status().claims
        return claims if claims and claims.audit and claims.jti != self._walked else None

    def _breaks(self) -> list[Break]:
        with reading() as session:
            return list(audit_log.breaks(session, self._breathe))

    def _breathe(self, entries: int) -> None:
        if entries % BATCH == 0:
            self._licensing.pause(PAUSE_SECONDS)

    def _tell(
        self, session: Session, past: History, claims: ReplyClaims, found: list[Break]
    ) -> None:
        now, broken = self._licensing.clock.now(), _standing(past)
        if not found:
            if broken is not None:
                history.tell(session, now, history.CHAIN_HOLDS, {})
            return
        detail = _detail(found)
        if broken is None or not _is_known(past, claims, str(detail["fingerprint"])):
            log.error("the audit log was changed: %s", detail["problem"])
            history.tell(session, now, history.CHAIN_BROKEN, detail)


def _standing(past: History) -> history.Event | None:
    walk = past.walk
    return walk if walk is not None and walk.action == history.CHAIN_BROKEN else None


def _is_known(past: History, claims: ReplyClaims, fingerprint: str) -> bool:
    """Tell whether this very damage stands in the log already, or the vendor answered to it.

    What was written cannot be written again, so damage that the vendor was told of, and signed
    a reply after, stays in the log for everyone to see and is tampering no more.
    """
    walk = past.walk
    if walk is None or walk.detail.get("fingerprint") != fingerprint:
        return False
    answered = claims.audit is not None and walk.seq <= claims.audit.seq
    return answered or past.log_problem is not None


def _detail(found: list[Break]) -> dict[str, Any]:
    lines = "\n".join(f"{each.seq} {each.problem} {each.hash}" for each in found)
    return {
        "problem": found[0].problem,
        "count": len(found),
        "entries": [each.seq for each in found[:_TOLD]],
        "fingerprint": hashlib.sha256(lines.encode()).hexdigest(),
    }
