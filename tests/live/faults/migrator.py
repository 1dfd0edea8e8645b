"""A process that migrates in children of its own, and kills each after a while.

`python -m tests.live.faults.migrator PACKAGE` reads lines of `URL SECONDS` and answers each with
`done SECONDS` or `killed`. A child begins in milliseconds: all libraries are there already.
"""

import importlib
import os
import signal
import sys
import time

from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from serverkit.database import engine_options, prepare_engine


def migrate(package: str, url: str) -> None:
    startup = importlib.import_module(f"{package}.startup")
    app, db = Flask(package), SQLAlchemy()
    app.config.update(SQLALCHEMY_DATABASE_URI=url, SQLALCHEMY_ENGINE_OPTIONS=engine_options(url))
    db.init_app(app)
    with app.app_context():
        prepare_engine(db.engine)
        startup.schema().upgrade(db.engine)


def attempt(package: str, url: str, seconds: float) -> str:
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        migrate(package, url)
        os._exit(0)
    while time.monotonic() < began + seconds:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            assert status == 0, f"the migration ended with {status}"
            return f"done {time.monotonic() - began}"
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "killed"


if __name__ == "__main__":
    importlib.import_module(f"{sys.argv[1]}.startup")
    importlib.import_module("psycopg")
    importlib.import_module("alembic.command")
    for line in sys.stdin:
        url, seconds = line.split()
        print(attempt(sys.argv[1], url, float(seconds)), flush=True)  # noqa: T201 - the answer
