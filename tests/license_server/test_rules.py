"""Terms that may be written, who must approve them, and what may be done when."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from license_server.errors import ConflictError, ForbiddenError, InvalidError
from license_server.rules import (
    Action,
    Status,
    Terms,
    approval_reasons,
    check_reason,
    check_second_person,
    check_terms,
    next_status,
    term_days,
)

TODAY = date(2026, 11, 23)
PLAIN = Terms(
    tier="enterprise",
    expires_at=date(2027, 11, 23),
    max_devices=100,
    max_packages=100_000,
    grace_period_days=14,
    read_only_period_days=30,
    max_offline_days=1,
    max_activations=1,
    airgap=False,
    airgap_addendum_signed_at=None,
    contract_reference="C-2026-17",
)
SIGNED = {"airgap": True, "airgap_addendum_signed_at": date(2026, 11, 1)}


def violated(**changes: object) -> list[str]:
    try:
        check_terms(replace(PLAIN, **changes), today=TODAY)
    except InvalidError as error:
        return [violation.field for violation in error.violations]
    return []


def test_plain_terms_are_accepted() -> None:
    assert violated() == []


@pytest.mark.parametrize(
    ("name", "lowest", "highest"),
    [
        ("max_devices", 0, 2**53),
        ("max_packages", 0, 2**53),
        ("grace_period_days", 0, 365),
        ("read_only_period_days", 0, 3650),
        ("max_activations", 1, 1000),
    ],
)
def test_a_number_is_accepted_at_its_limits_and_refused_past_them(
    name: str, lowest: int, highest: int
) -> None:
    assert violated(**{name: lowest}) == []
    assert violated(**{name: highest}) == []
    assert violated(**{name: lowest - 1}) == [name]
    assert violated(**{name: highest + 1}) == [name]


def test_offline_days_go_from_one_to_a_year() -> None:
    assert violated(max_offline_days=1) == []
    assert violated(max_offline_days=365, **SIGNED) == []
    assert violated(max_offline_days=0) == ["max_offline_days"]
    assert violated(max_offline_days=366, **SIGNED) == ["max_offline_days"]


def test_a_cap_of_null_is_unlimited_and_breaks_no_range() -> None:
    assert violated(max_devices=None, max_packages=None) == []


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"max_offline_days": 1}, []),
        ({"max_offline_days": 2}, ["airgap", "airgap_addendum_signed_at"]),
        ({"max_offline_days": 2, "airgap": True}, ["airgap_addendum_signed_at"]),
        ({"max_offline_days": 2, **SIGNED, "airgap": False}, ["airgap"]),
        ({"max_offline_days": 2, **SIGNED}, []),
        ({"max_offline_days": 1, **SIGNED}, []),
    ],
)
def test_more_than_one_offline_day_needs_the_airgap_tier_and_its_addendum(
    changes: dict[str, object], fields: list[str]
) -> None:
    assert violated(**changes) == fields


def test_an_addendum_cannot_have_been_signed_tomorrow() -> None:
    assert violated(airgap_addendum_signed_at=TODAY) == []
    tomorrow = TODAY + timedelta(days=1)
    assert violated(airgap_addendum_signed_at=tomorrow) == ["airgap_addendum_signed_at"]


@pytest.mark.parametrize(
    ("tier", "fields"),
    [
        ("x", []),
        ("x" * 64, []),
        ("x" * 65, ["tier"]),
        ("", ["tier"]),
        ("  ", ["tier"]),
        ("a\nb", ["tier"]),
        ("a\x00b", ["tier"]),
        ("a\ud800b", ["tier"]),
    ],
)
def test_a_tier_is_a_short_text_on_one_line(tier: str, fields: list[str]) -> None:
    assert violated(tier=tier) == fields


def test_a_contract_reference_may_be_empty_but_not_endless() -> None:
    assert violated(contract_reference="") == []
    assert violated(contract_reference="x" * 200) == []
    assert violated(contract_reference="x" * 201) == ["contract_reference"]


def test_an_expiry_is_a_date_that_periods_can_be_added_to() -> None:
    assert violated(expires_at=date(2199, 12, 31)) == []
    assert violated(expires_at=date(2200, 1, 1)) == ["expires_at"]
    assert violated(expires_at=date(2000, 1, 1)) == []
    assert violated(expires_at=date(1999, 12, 31)) == ["expires_at"]


def test_all_violations_are_named_at_once() -> None:
    assert violated(tier="", max_devices=-1, expires_at=date.min) == [
        "max_devices",
        "tier",
        "expires_at",
    ]


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        ({}, ()),
        ({"max_offline_days": 90}, ()),
        ({"max_offline_days": 91}, ("more than 90 offline days",)),
        ({"max_devices": None}, ("unlimited devices",)),
        ({"max_devices": 2**53}, ()),
        ({"max_packages": None}, ("unlimited packages",)),
        ({"expires_at": TODAY + timedelta(days=400)}, ()),
        ({"expires_at": TODAY + timedelta(days=401)}, ("a term of more than 400 days",)),
        ({"expires_at": TODAY - timedelta(days=1)}, ()),
        (
            {"max_devices": None, "max_packages": None},
            ("unlimited devices", "unlimited packages"),
        ),
    ],
)
def test_what_is_far_reaching_needs_a_second_person(
    changes: dict[str, object], reasons: tuple[str, ...]
) -> None:
    assert approval_reasons(replace(PLAIN, **changes), today=TODAY) == reasons


def test_a_term_is_counted_from_the_day_on_which_it_is_written() -> None:
    assert term_days(PLAIN, today=TODAY) == 365
    assert term_days(PLAIN, today=date(2027, 11, 24)) == -1


_A, _S, _R = Status.ACTIVE, Status.SUSPENDED, Status.REVOKED


@pytest.mark.parametrize(
    ("action", "active", "suspended", "revoked"),
    [
        (Action.CHANGE_TERMS, _A, _S, None),
        (Action.APPROVE, _A, _S, None),
        (Action.SUSPEND, _S, None, None),
        (Action.REINSTATE, None, _A, None),
        (Action.REVOKE, _R, _R, None),
        (Action.REKEY, _A, _S, None),
        (Action.PRESIGN, _A, None, None),
    ],
)
def test_each_action_is_possible_in_some_states_and_refused_in_the_others(
    action: Action, active: Status | None, suspended: Status | None, revoked: Status | None
) -> None:
    for before, after in ((_A, active), (_S, suspended), (_R, revoked)):
        if after is not None:
            assert next_status(action, before) is after
            continue
        with pytest.raises(ConflictError) as refusal:
            next_status(action, before)
        assert refusal.value.code == f"is_{before}"


def test_every_action_has_its_row() -> None:
    for action in Action:
        assert any(_possible(action, status) for status in Status)


def _possible(action: Action, status: Status) -> bool:
    try:
        next_status(action, status)
    except ConflictError:
        return False
    return True


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501, "two\nlines"])
def test_a_reason_that_says_nothing_is_refused(reason: str) -> None:
    with pytest.raises(InvalidError) as refusal:
        check_reason(reason)
    assert refusal.value.violations[0].field == "reason"


def test_a_reason_is_kept_without_its_outer_blanks() -> None:
    assert check_reason(" unpaid since May ") == "unpaid since May"
    assert check_reason("x" * 500) == "x" * 500


def test_whoever_wrote_terms_cannot_approve_them() -> None:
    check_second_person(created_by="staff:ann@vendor.example", approver="staff:bob@vendor.example")
    with pytest.raises(ForbiddenError) as refusal:
        check_second_person(
            created_by="staff:ann@vendor.example", approver="staff:ANN@vendor.example"
        )
    assert refusal.value.code == "second_person_required"
