"""How a check-in is bound, counted and doubted: document 2 and flow 3. PURE."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from license_server.errors import CheckInRefusedError
from license_token.request import FINDINGS

CHECK_INS_PER_MINUTE = 10
WINDOW_SECONDS = 60
# Two replicas may disagree by some seconds; a clock that once was years ahead must not rule.
CLOCK_TOLERANCE_SECONDS = 300

CLONE_SUSPECTED = "clone_suspected"
MARKS = (CLONE_SUSPECTED, *FINDINGS)


@dataclass(frozen=True)
class Bound:
    """An activation as it stands: who it is bound to and what it was last told.

    `recent_jtis` are those of the last two replies, newest first. `nth_last_at` is when the
    last check-in but nine was received, None before there were ten.
    """

    thumbprint: str
    released: bool
    recent_jtis: tuple[str, ...]
    last_issued_at: int
    nth_last_at: int | None


class Binding(StrEnum):
    """How a request meets the activation of its instance."""

    NEW = "new"
    KNOWN = "known"
    AGAIN = "again"


def bind(thumbprint: str, bound: Bound | None, *, in_use: int, max_activations: int) -> Binding:
    """Return how the sender is bound to the license; CheckInRefusedError when it cannot be.

    `in_use` counts the license's activations that are not released, this one not included.
    A released activation may come back under another key: that is how a lost one is replaced.
    """
    if bound is not None and not bound.released:
        if bound.thumbprint != thumbprint:
            raise CheckInRefusedError(
                "bad_signature",
                "this instance is bound to another instance key; if its key was lost, ask your "
                "representative to release the activation",
            )
        return Binding.KNOWN
    if in_use >= max_activations:
        raise CheckInRefusedError(
            "activation_limit",
            f"the license is in use on {in_use} of {max_activations} servers; ask your "
            "representative to release the one that is no longer needed",
        )
    return Binding.NEW if bound is None else Binding.AGAIN


def check_frequency(bound: Bound | None, now: int) -> None:
    """Raise CheckInRefusedError when this would be the eleventh check-in within a minute."""
    if bound is None or bound.nth_last_at is None:
        return
    wait = bound.nth_last_at + WINDOW_SECONDS - now
    if wait > 0:
        wait = min(wait, WINDOW_SECONDS)
        raise CheckInRefusedError(
            "rate_limited",
            f"at most {CHECK_INS_PER_MINUTE} check-ins a minute; try again in {wait} seconds",
            retry_after_seconds=wait,
        )


def is_stray(previous: str | None, accepted: Collection[str]) -> bool:
    """Tell whether `previous` names a reply that this server cannot be holding.

    `accepted` are the last two replies to this instance and its key, and the pre-signed
    replies. Anything else means two servers on one identity, or a restored backup.
    """
    return previous is not None and previous not in accepted


def marks(findings: Collection[str], *, cloned: bool) -> tuple[str, ...]:
    """Return what staff should look at, in a fixed order and each once."""
    return tuple(sorted({*findings, *([CLONE_SUSPECTED] if cloned else [])}))


def reply_time(now: int, bound: Bound | None) -> int:
    """Return the reply's `iat`: now, but not before the activation's last reply.

    A server refuses a reply that is older than the one it holds, so replicas whose clocks
    differ by seconds must not take turns at being older.
    """
    if bound is None or bound.last_issued_at > now + CLOCK_TOLERANCE_SECONDS:
        return now
    return max(now, bound.last_issued_at)
