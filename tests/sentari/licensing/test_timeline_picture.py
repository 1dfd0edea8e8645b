"""The picture of a license's time: to scale, and legible whatever the dates are."""

from datetime import UTC, date, datetime, timedelta
from itertools import combinations, permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from license_token.reply import ReplyClaims
from sentari.licensing.state import Facts, LicenseStatus, evaluate
from sentari.licensing.timeline import Mark
from sentari.licensing.timeline_picture import NARROW, WIDE, Label, Picture, Stage, draw
from tests.sentari.licensing.samples import DAY, EXPIRY, ISSUED, SECOND, make_claims


def drawn(now: datetime, width: int = WIDE, **terms: Any) -> Picture:
    picture = draw(evaluate(make_claims(**terms), Facts(), now), width)
    assert picture is not None
    return picture


def x_of(picture: Picture, mark: Mark) -> float:
    return next(label.x for label in (picture.today, *picture.labels) if label.mark is mark)


def stages(picture: Picture) -> list[Stage]:
    return [part.stage for part in picture.parts]


def overlapping(one: Label, other: Label) -> bool:
    (left, right), (other_left, other_right) = one.span, other.span
    return one.row == other.row and left < other_right and other_left < right


def crossings(picture: Picture) -> int:
    """Count the lines that pass behind the words of a higher label."""
    return sum(
        upper.row < lower.row and upper.span[0] + 2 < lower.x < upper.span[1] - 2
        for upper, lower in permutations(picture.labels, 2)
    )


def assert_legible(picture: Picture) -> None:
    assert crossings(picture) <= 1
    for label in picture.labels:
        assert 0 <= label.span[0] < label.span[1] <= picture.width
        assert picture.top(label) < picture.height
    for one, other in combinations(picture.labels, 2):
        assert not overlapping(one, other), (one, other)
    assert {label.row for label in picture.labels} == set(range(rows(picture)))
    assert picture.today.width <= picture.width
    assert picture.today_at_end or picture.today.span[1] <= picture.width
    assert picture.parts[0].x == 0
    assert sum(part.width for part in picture.parts) == pytest.approx(picture.width, abs=0.1)


def rows(picture: Picture) -> int:
    return 1 + max(label.row for label in picture.labels)


def test_distances_are_to_scale() -> None:
    picture = drawn(EXPIRY - 30 * DAY)
    day = (x_of(picture, Mark.EXPIRY) - x_of(picture, Mark.TODAY)) / 30
    assert day > 0
    for mark, days in ((Mark.READ_ONLY, 14), (Mark.LOCKOUT, 44)):
        assert x_of(picture, mark) - x_of(picture, Mark.EXPIRY) == pytest.approx(
            days * day, abs=0.1
        )


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("days_left", [365, 60, 7, 0, -10, -20, -44, -400])
def test_the_usual_license_is_drawn_without_a_line_behind_words(width: int, days_left: int) -> None:
    picture = drawn(EXPIRY - days_left * DAY, width, max_offline_days=30)
    assert crossings(picture) == 0
    assert_legible(picture)


def test_the_track_shows_what_the_server_does_when() -> None:
    assert stages(drawn(ISSUED)) == [Stage.FULL, Stage.GRACE, Stage.READ_ONLY, Stage.LOCKED]
    assert stages(drawn(ISSUED, grace_period_days=0)) == [
        Stage.FULL,
        Stage.READ_ONLY,
        Stage.LOCKED,
    ]
    assert stages(drawn(ISSUED, grace_period_days=0, read_only_period_days=0)) == [
        Stage.FULL,
        Stage.LOCKED,
    ]


def test_an_offline_deadline_locks_the_track_only_when_it_has_passed() -> None:
    deadline = ISSUED + 10 * DAY
    assert Stage.LOCKED not in stages(drawn(deadline - SECOND, max_offline_days=10))[:-1]
    passed = drawn(deadline, max_offline_days=10)
    assert stages(passed) == [Stage.FULL, Stage.LOCKED]
    assert passed.parts[1].x == x_of(passed, Mark.OFFLINE)


def test_a_suspended_license_is_read_only_from_the_start() -> None:
    assert stages(drawn(ISSUED, status="suspended"))[-2:] == [Stage.READ_ONLY, Stage.LOCKED]
    assert Stage.GRACE not in stages(drawn(ISSUED, status="suspended"))


def test_it_is_told_in_words_in_the_order_of_time() -> None:
    assert drawn(ISSUED).description == (
        "In the order of time: Today: 1 January 2027; License expires: 14 March 2027; "
        "Writes stop: 28 March 2027; Lockout: 27 April 2027; Offline deadline: 1 January 2028."
    )


def near(moment: datetime) -> ReplyClaims:
    """Claims in which everything ends within hours of midnight, 14 March 2027."""
    return make_claims(
        issued_at=moment, max_offline_days=1, grace_period_days=0, read_only_period_days=0
    )


def status_near(issued_at: datetime, now: datetime) -> LicenseStatus:
    return evaluate(near(issued_at), Facts(), now)


def test_where_everything_is_within_hours_the_hours_are_told() -> None:
    status = status_near(EXPIRY - 20 * timedelta(hours=1), EXPIRY - 5 * timedelta(hours=1))
    picture = draw(status, NARROW)
    assert picture is not None
    assert_legible(picture)
    assert picture.today.lines == ("Today, 13 Mar 2027, 19:00 UTC",)
    offline = next(label for label in picture.labels if label.mark is Mark.OFFLINE)
    assert offline.lines == ("Offline deadline", "14 Mar 2027", "04:00 UTC")
    assert "License expires: 14 March 2027, 00:00 UTC" in picture.description


def test_what_falls_together_hangs_below_each_other() -> None:
    picture = draw(status_near(EXPIRY - DAY, EXPIRY), NARROW)
    assert picture is not None
    assert len({label.x for label in picture.labels}) == 1
    assert rows(picture) == 2
    assert crossings(picture) == 0
    assert_legible(picture)


@pytest.mark.parametrize("state", ["unlicensed", "tampered", "revoked"])
def test_there_is_no_picture_where_the_dates_decide_nothing(state: str) -> None:
    claims = {"unlicensed": None, "revoked": make_claims(status="revoked")}.get(
        state, make_claims()
    )
    facts = Facts(tampering="Edited." if state == "tampered" else None)
    assert draw(evaluate(claims, facts, ISSUED), WIDE) is None


days = st.integers(0, 3650)


@given(
    now=st.datetimes(datetime(2020, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis adds the zone
    issued_at=st.datetimes(datetime(2020, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - as above
    expires=st.dates(date(2020, 1, 1), date(8999, 12, 31)),
    grace=st.integers(0, 365),
    read_only=days,
    offline=st.integers(1, 365),
    width=st.sampled_from([WIDE, NARROW]),
)
def test_every_license_at_every_time_is_legible(
    now: datetime,
    issued_at: datetime,
    expires: date,
    grace: int,
    read_only: int,
    offline: int,
    width: int,
) -> None:
    claims = make_claims(
        issued_at=issued_at,
        expires_at=expires,
        grace_period_days=grace,
        read_only_period_days=read_only,
        max_offline_days=offline,
    )
    picture = draw(evaluate(claims, Facts(), now), width)
    assert picture is not None
    assert_legible(picture)


@given(
    offsets=st.tuples(st.integers(-200, 200), st.integers(0, 200), st.integers(0, 200)),
    issued=st.integers(-200, 200),
    offline=st.integers(1, 200),
)
def test_every_arrangement_of_close_dates_is_legible_on_a_phone(
    offsets: tuple[int, int, int], issued: int, offline: int
) -> None:
    today, grace, read_only = offsets
    claims = make_claims(
        issued_at=EXPIRY + issued * DAY,
        grace_period_days=grace,
        read_only_period_days=read_only,
        max_offline_days=offline,
    )
    picture = draw(evaluate(claims, Facts(), EXPIRY + today * DAY), NARROW)
    assert picture is not None
    assert_legible(picture)
