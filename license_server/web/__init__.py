"""The pages of the vendor's staff: one blueprint per noun."""

from flask import Flask, g, render_template
from flask_login import AnonymousUserMixin

from license_server.converters import RecordConverter
from license_server.version import VERSION
from license_server.web import (
    account,
    activate,
    activations,
    approvals,
    audit,
    customers,
    findings,
    home,
    keys,
    login,
    outbox,
    staff,
)
from license_server.web.licenses import blueprint as licenses_blueprint
from serverkit.problems import Problem

BLUEPRINTS = (
    account.blueprint,
    activate.blueprint,
    activations.blueprint,
    approvals.blueprint,
    audit.blueprint,
    customers.blueprint,
    findings.blueprint,
    home.blueprint,
    keys.blueprint,
    licenses_blueprint,
    login.blueprint,
    outbox.blueprint,
    staff.blueprint,
)


def register_pages(app: Flask) -> None:
    """Register every blueprint, and what may stand in addresses of pages and API."""
    app.url_map.converters["record"] = RecordConverter
    app.context_processor(lambda: {"server_version": VERSION})
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)


def error_page(problem: Problem) -> str:
    """Render a refusal or a failure as a page that helps."""
    if problem.status >= 500:
        # Whoever is signed in stands in the database, which may be what failed.
        g._login_user = AnonymousUserMixin()
    return render_template("license_server/errors/error.html", problem=problem)
