import pytest

from tests.sentari.inventory.scans import package, scan


def text(client, path="/"):
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def next_step(page):
    current = page.split('aria-current="step"')[1]
    return current.split("<strong>")[1].split("</strong>")[0]


def test_an_empty_server_leads_from_the_license_to_the_first_scan(app, admin_client):
    page = text(admin_client)
    assert "no license" in page
    assert "Install the license" in next_step(page)
    assert "/settings/license" in next_step(page)


def test_the_steps_go_on_as_each_is_done_and_are_gone_after_the_first_scan(fleet):
    browser = fleet.browser("admin")
    assert "Enroll the first device" in next_step(text(browser))
    device_id, token = fleet.enroll()
    assert "Wait for its first scan" in next_step(text(browser))
    assert fleet.send(token, scan(package(), device_id=device_id)).status_code == 202
    assert "First steps" not in text(browser)


def test_a_viewer_is_led_nowhere_that_is_closed_to_viewers(fleet):
    page = text(fleet.browser("viewer"))
    assert "First steps" in page
    assert "/settings/enrollment" not in page


def test_numbers_limits_and_devices_are_shown(fleet):
    fleet.license(max_devices=10, max_packages=1000)
    device_id = fleet.add(scan(package(), package("six"), hostname="web-01"))
    page = text(fleet.browser("viewer"))
    assert "of 10 licensed" in page
    assert "of 1,000 licensed" in page
    assert f"/devices/{device_id}" in page
    assert "pypi" in page


def test_what_needs_attention_leads_to_the_devices(fleet):
    fleet.add(scan(errors=[{"error": "denied"}]))
    fleet.enroll()
    page = text(fleet.browser("viewer"))
    assert "/devices?status=errors" in page
    assert "1 device waits for its first scan" in page
    assert "/devices?status=silent" not in page


def number(page, label):
    return page.split(f">{label}</a>")[1].split("stat-value")[1].split(">")[1].split("<")[0]


@pytest.mark.parametrize(
    ("hours", "counts"), [(1.9, "100"), (2.1, "010"), (23.9, "010"), (24.1, "001")]
)
def test_devices_are_online_late_or_missing(fleet, hours, counts):
    fleet.license(max_offline_days=7)
    fleet.add(scan(package()))
    fleet.clock.advance(hours * 3600)
    page = text(fleet.browser("viewer"))
    assert "".join(number(page, label) for label in ("Online", "Late", "Missing")) == counts


def test_the_license_and_what_comes_next_are_told(fleet):
    fleet.license(grace_period_days=14)
    page = text(fleet.browser("viewer"))
    assert "<strong>Next:</strong>" in page
    fleet.unlicense()
    assert "Suspended" in text(fleet.browser("admin"))


def test_scans_are_drawn_by_day_and_the_newest_changes_lead_to_scan_and_package(fleet):
    device_id, token = fleet.enroll()
    fleet.send(token, scan(package("pip", "23"), device_id=device_id))
    browser = fleet.browser("viewer")
    assert "No changes yet" in text(browser)
    answer = fleet.send(
        token,
        scan(
            package("<b>", "1"),
            *(package(name) for name in ("pip", "six", "idna", "requests")),
            device_id=device_id,
            scanned_at="2026-11-23T13:54:51Z",
        ),
    )
    page = text(browser)
    assert f"/devices/{device_id}/scans/{answer.json['scan_id']}" in page
    assert "23 → 24.0" in page
    assert "&lt;b&gt;" in page
    assert "and 2 more" in page
    assert "<strong>2</strong> in the last 30 days" in page
