"""Customers as pages."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from license_server.access import access
from license_server.acting import by_caller
from license_server.customers import service
from license_server.errors import InvalidError
from license_server.extensions import current, db, writing
from license_server.licenses.drafts import prepare
from license_server.licenses.search import LicenseFilter, find_licenses
from license_server.rules import add_years
from license_server.staff.roles import ISSUER, SUPPORT
from license_server.web.forms import show_violations
from license_server.web.terms_form import CustomerForm, TermsForm, asked_years, defaults
from serverkit.paging import Page, page_arguments

blueprint = Blueprint("customers", __name__, url_prefix="/customers")


@blueprint.get("")
@access(role=SUPPORT)
def index() -> ResponseReturnValue:
    """List customers by name; the search looks into name and e-mail."""
    page, page_size = page_arguments()
    search = request.args.get("search", "").replace("\0", "").strip()[:256]
    total, rows = service.list_customers(
        db.session(), search=search, page=page, page_size=page_size
    )
    found = Page(rows, total, page, page_size)
    return render_template("license_server/customers/index.html", found=found, search=search)


@blueprint.route("/new", methods=["GET", "POST"])
@access(role=ISSUER)
def new() -> ResponseReturnValue:
    """Add a customer."""
    form = CustomerForm()
    if form.validate_on_submit():
        by = by_caller()
        try:
            with writing() as session:
                customer_id = service.create_customer(
                    session, **_fields(form), at=by.at, actor=by.actor
                ).id
            flash("The customer was added.", "success")
            return redirect(url_for("customers.show", customer_id=customer_id))
        except InvalidError as error:
            show_violations(form, error)
    page = render_template("license_server/customers/form.html", form=form, customer=None)
    return page, 422 if form.errors else 200


@blueprint.get("/<record:customer_id>")
@access(role=SUPPORT)
def show(customer_id: str) -> ResponseReturnValue:
    """Show a customer with the licenses, the newest first."""
    page, page_size = page_arguments()
    customer = service.get_customer(db.session(), customer_id)
    wanted, today = LicenseFilter(customer_id=customer.id), current().clock.now().date()
    found = find_licenses(db.session(), wanted, today, page=page, page_size=page_size)
    return render_template(
        "license_server/customers/show.html", customer=customer, found=found, today=today
    )


@blueprint.route("/<record:customer_id>/edit", methods=["GET", "POST"])
@access(role=ISSUER)
def edit(customer_id: str) -> ResponseReturnValue:
    """Change name, address or notes."""
    customer = service.get_customer(db.session(), customer_id)
    form = CustomerForm(obj=customer)
    if form.validate_on_submit():
        by = by_caller()
        try:
            with writing() as session:
                service.change_customer(
                    session, customer_id, **_fields(form), at=by.at, actor=by.actor
                )
            flash("The customer was changed.", "success")
            return redirect(url_for("customers.show", customer_id=customer_id))
        except InvalidError as error:
            show_violations(form, error)
    page = render_template("license_server/customers/form.html", form=form, customer=customer)
    return page, 422 if form.errors else 200


@blueprint.route("/<record:customer_id>/licenses/new", methods=["GET", "POST"])
@access(role=ISSUER)
def new_license(customer_id: str) -> ResponseReturnValue:
    """Prepare a license: a draft, which is reviewed before a key is made."""
    customer = service.get_customer(db.session(), customer_id)
    today = current().clock.now().date()
    form = TermsForm(data=defaults(today))
    years = asked_years(request.form)
    if years is not None:
        form.put_date(add_years(today, years))
    elif form.validate_on_submit():
        license_id = _prepared(customer_id, form)
        if license_id is not None:
            return redirect(url_for("licenses.review", license_id=license_id))
    page = render_template(
        "license_server/licenses/new.html", form=form, customer=customer, today=today
    )
    return page, 422 if form.errors else 200


def _prepared(customer_id: str, form: TermsForm) -> str | None:
    try:
        with writing() as session:
            customer = service.get_customer(session, customer_id)
            row = prepare(session, customer, form.terms(), reason=form.reason.data, act=by_caller())
            return row.id
    except InvalidError as error:
        show_violations(form, error)
    return None


def _fields(form: CustomerForm) -> dict[str, str]:
    return {"name": form.name.data, "email": form.email.data, "notes": form.notes.data or ""}
