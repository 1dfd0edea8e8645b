"""Probes: does the process live, can it serve."""

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import SQLAlchemyError

from sentari.extensions import db
from sentari.startup import schema
from sentari.version import VERSION
from sentari.web.access import access
from serverkit.problems import Problem, problem_response
from serverkit.stopping import STOP, STOPPING

blueprint = Blueprint("probes", __name__)


@blueprint.get("/healthz")
@blueprint.get("/health")
@blueprint.get("/api/live")
@access(public=True, gate="open")
def live() -> ResponseReturnValue:
    """Answer while the process lives; touches nothing."""
    return jsonify(status="ok", version=VERSION)


@blueprint.get("/readyz")
@blueprint.get("/api/ready")
@access(public=True, gate="open")
def ready() -> ResponseReturnValue:
    """Answer 200 when the database answers and is migrated, until the server is to stop."""
    fault = _fault()
    if fault is None:
        return jsonify(status="ok", version=VERSION)
    return problem_response(Problem(503, "not_ready", "Not ready", fault))


@blueprint.get("/api/health")
@access(public=True, gate="open")
def health() -> ResponseReturnValue:
    """Answer as /readyz does, with what cannot be reached."""
    fault = _fault()
    body = {
        "status": "degraded" if fault else "ok",
        "version": VERSION,
        "unreachable": ["database"] if fault and fault != STOPPING else [],
    }
    return jsonify(body), 503 if fault else 200


def _fault() -> str | None:
    if STOP.announced:
        return STOPPING
    try:
        with db.engine.connect() as connection:
            current = schema().is_current(connection)
    except SQLAlchemyError:
        return "The database does not answer."
    return None if current else "The database is not migrated yet: flask --app app db upgrade"
