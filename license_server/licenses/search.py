"""Find licenses by what stands in their newest terms. Never commits."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session, contains_eager

from license_server.customers.models import Customer
from license_server.errors import InvalidError, Violation
from license_server.licenses.models import IssuedKey, License, TermsApproval, TermsVersion
from license_server.rules import LATEST_EXPIRY, Status
from serverkit.paging import Page

LONGEST_SEARCH = 256
MOST_DAYS = 3650
OPEN = (Status.DRAFT.value, Status.ACTIVE.value, Status.SUSPENDED.value)

_SORTS: dict[str, Any] = {
    "customer": func.lower(Customer.name),
    "tier": TermsVersion.tier,
    "status": License.status,
    "expires_at": TermsVersion.expires_at,
    "created_at": License.created_at,
    "changed_at": TermsVersion.created_at,
}
DEFAULT_SORT = "-created_at"


@dataclass(frozen=True)
class LicenseRow:
    """A license with its newest terms, as lists show it."""

    license: License
    version: TermsVersion
    key_hint: str | None


@dataclass(frozen=True)
class LicenseFilter:
    """Which licenses, in which order. What is empty asks for nothing."""

    search: str = ""
    status: str = ""
    tier: str = ""
    expires_within_days: int | None = None
    waiting: bool = False
    customer_id: str = ""
    sort: str = DEFAULT_SORT

    @classmethod
    def parse(cls, arguments: Mapping[str, str]) -> "LicenseFilter":
        """Read a query string; InvalidError says what a parameter takes."""
        given = {name: arguments.get(name, "").strip() for name in ("search", "status", "tier")}
        sort = arguments.get("sort") or DEFAULT_SORT
        if given["status"] not in ("", *Status):
            raise _refused("status", f"is one of {', '.join(Status)}")
        if sort.removeprefix("-") not in _SORTS:
            raise _refused("sort", f"is one of {', '.join(_SORTS)}, with - in front to turn it")
        return cls(
            # PostgreSQL takes no NUL in a text, and no license has one.
            search=given["search"].replace("\0", "")[:LONGEST_SEARCH],
            status=given["status"],
            tier=given["tier"].replace("\0", "")[:LONGEST_SEARCH],
            expires_within_days=_days(arguments.get("expires_within_days", "")),
            waiting=arguments.get("waiting") == "yes",
            sort=sort,
        )


def find_licenses(
    session: Session, wanted: LicenseFilter, today: date, *, page: int, page_size: int
) -> Page[LicenseRow]:
    """Return one page of the licenses that match."""
    query = _query(wanted, today)
    total = session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0
    rows = session.execute(query.offset((page - 1) * page_size).limit(page_size))
    return Page([LicenseRow(*row) for row in rows], total, page, page_size)


def every_license(session: Session, wanted: LicenseFilter, today: date) -> Iterator[LicenseRow]:
    """Yield all licenses that match, without holding them in memory."""
    for row in session.execute(_query(wanted, today).execution_options(yield_per=500)):
        yield LicenseRow(*row)


def waiting_for_approval(session: Session, today: date) -> list[LicenseRow]:
    """Return what waits for a second person, drafts too, the longest wait first."""
    return list(every_license(session, LicenseFilter(waiting=True, sort="changed_at"), today))


def tiers(session: Session) -> list[str]:
    """Return every tier that occurs, by name."""
    return list(session.scalars(select(TermsVersion.tier).distinct().order_by(TermsVersion.tier)))


def _query(wanted: LicenseFilter, today: date) -> Select[Any]:
    newest = (
        select(TermsVersion.license_id, func.max(TermsVersion.version).label("version"))
        .group_by(TermsVersion.license_id)
        .subquery()
    )
    is_newest = and_(
        newest.c.license_id == TermsVersion.license_id, newest.c.version == TermsVersion.version
    )
    is_current = and_(IssuedKey.license_id == License.id, IssuedKey.replaced_at.is_(None))
    query: Any = (
        select(License, TermsVersion, IssuedKey.hint)
        .join(License.customer)
        .join(TermsVersion, TermsVersion.license_id == License.id)
        .join(newest, is_newest)
        .outerjoin(TermsVersion.approval)
        .outerjoin(IssuedKey, is_current)
        .options(contains_eager(License.customer), contains_eager(TermsVersion.approval))
    )
    column = _SORTS[wanted.sort.removeprefix("-")]
    ordered = column.desc() if wanted.sort.startswith("-") else column
    found: Select[Any] = query.where(*_conditions(wanted, today))
    return found.order_by(ordered, License.id)


def _conditions(wanted: LicenseFilter, today: date) -> Iterator[ColumnElement[bool]]:
    if wanted.customer_id:
        yield License.customer_id == wanted.customer_id
    if wanted.status:
        yield License.status == wanted.status
    if wanted.tier:
        yield TermsVersion.tier == wanted.tier
    if wanted.search:
        fields = (Customer.name, Customer.email, TermsVersion.contract_reference, IssuedKey.hint)
        found = (each.icontains(wanted.search, autoescape=True) for each in fields)
        yield or_(License.id == wanted.search, *found)
    if wanted.expires_within_days is not None:
        last = min(today + timedelta(days=wanted.expires_within_days), LATEST_EXPIRY)
        yield TermsVersion.expires_at.between(today, last)
    if wanted.waiting:
        yield TermsVersion.approval_required.is_(True)
        yield TermsApproval.approved_at.is_(None)
        yield License.status.in_(OPEN)


def _days(raw: str) -> int | None:
    if not raw.strip():
        return None
    text = raw.strip()
    if not (text.isascii() and text.isdigit() and len(text) < 6 and int(text) <= MOST_DAYS):
        raise _refused("expires_within_days", f"is a whole number from 0 to {MOST_DAYS}")
    return int(text)


def _refused(name: str, what: str) -> InvalidError:
    return InvalidError((Violation(name, what),))
