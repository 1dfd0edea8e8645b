"""A fleet of agents as they really behave: they enroll, scan, ship their logs and come again.

`python -m bench.agents --devices 2000 --cycles 3` runs it over TLS with client certificates
against a server of its own. The inventories are those of real hosts, so they overlap as real
ones do; a fifth of the devices change a little from cycle to cycle, all others repeat what they
had in another order.
"""

import argparse
import copy
import json
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.measure import Peak, Postgres, pid_of, running_vendor
from tests.live.servers import ENROLLMENT_TOKEN, ROOT, Server, Vendor
from tests.simulators.agent import Agent

MOST_DEVICES, MOST_CYCLES, MOST_CLIENTS = 20_000, 50, 32
_SCANS = ROOT / "tests" / "data" / "scans"
# How many of a hundred hosts are of which kind.
_KINDS = {"server-459": 80, "mixed-ecosystems-42": 15, "workstation-2266": 5}
_CHANGING = 0.2
_KEPT = 0.97


class Host:
    """One agent with the inventory of its machine."""

    def __init__(self, number: int, url: str, pin: str, directory: Path) -> None:
        """Make the host's inventory; the same number is always the same machine."""
        self._chance = random.Random(number)
        [kind] = self._chance.choices(list(_KINDS), list(_KINDS.values()))
        self._scan: dict[str, Any] = json.loads((_SCANS / f"{kind}.json").read_text())
        found = self._scan["packages"]
        self._scan["packages"] = self._chance.sample(found, int(len(found) * _KEPT))
        self._began = datetime.now(UTC) - timedelta(hours=1)
        self.agent = Agent(
            url,
            directory / str(number),
            enrollment_token=ENROLLMENT_TOKEN,
            hostname=f"host-{number:05}",
            machine_id=f"machine-{number:05}",
            pin=pin,
            # Ten a minute may enroll from one address: every host has its own.
            source=f"127.{1 + number // 62_500}.{number // 250 % 250}.{1 + number % 250}",
        )

    def cycle(self, number: int) -> tuple[int | None, int | None]:
        """Run one cycle; return the statuses of the scan and of the log's shipping."""
        scan = copy.copy(self._scan)
        at = self._began + timedelta(minutes=number)
        scan["scanned_at"] = at.isoformat().replace("+00:00", "Z")
        scan["hostname"] = self.agent.hostname
        if number and self._chance.random() < _CHANGING:
            self._change(f"9.{number}")
        scan["packages"] = self._chance.sample(self._scan["packages"], len(self._scan["packages"]))
        self.agent.note("scan.finished", f"packages={len(scan['packages'])}")
        done = self.agent.cycle(scan)
        self.agent.transport.close()
        return done.scan, done.audit

    def _change(self, version: str) -> None:
        packages = self._scan["packages"]
        for place in self._chance.sample(range(len(packages)), max(1, len(packages) // 100)):
            packages[place] = packages[place] | {"version": version}


@contextmanager
def tls_server(directory: Path, vendor: Vendor, database: str | None) -> Iterator[Server]:
    """Run a licensed server that speaks TLS with a certificate of its own CA."""
    settings = {"SENTARI_TLS": "self"}
    if database is not None:
        settings |= {"SENTARI_DATABASE_URL": database, "SENTARI_SECRET_KEY": "b" * 64}
    server = Server(directory, vendor, **settings)
    try:
        server.start()
        issued = vendor.issue(max_devices=1_000_000, max_packages=1_000_000_000)
        server.flask("license", "install", issued["license_key"])
        time.sleep(1.2)  # the workers' snapshots are up to a second old
        yield server
    finally:
        server.server.stop()


def run(server: Server, hosts: Sequence[Host], cycles: int, clients: int) -> None:
    """Let every host run its cycles and print what came of each."""
    with ThreadPoolExecutor(clients) as pool, Peak(pid_of(server.server)) as peak:
        for number in range(cycles):
            began = time.perf_counter()
            statuses = Counter(pool.map(lambda host, n=number: host.cycle(n), hosts))
            seconds = time.perf_counter() - began
            name = "enroll and first scan" if number == 0 else f"cycle {number + 1}"
            came = ", ".join(
                f"{count:,} x scan {scan} and log {log}" for (scan, log), count in statuses.items()
            )
            print(f"  {name:22} {len(hosts) / seconds:7.1f} hosts/s   {came}", flush=True)
    print(f"  the server's memory    {peak.mib:7.0f} MiB at most (Pss)")


def _within(most: int) -> Any:
    def parse(raw: str) -> int:
        value = int(raw)
        if not 1 <= value <= most:
            raise argparse.ArgumentTypeError(f"give a whole number from 1 to {most:,}")
        return value

    return parse


def main() -> None:
    """Run the fleet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=_within(MOST_DEVICES), default=200)
    parser.add_argument("--cycles", type=_within(MOST_CYCLES), default=3)
    parser.add_argument("--clients", type=_within(MOST_CLIENTS), default=8)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as text, running_vendor(Path(text, "vendor")) as vendor:
        directory = Path(text)
        postgres = Postgres(directory / "pg") if asked.database == "postgresql" else None
        database = postgres.new_database() if postgres else None
        with tls_server(directory / "server", vendor, database) as server:
            pin = json.loads(server.flask("ca", "show-fingerprint", "--json"))["server"]
            hosts = [
                Host(number, server.url, pin, directory / "hosts")
                for number in range(asked.devices)
            ]
            print(f"{asked.devices:,} agents over TLS ({asked.database})")
            run(server, hosts, asked.cycles, asked.clients)
        if postgres:
            postgres.stop()


if __name__ == "__main__":
    main()
