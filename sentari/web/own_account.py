"""A person's own account: password, sessions, the API tokens that they made."""

from flask import Blueprint, flash, redirect, render_template, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_user, logout_user

from sentari.accounts import service
from sentari.accounts.service import AccountError
from sentari.accounts.sessions import load_from_session
from sentari.extensions import current, db, writing
from sentari.web.access import access
from sentari.web.reauthentication import reauthenticate, require_person
from serverkit.browsers import browser_name
from serverkit.forms import PasswordForm
from serverkit.pages import present_browser
from serverkit.passwords import PasswordRefusedError

blueprint = Blueprint("own_account", __name__)


@blueprint.get("/account")
def index() -> ResponseReturnValue:
    """Show the person's sessions and what can be changed."""
    user_id, now = require_person(), current().clock.now()
    user = service.get_user(db.session(), user_id)
    present = service.sessions.find(db.session(), current_user.session_token, now)
    return render_template(
        "sentari/account/index.html",
        user=user,
        sessions=service.list_sessions(db.session(), user_id, now),
        tokens=service.tokens_made_by(db.session(), user, now),
        present_id=present.id if present else None,
        browser_name=browser_name,
        now=now,
    )


@blueprint.route("/account/password", methods=["GET", "POST"])
@access(role="viewer")
def password() -> ResponseReturnValue:
    """Change the password; every other session ends."""
    require_person()
    form = PasswordForm()
    if form.validate_on_submit() and password_changed(form):
        flash("Your password was changed. Every other browser was signed out.", "success")
        return redirect(url_for("own_account.index"), 303)
    return render_template("sentari/account/password.html", form=form), 422 if form.errors else 200


# Ending a session is signing out, which the license never closes: so are the addresses.


@blueprint.post("/logout/<int:session_id>")
@access(role="viewer", gate="open")
def end_session(session_id: int) -> ResponseReturnValue:
    """End one of the person's sessions."""
    end_own(session_id)
    flash("That browser is signed out.", "success")
    return redirect(url_for("own_account.index"), 303)


@blueprint.post("/logout/everywhere")
@access(role="viewer", gate="open")
def sign_out_everywhere() -> ResponseReturnValue:
    """End all of the person's sessions, this one too."""
    end_all_own()
    flash("You are signed out everywhere.", "success")
    return redirect(url_for("account.login"), 303)


def password_changed(form: PasswordForm) -> bool:
    """Change the person's password; or say in the form why not."""
    try:
        change_password(form.present.data, form.password.data)
    except PasswordRefusedError as error:
        form.password.errors = [str(error)]
    except AccountError as error:
        form.present.errors = [str(error)]
    return not form.errors


def change_password(present: str, password: str) -> None:
    """Change the person's password, end every session, and begin one anew for this browser."""
    require_person()
    if password == present:
        raise PasswordRefusedError("This is the present password. Choose another one.")
    verified = reauthenticate(present, wrong="This is not your present password.")
    with writing() as writer:
        token = service.change_own_password(
            writer, verified, password, present_browser(), at=current().clock.now()
        )
    session.clear()
    login_user(load_from_session(token))


def end_own(session_id: int) -> None:
    """End one of the person's sessions."""
    user_id, now = require_person(), current().clock.now()
    with writing() as writer:
        user = service.get_user(writer, user_id)
        service.end_own_session(writer, user, session_id, at=now)


def end_all_own() -> None:
    """End all of the person's sessions, this one too."""
    user_id, now = require_person(), current().clock.now()
    with writing() as writer:
        service.sign_out_everywhere(writer, service.get_user(writer, user_id), at=now)
    logout_user()
    session.clear()
