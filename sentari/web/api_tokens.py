"""Settings → API tokens."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from sentari.accounts import api_tokens
from sentari.accounts.service import AccountError
from sentari.extensions import current, db, writing
from sentari.web.access import access
from sentari.web.forms import ApiTokenForm
from sentari.web.reauthentication import require_person

blueprint = Blueprint("api_tokens", __name__, url_prefix="/settings/api-tokens")


@blueprint.route("", methods=["GET", "POST"])
@access(role="admin")
def index() -> ResponseReturnValue:
    """List tokens and make one; a new one is shown once, on the answer to the form."""
    form, token = ApiTokenForm(), None
    if form.validate_on_submit():
        token = _created(form)
    tokens, now = api_tokens.list_api_tokens(db.session()), current().clock.now()
    page = render_template(
        "sentari/settings/api_tokens.html", form=form, tokens=tokens, token=token, now=now
    )
    return page, 422 if form.errors else 200


def _created(form: ApiTokenForm) -> str | None:
    require_person()  # A token that leaked must not make others that outlive it.
    fields = {
        "name": form.name.data,
        "role": form.role.data,
        "expires_in_days": form.expires_in_days.data,
    }
    actor, now = current_user.actor, current().clock.now()
    try:
        with writing() as session:
            return api_tokens.create_api_token(session, **fields, at=now, actor=actor)
    except AccountError as error:
        form.name.errors = [str(error)]
    return None


@blueprint.post("/<int:token_id>/revoke")
def revoke(token_id: int) -> ResponseReturnValue:
    """Stop a token from working at once."""
    actor, now = current_user.actor, current().clock.now()
    try:
        with writing() as session:
            api_tokens.revoke_api_token(session, token_id, at=now, actor=actor)
        flash("The token was revoked.", "success")
    except AccountError as error:
        flash(str(error), "danger")
    return redirect(url_for("api_tokens.index"))
