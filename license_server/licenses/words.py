"""Terms in words: what stands in them, what is promised by them, and what changed. PURE."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any

from license_server.rules import Terms

LABELS = MappingProxyType(
    {
        "customer_name": "Customer",
        "customer_email": "E-mail",
        "tier": "Tier",
        "expires_at": "Expires",
        "max_devices": "Devices",
        "max_packages": "Packages",
        "max_activations": "Servers",
        "max_offline_days": "Offline days",
        "grace_period_days": "Grace period",
        "read_only_period_days": "Read-only period",
        "airgap": "Air-gap tier",
        "airgap_addendum_signed_at": "Air-gap addendum",
        "contract_reference": "Contract",
    }
)
_CAPS = ("max_devices", "max_packages")
_PERIODS = ("grace_period_days", "read_only_period_days")


@dataclass(frozen=True)
class Difference:
    """One thing that two versions of terms say differently, in words."""

    label: str
    before: str
    after: str


def shown(name: str, value: Any) -> str:
    """Return one value of a version as people read it."""
    if value is None:
        return "unlimited" if name in _CAPS else "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name in _PERIODS:
        return counted(value, "day")
    if isinstance(value, int):
        return f"{value:,}"
    return str(value) or "none"


def counted(number: int, noun: str) -> str:
    """Return "1 day" or "1,000 days"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Return what changed from one version to another, in the order in which terms are shown."""
    return tuple(
        Difference(label, shown(name, before[name]), shown(name, after[name]))
        for name, label in LABELS.items()
        if before[name] != after[name]
    )


def promises(customer_name: str, customer_email: str, terms: Terms) -> tuple[str, ...]:
    """Return in sentences what the customer gets signed."""
    return (
        f"{customer_name} ({customer_email}) may use Sentari, tier {terms.tier}, until "
        f"{terms.expires_at.isoformat()}, 00:00 UTC.",
        f"On {counted(terms.max_activations, 'server')} with {_cap(terms.max_devices, 'device')} "
        f"and {_cap(terms.max_packages, 'tracked package')}.",
        _afterwards(terms),
        _offline(terms),
    )


def _cap(number: int | None, noun: str) -> str:
    return f"any number of {noun}s" if number is None else f"up to {counted(number, noun)}"


def _afterwards(terms: Terms) -> str:
    steps = []
    if terms.grace_period_days:
        steps.append(f"{counted(terms.grace_period_days, 'day')} in which everything works")
    if terms.read_only_period_days:
        steps.append(f"{counted(terms.read_only_period_days, 'day')} read-only")
    locked = terms.expires_at + timedelta(
        days=terms.grace_period_days + terms.read_only_period_days
    )
    before = f"{', then '.join(steps)}; " if steps else ""
    return f"Without a renewal: {before}locked from {locked.isoformat()} on."


def _offline(terms: Terms) -> str:
    days = terms.max_offline_days
    every = "once a day" if days == 1 else f"once in {counted(days, 'day')}"
    text = f"A server must check in at least {every}, or it locks itself."
    signed = terms.airgap_addendum_signed_at
    if not terms.airgap:
        return text
    addendum = f", by the addendum of {signed.isoformat()}" if signed else ""
    return f"{text} Requests and replies may be carried by hand{addendum}."


def days_left(expires_at: date, today: date) -> str:
    """Return how far away the end is: "in 12 days", "today", "12 days ago"."""
    days = (expires_at - today).days
    if days == 0:
        return "today"
    return f"in {counted(days, 'day')}" if days > 0 else f"{counted(-days, 'day')} ago"
