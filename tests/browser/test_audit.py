"""The audit log: filtered in the address, taken away, and verified while one watches."""

import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

from playwright.sync_api import expect

from serverkit.audit.chain import next_entry
from serverkit.audit.walk import STEP_ENTRIES
from tests.browser.conftest import Open
from tests.browser.site import Site

STEPS = re.compile(r"/audit/verify\?step=")


def lengthen(site: Site) -> None:
    """Make the log as long as that of a few years: it takes two steps to walk."""
    at = datetime(2026, 11, 1, 12, tzinfo=UTC)
    with closing(sqlite3.connect(site.server.database, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        seq, head = connection.execute("SELECT seq, hash FROM audit_head").fetchone()
        if seq > STEP_ENTRIES:
            return
        for number in range(STEP_ENTRIES):
            target = f"a device of the past {number}"
            entry = next_entry(
                seq, head, at=at, actor="user:bob@example.com", action="DEVICE_REMOVED",
                target=target, detail={},
            )  # fmt: skip
            seq, head = entry.seq, entry.hash
            values = {
                **vars(entry),
                "detail": "{}",
                "occurred_at": f"{at:%Y-%m-%d %H:%M:%S}.000000",
            }
            columns, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
            connection.execute(f"INSERT INTO audit_event ({columns}) VALUES ({marks})", values)
        connection.execute("UPDATE audit_head SET seq = ?, hash = ?", (seq, head))
        connection.execute("COMMIT")


def test_the_log_is_filtered_taken_away_and_verified(site: Site, open_page: Open) -> None:
    site.be_licensed()
    lengthen(site)
    opened = open_page()
    page = opened.page
    page.goto("/audit")
    page.get_by_label("Who").fill("bob@example.com")
    page.get_by_label("From").fill("2026-11-01")
    page.get_by_label("To, including").fill("2026-11-01")
    page.get_by_role("button", name="Search").click()
    expect(page).to_have_url(re.compile("actor=bob%40example.com.*start_date=2026-11-01"))
    page.get_by_role("link", name="Next").click()
    expect(page).to_have_url(re.compile("actor=bob.*upto=.*page=2"))
    page.locator("summary", has_text="Download").click()
    for kind, name in (("CSV", "audit.csv"), ("JSON Lines", "audit.jsonl")):
        with page.expect_download() as download:
            page.get_by_role("link", name=kind).click()
        assert download.value.suggested_filename == name
        assert download.value.path().read_text().count("\n") >= STEP_ENTRIES
    page.goto("/audit?end_date=soon&search=kept&page_size=9")
    expect(page.get_by_role("alert")).to_contain_text("not a date")
    opened.inspect("audit-fault")
    page.goto("/audit?page_size=9&upto=9")
    opened.inspect("audit")

    page.route(STEPS, lambda _: None)  # held until nobody looks for it any more
    page.get_by_role("link", name="Verify the chain").click()
    expect(page.get_by_role("status")).to_contain_text(f"{STEP_ENTRIES:,} of")
    opened.inspect("audit-walking")
    page.unroute(STEPS)
    expect(page.get_by_role("heading", name="The audit log is intact")).to_be_visible()
    opened.inspect("audit-verify")


def test_a_walk_goes_on_without_scripts(site: Site, open_page: Open) -> None:
    site.be_licensed()
    lengthen(site)
    page = open_page(javascript=False).page
    page.goto("/audit/verify")
    expect(page.get_by_role("heading", name="The audit log is intact")).to_be_visible()
    assert page.url.count("step=") == 1
