"""Customers in the machine interface."""

from dataclasses import fields

from apiflask import APIBlueprint
from flask import request
from flask.typing import ResponseReturnValue

from license_server import representations
from license_server.access import access
from license_server.acting import by_caller, deliver_mails
from license_server.api.schemas import CustomerInput, LicenseInput
from license_server.customers import service
from license_server.extensions import db, writing
from license_server.licenses import service as licenses
from license_server.licenses.store import approval_state, latest_version, list_licenses
from license_server.rules import Terms
from serverkit.paging import page_arguments

blueprint = APIBlueprint("customers_api", __name__, url_prefix="/api/v1/customers", tag="Customers")


@blueprint.post("")
@access(role="issuer")
@blueprint.input(CustomerInput)
def create(json_data: CustomerInput) -> ResponseReturnValue:
    """Add a customer."""
    by = by_caller()
    with writing() as session:
        row = service.create_customer(session, **json_data.model_dump(), at=by.at, actor=by.actor)
        body = representations.customer(row)
    return body, 201, {"Location": f"/api/v1/customers/{body['id']}"}


@blueprint.get("")
@access(role="support")
def index() -> ResponseReturnValue:
    """List customers by name; `search` looks into name and e-mail."""
    page, page_size = page_arguments()
    # PostgreSQL takes no NUL in a text, and no name has one.
    search = request.args.get("search", "").replace("\0", "")
    total, rows = service.list_customers(
        db.session(), search=search, page=page, page_size=page_size
    )
    items = [representations.customer(row) for row in rows]
    return {"total": total, "page": page, "page_size": page_size, "items": items}


@blueprint.get("/<record:customer_id>")
@access(role="support")
def show(customer_id: str) -> ResponseReturnValue:
    """Return a customer with the licenses."""
    session = db.session()
    row = service.get_customer(session, customer_id)
    summaries = [
        representations.license_summary(session, item) for item in list_licenses(session, row.id)
    ]
    return {**representations.customer(row), "licenses": summaries}


@blueprint.post("/<record:customer_id>/licenses")
@access(role="issuer")
@blueprint.input(LicenseInput)
def issue(customer_id: str, json_data: LicenseInput) -> ResponseReturnValue:
    """Issue a license. The answer has the key: this once, and in the customer's mail."""
    with writing() as session:
        customer = service.get_customer(session, customer_id)
        issued = licenses.issue(
            session,
            customer,
            _terms(json_data),
            reason=json_data.reason,
            act=by_caller(),
        )
        approval = approval_state(latest_version(session, issued.license.id))
        body = {
            "id": issued.license.id,
            "license_key": issued.key.text,
            "key_hint": issued.key.hint,
            "status": issued.license.status,
            "approval": approval,
        }
    deliver_mails()
    return body, 201, {"Location": f"/api/v1/licenses/{body['id']}", "Cache-Control": "no-store"}


def _terms(given: LicenseInput) -> Terms:
    values = {field.name: getattr(given, field.name) for field in fields(Terms)}
    if given.airgap is None:
        values["airgap"] = given.airgap_addendum_signed_at is not None
    return Terms(**values)
