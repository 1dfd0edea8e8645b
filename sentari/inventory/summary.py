"""The inventory in a few numbers. Never commits."""

from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sentari.inventory.device_selection import state_conditions
from sentari.inventory.models import Device
from sentari.inventory.packages import ecosystems
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


def summarize(session: Session) -> Summary:
    """Count what is there."""
    usage = caps.usage(session)
    by_ecosystem = ecosystems(session)
    return Summary(
        usage.devices,
        usage.packages,
        sum(by_ecosystem.values()),
        session.scalar(select(func.max(Device.last_scan_at))),
        by_ecosystem,
    )


def attention(session: Session, now: datetime) -> Attention:
    """Count the devices that need attention, each for all of its reasons."""
    states = state_conditions(now)
    names = [field.name for field in fields(Attention)]
    query = select(*(func.count().filter(states[name]) for name in names))
    row = session.execute(query.select_from(Device)).one()
    return Attention(**dict(zip(names, row, strict=True)))
