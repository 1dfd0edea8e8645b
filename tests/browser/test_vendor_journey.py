"""What the vendor's staff do on a working day, in a real browser, with scripts and without."""

import re
import time
from urllib.parse import parse_qs, urlsplit

import pytest
import zxingcpp
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.site import Site, day_from_now
from tests.browser.staff import code_of

ADA, BOB = "ada@vendor.example", "bob@vendor.example"


def scanned(page: Page) -> str:
    """Read the QR code on the page, as a phone would, and return the secret in it."""
    path = page.locator("svg.qr path").get_attribute("d") or ""
    side = int((page.locator("svg.qr").get_attribute("viewBox") or "").split()[-1])
    rows = [bytearray(b"\xff" * side * 4) for _ in range(side * 4)]
    for x, y, length in re.findall(r"M(\d+) (\d+)\.5h(\d+)", path):
        for row in rows[4 * int(y) : 4 * int(y) + 4]:
            row[4 * int(x) : 4 * (int(x) + int(length))] = b"\0" * 4 * int(length)
    image = memoryview(b"".join(rows)).cast("B", (side * 4, side * 4))
    [found] = zxingcpp.read_barcodes(image)
    assert found.text.startswith("otpauth://totp/")
    return parse_qs(urlsplit(found.text).query)["secret"][0]


def give_password(page: Page, email: str, password: str) -> None:
    page.goto("/audit")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def shown(page: Page) -> str:
    return page.locator(".card-ok .copyable-text").inner_text()


@pytest.mark.parametrize("javascript", [True, False], ids=["with scripts", "without scripts"])
def test_somebody_is_invited_sets_up_the_second_factor_and_signs_in_again(
    open_vendor: Open, javascript: bool
) -> None:
    email = f"eve-{javascript}@vendor.example".lower()
    ada = open_vendor(ADA, javascript=javascript).page
    ada.goto("/staff")
    ada.get_by_label("E-mail").fill(email)
    ada.get_by_role("button", name="Invite").click()
    password = shown(ada)
    opened = open_vendor(javascript=javascript)
    page = opened.page
    give_password(page, email, "not the password")
    expect(page.get_by_text("E-mail or password is wrong")).to_be_visible()
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    secret = scanned(page)
    assert secret == page.locator(".copyable-text").inner_text().replace(" ", "")
    if javascript:
        opened.inspect("vendor-enroll")
    page.get_by_role("textbox", name="Code").fill(code_of(secret))
    page.get_by_role("button", name="Confirm and sign in").click()
    expect(page.get_by_role("heading", name="Choose your password")).to_be_visible()
    page.get_by_label("Present password").fill(password)
    page.get_by_label("New password").fill("the password of eve alone")
    page.get_by_role("button", name="Change password").click()
    give_password(page, email, "the password of eve alone")
    if javascript:
        opened.inspect("vendor-code")
    page.get_by_label("Code").fill(code_of(secret, steps_ahead=1))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Audit log")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def prepare(page: Page, customer: str, **terms: str) -> str:
    """Add a customer, prepare a license, and return its address."""
    page.goto("/customers/new")
    page.get_by_label("Name").fill(customer)
    page.get_by_label("E-mail").fill("it@example.com")
    page.get_by_role("button", name="Add customer").click()
    page.get_by_role("link", name="Prepare a license").first.click()
    for label, value in {"Tier": "enterprise", "Reason": "ordered", **terms}.items():
        page.get_by_label(label, exact=True).fill(value)
    page.get_by_role("button", name="Save the draft and review it").click()
    expect(page.get_by_role("heading", name="What will be signed")).to_be_visible()
    return page.url.removesuffix("/review")


def do(page: Page, url: str, link: str, button: str) -> None:
    """Open an act from the license's page, give a reason, and do it."""
    page.goto(url)
    page.get_by_role("link", name=link, exact=True).click()
    page.get_by_label("Reason").fill("as agreed")
    page.get_by_role("button", name=button, exact=True).click()


def paste(site: Site, key: str) -> None:
    answer = site.post("/api/v1/license/activate", {"license_key": key})
    assert answer.status_code == 200, answer.text


def comes_to(site: Site, state: str) -> None:
    """Check in and wait until the customer's server sees the state."""
    site.check_in()
    deadline = time.monotonic() + 5
    while site.server.state() != state:
        assert time.monotonic() < deadline, site.server.state()
        time.sleep(0.1)


def test_a_license_lives_from_its_draft_to_its_revocation(site: Site, open_vendor: Open) -> None:
    site.be_unlicensed()
    bob, ada = open_vendor(BOB).page, open_vendor(ADA).page
    caps = {"Devices": "unlimited", "Tracked packages": "200,000"}
    url = prepare(bob, "Journey Ltd", **caps)
    expect(bob.get_by_text("Needed", exact=True)).to_be_visible()
    ada.goto(url)
    ada.get_by_role("link", name="Look at it and approve").click()
    ada.get_by_role("button", name="Approve").click()
    expect(ada.get_by_text("The terms are approved.")).to_be_visible()
    bob.goto(f"{url}/review")
    bob.get_by_role("link", name="Issue").click()
    bob.get_by_role("button", name="Issue and show the key").click()
    key = shown(bob)
    paste(site, key)
    assert site.server.state() == "active"
    bob.reload()
    assert key not in bob.content()

    bob.goto(url)
    expect(bob.get_by_text("1 of 1 in use")).to_be_visible()
    bob.get_by_role("link", name="Renew").click()
    bob.get_by_label("Expires on").fill(day_from_now(390))
    bob.get_by_label("Devices").fill("500")
    bob.get_by_label("Reason").fill("renewed")
    bob.get_by_role("button", name="See what changes").click()
    expect(bob.get_by_text(day_from_now(390)).first).to_be_visible()
    bob.get_by_role("button", name="Save these changes").click()
    expect(bob.get_by_text("The terms were changed.")).to_be_visible()
    comes_to(site, "active")
    assert site.server.license()["expires_at"].startswith(day_from_now(390))

    do(bob, url, "Suspend", "Suspend")
    comes_to(site, "suspended")
    do(bob, url, "Reinstate", "Reinstate")
    comes_to(site, "active")
    do(bob, url, "Replace the key", "Replace and show the new key")
    paste(site, shown(bob))
    comes_to(site, "active")
    do(bob, url, "Revoke", "Revoke for ever")
    comes_to(site, "revoked")
    expect(bob.get_by_text("as agreed").first).to_be_visible()
    site.be_unlicensed()


def test_a_draft_can_be_issued_before_the_second_person_has_looked(
    site: Site, open_vendor: Open
) -> None:
    site.be_unlicensed()
    bob = open_vendor(BOB, javascript=False).page
    caps = {"Devices": "unlimited", "Tracked packages": "200,000"}
    url = prepare(bob, "Waiting Ltd", **caps)
    bob.get_by_role("link", name="Issue").click()
    bob.get_by_role("button", name="Issue and show the key").click()
    key = shown(bob)
    refused = site.post("/api/v1/license/activate", {"license_key": key})
    assert refused.status_code != 200
    ada = open_vendor(ADA, javascript=False).page
    ada.goto(f"{url}/approve")
    ada.get_by_role("button", name="Approve").click()
    comes_to(site, "active")
    site.be_unlicensed()


def test_every_page_of_customers_licenses_and_staff_is_sound(site: Site, open_vendor: Open) -> None:
    bob = open_vendor(BOB)
    page = bob.page
    hostile = f"<script>alert(1)</script>{'h' * 150}"
    url = prepare(
        page,
        hostile,
        Devices="100",
        **{"Tracked packages": "1", "Contract optional": "C-" + "7" * 150},
    )
    bob.inspect("vendor-review")
    page.goto(f"{url}/issue")
    bob.inspect("vendor-act")
    page.get_by_role("button", name="Issue and show the key").click()
    bob.inspect("vendor-key")
    paste(site, shown(page))
    page.goto(f"{url}/terms?years=3")
    page.get_by_label("Reason").fill("renewed")
    page.get_by_role("button", name="See what changes").click()
    bob.inspect("vendor-terms")
    page.get_by_role("button", name="Save these changes").click()
    bob.inspect("vendor-license")
    page.goto("/activations?search=%3Cscript")
    page.get_by_role("link", name="alert(1)").first.click()
    bob.inspect("vendor-activation")
    page.goto("/licenses?expires_within_days=1")
    page.get_by_role("link", name="Clear").click()
    bob.inspect("vendor-licenses")
    page.goto("/customers?search=%3Cscript")
    page.get_by_role("link", name="alert(1)").click()
    bob.inspect("vendor-customer")
    ada = open_vendor(ADA)
    ada.page.goto("/staff")
    ada.inspect("vendor-staff")
    ada.page.get_by_role("link", name=BOB).click()
    ada.page.get_by_text("Reset second factor").click()
    ada.inspect("vendor-staff-person")
    for name, path in {"account": "/account", "audit": "/audit", "verify": "/audit/verify"}.items():
        ada.page.goto(path)
        ada.inspect(f"vendor-{name}")
    site.be_unlicensed()


WORK = {
    "home": "/",
    "findings": "/findings",
    "approvals": "/approvals",
    "activations": "/activations?page_size=9",
    "outbox": "/outbox?page_size=9",
    "keys": "/keys",
}


@pytest.mark.parametrize("name", WORK)
def test_every_page_of_what_waits_is_sound(site: Site, open_vendor: Open, name: str) -> None:
    site.be_licensed()
    opened = open_vendor(ADA)
    opened.page.goto(WORK[name])
    opened.inspect(f"vendor-{name}")
