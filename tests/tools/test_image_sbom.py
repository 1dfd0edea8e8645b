"""What an image's bill of materials says, and that it is one by CycloneDX's own schema."""

import json
from importlib.metadata import distribution

from packageurl import PackageURL

from tests.cyclonedx import faults
from tests.places import ROOT
from tools import image_sbom

STATUS = """\
Package: libssl3t64
Status: install ok installed
Source: openssl
Version: 3.5.1-1
Architecture: amd64
Description: a line
 and a second one

Package: gone
Status: deinstall ok config-files
Version: 1
Architecture: all
"""
OS_RELEASE = 'NAME="Debian GNU/Linux"\nVERSION_ID="13"\n'
VENDOR = (ROOT / "static" / "vendor" / "VENDOR.json").read_text()


def test_debian_packages_are_those_that_are_installed() -> None:
    [found] = image_sbom.debian_packages(STATUS, OS_RELEASE)
    assert found["purl"] == "pkg:deb/debian/libssl3t64@3.5.1-1?arch=amd64&distro=debian-13"
    assert (found["group"], found["name"], found["version"]) == ("debian", "libssl3t64", "3.5.1-1")


def test_a_library_comes_with_its_license_and_with_what_its_wheel_holds() -> None:
    [flask, cryptography] = image_sbom.libraries(map(distribution, ("Flask", "cryptography")))
    assert flask["purl"].startswith("pkg:pypi/flask@3.1")
    assert flask["licenses"] == [{"license": {"name": "BSD-3-Clause"}}]
    assert "components" not in flask
    parts = {part["name"] for part in cryptography["components"]}
    assert "openssl" in parts
    assert not [part for part in cryptography["components"] if "file:" in part["purl"]]


def test_a_license_is_what_was_declared_and_never_a_whole_text() -> None:
    named = {name: image_sbom.license_of(distribution(name)) for name in ("Flask-WTF", "segno")}
    assert named == {"Flask-WTF": "BSD License", "segno": "BSD License"}


def test_the_front_end_s_packages_are_each_listed_once() -> None:
    found = [each["purl"].split("@")[0] for each in image_sbom.front_end(VENDOR)]
    assert found == ["pkg:npm/%40tabler/core", "pkg:npm/%40tabler/icons"]


def test_the_document_is_valid_and_the_same_each_time_whatever_the_order() -> None:
    parts = [
        *image_sbom.debian_packages(STATUS, OS_RELEASE),
        *image_sbom.libraries(map(distribution, ("Flask", "cryptography", "pydantic_core"))),
        *image_sbom.front_end(VENDOR),
        image_sbom.component(PackageURL("generic", None, "python", "3.13.1"), "platform"),
    ]
    document = image_sbom.document("sentari", "0.1.0", parts)
    assert faults(document) == []
    assert image_sbom.document("sentari", "0.1.0", [*reversed(parts), parts[0]]) == document
    changed = image_sbom.document("sentari", "0.1.1", parts)
    assert changed["serialNumber"] != document["serialNumber"]
    assert faults(json.loads(json.dumps(document)) | {"components": parts[:1] * 2}) != []
