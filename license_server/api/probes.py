"""Probes and metrics: does the process live, can it serve, how is it doing."""

from apiflask import APIBlueprint
from flask import Response, jsonify
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import SQLAlchemyError

from license_server import metrics
from license_server.access import access
from license_server.errors import UnavailableError
from license_server.extensions import current, db
from license_server.startup import schema
from license_server.version import VERSION
from serverkit.metrics import CONTENT_TYPE, scrape_refusal
from serverkit.problems import Problem, problem_response
from serverkit.stopping import STOP, STOPPING

blueprint = APIBlueprint("probes", __name__, enable_openapi=False)


@blueprint.get("/health")
@blueprint.get("/healthz")
@access(public=True)
def live() -> ResponseReturnValue:
    """Answer while the process lives; touches nothing."""
    return jsonify(status="ok", version=VERSION)


@blueprint.get("/readyz")
@access(public=True)
def ready() -> ResponseReturnValue:
    """Answer 200 when the database answers, is migrated, and a signing certificate is valid.

    Until the server is to stop.
    """
    fault = _fault()
    if fault is not None:
        return problem_response(Problem(503, "not_ready", "Not ready", fault))
    return jsonify(status="ok", version=VERSION)


@blueprint.get("/metrics")
@access(public=True)
def measures() -> ResponseReturnValue:
    """Return Prometheus' text: with the token if there is one, else to loopback peers only."""
    refusal = scrape_refusal(current().settings.metrics_token, "LICENSE_SERVER_METRICS_TOKEN")
    if refusal is not None:
        return problem_response(refusal)
    text = metrics.render(db.session(), current().clock.now())
    return Response(text, content_type=CONTENT_TYPE)


def _fault() -> str | None:
    if STOP.announced:
        return STOPPING
    try:
        with db.engine.connect() as connection:
            if not schema().is_current(connection):
                command = "flask --app license_server db upgrade"
                return f"The database does not have this version's schema: {command}"
        moment = int(current().clock.now().timestamp())
        current().keyring.current(db.session(), moment)
    except SQLAlchemyError:
        return "The database does not answer."
    except UnavailableError:
        command = "flask --app license_server keys init, or keys rotate"
        return f"No signing certificate is valid now: {command}"
    return None
