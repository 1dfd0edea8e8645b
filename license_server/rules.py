"""What terms a license may carry, and what may be done to a license when. PURE."""

from dataclasses import dataclass, fields
from datetime import date
from enum import StrEnum
from types import MappingProxyType

from license_server.errors import ConflictError, ForbiddenError, InvalidError, Violation
from serverkit.text import has_control

LARGEST_CAP = 2**53
# The customer's server adds up to ten years of grace and read-only to this date.
EARLIEST_EXPIRY, LATEST_EXPIRY = date(2000, 1, 1), date(2199, 12, 31)
LONGEST_TIER, LONGEST_REFERENCE, LONGEST_REASON = 64, 200, 500

OFFLINE_DAYS_WITHOUT_AIRGAP = 1
OFFLINE_DAYS_WITHOUT_APPROVAL = 90
TERM_DAYS_WITHOUT_APPROVAL = 400

RANGES = MappingProxyType(
    {
        "max_devices": (0, LARGEST_CAP),
        "max_packages": (0, LARGEST_CAP),
        "grace_period_days": (0, 365),
        "read_only_period_days": (0, 3650),
        "max_offline_days": (1, 365),
        "max_activations": (1, 1000),
    }
)


@dataclass(frozen=True)
class Terms:
    """What one version of a license's terms says; a cap of None is unlimited."""

    tier: str
    expires_at: date
    max_devices: int | None
    max_packages: int | None
    grace_period_days: int
    read_only_period_days: int
    max_offline_days: int
    max_activations: int
    airgap: bool
    airgap_addendum_signed_at: date | None
    contract_reference: str


TERM_NAMES = tuple(field.name for field in fields(Terms))


def check_terms(terms: Terms, *, today: date) -> None:
    """Raise InvalidError that names every field that breaks a rule."""
    found = (*_out_of_range(terms), *_bad_texts(terms), *_bad_dates(terms, today), *_airgap(terms))
    if found:
        raise InvalidError(found)


def _out_of_range(terms: Terms) -> tuple[Violation, ...]:
    return tuple(
        Violation(name, f"give a whole number from {low} to {high}")
        for name, (low, high) in RANGES.items()
        if (value := getattr(terms, name)) is not None and not low <= value <= high
    )


def _bad_texts(terms: Terms) -> tuple[Violation, ...]:
    found = []
    if not terms.tier.strip() or len(terms.tier) > LONGEST_TIER or has_control(terms.tier):
        found.append(Violation("tier", f"give 1 to {LONGEST_TIER} characters on one line"))
    reference = terms.contract_reference
    if len(reference) > LONGEST_REFERENCE or has_control(reference):
        detail = f"give at most {LONGEST_REFERENCE} characters on one line"
        found.append(Violation("contract_reference", detail))
    return tuple(found)


def _bad_dates(terms: Terms, today: date) -> tuple[Violation, ...]:
    found = []
    if not EARLIEST_EXPIRY <= terms.expires_at <= LATEST_EXPIRY:
        detail = f"give a date from {EARLIEST_EXPIRY} to {LATEST_EXPIRY}"
        found.append(Violation("expires_at", detail))
    signed = terms.airgap_addendum_signed_at
    if signed is not None and not EARLIEST_EXPIRY <= signed <= today:
        detail = "the addendum must have been signed already: give that day, not a later one"
        found.append(Violation("airgap_addendum_signed_at", detail))
    return tuple(found)


def _airgap(terms: Terms) -> tuple[Violation, ...]:
    if terms.max_offline_days <= OFFLINE_DAYS_WITHOUT_AIRGAP:
        return ()
    found = []
    if not terms.airgap:
        detail = (
            "more than 1 offline day needs the air-gap tier: set this, or max_offline_days to 1"
        )
        found.append(Violation("airgap", detail))
    if terms.airgap_addendum_signed_at is None:
        detail = "more than 1 offline day needs the date on which the contract addendum was signed"
        found.append(Violation("airgap_addendum_signed_at", detail))
    return tuple(found)


def term_days(terms: Terms, *, today: date) -> int:
    """Return for how many days from today the terms would run; negative when they are over."""
    return (terms.expires_at - today).days


def add_years(day: date, years: int) -> date:
    """Return the same day some years later; 1 March where there is no 29 February."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)


def approval_reasons(terms: Terms, *, today: date) -> tuple[str, ...]:
    """Return why a second person must approve these terms; empty when nobody needs to."""
    reasons = []
    if terms.max_offline_days > OFFLINE_DAYS_WITHOUT_APPROVAL:
        reasons.append(f"more than {OFFLINE_DAYS_WITHOUT_APPROVAL} offline days")
    if terms.max_devices is None:
        reasons.append("unlimited devices")
    if terms.max_packages is None:
        reasons.append("unlimited packages")
    if term_days(terms, today=today) > TERM_DAYS_WITHOUT_APPROVAL:
        reasons.append(f"a term of more than {TERM_DAYS_WITHOUT_APPROVAL} days")
    return tuple(reasons)


class Status(StrEnum):
    """What a license is; a draft has no key yet, and the last two are for ever."""

    DRAFT = "draft"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    DISCARDED = "discarded"


class Action(StrEnum):
    """What staff do to a license."""

    CHANGE_TERMS = "change_terms"
    APPROVE = "approve"
    ISSUE = "issue"
    DISCARD = "discard"
    SUSPEND = "suspend"
    REINSTATE = "reinstate"
    REVOKE = "revoke"
    REKEY = "rekey"
    PRESIGN = "presign"


_D, _A, _S, _R, _X = Status
_NEXT = MappingProxyType(
    {
        Action.CHANGE_TERMS: {_D: _D, _A: _A, _S: _S},
        Action.APPROVE: {_D: _D, _A: _A, _S: _S},
        Action.ISSUE: {_D: _A},
        Action.DISCARD: {_D: _X},
        Action.SUSPEND: {_A: _S},
        Action.REINSTATE: {_S: _A},
        Action.REVOKE: {_A: _R, _S: _R},
        Action.REKEY: {_A: _A, _S: _S},
        Action.PRESIGN: {_A: _A},
    }
)
_HINTS = MappingProxyType(
    {
        _D: "; issue the draft first, or discard it",
        _R: "; issue a new license instead",
        _X: "; prepare a new one instead",
    }
)


def allows(action: Action, status: Status) -> bool:
    """Tell whether the action is possible in the status."""
    return status in _NEXT[action]


def next_status(action: Action, status: Status) -> Status:
    """Return the status after the action; ConflictError when it is not possible in this one."""
    after = _NEXT[action].get(status)
    if after is None:
        name = action.value.replace("_", " ")
        detail = f"a license that is {status} has no {name}{_HINTS.get(status, '')}"
        raise ConflictError(detail, code=f"is_{status}")
    return after


def check_seen(present: int, seen: int | None) -> None:
    """Raise ConflictError when what somebody looked at, if they did, is not what is there now."""
    if seen is not None and seen != present:
        detail = "this was changed or done already since you opened the page: look at it again"
        raise ConflictError(detail, code="changed_meanwhile")


def check_reason(reason: str) -> str:
    """Return the reason without outer blanks; InvalidError when it says nothing."""
    text = reason.strip()
    if not text or len(text) > LONGEST_REASON or has_control(text):
        detail = f"say why, in 1 to {LONGEST_REASON} characters on one line"
        raise InvalidError((Violation("reason", detail),))
    return text


def check_second_person(*, created_by: str, approver: str) -> None:
    """Raise ForbiddenError when the approver is who wrote the terms."""
    if created_by.casefold() == approver.casefold():
        detail = "these terms need a second person: whoever wrote them cannot approve them"
        raise ForbiddenError(detail, code="second_person_required")
