"""The audit log in the API."""

from typing import Any

from apiflask import APIBlueprint
from flask import request
from flask.typing import ResponseReturnValue

from sentari.api.audit_schemas import AuditExportQuery, AuditList, AuditQuery, VerdictOut
from sentari.api.common_schemas import BAD_PARAMETER
from sentari.api.openapi import describe
from sentari.audit.models import AuditEvent
from sentari.extensions import current, db
from sentari.licensing.ledger import verify_log
from sentari.licensing.report import log_report
from sentari.web.access import access
from sentari.web.audit import PEOPLE, export_events
from serverkit.audit.asked import Asked, read_asked
from serverkit.audit.chain import format_time
from serverkit.audit.search import search
from serverkit.paging import page_arguments

blueprint = APIBlueprint("audit_api", __name__, url_prefix="/api/v1/audit", tag="Audit")


@blueprint.get("/", strict_slashes=False)
@access(role="admin")
@describe(query=AuditQuery, answers={200: AuditList}, problems=BAD_PARAMETER)
def index() -> ResponseReturnValue:
    """List audit events, newest first."""
    page, page_size = page_arguments()
    asked = _asked()
    asked.refuse()
    found = search(db.session(), AuditEvent, asked.wanted, page=page, page_size=page_size)
    items = [_item(event) for event in found.items]
    return {"total": found.total, "page": page, "page_size": page_size, "items": items}


@blueprint.get("/export")
@access(role="admin")
@describe(
    query=AuditExportQuery,
    answers={200: ("text/csv", "application/jsonl")},
    problems=BAD_PARAMETER,
)
def export() -> ResponseReturnValue:
    """Export audit events in their order, hashes included; that it is done is audited."""
    return export_events(_asked())


@blueprint.get("/verify")
@access(role="admin")
@describe(answers={200: VerdictOut})
def verify() -> ResponseReturnValue:
    """Walk the whole chain and say whether it holds."""
    return log_report(verify_log(db.session(), current().licensing.trust.roots))


def _item(event: AuditEvent) -> dict[str, Any]:
    entry = event.entry()
    return {**vars(entry), "occurred_at": format_time(entry.occurred_at)}


def _asked() -> Asked:
    names = {**request.args, "action": request.args.get("event_type", "")}
    return read_asked(names, people=PEOPLE)
