"""Add and find customers. Callers commit."""

import uuid
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from license_server.audit import record
from license_server.customers.models import Customer
from license_server.errors import InvalidError, NotFoundError, Violation
from license_server.mail_address import check_address
from serverkit.text import has_control

LONGEST_NAME, LONGEST_NOTES = 200, 10_000


def create_customer(
    session: Session, *, name: str, email: str, notes: str = "", at: datetime, actor: str
) -> Customer:
    """Add a customer; InvalidError names the fields that cannot be taken."""
    customer = Customer(
        id=str(uuid.uuid4()),
        **_checked(name, email, notes),
        created_at=at,
        created_by=actor,
    )
    session.add(customer)
    record(
        session,
        at=at,
        actor=actor,
        action="CUSTOMER_CREATED",
        target=f"customer:{customer.id}",
        detail={"name": customer.name, "email": customer.email},
    )
    return customer


def change_customer(
    session: Session,
    customer_id: str,
    *,
    name: str,
    email: str,
    notes: str,
    at: datetime,
    actor: str,
) -> Customer:
    """Change what is known of a customer; what was signed before keeps the name it has."""
    customer = session.get(Customer, customer_id, with_for_update=True, populate_existing=True)
    if customer is None:
        raise _nobody()
    changed = {
        field: value
        for field, value in _checked(name, email, notes).items()
        if value != getattr(customer, field)
    }
    if not changed:
        return customer
    before = {f"{field}_before": getattr(customer, field) for field in changed}
    for field, value in changed.items():
        setattr(customer, field, value)
    # Notes may be long, and are nobody's proof of anything.
    told = {key: value for key, value in {**before, **changed}.items() if "notes" not in key}
    record(
        session,
        at=at,
        actor=actor,
        action="CUSTOMER_CHANGED",
        target=f"customer:{customer.id}",
        detail={"fields": sorted(changed), **told},
    )
    return customer


def _checked(name: str, email: str, notes: str) -> dict[str, str]:
    found = []
    # A browser sends each line's end as two characters.
    name, notes = name.strip(), notes.replace("\r\n", "\n")
    if not 1 <= len(name) <= LONGEST_NAME or has_control(name):
        found.append(Violation("name", f"give 1 to {LONGEST_NAME} characters on one line"))
    if len(notes) > LONGEST_NOTES or has_control(notes.replace("\n", "")):
        detail = f"give at most {LONGEST_NOTES} characters without control characters"
        found.append(Violation("notes", detail))
    try:
        email = check_address(email)
    except InvalidError as error:
        found.extend(error.violations)
    if found:
        raise InvalidError(tuple(found))
    return {"name": name, "email": email, "notes": notes}


def _nobody() -> NotFoundError:
    return NotFoundError("there is no customer with this id")


def get_customer(session: Session, customer_id: str) -> Customer:
    """Return the customer, or raise NotFoundError."""
    customer = session.get(Customer, customer_id)
    if customer is None:
        raise _nobody()
    return customer


def list_customers(
    session: Session, *, search: str = "", page: int = 1, page_size: int = 50
) -> tuple[int, list[Customer]]:
    """Return how many customers match, and one page of them by name."""
    query = select(Customer)
    if search:
        matches = (
            func.lower(column).contains(search.lower(), autoescape=True)
            for column in (Customer.name, Customer.email)
        )
        query = query.where(or_(*matches))
    total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    ordered = query.order_by(func.lower(Customer.name), Customer.id)
    rows = session.scalars(ordered.offset((page - 1) * page_size).limit(page_size))
    return total, list(rows)
