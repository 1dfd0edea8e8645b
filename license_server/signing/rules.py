"""When a key is used up, and when somebody must act before the last certificate ends. PURE."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

# A server may send the same request for thirty days and must get the same answer.
OVERLAP = timedelta(days=30)
WARN_DAYS = 30
_DAY = 86_400


def is_used_up(superseded_at: datetime | None, now: datetime) -> bool:
    """Tell whether a key has nothing left to sign, not even a request that is repeated.

    A key that no other has followed is never used up: a clock that is wrong must not cost the
    server its only key.
    """
    return superseded_at is not None and superseded_at + OVERLAP <= now


class Warn(StrEnum):
    """What staff are warned of, the worst first."""

    NO_CERTIFICATE = "no_certificate"
    ROTATION_DUE = "rotation_due"
    NO_SPARE_ROOT = "no_spare_root"


@dataclass(frozen=True)
class KeyFacts:
    """What there is to sign with.

    `windows` are the certificates' (not before, expires), in seconds since 1970, of the keys
    whose private half is there; `roots` is how many roots servers are to pin.
    """

    windows: tuple[tuple[int, int], ...]
    roots: int


@dataclass(frozen=True)
class KeyWarning:
    """One warning: what is the matter, what to do, and when it becomes worse (or None)."""

    kind: Warn
    text: str
    advice: str
    until: int | None = None


def warnings(facts: KeyFacts, now: int) -> tuple[KeyWarning, ...]:
    """Return the warnings that are due at this moment, the worst first."""
    found = (_certificate(facts, now), _spare_root(facts))
    return tuple(warning for warning in found if warning is not None)


def _certificate(facts: KeyFacts, now: int) -> KeyWarning | None:
    if not any(begins <= now < ends for begins, ends in facts.windows):
        return KeyWarning(
            Warn.NO_CERTIFICATE,
            "No signing certificate is valid: check-ins are refused.",
            "Rotate the signing key now (keys rotate), or do the first ceremony (keys init).",
        )
    last = max(ends for _, ends in facts.windows)
    days = (last - now) // _DAY
    if last - now > WARN_DAYS * _DAY:
        return None
    left = "less than a day" if days < 1 else "1 day" if days == 1 else f"{days} days"
    return KeyWarning(
        Warn.ROTATION_DUE,
        f"The last signing certificate ends in {left}.",
        "Fetch a root file and rotate the signing key (keys rotate).",
        until=last,
    )


def _spare_root(facts: KeyFacts) -> KeyWarning | None:
    if facts.roots != 1:
        return None
    return KeyWarning(
        Warn.NO_SPARE_ROOT,
        "There is only one root: if its file is lost, no key can be rotated any more.",
        "Make a spare (keys add-root) and build the customers' image with both.",
    )
