"""The audit log in the API."""

from datetime import UTC, datetime, timedelta
from typing import Any

from apiflask import APIBlueprint
from flask import request
from flask.typing import ResponseReturnValue

from sentari.api.audit_schemas import AuditList, AuditQuery, VerdictOut
from sentari.api.common_schemas import BAD_PARAMETER
from sentari.api.openapi import describe
from sentari.audit import service
from sentari.audit.models import AuditEvent
from sentari.extensions import current, db
from sentari.licensing.ledger import verify_log
from sentari.licensing.report import log_report
from sentari.web.access import access
from serverkit.audit.chain import format_time
from serverkit.paging import page_arguments
from serverkit.problems import Problem

blueprint = APIBlueprint("audit_api", __name__, url_prefix="/api/v1/audit", tag="Audit")


@blueprint.get("/", strict_slashes=False)
@access(role="admin")
@describe(query=AuditQuery, answers={200: AuditList}, problems=BAD_PARAMETER)
def index() -> ResponseReturnValue:
    """List audit events, newest first, of one type and within [start_date, end_date]."""
    page, page_size = page_arguments()
    end = _moment("end_date", timedelta(days=1))
    found = service.search(
        db.session(), action=request.args.get("event_type", ""), start=_moment("start_date"),
        end=end, page=page, page_size=page_size,
    )  # fmt: skip
    items = [_item(event) for event in found.items]
    return {"total": found.total, "page": page, "page_size": page_size, "items": items}


@blueprint.get("/verify")
@access(role="admin")
@describe(answers={200: VerdictOut})
def verify() -> ResponseReturnValue:
    """Walk the whole chain and say whether it holds."""
    return log_report(verify_log(db.session(), current().licensing.trust.roots))


def _item(event: AuditEvent) -> dict[str, Any]:
    entry = event.entry()
    return {**vars(entry), "occurred_at": format_time(entry.occurred_at)}


def _moment(name: str, whole_day: timedelta = timedelta()) -> datetime | None:
    raw = request.args.get(name)
    if not raw:
        return None
    try:
        moment = datetime.fromisoformat(raw)
    except ValueError as error:
        detail = f"{name} is a date (2026-11-23) or a time (2026-11-23T10:00:00Z)."
        raise Problem(400, "bad_parameter", "Bad parameter", detail) from error
    if len(raw) == len("2026-11-23"):
        moment += whole_day
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
