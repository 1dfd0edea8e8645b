import csv
import io
import json

import pytest

from sentari.accounts.api_tokens import create_api_token
from sentari.extensions import writing
from tests.cyclonedx import faults
from tests.sentari.inventory.scans import package, real_scan, scan

UNKNOWN = "00000000-0000-4000-8000-000000000000"
BASE = "/api/v1/inventory"


@pytest.fixture
def viewer(fleet):
    return fleet.browser("viewer")


@pytest.fixture
def ids(fleet):
    one = scan(package("pip"), package("six", "1.0"), hostname="a", tags=["prod"])
    other = scan(
        package("pip"),
        package("@babel/core", env_type="npm", install_path="/x"),
        package("@babel/core", env_type="npm", install_path="/y"),
        hostname="b",
        errors=[{"path": "/srv", "error": "denied"}],
        os="windows",
    )
    return [fleet.add(one), fleet.add(other), fleet.enroll(hostname="c")[0]]


def test_the_summary_counts_devices_and_packages(viewer, ids):
    answer = viewer.get(f"{BASE}/summary").json
    assert answer.pop("latest_scan").startswith("2026-11-23T1")
    assert answer == {"total_devices": 3, "total_packages": 4, "unique_packages": 3}


def test_an_empty_summary_has_no_latest_scan(viewer):
    assert viewer.get(f"{BASE}/summary").json == {
        "total_devices": 0,
        "total_packages": 0,
        "unique_packages": 0,
        "latest_scan": None,
    }


def test_devices_are_listed_with_all_their_members(viewer, ids):
    answer = viewer.get(f"{BASE}/devices?page_size=2&sort=-packages").json
    assert (answer["total"], answer["page"], answer["page_size"]) == (3, 1, 2)
    assert set(answer["items"][0]) == {
        "id",
        "hostname",
        "os",
        "arch",
        "agent_version",
        "packages",
        "enrolled_at",
        "last_seen_at",
        "last_scan_at",
        "status",
    }
    assert [item["packages"] for item in answer["items"]] == [2, 2]
    third = viewer.get(f"{BASE}/devices?page_size=2&page=2&sort=-packages").json["items"]
    assert [(item["hostname"], item["status"], item["last_scan_at"]) for item in third] == [
        ("c", "waiting", None)
    ]


def test_devices_are_searched_and_counted(viewer, ids):
    found = viewer.get(f"{BASE}/devices?search=WINDOWS").json["items"]
    assert [item["hostname"] for item in found] == ["b"]
    assert viewer.get(f"{BASE}/devices?search={ids[1]}").json["total"] == 1
    assert viewer.get(f"{BASE}/devices/count?status=errors").json == {
        "total": 3,
        "matching": 1,
        "by_ecosystem": {"npm": 1, "pypi": 1},
    }


BAD_QUERIES = ("page=0", "page=x", "page_size=0", "page_size=501", "sort=id", f"search={'x' * 257}")


def test_a_parameter_out_of_range_is_400_and_says_what_is_taken(fleet):
    viewer = fleet.browser("viewer")
    asked = [f"{path}?{query}" for path in ("devices", "packages") for query in BAD_QUERIES]
    for path in [*asked, "devices?status=dead", "devices/count?status=dead"]:
        answer = viewer.get(f"{BASE}/{path}")
        assert (answer.status_code, answer.json["code"]) == (400, "bad_parameter"), path
        assert answer.content_type == "application/problem+json"
    for path in ("devices?page_size=500", "packages?page_size=1", f"devices?search={'x' * 256}"):
        assert viewer.get(f"{BASE}/{path}").status_code == 200


def test_a_device_is_shown_with_its_details(viewer, ids):
    answer = viewer.get(f"{BASE}/devices/{ids[1]}").json
    assert (answer["id"], answer["error_count"]) == (ids[1], 1)
    assert answer["errors"] == [{"path": "/srv", "error": "denied"}]
    assert viewer.get(f"{BASE}/devices/{ids[0]}").json["tags"] == ["prod"]


def test_an_unknown_device_is_404(viewer, ids):
    for unknown in (UNKNOWN, "x", "%00", "1", "' OR 1=1"):
        for path in ("devices/{}", "packages?device_id={}", "export?device_id={}", "sbom/{}"):
            answer = viewer.get(f"{BASE}/{path.format(unknown)}")
            assert (answer.status_code, answer.json["code"]) == (404, "unknown_device")


def test_packages_are_listed_with_the_number_of_their_devices(viewer, ids):
    answer = viewer.get(f"{BASE}/packages?sort=-device_count").json
    assert answer["total"] == 3
    assert answer["items"][0] == {
        "ecosystem": "pypi",
        "name": "pip",
        "version": "24.0",
        "device_count": 2,
    }
    assert viewer.get(f"{BASE}/packages?ecosystem=npm").json["total"] == 1
    assert viewer.get(f"{BASE}/packages?search=SI").json["items"][0]["name"] == "six"
    assert viewer.get(f"{BASE}/packages?device_id={ids[0]}").json["total"] == 2


def test_versions_are_compared_and_what_has_no_order_stands_beside(viewer, fleet):
    device_id = fleet.add(scan(package("pip", "9.0"), package("pip", "24.0"), package("pip", "?")))
    odd = {"ecosystem": "pypi", "name": "pip", "version": "?", "device_count": 1}
    odd["why"] = "“?” is not a version of pypi"
    explicit = "name=pip&versions=%3C+10"
    for query in ("search=pip+%3C+10", explicit, f"{explicit}&device_id={device_id}"):
        answer = viewer.get(f"{BASE}/packages?{query}").json
        assert [item["version"] for item in answer["items"]] == ["9.0"], query
        assert answer["not_comparable"] == [odd]
    assert viewer.get(f"{BASE}/packages?search=pi").json["not_comparable"] == []
    answer = viewer.get(f"{BASE}/package-locations?name=pip&versions=%3E%3D+10").json
    (item,) = answer["items"]
    assert (item["device_id"], item["version"]) == (device_id, "24.0")
    assert answer["not_comparable"] == [odd]


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("packages?search=pip+%3C", "There is no version after “<”"),
        ("packages?versions=%3C+1", "versions needs name"),
        ("packages?name=pip&versions=1", "versions: “1” is not a comparison"),
        ("packages?name=pip&versions=%3C+1&search=x", "not both"),
        ("packages?name=*", "besides the *"),
        (f"packages?name={'x' * 513}", "at most 512"),
        ("package-locations?name=pip&versions=10", "versions: “10” is not a comparison"),
        (f"package-locations?name=pip&versions={'<' * 257}", "at most 256"),
    ],
)
def test_a_search_that_cannot_be_read_is_400_and_names_its_fault(viewer, query, fault):
    answer = viewer.get(f"{BASE}/{query}")
    assert (answer.status_code, answer.json["code"]) == (400, "bad_parameter")
    assert fault in answer.json["detail"]


def test_locations_of_a_package_are_listed_for_each_device(viewer, ids):
    answer = viewer.get(f"{BASE}/package-locations?name=@babel/core&ecosystem=npm").json
    assert answer["total"] == 1
    (item,) = answer["items"]
    assert (item["device_id"], item["version"]) == (ids[1], "24.0")
    assert [place["install_path"] for place in item["locations"]] == ["/x", "/y"]
    assert viewer.get(f"{BASE}/package-locations?name=pip").json["total"] == 2
    assert viewer.get(f"{BASE}/package-locations?name=pip&ecosystem=npm").json["total"] == 0
    assert viewer.get(f"{BASE}/package-locations").status_code == 400
    assert viewer.get(f"{BASE}/package-locations?name=%00").json["total"] == 0


def test_the_inventory_is_exported_as_csv(viewer, ids):
    answer = viewer.get(f"{BASE}/export?format=csv")
    assert answer.content_type == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.get_data(as_text=True), newline="")))
    assert [(row["hostname"], row["name"], row["locations"]) for row in rows] == [
        ("a", "pip", "1"),
        ("a", "six", "1"),
        ("b", "'@babel/core", "2"),
        ("b", "pip", "1"),
    ]


def test_the_inventory_is_exported_as_json(viewer, ids):
    rows = json.loads(viewer.get(f"{BASE}/export?format=json").get_data())
    assert len(rows) == 4
    assert rows[2]["locations"][0]["install_path"] == "/x"
    mine = json.loads(viewer.get(f"{BASE}/export?device_id={ids[0]}").get_data())
    assert {row["device_id"] for row in mine} == {ids[0]}
    assert viewer.get(f"{BASE}/export?format=xml").status_code == 400


def test_an_export_is_audited(fleet, viewer, ids):
    viewer.get(f"{BASE}/export?format=csv&device_id={ids[0]}")
    (event,) = fleet.world.events("INVENTORY_EXPORTED")
    assert (event.actor, event.target) == ("user:viewer@example.com", f"device {ids[0]}")
    assert event.details()["format"] == "csv"


def test_a_devices_bill_of_materials_is_valid_and_audited(fleet, viewer):
    device_id = fleet.add(real_scan("mixed-ecosystems-42"))
    answer = viewer.get(f"{BASE}/sbom/{device_id}")
    assert answer.content_type == "application/vnd.cyclonedx+json; version=1.6"
    assert f'"{device_id}.cdx.json"' in answer.headers["Content-Disposition"]
    assert faults(answer.json) == []
    assert len(answer.json["components"]) == 41
    assert answer.json["metadata"]["component"]["bom-ref"] == device_id
    (event,) = fleet.world.events("INVENTORY_EXPORTED")
    assert (event.target, event.details()["format"]) == (f"device {device_id}", "cyclonedx")


def test_hostile_packages_are_exported_harmlessly(fleet, viewer):
    fleet.add(real_scan("mixed-ecosystems-42"))
    text = viewer.get(f"{BASE}/export?format=csv").get_data(as_text=True)
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert len(rows) == 41
    hostile = next(row for row in rows if "script" in row["name"])
    assert hostile["version"] == "'=cmd|' /C calc'!A0"
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())


def test_every_address_asks_for_a_sign_in(fleet):
    for path in (
        "summary",
        "devices",
        "devices/count",
        "packages",
        "package-locations",
        "export",
        "sbom/x",
    ):
        answer = fleet.agents.get(f"{BASE}/{path}")
        assert (answer.status_code, answer.json["code"]) == (401, "unauthenticated")


def test_a_device_token_does_not_read_the_inventory(fleet):
    _, token = fleet.enroll()
    headers = {"Authorization": f"Bearer {token}"}
    assert fleet.agents.get(f"{BASE}/summary", headers=headers).status_code == 401


def token_of(fleet, role):
    with fleet.app.app_context(), writing() as session:
        return create_api_token(
            session, name=role, role=role, expires_in_days=None, at=fleet.clock.now(), actor="cli"
        )


def test_a_device_is_removed_by_an_admins_token_and_not_by_a_viewers(fleet, ids):
    path = f"{BASE}/devices/{ids[0]}"

    def delete(role):
        headers = {"Authorization": f"Bearer {tokens[role]}"}
        return fleet.agents.delete(path, headers=headers).status_code

    tokens = {role: token_of(fleet, role) for role in ("viewer", "admin")}
    assert delete("viewer") == 403
    assert delete("admin") == 204
    assert delete("admin") == 404
    (event,) = fleet.world.events("DEVICE_REMOVED")
    assert event.actor == "token:admin"


def test_reading_goes_on_without_a_valid_license_and_removing_does_not(fleet, viewer, ids):
    headers = {"Authorization": f"Bearer {token_of(fleet, 'admin')}"}
    fleet.unlicense("suspended")
    for path in ("summary", "devices", "packages", "export", f"sbom/{ids[0]}"):
        assert viewer.get(f"{BASE}/{path}").status_code == 200
    answer = fleet.agents.delete(f"{BASE}/devices/{ids[0]}", headers=headers)
    assert (answer.status_code, answer.json["license_state"]) == (402, "suspended")
    fleet.unlicense("revoked")
    assert viewer.get(f"{BASE}/summary").status_code == 402
