"""The audit log as a page, a file and over the API: filters, pages that stay, exports, the walk."""

import csv
import io
import json
from datetime import UTC, datetime

import pytest
from flask.testing import FlaskClient
from sqlalchemy import insert, update

from sentari.audit.models import AuditEvent, AuditHead
from sentari.audit.store import audit_log, record
from sentari.extensions import db, writing
from serverkit.audit import walk
from serverkit.audit.chain import next_entry
from tests.sentari.accounts.people import events
from tests.sentari.fleet import Fleet

LOG = "/api/v1/audit/"
START = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def admin(fleet: Fleet) -> FlaskClient:
    return fleet.browser("admin")


@pytest.fixture
def busy(fleet: Fleet) -> Fleet:
    """A log with sixty counted events, an hour apart, and one that is hostile."""
    with fleet.app.app_context(), writing() as session:
        for number in range(60):
            record(
                session,
                at=START.replace(day=1 + number // 24, hour=number % 24),
                actor="user:bob@example.com" if number % 2 else "token:ci",
                action="COUNTED",
                target=f"device:{number}",
                detail={"note": "<b>x</b>"},
            )
        record(
            session, at=START, actor="=cmd|' /C calc'!A0", action="HOSTILE", target="+1", detail={}
        )
    return fleet


def lengthen(fleet: Fleet, entries: int) -> None:
    """Write many events at once, which the store does one by one."""
    with fleet.app.app_context(), writing() as session:
        seq, head = audit_log.head(session)
        rows = []
        for _ in range(entries):
            entry = next_entry(seq, head, at=START, actor="cli", action="X", target="", detail={})
            rows.append({**vars(entry), "detail": "{}"})
            seq, head = entry.seq, entry.hash
        session.execute(insert(AuditEvent), rows)
        session.execute(update(AuditHead).values(seq=seq, hash=head))


def totals(client: FlaskClient, query: str) -> int:
    answer = client.get(f"{LOG}?{query}")
    assert answer.status_code == 200, answer.text
    return int(answer.json["total"])


def test_every_filter_narrows_the_page_and_the_api_alike(busy: Fleet, admin: FlaskClient) -> None:
    for query, total in (
        ("event_type=COUNTED", 60),
        ("actor=user:bob@example.com", 30),
        ("actor=bob@example.com", 30),
        ("actor=bob", 0),
        ("target=device:7", 1),
        ("search=DEVICE:5", 11),
        ("search=%25", 0),
        ("event_type=COUNTED&start_date=2026-01-02&end_date=2026-01-02", 24),
        ("event_type=COUNTED&start_date=2026-01-02T10:00:00Z&end_date=2026-01-02T12:00:00Z", 2),
        ("event_type=COUNTED&actor=token:ci&search=device:2&start_date=2026-01-02", 3),
    ):
        assert totals(admin, query) == total, query
        page = admin.get("/audit?" + query.replace("event_type", "action")).text
        shown = f"<strong>{total}</strong> event" if total else "No event matches"
        assert shown in page, query
    assert "<b>x</b>" not in admin.get("/audit?action=COUNTED").text


def test_pages_stay_while_others_write(busy: Fleet, admin: FlaskClient) -> None:
    first = admin.get("/audit?action=COUNTED&page_size=25").text
    following = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    assert "action=COUNTED" in following
    second = admin.get(f"/audit{following}").text
    assert "#36<" in second or "device:34<" in second
    with busy.app.app_context(), writing() as session:
        for _ in range(30):
            record(session, at=START, actor="cli", action="COUNTED")
    again = admin.get(f"/audit{following}").text
    assert "device:34<" in again
    assert "of <strong>60</strong>" in again
    assert "Show the newest" in again
    assert "of <strong>90</strong>" in admin.get("/audit?action=COUNTED").text


def test_junk_is_answered_in_words_and_nothing_typed_is_lost(
    busy: Fleet, admin: FlaskClient
) -> None:
    for junk in (
        "soon",
        "2026-02-30",
        "2026-13-01T00:00",
        "9999-12-31",
        "0001-01-01T00:00%2B14:00",
    ):
        page = admin.get(f"/audit?search=kept&end_date={junk}")
        assert page.status_code == 400, junk
        assert 'value="kept"' in page.text
        assert "This is not a date" in page.text
        assert "#1<" not in page.text
        api = admin.get(f"{LOG}?end_date={junk}")
        assert (api.status_code, api.json["code"]) == (400, "bad_parameter"), junk
        assert admin.get(f"/audit?format=csv&end_date={junk}").status_code == 400
    for query in ("page=0", "page=x", "page_size=501", "upto=-1", "upto=x", f"upto={2**31}"):
        assert admin.get(f"/audit?{query}").status_code == 400, query
    for query in (
        "search=%00&actor=a%00b&target=%00&action=%00",
        "search=" + "x" * 5000,
        "actor=" + "%F0%9F%91%BB" * 500,
        "search=%FF%FE",
        "action=<script>&target='--",
        "page=1000000",
        "upto=0",
        f"upto={2**31 - 1}",
    ):
        page = admin.get(f"/audit?{query}")
        assert page.status_code == 200, query
        assert "<script>&" not in page.text
    assert events(busy.app, "AUDIT_EXPORTED") == []


def test_what_is_filtered_is_taken_away_as_csv_and_that_is_audited(
    busy: Fleet, admin: FlaskClient
) -> None:
    answer = admin.get("/audit?actor=bob@example.com&start_date=2026-01-02&format=csv")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="audit.csv"'
    assert answer.headers["Cache-Control"] == "no-store"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["target"] for row in rows] == [f"device:{n}" for n in range(25, 60, 2)]
    assert json.loads(rows[0]["detail"]) == {"note": "<b>x</b>"}
    noted = events(busy.app, "AUDIT_EXPORTED")[0]
    assert noted.actor == "user:admin@example.com"
    assert noted.details()["format"] == "csv"
    assert "start_date=2026-01-02" in noted.details()["filters"]
    hostile = admin.get("/audit?action=HOSTILE&format=csv").text.splitlines()[1]
    assert ",'=cmd|" in hostile.replace('"', "")
    assert ",'+1," in hostile


def test_json_lines_are_the_chain_as_the_command_line_exports_it(
    busy: Fleet, admin: FlaskClient
) -> None:
    by_command = busy.app.test_cli_runner().invoke(args=["audit", "export"]).output
    answer = admin.get("/api/v1/audit/export?format=jsonl")
    assert answer.mimetype == "application/jsonl"
    assert answer.text == by_command
    upto = admin.get("/audit?format=jsonl&upto=3").text
    assert [json.loads(line)["seq"] for line in upto.splitlines()] == [1, 2, 3]
    for form in ("", "xml", "CSV"):
        assert admin.get(f"/api/v1/audit/export?format={form}").status_code == 400
    assert admin.get("/audit?format=xml").status_code == 400


def test_a_viewer_neither_reads_nor_exports_the_log(busy: Fleet) -> None:
    viewer = busy.browser("viewer")
    for path in ("/audit", "/audit?format=csv", "/audit/verify", "/api/v1/audit/export?format=csv"):
        assert viewer.get(path).status_code == 403, path
    assert events(busy.app, "AUDIT_EXPORTED") == []


def test_a_locked_server_exports_nothing(busy: Fleet, admin: FlaskClient) -> None:
    busy.unlicense("revoked")
    assert admin.get("/audit?format=csv").status_code == 402
    assert events(busy.app, "AUDIT_EXPORTED") == []


@pytest.mark.sqlite
def test_a_long_log_is_walked_page_by_page_and_a_break_is_shown(
    busy: Fleet, admin: FlaskClient
) -> None:
    assert "The audit log is intact" in admin.get("/audit/verify").text
    lengthen(busy, walk.STEP_ENTRIES)
    page = admin.get("/audit/verify").text
    assert f"<strong>{walk.STEP_ENTRIES:,}</strong> of" in page
    steps = set()
    while 'http-equiv="refresh"' in page:
        following = page.split('content="0; url=')[1].split('"')[0].replace("&amp;", "&")
        assert f'data-go-on="{following.replace("&", "&amp;")}"' in page
        steps.add(following)
        page = admin.get(following).text
    assert len(steps) == 1
    assert "The audit log is intact" in page
    with busy.app.app_context(), writing() as session:
        session.execute(db.text("DROP TRIGGER audit_event_no_update"))
        session.execute(db.text("UPDATE audit_event SET actor = 'nobody' WHERE seq = 5050"))
    last = admin.get(steps.pop()).text
    assert "Event 5050 does not fit" in last
    assert "upto=5050" in last
