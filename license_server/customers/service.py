"""Add and find customers. Callers commit."""

import uuid
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from license_server.audit import record
from license_server.customers.models import Customer
from license_server.errors import InvalidError, NotFoundError, Violation
from license_server.mail_address import check_address
from license_server.rules import has_control

LONGEST_NAME, LONGEST_NOTES = 200, 10_000


def create_customer(
    session: Session, *, name: str, email: str, notes: str = "", at: datetime, actor: str
) -> Customer:
    """Add a customer; InvalidError names the field that cannot be taken."""
    name = name.strip()
    if not 1 <= len(name) <= LONGEST_NAME or has_control(name):
        detail = f"give 1 to {LONGEST_NAME} characters on one line"
        raise InvalidError((Violation("name", detail),))
    if len(notes) > LONGEST_NOTES or has_control(notes.replace("\r", "").replace("\n", "")):
        detail = f"give at most {LONGEST_NOTES} characters without control characters"
        raise InvalidError((Violation("notes", detail),))
    customer = Customer(
        id=str(uuid.uuid4()),
        name=name,
        email=check_address(email),
        notes=notes,
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
        detail={"name": name, "email": customer.email},
    )
    return customer


def get_customer(session: Session, customer_id: str) -> Customer:
    """Return the customer, or raise NotFoundError."""
    customer = session.get(Customer, customer_id)
    if customer is None:
        raise NotFoundError("there is no customer with this id")
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
