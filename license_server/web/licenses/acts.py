"""What is done to a license: a page each that says what it does, asks why, and then does it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from wtforms import HiddenField, StringField
from wtforms.validators import InputRequired, Length

from license_server.access import access
from license_server.acting import by_caller, deliver_mails, sign_in_advance
from license_server.activations import service as activations
from license_server.activations.store import get_activation
from license_server.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from license_server.extensions import db, writing
from license_server.licenses import drafts, service, store
from license_server.licenses.writing import Issued
from license_server.rules import LONGEST_REASON, Action, Status, next_status
from license_server.staff.roles import APPROVER, ISSUER
from license_server.web.forms import show_violations
from license_server.web.licenses.blueprint import blueprint
from license_server.web.licenses.page import promises_of, summary
from license_server.web.refused import sentence
from license_token.armor import armor_license


class RemarkForm(FlaskForm):  # type: ignore[misc]
    """What somebody says to it, if anything, and what was looked at."""

    reason = StringField("Reason", [Length(max=LONGEST_REASON)])
    seen = HiddenField()

    def seen_number(self) -> int | None:
        """Return the number of what was looked at."""
        raw = self.seen.data or ""
        return int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 19 else None


class ReasonForm(RemarkForm):
    """The same where a reason is needed."""

    reason = StringField("Reason", [InputRequired("Say why."), Length(max=LONGEST_REASON)])


def _nothing(_session: Session, _license_id: str) -> int:
    return 0


@dataclass(frozen=True)
class Act:
    """One act's page: its words, who may, and how it is done.

    `seen` returns the number of what the person looks at; the services refuse when it is not what
    is there any more, so that sending a form once more does nothing once more.
    """

    action: Action
    role: str
    title: str
    button: str
    says: tuple[str, ...]
    perform: Callable[[str, RemarkForm], ResponseReturnValue]
    seen: Callable[[Session, str], int] = _nothing
    danger: bool = False
    reason: str = ""
    form: type[RemarkForm] = ReasonForm


def _to_license(license_id: str, done: str) -> ResponseReturnValue:
    flash(done, "success")
    return redirect(url_for("licenses.show", license_id=license_id), 303)


def _change_status(
    action: Action, done: str, license_id: str, form: RemarkForm
) -> ResponseReturnValue:
    with writing() as session:
        service.change_status(session, license_id, action, reason=form.reason.data, act=by_caller())
    return _to_license(license_id, done)


def _discard(license_id: str, form: RemarkForm) -> ResponseReturnValue:
    with writing() as session:
        drafts.discard(session, license_id, reason=form.reason.data, act=by_caller())
    return _to_license(license_id, "The draft was discarded.")


def _approve(license_id: str, form: RemarkForm) -> ResponseReturnValue:
    with writing() as session:
        service.approve(
            session, license_id, act=by_caller(), seen=form.seen_number(), remark=form.reason.data
        )
    deliver_mails()
    return _to_license(license_id, "The terms are approved.")


def _issue(license_id: str, form: RemarkForm) -> ResponseReturnValue:
    with writing() as session:
        issued = drafts.issue_draft(
            session,
            license_id,
            reason=form.reason.data,
            act=by_caller(),
            seen=form.seen_number(),
        )
    return _key_page(issued, replaces=False)


def _rekey(license_id: str, form: RemarkForm) -> ResponseReturnValue:
    with writing() as session:
        issued = service.rekey(
            session,
            license_id,
            reason=form.reason.data,
            act=by_caller(),
            seen=form.seen_number(),
        )
    return _key_page(issued, replaces=True)


def _key_page(issued: Issued, *, replaces: bool) -> ResponseReturnValue:
    """Show the key, this once: the answer is stored nowhere and leads on."""
    license_id, key = issued.license.id, issued.key.text
    deliver_mails()
    row = store.get_license(db.session(), license_id)
    return render_template(
        "license_server/licenses/key.html",
        **summary(db.session(), row),
        key=key,
        replaces=replaces,
    )


def _presign(license_id: str, form: RemarkForm) -> ResponseReturnValue:
    reply = sign_in_advance(license_id, seen=form.seen_number(), remark=form.reason.data)
    row = store.get_license(db.session(), license_id)
    return render_template(
        "license_server/licenses/reply.html",
        **summary(db.session(), row),
        armored=armor_license(reply),
    )


def _version(session: Session, license_id: str) -> int:
    return store.latest_version(session, license_id).version


def _key(session: Session, license_id: str) -> int:
    return store.current_key(session, license_id).id


def _presigned(session: Session, license_id: str) -> int:
    return len(store.presigned_replies(session, license_id))


ACTS = {
    "issue": Act(
        Action.ISSUE,
        ISSUER,
        "Issue the license",
        "Issue and show the key",
        (
            "The license key is made and shown once. It is mailed to the customer too.",
            "From then on its terms are changed by new versions only.",
        ),
        _issue,
        seen=_version,
        reason="issued",
    ),
    "discard": Act(
        Action.DISCARD,
        ISSUER,
        "Discard the draft",
        "Discard",
        ("The draft stays to be looked at, and can never be issued.",),
        _discard,
        danger=True,
    ),
    "approve": Act(
        Action.APPROVE,
        APPROVER,
        "Approve the terms",
        "Approve",
        ("You are the second person: these terms come into force by your approval.",),
        _approve,
        seen=_version,
        form=RemarkForm,
    ),
    "suspend": Act(
        Action.SUSPEND,
        ISSUER,
        "Suspend the license",
        "Suspend",
        (
            "The customer's servers become read-only at their next check-in.",
            "It can be reinstated at any time.",
        ),
        partial(_change_status, Action.SUSPEND, "The license is suspended."),
        danger=True,
    ),
    "reinstate": Act(
        Action.REINSTATE,
        ISSUER,
        "Reinstate the license",
        "Reinstate",
        ("The customer's servers open again at their next check-in.",),
        partial(_change_status, Action.REINSTATE, "The license is active again."),
    ),
    "revoke": Act(
        Action.REVOKE,
        ISSUER,
        "Revoke the license",
        "Revoke for ever",
        (
            "The customer's servers lock themselves at their next check-in.",
            "This cannot be undone: a customer who comes back gets a new license.",
        ),
        partial(_change_status, Action.REVOKE, "The license is revoked."),
        danger=True,
    ),
    "rekey": Act(
        Action.REKEY,
        ISSUER,
        "Replace the key",
        "Replace and show the new key",
        (
            "The present key is unknown from now on. The new one is shown once, and mailed.",
            "Servers keep their license until their offline days are over; the new key must be "
            "installed before.",
        ),
        _rekey,
        seen=_key,
        danger=True,
    ),
    "presign": Act(
        Action.PRESIGN,
        APPROVER,
        "Sign a reply in advance",
        "Sign and show the reply",
        (
            "For a deployment that must start without ever asking: any one server in air-gap mode "
            "can install it, and it cannot be called back.",
            "Where a request file can be carried, answer that instead.",
        ),
        _presign,
        seen=_presigned,
        danger=True,
    ),
}


def _register(name: str, act: Act) -> None:
    @access(role=act.role)
    def view(license_id: str) -> ResponseReturnValue:
        row = store.get_license(db.session(), license_id)
        next_status(act.action, Status(row.status))
        if request.method == "GET":
            seen = str(act.seen(db.session(), license_id))
            return _page(act, license_id, act.form(data={"reason": act.reason, "seen": seen}))
        form = act.form()
        if not form.validate_on_submit():
            return _page(act, license_id, form), 422
        return _performed(act, license_id, form)

    blueprint.add_url_rule(f"/<record:license_id>/{name}", name, view, methods=["GET", "POST"])


def _performed(act: Act, license_id: str, form: RemarkForm) -> ResponseReturnValue:
    try:
        return act.perform(license_id, form)
    except InvalidError as error:
        show_violations(form, error)
        return _page(act, license_id, form), 422
    except (ConflictError, ForbiddenError) as error:
        flash(sentence(error), "danger")
        return redirect(url_for("licenses.show", license_id=license_id), 303)


def _page(act: Act, license_id: str, form: RemarkForm) -> str:
    row = store.get_license(db.session(), license_id)
    version = store.latest_version(db.session(), license_id)
    told = act.action in (Action.APPROVE, Action.ISSUE, Action.PRESIGN)
    return render_template(
        "license_server/licenses/act.html",
        **summary(db.session(), row),
        act=act,
        form=form,
        promises=promises_of(version) if told else (),
    )


for _name, _act in ACTS.items():
    _register(_name, _act)


@blueprint.route(
    "/<record:license_id>/activations/<record:activation_id>/release", methods=["GET", "POST"]
)
@access(role=ISSUER)
def release(license_id: str, activation_id: str) -> ResponseReturnValue:
    """Free the place of a server."""
    form = ReasonForm()
    activation = get_activation(db.session(), activation_id)
    if activation.license_id != license_id:
        raise NotFoundError("the license has no activation with this id")
    if form.validate_on_submit():
        by = by_caller()
        try:
            with writing() as session:
                activations.release(
                    session, activation_id, reason=form.reason.data, actor=by.actor, at=by.at
                )
            return _to_license(license_id, "The server's place is free.")
        except InvalidError as error:
            show_violations(form, error)
        except ConflictError as error:
            flash(sentence(error), "danger")
            return redirect(url_for("licenses.show", license_id=license_id), 303)
    row = store.get_license(db.session(), license_id)
    page = render_template(
        "license_server/licenses/release.html",
        **summary(db.session(), row),
        form=form,
        activation=get_activation(db.session(), activation_id),
    )
    return page, 422 if form.errors else 200
