"""The overview."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from sentari.extensions import current, db
from sentari.inventory import devices, summary
from sentari.inventory.filters import DeviceFilter, Order
from sentari.web.gate import license_status

blueprint = Blueprint("overview", __name__)

_RECENT = 8


@blueprint.get("/")
def index() -> ResponseReturnValue:
    """Show the inventory in numbers, what needs attention, and who reported last."""
    session, now = db.session(), current().clock.now()
    newest = DeviceFilter(order=Order("last_seen_at", falling=True))
    return render_template(
        "sentari/overview/index.html",
        summary=summary.summarize(session),
        attention=summary.attention(session, now),
        recent=devices.search_devices(session, newest, now, page=1, page_size=_RECENT).items,
        limits=license_status().limits,
        licensed=license_status().claims is not None,
        status_of=devices.status_of,
        now=now,
    )
