import pytest

from tests.sentari.inventory.scans import package, scan

UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def viewer(fleet):
    return fleet.browser("viewer")


@pytest.fixture
def device_id(fleet):
    device_id, token = fleet.enroll()
    for minute, packages in enumerate(
        [
            [package("pip", "23"), package("six"), package("node", "20", env_type="npm")],
            [package("pip", "24"), package("new"), package("node", "18", env_type="npm")],
        ]
    ):
        sent = scan(*packages, device_id=device_id, scanned_at=f"2026-11-23T11:0{minute}:00.5Z")
        assert fleet.send(token, sent).status_code == 202
    return device_id


def path(device_id, *more):
    return "/".join(["/api/v1/inventory/devices", device_id, "scans", *more])


def test_scans_are_listed_newest_first_and_paged(viewer, device_id):
    answer = viewer.get(path(device_id))
    assert answer.status_code == 200
    assert (answer.json["total"], answer.json["page"], answer.json["page_size"]) == (2, 1, 50)
    newest = answer.json["items"][0]
    assert newest["scanned_at"] == "2026-11-23T11:01:00.500000Z"
    assert (newest["status"], newest["packages"]) == ("applied", 3)
    assert (newest["added"], newest["removed"], newest["changed"]) == (3, 3, 0)
    second = viewer.get(path(device_id) + "?page=2&page_size=1")
    assert [item["id"] for item in second.json["items"]] == ["1"]


def test_a_scan_is_shown_with_what_it_changed(viewer, device_id):
    answer = viewer.get(path(device_id, "2")).json
    assert (answer["id"], answer["first"]) == ("2", False)
    assert answer["counts"] == {"upgraded": 1, "downgraded": 1, "added": 1, "removed": 1}
    changes = answer["changes"]
    assert (changes["total"], changes["page"], changes["page_size"]) == (4, 1, 50)
    assert changes["items"] == [
        {"change": "upgraded", "ecosystem": "pypi", "name": "pip", "before": "23", "after": "24"},
        {"change": "downgraded", "ecosystem": "npm", "name": "node", "before": "20", "after": "18"},
        {"change": "added", "ecosystem": "pypi", "name": "new", "before": None, "after": "24.0"},
        {"change": "removed", "ecosystem": "pypi", "name": "six", "before": "24.0", "after": None},
    ]
    first = viewer.get(path(device_id, "1")).json
    assert (first["first"], first["changes"]["items"]) == (True, [])


def test_changes_are_narrowed_down_and_paged(viewer, device_id):
    removed = viewer.get(path(device_id, "2") + "?kind=removed").json["changes"]
    assert ([item["name"] for item in removed["items"]], removed["total"]) == (["six"], 1)
    page = viewer.get(path(device_id, "2") + "?page=2&page_size=3").json["changes"]
    assert ([item["name"] for item in page["items"]], page["total"]) == (["six"], 4)


@pytest.mark.parametrize("query", ["?kind=moved", "?page=0", "?page_size=501"])
def test_a_wrong_parameter_is_400(viewer, device_id, query):
    answer = viewer.get(path(device_id, "2") + query)
    assert (answer.status_code, answer.json["code"]) == (400, "bad_parameter")


def test_what_is_not_there_is_404(viewer, device_id):
    for number in ("99", "x", "9" * 40):
        answer = viewer.get(path(device_id, number))
        assert (answer.status_code, answer.json["code"]) == (404, "not_found")
    for unknown in (path(UNKNOWN), path(UNKNOWN, "1"), path("%00", "1")):
        answer = viewer.get(unknown)
        assert (answer.status_code, answer.json["code"]) == (404, "unknown_device")


def test_a_stranger_is_401_and_a_closed_license_402(fleet, viewer, device_id):
    assert fleet.agents.get(path(device_id)).status_code == 401
    fleet.unlicense("revoked")
    for there in (path(device_id), path(device_id, "2")):
        assert viewer.get(there).status_code == 402
