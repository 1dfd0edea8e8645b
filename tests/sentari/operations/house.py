"""A server in use, with a row in every table."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from sentari.accounts.api_tokens import create_api_token
from sentari.agents.enrollment_tokens import create_token
from sentari.extensions import db, writing
from sentari.inventory.activity import DayCounts
from sentari.inventory.counting import count_pending
from sentari.licensing import exchange
from sentari.licensing.answer import CheckInError
from sentari.licensing.causes import Cause
from sentari.licensing.scheduler import Scheduler, holder_at
from sentari.startup import prepare
from tests.sentari.agents.csrs import csr
from tests.sentari.agents.logs import chain, sent
from tests.sentari.fleet import Fleet
from tests.sentari.inventory.scans import package, real_scan, scan

HOST = "web-01"


class House:
    """A licensed server; once furnished, with people, tokens, devices, logs, a key that waits."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet, self.world, self.app = fleet, fleet.world, fleet.app
        self.device_token = ""
        self.device_id = ""
        self.api_token = ""
        self.enrollment_token = ""
        self.pauses: list[float] = []
        do_not_wait(self.app, self.pauses.append)
        with self.app.app_context():
            prepare(self.app)

    def furnish(self) -> "House":
        """Leave a row in every table."""
        self._people()
        self._agents()
        with self.app.app_context():
            DayCounts(self.fleet.clock)()
            db.session.remove()
        self._a_key_that_waits()
        return self

    def _people(self) -> None:
        self.browser = self.fleet.browser("admin")
        now = self.fleet.clock.now()
        with self.app.app_context(), writing() as session:
            self.api_token = create_api_token(
                session, name="ci", role="admin", expires_in_days=None, at=now, actor="cli"
            )
            self.enrollment_token = create_token(
                session, name="all", expires_in_days=None, max_uses=None, at=now, actor="cli"
            ).text

    def _agents(self) -> None:
        fleet = self.fleet
        members = {"csr": csr(), "machine_id": "m-1", "enrollment_token": self.enrollment_token}
        self.device_id, self.device_token = fleet.enroll(hostname=HOST, **members)
        assert self.send(scan(package("pip"), package("wheel")))
        with self.app.app_context():
            count_pending()
        fleet.clock.advance(3600)
        later = scan(package("pip"), package("näme", "1.0\t"), scanned_at="2026-11-23T14:00:00Z")
        assert self.send(later)
        entries = sent(chain(3))
        assert self.send({"entries": entries}, path="/api/v1/agent/audit-log")
        fleet.add(real_scan("server-459"), hostname="server")
        fleet.clock.advance(3 * 86_400)
        self.world.do(exchange.check_in)

    def _a_key_that_waits(self) -> None:
        vendor = self.world.vendor
        vendor.unavailable = CheckInError(Cause.DNS, "No such name.")
        with pytest.raises(CheckInError):
            self.world.install(vendor.issue(max_devices=7))
        vendor.unavailable = None

    def send(self, document: dict[str, Any], **options: Any) -> bool:
        """Tell whether the server takes the device's document."""
        document = document | {"device_id": self.device_id}
        return self.fleet.send(self.device_token, document, **options).status_code == 202

    def kill_worker(self) -> None:
        """A server that was at work until this moment, and said nothing at its end."""
        Scheduler(self.world.licensing, self.app.app_context).tick()
        assert worker_lease(self.app) is not None

    def start_worker(self) -> Scheduler:
        """A server at work, as far as others can tell."""
        worker = Scheduler(self.world.licensing, self.app.app_context)
        worker.start()
        ends = time.monotonic() + 10
        while worker_lease(self.app) is None:
            assert time.monotonic() < ends
            time.sleep(0.01)
        return worker


def do_not_wait(app: Flask, pause: Callable[[float], Any]) -> None:
    """Have commands call this instead of waiting for servers to show."""
    object.__setattr__(app.extensions["sentari"].licensing, "pause", pause)


def worker_lease(app: Flask) -> object:
    with app.app_context():
        found = holder_at(db.session(), app.extensions["sentari"].clock.now())
        db.session.remove()
    return found


def empty_tables(app: Flask) -> set[str]:
    with app.app_context():
        found = {
            table.name
            for table in db.metadata.sorted_tables
            if not db.session.scalar(select(func.count()).select_from(table))
        }
        db.session.remove()
    return found
