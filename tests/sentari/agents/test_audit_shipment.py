import json
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentari.agents import audit_shipment as reader
from sentari.agents.audit_shipment import read_shipment
from sentari.inventory.faults import MalformedScanError, ScanError
from tests.sentari.agents.logs import chain, entry, sent

ENTRY = asdict(entry(1))


def read(entries, **members):
    return read_shipment(json.dumps({"device_id": "d", "entries": entries} | members).encode())


def faults_of(entries, **members):
    with pytest.raises(ScanError) as caught:
        read(entries, **members)
    return {fault.pointer: fault.detail for fault in caught.value.faults}


def test_a_batch_is_read_as_it_was_sent():
    log = chain(3)
    found = read(sent(log), more="ignored")
    assert (found.device_uid, list(found.entries)) == ("d", log)


def test_texts_stay_verbatim_whatever_they_hold():
    hostile = " \0\ud800é\N{SNAKE} "
    (found,) = read(
        [ENTRY | {"detail": hostile, "created_at": " now ", "event_type": hostile}]
    ).entries
    assert (found.detail, found.created_at, found.event_type) == (hostile, " now ", hostile)


def test_what_may_be_left_out_has_its_default():
    bare = {name: ENTRY[name] for name in ("entry_id", "event_type", "content_hash", "created_at")}
    (found,) = read([bare]).entries
    assert (found.detail, found.prev_hash, found.hash_version) == ("", "", 1)
    (found,) = read([ENTRY | {"detail": None, "prev_hash": None, "hash_version": None}]).entries
    assert (found.detail, found.prev_hash, found.hash_version) == ("", "", 1)


def test_no_entries_are_a_batch():
    assert read([]).entries == read(None).entries == ()


@pytest.mark.parametrize("name", ["entry_id", "event_type", "content_hash", "created_at"])
def test_a_missing_member_is_named(name):
    left = {key: value for key, value in ENTRY.items() if key != name}
    assert list(faults_of([ENTRY, left])) == [f"/entries/1/{name}"]


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("entry_id", [0, -1, 1.0, "1", True, None, 2**53]),
        ("event_type", [1, None, [], "x" * 101]),
        ("detail", [1, [], {}]),
        ("content_hash", [1, "a" * 63, "a" * 65, "g" * 64, "é" * 64, "a" * 64 + "\n"]),
        ("prev_hash", [1, "a" * 63, "a" * 65, " " * 64]),
        ("created_at", [1, None, "x" * 65]),
        ("hash_version", [0, 3, "1", True, 1.0]),
    ],
)
def test_a_wrong_member_is_named(name, wrong):
    for value in wrong:
        assert list(faults_of([ENTRY | {name: value}])) == [f"/entries/0/{name}"], value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("entry_id", 2**53 - 1),
        ("event_type", "x" * 100),
        ("event_type", ""),
        ("detail", "x" * 1_000_000),
        ("content_hash", "AbCdEf0123456789" * 4),
        ("content_hash", ""),
        ("prev_hash", ""),
        ("created_at", "x" * 64),
        ("hash_version", 2),
    ],
)
def test_a_member_at_its_limit_is_taken(name, value):
    (found,) = read([ENTRY | {name: value}]).entries
    assert getattr(found, name) == value


def test_the_document_and_its_entries_must_be_what_they_are():
    assert faults_of({}) == {"/entries": "must be a list"}
    assert faults_of([1, []]) == {f"/entries/{n}": "must be an object" for n in (0, 1)}
    assert list(faults_of([], device_id=1)) == ["/device_id"]
    with pytest.raises(ScanError, match="/entries: is missing"):
        read_shipment(b'{"device_id": "d"}')
    with pytest.raises(MalformedScanError):
        read_shipment(b"{")


def test_the_number_of_entries_has_a_limit():
    many = [ENTRY] * reader.MAX_ENTRIES
    assert len(read(many).entries) == reader.MAX_ENTRIES
    assert list(faults_of([*many, ENTRY])) == ["/entries"]


def test_not_more_faults_are_listed_than_anybody_reads():
    assert len(faults_of([1] * 500)) == 20


json_values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)


@given(st.dictionaries(st.sampled_from(sorted(ENTRY)), json_values))
def test_any_entry_is_read_or_refused_with_a_pointer(members):
    assert all(pointer.startswith("/entries/0/") for pointer in pointers_of(members))


def pointers_of(members):
    try:
        read([ENTRY | members])
    except MalformedScanError:
        return []  # NaN is no JSON.
    except ScanError as error:
        return [fault.pointer for fault in error.faults]
    return []
