"""The pages: one blueprint per noun, and what all templates are given."""

from flask import Flask, g, render_template
from flask_login import AnonymousUserMixin

from sentari.web import (
    account,
    api_docs,
    api_tokens,
    audit,
    devices,
    enrollment,
    metrics,
    overview,
    own_account,
    packages,
    probes,
    users,
)
from sentari.web.license import blueprint as license_blueprint
from serverkit.problems import Problem

BLUEPRINTS = (
    account.blueprint,
    api_docs.blueprint,
    api_tokens.blueprint,
    audit.blueprint,
    devices.blueprint,
    enrollment.blueprint,
    license_blueprint,
    metrics.blueprint,
    overview.blueprint,
    own_account.blueprint,
    packages.blueprint,
    probes.blueprint,
    users.blueprint,
)


def register_pages(app: Flask) -> None:
    """Register every blueprint."""
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)


def error_page(problem: Problem) -> str:
    """Return the page that says what went wrong and what to do."""
    if problem.status >= 500:
        # Whoever is signed in stands in the database, which may be what failed.
        g._login_user = AnonymousUserMixin()
    return render_template("sentari/errors/error.html", problem=problem)
