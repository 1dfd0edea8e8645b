"""What the license gate costs: a trivial gated endpoint with it and without it, in one run.

Both apps are the real one, called through WSGI in this process, in turns, so that the machine's
moods hit both alike. The goal is a ratio of at least 0.97.
"""

import statistics
import tempfile
import time
from pathlib import Path

from flask import Flask
from werkzeug.test import EnvironBuilder

from sentari import create_app
from sentari.config import Settings
from sentari.extensions import db
from sentari.startup import schema
from sentari.web import gate
from sentari.web.access import access, register_access

ROUNDS, REQUESTS = 40, 500
GOAL = 0.97


def build(directory: Path, *, gated: bool) -> Flask:
    """Return the server with one endpoint more; without the gate, its two hooks are taken out."""
    app = create_app(Settings.from_env({"SENTARI_DATA_DIR": str(directory)}))

    @app.get("/bench")
    @access(public=True, gate="read")
    def bench() -> str:
        return "ok"

    with app.app_context():
        schema().upgrade(db.engine)
    if not gated:
        before, after = app.before_request_funcs[None], app.after_request_funcs[None]
        before[:] = [hook for hook in before if hook.__name__ != "guard"]
        after.remove(gate._name_state)
        register_access(app, lambda _gate_class: None)
    return app


def serve(app: Flask) -> float:
    """Return requests per second of one round."""
    environ = EnvironBuilder(path="/bench").get_environ()
    began = time.perf_counter()
    for _ in range(REQUESTS):
        for _chunk in app.wsgi_app(dict(environ), lambda *_: lambda _: None):
            pass
    return REQUESTS / (time.perf_counter() - began)


def measure(gated: Flask, bare: Flask, *, first: int) -> tuple[float, float]:
    """Return the rates with and without the gate, measured in alternating order."""
    if first:
        return serve(gated), serve(bare)
    without = serve(bare)
    return serve(gated), without


def main() -> None:
    """Print the rates and their ratio."""
    with tempfile.TemporaryDirectory() as directory:
        gated = build(Path(directory, "gated"), gated=True)
        bare = build(Path(directory, "bare"), gated=False)
        serve(gated), serve(bare)
        pairs = [measure(gated, bare, first=number % 2) for number in range(ROUNDS)]
    ratio = statistics.median(with_gate / without for with_gate, without in pairs)
    print("Gate overhead (in process, median of", ROUNDS, "rounds)")
    print(f"  without the gate  {statistics.median(p[1] for p in pairs):8.0f} requests/s")
    print(f"  with the gate     {statistics.median(p[0] for p in pairs):8.0f} requests/s")
    print(f"  ratio             {ratio:8.3f}  (goal: at least {GOAL})")


if __name__ == "__main__":
    main()
