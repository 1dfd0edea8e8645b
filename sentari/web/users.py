"""Settings → Users: who may sign in, and as what."""

from collections.abc import Callable
from dataclasses import dataclass

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from sentari.accounts import service
from sentari.accounts.service import AccountError
from sentari.extensions import current, db
from sentari.web import user_acts
from sentari.web.access import access
from sentari.web.forms import InviteForm
from serverkit.paging import page_arguments
from serverkit.problems import Problem

blueprint = Blueprint("users", __name__, url_prefix="/settings/users")


@dataclass(frozen=True)
class Refused:
    """Which act was refused, and why; `field` is empty when no field is to blame."""

    act: str
    text: str
    field: str


@blueprint.get("")
@access(role="admin")
def index() -> ResponseReturnValue:
    """List users, with a form that invites."""
    return _list_page(InviteForm(formdata=None))


@blueprint.post("")
def invite() -> ResponseReturnValue:
    """Add a user; the answer shows the one-time password, this once."""
    form = InviteForm()
    if not form.validate_on_submit():
        return _list_page(form), 422
    try:
        user_id, password = user_acts.invite(
            form.email.data, form.role.data, form.your_password.data or ""
        )
    except AccountError as error:
        named = form["your_password" if error.field == "your_password" else "email"]
        named.errors = [str(error)]
        return _list_page(form), 422
    return _user_page(user_id, password=password)


@blueprint.get("/<int:user_id>")
@access(role="admin")
def show(user_id: int) -> ResponseReturnValue:
    """Show a user and what can be done."""
    return _user_page(user_id)


@blueprint.post("/<int:user_id>/reset-password")
def reset_password(user_id: int) -> ResponseReturnValue:
    """Give a user a one-time password; the answer shows it, this once."""
    try:
        password = user_acts.reset(user_id, _your_password())
    except AccountError as error:
        return _refused(user_id, "reset", error)
    return _user_page(user_id, password=password)


@blueprint.post("/<int:user_id>/disable")
def disable(user_id: int) -> ResponseReturnValue:
    """Disable a user and end the sessions."""
    return _changed(user_id, "disable", lambda: user_acts.disable(user_id))


@blueprint.post("/<int:user_id>/enable")
def enable(user_id: int) -> ResponseReturnValue:
    """Let a disabled user sign in again."""
    return _changed(user_id, "enable", lambda: user_acts.enable(user_id, _your_password()))


@blueprint.post("/<int:user_id>/role")
def set_role(user_id: int) -> ResponseReturnValue:
    """Give a user another role."""
    role = request.form.get("role", "")
    return _changed(user_id, "role", lambda: user_acts.set_role(user_id, role, _your_password()))


_DONE = {
    "disable": "The user is disabled and signed out.",
    "enable": "The user may sign in again.",
    "role": "The user has the new role from now on.",
}


def _your_password() -> str:
    return request.form.get("your_password", "")[:1024]


def _changed(user_id: int, act: str, change: Callable[[], None]) -> ResponseReturnValue:
    try:
        change()
    except AccountError as error:
        return _refused(user_id, act, error)
    flash(_DONE[act], "success")
    # Who has just taken the rights away from themselves sees no list of users any more.
    own = user_id == current_user.user_id
    return redirect(url_for("overview.index") if own else url_for("users.show", user_id=user_id))


def _refused(user_id: int, act: str, error: AccountError) -> ResponseReturnValue:
    if error.code == "forbidden":
        raise Problem(403, "forbidden", "Not allowed", str(error)) from error
    return _user_page(user_id, refused=Refused(act, str(error), error.field)), 422


def _list_page(form: InviteForm) -> str:
    page, page_size = page_arguments()
    search = request.args.get("search", "").replace("\0", "")[:254]
    found = service.search_users(db.session(), search, page=page, page_size=page_size)
    now = current().clock.now()
    return render_template(
        "sentari/users/index.html", form=form, found=found, search=search, now=now
    )


def _user_page(user_id: int, *, password: str = "", refused: Refused | None = None) -> str:
    """Show a user, with the password that was just made for them, if one was."""
    session, now = db.session(), current().clock.now()
    try:
        user = service.get_user(session, user_id)
    except AccountError as error:
        raise Problem(404, "not_found", "Not found", str(error)) from error
    return render_template(
        "sentari/users/show.html",
        user=user,
        sessions=service.list_sessions(session, user_id, now),
        tokens=service.tokens_made_by(session, user, now),
        password=password,
        lifetime_hours=service.ONE_TIME_LIFETIME.total_seconds() // 3600,
        refused=refused,
        now=now,
    )
