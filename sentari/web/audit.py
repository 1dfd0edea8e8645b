"""The audit log: a page, a file, and the walk that proves it."""

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from sentari.audit.models import AuditEvent
from sentari.audit.store import audit_log, record
from sentari.extensions import current, db, writing
from sentari.licensing.ledger import with_anchor
from sentari.web.access import access
from serverkit.audit.asked import Asked, read_asked
from serverkit.audit.exports import asked_format, events_download
from serverkit.audit.listing import listed
from serverkit.audit.search import entries
from serverkit.audit.walk import take_step

blueprint = Blueprint("audit", __name__, url_prefix="/audit")

PEOPLE = "user:"


@blueprint.get("")
@access(role="admin")
def index() -> ResponseReturnValue:
    """List events, newest first, or take away what is filtered as a file."""
    asked = read_asked(request.args, people=PEOPLE)
    if request.args.get("format"):
        return export_events(asked)
    shown = listed(db.session(), audit_log, AuditEvent, asked)
    page = render_template("sentari/audit/index.html", **shown)
    return page, 400 if asked.errors else 200


@blueprint.get("/verify")
@access(role="admin")
def verify() -> ResponseReturnValue:
    """Walk the chain, step by step where it is long, and say whether it holds."""
    secret, now = current().settings.secret_key, current().clock.now()
    step = request.args.get("step", "")
    walk = take_step(db.session(), audit_log, step, secret_key=secret, now=now)
    if walk.next_step:
        return render_template("sentari/audit/walking.html", walk=walk)
    verdict = with_anchor(db.session(), current().licensing.trust.roots, walk.verdict)
    return render_template("sentari/audit/verify.html", verdict=verdict, walk=walk, now=now)


def export_events(asked: Asked) -> Response:
    """Answer with what is filtered as a file; that it is taken away is audited first."""
    asked.refuse()
    form = asked_format(request.args.get("format", ""))
    detail = {"format": form, "filters": request.query_string.decode("ascii", "replace")[:1000]}
    actor, now = current_user.actor, current().clock.now()
    with writing() as session:
        noted = record(session, at=now, actor=actor, action="AUDIT_EXPORTED", detail=detail)
    # What the page showed, not the note about its being taken away.
    wanted = asked.wanted.up_to(noted.seq - 1)
    return events_download(form, entries(db.session(), AuditEvent, wanted))
