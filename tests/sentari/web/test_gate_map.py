"""Every endpoint of the server in every license state, against a copy of the contract's table."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from sentari.agents.models import DeviceCredential
from sentari.extensions import writing
from sentari.inventory.models import Device
from sentari.licensing.state import GATES, State
from sentari.web.access import access_of
from serverkit.tokens import hash_token
from tests.clocks import FakeClock
from tests.conftest import AppFactory, add_user, sign_in
from tests.sentari.licensing.world import World, make_world

# What is declared. Everything else goes by its method: read for GET, write for the rest.
OPEN = {
    "account_api.end_session",
    "account_api.end_sessions",
    "account.login",
    "account.logout",
    "account.choose_password",
    "account.setup",
    "agent.license_map",
    "api_docs.show",
    "agent.policy_map",
    "agent.renew",
    "license.check_in_now",
    "license.connection_test",
    "license.discard_key",
    "license.install",
    "license.install_reply",
    "license.offline",
    "license.remove",
    "license.request_file",
    "license.show",
    "license_api.activate",
    "license_api.connection_test",
    "license_api.discard_key",
    "license_api.refresh",
    "license_api.remove",
    "license_api.request_document",
    "license_api.show",
    "metrics.scrape",
    "openapi.spec",
    "own_account.end_session",
    "own_account.sign_out_everywhere",
    "probes.health",
    "probes.live",
    "probes.ready",
    "static",
}
INGEST = {"agent.audit_log", "agent.register", "agent.scan"}

REFUSED = {
    "full": set(),
    "read_only": {"write", "ingest"},
    "locked": {"read", "write", "ingest"},
}
VALUES = {
    "uid": "x",
    "device_id": "x",
    "scan_id": "x",
    "ecosystem": "x",
    "name": "x",
    "filename": "x",
}
NUMBERS = {"token_id": 999, "user_id": 999, "session_id": 999}


@pytest.fixture
def world(make_app: AppFactory, usual_url: str, clock: FakeClock, tmp_path: Path) -> World:
    return make_world(make_app, usual_url, clock, tmp_path)


def bring_into(world: World, state: State) -> None:
    """Get the server into a state as an operator would get there."""
    days = {"grace": 365, "read_only": 379, "locked_out": 409, "offline_exceeded": 366}
    if state is State.UNLICENSED:
        return
    vendor_says = state.value if state.value in ("revoked", "suspended") else "active"
    offline = 1 if state is State.OFFLINE_EXCEEDED else 365
    start = datetime(2025, 9, 1, 12, tzinfo=UTC) if state.value in days else world.clock.wall
    world.clock.wall = start
    world.install(world.vendor.issue(status=vendor_says, max_offline_days=offline))
    if state is State.TAMPERED:
        world.edit("UPDATE installed_license SET max_devices = 99999")
    if state is State.OFFLINE_EXCEEDED:
        world.clock.advance(86_400)
    elif state.value in days:
        world.clock.advance(364 * 86_400)
        world.vendor.change(world.vendor.licenses[0].key)
        world.install(world.vendor.licenses[0].key)
        world.clock.advance((days[state.value] - 364) * 86_400)


def requests_of(app: Flask) -> Iterator[tuple[Rule, str, str]]:
    """Yield every rule with a method and the class that the contract gives them."""
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"OPTIONS"}):
            by_method = "read" if method in ("GET", "HEAD") else "write"
            declared = "open" if rule.endpoint in OPEN else None
            yield rule, method, declared or ("ingest" if rule.endpoint in INGEST else by_method)


def path_of(app: Flask, rule: Rule) -> str:
    values = {name: NUMBERS.get(name, VALUES.get(name)) for name in rule.arguments}
    with app.test_request_context():
        return app.url_map.bind("localhost").build(rule.endpoint, values)


def test_every_endpoint_has_the_class_that_the_contract_gives_it(world: World) -> None:
    for rule, method, gate_class in requests_of(world.app):
        assert access_of(world.app, rule.endpoint).gate_class(method) == gate_class, rule


def test_the_copy_names_no_endpoint_that_is_not_there(world: World) -> None:
    assert {rule.endpoint for rule, *_ in requests_of(world.app)} >= OPEN | INGEST


@pytest.mark.parametrize("state", State, ids=lambda state: state.value)
def test_in_each_state_exactly_the_closed_classes_answer_402(world: World, state: State) -> None:
    bring_into(world, state)
    assert world.state == state.value
    add_user(world.app, "admin@example.com", "admin")
    client = world.app.test_client()
    sign_in(client, "admin@example.com")
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {device_token(world)}"
    refused = REFUSED[GATES[state].value]
    for rule, method, gate_class in requests_of(world.app):
        if rule.endpoint == "account.logout":
            continue  # It would end the session of the walk.
        status = answer(client, method, path_of(world.app, rule))
        assert (status == 402) is (gate_class in refused), (rule, method, status)


def device_token(world: World) -> str:
    """Enroll a device: what an agent asks before the license must find its identity."""
    token, now = "strd_a token of the walk", world.clock.now()
    words = {"hostname": "h", "os": "linux", "arch": "amd64", "agent_version": "1"}
    with world.app.app_context(), writing() as session:
        device = Device(uid=str(uuid4()), enrolled_at=now, last_seen_at=now, **words)
        session.add(device)
        session.flush()
        digest = hash_token(token)
        session.add(DeviceCredential(device_id=device.id, token_hash=digest, created_at=now))
    return token


def answer(client: FlaskClient, method: str, path: str) -> int:
    """Send the request without a form token, so that nothing is carried out."""
    return client.open(path, method=method).status_code
