"""How soon the server answers while clients keep it waiting: `python -m bench.patience`.

For each number of threads: pages a second without them, then `/healthz` and a page while 200
connections say nothing and 40 send no bodies, and `/healthz` while the SQLite file is locked.
"""

import contextlib
import socket
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

from tests.live.servers import ENROLLMENT_TOKEN, Process, environment, free_port

WORKERS, THREADS = 2, (4, 8, 16)
IDLE, WITHOUT_BODIES = 200, 40
CLIENTS, REQUESTS = 8, 60
ASKED = 20
GIVE_UP_SECONDS = 5.0


def main() -> None:
    """Print one line for each number of threads."""
    print(f"{WORKERS} workers; milliseconds are the median and the slowest of {ASKED}")
    for threads in THREADS:
        with serving(threads) as server:
            rate = pages_a_second(server)
            with waiting(server):
                alive, page = slowness(server, "/healthz"), slowness(server, "/login")
            with locked(server):
                while_locked = slowness(server, "/healthz")
        print(
            f"{threads:2} threads: {rate:4.0f} pages/s | {IDLE} idle and {WITHOUT_BODIES} without"
            f" bodies: /healthz {alive} ms, /login {page} ms | locked: /healthz {while_locked} ms"
        )


@contextlib.contextmanager
def serving(threads: int) -> Iterator[Process]:
    """Run a server on a database of its own."""
    with tempfile.TemporaryDirectory() as directory:
        settings = {"SENTARI_DATA_DIR": directory, "SENTARI_ENROLLMENT_TOKEN": ENROLLMENT_TOKEN}
        arguments = ("--workers", str(WORKERS), "--threads", str(threads))
        log = Path(directory, "log")
        server = Process(environment(**settings), free_port(), log, arguments)
        server.start()
        while len(server.workers()) < WORKERS:
            time.sleep(0.05)
        try:
            yield server
        finally:
            server.stop()


def pages_a_second(server: Process) -> float:
    """Return how many sign-in pages eight clients get."""
    began = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(lambda _: seconds(server, "/login"), range(CLIENTS * REQUESTS)))
    return CLIENTS * REQUESTS / (time.perf_counter() - began)


@contextlib.contextmanager
def waiting(server: Process) -> Iterator[None]:
    """Hold connections that say nothing, and some that promise a body."""
    with contextlib.ExitStack() as stack:
        for number in range(IDLE + WITHOUT_BODIES):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            if number >= IDLE:
                client.sendall(b"POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
        time.sleep(0.5)
        yield


@contextlib.contextmanager
def locked(server: Process) -> Iterator[None]:
    """Lock the file, and have more clients wait to write than there are threads."""
    database = Path(server.env["SENTARI_DATA_DIR"], "sentari.db")
    with (
        ThreadPoolExecutor(WORKERS * max(THREADS) + 8) as pool,
        contextlib.closing(sqlite3.connect(database, isolation_level=None)) as stranger,
    ):
        stranger.execute("BEGIN IMMEDIATE")
        for _ in range(WORKERS * max(THREADS) + 8):
            pool.submit(seconds, server, "/api/v1/license")
        time.sleep(0.5)
        yield


def slowness(server: Process, path: str) -> str:
    """Return the median and the longest time to an answer, in milliseconds."""
    found = sorted(1000 * seconds(server, path) for _ in range(ASKED))
    given_up = found[-1] >= 1000 * GIVE_UP_SECONDS
    return f"{statistics.median(found):.0f}/{'none' if given_up else f'{found[-1]:.0f}'}"


def seconds(server: Process, path: str) -> float:
    """Return how long an answer took, at most the time after which nobody waits for one."""
    began = time.perf_counter()
    connection = HTTPConnection("127.0.0.1", server.port, timeout=GIVE_UP_SECONDS)
    try:
        connection.request("GET", path)
        connection.getresponse().read()
    except OSError:
        return GIVE_UP_SECONDS
    finally:
        connection.close()
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
