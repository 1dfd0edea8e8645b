import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentari.inventory import scan as reader
from sentari.inventory.document import MAX_NODES
from sentari.inventory.faults import MalformedScanError, ScanError
from sentari.inventory.records import MAX_PACKAGES
from sentari.inventory.scan import Scan, read_scan
from sentari.inventory.text import Warnings
from tests.sentari.inventory.scans import TRACKED, body, package, real_scan, scan

REQUIRED_TEXTS = ("device_id", "hostname", "os", "arch")


def faults_of(document):
    with pytest.raises(ScanError) as caught:
        read_scan(body(document))
    return {fault.pointer: fault.detail for fault in caught.value.faults}


@pytest.mark.parametrize("name", TRACKED)
def test_every_real_scan_is_read_without_a_warning(name):
    sent = real_scan(name)
    read = read_scan(body(sent))
    assert read.hostname == sent["hostname"]
    assert len(read.records.values) == len(sent["packages"])
    assert read.error_count == len(read.errors) == len(sent["errors"])
    assert [runtime["name"] for runtime in read.runtimes] == [
        runtime["name"] for runtime in sent["installed_runtimes"]
    ]
    assert read.warnings.count == 0


def test_unknown_members_of_any_kind_are_ignored():
    sent = scan(package(), dep_edges=7, lockfiles={"a": []}, license_evidence=None, new=[[[]]])
    assert read_scan(body(sent)).warnings.count == 0


@pytest.mark.parametrize("name", REQUIRED_TEXTS)
@pytest.mark.parametrize("wrong", [None, 1, True, [], {}])
def test_a_required_text_of_another_type_is_named(name, wrong):
    assert faults_of(scan(**{name: wrong})) == {f"/{name}": "must be a text"}


@pytest.mark.parametrize("name", [*REQUIRED_TEXTS, "scanned_at", "packages"])
def test_a_missing_member_is_named(name):
    sent = scan()
    del sent[name]
    assert list(faults_of(sent)) == [f"/{name}"]


@pytest.mark.parametrize("name", ["agent_version", "runtime", "os_release"])
def test_optional_texts_may_be_null_but_not_numbers(name):
    assert getattr(read_scan(body(scan(**{name: None}))), name) == ""
    assert list(faults_of(scan(**{name: 1}))) == [f"/{name}"]


@pytest.mark.parametrize("name", ["packages", "errors", "installed_runtimes", "tags"])
def test_lists_may_be_null_but_not_objects(name):
    read_scan(body(scan(**{name: None})))
    assert faults_of(scan(**{name: {}})) == {f"/{name}": "must be a list"}


@pytest.mark.parametrize("name", ["errors", "installed_runtimes"])
def test_items_that_are_no_objects_are_named_by_their_place(name):
    assert faults_of(scan(**{name: [{}, 3, {}]})) == {f"/{name}/1": "must be an object"}


def test_a_wrong_text_in_an_item_is_named_by_its_place():
    assert faults_of(scan(errors=[{"path": 5}])) == {"/errors/0/path": "must be a text"}


def test_absent_or_null_tags_say_nothing_and_an_empty_list_clears():
    assert read_scan(body(scan())).tags is None
    assert read_scan(body(scan(tags=None))).tags is None
    assert read_scan(body(scan(tags=[]))).tags == ()
    assert read_scan(body(scan(tags=["prod", "web", "prod"]))).tags == ("prod", "web")


def test_a_tag_that_is_no_text_is_named():
    assert faults_of(scan(tags=["a", 1])) == {"/tags/1": "must be a text"}


def test_the_release_is_read_from_an_object_or_a_text():
    release = {"id": "debian", "version_id": "12"}
    assert read_scan(body(scan(os_release=release))).os_release == "debian 12"
    assert read_scan(body(scan(os_release={"id": "arch"}))).os_release == "arch"
    assert read_scan(body(scan(os_release="Debian 12"))).os_release == "Debian 12"
    assert list(faults_of(scan(os_release={"id": 1}))) == ["/os_release/id"]


@pytest.mark.parametrize("wrong", ["", "yesterday", 1764000000, None, "2026-11-23 12:00:00"])
def test_a_wrong_time_is_named_with_an_example(wrong):
    assert "2026-11-23T12:54:51" in faults_of(scan(scanned_at=wrong))["/scanned_at"]


@pytest.mark.parametrize("document", [[], "text", 1, None, True])
def test_a_document_that_is_no_object_is_refused_as_a_whole(document):
    assert faults_of(document) == {"": "must be an object"}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"not json",
        b"<html></html>",
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"hostname": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b'{"packages":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_what_is_no_json_is_malformed(raw):
    with pytest.raises(MalformedScanError):
        read_scan(raw)


def test_bytes_that_are_not_utf_8_are_mended():
    read = read_scan(body(scan(hostname="web-01")).replace(b"web-01", b"w\xe9b-01"))
    assert read.hostname == "w\N{REPLACEMENT CHARACTER}b-01"
    assert read.warnings.count == 1


def test_a_byte_order_mark_is_no_obstacle():
    assert read_scan(b"\xef\xbb\xbf" + body(scan())).hostname == "web-01"


@pytest.mark.parametrize("hostile", ["a\0b", "\ud800", "x" * 256, "\0" * 300])
def test_a_hostile_host_name_is_mended_and_counted(hostile):
    read = read_scan(body(scan(hostname=hostile)))
    assert read.warnings.count == 1
    assert len(read.hostname) <= 255
    read.hostname.encode()


def test_the_longest_host_name_is_kept_whole():
    assert read_scan(body(scan(hostname="x" * 255))).warnings.count == 0


@pytest.mark.parametrize(
    ("name", "limit", "item"),
    [
        ("errors", reader.MAX_ERRORS, {"path": "/", "error": "denied"}),
        ("installed_runtimes", reader.MAX_RUNTIMES, {"name": "python"}),
        ("tags", reader.MAX_TAGS, "a"),
    ],
)
def test_lists_past_their_limit_are_cut_with_a_warning(name, limit, item):
    assert read_scan(body(scan(**{name: [item] * limit}))).warnings.count == 0
    read = read_scan(body(scan(**{name: [item] * (limit + 1)})))
    assert read.warnings.count == 1
    assert f"{limit:,}" in read.warnings.examples[0]


def test_errors_that_are_not_kept_are_counted():
    read = read_scan(body(scan(errors=[{"error": "denied"}] * (reader.MAX_ERRORS + 7))))
    assert (len(read.errors), read.error_count) == (reader.MAX_ERRORS, reader.MAX_ERRORS + 7)


def test_the_number_of_packages_has_a_limit():
    assert len(read_scan(body(scan(packages=[1] * MAX_PACKAGES))).records.values) == MAX_PACKAGES
    assert "100,000" in faults_of(scan(packages=[1] * (MAX_PACKAGES + 1)))["/packages"]


def test_a_swarm_of_tiny_lists_is_refused_before_it_takes_memory():
    def raw(count):
        return b'{"ignored":[' + b"[]," * (count - 4) + b"[]]," + body(scan())[1:]

    # The document's own braces and brackets: {, "ignored":[, "packages":[ and "errors":[.
    assert read_scan(raw(MAX_NODES - 1)).hostname == "web-01"
    with pytest.raises(ScanError, match="2,000,000"):
        read_scan(raw(MAX_NODES + 1))


def test_not_more_faults_are_listed_than_anybody_reads():
    assert len(faults_of(scan(errors=[1] * 500))) == 20


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


def pointers_of(document):
    try:
        read_scan(body(document))
    except ScanError as error:
        return [fault.pointer for fault in error.faults]
    return []


members_of_a_scan = st.dictionaries(
    st.sampled_from(sorted(scan(tags=[], os_release={}, unknown=0))), json_values
)


@given(members_of_a_scan)
def test_any_json_is_read_or_refused_with_pointers(members):
    assert all(pointer[:1] in ("", "/") for pointer in pointers_of(scan() | members))


def compact(document):
    return json.dumps(document, separators=(",", ":")).encode()


def outcome(raw):
    """What is read of a body, or what it is refused for."""
    try:
        read = read_scan(raw)
        marks = read.records.content_hash, list(read.records.positions.items())
        return read, marks, read.records.read(range(len(read.records.values)), Warnings())
    except ScanError as error:
        return type(error), error.faults


def assert_read_alike(raw):
    """A byte order mark is nothing that the quick reader takes."""
    assert outcome(raw) == outcome(b"\xef\xbb\xbf" + raw)


@pytest.mark.parametrize("name", TRACKED)
def test_both_readers_read_the_real_scans_alike(name):
    assert_read_alike(compact(real_scan(name)))


@given(
    members_of_a_scan, st.lists(st.dictionaries(st.sampled_from(sorted(package())), json_values))
)
def test_both_readers_read_and_refuse_alike(members, records):
    packages = [package() | record for record in records]
    assert_read_alike(compact(scan(*packages) | members))


@pytest.mark.parametrize(
    "record",
    [
        b'{"name":"a","name":"b","version":"1","env_type":"pip"}',
        b'{"name":"a","version":"1","env_type":"pip","size":' + b"9" * 400 + b"}",
        b'{"name":"a","version":"1","env_type":"pip","size":1e999}',
        b'{"name":"\\ud800","version":"1","env_type":"pip"}',
        b'{"name":"\\u0000","version":"1","env_type":"pip"}',
        '{"name":"é\N{PACKAGE}","version":"1","env_type":"pip"}'.encode(),
        b'{"name":"\xff","version":"1","env_type":"pip"}',
        b'{"name":"\x01","version":"1","env_type":"pip"}',
        b'{"name":"a","version":"1","env_type":"pip","size":NaN}',
        b'{"name":"a","version":"1","env_type":"pip",}',
        b'{"name":"a","version":"1" "env_type":"pip"}',
        b'{"name":"a","version":"1","env_type":"pip","size":01}',
        b"nul",
        b"",
    ],
)
def test_both_readers_judge_unusual_records_alike(record):
    raw = compact(scan(package())).replace(b'"packages":[', b'"packages":[' + record + b",")
    for whole in (raw, raw[:-1] + b',"unknown":"\\ud800"}'):
        one, other = outcome(whole), outcome(b"\xef\xbb\xbf" + whole)
        # The texts of records may be written otherwise; what they say may not.
        assert one[2:] == other[2:]
        assert one == other or isinstance(one[0], Scan) == isinstance(other[0], Scan) is True


def test_the_same_member_twice_is_the_later_one():
    raw = compact(scan(package("a"))).replace(
        b'"hostname"', b'"packages":[],"hostname":"x","hostname"'
    )
    assert_read_alike(raw)
    assert read_scan(raw).hostname == "web-01"
