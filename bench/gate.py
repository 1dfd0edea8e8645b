"""What the license gate costs: a trivial gated endpoint with it and without it, in one run.

Both apps are the real one, called through WSGI in this process, in turns, so that the machine's
moods hit both alike. The goal is a ratio of at least 0.97.
"""

import tempfile
import time
from functools import partial
from pathlib import Path

from flask import Flask
from werkzeug.test import EnvironBuilder

from bench.measure import compare, in_turns, print_results
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


def main() -> None:
    """Print the rates and their ratio."""
    with tempfile.TemporaryDirectory() as directory:
        gated = build(Path(directory, "gated"), gated=True)
        bare = build(Path(directory, "bare"), gated=False)
        serve(gated), serve(bare)
        pairs = in_turns(partial(serve, bare), partial(serve, gated), ROUNDS)
    result = compare("without the gate, with it", "requests/s", pairs, GOAL)
    print_results(f"Gate overhead (in process, median of {ROUNDS} rounds)", [result])


if __name__ == "__main__":
    main()
