"""The inventory in a few numbers. Never commits."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sentari.inventory.counts import packages_by_ecosystem
from sentari.inventory.device_selection import Condition, seen_conditions, state_conditions
from sentari.inventory.models import Device
from sentari.licensing import caps


@dataclass(frozen=True)
class Summary:
    """`total_packages` is what `max_packages` counts, `unique_packages` the distinct ones."""

    total_devices: int
    total_packages: int
    unique_packages: int
    latest_scan: datetime | None
    by_ecosystem: dict[str, int]


@dataclass(frozen=True)
class Presence:
    """Numbers of devices by when they were last heard of; see filters.DEVICE_SEEN."""

    online: int
    late: int
    missing: int


@dataclass(frozen=True)
class Attention:
    """Numbers of devices that somebody should look at."""

    waiting: int
    silent: int
    errors: int
    warnings: int
    clone: int

    @property
    def any(self) -> bool:
        """Tell whether there is one."""
        return bool(self.waiting or self.silent or self.errors or self.warnings or self.clone)


Counts = TypeVar("Counts", Presence, Attention)


def summarize(session: Session) -> Summary:
    """Count what is there."""
    usage = caps.usage(session)
    by_ecosystem = packages_by_ecosystem(session)
    return Summary(
        usage.devices,
        usage.packages,
        sum(by_ecosystem.values()),
        session.scalar(select(func.max(Device.last_scan_at))),
        by_ecosystem,
    )


def attention(session: Session, now: datetime) -> Attention:
    """Count the devices that need attention, each for all of its reasons."""
    return _counted(session, Attention, state_conditions(now))


def presence(session: Session, now: datetime) -> Presence:
    """Count the devices that are online, late and missing; each is one of them."""
    return _counted(session, Presence, seen_conditions(now))


def _counted(session: Session, kind: type[Counts], conditions: Mapping[str, Condition]) -> Counts:
    names = [field.name for field in fields(kind)]
    query = select(*(func.count().filter(conditions[name]) for name in names))
    row = session.execute(query.select_from(Device)).one()
    return kind(**dict(zip(names, row, strict=True)))
