"""How long the customer's server takes for its pages: the real app in process, a large fleet.

`python -m bench.pages` generates 2,000 devices with 1,000 packages each on SQLite and asks for
every page, as an admin, through WSGI and without a network: until the answer is there whole; of a
download, until its first bytes are. All pages take turns, so that none has the machine's good
moments for itself, and of three requests in a row the fastest counts. The limit is compared with
the time that server and database computed: others work on the machine too, and while they do, the
time on the clock (printed beside it) says more of them. Nothing waits for the disk here: a page
reads, and what it reads is in memory.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from flask import Flask
from flask.testing import FlaskClient

from bench.generated import Generated, target_of
from bench.measure import cpu_seconds
from sentari import create_app
from sentari.accounts.service import create_first_admin
from sentari.config import Settings
from sentari.extensions import current, db, writing
from sentari.inventory.activity import DayCounts
from sentari.licensing import service
from sentari.startup import schema
from serverkit.clock import SystemClock
from tests.simulators.license_server import ISSUER, LicenseServerSimulator

LIMIT_MS = 150.0
ROUNDS, REPEATS = 10, 3
_EMAIL, _PASSWORD = "admin@example.com", "a password of the benchmark"
_COLUMNS = "status,system,packages,last_scan,agent,last_seen,enrolled,tags,id"
_PERCENTILE = 95


class Taken(NamedTuple):
    """Milliseconds of one request: computed by all processes, and on the clock."""

    computed: float
    waited: float


@dataclass
class Page:
    """A page, its addresses (asked for in turn), and how long each answer took."""

    name: str
    paths: Sequence[str]
    download: bool = False
    goal: bool = True
    times: list[Taken] = field(default_factory=list)

    def ask(self, client: FlaskClient, number: int, pids: Sequence[int]) -> None:
        """Note the best time of a few requests for one of the addresses."""
        path = self.paths[number % len(self.paths)]
        self.times.append(min(self._time(client, path, pids) for _ in range(REPEATS)))

    def warm_up(self, client: FlaskClient) -> None:
        """Ask once for all addresses: the first request reads templates and compiles statements."""
        for path in self.paths:
            self._time(client, path)

    def _time(self, client: FlaskClient, path: str, pids: Sequence[int] = ()) -> Taken:
        computed = cpu_seconds(*pids)
        began = time.perf_counter()
        answer = client.get(path, buffered=False)
        if answer.status_code != 200:
            raise RuntimeError(
                f"{path}: {answer.status_code} {answer.get_data(as_text=True)[:500]}"
            )
        for _piece in answer.iter_encoded():
            if self.download:
                break
        waited = time.perf_counter() - began
        computed = cpu_seconds(*pids) - computed
        answer.close()
        return Taken(computed * 1000, waited * 1000)

    @property
    def median(self) -> float:
        """Return the median of what was computed."""
        return statistics.median(each.computed for each in self.times)

    @property
    def p95(self) -> float:
        """Return the 95th percentile of what was computed."""
        return _p95([each.computed for each in self.times])

    @property
    def p95_waited(self) -> float:
        """Return the same of the time on the clock."""
        return _p95([each.waited for each in self.times])

    @property
    def reached(self) -> bool:
        """Tell whether it is within the limit; without one it is."""
        return not self.goal or self.p95 <= LIMIT_MS


def _p95(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[_PERCENTILE - 1]


def pages_of(fleet: Generated) -> list[Page]:
    """Return every page that shows the inventory, and the others."""
    step = max(1, fleet.devices // 7)
    devices = [f"/devices/{fleet.uid(number)}" for number in range(1, fleet.devices, step)]
    names = [key.name for key in fleet.keys[:: len(fleet.keys) // 7]]
    last_devices, last_packages = fleet.devices // 50, fleet.distinct // 50
    return [
        Page("overview", ["/"]),
        Page("devices", ["/devices"]),
        Page("devices, last page", [f"/devices?page={last_devices}"]),
        Page("devices, middle page", [f"/devices?page={last_devices // 2}"]),
        *[
            Page(f"devices by {column}", [f"/devices?sort={column}", f"/devices?sort=-{column}"])
            for column in ("os", "packages", "last_seen_at", "last_scan_at", "enrolled_at")
        ],
        Page("devices, search", ["/devices?search=linux-03", "/devices?search=0001"]),
        Page("devices, by state", ["/devices?status=silent", "/devices?seen=late"]),
        Page("devices, by system and tag", ["/devices?os=linux&tag=site-3", "/devices?tag=test"]),
        Page("devices, by ecosystem", ["/devices?ecosystem=deb", "/devices?ecosystem=nuget"]),
        Page(
            "devices with openssl < 3.0.15",
            ["/devices?package=openssl+%3C+3.0.15", "/devices?package=deb+openssl+%3C+3.0.15"],
        ),
        Page("devices, every column", [f"/devices?columns={_COLUMNS}"]),
        Page("devices, 500 on one page", ["/devices?page_size=500"], goal=False),
        Page("devices as CSV", ["/devices?format=csv"], download=True),
        Page("device", devices),
        Page("device, search", [f"{path}?search=ssl&sort=version" for path in devices]),
        Page("device, its scans", [f"{path}/scans" for path in devices]),
        Page("device, its agent's log", [f"{path}/agent-log" for path in devices]),
        Page("device as CSV", [f"{path}?format=csv" for path in devices], download=True),
        Page("packages", ["/packages"]),
        Page("packages, page 2", ["/packages?page=2"]),
        Page("packages, middle page", [f"/packages?page={last_packages // 2}"]),
        Page("packages, last page", [f"/packages?page={last_packages}"]),
        Page("packages by device count", ["/packages?sort=-device_count"]),
        Page("packages by version", ["/packages?sort=version", "/packages?sort=-version"]),
        Page("packages by ecosystem", ["/packages?sort=ecosystem"]),
        Page("packages, by ecosystem", ["/packages?ecosystem=deb", "/packages?ecosystem=nuget"]),
        Page(
            "packages, part of a name",
            [f"/packages?search={part}" for part in ("ssl", "host-0", "crypt-a", "zzz")],
        ),
        Page("packages, openssl < 3.0.15", ["/packages?search=openssl+%3C+3.0.15"]),
        Page("packages, name with *", ["/packages?search=deb/ssl-*"]),
        Page("packages as CSV", ["/packages?format=csv"], download=True),
        Page("package and its devices", ["/packages/deb/openssl", "/packages/rpm/openssl"]),
        Page("package, last page", [f"/packages/deb/openssl?page={fleet.devices // 100}"]),
        Page("package, others", [f"/packages?search={name}" for name in names]),
        Page("package as CSV", ["/packages/deb/openssl?format=csv"], download=True),
        Page("settings", ["/settings/license", "/settings/users", "/settings/api-tokens"]),
        Page("enrollment", ["/settings/enrollment"]),
        Page("audit log", ["/audit"]),
        Page("API: summary", ["/api/v1/inventory/summary"]),
        Page("API: devices counted", ["/api/v1/inventory/devices/count"]),
        Page(
            "API: which devices",
            ["/api/v1/inventory/package-locations?name=openssl&versions=%3C+3.0.15"],
        ),
        Page("metrics", ["/metrics"]),
    ]


def served(app: Flask, fleet: Generated, rounds: int, pids: Sequence[int]) -> list[Page]:
    """Ask for every page so many times, in turns, and return them with their times."""
    client, pages = app.test_client(), pages_of(fleet)
    sign_in(client)
    pages.append(Page("all other pages", list(_other_pages(app, client, pages)), download=True))
    for page in pages:
        page.warm_up(client)
    for number in range(rounds):
        for page in pages:
            page.ask(client, number, pids)
    return pages


def _other_pages(app: Flask, client: FlaskClient, pages: Sequence[Page]) -> Iterator[str]:
    """Yield the addresses of pages without arguments that are not measured yet."""
    known = {path.partition("?")[0] for page in pages for path in page.paths}
    rules = [rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())]
    for path in (rule.rule for rule in rules if not rule.arguments and rule.rule not in known):
        answer = client.get(path, buffered=False)
        if answer.status_code == 200:
            yield path
        answer.close()


def sign_in(client: FlaskClient) -> None:
    """Sign in as the admin."""
    form = client.get("/login").get_data(as_text=True)
    token = form.split('name="csrf_token"')[1].split('value="')[1].split('"')[0]
    words = {"email": _EMAIL, "password": _PASSWORD, "csrf_token": token}
    answer = client.post("/login", data=words)
    if answer.status_code != 302:
        raise RuntimeError(f"signing in: {answer.status_code}")


@contextmanager
def licensed_app(url: str, directory: Path) -> Iterator[Flask]:
    """Return the real app on a migrated database, started, licensed and with an admin."""
    clock = SystemClock()
    vendor = LicenseServerSimulator(ISSUER, clock)
    roots = directory / "roots.json"
    roots.write_text(vendor.roots_json)
    settings = Settings(url, directory, "x" * 32, license_public_key_path=roots)
    app = create_app(settings, clock=clock, transport=vendor.transport())
    with app.app_context():
        service.prepare(current().licensing)
        key = vendor.issue(max_devices=1_000_000, max_packages=1_000_000_000)
        service.install(current().licensing, key.text, actor="bench", via="bench")
        with writing() as session:
            create_first_admin(session, email=_EMAIL, password=_PASSWORD, at=clock.now())
        DayCounts(clock)()
        db.session.remove()
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


def measured(
    url: str, directory: Path, fleet: Generated, rounds: int = ROUNDS, pids: Sequence[int] = ()
) -> list[Page]:
    """Return every page with its times; `pids` are the database processes beside this one."""
    with licensed_app(url, directory) as app:
        return served(app, fleet, rounds, pids)


def migrate(url: str, directory: Path) -> None:
    """Give an empty database the server's schema."""
    app = create_app(Settings(url, directory, "x" * 32))
    with app.app_context():
        schema().upgrade(db.engine)
        db.engine.dispose()


def print_pages(title: str, pages: Sequence[Page]) -> bool:
    """Print the table; tell whether every page is within the limit."""
    width = max(len(page.name) for page in pages)
    print(f"\n{title}")
    print(f"   {'milliseconds':{width}}  {'median':>7}  {'p95':>7}  {'on the clock':>12}  limit")
    for page in pages:
        limit = f"{LIMIT_MS:.0f}" if page.goal else ""
        verdict = "" if not page.goal else ("reached" if page.reached else "MISSED")
        numbers = f"{page.median:7.1f}  {page.p95:7.1f}  {page.p95_waited:12.1f}"
        print(f"   {page.name:{width}}  {numbers}  {limit:>5}  {verdict}")
    sys.stdout.flush()
    return all(page.reached for page in pages)


def main() -> None:
    """Generate, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=2_000)
    parser.add_argument("--packages", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--url", help="a database that this generator has filled before")
    asked = parser.parse_args()
    fleet = Generated(asked.devices, asked.packages)
    with tempfile.TemporaryDirectory() as text:
        directory = Path(text)
        url = asked.url or f"sqlite:///{directory}/sentari.db"
        if not asked.url:
            migrate(url, directory)
            fleet.write(target_of(url))
        print_pages("Pages", measured(url, directory, fleet, asked.rounds))


if __name__ == "__main__":
    main()
