from datetime import timedelta

import pytest

from sentari.extensions import db, writing
from sentari.inventory import packages
from sentari.inventory.counts import packages_by_ecosystem
from sentari.inventory.devices import find_device, remove_device
from sentari.inventory.filters import PACKAGE_SORTS, PackageFilter
from sentari.inventory.summary import attention, summarize
from tests.clocks import NOON
from tests.sentari.inventory.devices import device_id, enroll, send
from tests.sentari.inventory.scans import package, real_scan, scan


@pytest.fixture(autouse=True)
def _on_each_database(make_app, database_url):
    with make_app(database_url).app_context():
        yield


def fleet():
    """Two devices that share pip, one in two versions of six."""
    one = enroll(hostname="a").device_uid
    send(one, scan(package("pip"), package("six", "1.9"), package("Six-2"), hostname="a"))
    other = enroll(hostname="B").device_uid
    send(
        other,
        scan(
            package("pip"),
            package("six", "1.10"),
            package("@babel/core", env_type="npm", install_path="/x"),
            package("@babel/core", env_type="npm", install_path="/y"),
            hostname="B",
        ),
    )
    return one, other


def rows(page=1, page_size=50, device_uid=None, **arguments):
    asked = PackageFilter.parse(arguments)
    device = None if device_uid is None else device_id(device_uid)
    found = packages.search_packages(
        db.session(), asked, page=page, page_size=page_size, device_id=device
    )
    if device is None and page_size > found.total:
        everything = list(packages.every_package(db.session(), asked))
        assert everything == list(found.items)
    return [(row.ecosystem, row.name, row.version, row.device_count) for row in found.items]


def test_packages_are_listed_once_each_with_the_number_of_their_devices():
    fleet()
    assert rows() == [
        ("npm", "@babel/core", "24.0", 1),
        ("pypi", "pip", "24.0", 2),
        ("pypi", "six", "1.10", 1),
        ("pypi", "six", "1.9", 1),
        ("pypi", "Six-2", "24.0", 1),
    ]


@pytest.mark.parametrize("column", PACKAGE_SORTS)
def test_every_order_of_packages_works_both_ways(column):
    fleet()
    assert {row[1] for row in rows(sort=column)} == {row[1] for row in rows(sort="-" + column)}


def test_packages_are_sorted_by_the_number_of_their_devices():
    fleet()
    assert rows(sort="-device_count")[0][1] == "pip"
    assert rows(sort="device_count")[-1][1] == "pip"


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("six", {"six", "Six-2"}),
        ("SIX", {"six", "Six-2"}),
        ("babel", {"@babel/core"}),
        ("/", {"@babel/core"}),
        ("%", set()),
        ("_", set()),
        ("i", {"pip", "six", "Six-2"}),
        ("nothing", set()),
    ],
)
def test_a_part_of_a_name_finds_packages(search, found):
    fleet()
    assert {row[1] for row in rows(search=search)} == found


def test_a_name_of_any_script_is_found_in_any_case():
    send(enroll().device_uid, scan(package("Größe"), package("ПАКЕТ")))
    assert [row[1] for row in rows(search="GRÖSSE")] == ["Größe"]
    assert [row[1] for row in rows(search="пакет")] == ["ПАКЕТ"]


def test_packages_are_filtered_by_ecosystem_and_device():
    one, other = fleet()
    assert [row[1] for row in rows(ecosystem="npm")] == ["@babel/core"]
    assert [row[1] for row in rows(ecosystem="np")] == []
    assert [row[1] for row in rows(device_uid=one)] == ["pip", "six", "Six-2"]
    assert rows(device_uid=other, search="pip") == [("pypi", "pip", "24.0", 2)]


def test_pages_of_packages_do_not_overlap():
    fleet()
    assert (
        rows(page=1, page_size=2) + rows(page=2, page_size=2) + rows(page=3, page_size=2) == rows()
    )


def test_what_is_on_no_device_any_more_is_not_listed():
    one, other = fleet()
    send(one, scan(scanned_at="2026-11-23T13:00:00Z"), now=NOON)
    with writing() as session:
        remove_device(session, other, at=NOON, actor="cli")
    assert rows() == []
    assert packages_by_ecosystem(db.session()) == {}
    assert packages.package_versions(db.session(), "pypi", "pip") == []
    assert summarize(db.session()).unique_packages == 0


def test_versions_of_a_package_are_listed_highest_first():
    fleet()
    found = packages.package_versions(db.session(), "pypi", "six")
    assert [(row.version, row.device_count) for row in found] == [("1.10", 1), ("1.9", 1)]
    assert packages.package_versions(db.session(), "pypi", "Six") == []
    assert packages.package_versions(db.session(), "npm", "six") == []


def holders(name, ecosystem=None, version=None):
    found = packages.package_holders(db.session(), name, ecosystem, version, page=1, page_size=50)
    assert list(packages.every_holder(db.session(), name, ecosystem, version)) == found.items
    return [(row.hostname, row.version, len(row.locations)) for row in found.items]


def test_the_devices_that_have_a_package_are_listed_with_its_locations():
    fleet()
    assert holders("pip") == [("a", "24.0", 1), ("B", "24.0", 1)]
    assert holders("six", "pypi") == [("a", "1.9", 1), ("B", "1.10", 1)]
    assert holders("six", "pypi", "1.9") == [("a", "1.9", 1)]
    assert holders("@babel/core", "npm") == [("B", "24.0", 2)]
    assert holders("pi") == []


def test_a_devices_inventory_is_searched_and_paged():
    _, other = fleet()
    device = find_device(db.session(), other)

    def page(number, size, **arguments):
        asked = PackageFilter.parse(arguments)
        return packages.device_inventory(db.session(), device, asked, page=number, page_size=size)

    assert [row.name for row in page(1, 2).items] == ["@babel/core", "pip"]
    assert page(1, 2).total == 3
    assert [place["install_path"] for place in page(1, 1).items[0].locations] == ["/x", "/y"]
    assert [row.name for row in page(1, 9, search="SIX").items] == ["six"]
    assert [row.name for row in packages.whole_inventory(db.session(), device)] == [
        "@babel/core",
        "pip",
        "six",
    ]


@pytest.mark.parametrize("column", PACKAGE_SORTS)
def test_a_devices_inventory_has_every_order(column):
    device = find_device(db.session(), fleet()[1])
    asked = PackageFilter.parse({"sort": "-" + column})
    found = packages.device_inventory(db.session(), device, asked, page=1, page_size=9)
    assert len(found.items) == 3


def test_the_summary_counts_what_the_cap_counts():
    fleet()
    send(enroll().device_uid, real_scan("server-459"), now=NOON + timedelta(hours=1))
    summary = summarize(db.session())
    assert (summary.total_devices, summary.total_packages) == (3, 365 + 6)
    assert summary.unique_packages == sum(summary.by_ecosystem.values()) <= 365 + 6
    assert summary.latest_scan.isoformat() == "2026-11-23T12:54:51.292124+00:00"


def test_an_empty_server_has_an_empty_summary():
    summary = summarize(db.session())
    assert (summary.total_devices, summary.total_packages, summary.latest_scan) == (0, 0, None)
    assert attention(db.session(), NOON).any is False


def test_devices_that_need_attention_are_counted_for_each_reason():
    fleet()
    enroll()
    found = attention(db.session(), NOON)
    assert (found.waiting, found.silent, found.errors, found.any) == (1, 0, 0, True)
