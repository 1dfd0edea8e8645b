"""Databases put back, copied and thrown away: what the operator gains, and what the vendor sees."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sentari.config import Settings
from tests.attacks.site import (
    ACTIVE,
    DAY,
    OFFLINE,
    REVOKED,
    SUSPENDED,
    TAMPERED,
    UNLICENSED,
    Site,
    copy_database,
)
from tests.license_server.cast import AIRGAP

LICENSE_TABLES = ("installed_license", "license_key", "license_request", "license_check_in")


def tables_put_back(site: Site, kept: Path, *tables: str) -> None:
    """Copy whole tables out of an older database into the present one."""
    with closing(sqlite3.connect(site.path)) as connection, connection:
        connection.execute("ATTACH DATABASE ? AS older", (str(kept),))
        for table in tables:
            connection.execute(f"DELETE FROM {table}")
            connection.execute(f"INSERT INTO {table} SELECT * FROM older.{table}")


@pytest.mark.parametrize("verb", ["revoke", "suspend"])
def test_a_whole_database_from_before_gains_no_more_than_the_offline_budget(
    site: Site, verb: str
) -> None:
    older = site.snapshot("older")
    site.vendor.change(site.sold, verb)
    site.refresh()
    closed = REVOKED if verb == "revoke" else SUSPENDED
    assert site.gets() == closed
    site.put_back(older)
    assert site.gets() == ACTIVE
    site.wire.meddle = site.wire.dead
    site.hours(24)
    assert site.gets() == OFFLINE
    site.wire.meddle = site.vendor.post
    site.refresh()
    assert site.gets() == closed


def test_an_older_database_shows_at_the_vendor_when_two_replies_have_passed(site: Site) -> None:
    older = site.snapshot("older")
    for _ in range(3):
        site.clock.advance(3600)
        site.refresh()
    site.put_back(older)
    site.refresh()
    [activation] = site.vendor.activations(site.sold)
    assert activation["flags"] == ["clone_suspected"]
    assert site.gets() == ACTIVE, "nobody is cut off automatically"


def test_two_copies_of_one_server_show_at_the_vendor(site: Site) -> None:
    copy = site.snapshot("copy")
    for _ in range(3):
        site.clock.advance(3600)
        site.refresh()
        site.refresh()
    original = site.snapshot("original")
    site.put_back(copy)
    site.refresh()
    site.put_back(original)
    site.refresh()
    [activation] = site.vendor.activations(site.sold)
    assert activation["flags"] == ["clone_suspected"]


@pytest.mark.parametrize(
    "tables",
    [
        ("installed_license",),
        LICENSE_TABLES,
        (*LICENSE_TABLES, "license_clock"),
        (*LICENSE_TABLES, "license_clock", "license_instance"),
    ],
    ids=len,
)
def test_the_licenses_tables_from_before_contradict_the_log(
    site: Site, tables: tuple[str, ...]
) -> None:
    older = site.snapshot("older")
    site.vendor.change(site.sold, "revoke")
    site.refresh()
    tables_put_back(site, older, *tables)
    assert site.gets() == TAMPERED
    site.restart()
    assert site.gets() == TAMPERED


def test_the_log_from_before_contradicts_the_license(site: Site) -> None:
    older = site.snapshot("older")
    site.refresh()
    site.edit("DROP TRIGGER audit_event_no_delete")
    tables_put_back(site, older, "audit_event", "audit_head")
    site.restart()
    assert site.gets() == TAMPERED


def test_an_empty_database_beside_the_old_data_has_no_license_and_the_key_is_in_use(
    site: Site, migrated_sqlite: Path
) -> None:
    key = site.sold["license_key"]
    token = site.rows("SELECT * FROM api_token")
    site.close()
    copy_database(migrated_sqlite, site.path)
    site.restart()
    for row in token:
        site.insert("api_token", row)
    answer = site.activate(key)
    assert (answer.status_code, answer.json["code"]) == (409, "activation_limit")
    assert site.call("GET", "/license").json["state"] == "unlicensed"
    assert site.register().status_code == 402


@pytest.mark.parametrize("keep", ["identity", "nothing"])
def test_deleting_license_and_log_together_leaves_no_license(site: Site, keep: str) -> None:
    site.edit("DROP TRIGGER audit_event_no_delete")
    gone = [*LICENSE_TABLES, "license_clock", "audit_event", "audit_head"]
    if keep == "nothing":
        gone.append("license_instance")
    site.edit(*(f"DELETE FROM {table}" for table in gone))
    site.restart()
    assert site.gets() == UNLICENSED
    answer = site.activate(site.sold["license_key"])
    if keep == "nothing":
        assert (answer.status_code, answer.json["code"]) == (409, "activation_limit")
    else:
        assert answer.status_code == 200, "the same server again, which is no gain"


def test_a_secret_key_that_was_changed_opens_nothing_that_was_sealed(site: Site) -> None:
    settings = site.settings
    site.settings = Settings(
        settings.database_url,
        settings.data_dir,
        "another secret key, long enough to be accepted",
        license_public_key_path=settings.license_public_key_path,
    )
    try:
        site.restart()
        assert site.gets().state == "tampered"
        assert site.refresh().status_code == 409
    finally:
        site.settings = settings


def test_a_hoarded_reply_does_not_undo_a_revocation(airgapped: Site) -> None:
    site = airgapped
    hoarded = site.vendor.answer(site.request_document())
    [request] = site.rows("SELECT * FROM license_request")
    site.edit("DELETE FROM license_request")
    site.vendor.change(site.sold, "revoke")
    assert site.activate(site.vendor.answer(site.request_document())).status_code == 200
    assert site.gets() == REVOKED
    site.edit("DELETE FROM license_request")
    site.insert("license_request", request)
    answer = site.activate(hoarded)
    assert (answer.status_code, answer.json["code"]) == (409, "stale")
    assert site.gets() == REVOKED


def test_a_presigned_license_on_an_empty_database_ends_when_it_was_to_end(
    airgapped: Site, migrated_sqlite: Path
) -> None:
    site = airgapped
    presigned = site.vendor.presigned(site.vendor.issue(**AIRGAP))
    token = site.rows("SELECT * FROM api_token")
    site.clock.advance(89 * DAY)
    for _ in range(2):
        site.close()
        copy_database(migrated_sqlite, site.path)
        site.restart()
        for row in token:
            site.insert("api_token", row)
        assert site.activate(presigned).status_code == 200
    assert site.call("GET", "/license").json["offline_days_left"] == 1
    site.clock.advance(DAY)
    assert site.call("GET", "/license").json["state"] == "offline_exceeded"
