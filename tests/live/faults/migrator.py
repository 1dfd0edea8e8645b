"""A process that migrates in children of its own, each of which may be killed in the middle.

`python -m tests.live.faults.migrator PACKAGE` reads lines of `URL NUMBER`, and answers each with
`done STATEMENTS`, or with `killed` when the child was killed at the statement of that number. A
child begins in milliseconds: all libraries are there already.
"""

import importlib
import os
import signal
import sys

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import event

from serverkit.database import engine_options, prepare_engine


def migrate(package: str, url: str, killed_at: int) -> int:
    """Return how many statements it took."""
    startup = importlib.import_module(f"{package}.startup")
    app, db = Flask(package), SQLAlchemy()
    app.config.update(SQLALCHEMY_DATABASE_URI=url, SQLALCHEMY_ENGINE_OPTIONS=engine_options(url))
    db.init_app(app)
    statements = 0

    def count(*_arguments: object) -> None:
        nonlocal statements
        statements += 1
        if statements == killed_at:
            os.kill(os.getpid(), signal.SIGKILL)

    with app.app_context():
        prepare_engine(db.engine)
        event.listen(db.engine, "before_cursor_execute", count)
        startup.schema().upgrade(db.engine)
    return statements


def attempt(package: str, url: str, killed_at: int) -> str:
    said, says = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(says, str(migrate(package, url, killed_at)).encode())
        os._exit(0)
    os.close(says)
    with open(said) as answer:
        statements = answer.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return "killed"
    assert statements, f"the migration ended with {status}"
    return f"done {statements}"


if __name__ == "__main__":
    importlib.import_module(f"{sys.argv[1]}.startup")
    importlib.import_module("psycopg")
    importlib.import_module("alembic.command")
    for line in sys.stdin:
        url, number = line.split()
        print(attempt(sys.argv[1], url, int(number)), flush=True)  # noqa: T201 - the answer
