"""Settings → Users."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from sentari.accounts import service
from sentari.accounts.models import User
from sentari.accounts.service import AccountError
from sentari.extensions import current, db, writing
from sentari.web.access import access
from sentari.web.forms import UserForm
from serverkit.passwords import PasswordRefusedError
from serverkit.problems import Problem

blueprint = Blueprint("users", __name__, url_prefix="/settings/users")


@blueprint.route("", methods=["GET", "POST"])
@access(role="admin")
def index() -> ResponseReturnValue:
    """List users and add one."""
    form = UserForm()
    if form.validate_on_submit() and _created(form):
        flash("The user was added.", "success")
        return redirect(url_for("users.index"))
    users = service.list_users(db.session())
    page = render_template("sentari/settings/users.html", form=form, users=users)
    return page, 422 if form.errors else 200


def _created(form: UserForm) -> bool:
    fields = {"email": form.email.data, "role": form.role.data, "password": form.password.data}
    actor, now = current_user.actor, current().clock.now()
    try:
        with writing() as session:
            service.create_user(session, **fields, at=now, actor=actor)
    except PasswordRefusedError as error:
        form.password.errors = [str(error)]
    except AccountError as error:
        form.email.errors = [str(error)]
    return not form.errors


@blueprint.post("/<int:user_id>/disable")
def disable(user_id: int) -> ResponseReturnValue:
    """Disable a user and end the sessions."""
    return _changed(user_id, service.disable_user, "The user was disabled.")


@blueprint.post("/<int:user_id>/enable")
def enable(user_id: int) -> ResponseReturnValue:
    """Let a disabled user sign in again."""
    return _changed(user_id, service.enable_user, "The user may sign in again.")


def _changed(user_id: int, change: service.UserChange, message: str) -> ResponseReturnValue:
    actor, now = current_user.actor, current().clock.now()
    try:
        with writing() as session:
            user = session.get(User, user_id)
            if user is None:
                raise Problem(404, "not_found", "Not found", "There is no such user.")
            change(session, user, at=now, actor=actor)
        flash(message, "success")
    except AccountError as error:
        flash(str(error), "danger")
    return redirect(url_for("users.index"))
