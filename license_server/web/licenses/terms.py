"""Change the terms: renew, upgrade, correct. A license in use shows what changes before it does."""

import hashlib
from dataclasses import asdict
from datetime import date

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from license_server.access import access
from license_server.acting import by_caller, deliver_mails
from license_server.errors import ConflictError, InvalidError
from license_server.extensions import current, db, writing
from license_server.licenses import service, store, words
from license_server.licenses.models import License, TermsVersion
from license_server.licenses.words import Difference
from license_server.rules import Action, Status, add_years, approval_reasons, next_status
from license_server.staff.roles import ISSUER
from license_server.web.forms import show_violations
from license_server.web.licenses.blueprint import blueprint
from license_server.web.licenses.page import summary
from license_server.web.refused import sentence
from license_server.web.terms_form import TermsForm, asked_years, filled_with


@blueprint.route("/<record:license_id>/terms", methods=["GET", "POST"])
@access(role=ISSUER)
def terms(license_id: str) -> ResponseReturnValue:
    """Show the newest terms in a form and write the next version."""
    row = store.get_license(db.session(), license_id)
    next_status(Action.CHANGE_TERMS, Status(row.status))
    latest = store.latest_version(db.session(), license_id)
    form = TermsForm(data=filled_with(latest.terms, latest.version))
    years = asked_years(request.values)
    if years is not None:
        form.put_date(_later(latest, years))
        return _page(row, form)
    if not form.validate_on_submit():
        return _page(row, form), 422 if form.errors else 200
    found = _differences(row, latest, form)
    if row.status != Status.DRAFT and request.form.get("confirmed") != _digest(found):
        return _check(row, latest, form, found)
    return _save(row, form)


def _later(latest: TermsVersion, years: int) -> date:
    """Return the date some years after the present end, or after today when that is over."""
    return add_years(max(latest.expires_at, current().clock.now().date()), years)


def _differences(row: License, latest: TermsVersion, form: TermsForm) -> tuple[Difference, ...]:
    who = {"customer_name": row.customer.name, "customer_email": row.customer.email}
    return words.differences(store.stated(latest), {**asdict(form.terms()), **who})


def _digest(found: tuple[Difference, ...]) -> str:
    """Return what says that just these changes were shown: others are shown anew."""
    return hashlib.sha256(repr(found).encode()).hexdigest()[:16]


def _check(
    row: License, latest: TermsVersion, form: TermsForm, found: tuple[Difference, ...]
) -> ResponseReturnValue:
    """Show what would change; the rules are asked already, so that nothing is confirmed in vain."""
    today = current().clock.now().date()
    try:
        service.check_change(row, latest, form.terms(), form.reason.data, today=today)
    except InvalidError as error:
        show_violations(form, error)
        return _page(row, form), 422
    reasons = approval_reasons(form.terms(), today=today)
    return _page(row, form, found=found, digest=_digest(found), second_person=reasons)


def _save(row: License, form: TermsForm) -> ResponseReturnValue:
    license_id, draft = row.id, row.status == Status.DRAFT
    try:
        with writing() as session:
            version = service.change_terms(
                session,
                license_id,
                asdict(form.terms()),
                reason=form.reason.data,
                act=by_caller(),
                seen=form.seen_version(),
            )
            waits = store.approval_state(version) == "pending"
    except InvalidError as error:
        show_violations(form, error)
        return _page(store.get_license(db.session(), license_id), form), 422
    except ConflictError as error:
        form.reason.errors = [sentence(error)]
        return _page(store.get_license(db.session(), license_id), form), 409
    deliver_mails()
    if draft:
        return redirect(url_for("licenses.review", license_id=license_id))
    flash(_WAITS if waits else _CHANGED, "success")
    return redirect(url_for("licenses.show", license_id=license_id))


_CHANGED = "The terms were changed. Servers get them at their next check-in."
_WAITS = "The terms were changed. Until a second person approves them, those before stay in force."


def _page(row: License, form: TermsForm, **checked: object) -> str:
    return render_template(
        "license_server/licenses/terms.html", form=form, **summary(db.session(), row), **checked
    )
