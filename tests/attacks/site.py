"""A running server, the real license server behind it, and what its operator gets from it.

Both are real apps on real databases; only the socket between them is left out. A case begins
with the database files as they were when the site was built, which takes milliseconds.
"""

import contextlib
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import create_engine
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.test import TestResponse

from license_server.extensions import db as vendor_db
from sentari import create_app
from sentari.accounts.api_tokens import create_api_token
from sentari.config import Settings
from sentari.extensions import db, writing
from sentari.licensing import service
from sentari.licensing.core import create_licensing
from sentari.licensing.ledger import LogWatch
from sentari.licensing.recount import recount
from sentari.rate_limits import create_rate_limiter
from tests.attacks.vendor import API, Vendor, Wire
from tests.clocks import FakeClock
from tests.conftest import SECRET
from tests.license_server.cast import AIRGAP
from tests.sentari.fleet import REGISTRATION
from tests.sentari.inventory.scans import package, scan

DAY, HOUR = 86_400, 3600
STATIC_TOKEN = "the static enrollment token of the attacks"
NOBODY = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True)
class Gets:
    """What a server in one state gives: the answers to a reader, a writer and an agent."""

    state: str
    read: int
    write: int
    ingest: int


def full(state: str) -> Gets:
    """Return what a server gives whose gate is open; the device to remove does not exist."""
    return Gets(state, 200, 404, 202)


def read_only(state: str) -> Gets:
    """Return what a server gives that can be read."""
    return Gets(state, 200, 402, 402)


def locked(state: str) -> Gets:
    """Return what a locked server gives."""
    return Gets(state, 402, 402, 402)


ACTIVE, GRACE = full("active"), full("grace")
UNLICENSED = read_only("unlicensed")
SUSPENDED = read_only("suspended")
READ_ONLY = read_only("read_only")
TAMPERED, REVOKED = locked("tampered"), locked("revoked")
OFFLINE, LOCKED_OUT = locked("offline_exceeded"), locked("locked_out")


class Site:
    """One server with an admin's and a viewer's token, an enrolled device, and its vendor."""

    def __init__(self, directory: Path, template: Path, **settings: Any) -> None:
        """Build both servers; `template` is an empty migrated database."""
        self.clock = FakeClock()
        self.vendor = Vendor(directory / "vendor", self.clock)
        self.wire: Any = Wire(self.vendor)
        self.path, self.data_dir = directory / "sentari.db", directory
        shutil.copy(template, self.path)
        roots = directory / "roots.json"
        roots.write_text(self.vendor.roots.to_json())
        self.settings = Settings(
            f"sqlite:///{self.path}",
            directory,
            SECRET,
            **{"license_public_key_path": roots, "enrollment_token": STATIC_TOKEN, **settings},
        )
        self.app: Flask = create_app(self.settings, clock=self.clock, transport=self.wire)
        self.app.testing = False
        self.agents = self.app.test_client(use_cookies=False)
        self.admin, self.viewer = self._token("admin"), self._token("viewer")
        self.do(service.prepare)
        self.device_id, self.device_token = "", ""
        self.sold: dict[str, Any] = {}
        self.genuine: Any = None
        self.other: Any = None
        self._kept: dict[Path, Path] = {}

    # Beginning a case.

    def keep(self) -> None:
        """Remember the databases as they are now: each case begins with them."""
        for path in (self.path, self.vendor.path):
            self._dispose()
            kept = path.with_suffix(".kept")
            copy_database(path, kept)
            self._kept[path] = kept
        self._kept_at = (self.clock.wall, self.clock.ticks)

    def reset(self) -> None:
        """Put everything back as it was kept, and start both servers anew."""
        self._dispose()
        for path, kept in self._kept.items():
            copy_database(kept, path)
        self.clock.wall, self.clock.ticks = self._kept_at
        self.wire.meddle, self.wire.sent = self.vendor.post, []
        self.restart()

    def close(self) -> None:
        """Let go of the databases."""
        self._dispose()

    def _dispose(self) -> None:
        with self.app.app_context():
            db.session.remove()
            db.engine.dispose()
        with self.vendor.app.app_context():
            vendor_db.session.remove()
            vendor_db.engine.dispose()

    def restart(self) -> None:
        """Start the server again: nothing is remembered but what is on disk."""
        sentari = self.app.extensions["sentari"]
        with self.app.app_context():
            db.session.remove()
            db.engine.dispose()
            sentari.rate_limiter = create_rate_limiter(db.engine, self.clock)
        sentari.licensing = create_licensing(
            self.settings, clock=self.clock, transport=self.wire, server_version="0.1.0"
        )
        self.do(service.prepare)
        self.watch = LogWatch(self.licensing, self.app.app_context)

    @property
    def now(self) -> int:
        return int(self.clock.now().timestamp())

    # What the server does by itself.

    @property
    def licensing(self) -> Any:
        return self.app.extensions["sentari"].licensing

    def do(self, action: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a function of the licensing service."""
        with self.app.app_context():
            try:
                return action(self.licensing, *args, **kwargs)
            finally:
                db.session.remove()

    def minute(self) -> None:
        """Do what the lease holder does each minute."""
        self.clock.advance(60)
        for job in (service.keep_time, self._walk):
            # One that fails does not keep the others from working, as in the scheduler.
            with contextlib.suppress(SQLAlchemyError):
                self.do(job)

    def _walk(self, _licensing: object) -> None:
        self.watch.walk_if_due()

    def hours(self, count: int, *, step: int = 3) -> None:
        """Let hours go by with the server running; the lease holder looks now and then."""
        for _ in range(0, count, step):
            self.clock.advance(step * HOUR)
            self.do(service.keep_time)

    def recount(self) -> None:
        """Count the inventory again, as the server does each hour."""
        self.do(recount)

    # What people and agents do.

    def call(self, method: str, path: str, **options: Any) -> TestResponse:
        """Speak as the admin's program."""
        headers = {"Authorization": f"Bearer {self.admin}", **options.pop("headers", {})}
        return self.agents.open(f"{API}{path}", method=method, headers=headers, **options)

    def activate(self, text: str) -> TestResponse:
        """Present a key or a reply."""
        return self.call("POST", "/license/activate", json={"license_key": text})

    def refresh(self) -> TestResponse:
        """Check in now."""
        return self.call("POST", "/license/refresh")

    def request_document(self) -> str:
        """Return the request that the vendor is to be asked with."""
        return str(self.do(service.request_document))

    def license(self, **terms: Any) -> dict[str, Any]:
        """Buy a license, install its key and check in."""
        sold = self.vendor.issue(**terms)
        answer = self.activate(sold["license_key"])
        assert answer.status_code == 200, answer.text
        self.clock.ticks += 2
        return sold

    def register(self, **members: Any) -> TestResponse:
        """Enroll a device; a minute later, since ten a minute are allowed."""
        self.clock.advance(60)
        body = REGISTRATION | {"enrollment_token": STATIC_TOKEN}
        return self.agents.post(f"{API}/agent/register", json=body | members)

    def enroll(self, **members: Any) -> tuple[str, str]:
        """Enroll a device and return its id and token."""
        answer = self.register(**members)
        assert answer.status_code in (200, 201), answer.text
        return answer.json["device_id"], answer.json["device_token"]

    def scan(
        self, *packages: dict[str, Any], device: tuple[str, str] | None = None, **members: Any
    ) -> TestResponse:
        """Send a scan as the device."""
        device_id, token = device or (self.device_id, self.device_token)
        at = f"{self.clock.now():%Y-%m-%dT%H:%M:%S.%fZ}"
        document = scan(*packages, device_id=device_id, **{"scanned_at": at, **members})
        headers = {"Authorization": f"Bearer {token}"}
        return self.agents.post(f"{API}/agent/scan", json=document, headers=headers)

    def gets(self) -> Gets:
        """Return what reader, writer and agent get two seconds later."""
        self.clock.advance(2)
        state = self.agents.get(f"{API}/agent/license-map").headers["X-Sentari-License-State"]
        return Gets(
            state,
            self.call("GET", "/inventory/summary").status_code,
            self.call("DELETE", f"/inventory/devices/{NOBODY}").status_code,
            self.scan(package()).status_code,
        )

    def summary(self) -> dict[str, Any]:
        """Return the inventory's totals."""
        found: dict[str, Any] = self.call("GET", "/inventory/summary").json
        return found

    # What the operator does behind the server's back.

    def edit(self, *statements: str, **values: Any) -> None:
        """Change the database with every right on it, triggers out of the way."""
        engine = create_engine(f"sqlite:///{self.path}")
        with engine.begin() as connection:
            connection.exec_driver_sql("PRAGMA writable_schema = ON")
            for statement in statements:
                connection.exec_driver_sql(statement, values)
        engine.dispose()

    def rows(self, query: str, **values: Any) -> list[dict[str, Any]]:
        """Return rows as the database has them."""
        with closing(sqlite3.connect(self.path)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(query, values)]

    def insert(self, table: str, row: dict[str, Any]) -> None:
        """Write a row."""
        marks = ", ".join(f":{name}" for name in row)
        self.edit(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", **row)

    def snapshot(self, name: str) -> Path:
        """Copy the database away, to be put back later."""
        kept = self.path.with_suffix(f".{name}")
        copy_database(self.path, kept)
        return kept

    def put_back(self, kept: Path) -> None:
        """Stop the server, put an older database in its place, and start it."""
        self._dispose()
        copy_database(kept, self.path)
        self.restart()

    def events(self, *actions: str) -> list[dict[str, Any]]:
        """Return the audit log's entries with one of the actions."""
        marks = ", ".join(f"'{action}'" for action in actions)
        return self.rows(f"SELECT * FROM audit_event WHERE action IN ({marks}) ORDER BY seq")

    def _token(self, role: str) -> str:
        with self.app.app_context(), writing() as session:
            return create_api_token(
                session,
                name=role,
                role=role,
                expires_in_days=None,
                at=self.clock.now(),
                actor="test",
            )


def copy_database(source: Path, target: Path) -> None:
    """Make a database what another one is, page by page, whoever has it open."""
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


def build(directory: Path, template: Path, **settings: Any) -> Site:
    """Return a site with a license, a device and its scan, kept as every case's beginning."""
    airgap = settings.get("license_mode") == "airgap"
    terms = AIRGAP if airgap else {}
    site = Site(directory, template, **settings)
    sold = site.vendor.issue(max_devices=3, max_packages=10, **terms)
    if airgap:
        assert site.activate(sold["license_key"]).status_code == 409
        answer = site.activate(site.vendor.answer(site.request_document()))
    else:
        answer = site.activate(sold["license_key"])
    assert answer.status_code == 200, answer.text
    site.clock.ticks += 2
    site.sold = sold
    site.device_id, site.device_token = site.enroll()
    site.restart()
    assert site.scan(package()).status_code == 202
    site.keep()
    return site
