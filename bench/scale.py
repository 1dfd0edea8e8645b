"""Whether a large fleet is served as fast as a small one: pages and ingestion, on both databases.

10,000 devices with 1,000 packages each on PostgreSQL (ten million rows, written by COPY), 2,000 on
SQLite. The pages are asked for in process (see pages.py); scans come in through gunicorn with two
workers, to this fleet and to one of 100 devices in turns. PostgreSQL runs as it is installed: with
128 MB of shared buffers, and waiting for the disk. `--database` and `--part` measure less.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

from bench.generated import Generated, target_of
from bench.ingestion import SCAN, bodies, changed_rounds, enroll, send
from bench.measure import (
    Postgres,
    Result,
    compare,
    in_turns,
    licensed_server,
    print_results,
    running_vendor,
)
from bench.pages import measured, migrate, print_pages
from bench.scans import Uploader
from tests.live.servers import Server, Vendor

DEVICES = {"sqlite": 2_000, "postgresql": 10_000}
PARTS = ("pages", "ingestion")
PACKAGES = 1_000
_FEW = 100
_SCANNING, _ROUNDS = 48, 8
GOAL = 0.7


@dataclass
class House:
    """Where the databases of one kind are."""

    kind: str
    directory: Path
    postgres: Postgres | None

    def generate(self, devices: int) -> tuple[str, Generated]:
        """Return a new database with so many devices, and these."""
        url = self._new(f"fleet-{devices}")
        migrate(url, self.directory)
        fleet, began = Generated(devices, PACKAGES), time.perf_counter()
        fleet.write(target_of(url))
        took = time.perf_counter() - began
        print(f"{self.kind}: {fleet.rows:,} rows, {fleet.distinct:,} packages, {took:.0f} s")
        sys.stdout.flush()
        return url, fleet

    def copy(self, url: str) -> str:
        """Return a copy of a database that nobody is connected to."""
        if self.postgres:
            return self.postgres.copy_of(url)
        copied = self._new("copied")
        shutil.copy(url.removeprefix("sqlite:///"), copied.removeprefix("sqlite:///"))
        return copied

    def _new(self, name: str) -> str:
        if self.postgres:
            return self.postgres.new_database()
        return f"sqlite:///{self.directory}/{name}.db"


@contextmanager
def house(kind: str, directory: Path) -> Iterator[House]:
    """Run what databases of the kind need."""
    directory.mkdir()
    postgres = Postgres(directory / "postgres") if kind == "postgresql" else None
    try:
        yield House(kind, directory, postgres)
    finally:
        if postgres:
            postgres.stop()


def ingestion(at: House, vendor: Vendor, small: str, large: str, rows: int) -> Result:
    """Return how fast scans that change one package in a hundred come in, beside a small fleet."""
    with ExitStack() as stack:
        fleets: list[tuple[Server, list[Uploader]]] = []
        for name, url in (("small", small), ("large", large)):
            running = licensed_server(at.directory / name, vendor, database=url)
            server = stack.enter_context(running)
            fleets.append((server, enroll(server, "scanning", _SCANNING, PACKAGES)))
            send(server.server.port, SCAN, [bodies(fleets[-1][1], 0)])
        labels = count()

        def changing(server: Server, devices: list[Uploader]) -> float:
            return send(server.server.port, SCAN, changed_rounds(devices, labels, _ROUNDS))

        pairs = in_turns(*(partial(changing, *one) for one in fleets))
    name = f"changed scans with {rows:,} rows, beside {_FEW * PACKAGES:,}"
    return compare(name, "scans/s", pairs, GOAL)


def measure(at: House, vendor: Vendor | None, devices: int, parts: Sequence[str]) -> None:
    """Generate a fleet, measure the parts, print."""
    url, fleet = at.generate(devices)
    if "pages" in parts:
        pids = (at.postgres.pid,) if at.postgres else ()
        pages = measured(at.copy(url), at.directory, fleet, pids=pids)
        print_pages(f"Pages ({at.kind}, {devices:,} devices x {PACKAGES:,} packages)", pages)
    if vendor:
        small, _ = at.generate(_FEW)
        result = ingestion(at, vendor, small, url, fleet.rows)
        print_results(f"Ingestion ({at.kind})", [result])


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=tuple(DEVICES))
    parser.add_argument("--part", choices=PARTS)
    parser.add_argument("--devices", type=int, help="instead of 2,000 or 10,000")
    asked = parser.parse_args()
    parts = (asked.part,) if asked.part else PARTS
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        vendor = None
        if "ingestion" in parts:
            vendor = stack.enter_context(running_vendor(directory / "vendor"))
        for kind in (asked.database,) if asked.database else tuple(DEVICES):
            with house(kind, directory / kind) as at:
                measure(at, vendor, asked.devices or DEVICES[kind], parts)


if __name__ == "__main__":
    main()
