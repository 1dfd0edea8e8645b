"""Writers of one SQLite file take turns, in the order in which they came."""

import os
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from sentari.extensions import db, writing
from serverkit import database
from serverkit.turns import Turns
from tests.conftest import AppFactory

HOLDER = """
import sys, time
from serverkit.turns import Turns
with Turns(sys.argv[1], 1).taken():
    print("taken", flush=True)
    time.sleep(60)
"""


def test_the_turn_is_one_thread_s_at_a_time(tmp_path: Path) -> None:
    turns, inside, most = Turns(str(tmp_path / "x.db"), 10), 0, 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(50):
            with turns.taken():
                inside += 1
                most = max(most, inside)
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_who_waits_has_a_turn_also_before_those_of_a_process_that_come_again_and_again(
    tmp_path: Path,
) -> None:
    # Two apps of one file stand for two processes: they share the kernel's line only.
    ours, theirs = (Turns(str(tmp_path / "x.db"), 10) for _ in range(2))
    had = threading.Event()

    def take_once() -> None:
        with theirs.taken():
            had.set()

    with ours.taken():
        waiting = threading.Thread(target=take_once)
        waiting.start()
    turns = 0
    while turns < 100_000 and not had.is_set():
        with ours.taken():
            turns += 1
    waiting.join()
    assert turns < 100_000


def test_a_process_that_dies_leaves_its_turn_to_the_next(tmp_path: Path) -> None:
    path = str(tmp_path / "x.db")
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, path], stdout=subprocess.PIPE, env=dict(os.environ)
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"taken\n"
        threading.Timer(0.2, holder.kill).start()
        with Turns(path, 10).taken():
            assert holder.wait(10) != 0


def test_a_turn_that_does_not_come_is_a_database_that_does_not_answer(
    make_app: AppFactory, sqlite_url: str
) -> None:
    app = make_app(sqlite_url)
    with app.app_context():
        database._TURNS[db.engine] = impatient = Turns(str(db.engine.url.database), 0.05)
        with (
            impatient.taken(),
            pytest.raises(OperationalError, match="did not finish"),
            writing(),
        ):
            pass
        with writing():
            pass


def test_who_has_waited_in_line_waits_no_second_time_for_whoever_writes_without_a_turn(
    make_app: AppFactory, sqlite_url: str
) -> None:
    # Two apps stand for two processes: the second comes to the front when the first gives up.
    apps = [make_app(f"{sqlite_url}?timeout=1") for _ in range(2)]
    waited: list[float] = []

    def write(app: Flask) -> None:
        began = time.monotonic()
        with app.app_context():
            try:
                with writing():
                    pytest.fail("somebody else writes")
            except OperationalError:
                waited.append(time.monotonic() - began)

    path = sqlite_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, isolation_level=None)) as stranger:
        stranger.execute("BEGIN IMMEDIATE")
        threads = [threading.Thread(target=write, args=(app,)) for app in apps]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(waited) == 2
    assert all(1 <= seconds < 1.6 for seconds in waited)
    with apps[1].app_context(), writing() as session:
        assert session.scalar(text("PRAGMA busy_timeout")) == 1000
