"""What staff's lists show of activations, check-ins and flags. Never commits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.orm import Session, contains_eager, joinedload

from license_server.activations.models import Activation, ActivationFlag, CheckIn
from license_server.activations.store import open_flags
from license_server.customers.models import Customer
from license_server.licenses.models import License, TermsVersion
from license_server.notices.rules import is_silent
from license_server.rules import Status
from serverkit.line_chart import Point
from serverkit.paging import Page

SILENT, FLAGGED, RELEASED, IN_USE = STATES = ("silent", "flagged", "released", "in_use")
# Half of the fewest offline days that a license can have.
_SHORTEST_SILENCE = timedelta(days=1) / 2


@dataclass(frozen=True)
class ActivationFilter:
    """Which activations; empty texts are any."""

    search: str = ""
    state: str = ""


@dataclass(frozen=True)
class Listed:
    """One row of the list."""

    activation: Activation
    flags: Sequence[str]
    silent: bool


def search_activations(
    session: Session, asked: ActivationFilter, now: datetime, *, page: int, page_size: int
) -> Page[Listed]:
    """Return activations with their license and customer, the last seen first."""
    query = _filtered(session, asked, now)
    total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    rows = session.scalars(
        query.options(contains_eager(Activation.license).contains_eager(License.customer))
        .order_by(Activation.last_check_in_at.desc(), Activation.id)
        .offset((page - 1) * page_size)
        .limit(page_size)
    ).all()
    flags = open_flags(session, [row.id for row in rows])
    silent = silent_ids(session, now)
    listed = [Listed(row, flags.get(row.id, []), row.id in silent) for row in rows]
    return Page(listed, total, page, page_size)


def _filtered(session: Session, asked: ActivationFilter, now: datetime) -> Select[Any]:
    query = (
        select(Activation)
        .join(License, License.id == Activation.license_id)
        .join(Customer, Customer.id == License.customer_id)
    )
    if asked.search:
        texts = (Activation.instance_id, Activation.license_id, Customer.name, Customer.email)
        matches = (column.icontains(asked.search, autoescape=True) for column in texts)
        query = query.where(or_(*matches))
    if asked.state == RELEASED:
        return query.where(Activation.released_at.is_not(None))
    if asked.state == IN_USE:
        return query.where(Activation.released_at.is_(None))
    if asked.state == FLAGGED:
        flagged = select(ActivationFlag.activation_id).where(ActivationFlag.resolved_at.is_(None))
        return query.where(Activation.id.in_(flagged))
    if asked.state == SILENT:
        return query.where(Activation.id.in_(silent_ids(session, now)))
    return query


def silent_ids(session: Session, now: datetime) -> set[str]:
    """Return the activations that have been silent for half of the offline days they were given."""
    query = (
        select(Activation.id, Activation.last_check_in_at, TermsVersion.max_offline_days)
        .join(License, License.id == Activation.license_id)
        .join(CheckIn, and_(CheckIn.activation_id == Activation.id, CheckIn.seq == Activation.seq))
        .join(TermsVersion, TermsVersion.id == CheckIn.terms_version_id)
        .where(
            License.status == Status.ACTIVE.value,
            Activation.released_at.is_(None),
            Activation.last_check_in_at <= now - _SHORTEST_SILENCE,
        )
    )
    return {row.id for row in session.execute(query) if is_silent(row[1], row[2], now)}


def usage_since(session: Session, activation_id: str, start: datetime) -> list[CheckIn]:
    """Return the check-ins since a moment, oldest first."""
    query = select(CheckIn).where(
        CheckIn.activation_id == activation_id, CheckIn.received_at >= start
    )
    return list(session.scalars(query.order_by(CheckIn.seq)))


def counted(check_ins: Sequence[CheckIn], what: str) -> list[Point]:
    """Return what was used over time; `what` is `devices` or `packages`."""
    return [(row.received_at, getattr(row, what)) for row in check_ins]


def check_in_page(
    session: Session, activation_id: str, *, page: int, page_size: int
) -> Page[CheckIn]:
    """Return check-ins, newest first."""
    query = select(CheckIn).where(CheckIn.activation_id == activation_id)
    total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    rows = session.scalars(
        query.order_by(CheckIn.seq.desc()).offset((page - 1) * page_size).limit(page_size)
    ).all()
    return Page(rows, total, page, page_size)


def flag_page(
    session: Session, *, kind: str, resolved: bool, page: int, page_size: int
) -> Page[ActivationFlag]:
    """Return flags with whose they are: open ones oldest first, resolved ones newest first."""
    over = ActivationFlag.resolved_at.is_not(None)
    query = select(ActivationFlag).where(over if resolved else ~over)
    if kind:
        query = query.where(ActivationFlag.kind == kind)
    total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    order = ActivationFlag.resolved_at.desc() if resolved else ActivationFlag.first_seen_at
    owners = (
        joinedload(ActivationFlag.activation)
        .joinedload(Activation.license)
        .joinedload(License.customer)
    )
    rows = session.scalars(
        query.options(owners)
        .order_by(order, ActivationFlag.id)
        .offset((page - 1) * page_size)
        .limit(page_size)
    ).all()
    return Page(rows, total, page, page_size)
