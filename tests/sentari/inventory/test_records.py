import json
import random
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentari.inventory.document import load_value
from sentari.inventory.faults import Faults, MalformedScanError, ScanError
from sentari.inventory.records import (
    FINGERPRINT_BYTES,
    PackageKey,
    RawRecords,
    join_locations,
    read_record,
)
from sentari.inventory.text import Warnings
from tests.sentari.inventory.scans import TRACKED, package, raw_records, real_scan


def read(value):
    warnings, faults = Warnings(), Faults()
    record = read_record(value, "/packages/0", faults, warnings)
    return record, faults.found, warnings


def faults_of(value):
    _, faults, _ = read(value)
    return {fault.pointer: fault.detail for fault in faults}


def all_of(*values):
    raw = raw_records(*values)
    return list(raw.read(range(len(values)), Warnings()).values())


def as_thoroughly(raw):
    """Read bytes in the way that decides, whatever a quicker one makes of them."""
    warnings, faults = Warnings(), Faults()
    record = read_record(load_value(raw), "/packages/0", faults, warnings)
    return record, warnings.count, faults.found


def as_in_a_scan(raw):
    warnings = Warnings()
    try:
        record = RawRecords((raw,)).read([0], warnings)[0]
    except ScanError as error:
        return None, warnings.count, list(error.faults)
    return record, warnings.count, []


@pytest.mark.parametrize("name", TRACKED)
def test_every_real_record_says_the_same_however_it_is_read(name):
    for raw in raw_records(*real_scan(name)["packages"]).values:
        assert as_in_a_scan(raw) == as_thoroughly(raw)


odd_texts = st.one_of(
    st.text(max_size=6),
    st.sampled_from(["", "a\0b", "\ud800", "\\u0000", "C:\\Users", "n" * 64, "n" * 65, "n" * 5000]),
)
odd_values = st.one_of(odd_texts, odd_texts, st.none(), st.integers(), st.just([]))


@given(
    st.dictionaries(
        st.sampled_from(
            ["name", "version", "ecosystem", "env_type", "install_path", "installer_user", "more"]
        ),
        odd_values,
    )
)
def test_any_record_says_the_same_however_it_is_read(changes):
    (raw,) = raw_records(package() | changes).values
    assert as_in_a_scan(raw) == as_thoroughly(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"name":"a","name":"b","version":"1","env_type":"pip"}',
        b'{"name":"a","version":"1","env_type":"pip","version":2}',
        b"[" * 3000 + b"]" * 3000,
        b'{"name":"a","version":"1","env_type":"pip","more":' + b"[" * 3000 + b"]" * 3000 + b"}",
        b'"text"',
        b"1e999",
    ],
)
def test_records_that_no_agent_sends_say_the_same_however_they_are_read(raw):
    try:
        expected = as_thoroughly(raw)
    except MalformedScanError as error:
        expected = None, 0, list(error.faults)
    assert as_in_a_scan(raw) == expected


def test_records_that_were_read_hold_no_more_memory_than_ordinary_ones_take():
    long = b'{"name":"%d","version":"1","env_type":"pip","more":"' + b"x" * 100_000 + b'"}'
    tracemalloc.start()
    try:
        for number in range(200):
            as_in_a_scan(long % number)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 1_000_000


@pytest.mark.parametrize(("name", "tracked"), TRACKED.items())
def test_real_scans_have_the_known_numbers_of_tracked_packages(name, tracked):
    assert len({record.key for record in all_of(*real_scan(name)["packages"])}) == tracked


@pytest.mark.parametrize(
    ("env_type", "ecosystem"),
    [
        ("pip", "pypi"),
        ("venv", "pypi"),
        ("uv", "pypi"),
        ("poetry", "pypi"),
        ("pipenv", "pypi"),
        ("conda", "conda"),
        ("system_deb", "deb"),
        ("system_rpm", "rpm"),
        ("jvm", "maven"),
        ("npm", "npm"),
        ("nuget", "nuget"),
        ("homebrew", "homebrew"),
    ],
)
def test_the_ecosystem_follows_from_the_environment_type(env_type, ecosystem):
    record, _, _ = read(package(env_type=env_type))
    assert record.key.ecosystem == ecosystem


def test_an_ecosystem_that_was_sent_wins_and_an_empty_one_does_not():
    assert read(package(ecosystem="cran"))[0].key.ecosystem == "cran"
    assert read(package(ecosystem=""))[0].key.ecosystem == "pypi"
    assert read(package(ecosystem=None))[0].key.ecosystem == "pypi"


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("@babel/core", "7.24.0"),
        ("group:artifact", "1.0"),
        ("with blanks", ""),
        ("epoch", "1:9.18.49-1~deb12u3"),
        ("pre", "1!2.0rc1"),
        ("odd", "1.6.10-release-923(1.6.10)"),
        ("<script>alert(1)</script>", "=cmd|' /C calc'!A0"),
        ("", ""),
        ("..", "/"),
        ("Case", "1"),
    ],
)
def test_names_and_versions_are_kept_verbatim(name, version):
    record, faults, warnings = read(package(name, version))
    assert record.key == PackageKey("pypi", name, version)
    assert not faults
    assert warnings.count == 0


@pytest.mark.parametrize("value", [None, 1, "text", [], True])
def test_a_record_that_is_no_object_is_refused(value):
    assert faults_of(value) == {"/packages/0": "must be an object"}


@pytest.mark.parametrize("name", ["name", "version"])
@pytest.mark.parametrize("wrong", [None, 1, True, [], {}])
def test_name_and_version_must_be_texts(name, wrong):
    assert faults_of(package(**{name: wrong})) == {f"/packages/0/{name}": "must be a text"}


def test_without_ecosystem_the_environment_type_must_be_there():
    value = package()
    del value["env_type"]
    assert faults_of(value) == {"/packages/0/env_type": "must be a text"}
    assert faults_of(value | {"ecosystem": "cran"}) == {}
    assert faults_of(package(env_type="")) == {}


@pytest.mark.parametrize("name", ["install_path", "license_raw", "env_type", "ecosystem"])
def test_other_texts_may_be_null_or_absent_but_not_numbers(name):
    value = package(ecosystem="pypi", env_type="pip")
    assert faults_of(value | {name: None}) == {}
    assert faults_of({k: v for k, v in value.items() if k != name}) == {}
    assert faults_of(value | {name: 7}) == {f"/packages/0/{name}": "must be a text"}


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("name", 512),
        ("version", 256),
        ("ecosystem", 64),
        ("install_path", 4096),
        ("environment", 4096),
        ("license_raw", 4096),
        ("license_spdx", 4096),
        ("interpreter_version", 256),
        ("installer_user", 256),
        ("install_date", 64),
        ("source_package", 512),
        ("license_tier", 64),
    ],
)
def test_texts_are_kept_up_to_their_limit_and_cut_past_it(name, limit):
    assert read(package(**{name: "x" * limit}))[2].count == 0
    record, faults, warnings = read(package(**{name: "x" * (limit + 1)}))
    assert not faults
    assert warnings.count == record.mended == 1
    kept = [*record.key, *json.loads(record.location).values()]
    assert "x" * limit in kept
    assert "x" * (limit + 1) not in kept


def test_what_a_database_cannot_hold_is_mended_in_every_place():
    record, _, warnings = read(
        package("a\0", "\ud800", install_path="/\0", license_raw="\udfff", ecosystem="e\0")
    )
    json.dumps([*record.key, record.location], ensure_ascii=False).encode()
    assert "\\u0000" not in record.location
    assert warnings.count == record.mended == 5


def test_a_location_keeps_what_is_not_empty_under_the_names_of_the_glossary():
    record, _, _ = read(package(install_path="/usr/lib", license_spdx="", source_package="src"))
    assert json.loads(record.location) == {
        "env_type": "pip",
        "environment": "/usr",
        "install_path": "/usr/lib",
        "source_package": "src",
        "package_license": "MIT",
        "package_license_tier": "permissive",
    }


def test_the_places_of_wrong_records_are_all_named():
    raw = raw_records(package(), 1, package(name=2), package())
    with pytest.raises(ScanError) as caught:
        raw.read(range(4), Warnings())
    pointers = [fault.pointer for fault in caught.value.faults]
    assert pointers == ["/packages/1", "/packages/2/name"]


def test_locations_are_joined_once_each_whatever_their_order():
    one, two = '{"a":"1"}', '{"a":"2"}'
    assert join_locations([two, one, two]) == join_locations([one, two]) == f"[{one},{two}]"
    assert join_locations([]) == "[]"


def test_keys_with_moved_borders_have_different_digests():
    keys = [("a", "bc", "d"), ("ab", "c", "d"), ("a", "b", "cd"), ("", "abc", "d"), ("a", "", "")]
    assert len({PackageKey(*key).digest for key in keys}) == len(keys)


@pytest.mark.parametrize("name", TRACKED)
def test_the_content_hash_does_not_depend_on_order_or_repetition(name):
    packages = real_scan(name)["packages"]
    shuffled = [*packages, *packages[:3]]
    random.Random(7).shuffle(shuffled)
    shuffled = json.loads(json.dumps(shuffled))
    assert raw_records(*packages).content_hash == raw_records(*shuffled).content_hash


def test_the_content_hash_depends_on_every_member_of_a_record():
    base = package(install_path="/a")
    variants = [base | {name: value + "x"} for name, value in base.items()]
    hashes = {raw_records(value).content_hash for value in [base, *variants]}
    assert len(hashes) == len(variants) + 1


def test_records_do_not_run_into_each_other_in_the_hash():
    assert raw_records("ab", "c").content_hash != raw_records("a", "bc").content_hash
    assert raw_records().content_hash != raw_records("").content_hash


def test_a_record_nested_past_what_can_be_read_is_refused():
    raw = RawRecords((b"[" * 3000 + b"]" * 3000,))
    with pytest.raises(ScanError, match="nested"):
        raw.read([0], Warnings())


def test_every_distinct_record_has_one_fingerprint():
    raw = raw_records(package(), package("six"), package())
    assert len(raw.positions) == 2
    assert {len(mark) for mark in raw.positions} == {FINGERPRINT_BYTES}


hostile_text = st.text(st.characters(exclude_categories=()), max_size=30)


@given(hostile_text, hostile_text, hostile_text, hostile_text)
def test_hostile_texts_never_fail(name, version, env_type, path):
    record, faults, _ = read(package(name, version, env_type=env_type, install_path=path))
    assert not faults
    assert len(record.key.digest) == 16
    assert isinstance(json.loads(record.location), dict)
    "".join([*record.key, record.location]).encode()
