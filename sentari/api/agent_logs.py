"""A device's agent in the API: the log that it keeps, and the mark of a possible clone."""

from dataclasses import asdict

from apiflask import APIBlueprint
from flask import request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from sentari.agents import agent_logs
from sentari.api import agent_log_schemas as schemas
from sentari.api.common_schemas import BAD_PARAMETER
from sentari.api.openapi import describe
from sentari.extensions import current, db, writing
from sentari.inventory import devices
from sentari.inventory.models import Device
from sentari.web.listing import bad_parameter
from serverkit.paging import page_arguments
from serverkit.problems import Problem

blueprint = APIBlueprint(
    "agent_logs_api",
    __name__,
    url_prefix="/api/v1/inventory/devices/<device_id>",
    tag="Inventory",
)

_UNKNOWN = {404: "There is no such device."}
_SHOWN = ("all", "broken")


@blueprint.get("/agent-log")
@blueprint.output(schemas.AgentLogOut)
@describe(query=schemas.AgentLogQuery, problems={**BAD_PARAMETER, **_UNKNOWN})
def read_log(device_id: str) -> ResponseReturnValue:
    """Show the log that a device's agent keeps, the newest entry first, and whether it holds."""
    shown = request.args.get("show", "all")
    if shown not in _SHOWN:
        raise bad_parameter(f"show is one of {', '.join(_SHOWN)}.")
    page, page_size = page_arguments()
    health = agent_logs.log_health(db.session(), _device(device_id).uid)
    found = agent_logs.log_entries(
        db.session(), health, broken=shown == "broken", page=page, page_size=page_size
    )
    return {
        "entry_count": health.entries,
        "broken_count": health.broken,
        "shipped_at": health.shipped_at,
        "entries": {
            "total": found.total,
            "page": page,
            "page_size": page_size,
            "items": [asdict(entry) for entry in found.items],
        },
    }


@blueprint.post("/dismiss-clone")
@describe(answers={204: None}, problems=_UNKNOWN)
def dismiss_clone(device_id: str) -> ResponseReturnValue:
    """Take the mark of a possible clone off a device."""
    uid, actor, now = _device(device_id).uid, current_user.actor, current().clock.now()
    with writing() as session:
        devices.dismiss_clone(session, uid, at=now, actor=actor)
    return "", 204


def _device(uid: str) -> Device:
    device = devices.find_device(db.session(), uid)
    if device is None:
        detail = "This device is not enrolled here, or was removed."
        raise Problem(404, "unknown_device", "No such device", detail)
    return device
