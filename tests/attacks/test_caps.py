"""More devices and packages than were bought, by every way that there is.

The license allows 3 devices and 10 packages; one device with one package is there. Races are in
tests/live/test_caps.py and tests/sentari/inventory/test_races.py.
"""

from collections.abc import Callable
from datetime import timedelta

import pytest
from werkzeug.test import TestResponse

from license_token.request import read_request
from tests.attacks.site import Site
from tests.sentari.inventory.scans import package

MORE = "INSERT INTO device_package SELECT * FROM device_package"


def packages(count: int, word: str = "p") -> list[dict[str, object]]:
    return [package(f"{word}{number}") for number in range(count)]


def filled_devices(site: Site) -> None:
    for number in range(2):
        assert site.register(machine_id=f"m-{number}").status_code == 201


def filled_packages(site: Site) -> None:
    site.clock.advance(60)
    assert site.scan(*packages(10)).status_code == 202


def again(site: Site, **members: str) -> TestResponse:
    return site.register(hostname="one more", **members)


# Ways to a fourth device: what is done first, and how the registration is written.
DEVICES: dict[str, tuple[Callable[[Site], object], dict[str, str]]] = {
    "simply": (lambda _s: None, {}),
    "with a machine id": (lambda _s: None, {"machine_id": "m-9"}),
    "with a known machine id and a blank": (lambda _s: None, {"machine_id": "m-0 \u200b"}),
    "with a known machine id in capitals": (lambda _s: None, {"machine_id": "M-0"}),
    "with a known machine id and a null": (lambda _s: None, {"machine_id": "m-0\0x"}),
    "after the total was set to nought": (
        lambda s: s.edit("UPDATE inventory_totals SET devices = 0"),
        {},
    ),
    "after the total was set below nought": (
        lambda s: s.edit("UPDATE inventory_totals SET devices = -1000000"),
        {},
    ),
    "after the total was deleted": (lambda s: s.edit("DELETE FROM inventory_totals"), {}),
    "after the total was set to text": (
        lambda s: s.edit("UPDATE inventory_totals SET devices = 'none'"),
        {},
    ),
    "after a restart": (lambda s: s.restart(), {}),
    "after the rate limit was emptied": (lambda s: s.edit("DELETE FROM rate_limit"), {}),
}


@pytest.mark.parametrize("attack", DEVICES)
def test_a_fourth_device_gets_no_place(site: Site, attack: str) -> None:
    prepare, members = DEVICES[attack]
    filled_devices(site)
    prepare(site)
    answer = again(site, **members)
    assert (answer.status_code, answer.json["code"]) == (402, "device_limit_reached")
    assert (answer.json["used"], answer.json["limit"]) == (3, 3)
    assert site.rows("SELECT count(*) AS n FROM device")[0]["n"] == 3


def test_an_edited_cap_in_the_license_row_locks_instead_of_giving_a_place(site: Site) -> None:
    filled_devices(site)
    site.edit("UPDATE installed_license SET max_devices = 99999")
    answer = again(site)
    assert (answer.status_code, answer.json["license_state"]) == (402, "tampered")


def test_a_known_machine_that_enrolls_again_is_no_new_device_and_gives_none(site: Site) -> None:
    filled_devices(site)
    for _ in range(3):
        assert again(site, machine_id="m-0").status_code == 200
    assert again(site, machine_id="m-2").status_code == 402


def test_a_place_is_free_again_only_for_a_device_that_was_removed(site: Site) -> None:
    filled_devices(site)
    assert site.call("DELETE", f"/inventory/devices/{site.device_id}").status_code == 204
    assert again(site).status_code == 201
    assert again(site).status_code == 402


def test_a_removed_devices_identity_sends_nothing_any_more(site: Site) -> None:
    site.call("DELETE", f"/inventory/devices/{site.device_id}")
    site.clock.advance(60)
    assert site.scan(package()).status_code == 404


def test_devices_written_into_the_table_are_counted_and_told_to_the_vendor(site: Site) -> None:
    for number in range(5):
        site.edit(
            "INSERT INTO device SELECT * FROM (SELECT * FROM device LIMIT 0)",
            "CREATE TEMP TABLE d AS SELECT * FROM device LIMIT 1",
            f"UPDATE d SET id = {100 + number}, uid = 'forged-{number}', machine_id = NULL",
            "INSERT INTO device SELECT * FROM d",
            "DROP TABLE d",
        )
    answer = again(site)
    assert (answer.status_code, answer.json["used"]) == (402, 6)
    site.refresh()
    assert read_request(site.wire.sent[-1]).claims.devices == 6


# Ways to an eleventh package.
def grown(site: Site) -> TestResponse:
    site.clock.advance(60)
    return site.scan(*packages(11))


PACKAGES: dict[str, Callable[[Site], TestResponse]] = {
    "one more": grown,
    "one more with a longer name": lambda s: s.scan(*packages(10), package("q" * 600)),
    "the same name in capitals": lambda s: s.scan(*packages(10), package("P0")),
    "the same name with another version": lambda s: s.scan(*packages(10), package("p0", "25")),
    "the same name of another ecosystem": lambda s: s.scan(
        *packages(10), package("p0", env_type="npm")
    ),
    "the same name with a null": lambda s: s.scan(*packages(10), package("p0\0")),
    "an empty name": lambda s: s.scan(*packages(10), package("")),
    "an empty version": lambda s: s.scan(*packages(10), package("p0", "")),
    "from another device": lambda s: s.scan(package(), device=s.enroll()),
    "dated long ago by a new device": lambda s: s.scan(
        package(), device=s.enroll(), scanned_at="2020-01-01T00:00:00Z"
    ),
    "dated far ahead": lambda s: s.scan(*packages(11), scanned_at="2099-01-01T00:00:00Z"),
}


@pytest.mark.parametrize("attack", PACKAGES)
def test_an_eleventh_package_gets_no_place_and_changes_nothing(site: Site, attack: str) -> None:
    filled_packages(site)
    site.clock.advance(60)
    answer = PACKAGES[attack](site)
    assert (answer.status_code, answer.json["code"]) == (402, "package_limit_reached")
    assert site.summary()["total_packages"] == 10
    assert site.rows("SELECT count(*) AS n FROM device_package")[0]["n"] == 10


def test_late_scans_do_not_carry_packages_past_the_cap(site: Site) -> None:
    filled_packages(site)
    old = f"{site.clock.now() - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    answer = site.scan(*packages(50), scanned_at=old)
    assert (answer.status_code, answer.json["ingested"]["status"]) == (202, "superseded")
    assert site.summary()["total_packages"] == 10


def test_a_scan_that_swaps_packages_takes_no_more_places(site: Site) -> None:
    filled_packages(site)
    site.clock.advance(60)
    assert site.scan(*packages(10, "q")).status_code == 202
    assert site.summary()["total_packages"] == 10


def test_after_a_downgrade_what_is_there_stays_and_nothing_grows(site: Site) -> None:
    filled_packages(site)
    answer = site.vendor.second.patch(
        f"/api/v1/licenses/{site.sold['id']}", {"max_packages": 5, "reason": "Downgraded."}
    )
    assert answer.status_code == 200, answer.text
    site.refresh()
    site.clock.advance(60)
    assert site.scan(*packages(10)).status_code == 202
    site.clock.advance(60)
    assert site.scan(*packages(9), package("new")).status_code == 202
    assert grown(site).status_code == 402


def test_an_edited_package_total_is_set_right_within_the_hour_and_told(site: Site) -> None:
    """What cannot be stopped at once: ten million rows are not counted for every scan."""
    filled_packages(site)
    site.edit("UPDATE inventory_totals SET packages = 0")
    assert grown(site).status_code == 202
    site.recount()
    assert site.events("USAGE_TOTALS_CORRECTED") != []
    site.clock.advance(60)
    assert site.scan(*packages(12)).status_code == 402


def test_an_edited_package_total_is_not_what_the_vendor_is_told(site: Site) -> None:
    filled_packages(site)
    for edit in ("packages = 0, devices = 0", "packages = -5, devices = -5"):
        site.edit(f"UPDATE inventory_totals SET {edit}")
        site.clock.advance(60)
        site.refresh()
        claims = read_request(site.wire.sent[-1]).claims
        assert (claims.devices, claims.packages) == (1, 10)
    [activation] = site.vendor.activations(site.sold)
    assert activation["usage"] == {"devices": 1, "packages": 10}
