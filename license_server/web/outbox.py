"""The outbox: what was mailed to customers, what waits, and what staff must look at."""

from collections.abc import Callable

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from license_server.access import access
from license_server.acting import by_caller, deliver_mails
from license_server.errors import ConflictError
from license_server.extensions import current, db, writing
from license_server.licenses.writing import Act
from license_server.outbox import acts
from license_server.outbox.models import KINDS, STATES, OutboxMail
from license_server.outbox.search import LONGEST_SEARCH, MailFilter, search
from license_server.outbox.service import preview
from license_server.staff.roles import ISSUER, SUPPORT
from license_server.web.refused import sentence
from serverkit.paging import page_arguments

blueprint = Blueprint("outbox", __name__, url_prefix="/outbox")


@blueprint.get("")
@access(role=SUPPORT)
def index() -> ResponseReturnValue:
    """List mails, newest first, filtered by state, kind, license or any text."""
    page, page_size = page_arguments()
    # PostgreSQL takes no NUL in a text, and no mail has one.
    given = {
        name: request.args.get(name, "").replace("\0", "").strip()
        for name in ("state", "kind", "license", "search")
    }
    wanted = MailFilter(given["state"], given["kind"], given["license"], given["search"])
    return render_template(
        "license_server/outbox/index.html",
        found=search(db.session(), wanted, page=page, page_size=page_size),
        given=given,
        states=STATES,
        kinds=KINDS,
        longest=LONGEST_SEARCH,
    )


@blueprint.get("/<record:mail_id>")
@access(role=SUPPORT)
def show(mail_id: str) -> ResponseReturnValue:
    """Show one mail: where it is on its way, what went wrong, and what can be done."""
    mail, server = acts.get_mail(db.session(), mail_id), current()
    return render_template(
        "license_server/outbox/show.html",
        mail=mail,
        text=preview(mail, server.mail_key),
        can_retry=acts.can_retry(mail),
        can_send_again=acts.can_send_again(mail),
        can_cancel=acts.can_cancel(mail),
        immediate=server.transport.immediate,
        now=server.clock.now(),
    )


@blueprint.post("/<record:mail_id>/retry")
@access(role=SUPPORT)
def retry(mail_id: str) -> ResponseReturnValue:
    """Try a waiting or failed mail at once."""
    return _done(mail_id, acts.retry, "The mail is tried again now.")


@blueprint.post("/<record:mail_id>/send-again")
@access(role=SUPPORT)
def send_again(mail_id: str) -> ResponseReturnValue:
    """Send a notice that went out once more."""
    return _done(mail_id, acts.send_again, "This is the new mail; it is on its way.")


@blueprint.post("/<record:mail_id>/cancel")
@access(role=ISSUER)
def cancel(mail_id: str) -> ResponseReturnValue:
    """Never send a mail that has not gone out."""
    return _done(mail_id, acts.cancel, "The mail is cancelled.")


def _done(
    mail_id: str, act: Callable[[Session, str, Act], OutboxMail], done: str
) -> ResponseReturnValue:
    try:
        with writing() as session:
            mail_id = act(session, mail_id, by_caller()).id
        deliver_mails()
        flash(done, "success")
    except ConflictError as error:
        flash(sentence(error), "danger")
    return redirect(url_for("outbox.show", mail_id=mail_id), 303)
