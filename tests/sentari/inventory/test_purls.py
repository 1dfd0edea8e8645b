import pytest

from sentari.inventory.purls import Coordinates, purl_of, read_purl, vendor_of


@pytest.mark.parametrize(
    ("ecosystem", "name", "version"),
    [
        ("pypi", "pip", "24.0"),
        ("npm", "@babel/core", "7.24.0"),
        ("npm", "left-pad", "1.3.0"),
        ("maven", "org.apache.logging.log4j:log4j-core", "2.17.1"),
        ("deb", "openssl", "1:3.0.15-1~deb12u1"),
        ("rpm", "openssl", "1:3.0.7-27.el9"),
        ("rpm", "bash", "5.1.8-9.el9"),
        ("nuget", "Newtonsoft.Json", "13.0.3"),
        ("conda", "openssl", "3.2.1"),
        ("pypi", "Größe", "1 2"),
    ],
)
def test_a_purl_is_read_back_as_what_it_was_written_for(ecosystem, name, version):
    for vendor in (None, "debian"):
        written = purl_of(ecosystem, name, version, vendor)
        expected = name.lower() if ecosystem == "pypi" else name
        assert read_purl(written) == Coordinates(ecosystem, expected, version)


def test_a_purl_of_another_ecosystem_is_of_any():
    assert read_purl(purl_of("docker", "a/b c", "1")) == Coordinates(None, "a/b c", "1")


def test_a_purl_without_a_version_is_of_any():
    assert read_purl("pkg:pypi/pip") == Coordinates("pypi", "pip", None)
    assert read_purl(purl_of("pypi", "pip", "")) == Coordinates("pypi", "pip", None)


def test_qualifiers_that_say_nothing_of_the_version_are_passed_over():
    asked = "pkg:deb/debian/openssl@3.0.15-1?arch=amd64#lib"
    assert read_purl(asked) == Coordinates("deb", "openssl", "3.0.15-1")


@pytest.mark.parametrize(
    "text", ["", "pkg:", "pkg:pypi", "pkg:pypi/", "pypi/pip", "pkg:/x", "PKG:"]
)
def test_what_is_no_purl_is_none(text):
    assert read_purl(text) is None


@pytest.mark.parametrize("name", ["", " ", "/", "//", " / "])
def test_a_name_that_no_purl_can_carry_has_none(name):
    assert purl_of("pypi", name, "1") is None
    assert purl_of("brew", name, "1") is None


@pytest.mark.parametrize(
    ("release", "vendor"),
    [
        ("Debian GNU/Linux 12 (bookworm)", "debian"),
        ("Ubuntu 24.04", "ubuntu"),
        ("Red Hat Enterprise Linux 9.4", "redhat"),
        ("Windows 11", None),
        ("", None),
    ],
)
def test_the_vendor_follows_from_the_release(release, vendor):
    assert vendor_of(release) == vendor
