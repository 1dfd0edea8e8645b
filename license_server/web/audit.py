"""The audit log: a page, a file, and the walk that proves it."""

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue

from license_server.access import access, caller
from license_server.audit import AuditEvent, audit_log, record
from license_server.extensions import current, db, writing
from license_server.staff.roles import SUPPORT
from serverkit.audit.asked import Asked, read_asked
from serverkit.audit.exports import asked_format, events_download
from serverkit.audit.listing import listed
from serverkit.audit.search import entries
from serverkit.audit.walk import take_step

blueprint = Blueprint("audit", __name__, url_prefix="/audit")


@blueprint.get("")
@access(role=SUPPORT)
def index() -> ResponseReturnValue:
    """List events, newest first, or take away what is filtered as a file."""
    asked = read_asked(request.args, people="staff:")
    if request.args.get("format"):
        return _export(asked)
    shown = listed(db.session(), audit_log, AuditEvent, asked)
    page = render_template("license_server/audit/index.html", **shown)
    return page, 400 if asked.errors else 200


@blueprint.get("/verify")
@access(role=SUPPORT)
def verify() -> ResponseReturnValue:
    """Walk the chain, step by step where it is long, and say whether it holds."""
    secret, now = current().settings.secret_key, current().clock.now()
    step = request.args.get("step", "")
    walk = take_step(db.session(), audit_log, step, secret_key=secret, now=now)
    name = "walking" if walk.next_step else "verify"
    return render_template(f"license_server/audit/{name}.html", walk=walk, now=now)


def _export(asked: Asked) -> Response:
    """Answer with what is filtered as a file; that it is taken away is audited first."""
    asked.refuse()
    form = asked_format(request.args.get("format", ""))
    detail = {"format": form, "filters": request.query_string.decode("ascii", "replace")[:1000]}
    actor, now = caller().actor, current().clock.now()
    with writing() as session:
        noted = record(session, at=now, actor=actor, action="AUDIT_EXPORTED", detail=detail)
    # What the page showed, not the note about its being taken away.
    wanted = asked.wanted.up_to(noted.seq - 1)
    return events_download(form, entries(db.session(), AuditEvent, wanted))
