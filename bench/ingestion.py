"""What ingestion costs: a real gunicorn with two workers, beside a baseline of the same run.

`python -m bench.ingestion unchanged churn --database sqlite` measures some parts alone.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.measure import (
    Client,
    Peak,
    Postgres,
    Result,
    compare,
    in_turns,
    licensed_server,
    pid_of,
    plain_app,
    print_results,
    pss_mib,
    rate,
    running_vendor,
)
from bench.raw import RawPostgres, RawSqlite, raw_writer, rows_of
from bench.scans import Uploader, inventory
from tests.live.servers import Server, Vendor

CLIENTS = 8
SCAN = "/api/v1/agent/scan"
DATABASES = ("sqlite", "postgresql")

_DEVICES, _PACKAGES = 200, 500
_FEW, _MANY = 200_000, 5_000_000
_LARGE = 20_000
_LARGE_SECONDS, _LARGE_MIB = 2.0, 150.0
_LONG_RUN, _WARM_UP = 10_000, 2_000
_MOST_GROWTH = 1.05


@dataclass
class Bench:
    """One server under test, on one kind of database, beside a bare app."""

    kind: str
    directory: Path
    vendor: Vendor
    server: Server
    postgres: Postgres | None
    bare_port: int

    @property
    def port(self) -> int:
        """Return the port of the server under test."""
        return self.server.server.port

    @property
    def pids(self) -> tuple[int, ...]:
        """Return the processes whose memory counts, with all that descend from them."""
        database = (self.postgres.pid,) if self.postgres else ()
        return (pid_of(self.server.server), *database)

    def new_database(self, name: str) -> str:
        """Return the URL of another empty database of the same kind."""
        return (
            self.postgres.new_database()
            if self.postgres
            else f"sqlite:///{self.directory}/{name}.db"
        )


def enroll(
    server: Server, fleet: str, count: int, packages: int = _PACKAGES, *, short: bool = False
) -> list[Uploader]:
    """Enroll devices; ten a minute may come from one address, so each has its own."""
    network, made = random.Random(fleet).randrange(250), []
    for number in range(count):
        address = f"10.{network}.{number // 250}.{number % 250}"
        answer = server.register(f"{fleet}-{number}", address=address)
        made.append(Uploader.of(answer.json(), inventory(fleet, number, packages, short=short)))
    return made


def send(port: int, path: str, rounds: Sequence[Sequence[tuple[dict[str, str], bytes]]]) -> float:
    """Have eight clients send what was made before, round by round; return scans per second.

    Every scan comes over a connection of its own, as each agent's does. Kept connections would
    measure how evenly the two workers happened to accept the first eight.
    """

    def work(number: int) -> int:
        done = 0
        for bodies in rounds:
            for headers, body in bodies[number::CLIENTS]:
                client = Client(port)
                client.post(path, body, headers, 202)
                client.close()
                done += 1
        return done

    return rate([partial(work, number) for number in range(CLIENTS)])


def bodies(devices: Sequence[Uploader], seed: int) -> list[tuple[dict[str, str], bytes]]:
    """Return a scan of each device, the packages in an order of their own."""
    chance = random.Random(seed)
    return [(one.headers, one.head() + one.packages(chance)) for one in devices]


def first(bench: Bench) -> Iterator[Result]:
    """First scans, nine tenths of their packages shared, beside the database's raw limit."""
    raw = raw_writer(bench.new_database("raw"))
    fleets = iter(range(1000))

    def ours() -> float:
        devices = enroll(bench.server, f"first-{next(fleets)}", _DEVICES)
        return send(bench.port, SCAN, [bodies(devices, 0)]) * _PACKAGES

    def theirs() -> float:
        fleet = f"raw-{next(fleets)}"
        return raw.write(fleet, [rows_of(inventory(fleet, n)) for n in range(_DEVICES)])

    pairs = in_turns(theirs, ours)
    raw.close()
    goal = 0.4 if bench.postgres else 0.5
    yield compare("first scans, beside the raw limit", "packages/s", pairs, goal)


def unchanged(bench: Bench) -> Iterator[Result]:
    """Scans that repeat the inventory in another order, beside an app that parses the body.

    Records as short as a scan has them, and as long as the real ones of a virtual environment.
    """
    for name, short in (("short", True), ("real", False)):
        devices = enroll(bench.server, f"unchanged-{name}", 48, short=short)
        send(bench.port, SCAN, [bodies(devices, 0)])

        def again(port: int, path: str, devices: list[Uploader] = devices) -> float:
            return send(port, path, [bodies(devices, seed) for seed in range(25)])

        pairs = in_turns(partial(again, bench.bare_port, "/scan"), partial(again, bench.port, SCAN))
        yield compare(f"unchanged, {name} records, beside a bare app", "scans/s", pairs, 0.5)


def churn(bench: Bench) -> Iterator[Result]:
    """Scans of which one package in a hundred is another, beside unchanged ones."""
    devices = enroll(bench.server, "churn", 48)
    send(bench.port, SCAN, [bodies(devices, 0)])
    labels = iter(range(100_000))

    def same() -> float:
        return send(bench.port, SCAN, [bodies(devices, seed) for seed in range(8)])

    def changed() -> float:
        return send(bench.port, SCAN, changed_rounds(devices, labels, 8))

    yield compare("1 % churn, beside unchanged", "scans/s", in_turns(same, changed), 0.5)


def changed_rounds(
    devices: Sequence[Uploader], labels: Iterator[int], rounds: int
) -> list[list[tuple[dict[str, str], bytes]]]:
    """Return rounds of scans, each with one package in a hundred changed since the last."""
    made = []
    for _ in range(rounds):
        label = str(next(labels))
        for device in devices:
            device.change(0.01, label)
        made.append(bodies(devices, 1))
    return made


def stored(bench: Bench) -> Iterator[Result]:
    """Changing scans with 5,000,000 device-package rows stored, beside 200,000."""
    with filled(bench, _FEW) as small, filled(bench, _MANY) as large:
        fleets = [enroll(server, "stored", 48) for server in (small, large)]
        for server, devices in zip((small, large), fleets, strict=True):
            send(server.server.port, SCAN, [bodies(devices, 0)])
        labels = iter(range(100_000))

        def changing(server: Server, devices: list[Uploader]) -> float:
            return send(server.server.port, SCAN, changed_rounds(devices, labels, 8))

        pairs = in_turns(partial(changing, small, fleets[0]), partial(changing, large, fleets[1]))
    yield compare("churn with 5,000,000 rows, beside 200,000", "scans/s", pairs, 0.8)


@contextmanager
def filled(bench: Bench, rows: int) -> Iterator[Server]:
    """Run another server whose inventory holds so many rows."""
    name = f"stored-{rows}"
    url = bench.new_database(name)
    raw = raw_writer(url, durable=False)
    fill(raw, rows)
    raw.close()
    with licensed_server(bench.directory / name, bench.vendor, database=url) as server:
        yield server


def fill(raw: RawSqlite | RawPostgres, rows: int) -> None:
    """Store devices of 500 packages each until there are so many rows."""
    step = 500
    for begin in range(0, rows // _PACKAGES, step):
        count = min(step, rows // _PACKAGES - begin)
        raw.write(f"fill-{begin}", [rows_of(inventory("fill", begin + n)) for n in range(count)])
    raw.settle()


def large(bench: Bench) -> Iterator[str]:
    """One scan of 20,000 packages: its time, and the memory it takes besides."""
    [warm, device] = enroll(bench.server, "large", 2, _LARGE)
    client = Client(bench.port)
    [(headers, body)] = bodies([warm], 0)
    client.post(SCAN, body[: body.index(b"[{")] + b"[]}", headers, 202)
    [(headers, body)] = bodies([device], 0)
    before = pss_mib(*bench.pids)
    with Peak(*bench.pids, interval=0.01) as peak:
        began = time.perf_counter()
        client.post(SCAN, body, headers, 202)
        seconds = time.perf_counter() - began
    client.close()
    extra = peak.mib - before
    reached = seconds < _LARGE_SECONDS and extra < _LARGE_MIB
    yield (
        f"20,000 packages in one scan: {seconds:.2f} s (goal: under 2), {extra:.0f} MiB more "
        f"(goal: under 150)  {'reached' if reached else 'MISSED'}"
    )


def long_run(bench: Bench) -> Iterator[str]:
    """Memory of all processes while 10,000 scans come in."""
    devices = enroll(bench.server, "long", 48)
    send(bench.port, SCAN, [bodies(devices, 0)])
    with Peak(*bench.pids) as peak:
        _send_many(bench.port, devices, _WARM_UP)
        warm = pss_mib(*bench.pids)
        _send_many(bench.port, devices, _LONG_RUN - _WARM_UP)
        after = pss_mib(*bench.pids)
    reached = after <= warm * _MOST_GROWTH
    yield (
        f"10,000 scans: {warm:.0f} MiB after {_WARM_UP:,}, {after:.0f} MiB at the end, at most "
        f"{peak.mib:.0f} MiB (goal: no growth)  {'reached' if reached else 'MISSED'}"
    )


def _send_many(port: int, devices: Sequence[Uploader], scans: int) -> None:
    """Send in portions, so that the client's own bodies do not fill the memory."""
    for seed in range(0, scans // len(devices), 10):
        send(port, SCAN, [bodies(devices, seed + n) for n in range(10)])


RATES: dict[str, Callable[[Bench], Iterator[Result]]] = {
    "first": first,
    "unchanged": unchanged,
    "churn": churn,
    "stored": stored,
}
AMOUNTS: dict[str, Callable[[Bench], Iterator[str]]] = {"large": large, "memory": long_run}
PARTS = (*RATES, *AMOUNTS)


@contextmanager
def prepared(kind: str, directory: Path, vendor: Vendor, bare_port: int) -> Iterator[Bench]:
    """Run a server on a database of the kind."""
    directory.mkdir()
    postgres = Postgres(directory / "postgres") if kind == "postgresql" else None
    database = postgres.new_database() if postgres else None
    try:
        with licensed_server(directory / "server", vendor, database=database) as server:
            yield Bench(kind, directory, vendor, server, postgres, bare_port)
    finally:
        if postgres:
            postgres.stop()


def measure(bench: Bench, parts: Sequence[str]) -> None:
    """Measure the parts and print what came out."""
    for name in parts:
        title = f"Ingestion: {name} ({bench.kind})"
        if name in RATES:
            print_results(title, RATES[name](bench))
        else:
            print(f"\n{title}")
            for line in AMOUNTS[name](bench):
                print(f"   {line}", flush=True)


def main() -> None:
    """Measure every part that was asked for, on every database."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"some of: {', '.join(PARTS)}")
    parser.add_argument("--database", choices=DATABASES)
    asked = parser.parse_args()
    if unknown := set(asked.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory() as text, running_vendor(Path(text, "vendor")) as vendor:
        directory = Path(text)
        with plain_app(directory / "bare", "bench.bare:app") as bare:
            for kind in (asked.database,) if asked.database else DATABASES:
                with prepared(kind, directory / kind, vendor, bare.port) as bench:
                    measure(bench, asked.parts or PARTS)


if __name__ == "__main__":
    main()
