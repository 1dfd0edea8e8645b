"""The overview."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from sentari.agents.enrollment_tokens import any_usable
from sentari.extensions import current, db
from sentari.inventory import devices, history, summary
from sentari.inventory.activity import DayCount, scans_by_day
from sentari.inventory.filters import DeviceFilter, Order
from sentari.licensing.state import LicenseStatus
from sentari.licensing.timeline import what_happens_next
from sentari.web.gate import license_status
from sentari.web.package_links import package_url
from serverkit.line_chart import Chart, draw

blueprint = Blueprint("overview", __name__)

_RECENT, _CHANGES = 8, 4
_CHART_WIDTHS = (("wide", 960), ("narrow", 340))


@dataclass(frozen=True)
class FirstSteps:
    """What a new server needs until its first scan, in this order."""

    licensed: bool
    token: bool
    device: bool

    @property
    def next(self) -> str:
        """Return the first step that is still to be done."""
        done = {"license": self.licensed, "token": self.token, "device": self.device}
        return next((name for name, over in done.items() if not over), "scan")


@blueprint.get("/")
def index() -> ResponseReturnValue:
    """Show the inventory in numbers, what needs attention, and what happened last."""
    session, now, status = db.session(), current().clock.now(), license_status()
    newest = DeviceFilter(order=Order("last_seen_at", falling=True))
    inventory = summary.summarize(session)
    days = scans_by_day(session, now)
    return render_template(
        "sentari/overview/index.html",
        summary=inventory,
        first_steps=_first_steps(session, inventory, status, now),
        presence=summary.presence(session, now),
        attention=summary.attention(session, now),
        recent=devices.search_devices(session, newest, now, page=1, page_size=_RECENT).items,
        days=days,
        pictures=_pictures(days),
        novelties=history.newest_changes(session, _CHANGES),
        status=status,
        next_steps=what_happens_next(status),
        package_url=package_url,
        now=now,
    )


def _first_steps(
    session: Session, inventory: summary.Summary, status: LicenseStatus, now: datetime
) -> FirstSteps | None:
    """Return them until a device has sent a scan."""
    if inventory.latest_scan is not None:
        return None
    enrolled = inventory.total_devices > 0
    static = current().settings.enrollment_token is not None
    token = enrolled or static or any_usable(session, now)
    return FirstSteps(status.claims is not None, token, enrolled)


def _pictures(days: Sequence[DayCount]) -> list[tuple[str, Chart]]:
    points = [(datetime.combine(day, time(), UTC), scans) for day, scans in days]
    start, end = points[0][0], points[-1][0]
    return [
        (size, draw(points, start=start, end=max(end, start + timedelta(days=1)), width=width))
        for size, width in _CHART_WIDTHS
    ]
