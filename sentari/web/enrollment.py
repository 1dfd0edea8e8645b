"""Settings → Enrollment: the tokens that devices enroll with, and who enrolled with them."""

import logging
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import IntegerField, StringField
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from sentari.agents import enroll_commands, enrollment_tokens, enrollments
from sentari.agents.enrollment_tokens import LONGEST_DAYS, MOST_USES, EnrollmentError, NewToken
from sentari.agents.models import EnrollmentToken
from sentari.extensions import current, db, writing
from sentari.startup_tls import TlsError, served_fingerprint
from sentari.web.access import access
from serverkit.paging import DEFAULT_PAGE_SIZE, Page, page_arguments
from serverkit.problems import Problem

log = logging.getLogger(__name__)

blueprint = Blueprint("enrollment", __name__, url_prefix="/settings/enrollment")


class EnrollmentTokenForm(FlaskForm):  # type: ignore[misc]
    """Make an enrollment token."""

    name = StringField("Name", [InputRequired("Say what it is for."), Length(max=100)])
    expires_in_days = IntegerField(
        "Expires in days",
        [Optional(), NumberRange(1, LONGEST_DAYS)],
        description="Empty: it does not expire.",
    )
    max_uses = IntegerField(
        "Number of enrollments",
        [Optional(), NumberRange(1, MOST_USES)],
        description="Empty: as many as the license allows.",
    )


@blueprint.route("", methods=["GET", "POST"])
@access(role="admin")
def index() -> ResponseReturnValue:
    """List tokens and make one; a new one is shown once, on the answer to the form."""
    form, created = EnrollmentTokenForm(), None
    if form.validate_on_submit():
        created = _created(form)
    if created:
        form = EnrollmentTokenForm(formdata=None)
    page = render_template(
        "sentari/enrollment/index.html",
        form=form,
        created=created and _commands(created),
        tokens=enrollment_tokens.list_tokens(db.session()),
        static_token=current().settings.enrollment_token is not None,
        now=current().clock.now(),
    )
    return page, 422 if form.errors else 200


@blueprint.get("/<int:token_id>")
@access(role="admin")
def show(token_id: int) -> ResponseReturnValue:
    """Show a token and the devices that enrolled with it."""
    try:
        token = enrollment_tokens.find_token(db.session(), str(token_id))
    except EnrollmentError as error:
        raise Problem(404, "not_found", "No such token", str(error)) from error
    return _shown(token, usable=token.state(current().clock.now()) == "active")


@blueprint.get("/static")
@access(role="admin")
def static_token() -> ResponseReturnValue:
    """Show the devices that enrolled with the token of the server's settings."""
    return _shown(None, usable=current().settings.enrollment_token is not None)


@blueprint.post("/<int:token_id>/revoke")
def revoke(token_id: int) -> ResponseReturnValue:
    """Stop a token from enrolling; devices that it enrolled stay."""
    actor, now = current_user.actor, current().clock.now()
    try:
        with writing() as session:
            token = enrollment_tokens.find_token(session, str(token_id))
            enrollment_tokens.revoke_token(session, token, at=now, actor=actor)
        flash("The token was revoked. Devices that it enrolled stay.", "success")
    except EnrollmentError as error:
        flash(str(error), "danger")
    return redirect(url_for("enrollment.index"))


def _created(form: EnrollmentTokenForm) -> NewToken | None:
    fields = {
        "name": form.name.data,
        "expires_in_days": form.expires_in_days.data,
        "max_uses": form.max_uses.data,
    }
    actor, now = current_user.actor, current().clock.now()
    try:
        with writing() as session:
            return enrollment_tokens.create_token(session, **fields, at=now, actor=actor)
    except EnrollmentError as error:
        form.name.errors = [str(error)]
    return None


def _commands(token: NewToken) -> dict[str, Any]:
    """Return what is shown of a new token, this once."""
    server_url = (current().settings.public_url or request.url_root).rstrip("/")
    pin = _pin()
    return {
        "id": token.id,
        "text": token.text,
        "devices": Page([], 0, 1, DEFAULT_PAGE_SIZE),
        "server_url": server_url,
        "unsafe": enroll_commands.is_unsafe(server_url),
        "pin": pin,
        "agents": enroll_commands.agent_commands(server_url, token.text, pin),
        "scripts": enroll_commands.script_commands(server_url, token.text),
        "upload": enroll_commands.scan_command(server_url),
    }


def _pin() -> str | None:
    """Return the fingerprint that agents pin; None when what they see is not known here."""
    settings = current().settings
    if settings.trusted_proxies:
        return None  # They see the certificate of the proxy.
    try:
        return served_fingerprint(settings)
    except TlsError as error:
        log.warning("the enroll commands name no fingerprint: %s", error)
        return None


def _shown(token: EnrollmentToken | None, *, usable: bool) -> str:
    page, page_size = page_arguments()
    found = enrollments.enrolled_devices(db.session(), token, page=page, page_size=page_size)
    return render_template(
        "sentari/enrollment/show.html",
        row=token,
        found=found,
        waiting=enrollments.still_waiting(found, usable=usable),
        usable=usable,
        watched=request.full_path.rstrip("?"),
        now=current().clock.now(),
    )
