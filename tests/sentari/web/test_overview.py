from tests.sentari.inventory.scans import package, scan


def text(client, path="/"):
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def test_an_empty_server_leads_to_the_first_device(fleet):
    page = text(fleet.browser("admin"))
    assert "No devices yet" in page
    assert "/settings/enrollment" in page


def test_a_server_without_a_license_says_so(client, app, admin_client):
    assert "no license" in text(admin_client)


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
