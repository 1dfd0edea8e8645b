import csv
import html
import io
import re
from urllib.parse import quote, urlsplit

import pytest

from sentari.web.package_links import asked_version, package_url
from tests.sentari.inventory.scans import package, scan

AWKWARD = [
    "pip",
    "@babel/core",
    "group:artifact",
    "with blanks",
    " edges ",
    "a/b/c",
    "percent%2Fslash",
    "what?&=#",
    "Größe",
    "🐍",
    "<script>alert(1)</script>",
    "..",
    ".",
    "a/../b",
    "a//b",
    "/leading",
    "trailing/",
    "back\\slash",
    "line\nbreak",
    "tab\t",
    "\x7f",
    "",
    "show",
    "a;b",
]


@pytest.fixture
def viewer(fleet):
    return fleet.browser("viewer")


def text(client, path, status=200):
    answer = client.get(path)
    assert answer.status_code == status, answer.get_data(as_text=True)
    return answer.get_data(as_text=True)


def test_every_listed_package_has_a_page_that_its_link_opens(fleet, viewer):
    sent = [package(name) for name in AWKWARD]
    sent += [package("x", ecosystem=name, env_type=name) for name in AWKWARD[1:]]
    device_id = fleet.add(scan(*sent, hostname="web-01"))
    page = text(viewer, "/packages?page_size=500")
    links = {html.unescape(link) for link in re.findall(r'href="(/packages/[^"]*)"', page)}
    with fleet.app.test_request_context():
        addresses = {package_url(row.get("ecosystem", "pypi"), row["name"]) for row in sent}
    assert addresses <= links
    for link in links:
        # What a browser does not leave as it is would lead elsewhere.
        assert not re.search(r"(^|/)(\.|%2e){1,2}(/|$)", urlsplit(link).path, re.IGNORECASE)
        answer = viewer.get(link)
        assert answer.status_code == 200, link
        assert f"/devices/{device_id}" in answer.get_data(as_text=True)


def test_the_page_of_a_package_names_devices_versions_and_places(fleet, viewer):
    one = fleet.add(scan(package("pip", "9.0", install_path="/opt/a"), hostname="a"))
    other = fleet.add(scan(package("pip", "24.0"), hostname="b"))
    page = text(viewer, "/packages/pypi/pip")
    assert page.index("24.0") < page.index("9.0")
    for part in (f"/devices/{one}", f"/devices/{other}", "/opt/a", "2 versions in use"):
        assert part in page
    narrowed = text(viewer, "/packages/pypi/pip?version=9.0")
    assert f"/devices/{one}" in narrowed
    assert f"/devices/{other}" not in narrowed


def test_devices_with_a_package_without_a_version_are_listed(fleet, viewer):
    one = fleet.add(scan(package("gitdep", ""), hostname="a"))
    other = fleet.add(scan(package("gitdep", "1"), hostname="b"))
    page = text(viewer, "/packages/pypi/gitdep?no_version=1")
    assert f"/devices/{one}" in page
    assert f"/devices/{other}" not in page


def test_the_version_of_an_address_is_read_back(fleet):
    for version in ("1.0", "", None, "1!2.0rc1"):
        with fleet.app.test_request_context():
            link = package_url("pypi", "x", version=version)
        with fleet.app.test_request_context(link) as context:
            assert asked_version(context.request.args) == version


def test_a_package_that_no_device_has_is_a_helpful_404(fleet, viewer):
    fleet.add(scan(package("pip")))
    for path in ("/packages/pypi/Pip", "/packages/npm/pip", "/packages/pypi/%00", "/packages/show"):
        assert "No device has this package" in text(viewer, path, status=404)


def test_packages_are_searched_by_part_of_a_name_and_ecosystem(fleet, viewer):
    fleet.add(scan(package("requests"), package("left-pad", env_type="npm")))
    page = text(viewer, "/packages?search=QUEST")
    assert "/packages/pypi/requests" in page
    assert "left-pad" not in page
    assert "left-pad" in text(viewer, "/packages?ecosystem=npm")
    assert "No package matches" in text(viewer, "/packages?search=zzz")


def test_a_search_by_versions_lists_what_cannot_be_compared_beside_what_matches(fleet, viewer):
    fleet.add(scan(package("pip", "9.0"), package("pip", "24.0"), package("pip", "<b>?")))
    page = text(viewer, "/packages?search=pip+%3C+10")
    matching, _, incomparable = page.partition('id="incomparable"')
    assert "9.0" in matching
    assert "24.0" not in page
    assert "“&lt;b&gt;?” is not a version of pypi" in incomparable
    assert "/devices?package=pip+%3C+10" in matching
    found = rows(viewer, "/packages?format=csv&search=pip+%3C+10")
    assert [row["version"] for row in found] == ["9.0", "<b>?"]
    assert found[1]["not_comparable"] == "“<b>?” is not a version of pypi"


def test_only_incomparable_versions_are_no_empty_list(fleet, viewer):
    fleet.add(scan(package("pip", "odd")))
    page = text(viewer, "/packages?search=pip+%3C+10")
    assert "No device has such a package whose version could be compared" in page
    assert "is not a version of pypi" in page


def test_coordinates_and_package_urls_find_one_version(fleet, viewer):
    fleet.add(scan(package("pip", "9.0"), package("pip", "24.0"), package("pip-tools", "24.0")))
    for search in ("pypi/pip@24.0", "pypi pip 24.0", "pkg:pypi/pip@24.0"):
        found = rows(viewer, f"/packages?format=csv&search={quote(search)}")
        assert [(row["name"], row["version"]) for row in found] == [("pip", "24.0")], search


@pytest.mark.parametrize("form", ["", "&format=csv", "&format=xlsx"])
def test_a_search_that_cannot_be_read_names_its_fault_and_loses_nothing(fleet, viewer, form):
    fleet.add(scan(package("pip")))
    page = text(viewer, f"/packages?search=pip+%3E%3D+1+%3C+2&ecosystem=pypi{form}", status=400)
    assert "Put a comma between the comparisons" in page
    assert 'value="pip &gt;= 1 &lt; 2"' in page
    assert '<option value="pypi" selected>' in page
    assert fleet.world.events("INVENTORY_EXPORTED") == []


def test_an_empty_inventory_says_what_comes(viewer):
    assert "No packages yet" in text(viewer, "/packages")


def rows(client, path):
    answer = client.get(path)
    assert answer.content_type == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.get_data(as_text=True), newline="")))


def test_what_is_filtered_is_what_is_downloaded(fleet, viewer):
    fleet.add(scan(package("pip", "1"), package("six", "=2"), hostname="a"))
    fleet.add(scan(package("pip", "2"), package("six", "=2"), hostname="b"))
    found = rows(viewer, "/packages?format=csv&search=six")
    assert found == [
        {
            "ecosystem": "pypi",
            "name": "six",
            "version": "'=2",
            "device_count": "2",
            "not_comparable": "",
        }
    ]
    assert len(rows(viewer, "/packages?format=csv&page_size=1")) == 3
    holders = rows(viewer, "/packages/pypi/pip?format=csv&version=2")
    assert [(row["hostname"], row["version"]) for row in holders] == [("b", "2")]
    assert len(fleet.world.events("INVENTORY_EXPORTED")) == 3
