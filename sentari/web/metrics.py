"""What Prometheus asks for, and the counting of every answer."""

from collections.abc import Iterator

from flask import Blueprint, Flask, Response, current_app, request
from flask.typing import ResponseReturnValue

from sentari import metrics
from sentari.agents.audit_chain import Kind
from sentari.extensions import current, db
from sentari.inventory import ingestion
from sentari.licensing.state import GATES, Gate
from sentari.web.access import GATE_CLASSES, access, access_of
from sentari.web.gate import allowed, license_status
from serverkit.http import elapsed_seconds
from serverkit.metrics import CONTENT_TYPE, scrape_refusal
from serverkit.problems import problem_response

blueprint = Blueprint("metrics", __name__)

_SCAN_RESULTS = (
    ingestion.APPLIED,
    ingestion.UNCHANGED,
    ingestion.SUPERSEDED,
    ingestion.DUPLICATE,
)


@blueprint.get("/metrics")
@access(public=True, gate="open")
def scrape() -> ResponseReturnValue:
    """Return Prometheus' text: with the token if there is one, else to this machine only."""
    refusal = scrape_refusal(current().settings.metrics_token, "SENTARI_METRICS_TOKEN")
    if refusal is not None:
        return problem_response(refusal)
    reading = metrics.read_license(db.session(), current().snapshot)
    return Response(metrics.render(reading), content_type=CONTENT_TYPE)


def register_metrics(app: Flask) -> None:
    """Count every answer of the app from now on."""
    metrics.expect_denials(_denials())
    metrics.expect_scans(_SCAN_RESULTS)
    metrics.expect_log_anomalies(Kind)
    app.after_request(_count)


def _denials() -> Iterator[tuple[str, str]]:
    """Yield what can be denied: what the gate closes, and what a cap refuses behind it."""
    for state, gate in GATES.items():
        for gate_class in GATE_CLASSES:
            capped = gate is Gate.FULL and gate_class == "ingest"
            if capped or not allowed(gate_class, gate):
                yield state.value, gate_class


def _count(response: Response) -> Response:
    status, endpoint = response.status_code, request.endpoint
    metrics.count_request(request.method, status, endpoint, elapsed_seconds())
    if status == 402 and endpoint is not None:
        gate_class = access_of(current_app, endpoint).gate_class(request.method)
        metrics.count_denied(license_status().state.value, gate_class)
    return response
