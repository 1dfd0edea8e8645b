"""A server and its vendor, joined without a network."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import text

from license_token.license_key import LicenseKey
from sentari.audit.models import AuditEvent
from sentari.audit.store import audit_log
from sentari.extensions import db
from sentari.licensing import service
from sentari.licensing.core import Licensing
from sentari.licensing.models import InstalledLicense
from sentari.licensing.state import LicenseStatus
from serverkit.database import writable
from tests.clocks import FakeClock
from tests.conftest import AppFactory
from tests.simulators.license_server import LicenseServerSimulator, SimulatorTransport

ISSUER = "https://license.sentari.dev"


@dataclass
class World:
    """One server, the vendor it trusts, and the clock they share."""

    app: Flask
    vendor: LicenseServerSimulator
    transport: SimulatorTransport
    clock: FakeClock

    @property
    def licensing(self) -> Licensing:
        licensing: Licensing = self.app.extensions["sentari"].licensing
        return licensing

    @contextmanager
    def context(self) -> Iterator[None]:
        with self.app.app_context():
            try:
                yield
            finally:
                db.session.remove()

    def do(self, action: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a function of the service as the admin."""
        with self.context():
            return action(self.licensing, *args, actor="user:admin@example.com", **kwargs)

    def install(self, text_or_key: str | LicenseKey) -> None:
        given = text_or_key if isinstance(text_or_key, str) else text_or_key.text
        self.do(service.install, given, via="page")

    def status(self) -> LicenseStatus:
        """Return what a request a second later would be answered under."""
        self.clock.ticks += 1
        with self.context():
            return self.licensing.snapshot.status()

    @property
    def state(self) -> str:
        return self.status().state.value

    def edit(self, statement: str, **values: Any) -> None:
        """Change the database behind the server's back, as its operator could."""
        with self.app.app_context(), writable(db.engine.connect()) as connection:
            connection.execute(text(statement), values)
            connection.commit()

    def row(self) -> dict[str, Any]:
        with self.context():
            found = db.session.execute(text("SELECT * FROM installed_license")).mappings().one()
            return dict(found)

    def put_row_back(self, row: dict[str, Any]) -> None:
        self.edit("DELETE FROM installed_license")
        names = ", ".join(row)
        marks = ", ".join(f":{name}" for name in row)
        self.edit(f"INSERT INTO installed_license ({names}) VALUES ({marks})", **row)

    def events(self, *actions: str) -> list[AuditEvent]:
        with self.context():
            events = db.session.query(AuditEvent).order_by(AuditEvent.seq).all()
            db.session.expunge_all()
        return [event for event in events if event.action.startswith(actions or ("",))]

    def actions(self, *actions: str) -> list[str]:
        return [event.action for event in self.events(*actions)]

    def audit_intact(self) -> bool:
        with self.context():
            return audit_log.verify(db.session()).intact

    @property
    def installed(self) -> bool:
        with self.context():
            return db.session.query(InstalledLicense).count() == 1


def make_world(
    make_app: AppFactory, url: str, clock: FakeClock, tmp_path: Path, **settings: Any
) -> World:
    """Return a server that was started once, and a vendor it trusts."""
    vendor = settings.pop("vendor", None) or LicenseServerSimulator(ISSUER, clock)
    transport = vendor.transport()
    roots = tmp_path / "roots.json"
    roots.write_text(vendor.roots_json)
    app = make_app(url, transport=transport, license_public_key_path=roots, **settings)
    world = World(app, vendor, transport, clock)
    with world.context():
        service.prepare(world.licensing)
    return world
