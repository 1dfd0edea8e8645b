"""A person's own account: password, second factor, sessions."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask import session as cookie
from flask.typing import ResponseReturnValue
from flask_login import logout_user

from license_server.access import CHANGE_PASSWORD, access, caller
from license_server.errors import InvalidError
from license_server.extensions import current, db, writing
from license_server.staff import service
from license_server.staff.roles import SUPPORT
from license_server.web.forms import show_violations
from license_server.web.reauthentication import is_own_password
from serverkit.browsers import browser_name
from serverkit.forms import ConfirmForm, PasswordForm
from serverkit.pages import safe_next

blueprint = Blueprint("account", __name__, url_prefix="/account")

_WRONG = "This is not your present password."


@blueprint.get("")
@access(role=SUPPORT)
def index() -> ResponseReturnValue:
    """Show the person's sessions and what can be changed."""
    return _page(ConfirmForm())


@blueprint.route("/password", methods=["GET", "POST"], endpoint=CHANGE_PASSWORD.split(".")[1])
@access(role=SUPPORT)
def change_password() -> ResponseReturnValue:
    """Change the password; every session ends, this one too."""
    form = PasswordForm()
    if form.validate_on_submit() and _changed(form):
        _forget_session()
        flash("Your password was changed. Sign in with the new one.", "success")
        target = safe_next(request.args.get("next"), url_for("home.index"))
        return redirect(url_for("login.login", next=target))
    page = render_template(
        "license_server/account/password.html", form=form, temporary=caller().password_temporary
    )
    return page, 422 if form.errors else 200


@blueprint.post("/totp")
@access(role=SUPPORT)
def reset_totp() -> ResponseReturnValue:
    """Forget the second factor, if the password is given once more."""
    form = ConfirmForm()
    if not (form.validate_on_submit() and is_own_password(form.present.data)):
        form.present.errors = form.present.errors or [_WRONG]
        return _page(form), 422
    by = caller()
    with writing() as session:
        person = service.get_staff(session, by.staff_id)
        service.reset_totp(session, person, at=current().clock.now(), actor=by.actor)
    _forget_session()
    flash("Sign in again and set up your authenticator app anew.", "success")
    return redirect(url_for("login.login"))


@blueprint.post("/sessions/<int:session_id>/end")
@access(role=SUPPORT)
def end_session(session_id: int) -> ResponseReturnValue:
    """End one of the person's sessions."""
    by = caller()
    with writing() as session:
        person = service.get_staff(session, by.staff_id)
        service.end_own_session(session, person, session_id, at=current().clock.now())
    flash("That browser is signed out.", "success")
    return redirect(url_for("account.index"), 303)


@blueprint.post("/sign-out-everywhere")
@access(role=SUPPORT)
def sign_out_everywhere() -> ResponseReturnValue:
    """End all of the person's sessions, this one too."""
    by = caller()
    with writing() as session:
        service.sign_out_everywhere(
            session,
            service.get_staff(session, by.staff_id),
            at=current().clock.now(),
            actor=by.actor,
        )
    _forget_session()
    flash("You are signed out everywhere.", "success")
    return redirect(url_for("login.login"))


def _forget_session() -> None:
    logout_user()
    cookie.clear()


def _page(form: ConfirmForm) -> str:
    by, now = caller(), current().clock.now()
    rows = service.list_sessions(db.session(), by.staff_id, now)
    present = service.sessions.find(db.session(), by.session_token or "", now)
    return render_template(
        "license_server/account/index.html",
        form=form,
        sessions=rows,
        browser_name=browser_name,
        present_id=present.id if present else None,
        now=now,
    )


def _changed(form: PasswordForm) -> bool:
    if not is_own_password(form.present.data):
        form.present.errors = [_WRONG]
        return False
    if form.password.data == form.present.data:
        form.password.errors = ["This is the present password. Choose another one."]
        return False
    by = caller()
    try:
        with writing() as session:
            service.change_password(
                session,
                service.get_staff(session, by.staff_id),
                form.password.data,
                at=current().clock.now(),
            )
    except InvalidError as error:
        show_violations(form, error)
    return not form.errors
