"""Sign in, choose a password at the first time, sign out; first-run setup."""

import hmac

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_user, logout_user

from sentari.accounts import service
from sentari.accounts.service import AccountError, Verified
from sentari.accounts.sessions import load_from_session
from sentari.audit.store import record
from sentari.extensions import current, db, writing
from sentari.web.access import CHOOSE_PASSWORD, access
from sentari.web.forms import SetupForm
from sentari.web.own_account import password_changed
from serverkit.forms import LoginForm, PasswordForm
from serverkit.http import counted_address
from serverkit.pages import present_browser, safe_next
from serverkit.passwords import PasswordRefusedError
from serverkit.problems import Problem
from serverkit.rate_limits import SIGN_IN_LIMIT, limit_sign_in
from serverkit.secrets import derive_key

blueprint = Blueprint("account", __name__)


@blueprint.route("/login", methods=["GET", "POST"])
@access(public=True, gate="open")
def login() -> ResponseReturnValue:
    """Show and take the sign-in form."""
    target = safe_next(request.args.get("next"), url_for("overview.index"))
    if current_user.is_authenticated:
        return redirect(target)
    if not service.any_user(db.session()):
        return redirect(url_for("account.setup"))
    form = LoginForm()
    if form.validate_on_submit():
        try:
            _sign_in(_verified(form.email.data, form.password.data))
            return redirect(target)
        except AccountError as error:
            form.password.errors = [str(error)]
    return render_template("sentari/account/login.html", form=form), 422 if form.errors else 200


@blueprint.route("/login/password", methods=["GET", "POST"], endpoint=CHOOSE_PASSWORD.split(".")[1])
@access(role="viewer", gate="open")
def choose_password() -> ResponseReturnValue:
    """Take the place of a one-time password; the last step of signing in for the first time."""
    target = safe_next(request.args.get("next"), url_for("overview.index"))
    if not current_user.owes_password:
        return redirect(target)
    form = PasswordForm()
    form.present.label.text = "One-time password"
    if form.validate_on_submit() and password_changed(form):
        return redirect(target)
    page = render_template("sentari/account/choose_password.html", form=form)
    return page, 422 if form.errors else 200


def _verified(email: str, password: str) -> Verified:
    limit_sign_in(current().rate_limiter, "login", address=counted_address(), account=email)
    user = service.verify_login(db.session(), email, password)
    if user is None:
        _note_failure(email)
        raise AccountError("E-mail or password is wrong, or the account is disabled.")
    if user.one_time_over(current().clock.now()):
        _note_failure(email, reason="one_time_password_expired")
        raise AccountError("This one-time password has expired. Ask an admin for a new one.")
    return Verified.of(user)


def _note_failure(email: str, **detail: str) -> None:
    detail = {"address": request.remote_addr or "", **detail}
    with writing() as writer:
        record(
            writer, at=current().clock.now(), actor="anonymous", action="USER_LOGIN_FAILED",
            target=email.strip()[:254], detail=detail,
        )  # fmt: skip


def _sign_in(verified: Verified) -> None:
    with writing() as writer:
        token = service.begin_session(writer, verified, present_browser(), at=current().clock.now())
    session.clear()
    login_user(load_from_session(token))


@blueprint.post("/logout")
@access(role="viewer", gate="open")
def logout() -> ResponseReturnValue:
    """End the session, here and in the database."""
    token = current_user.session_token or ""
    with writing() as writer:
        service.sessions.end(writer, token)
    logout_user()
    session.clear()
    return redirect(url_for("account.login"))


@blueprint.route("/setup", methods=["GET", "POST"])
@access(public=True, gate="open")
def setup() -> ResponseReturnValue:
    """Make the first admin, with the token from the server's log."""
    if service.any_user(db.session()):
        raise Problem(404, "not_found", "Not found", "Sentari is set up already. Sign in instead.")
    form = SetupForm()
    if form.validate_on_submit() and _made_first_admin(form):
        _sign_in(_verified(form.email.data, form.password.data))
        flash("Sentari is set up, and you are signed in.", "success")
        return redirect(url_for("overview.index"))
    return render_template("sentari/account/setup.html", form=form), 422 if form.errors else 200


def _made_first_admin(form: SetupForm) -> bool:
    current().rate_limiter.hit(SIGN_IN_LIMIT, "setup", counted_address())
    if not hmac.compare_digest(form.token.data.strip().encode(), setup_token().encode()):
        form.token.errors = ["This is not the token in the server's log."]
        return False
    try:
        with writing() as writer:
            now = current().clock.now()
            service.create_first_admin(
                writer, email=form.email.data, password=form.password.data, at=now
            )
    except PasswordRefusedError as error:
        form.password.errors = [str(error)]
    except AccountError as error:
        form.email.errors = [str(error)]
    return not form.errors


def setup_token() -> str:
    """Return the token that proves access to the server's log; the same in every worker."""
    return derive_key(current().settings.secret_key, "setup-token").hex()[:32]
