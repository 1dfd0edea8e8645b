import json
import time
from dataclasses import replace
from datetime import timedelta
from functools import partial
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentari.extensions import db
from sentari.inventory.devices import find_device
from sentari.inventory.exports import sbom_pieces
from sentari.inventory.packages import Holder
from sentari.inventory.purls import purl_of
from sentari.inventory.sbom import Subject, component, document_pieces, licenses, serial_number
from sentari.inventory.spdx_ids import SPDX_IDS
from tests.clocks import NOON
from tests.cyclonedx import FOLDER, altered_files, faults
from tests.sentari.inventory.devices import enroll, send
from tests.sentari.inventory.scans import TRACKED, package, real_scan, scan
from tools.spdx_ids import TARGET, render

UID = "4ddc5a9b-1b9f-48c1-ab65-7ab879653a87"
SUBJECT = Subject(
    UID, "web-01", "linux", "Debian GNU/Linux 12", "amd64", "bare_metal", "1.0.0", ("prod",), "ab",
    NOON,
)  # fmt: skip


def found(name="pip", version="24.0", ecosystem="pypi", places=()):
    return Holder(UID, "web-01", ecosystem, name, version, list(places))


def document(*packages, subject=SUBJECT):
    made = json.loads("".join(document_pieces(subject, packages, purl_of)))
    assert faults(made) == []
    return made


@pytest.fixture
def each_database(make_app, database_url):
    with make_app(database_url).app_context():
        yield


@pytest.mark.parametrize("name", TRACKED)
def test_the_bill_of_every_real_scan_is_valid_and_complete(each_database, name):
    uid = enroll().device_uid
    send(uid, real_scan(name) | {"device_id": uid})
    text = "".join(sbom_pieces(db.session(), find_device(db.session(), uid, details=True)))
    made = json.loads(text)
    assert faults(made) == []
    assert len(made["components"]) == TRACKED[name]
    again = "".join(sbom_pieces(db.session(), find_device(db.session(), uid, details=True)))
    assert text == again


def test_a_device_that_has_not_scanned_has_an_empty_bill_without_a_time(each_database):
    uid = enroll().device_uid
    device = find_device(db.session(), uid, details=True)
    made = json.loads("".join(sbom_pieces(db.session(), device)))
    assert faults(made) == []
    assert made["components"] == []
    assert "timestamp" not in made["metadata"]


def test_the_schema_finds_what_is_wrong():
    made = document(found())
    for change in ({"type": "programme"}, {"licenses": [{"license": {"id": "GPL"}}]}, {"x": 1}):
        broken = {**made, "components": [made["components"][0] | change]}
        assert len(faults(broken)) == 1, change
    twice = {**made, "components": made["components"] * 2}
    assert "is there twice" in faults(twice)[-1]
    assert faults({**made, "serialNumber": "1"})


def test_the_schema_and_the_list_of_licenses_are_those_that_were_published():
    assert altered_files() == []
    schema = (FOLDER / "spdx.SNAPSHOT.schema.json").read_text()
    assert TARGET.read_text() == render(schema)
    assert sorted(SPDX_IDS) == sorted(json.loads(schema)["enum"])


def test_the_device_is_what_the_bill_is_about():
    metadata = document()["metadata"]
    assert metadata["timestamp"] == "2026-11-23T12:00:00Z"
    described = metadata["component"]
    assert (described["type"], described["name"], described["bom-ref"]) == ("device", "web-01", UID)
    assert {"name": "sentari:tag", "value": "prod"} in described["properties"]
    assert metadata["tools"]["components"][1]["version"] == "1.0.0"
    nameless = document(subject=replace(SUBJECT, hostname="", agent_version=""))["metadata"]
    assert nameless["component"]["name"] == UID
    assert len(nameless["tools"]["components"]) == 1


def test_the_serial_number_follows_from_device_and_content():
    number = serial_number(SUBJECT)
    UUID(number.removeprefix("urn:uuid:"))
    assert number == serial_number(replace(SUBJECT, scanned_at=NOON + timedelta(days=1)))
    assert number != serial_number(replace(SUBJECT, content_hash="cd"))
    assert number != serial_number(replace(SUBJECT, uid=UID.replace("4", "5")))


def test_packages_are_in_one_order_whatever_order_they_come_in():
    packages = [found("b"), found("B"), found("a", "2"), found("a", "10"), found("a", "1", "deb")]
    assert document(*packages) == document(*reversed(packages))


@pytest.mark.parametrize(
    ("package", "group", "name", "purl"),
    [
        (found("Typing_Ext", "1!2"), "", "Typing_Ext", "pkg:pypi/typing-ext@1%212"),
        (found("@babel/core", "7", "npm"), "@babel", "core", "pkg:npm/%40babel/core@7"),
        (found("left-pad", "1", "npm"), "", "left-pad", "pkg:npm/left-pad@1"),
        (found("org.x:y", "1", "maven"), "org.x", "y", "pkg:maven/org.x/y@1"),
        (found("y", "1", "maven"), "", "y", "pkg:maven/y@1"),
        (found("ssl", "1:2-3~a", "deb"), "", "ssl", "pkg:deb/debian/ssl@1:2-3~a"),
        (found("ssl", "1:2-3", "rpm"), "", "ssl", "pkg:rpm/debian/ssl@2-3?epoch=1"),
        (found("A.B", "1", "nuget"), "", "A.B", "pkg:nuget/A.B@1"),
        (found("x", "1", "conda"), "", "x", "pkg:conda/x@1"),
        (found("x y", "", "brew"), "", "x y", "pkg:generic/x%20y"),
        (found("a:b/c", "1", ""), "", "a:b/c", "pkg:generic/a:b/c@1"),
    ],
)  # fmt: skip
def test_a_package_is_named_as_its_ecosystem_names_it(package, group, name, purl):
    made = component(package, partial(purl_of, vendor="debian"))
    assert (made.get("group", ""), made["name"], made["purl"]) == (group, name, purl)
    assert faults(document(package)) == []


def test_what_has_no_version_or_no_name_is_listed_all_the_same():
    made = document(found("", ""), found(" ", "1"), found("/", "1"), found("x", ""))
    assert [each["name"] for each in made["components"]] == ["", " ", "/", "x"]
    assert ["version" in each for each in made["components"]] == [False, True, True, False]
    assert [each.get("purl") for each in made["components"]] == [None, None, None, "pkg:pypi/x"]


def test_two_packages_with_one_purl_have_references_of_their_own():
    made = document(found("a-b"), found("a_b"), found("A.b"))
    assert len({each["purl"] for each in made["components"]}) == 2
    assert len({each["bom-ref"] for each in made["components"]}) == 3


def test_every_place_is_an_occurrence():
    places = [{"install_path": f"/srv/{n}", "env_type": "npm"} for n in range(157)]
    places += [{"environment": "/env", "interpreter_version": "3.11"}, {"env_type": "pip"}, {}]
    (made,) = document(found(places=places))["components"]
    occurrences = made["evidence"]["occurrences"]
    assert len(occurrences) == 159
    assert occurrences[0] == {"additionalContext": "env_type: npm", "location": "/srv/0"}
    assert occurrences[157]["location"] == "/env"
    assert occurrences[158] == {"additionalContext": "env_type: pip", "location": ""}


DECLARED = {"acknowledgement": "declared"}


@pytest.mark.parametrize(
    ("texts", "written"),
    [
        (["MIT"], [{"license": {"id": "MIT"} | DECLARED}]),
        (["bsd-3-clause", "BSD-3-Clause"], [{"license": {"id": "BSD-3-Clause"} | DECLARED}]),
        (["MIT License"], [{"license": {"name": "MIT License"} | DECLARED}]),
        (["MIT OR Apache-2.0"], [{"expression": "MIT OR Apache-2.0"} | DECLARED]),
        (["GPL-2+ and Expat"], [{"license": {"name": "GPL-2+ and Expat"} | DECLARED}]),
        (
            ["MIT OR ISC", "Zlib"],
            [
                {"license": {"name": "MIT OR ISC"} | DECLARED},
                {"license": {"id": "Zlib"} | DECLARED},
            ],
        ),
        ([" "], []),
        ([], []),
        (["L" * 4096], [{"license": {"name": "L" * 4096} | DECLARED}]),
    ],
)  # fmt: skip
def test_a_license_is_an_id_an_expression_or_a_name(texts, written):
    places = [{"package_license": text} for text in texts]
    assert licenses(places) == written
    assert faults(document(found(places=places))) == []


def test_the_agents_own_reading_of_a_license_comes_before_its_text():
    assert licenses([{"spdx_id": "MIT", "package_license": "The MIT"}])[0]["license"]["id"] == "MIT"


storable = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=20)
place = st.dictionaries(
    st.sampled_from(["install_path", "environment", "package_license", "spdx_id", "env_type"]),
    storable,
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            storable,
            storable,
            st.sampled_from(["pypi", "npm", "maven", "rpm", "deb", "", "docker x"]) | storable,
            st.lists(place, max_size=3),
        ),
        unique_by=lambda each: each[:3],
        max_size=4,
    ),
    storable,
)
def test_any_text_that_can_be_stored_makes_a_valid_bill(packages, hostname):
    subject = replace(SUBJECT, hostname=hostname, os=hostname, os_release=hostname)
    assert len(
        document(*(found(*each) for each in packages), subject=subject)["components"]
    ) == len(packages)


def test_the_bill_of_a_large_device_is_written_quickly():
    places = [{"install_path": "/usr/lib/node_modules/x", "env_type": "npm", "spdx_id": "MIT"}]
    packages = [found(f"@scope/package-{n}", f"1.{n}", "npm", places) for n in range(20_000)]
    begun = time.perf_counter()
    size = sum(map(len, document_pieces(SUBJECT, packages, purl_of)))
    assert time.perf_counter() - begun < 15  # 1.5 s here; another library needs minutes
    assert size > 20_000 * 300


def test_packages_of_a_device_go_through_the_database_unharmed(each_database):
    uid = enroll().device_uid
    send(
        uid,
        scan(package("<script>alert(1)</script>", "=cmd|' /C calc'!A0"), package("Größe 🐍", "")),
    )
    text = "".join(sbom_pieces(db.session(), find_device(db.session(), uid, details=True)))
    names = [each["name"] for each in json.loads(text)["components"]]
    assert names == ["<script>alert(1)</script>", "Größe 🐍"]
