"""Every page, as it leaves the server: valid and light; what failed is told, what is empty too.

The pages are fetched once, from a house that is empty first and holds the demo then.
"""

import gzip
import json
import logging
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, Flask, Response, request
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from werkzeug.test import TestResponse

from sentari.extensions import db
from sentari.inventory.models import Device, ScanEntry
from sentari.licensing.exchange import check_in
from sentari.web.access import access
from tests.clocks import FakeClock
from tests.conftest import csrf_token, factory
from tests.sentari.fleet import Fleet
from tests.sentari.inventory.devices import STATIC_TOKEN
from tests.sentari.licensing.world import make_world

ROOT = Path(__file__).resolve().parents[3]
VALIDATOR = ROOT / "tests" / "html" / "node_modules" / ".bin" / "html-validate"
HEAVIEST_BYTES = 150 * 1024

# What GETs answer with that is no page.
NO_PAGES = {
    "license.request_file", "metrics.scrape", "openapi.spec", "packages.show_by_query",
    "probes.health", "probes.live", "probes.ready", "static",
}  # fmt: skip
EMPTY = {
    "overview": "/",
    "devices": "/devices",
    "packages": "/packages",
    "enrollment": "/settings/enrollment",
    "enrollment-static": "/settings/enrollment/static",
    "api-tokens": "/settings/api-tokens",
    "license": "/settings/license",
}
FULL = {
    "overview": "/",
    "devices": "/devices?page_size=50&columns=status,tags,id",
    "devices-none-found": "/devices?search=nothing-is-called-so",
    "devices-fault": "/devices?package=pip+<",
    "devices-removal": "/devices/removal?seen=missing",
    "device": "/devices/{web}",
    "device-clone": "/devices/{clone}",
    "device-errors": "/devices/{kiosk}",
    "device-waiting": "/devices/{waiting}",
    "scans": "/devices/{web}/scans",
    "scans-none": "/devices/{waiting}/scans",
    "scan": "/devices/{web}/scans/{scan}",
    "agent-log": "/devices/{web}/agent-log",
    "packages": "/packages",
    "packages-by-version": "/packages?search=openssl+<+3.0.19",
    "packages-none-found": "/packages?search=nothing-is-called-so",
    "packages-fault": "/packages?search=pip+>=+1+<+2",
    "package": "/packages/deb/openssl",
    "enrollment-token": "/settings/enrollment/1",
    "audit": "/audit",
    "audit-none-found": "/audit?search=nothing-is-called-so",
    "audit-verify": "/audit/verify",
    "users": "/settings/users",
    "user": "/settings/users/1",
    "account": "/account",
    "account-password": "/account/password",
    "license": "/settings/license",
    "license-offline": "/settings/license/offline",
    "api-docs": "/api/v1/docs",
}
SAYS_WHAT_TO_DO = {
    "empty-devices", "empty-packages", "empty-enrollment", "empty-api-tokens",
    "devices-none-found", "device-errors", "device-waiting", "scans-none",
    "agent-log", "packages-none-found", "audit-none-found",
}  # fmt: skip
FAILURES = (400, 402, 403, 404, 405, 413, 429, 500, 503)


@dataclass(frozen=True)
class Page:
    """One answer, what was logged for it, and what a new visitor's browser loads for it."""

    status: int
    endpoint: str
    html: str
    request_id: str
    logged: tuple[logging.LogRecord, ...]
    weight: int


class Log(logging.Handler):
    """What was logged lately."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def taken(self) -> tuple[logging.LogRecord, ...]:
        records, self.records = tuple(self.records), []
        return records


class Browser(FlaskClient):
    """A client that takes compressed answers, as browsers do."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.environ_base["HTTP_ACCEPT_ENCODING"] = "gzip, deflate, br"


class House:
    """A server whose pages are looked at, each by a browser that has nothing yet."""

    def __init__(self, fleet: Fleet, log: Log) -> None:
        self.fleet, self.app, self.log = fleet, fleet.app, log
        self.pages: dict[str, Page] = {}
        self.sizes: dict[str, int] = {}
        self.app.test_client_class = Browser
        self.stranger = self.app.test_client()
        _plant_failures(self.app)

    def look(self, name: str, answer: TestResponse) -> None:
        records, packed = self.log.taken(), answer.headers.get("Content-Encoding") == "gzip"
        html = (gzip.decompress(answer.data) if packed else answer.data).decode()
        endpoint = answer.headers["X-Endpoint"]
        weight = len(answer.data) + sum(map(self._size, set(assets(html))))
        raw = answer.headers["X-Request-ID"]
        self.pages[name] = Page(answer.status_code, endpoint, html, raw, records, weight)

    def _size(self, path: str) -> int:
        if path not in self.sizes:
            answer = self.stranger.get(path, buffered=True)
            assert answer.status_code == 200, path
            self.sizes[path] = len(answer.data)
            self.log.taken()
        return self.sizes[path]


def assets(html: str) -> list[str]:
    """Return the addresses of what a page has its browser load."""
    tags = re.findall(r"<(?:link|script|img|use)\b[^>]*>", html)
    found = [re.search(r'(?:href|src)="([^"#]+)', tag) for tag in tags]
    return [match[1] for match in found if match]


def _plant_failures(app: Flask) -> None:
    planted = Blueprint("planted", __name__)

    @planted.get("/planted/bug")
    @access(public=True, gate="open")
    def bug() -> str:
        raise ZeroDivisionError("a secret of the inside")

    @planted.get("/planted/no-database")
    @access(public=True, gate="open")
    def no_database() -> str:
        raise OperationalError("SELECT secret", {}, Exception("gone"))

    app.register_blueprint(planted)

    @app.after_request
    def name_endpoint(response: Response) -> Response:
        response.headers["X-Endpoint"] = request.endpoint or ""
        return response


def _ids(app: Flask) -> dict[str, str]:
    """Return the ids of the devices that the pages are looked at with."""
    with app.app_context():
        device = {
            "web": select(Device.uid).where(Device.hostname == "web-fra-01"),
            "clone": select(Device.uid).where(Device.clone_seen_at.is_not(None)),
            "kiosk": select(Device.uid).where(Device.hostname.startswith("kiosk")),
            "waiting": select(Device.uid).where(Device.last_scan_at.is_(None)),
            "scan": select(ScanEntry.id)
            .join(Device, Device.id == ScanEntry.device_id)
            .where(Device.hostname == "web-fra-01", ScanEntry.changes.is_not(None)),
        }
        return {name: str(db.session.scalars(query).first()) for name, query in device.items()}


@pytest.fixture(scope="module")
def pages(
    migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Page]]:
    """Every page in an empty house, every page in a full one, and every failure."""
    directory, clock = tmp_path_factory.mktemp("house"), FakeClock()
    shutil.copy(migrated_sqlite, directory / "sentari.db")
    log, logger = Log(), logging.getLogger("request")
    root = logging.getLogger()
    root.addHandler(log)
    logger.setLevel(logging.INFO)
    with factory(directory, clock) as make_app:
        url, token = f"sqlite:///{directory}/sentari.db", {"enrollment_token": STATIC_TOKEN}
        house = House(Fleet(make_world(make_app, url, clock, directory, **token)), log)
        _look_around(house)
        yield house.pages
    logger.setLevel(logging.NOTSET)
    root.removeHandler(log)


def _look_around(house: House) -> None:
    house.look("setup", house.stranger.get("/setup"))
    _post(house, "setup-faults", house.stranger, "/setup", {})
    admin = house.fleet.browser("admin")
    house.look("login", house.stranger.get("/login"))
    for name, path in EMPTY.items():
        house.look(f"empty-{name}", admin.get(path))
    _post(house, "402", admin, "/settings/users", {})
    house.fleet.license(max_devices=100, max_packages=100_000)
    done = house.app.test_cli_runner().invoke(args=["demo", "load", "--devices", "20"])
    assert done.exit_code == 0, done.stderr
    _post(house, "enrollment-made", admin, "/settings/enrollment", {"name": "office"})
    _post(house, "api-token-made", admin, "/settings/api-tokens", {"name": "ci", "role": "viewer"})
    _post(house, "users-faults", admin, "/settings/users", {"email": "", "role": "viewer"})
    _invite(house, admin)
    for name, path in FULL.items():
        house.look(name, admin.get(path.format_map(_ids(house.app))))
    _expire(house, -20)
    for name, path in FULL.items():
        house.look(f"read-only-{name}", admin.get(path.format_map(_ids(house.app))))
    _expire(house, 300)
    _fail(house, admin)


def _expire(house: House, days: int) -> None:
    world, today = house.fleet.world, house.fleet.clock.now().date()
    key = world.vendor.licenses[-1].key
    world.vendor.change(key, expires_at=today + timedelta(days=days))
    world.do(check_in)
    house.fleet.clock.ticks += 2
    house.log.taken()


def _invite(house: House, admin: FlaskClient) -> None:
    form = {"email": "carol@example.com", "role": "viewer"}
    _post(house, "user-invited", admin, "/settings/users", form)
    found = re.search(r"copyable-text[^>]*>([^<]+)<", house.pages["user-invited"].html)
    assert found is not None
    carol, form = house.app.test_client(), {"email": form["email"], "password": found[1]}
    carol.post("/login", data={**form, "csrf_token": csrf_token(carol)})
    house.log.taken()
    house.look("choose-password", carol.get("/login/password"))


def _fail(house: House, admin: FlaskClient) -> None:
    viewer = house.fleet.browser("viewer")
    house.log.taken()
    house.look("400", admin.post("/logout"))
    house.look("403", viewer.get("/settings/users"))
    house.look("404", admin.get("/devices/00000000-0000-0000-0000-000000000000"))
    house.look("405", admin.post("/devices"))
    house.look("413", house.stranger.post("/login", data=b"x" * (1024 * 1024 + 1)))
    house.look("500", admin.get("/planted/bug"))
    house.look("503", admin.get("/planted/no-database"))
    form = {"email": "nobody@example.com", "password": "wrong"}
    for _ in range(6):
        _post(house, "429", house.stranger, "/login", form)


def _post(house: House, name: str, client: FlaskClient, path: str, form: dict[str, str]) -> None:
    token = csrf_token(client, path)
    house.log.taken()
    house.look(name, client.post(path, data={**form, "csrf_token": token}))


def test_all_pages_are_looked_at(pages: dict[str, Page], app: Flask) -> None:
    rules = [rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())]
    names = {
        rule.endpoint for rule in rules if not rule.rule.startswith(("/api/", "/.well-known/"))
    }
    assert names - NO_PAGES - {page.endpoint for page in pages.values()} == set()
    told = {name: page.status for name, page in pages.items() if name in EMPTY | FULL}
    assert set(told.values()) <= {200, 400}, told


def test_every_page_is_valid_html(pages: dict[str, Page], tmp_path: Path) -> None:
    if not VALIDATOR.exists():
        pytest.skip("html-validate is not installed (npm ci --prefix tests/html)")
    for name, page in pages.items():
        (tmp_path / f"{name}.html").write_text(page.html)
    (tmp_path / "planted.html").write_text('<!doctype html><p id="a"><div id="a">')
    config = ROOT / "tests" / "html" / "htmlvalidate.json"
    command = [VALIDATOR, "--config", config, "--formatter", "json", tmp_path / "*.html"]
    with (tmp_path / "found.json").open("w+") as report:  # of a pipe it would fill the half only
        subprocess.run(command, stdout=report, check=False, timeout=60)
        report.seek(0)
        files = json.load(report)
    found = {
        f"{Path(file['filePath']).stem}:{message['line']} {message['ruleId']}: {message['message']}"
        for file in files
        for message in file["messages"]
    }
    planted = {line for line in found if line.startswith("planted:")}
    assert any("no-dup-id" in line for line in planted)
    assert sorted(found - planted) == [], "\n".join(sorted(found))


def test_every_page_is_light_when_it_is_loaded_for_the_first_time(
    pages: dict[str, Page],
) -> None:
    # What the style sheet may load besides: marks of checkboxes, arrows of selects.
    pictures = sum(path.stat().st_size for path in (ROOT / "static/vendor/tabler").iterdir())
    heavy = {name: page.weight + pictures for name, page in pages.items()}
    assert {name: size for name, size in heavy.items() if size > HEAVIEST_BYTES} == {}
    assert max(heavy.values()) > 50 * 1024, "the style sheets were not counted"


@pytest.mark.parametrize("status", FAILURES)
def test_a_failure_is_told_with_an_id_that_is_in_the_log(
    pages: dict[str, Page], status: int
) -> None:
    page = pages[str(status)]
    assert page.status == status
    (shown,) = re.findall(r'Error (\d+) · id <span class="mono">([^<]+)</span>', page.html)
    assert shown == (str(status), page.request_id)
    (line,) = [record for record in page.logged if record.name == "request"]
    assert (line.request_id, line.status) == (page.request_id, status)  # type: ignore[attr-defined]
    assert any(record.levelno >= logging.ERROR for record in page.logged) is (status >= 500)
    assert "secret" not in page.html


def content(page: Page) -> str:
    """Return what stands below the banner and beside the navigation."""
    return re.sub(r'name="csrf_token"[^>]*>', "", page.html[page.html.index("<main") :])


def test_when_the_license_allows_reading_only_a_page_is_the_same_with_a_banner_above_it(
    pages: dict[str, Page],
) -> None:
    same = set(FULL) - {"overview", "license", "license-offline"}
    same -= {name for name in same if name.startswith("audit")}  # it has more to tell meanwhile
    for name in sorted(same):
        closed, full = pages[f"read-only-{name}"], pages[name]
        assert ('<section class="banner' in closed.html) == (name != "api-docs"), name
        assert content(closed) == content(full), name


@pytest.mark.parametrize("name", sorted(SAYS_WHAT_TO_DO))
def test_an_empty_list_says_what_to_do(pages: dict[str, Page], name: str) -> None:
    found = re.search(
        r'<div class="empty-state-text">(.*?)</div>(.*?)</div>', pages[name].html, re.DOTALL
    )
    assert found is not None
    assert len(re.sub(r"<[^>]+>|\s+", " ", found[1]).split()) >= 5


def test_every_moment_is_told_in_utc_and_to_programs(pages: dict[str, Page]) -> None:
    moments = [
        (name, *found)
        for name, page in pages.items()
        for found in re.findall(r'<time datetime="([^"]*T[^"]*)" title="([^"]*)">', page.html)
    ]
    assert len(moments) > 100
    for name, machine, title in moments:
        assert datetime.fromisoformat(machine).tzinfo is UTC, name
        assert title.endswith(("UTC", "Z")), name
    bare = {
        name: found
        for name, page in pages.items()
        if (
            found := re.findall(
                r"\d{4}-\d\d-\d\d \d\d:\d\d(?![^<]*(?:</time>|</svg>|\"))", page.html
            )
        )
    }
    assert bare == {}
