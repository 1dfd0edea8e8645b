"""Look mails up. Never commits."""

from dataclasses import dataclass

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, contains_eager

from license_server.customers.models import Customer
from license_server.licenses.models import License
from license_server.outbox.models import OutboxMail
from serverkit.paging import Page

LONGEST_SEARCH = 254


@dataclass(frozen=True)
class MailFilter:
    """Which mails; what is empty asks for nothing.

    `text` stands in the address, the subject or the customer's name.
    """

    state: str = ""
    kind: str = ""
    license_id: str = ""
    text: str = ""


def search(
    session: Session, wanted: MailFilter, *, page: int = 1, page_size: int = 50
) -> Page[OutboxMail]:
    """Return one page of mails with their licenses and customers, newest first."""
    query = (
        select(OutboxMail)
        .join(OutboxMail.license)
        .join(License.customer)
        .options(contains_eager(OutboxMail.license).contains_eager(License.customer))
    )
    for name in ("state", "kind", "license_id"):
        value: str = getattr(wanted, name)
        if value:
            query = query.where(getattr(OutboxMail, name) == value[:LONGEST_SEARCH])
    if wanted.text:
        fields = (OutboxMail.recipient, OutboxMail.subject, Customer.name)
        text = wanted.text[:LONGEST_SEARCH]
        query = query.where(or_(*(each.icontains(text, autoescape=True) for each in fields)))
    total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    ordered = query.order_by(OutboxMail.created_at.desc(), OutboxMail.id)
    rows = session.scalars(ordered.offset((page - 1) * page_size).limit(page_size))
    return Page(list(rows), total, page, page_size)
