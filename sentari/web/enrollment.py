"""Settings → Enrollment: the tokens that devices enroll with."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import IntegerField, StringField
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from sentari.agents import enrollment_tokens
from sentari.agents.enrollment_tokens import LONGEST_DAYS, MOST_USES, EnrollmentError
from sentari.extensions import current, db, writing
from sentari.web.access import access

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
    form, token = EnrollmentTokenForm(), None
    if form.validate_on_submit():
        token = _created(form)
    if token:
        form = EnrollmentTokenForm(formdata=None)
    page = render_template(
        "sentari/enrollment/index.html",
        form=form,
        token=token,
        tokens=enrollment_tokens.list_tokens(db.session()),
        server_url=current().settings.public_url or request.url_root.rstrip("/"),
        static_token=current().settings.enrollment_token is not None,
        now=current().clock.now(),
    )
    return page, 422 if form.errors else 200


def _created(form: EnrollmentTokenForm) -> str | None:
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
