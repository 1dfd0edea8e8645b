"""The list of licenses, as a page and as CSV."""

from collections.abc import Iterator, Sequence

from flask import render_template, request
from flask.typing import ResponseReturnValue

from license_server.access import access
from license_server.acting import by_caller
from license_server.audit import record
from license_server.errors import InvalidError
from license_server.extensions import current, db, writing
from license_server.licenses.search import (
    LicenseFilter,
    LicenseRow,
    every_license,
    find_licenses,
    tiers,
)
from license_server.licenses.store import approval_state
from license_server.rules import Status
from license_server.staff.roles import SUPPORT
from license_server.web.licenses.blueprint import blueprint
from serverkit.csv_files import csv_lines
from serverkit.pages import download
from serverkit.paging import page_arguments
from serverkit.problems import Problem

COLUMNS = (
    "license_id",
    "customer",
    "email",
    "tier",
    "status",
    "approval",
    "expires_at",
    "max_devices",
    "max_packages",
    "max_activations",
    "max_offline_days",
    "airgap",
    "key_hint",
    "contract_reference",
    "created_at",
)


@blueprint.get("")
@access(role=SUPPORT)
def index() -> ResponseReturnValue:
    """List licenses; `?format=csv` downloads all that match."""
    try:
        wanted = LicenseFilter.parse(request.args)
    except InvalidError as error:
        [violation] = error.violations
        detail = f"{violation.field} {violation.detail}."
        raise Problem(400, "bad_parameter", "Bad parameter", detail) from error
    if request.args.get("format") == "csv":
        return _csv(wanted)
    page, page_size = page_arguments()
    session, today = db.session(), current().clock.now().date()
    return render_template(
        "license_server/licenses/index.html",
        found=find_licenses(session, wanted, today, page=page, page_size=page_size),
        wanted=wanted,
        statuses=list(Status),
        tiers=tiers(session),
        today=today,
    )


def _csv(wanted: LicenseFilter) -> ResponseReturnValue:
    """Answer with a file; that somebody takes customers' data away is audited first."""
    by = by_caller()
    with writing() as session:
        filters = request.query_string.decode("ascii", "replace")[:1000]
        record(
            session,
            at=by.at,
            actor=by.actor,
            action="LICENSES_EXPORTED",
            target="licenses",
            detail={"format": "csv", "filters": filters},
        )
    lines = csv_lines(COLUMNS, _rows(wanted))
    return download(lines, "licenses.csv", "text/csv; charset=utf-8")


def _rows(wanted: LicenseFilter) -> Iterator[Sequence[object]]:
    today = current().clock.now().date()
    for row in every_license(db.session(), wanted, today):
        yield _row(row)


def _row(row: LicenseRow) -> list[object]:
    version = row.version
    return [
        row.license.id,
        row.license.customer.name,
        row.license.customer.email,
        version.tier,
        row.license.status,
        approval_state(version),
        version.expires_at.isoformat(),
        "unlimited" if version.max_devices is None else version.max_devices,
        "unlimited" if version.max_packages is None else version.max_packages,
        version.max_activations,
        version.max_offline_days,
        version.airgap,
        row.key_hint,
        version.contract_reference,
        row.license.created_at,
    ]
