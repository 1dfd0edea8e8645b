"""Sign in with password and code, and sign out."""

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_user, logout_user

from license_server.access import access, load_from_session
from license_server.extensions import current, db, writing
from license_server.staff import service, sign_in, totp
from license_server.staff.models import StaffSignIn
from license_server.staff.roles import SUPPORT
from license_server.staff.sign_in import Outcome, Refusal
from license_server.web.forms import CodeForm
from serverkit.forms import LoginForm
from serverkit.http import counted_address
from serverkit.pages import present_browser, safe_next
from serverkit.qr import qr_code
from serverkit.rate_limits import limit_sign_in

blueprint = Blueprint("login", __name__)

_STEP = "sign_in"
_CODES_PER_HOUR = "20/hour"
_REFUSALS = {
    Refusal.WRONG: "This is not the code of this moment. Wait for the next one and enter it.",
    Refusal.USED: "This code was used already. Wait for the next one and enter it.",
}


@blueprint.route("/login", methods=["GET", "POST"])
@access(public=True)
def login() -> ResponseReturnValue:
    """Show and take the first step: e-mail and password."""
    target = safe_next(request.args.get("next"), url_for("home.index"))
    if current_user.is_authenticated:
        return redirect(target)
    form = LoginForm()
    if form.validate_on_submit():
        token = _begun(form.email.data, form.password.data)
        if token is not None:
            session.clear()
            session[_STEP] = token
            return redirect(url_for("login.code", next=target))
        form.password.errors = ["E-mail or password is wrong, or the account is disabled."]
    page = render_template("license_server/login/login.html", form=form)
    return page, 422 if form.errors else 200


@blueprint.route("/login/code", methods=["GET", "POST"])
@access(public=True)
def code() -> ResponseReturnValue:
    """Show and take the second step: the code of the authenticator app, set up at the first."""
    if current_user.is_authenticated:
        return redirect(url_for("home.index"))
    begun = sign_in.find(db.session(), session.get(_STEP, ""), current().clock.now())
    if begun is None:
        return _begin_again()
    form = CodeForm()
    if form.validate_on_submit():
        outcome = _finished(begun, form.code.data)
        if outcome.token is not None:
            return _signed_in(outcome.token)
        if outcome.refusal is Refusal.OVER:
            return _begin_again()
        form.code.errors = [_REFUSALS[outcome.refusal or Refusal.WRONG]]
    return _code_page(form), 422 if form.errors else 200


@blueprint.post("/logout")
@access(role=SUPPORT)
def logout() -> ResponseReturnValue:
    """End the session, here and in the database."""
    token = current_user.session_token or ""
    with writing() as writer:
        service.sessions.end(writer, token)
    logout_user()
    session.clear()
    return redirect(url_for("login.login"))


def _begun(email: str, password: str) -> str | None:
    server, browser = current(), present_browser()
    limit_sign_in(server.rate_limiter, "login", address=counted_address(), account=email)
    staff_id = sign_in.verify_login(db.session(), email, password)
    at = server.clock.now()
    with writing() as writer:
        if staff_id is not None:
            return sign_in.begin(writer, staff_id, key=server.totp_key, at=at)
        sign_in.note_wrong_password(writer, email, browser, at)
    return None


def _finished(begun: StaffSignIn, code: str) -> Outcome:
    server, browser, email = current(), present_browser(), begun.staff.email
    limit_sign_in(server.rate_limiter, "code", address=counted_address(), account=email)
    server.rate_limiter.hit(_CODES_PER_HOUR, "code-guessing", email)
    with writing() as writer:
        return sign_in.finish(
            writer,
            session.get(_STEP, ""),
            code,
            browser,
            key=server.totp_key,
            at=server.clock.now(),
        )


def _signed_in(token: str) -> ResponseReturnValue:
    target = safe_next(request.args.get("next"), url_for("home.index"))
    session.clear()
    login_user(load_from_session(token))
    return redirect(target)


def _begin_again() -> ResponseReturnValue:
    session.pop(_STEP, None)
    flash("The sign-in took too long, or was ended. Begin again.", "info")
    return redirect(url_for("login.login", next=request.args.get("next")))


def _code_page(form: CodeForm) -> str:
    begun = sign_in.find(db.session(), session.get(_STEP, ""), current().clock.now())
    if begun is None or begun.staff.totp_sealed is not None:
        return render_template("license_server/login/code.html", form=form)
    secret = sign_in.secret_of(begun, current().totp_key)
    groups = [secret[i : i + 4] for i in range(0, len(secret), 4)]
    return render_template(
        "license_server/login/enroll.html",
        form=form,
        secret=" ".join(groups),
        qr=qr_code(totp.provisioning_uri(secret, begun.staff.email)),
    )
