"""Terms in words."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from license_server.licenses.words import days_left, differences, promises, shown
from license_server.rules import Terms, add_years

TERMS = Terms(
    tier="enterprise",
    expires_at=date(2027, 11, 23),
    max_devices=1000,
    max_packages=None,
    grace_period_days=14,
    read_only_period_days=30,
    max_offline_days=1,
    max_activations=1,
    airgap=False,
    airgap_addendum_signed_at=None,
    contract_reference="",
)


def said(**changes: Any) -> str:
    return " ".join(promises("Example Ltd", "it@example.com", replace(TERMS, **changes)))


def test_every_promise_is_a_sentence() -> None:
    assert promises("Example Ltd", "it@example.com", TERMS) == (
        "Example Ltd (it@example.com) may use Sentari, tier enterprise, until 2027-11-23, "
        "00:00 UTC.",
        "On 1 server with up to 1,000 devices and any number of tracked packages.",
        "Without a renewal: 14 days in which everything works, then 30 days read-only; locked "
        "from 2028-01-06 on.",
        "A server must check in at least once a day, or it locks itself.",
    )


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"max_devices": 1}, "up to 1 device and"),
        ({"max_activations": 2}, "On 2 servers with"),
        ({"grace_period_days": 0}, "Without a renewal: 30 days read-only; locked from 2027-12-23"),
        (
            {"grace_period_days": 0, "read_only_period_days": 0},
            "Without a renewal: locked from 2027-11-23 on.",
        ),
        ({"grace_period_days": 1, "read_only_period_days": 0}, "1 day in which everything works;"),
        (
            {
                "max_offline_days": 90,
                "airgap": True,
                "airgap_addendum_signed_at": date(2026, 11, 1),
            },
            "once in 90 days, or it locks itself. Requests and replies may be carried by hand, "
            "by the addendum of 2026-11-01.",
        ),
        ({"airgap": True}, "may be carried by hand."),
    ],
)
def test_what_is_promised_follows_from_the_terms(changes: dict[str, Any], part: str) -> None:
    assert part in said(**changes)


def test_the_latest_terms_that_the_rules_take_can_be_put_in_words() -> None:
    latest = {
        "expires_at": date(2199, 12, 31),
        "grace_period_days": 365,
        "read_only_period_days": 3650,
    }
    assert "locked from 2210-12-29 on" in said(**latest)


def test_only_what_differs_is_named_with_both_values() -> None:
    who = {"customer_name": "Example Ltd", "customer_email": "it@example.com"}
    before = {**who, **vars(TERMS)}
    after = {**before, "max_devices": None, "airgap": True, "customer_email": "x@example.com"}
    assert [(each.label, each.before, each.after) for each in differences(before, after)] == [
        ("E-mail", "it@example.com", "x@example.com"),
        ("Devices", "1,000", "unlimited"),
        ("Air-gap tier", "no", "yes"),
    ]
    assert differences(before, before) == ()


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("max_devices", None, "unlimited"),
        ("max_devices", 0, "0"),
        ("airgap_addendum_signed_at", None, "none"),
        ("contract_reference", "", "none"),
        ("grace_period_days", 1, "1 day"),
        ("max_offline_days", 1000, "1,000"),
        ("expires_at", date(2027, 1, 2), "2027-01-02"),
        ("airgap", False, "no"),
    ],
)
def test_a_value_reads_as_people_write_it(name: str, value: Any, text: str) -> None:
    assert shown(name, value) == text


@pytest.mark.parametrize(
    ("day", "text"),
    [
        (date(2026, 11, 22), "1 day ago"),
        (date(2026, 11, 23), "today"),
        (date(2026, 11, 24), "in 1 day"),
    ],
)
def test_an_end_is_so_many_days_away(day: date, text: str) -> None:
    assert days_left(day, date(2026, 11, 23)) == text


@pytest.mark.parametrize(
    ("day", "years", "later"),
    [
        (date(2026, 11, 23), 1, date(2027, 11, 23)),
        (date(2028, 2, 29), 1, date(2029, 3, 1)),
        (date(2028, 2, 29), 4, date(2032, 2, 29)),
    ],
)
def test_a_year_later_is_the_same_day(day: date, years: int, later: date) -> None:
    assert add_years(day, years) == later
