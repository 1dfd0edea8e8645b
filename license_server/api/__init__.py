"""The machine interface and the check-in: one blueprint per noun."""

from apiflask import APIFlask

from license_server.api import activations, check_in, customers, licenses, probes, well_known

BLUEPRINTS = (
    activations.blueprint,
    check_in.blueprint,
    customers.blueprint,
    licenses.blueprint,
    probes.blueprint,
    well_known.blueprint,
)


def register_api(app: APIFlask) -> None:
    """Register every blueprint."""
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
