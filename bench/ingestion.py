"""What ingestion costs: a real gunicorn with two workers, beside a baseline of the same run.

`python -m bench.ingestion unchanged churn --database sqlite` runs some parts alone.
"""

import argparse
import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from flask import Flask

from bench.measure import (
    ROUNDS,
    Client,
    Postgres,
    Result,
    compare,
    in_turns,
    licensed_server,
    plain_app,
    print_results,
    rate,
    running_vendor,
)
from bench.raw import RawPostgres, RawSqlite, rows_of
from bench.scans import Uploader, inventory
from sentari import create_app
from sentari.config import Settings
from sentari.extensions import db
from sentari.startup import schema
from tests.live.servers import Server, Vendor

CLIENTS = 8
SCAN = "/api/v1/agent/scan"


@dataclass
class Bench:
    """One server under test, on one kind of database."""

    kind: str
    directory: Path
    server: Server
    postgres: Postgres | None
    bare_port: int

    @property
    def port(self) -> int:
        return self.server.server.port

    def enroll(self, fleet: str, count: int, packages: int = 500, *, short: bool = False) -> list[Uploader]:
        """Enroll devices; ten a minute from one address, so each comes from another."""
        made = []
        for number in range(count):
            address = f"10.{len(fleet)}.{number // 250}.{number % 250}"
            answer = self.server.register(f"{fleet}-{number}", address=address)
            records = inventory(fleet, number, packages, short=short)
            made.append(Uploader.of(answer.json(), records))
        return made


def upload_each(port: int, devices: Sequence[Uploader]) -> float:
    """Have eight clients upload one scan of each device; return scans per second."""
    bodies = [(one.headers, one.head() + one.packages()) for one in devices]

    def work(mine: Sequence[tuple[dict[str, str], bytes]]) -> int:
        client = Client(port)
        for headers, body in mine:
            client.post(SCAN, body, headers, 202)
        client.close()
        return len(mine)

    return rate([partial(work, bodies[n::CLIENTS]) for n in range(CLIENTS)])


def upload_again(port: int, path: str, devices: Sequence[Uploader], each: int) -> float:
    """Have eight clients upload scans of their devices, in other orders; return scans per second."""
    chance = random.Random(each)
    orders = {one.uid: [one.packages(chance) for _ in range(3)] for one in devices}

    def work(mine: Sequence[Uploader]) -> int:
        client = Client(port)
        for number in range(each):
            device = mine[number % len(mine)]
            body = device.head() + orders[device.uid][number % 3]
            client.post(path, body, device.headers, 202)
        client.close()
        return each

    return rate([partial(work, devices[n::CLIENTS]) for n in range(CLIENTS)])


def unchanged(bench: Bench) -> Iterator[Result]:
    """An unchanged scan beside a bare app that parses its body."""
    for short in (False, True):
        devices = bench.enroll(f"unchanged-{short}", 48, short=short)
        upload_each(bench.port, devices)
        pairs = in_turns(
            partial(upload_again, bench.bare_port, "/scan", devices, 150),
            partial(upload_again, bench.port, SCAN, devices, 150),
        )
        size = "short" if short else "real"
        yield compare(f"unchanged, {size} records, beside bare", "scans/s", pairs, 0.5)


def first(bench: Bench) -> Iterator[Result]:
    raw = raw_writer(bench)
    fleets = iter(range(1000))

    def ours() -> float:
        fleet = f"round-{next(fleets)}"
        devices = bench.enroll(fleet, 200)
        return upload_each(bench.port, devices) * 500

    def theirs() -> float:
        fleet = f"raw-{next(fleets)}"
        return raw.write(fleet, [rows_of(inventory(fleet, n)) for n in range(200)])

    pairs = in_turns(theirs, ours)
    raw.close()
    goal = 0.4 if bench.postgres else 0.5
    yield compare("first scans, beside the raw limit", "packages/s", pairs, goal)


def raw_writer(bench: Bench) -> RawSqlite | RawPostgres:
    if bench.postgres:
        url = bench.postgres.new_database()
    else:
        url = f"sqlite:///{bench.directory}/raw.db"
    app = create_app(Settings(url, bench.directory, "x" * 32))
    with app.app_context():
        schema().upgrade(db.engine)
        db.engine.dispose()
    return RawPostgres(url) if bench.postgres else RawSqlite(bench.directory / "raw.db")


def churn(bench: Bench) -> Iterator[Result]:
    devices = bench.enroll("churn", 48)
    upload_each(bench.port, devices)
    labels = iter(range(1000))

    def churned() -> float:
        chance = random.Random(1)
        rounds = []
        for _ in range(8):
            label = str(next(labels))
            for one in devices:
                one.change(0.01, label)
            rounds.append([(one.headers, one.head() + one.packages(chance)) for one in devices])
        def work(n):
            client = Client(bench.port)
            done = 0
            for bodies in rounds:
                for headers, body in bodies[n::CLIENTS]:
                    client.post(SCAN, body, headers, 202)
                    done += 1
            client.close()
            return done
        return rate([partial(work, n) for n in range(CLIENTS)])

    pairs = in_turns(partial(upload_again, bench.port, SCAN, devices, 48), churned)
    yield compare("1 % churn, beside unchanged", "scans/s", pairs, 0.5)


PARTS: dict[str, Callable[[Bench], Iterator[Result]]] = {"first": first, "unchanged": unchanged, "churn": churn}


@contextmanager
def benches(kinds: Sequence[str]) -> Iterator[list[Bench]]:
    with tempfile.TemporaryDirectory() as text, running_vendor(Path(text, "vendor")) as vendor:
        directory = Path(text)
        with plain_app(directory / "bare", "bench.bare:app") as bare:
            yield from ()
            

def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []])
    parser.add_argument("--database", choices=["sqlite", "postgresql"])
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as text, running_vendor(Path(text, "vendor")) as vendor:
        directory = Path(text)
        with plain_app(directory / "bare", "bench.bare:app") as bare:
            for kind in [asked.database] if asked.database else ["sqlite", "postgresql"]:
                postgres = Postgres(directory / "pg") if kind == "postgresql" else None
                database = postgres.new_database() if postgres else None
                with licensed_server(directory / kind, vendor, database=database) as server:
                    bench = Bench(kind, directory, server, postgres, bare.port)
                    for name in asked.parts or PARTS:
                        print_results(f"{name} ({kind})", PARTS[name](bench))
                if postgres: postgres.stop()

if __name__ == "__main__":
    main()
