"""POST /api/v1/agent/audit-log: who may ship, what is answered, what is refused."""

import gzip
import json

import pytest

from sentari.agents import audit_shipping
from tests.exposition import read, value
from tests.sentari.agents.logs import chain, forged, sent

PATH = "/api/v1/agent/audit-log"
UNKNOWN = "00000000-0000-4000-8000-000000000000"


def batch(device_id, entries, **members):
    return {"device_id": device_id, "entries": sent(entries)} | members


def ship(fleet, token, document, **options):
    return fleet.send(token, document, path=PATH, **options)


def test_a_batch_is_answered_202_with_what_became_of_it(each_fleet):
    device_id, token = each_fleet.enroll()
    first = ship(each_fleet, token, batch(device_id, chain(3)))
    assert (first.status_code, first.json) == (
        202,
        {"received": 3, "stored": 3, "verified_ok": True, "anomalies": []},
    )
    again = ship(each_fleet, token, batch(device_id, chain(3)))
    assert (again.status_code, again.json["stored"], again.json["verified_ok"]) == (202, 0, True)


def test_the_published_vectors_verify(fleet):
    device_id, token = fleet.enroll()
    genesis = {
        "entry_id": 1,
        "event_type": "scan.started",
        "detail": "hostname=web01",
        "content_hash": "0728775c972ad789c90737812a6acca3cc10b1f0beececa2a3e847f87ab16443",
        "prev_hash": "",
        "created_at": "2026-05-23T10:00:00.000000001Z",
    }
    document = {"device_id": device_id, "entries": [genesis]}
    assert ship(fleet, token, document).json["verified_ok"] is True
    device_id, token = fleet.enroll()
    genesis["hash_version"] = 2
    document = {"device_id": device_id, "entries": [genesis]}
    assert ship(fleet, token, document).json["verified_ok"] is False
    genesis["content_hash"] = "ddbcda8d45dff1d7b11fe6579e1473fa82e85a02079a97dc815e791c95cb44c5"
    device_id, token = fleet.enroll()
    document = {"device_id": device_id, "entries": [genesis]}
    assert ship(fleet, token, document).json["verified_ok"] is True


def test_a_violation_is_202_too_and_is_audited_once_and_counted(each_fleet):
    device_id, token = each_fleet.enroll()
    log = chain(3)
    log[1] = forged(log[1], detail="edited")
    before = anomalies(each_fleet, "altered")
    for _ in range(2):
        answer = ship(each_fleet, token, batch(device_id, log))
        assert (answer.status_code, answer.json["verified_ok"]) == (202, False)
        assert answer.json["anomalies"] == [
            f"Entry 2 was altered: its content has the hash {log[1].own_hash}, "
            f"and the entry says {log[1].content_hash}."
        ]
    assert each_fleet.world.actions(audit_shipping.BROKEN) == [audit_shipping.BROKEN]
    assert anomalies(each_fleet, "altered") == before + 1


def anomalies(fleet, kind):
    text = fleet.app.test_client().get("/metrics").get_data(as_text=True)
    return value(read(text), "sentari_agent_log_anomalies_total", kind=kind)


def test_a_device_that_enrolls_again_begins_a_new_log(each_fleet):
    device_id, token = each_fleet.enroll(machine_id="m-1")
    ship(each_fleet, token, batch(device_id, chain(5)))
    again, token = each_fleet.enroll(machine_id="m-1")
    assert again == device_id
    answer = ship(each_fleet, token, batch(device_id, chain(2, detail="new")))
    assert (answer.json["stored"], answer.json["verified_ok"]) == (2, True)


def test_a_batch_without_identity_is_401_and_of_another_device_403(fleet):
    device_id, token = fleet.enroll()
    other, _ = fleet.enroll()
    for given in (None, "strd_wrong"):
        answer = ship(fleet, given, batch(device_id, chain(1)))
        assert (answer.status_code, answer.json["code"]) == (401, "unauthenticated")
    for claimed in (other, UNKNOWN, ""):
        answer = ship(fleet, token, batch(claimed, chain(1)))
        assert (answer.status_code, answer.json["code"]) == (403, "wrong_device")


def test_an_old_token_is_403_and_a_removed_device_404(fleet):
    device_id, old = fleet.enroll(machine_id="m-1")
    _, token = fleet.enroll(machine_id="m-1")
    answer = ship(fleet, old, batch(device_id, chain(1)))
    assert (answer.status_code, answer.json["code"]) == (403, "revoked")
    fleet.remove(device_id)
    answer = ship(fleet, token, batch(device_id, chain(1)))
    assert (answer.status_code, answer.json["code"]) == (404, "unknown_device")


def test_where_it_is_allowed_the_device_id_in_the_body_is_believed(trusting_fleet):
    device_id, _ = trusting_fleet.enroll()
    assert ship(trusting_fleet, None, batch(device_id, chain(2))).json["stored"] == 2
    unknown = ship(trusting_fleet, None, batch(UNKNOWN, chain(2)))
    assert (unknown.status_code, unknown.json["code"]) == (404, "unknown_device")


@pytest.mark.parametrize("state", ["suspended", "revoked"])
def test_a_closed_license_is_told_before_the_identity_is_asked(fleet, state):
    device_id, token = fleet.enroll()
    fleet.unlicense(state)
    for given in (token, None):
        answer = ship(fleet, given, batch(device_id, chain(1)))
        assert (answer.status_code, answer.json["code"]) == (402, "license_required")
        assert answer.headers["Retry-After"] == "3600"


def test_a_wrong_structure_is_422_with_a_pointer_and_no_json_is_400(fleet):
    device_id, token = fleet.enroll()
    wrong = batch(device_id, chain(2))
    wrong["entries"][1]["entry_id"] = 0
    for document, pointer in ((wrong, "/entries/1/entry_id"), ({}, "/device_id"), ([], "")):
        answer = ship(fleet, token, document)
        assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, pointer)
    for raw in (b"", b"{", b"[" * 100_000):
        answer = ship(fleet, token, raw)
        assert (answer.status_code, answer.json["code"]) == (400, "malformed")


def test_a_compressed_batch_is_taken_and_counted_inflated(fleet):
    device_id, token = fleet.enroll()
    headers = {"Content-Encoding": "gzip"}
    raw = json.dumps(batch(device_id, chain(3))).encode()
    assert ship(fleet, token, gzip.compress(raw), headers=headers).json["stored"] == 3
    bomb = gzip.compress(raw + b" " * (32 * 1024 * 1024 - len(raw) + 1))
    assert len(bomb) < 100_000
    assert ship(fleet, token, bomb, headers=headers).status_code == 413


def test_a_body_up_to_its_limit_is_taken_and_a_longer_one_is_413(fleet):
    device_id, token = fleet.enroll()
    raw = json.dumps(batch(device_id, chain(1))).encode()
    limit = 32 * 1024 * 1024
    assert ship(fleet, token, raw + b" " * (limit - len(raw))).status_code == 202
    assert ship(fleet, token, raw + b" " * (limit - len(raw) + 1)).status_code == 413
