import csv
import io
import re

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from sentari.extensions import writing
from sentari.inventory.devices import MOST_REMOVED
from sentari.inventory.models import Device
from tests.conftest import csrf_token, sign_in
from tests.sentari.agents.logs import chain, forged, sent
from tests.sentari.inventory.scans import package, real_scan, scan
from tests.simulators.agent import certificate_request
from tests.workbook import cells, moment

UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def viewer(fleet):
    return fleet.browser("viewer")


@pytest.fixture
def admin(fleet):
    return fleet.browser("admin")


def text(client, path, status=200):
    answer = client.get(path)
    assert answer.status_code == status, answer.get_data(as_text=True)
    return answer.get_data(as_text=True)


def test_an_empty_list_says_what_to_do_first(viewer, admin):
    assert "No devices yet" in text(viewer, "/devices")
    assert "/settings/enrollment" not in text(viewer, "/devices")
    assert "Make an enrollment token" in text(admin, "/devices")


def test_devices_are_listed_with_links_to_their_pages(fleet, viewer):
    device_id = fleet.add(scan(package(), hostname="web-01"))
    page = text(viewer, "/devices")
    assert f'href="/devices/{device_id}"' in page
    assert "web-01" in page
    assert "Active" in page


def test_a_search_stays_in_the_address_and_in_the_links(fleet, viewer):
    for number in range(3):
        fleet.add(scan(hostname=f"web-{number}"))
    page = text(viewer, "/devices?search=web&page_size=2&sort=-hostname")
    assert 'value="web"' in page
    assert "?search=web&amp;page_size=2&amp;sort=-hostname&amp;page=2" in page
    assert "web-2" in page
    assert "web-0" not in page
    assert "No device matches" in text(viewer, "/devices?search=nothing")
    assert "no such page" in text(viewer, "/devices?page=9")
    assert "sort is one of" in text(viewer, "/devices?sort=secret", status=400)


def test_a_devices_page_shows_packages_runtimes_errors_and_places(fleet, viewer):
    device_id = fleet.add(real_scan("mixed-ecosystems-42"))
    page = text(viewer, f"/devices/{device_id}?page_size=500")
    assert "@babel/core" in page
    assert "/srv/app/multi/web/node_modules/left-pad" in page
    assert "dangling venv" in page
    assert "/usr/local/lib/python3.11" in page
    assert "build-02" in page


def test_hostile_names_are_shown_escaped(fleet, viewer):
    hostile = scan(
        package("<script>alert(1)</script>", "=cmd|' /C calc'!A0"),
        package('"><img src=x onerror=alert(1)>', "<b>", ecosystem="<i>"),
        hostname="<h1>host</h1>",
        tags=["<u>tag</u>"],
        errors=[{"path": "<s>path</s>", "error": "<em>error</em>"}],
        os="<os>",
    )
    device_id = fleet.add(hostile)
    pages = ["/", "/devices", f"/devices/{device_id}", f"/devices/{device_id}/scans", "/packages"]
    for path in pages:
        page = text(viewer, path)
        for markup in (
            "<script>alert",
            "<img src=x",
            "<h1>host",
            "<u>",
            "<s>",
            "<em>error",
            "<i>",
            "<os>",
        ):
            assert markup not in page, (path, markup)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text(viewer, f"/devices/{device_id}")


def test_packages_of_a_device_are_filtered(fleet, viewer):
    device_id = fleet.add(scan(package("pip"), package("left-pad", env_type="npm")))
    page = text(viewer, f"/devices/{device_id}?ecosystem=npm")
    assert "left-pad" in page
    assert ">pip<" not in page
    assert "No package matches" in text(viewer, f"/devices/{device_id}?search=zzz")


def test_a_device_without_a_scan_says_that_it_waits(fleet, viewer):
    device_id, _ = fleet.enroll()
    assert "Waiting for the first scan" in text(viewer, f"/devices/{device_id}")
    assert "has not sent one yet" in text(viewer, f"/devices/{device_id}/scans")


def test_a_device_with_no_packages_says_so(fleet, viewer):
    assert "found none" in text(viewer, f"/devices/{fleet.add(scan())}")


def test_the_history_lists_scans_newest_first(fleet, viewer):
    device_id, token = fleet.enroll()
    for minute, name in enumerate(["a", "b", "b"]):
        scanned_at = f"2026-11-23T11:0{minute}:00Z"
        fleet.send(token, scan(package(name), device_id=device_id, scanned_at=scanned_at))
    fleet.send(token, scan(device_id=device_id, scanned_at="2026-11-23T10:00:00Z"))
    page = text(viewer, f"/devices/{device_id}/scans")
    places = [page.index(f"2026-11-23 {time}:00") for time in ("11:02", "11:01", "11:00", "10:00")]
    assert places == sorted(places)
    for word in ("Applied", "Unchanged", "Late"):
        assert word in page


@pytest.fixture
def two_scans(fleet):
    """The id of a device whose second scan upgraded, added and removed packages."""
    device_id, token = fleet.enroll()
    for minute, packages in enumerate(
        [["pip 23", "six 1", "idna 2"], ["pip 24", "<b>x</b> 1", "idna 1"]]
    ):
        records = [package(*each.split(" ")) for each in packages]
        scanned_at = f"2026-11-23T11:0{minute}:00Z"
        fleet.send(token, scan(*records, device_id=device_id, scanned_at=scanned_at))
    return device_id


def test_a_scans_page_lists_what_it_changed(viewer, two_scans):
    assert f'href="/devices/{two_scans}/scans/2"' in text(viewer, f"/devices/{two_scans}/scans")
    page = text(viewer, f"/devices/{two_scans}/scans/2")
    rows = page.split("<tbody>")[1]
    places = [rows.index(word) for word in ("Upgraded", "Downgraded", "Added", "Removed")]
    assert places == sorted(places)
    assert "&lt;b&gt;x&lt;/b&gt;" in page
    assert "<b>x" not in page
    only = text(viewer, f"/devices/{two_scans}/scans/2?kind=removed").split("<tbody>")[1]
    assert "six" in only
    assert "pip" not in only
    assert "kind is one of" in text(viewer, f"/devices/{two_scans}/scans/2?kind=x", status=400)
    assert "no such page" in text(viewer, f"/devices/{two_scans}/scans/2?page=9")


def test_scans_that_changed_nothing_say_why(fleet, viewer):
    device_id, token = fleet.enroll()
    for minute in (2, 3, 1):
        scanned_at = f"2026-11-23T11:0{minute}:00Z"
        fleet.send(token, scan(package(), device_id=device_id, scanned_at=scanned_at))
    words = ("first scan of the device", "the same packages", "came late")
    for number, word in enumerate(words, 1):
        assert word in text(viewer, f"/devices/{device_id}/scans/{number}")


def test_a_scan_of_another_device_is_a_helpful_404(fleet, viewer, two_scans):
    other, _ = fleet.enroll()
    for path in (f"/devices/{other}/scans/1", f"/devices/{two_scans}/scans/99999999999999999999"):
        assert "no such scan" in text(viewer, path, status=404)


def ship(fleet, token, device_id, entries):
    document = {"device_id": device_id, "entries": sent(entries)}
    answer = fleet.send(token, document, path="/api/v1/agent/audit-log")
    assert answer.status_code == 202


def test_a_device_whose_agent_ships_no_log_says_so(fleet, viewer):
    device_id = fleet.add(scan())
    assert "has not shipped its log yet" in text(viewer, f"/devices/{device_id}")
    assert "No log yet" in text(viewer, f"/devices/{device_id}/agent-log")


def test_a_log_that_holds_is_shown_newest_first(fleet, viewer):
    device_id, token = fleet.enroll()
    ship(fleet, token, device_id, chain(7))
    page = text(viewer, f"/devices/{device_id}")
    assert "7 entries, each following from the one before" in page
    assert "hostname=web07" in page
    assert "hostname=web02" not in page
    assert f"/devices/{device_id}/agent-log" in page
    log = text(viewer, f"/devices/{device_id}/agent-log?page_size=2&page=2")
    assert "All 7 entries have the right hash" in log
    assert log.index("hostname=web05") < log.index("hostname=web04")
    assert "hostname=web06" not in log
    assert "No entry has an anomaly" in text(viewer, f"/devices/{device_id}/agent-log?show=broken")


def test_a_log_that_does_not_hold_says_since_when_where_and_what_was_expected(fleet, viewer):
    device_id, token = fleet.enroll()
    log = chain(6)
    log[3] = forged(log[3], detail="<b>edited</b>")
    ship(fleet, token, device_id, log)
    page = text(viewer, f"/devices/{device_id}")
    since = fleet.clock.now().strftime("%Y-%m-%d %H:%M UTC")
    assert "The agent&#39;s log does not hold" in page or "The agent's log does not hold" in page
    assert "at entry 4." in page
    assert since in page
    whole = text(viewer, f"/devices/{device_id}/agent-log")
    assert log[3].own_hash in whole
    assert log[3].content_hash in whole
    assert "<b>edited" not in whole
    assert "hostname=web02" in whole
    only = text(viewer, f"/devices/{device_id}/agent-log?show=broken")
    assert "&lt;b&gt;edited" in only
    assert "hostname=web02" not in only


def test_each_log_of_a_device_that_enrolled_again_is_told(fleet, viewer):
    device_id, token = fleet.enroll(machine_id="m-1")
    ship(fleet, token, device_id, chain(2))
    _, token = fleet.enroll(machine_id="m-1")
    ship(fleet, token, device_id, chain(1, detail="again"))
    page = text(viewer, f"/devices/{device_id}/agent-log")
    assert "of log 2" in page
    assert "Log 1 began" in page
    assert "All 3 entries" in page


def test_a_devices_page_tells_how_it_enrolled(fleet, admin, viewer):
    device_id, _ = fleet.enroll()
    assert "/settings/enrollment/static" in text(admin, f"/devices/{device_id}")
    page = text(viewer, f"/devices/{device_id}")
    assert "the static token" in page
    assert "/settings/enrollment" not in page


def test_a_devices_certificates_are_listed_with_their_states(fleet, viewer):
    key = ec.generate_private_key(ec.SECP256R1())
    csr = certificate_request(key, "web-01")
    device_id, _ = fleet.enroll(machine_id="m-1", csr=csr)
    fleet.enroll(machine_id="m-1", csr=csr)
    page = text(viewer, f"/devices/{device_id}").split('id="certificates"')[1]
    assert page.index("In use") < page.index("Revoked")
    assert len(set(re.findall(r"<code>([0-9a-f]{64})</code>", page))) == 2
    fleet.clock.advance(91 * 86_400)
    fleet.license(max_devices=None, max_packages=None)
    assert "Expired" in text(viewer_again(fleet), f"/devices/{device_id}")


def viewer_again(fleet):
    client = fleet.app.test_client()
    sign_in(client, "viewer@example.com")
    return client


def test_an_unknown_device_is_a_helpful_404(viewer):
    for unknown in (UNKNOWN, "%00", "nothing"):
        for path in (
            f"/devices/{unknown}",
            f"/devices/{unknown}/scans",
            f"/devices/{unknown}/scans/1",
        ):
            assert "not enrolled here" in text(viewer, path, status=404)


def rows(client, path):
    answer = client.get(path)
    assert answer.content_type == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.get_data(as_text=True), newline="")))


def test_what_is_filtered_is_what_is_downloaded(fleet, viewer):
    one = fleet.add(scan(package("pip"), package("=1+1"), hostname="web-01"))
    fleet.add(scan(hostname="=db"))
    assert [row["hostname"] for row in rows(viewer, "/devices?format=csv")] == ["'=db", "web-01"]
    assert [row["id"] for row in rows(viewer, "/devices?search=web&format=csv")] == [one]
    names = [row["name"] for row in rows(viewer, f"/devices/{one}?format=csv")]
    assert names == ["'=1+1", "pip"]
    assert len(rows(viewer, f"/devices/{one}?format=csv&search=pip")) == 1
    events = fleet.world.events("INVENTORY_EXPORTED")
    assert [event.target for event in events] == ["devices"] * 2 + [f"device-{one}"] * 2
    assert "search=web" in events[1].details()["filters"]


def test_what_is_filtered_is_in_the_workbook_too(fleet, viewer):
    fleet.add(scan(package("=1+1"), hostname="web-01"))
    fleet.add(scan(hostname="=db"))
    answer = viewer.get("/devices?search=web&format=xlsx")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="devices.xlsx"'
    with answer:
        heading, row = cells(answer.data)
    found = dict(zip(heading, row, strict=True))
    assert (found["hostname"], found["packages"]) == ("web-01", 1)
    assert moment(found["last_scan_at"]).date().isoformat() == "2026-11-23"
    with viewer.get("/devices?format=xlsx") as everything:
        assert cells(everything.data)[1][1] == "=db"
    event = fleet.world.events("INVENTORY_EXPORTED")[0]
    assert (event.target, event.details()["format"]) == ("devices", "xlsx")
    assert "search=web" in event.details()["filters"]


def test_another_kind_of_file_is_refused_with_those_that_exist(fleet, viewer):
    assert "format is one of csv, xlsx" in text(viewer, "/devices?format=pdf", status=400)
    assert fleet.world.events("INVENTORY_EXPORTED") == []


def test_an_admin_removes_a_device_after_a_question(fleet, admin):
    device_id = fleet.add(scan(package(), hostname="web-01"))
    page = text(admin, f"/devices/{device_id}")
    assert "cannot be undone" in page
    form = {"csrf_token": csrf_token(admin, f"/devices/{device_id}")}
    answer = admin.post(f"/devices/{device_id}/remove", data=form, follow_redirects=True)
    assert "web-01 was removed" in answer.get_data(as_text=True)
    assert admin.get(f"/devices/{device_id}").status_code == 404
    assert admin.post(f"/devices/{device_id}/remove", data=form).status_code == 404


def test_devices_are_filtered_by_all_that_the_address_says(fleet, viewer):
    one = scan(package("openssl", "3.0.9-1", env_type="system_deb"), tags=["prod", 'a"b'])
    fleet.add(one | {"hostname": "deb-01"}, hostname="deb-01")
    other = scan(package("openssl", "3.0.15-1", env_type="system_deb"), tags=["Prod"])
    fleet.add(other | {"hostname": "deb-02"}, hostname="deb-02")
    fleet.enroll(hostname="win-01", os="windows")

    def found(query):
        return [row["hostname"] for row in rows(viewer, f"/devices?format=csv&{query}")]

    assert found("os=windows") == ["win-01"]
    assert found("tag=prod") == ["deb-01"]
    assert found("tag=a%22b") == ["deb-01"]
    assert found("tag=Prod") == ["deb-02"]
    assert found("tag=pro") == found("os=win") == found("ecosystem=de") == []
    assert found("ecosystem=deb") == ["deb-01", "deb-02"]
    assert found("package=openssl+%3C+3.0.15") == ["deb-01"]
    assert found("package=deb/openssl@3.0.15-1") == ["deb-02"]
    assert found("package=ssl&os=linux&seen=online") == ["deb-01", "deb-02"]
    assert found("seen=missing") == []
    assert rows(viewer, "/devices?format=csv&tag=prod")[0]["tags"] == 'prod; a"b'


def test_a_filter_that_cannot_be_read_names_its_fault_and_loses_nothing(fleet, viewer):
    fleet.add(scan(package("pip"), hostname="web-01"))
    page = text(viewer, "/devices?package=pip+%3C&search=web&tag=prod", status=400)
    assert "There is no version after “&lt;”" in page
    for value in ("pip &lt;", "web", "prod"):
        assert f'value="{value}"' in page
    for query in ("seen=never", "columns=status,secret", f"tag={'x' * 257}", "package=*%3C1"):
        text(viewer, f"/devices?{query}", status=400)


def test_devices_that_may_have_a_package_are_told_of(fleet, viewer):
    fleet.add(scan(package("pip", "odd"), hostname="web-01"))
    page = text(viewer, "/devices?package=pip+%3C+10")
    assert "1 version of such a package could not be compared" in page
    assert "/packages?search=pip+%3C+10#incomparable" in page


def test_columns_are_chosen_in_the_address_and_stay_there(fleet, viewer):
    uid = fleet.add(scan(package(), hostname="web-01", tags=["<b>"]))
    usual = text(viewer, "/devices")
    assert 'data-label="Agent"' in usual
    assert 'data-label="Tags"' not in usual
    for query in ("columns=tags&columns=id", "columns=tags,id"):
        page = text(viewer, f"/devices?{query}&page_size=1")
        assert 'data-label="Agent"' not in page
        assert f'class="cell-id">{uid}<' in page
        assert "&lt;b&gt;</a>" in page
    assert "columns=tags%2Cid" in page.split("<thead>")[1].split("</thead>")[0]


def ask_to_remove(admin, *uids):
    form = {"csrf_token": csrf_token(admin, "/devices"), "device": list(uids)}
    return admin.post("/devices/removal", data=form, follow_redirects=True)


def test_an_admin_removes_the_ticked_devices_after_a_page_that_lists_them(fleet, admin):
    one, two, three = (fleet.add(scan(package(), hostname=f"web-{n}")) for n in range(3))
    page = ask_to_remove(admin, one, two).get_data(as_text=True)
    assert "Remove 2 devices?" in page
    assert "web-0" in page
    assert "web-2" not in page
    assert fleet.world.events("DEVICE_REMOVED") == []
    form = {"csrf_token": csrf_token(admin, "/devices"), "device": [one, two, one, UNKNOWN]}
    answer = admin.post("/devices/removal/confirm", data=form, follow_redirects=True)
    assert "2 devices were removed" in answer.get_data(as_text=True)
    assert [row["id"] for row in rows(admin, "/devices?format=csv")] == [three]
    events = fleet.world.events("DEVICE_REMOVED")
    assert [event.target for event in events] == [one, two]
    assert {event.actor for event in events} == {"user:admin@example.com"}


def test_all_devices_that_match_are_listed_before_they_are_removed(fleet, admin):
    for name in ("web-1", "web-2", "db"):
        fleet.add(scan(hostname=name))
    assert "Remove all 2 that match" in text(admin, "/devices?search=web")
    page = text(admin, "/devices/removal?search=web&sort=-hostname")
    assert "Remove 2 devices?" in page
    assert page.index("web-2") < page.index("web-1")
    assert "/devices?search=web&amp;sort=-hostname" in page
    assert "db<" not in page


def test_nothing_is_removed_where_nothing_is_ticked_or_nothing_is_left(fleet, admin):
    fleet.add(scan(hostname="web-01"))
    assert "Tick the devices" in ask_to_remove(admin).get_data(as_text=True)
    assert "No device is left" in ask_to_remove(admin, UNKNOWN).get_data(as_text=True)
    form = {"csrf_token": csrf_token(admin, "/devices")}
    answer = admin.post("/devices/removal/confirm", data=form, follow_redirects=True)
    assert "0 devices were removed" in answer.get_data(as_text=True)
    assert len(rows(admin, "/devices?format=csv")) == 1


def test_too_many_devices_are_not_removed_at_once(fleet, admin):
    uid = fleet.add(scan(hostname="web-01"))
    many = [uid, *(f"{n:08d}-0000-4000-8000-000000000000" for n in range(MOST_REMOVED))]
    with fleet.app.app_context(), writing() as session:
        session.add_all(
            Device(
                uid=each, hostname="h", os="linux", arch="a", agent_version="1",
                enrolled_at=fleet.clock.now(), last_seen_at=fleet.clock.now(),
            )
            for each in many[1:]
        )  # fmt: skip
    assert "At most 500 devices" in ask_to_remove(admin, *many).get_data(as_text=True)
    assert "At most 500 devices" in text(admin, "/devices/removal?os=linux")
    assert "Remove 500 devices?" in text(admin, "/devices/removal?search=h&status=waiting")
    form = {"csrf_token": csrf_token(admin, "/devices"), "device": many}
    assert admin.post("/devices/removal/confirm", data=form).status_code == 409
    assert len(rows(admin, "/devices?format=csv")) == MOST_REMOVED + 1


def test_only_an_admin_is_asked_and_heard(fleet, viewer):
    uid = fleet.add(scan(hostname="web-01"))
    page = text(viewer, "/devices?search=web")
    assert "/devices/removal" not in page
    assert 'type="checkbox" form="removal"' not in page
    form = {"csrf_token": csrf_token(viewer, "/devices"), "device": uid}
    assert viewer.get("/devices/removal?search=web").status_code == 403
    for path in ("/devices/removal", "/devices/removal/confirm"):
        assert viewer.post(path, data=form).status_code == 403
    assert viewer.get(f"/devices/{uid}").status_code == 200


def test_a_viewer_sees_no_button_and_removes_nothing(fleet, viewer):
    device_id = fleet.add(scan(hostname="web-01"))
    page = text(viewer, f"/devices/{device_id}")
    assert f"/devices/{device_id}/remove" not in page
    form = {"csrf_token": csrf_token(viewer, "/devices")}
    assert viewer.post(f"/devices/{device_id}/remove", data=form).status_code == 403
    assert viewer.get(f"/devices/{device_id}").status_code == 200


def test_a_removal_without_the_forms_token_is_refused(fleet, admin):
    device_id = fleet.add(scan())
    assert admin.post(f"/devices/{device_id}/remove").status_code == 400
    assert admin.get(f"/devices/{device_id}").status_code == 200


def test_a_possible_clone_is_marked_until_it_is_dismissed(fleet, admin):
    device_id, _ = fleet.enroll(machine_id="m-1", hostname="gold")
    fleet.register(machine_id="m-1", hostname="copy")
    assert "Possible clone" in text(admin, "/devices")
    assert "gold" in text(admin, f"/devices/{device_id}")
    form = {"csrf_token": csrf_token(admin, f"/devices/{device_id}")}
    admin.post(f"/devices/{device_id}/dismiss-clone", data=form)
    assert "Possible clone" not in text(admin, "/devices?search=copy").split("<tbody>")[1]
    assert fleet.world.actions("DEVICE_CLONE_DISMISSED") == ["DEVICE_CLONE_DISMISSED"]


def test_a_stranger_is_sent_to_the_sign_in(fleet):
    answer = fleet.app.test_client().get("/devices?search=x")
    assert answer.status_code == 302
    assert answer.location.startswith("/login?next=/devices")
