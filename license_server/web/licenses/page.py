"""The page of one license, and the review of a draft."""

from dataclasses import dataclass
from itertools import pairwise

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from license_server.access import access, caller
from license_server.activations import store as activations
from license_server.audit import AuditEvent
from license_server.extensions import current, db
from license_server.licenses import store, words
from license_server.licenses.models import License, TermsVersion
from license_server.outbox import messages
from license_server.outbox.search import MailFilter
from license_server.outbox.search import search as search_mails
from license_server.rules import Action, Status, allows, approval_reasons
from license_server.staff.roles import APPROVER, SUPPORT
from license_server.web.licenses.blueprint import blueprint
from serverkit.audit.search import EventFilter, search

_NEWEST = 20
_MASKED = "SENT-•••••-•••••-•••••-•••••-•••••"


@dataclass(frozen=True)
class VersionView:
    """One version of terms as the history shows it."""

    version: TermsVersion
    approval: str
    differences: tuple[words.Difference, ...]


@blueprint.get("/<record:license_id>")
@access(role=SUPPORT)
def show(license_id: str) -> ResponseReturnValue:
    """Show all that is known of a license, and what can be done to it."""
    session, now = db.session(), current().clock.now()
    row = store.get_license(session, license_id)
    rows = activations.of_license(session, row.id)
    events = EventFilter({"target": (f"license:{row.id}",)})
    return render_template(
        "license_server/licenses/show.html",
        **summary(session, row),
        history=_history(store.versions(session, row.id)),
        keys=store.keys(session, row.id),
        activations=rows,
        flags=activations.open_flags(session, [each.id for each in rows]),
        mails=search_mails(session, MailFilter(license_id=row.id), page_size=_NEWEST),
        presigned=store.presigned_replies(session, row.id),
        events=search(session, AuditEvent, events, page_size=_NEWEST),
        now=now,
    )


@blueprint.get("/<record:license_id>/review")
@access(role=SUPPORT)
def review(license_id: str) -> ResponseReturnValue:
    """Say in words what a draft would sign and mail, and whether it needs a second person."""
    session = db.session()
    row = store.get_license(session, license_id)
    if row.status != Status.DRAFT:
        return redirect(url_for("licenses.show", license_id=row.id))
    version = store.latest_version(session, row.id)
    letter = messages.key_mail(
        customer_name=version.customer_name,
        license_key=_MASKED,
        tier=version.tier,
        expires_at=version.expires_at,
        replaces=False,
    )
    return render_template(
        "license_server/licenses/review.html",
        **summary(session, row),
        letter=letter,
        promises=promises_of(version),
        names_its_customer=store.names_its_customer(version, row.customer),
    )


def summary(session: Session, row: License) -> dict[str, object]:
    """Return what every page about one license shows at its top."""
    version, by = store.latest_version(session, row.id), caller()
    granted = store.granted_version(session, row.id)
    status, approval = Status(row.status), store.approval_state(version)
    waits = approval == "pending" and allows(Action.APPROVE, status)
    return {
        "license": row,
        "version": version,
        "granted": granted,
        "key_hint": store.key_hint(session, row.id),
        "waits": waits,
        "approval": approval,
        "reasons": approval_reasons(version.terms, today=version.starts_on),
        "may_approve": waits and by.may(APPROVER) and by.actor != version.created_by,
        "can": {action.value: allows(action, status) for action in Action},
        "today": current().clock.now().date(),
        "words": words,
    }


def promises_of(version: TermsVersion) -> tuple[str, ...]:
    """Return in sentences what a version gets the customer."""
    return words.promises(version.customer_name, version.customer_email, version.terms)


def _history(versions: list[TermsVersion]) -> list[VersionView]:
    """Return the versions, the newest first, each with what it changed."""
    stated = {version.version: store.stated(version) for version in versions}
    changed = {
        newer.version: words.differences(stated[older.version], stated[newer.version])
        for newer, older in pairwise(versions)
    }
    return [
        VersionView(version, store.approval_state(version), changed.get(version.version, ()))
        for version in versions
    ]
