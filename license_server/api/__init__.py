"""The machine interface and the check-in: one blueprint per noun."""

from apiflask import APIFlask

from license_server.access import access
from license_server.api import activations, check_in, customers, licenses, probes, well_known
from license_server.api.converters import RecordConverter

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
    app.url_map.converters["record"] = RecordConverter
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    # The description of the interface is no secret; the library defines its view.
    access(public=True)(app.view_functions["openapi.spec"])
