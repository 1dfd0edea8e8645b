"""The JSON API, version 1: one blueprint per noun."""

from apiflask import APIFlask

from sentari.api import account, agent, agent_logs, audit, inventory, scans, tokens, users
from sentari.api.license import blueprint as license_blueprint
from sentari.api.moments import register_moments
from sentari.api.openapi import register_openapi

BLUEPRINTS = (
    account.blueprint,
    agent.blueprint,
    agent_logs.blueprint,
    audit.blueprint,
    inventory.blueprint,
    license_blueprint,
    scans.blueprint,
    tokens.blueprint,
    users.blueprint,
)


def register_api(app: APIFlask) -> None:
    """Register every blueprint of the API, and what describes them."""
    register_moments(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    register_openapi(app)
