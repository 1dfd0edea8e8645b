"""The JSON API, version 1: one blueprint per noun."""

from apiflask import APIFlask

from sentari.api import agent, audit, inventory
from sentari.api.license import blueprint as license_blueprint

BLUEPRINTS = (agent.blueprint, audit.blueprint, inventory.blueprint, license_blueprint)


def register_api(app: APIFlask) -> None:
    """Register every blueprint of the API."""
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
