"""The operator edits the database of a running server: attack -> what the server gives then.

One edit of a license column, and what several workers tell of it, is in
tests/sentari/licensing/test_tampering.py; here is what the gate, the caps and agents get.
"""

from collections.abc import Callable

import pytest

from tests.attacks.site import (
    ACTIVE,
    TAMPERED,
    Gets,
    Site,
)

DISARM = ("DROP TRIGGER audit_event_no_update", "DROP TRIGGER audit_event_no_delete")


def sql(*statements: str) -> Callable[[Site], None]:
    return lambda site: site.edit(*statements)


# One edit each, with the triggers that refuse it dropped first where there are some.
EDITS: dict[str, tuple[tuple[str, ...], Gets]] = {
    "nothing at all": ((), ACTIVE),
    # The license's columns, as somebody would who wants more than he bought.
    "more devices": (("UPDATE installed_license SET max_devices = 99999",), TAMPERED),
    "endless devices": (("UPDATE installed_license SET max_devices = NULL",), TAMPERED),
    "more packages": (("UPDATE installed_license SET max_packages = 99999999",), TAMPERED),
    "a later end": (("UPDATE installed_license SET expires_at = '2099-01-01'",), TAMPERED),
    "the end as another type": (("UPDATE installed_license SET expires_at = 99999999",), TAMPERED),
    "a longer grace": (("UPDATE installed_license SET grace_period_days = 365",), TAMPERED),
    "longer reading": (("UPDATE installed_license SET read_only_period_days = 3650",), TAMPERED),
    "longer offline": (("UPDATE installed_license SET max_offline_days = 365",), TAMPERED),
    "a younger reply": (("UPDATE installed_license SET issued_at = issued_at + 86400",), TAMPERED),
    "another tier": (("UPDATE installed_license SET tier = 'platinum'",), TAMPERED),
    "another number": (("UPDATE installed_license SET license_id = 'lic-other'",), TAMPERED),
    "for any server": (("UPDATE installed_license SET audience = '*'",), TAMPERED),
    "without a confirmation": (("UPDATE installed_license SET confirmation = NULL",), TAMPERED),
    "a higher number of the reply": (("UPDATE installed_license SET seq = 9999",), TAMPERED),
    "without an anchor": (
        ("UPDATE installed_license SET audit_seq = NULL, audit_head = NULL",),
        TAMPERED,
    ),
    "a number as text": (("UPDATE installed_license SET max_devices = '3x'",), TAMPERED),
    "a number as a blob": (("UPDATE installed_license SET max_devices = x'33'",), TAMPERED),
    # The signed text itself.
    "no reply": (("UPDATE installed_license SET reply = ''",), TAMPERED),
    "the reply as a blob": (
        ("UPDATE installed_license SET reply = CAST(reply || 'A' AS BLOB)",),
        TAMPERED,
    ),
    "the reply without its certificate": (
        ("UPDATE installed_license SET reply = substr(reply, 1, instr(reply, '~') - 1)",),
        TAMPERED,
    ),
    "the reply's last character": (
        ("UPDATE installed_license SET reply = substr(reply, 1, length(reply) - 1) || 'x'",),
        TAMPERED,
    ),
    "a megabyte of reply": (
        ("UPDATE installed_license SET reply = reply || hex(zeroblob(500000))",),
        TAMPERED,
    ),
    # Rows.
    "no license row": (("DELETE FROM installed_license",), TAMPERED),
    "the license row under another number": (
        ("UPDATE installed_license SET id = 2",),
        TAMPERED,
    ),
    "neither license nor key nor request": (
        ("DELETE FROM installed_license", "DELETE FROM license_key", "DELETE FROM license_request"),
        TAMPERED,
    ),
    "no identity": (("DELETE FROM license_instance",), TAMPERED),
    "another identity": (
        ("UPDATE license_instance SET instance_id = '00000000-0000-4000-8000-000000000001'",),
        TAMPERED,
    ),
    "another instance key": (
        ("UPDATE license_instance SET public_key = 'AAECAwQFBgcICQoLDA0ODw'",),
        TAMPERED,
    ),
    "an edited floor of time": (
        ("UPDATE license_clock SET state = replace(state, '\"at\": 1', '\"at\": 0')",),
        TAMPERED,
    ),
    "a floor of time without its MAC": (("UPDATE license_clock SET mac = ''",), TAMPERED),
    # What decides nothing changes nothing, and gives nothing either.
    "no keys": (("DELETE FROM license_key",), ACTIVE),
    "no record of check-ins": (("DELETE FROM license_check_in",), ACTIVE),
    "check-ins that succeeded for ever": (
        ("UPDATE license_check_in SET succeeded_at = '2099-01-01', next_at = '2099-01-01'",),
        ACTIVE,
    ),
    "no floor of time": (("DELETE FROM license_clock",), ACTIVE),
    # The audit log.
    "an installation cut out of the log": (
        (*DISARM, "DELETE FROM audit_event WHERE action = 'LICENSE_INSTALLED'"),
        TAMPERED,
    ),
    "the installation told as another": (
        (
            *DISARM,
            "UPDATE audit_event SET detail = replace(detail, '\"seq\":1', '\"seq\":0') "
            "WHERE action = 'LICENSE_INSTALLED'",
        ),
        TAMPERED,
    ),
    "the installation under another action": (
        (*DISARM, "UPDATE audit_event SET action = 'X' WHERE action = 'LICENSE_INSTALLED'"),
        TAMPERED,
    ),
    "an installation whose detail is not JSON": (
        (*DISARM, "UPDATE audit_event SET detail = '{' WHERE action = 'LICENSE_INSTALLED'"),
        TAMPERED,
    ),
    "an actor in the log": (
        (*DISARM, "UPDATE audit_event SET actor = 'user:innocent@example.com' WHERE seq = 1"),
        TAMPERED,
    ),
    "a time in the log": (
        (*DISARM, "UPDATE audit_event SET occurred_at = '2020-01-01 00:00:00' WHERE seq = 1"),
        TAMPERED,
    ),
    "a hash in the log": (
        (*DISARM, "UPDATE audit_event SET hash = prev_hash WHERE seq = 1"),
        TAMPERED,
    ),
    "an entry cut out of the middle": (
        (*DISARM, "DELETE FROM audit_event WHERE seq = 2"),
        TAMPERED,
    ),
    "the end of the log cut off": (
        (*DISARM, "DELETE FROM audit_event WHERE seq = (SELECT max(seq) FROM audit_event)"),
        TAMPERED,
    ),
    "the log emptied": ((*DISARM, "DELETE FROM audit_event"), TAMPERED),
    "the log emptied, its head too": (
        (*DISARM, "DELETE FROM audit_event", "DELETE FROM audit_head"),
        TAMPERED,
    ),
    "the head of the log": (("UPDATE audit_head SET seq = seq - 1",), TAMPERED),
    "the hash at the head of the log": (
        ("UPDATE audit_head SET hash = '" + "0" * 64 + "'",),
        TAMPERED,
    ),
    # Made anew out of the log's end, as at the first entry ever; it was told all the same.
    "no head of the log": (("DELETE FROM audit_head",), ACTIVE),
    "only the triggers gone": (DISARM, ACTIVE),
}


@pytest.mark.parametrize("attack", EDITS)
def test_an_edit_gives_within_a_minute(site: Site, attack: str) -> None:
    statements, gets = EDITS[attack]
    assert site.gets() == ACTIVE
    site.edit(*statements)
    site.minute()
    assert site.gets() == gets


@pytest.mark.parametrize("attack", EDITS)
def test_the_same_edit_of_a_stopped_server_gives_no_more(site: Site, attack: str) -> None:
    statements, gets = EDITS[attack]
    site.edit(*statements)
    site.restart()
    site.minute()
    assert site.gets() == gets
