"""A licensed server with agents that speak HTTP, for tests of pages, API and protocol."""

from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from sentari.extensions import writing
from sentari.inventory.devices import remove_device
from sentari.licensing.exchange import check_in
from tests.clocks import FakeClock
from tests.conftest import AppFactory, add_user, sign_in
from tests.sentari.inventory.devices import STATIC_TOKEN
from tests.sentari.licensing.world import World, make_world

# What an agent sends to enroll, but for the token.
REGISTRATION = {
    "hostname": "web-01",
    "os": "linux",
    "arch": "amd64",
    "agent_version": "1.0.0",
    "machine_id": "",
    "csr": "",
}


class Fleet:
    """One licensed server and what its agents and people do with it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.app = world.app
        self.clock = world.clock
        self.agents = world.app.test_client(use_cookies=False)

    def license(self, **terms: Any) -> None:
        """Install a license with these terms."""
        self.world.install(self.world.vendor.issue(**terms))
        self.clock.ticks += 2

    def unlicense(self, status: str = "suspended") -> None:
        """Let the vendor close the server with its next answer."""
        key = self.world.vendor.licenses[-1].key
        self.world.vendor.change(key, status=status)
        self.world.do(check_in)
        self.clock.ticks += 2

    def register(self, **members: Any) -> TestResponse:
        body = REGISTRATION | {"enrollment_token": STATIC_TOKEN}
        # Ten a minute from one address are allowed, and tests enroll more.
        self.clock.advance(60)
        return self.agents.post("/api/v1/agent/register", json=body | members)

    def enroll(self, **members: Any) -> tuple[str, str]:
        """Enroll a device and return (device_id, device_token)."""
        answer = self.register(**members)
        assert answer.status_code in (200, 201), answer.get_data(as_text=True)
        return answer.json["device_id"], answer.json["device_token"]

    def send(self, token: str | None, document: Any, **options: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        path = options.pop("path", "/api/v1/agent/scan")
        headers |= options.pop("headers", {})
        if isinstance(document, bytes):
            return self.agents.post(path, data=document, headers=headers, **options)
        return self.agents.post(path, json=document, headers=headers, **options)

    def add(self, document: dict[str, Any], **members: Any) -> str:
        """Enroll a device, send its scan, and return its id."""
        device_id, token = self.enroll(**members)
        answer = self.send(token, document | {"device_id": device_id})
        assert answer.status_code == 202, answer.get_data(as_text=True)
        return device_id

    def remove(self, device_id: str) -> None:
        with self.app.app_context(), writing() as session:
            assert remove_device(session, device_id, at=self.clock.now(), actor="cli")

    def browser(self, role: str) -> FlaskClient:
        email = f"{role}@example.com"
        add_user(self.app, email, role)
        client = self.app.test_client()
        sign_in(client, email)
        return client


def make_fleet(
    make_app: AppFactory, url: str, clock: FakeClock, tmp_path: Path, **settings: Any
) -> Fleet:
    """Return a server with an unlimited license."""
    settings = {"enrollment_token": STATIC_TOKEN} | settings
    fleet = Fleet(make_world(make_app, url, clock, tmp_path, **settings))
    fleet.license(max_devices=None, max_packages=None)
    return fleet
