"""Staff: who may sign in, and as what."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from license_server.access import access, caller
from license_server.errors import ConflictError, ForbiddenError, InvalidError
from license_server.extensions import current, db, writing
from license_server.staff import service, tokens
from license_server.staff.models import Staff
from license_server.staff.roles import APPROVER
from license_server.staff.service import StaffChange
from license_server.web.forms import InviteForm, show_violations
from license_server.web.reauthentication import LONGEST, password_required, prove
from license_server.web.refused import sentence
from serverkit.passwords import generate_password

blueprint = Blueprint("staff", __name__, url_prefix="/staff")


@blueprint.get("")
@access(role=APPROVER)
def index() -> ResponseReturnValue:
    """List everybody, with a form that invites."""
    return _page(InviteForm(formdata=None))


@blueprint.post("")
@access(role=APPROVER)
def invite() -> ResponseReturnValue:
    """Add a person; the answer shows the password, this once."""
    form, password = InviteForm(), generate_password()
    if form.validate_on_submit():
        staff_id = _invited(form, password)
        if staff_id is not None:
            return _person_page(staff_id, password)
    return _page(form), 422


@blueprint.get("/<int:staff_id>")
@access(role=APPROVER)
def show(staff_id: int) -> ResponseReturnValue:
    """Show a person, their tokens, and what can be done."""
    return _person_page(staff_id)


@blueprint.post("/<int:staff_id>/reset-password")
@access(role=APPROVER)
def reset_password(staff_id: int) -> ResponseReturnValue:
    """Give a person a new password; the answer shows it, this once."""
    password = generate_password()
    if caller().staff_id == staff_id:
        raise ForbiddenError("change your own password on your account's page", code="oneself")
    change = partial(service.reset_password, password=password, temporary=True)
    try:
        _apply(staff_id, change, opens=_is_approver)
    except ForbiddenError as error:
        flash(sentence(error), "danger")
        return redirect(url_for("staff.show", staff_id=staff_id), 303)
    return _person_page(staff_id, password)


@blueprint.post("/<int:staff_id>/revoke-token")
@access(role=APPROVER)
def revoke_token(staff_id: int) -> ResponseReturnValue:
    """Stop a person's token from working at once."""
    hint = request.form.get("hint", "").replace("\0", "")

    def change(session: Session, person: Staff, *, at: datetime, actor: str) -> None:
        tokens.revoke_token(session, person, hint, at=at, actor=actor)

    return _changed(staff_id, change, "The token was revoked.")


@blueprint.post("/<int:staff_id>/reset-totp")
@access(role=APPROVER)
def reset_totp(staff_id: int) -> ResponseReturnValue:
    """Forget a person's second factor."""
    if caller().staff_id == staff_id:
        raise ForbiddenError("reset your own on your account's page", code="oneself")
    done = "{} sets up a new one at the next sign-in."
    return _changed(staff_id, service.reset_totp, done, opens=_is_approver)


@blueprint.post("/<int:staff_id>/disable")
@access(role=APPROVER)
def disable(staff_id: int) -> ResponseReturnValue:
    """Disable a person and end the sessions."""
    return _changed(staff_id, service.disable_staff, "{} is disabled.")


@blueprint.post("/<int:staff_id>/enable")
@access(role=APPROVER)
def enable(staff_id: int) -> ResponseReturnValue:
    """Let a disabled person sign in again."""
    return _changed(staff_id, service.enable_staff, "{} may sign in again.", opens=_is_approver)


@blueprint.post("/<int:staff_id>/role")
@access(role=APPROVER)
def set_role(staff_id: int) -> ResponseReturnValue:
    """Give a person another role."""
    role = request.form.get("role", "")
    change = partial(service.set_role, role=role)
    done = f"{{}} has the role {role}."
    return _changed(staff_id, change, done, opens=lambda person: role == APPROVER != person.role)


def _page(form: InviteForm) -> str:
    people = service.list_staff(db.session())
    return render_template("license_server/staff/index.html", form=form, people=people)


def _person_page(staff_id: int, password: str = "") -> str:
    """Show a person, with the password that was just made for them, if one was."""
    session, now = db.session(), current().clock.now()
    return render_template(
        "license_server/staff/show.html",
        person=service.get_staff(session, staff_id),
        tokens=tokens.live_tokens(session, staff_id, now),
        sessions=service.list_sessions(session, staff_id, now),
        password=password,
        now=now,
    )


def _invited(form: InviteForm, password: str) -> int | None:
    try:
        if form.role.data == APPROVER:
            prove(form.your_password.data or "")
        with writing() as session:
            return service.create_staff(
                session,
                email=form.email.data,
                password=password,
                role=form.role.data,
                at=current().clock.now(),
                actor=caller().actor,
                temporary=True,
            ).id
    except InvalidError as error:
        show_violations(form, error)
    except ConflictError as error:
        form.email.errors = [sentence(error)]
    except ForbiddenError as error:
        form.your_password.errors = [sentence(error)]
    return None


def _is_approver(person: Staff) -> bool:
    return person.role == APPROVER


def _opens_nothing(_person: Staff) -> bool:
    return False


def _apply(
    staff_id: int, change: StaffChange, *, opens: Callable[[Staff], bool] = _opens_nothing
) -> str:
    """Change a person and return the e-mail.

    Where that makes or `opens` an approver's account, one's own password comes first.
    """
    by = caller()
    proved = opens(service.get_staff(db.session(), staff_id))
    if proved:
        prove(request.form.get("your_password", "")[:LONGEST])
    with writing() as session:
        person = service.get_staff(session, staff_id)
        if opens(person) and not proved:
            raise password_required()  # The account became another one meanwhile.
        change(session, person, at=current().clock.now(), actor=by.actor)
        return person.email


def _changed(
    staff_id: int,
    change: StaffChange,
    done: str,
    *,
    opens: Callable[[Staff], bool] = _opens_nothing,
) -> ResponseReturnValue:
    try:
        flash(done.format(_apply(staff_id, change, opens=opens)), "success")
    except (ConflictError, ForbiddenError) as error:
        flash(sentence(error), "danger")
    return redirect(url_for("staff.show", staff_id=staff_id), 303)
