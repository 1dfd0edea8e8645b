"""Somebody is invited, chooses a password, and looks after an account of their own."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.site import Site
from tests.browser.staff import own_address
from tests.live.servers import ADMIN, PASSWORD

BOB = "bob@example.com"
OWN = "what bob has chosen"


def sign_in(page: Page, path: str, password: str) -> None:
    page.context.set_extra_http_headers(own_address())
    page.goto(path)
    page.get_by_label("E-mail").fill(BOB)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_an_invited_admin_comes_in_and_signs_the_other_browser_out(
    site: Site, open_page: Open
) -> None:
    site.be_licensed()
    admin = open_page()
    page = admin.page
    page.goto("/settings/users")
    page.get_by_label("E-mail").fill(BOB)
    page.get_by_label("Role").select_option("admin")
    page.get_by_role("button", name="Invite").click()
    expect(page.get_by_role("alert")).to_contain_text("enter your own password")
    expect(page.get_by_label("E-mail")).to_have_value(BOB)
    admin.inspect("users-invitation-refused")
    page.get_by_label("Your own password").fill(PASSWORD)
    page.get_by_role("button", name="Invite").click()
    password = page.locator(".copyable-text").inner_text()
    admin.inspect("user-invited")

    # Bob, without scripts.
    bobs = open_page(signed_in=False, javascript=False)
    bob = bobs.page
    sign_in(bob, "/devices", password)
    expect(bob.get_by_role("heading", name="Choose your password")).to_be_visible()
    bobs.keep("choose-password-light-1280")
    bob.get_by_label("One-time password").fill(password)
    bob.get_by_label("New password").fill(OWN)
    bob.get_by_role("button", name="Change password").click()
    expect(bob).to_have_url(re.compile(r"/devices$"))

    # Bob again, at another browser.
    phones = open_page(signed_in=False)
    phone = phones.page
    sign_in(phone, "/login", OWN)
    phone.get_by_role("link", name=BOB).click()
    expect(phone.get_by_role("rowheader", name="this one")).to_have_count(1)
    phones.inspect("account")
    phone.get_by_role("button", name="Sign out Chrome").click()
    expect(phone.get_by_text("That browser is signed out.")).to_be_visible()
    bob.reload()
    expect(bob.get_by_role("heading", name="Sign in")).to_be_visible()
    phone.get_by_role("link", name="Change the password").click()
    phones.inspect("account-password")

    page.goto("/settings/users")
    page.get_by_role("link", name=BOB).click()
    page.locator("summary", has_text="New one-time password").click()
    admin.inspect("user")
    page.locator("summary", has_text="Disable").click()
    page.get_by_role("button", name="Disable").click()
    expect(page.get_by_text("The user is disabled and signed out.")).to_be_visible()
    phone.reload()
    expect(phone.get_by_role("heading", name="Sign in")).to_be_visible()
    admin.inspect("user-disabled")
    page.goto("/settings/users")
    expect(page.get_by_role("link", name=ADMIN)).to_have_count(2)
    admin.inspect("users")
