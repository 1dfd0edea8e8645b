"""The OpenAPI document: kept as the code makes it, valid, and true to what is answered."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import schemathesis
from apiflask import APIFlask
from flask import Flask
from werkzeug.test import TestResponse

from sentari.accounts.api_tokens import create_api_token
from sentari.extensions import writing
from sentari.web.access import access_of
from tests.clocks import FakeClock
from tests.conftest import AppFactory
from tests.sentari.agents.csrs import csr
from tests.sentari.agents.logs import chain, sent
from tests.sentari.fleet import Fleet, make_fleet
from tests.sentari.inventory.scans import package, scan
from tools.openapi import render

FILE = Path(__file__).resolve().parent.parent / "docs" / "openapi.json"
DOCUMENT: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
OPERATIONS = [
    (method, path, operation)
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
]


def test_the_file_is_what_the_code_makes(app: Flask) -> None:
    assert isinstance(app, APIFlask)
    assert FILE.read_text(encoding="utf-8") == render(app), "run: make openapi"


def test_everybody_is_served_the_file_whatever_host_is_asked(app: Flask) -> None:
    answer = app.test_client().get("/api/v1/openapi.json", headers={"Host": "evil.example"})
    assert (answer.status_code, answer.json) == (200, DOCUMENT)


def test_every_reference_and_every_schema_is_sound() -> None:
    found = [
        result.ok() for result in schemathesis.openapi.from_dict(DOCUMENT).get_all_operations()
    ]
    assert len(found) == len(OPERATIONS)
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize(
    ("method", "path", "operation"), OPERATIONS, ids=lambda part: part if type(part) is str else ""
)
def test_every_operation_is_described(method: str, path: str, operation: dict[str, Any]) -> None:
    assert operation["summary"].endswith(".")
    assert len(operation["tags"]) == 1
    named = [p["name"] for p in operation["parameters"] if p["in"] == "path"]
    assert named == [part[1:-1] for part in path.split("/") if part.startswith("{")]
    lists = {f"/api/v1/{name}" for name in ("users", "api-tokens", "enrollment-tokens")}
    takes = path in TAKING_BODIES or (method == "post" and path in lists)
    assert ("requestBody" in operation) == takes
    assert all("$ref" in answer or answer["description"] for answer in answers_of(operation))


TAKING_BODIES = (
    "/api/v1/license/activate",
    "/api/v1/agent/audit-log",
    "/api/v1/agent/register",
    "/api/v1/agent/renew",
    "/api/v1/agent/scan",
    "/api/v1/account/password",
    "/api/v1/users/{user_id}/enable",
    "/api/v1/users/{user_id}/reset-password",
    "/api/v1/users/{user_id}/role",
)


def answers_of(operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from operation["responses"].values()


def test_names_of_operations_are_unique() -> None:
    names = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(set(names)) == len(names)


def test_who_may_ask_and_what_the_license_closes_are_the_declared_ones(app: Flask) -> None:
    adapter = app.url_map.bind("localhost")
    for method, path, operation in OPERATIONS:
        endpoint, _ = adapter.match(re.sub(r"{\w+}", "1", path), method.upper())
        asked, responses = access_of(app, endpoint), operation["responses"]
        assert ("402" in responses) == (asked.gate_class(method.upper()) != "open"), path
        if not (asked.public or asked.agent):
            admin = asked.needed_role(method.upper()) == "admin"
            assert ("401" in responses, "403" in responses) == (True, admin), path


def schema_of(path: str, answer: TestResponse, method: str = "get") -> dict[str, Any]:
    responses = DOCUMENT["paths"][path][method]["responses"]
    content = responses[str(answer.status_code)]["content"]
    schema = content[answer.content_type.partition(";")[0]]["schema"]
    return {**schema, "components": DOCUMENT["components"]}


def check(path: str, answer: TestResponse, method: str = "get") -> None:
    """Compare an answer with its schema; no member may be there that is not described."""
    schema = schema_of(path, answer, method)
    jsonschema.validate(answer.json, schema)
    name = schema["$ref"].rpartition("/")[2]
    assert set(answer.json) <= set(DOCUMENT["components"]["schemas"][name]["properties"]), path


@pytest.fixture
def fleet(make_app: AppFactory, sqlite_url: str, clock: FakeClock, tmp_path: Path) -> Fleet:
    """A licensed server."""
    return make_fleet(make_app, sqlite_url, clock, tmp_path)


@pytest.fixture
def admin(fleet: Fleet) -> dict[str, str]:
    """The headers of an admin's program."""
    at = fleet.clock.now()
    with fleet.app.app_context(), writing() as session:
        token = create_api_token(
            session, name="test", role="admin", expires_in_days=None, at=at, actor="cli"
        )
    return {"Authorization": f"Bearer {token}"}


READ = [
    ("/api/v1/account", ""),
    ("/api/v1/api-tokens", ""),
    ("/api/v1/enrollment-tokens", ""),
    ("/api/v1/users", ""),
    ("/api/v1/audit/", ""),
    ("/api/v1/audit/verify", ""),
    ("/api/v1/inventory/devices", ""),
    ("/api/v1/inventory/devices/count", ""),
    ("/api/v1/inventory/devices/{device_id}", ""),
    ("/api/v1/inventory/devices/{device_id}/agent-log", ""),
    ("/api/v1/inventory/devices/{device_id}/scans", ""),
    ("/api/v1/inventory/devices/{device_id}/scans/{scan_id}", ""),
    ("/api/v1/inventory/packages", ""),
    ("/api/v1/inventory/package-locations", "?name=pip"),
    ("/api/v1/inventory/summary", ""),
    ("/api/v1/license", ""),
]


def test_what_is_read_is_what_is_described(fleet: Fleet, admin: dict[str, str]) -> None:
    document = scan(package("pip"))
    device_id = fleet.add(document)
    for path, query in READ:
        answer = fleet.agents.get(
            path.format(device_id=device_id, scan_id=1) + query, headers=admin
        )
        assert answer.status_code == 200, path
        if path != "/api/v1/license":
            check(path, answer)
    # Strangers get what is described for all, admins what is described for them.
    check("/api/v1/license", fleet.agents.get("/api/v1/license"))
    refreshed = fleet.agents.post("/api/v1/license/refresh", headers=admin)
    check("/api/v1/license/refresh", refreshed, "post")
    schemas = DOCUMENT["components"]["schemas"]
    assert set(answer.json) == set(refreshed.json) == set(schemas["LicenseOut"]["properties"])


def test_what_agents_get_is_what_is_described(fleet: Fleet) -> None:
    enrolled = fleet.register()
    check("/api/v1/agent/register", enrolled, "post")
    token, uid = enrolled.json["device_token"], enrolled.json["device_id"]
    document = scan(package("pip")) | {"device_id": uid}
    check("/api/v1/agent/scan", fleet.send(token, document), "post")
    batch = {"device_id": uid, "entries": sent(chain(2))}
    path = "/api/v1/agent/audit-log"
    check(path, fleet.send(token, batch, path=path), "post")
    renewed = fleet.send(token, {"csr": csr()}, path="/api/v1/agent/renew")
    check("/api/v1/agent/renew", renewed, "post")
    headers = {"Authorization": f"Bearer {token}"}
    check("/api/v1/agent/config", fleet.agents.get("/api/v1/agent/config", headers=headers))


def test_refusals_are_what_is_described(fleet: Fleet, admin: dict[str, str]) -> None:
    get, post = fleet.agents.get, fleet.agents.post
    devices = "/api/v1/inventory/devices"
    check(devices, get(f"{devices}?page_size=501", headers=admin))
    check(devices, get(devices))
    check(f"{devices}/{{device_id}}", get(f"{devices}/none", headers=admin))
    check("/api/v1/agent/scan", post("/api/v1/agent/scan", json={}), "post")
    check("/api/v1/agent/policy-map", get("/api/v1/agent/policy-map"))
    key = {"license_key": "SENT-1"}
    activate = "/api/v1/license/activate"
    check(activate, post(activate, json=key, headers=admin), "post")
    fleet.unlicense()
    check("/api/v1/agent/register", fleet.register(), "post")


def test_the_schemas_would_notice_an_answer_that_changed(fleet: Fleet) -> None:
    answer = fleet.agents.get("/api/v1/license")
    schema = schema_of("/api/v1/license", answer)
    for broken in ({**answer.json, "state": "open"}, {**answer.json, "gate": None}, {}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, schema)
