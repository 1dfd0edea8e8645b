"""Where the points, levels and days of a small chart stand."""

from datetime import UTC, datetime, timedelta

import pytest

from serverkit.line_chart import MOST_POINTS, Chart, draw, short

WIDE, NARROW = 640, 320
START = datetime(2026, 11, 1, tzinfo=UTC)
END = START + timedelta(days=30)


def chart(*values: int, width: int = WIDE, limit: int | None = None) -> Chart:
    step = (END - START) / max(len(values) - 1, 1)
    points = [(START + step * number, value) for number, value in enumerate(values)]
    return draw(points, start=START, end=END, width=width, limit=limit)


@pytest.mark.parametrize(
    ("most", "levels"),
    [
        (0, ["0", "1"]),
        (1, ["0", "1"]),
        (4, ["0", "1", "2", "3", "4"]),
        (5, ["0", "2", "4", "6"]),
        (100, ["0", "50", "100"]),
        (365, ["0", "100", "200", "300", "400"]),
        (2_109, ["0", "1k", "2k", "3k"]),
        (10_000_000, ["0", "5M", "10M"]),
        (2**53, ["0", "5000000G", "10000000G"]),
    ],
)
def test_the_levels_are_round_and_reach_the_greatest_value(most: int, levels: list[str]) -> None:
    assert [level.text for level in chart(0, most).levels] == levels


@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_everything_stands_inside_the_picture(width: int) -> None:
    drawn = chart(3, 0, 17, 9, width=width, limit=20)
    points = [tuple(map(float, point.split(","))) for point in drawn.line.split()]
    assert all(drawn.left <= x <= drawn.right for x, _ in points)
    assert all(drawn.top <= y <= drawn.base for _, y in points)
    assert points[0][0] == drawn.left
    assert points[-1][0] == drawn.right
    assert points[1][1] == drawn.base == drawn.levels[0].at
    assert min(y for _, y in points) == points[2][1]


@pytest.mark.parametrize(("limit", "drawn"), [(None, False), (40, True), (41, False), (5, True)])
def test_a_limit_is_drawn_while_it_does_not_press_the_line_to_the_ground(
    limit: int | None, drawn: bool
) -> None:
    assert (chart(10, 10, limit=limit).limit is not None) is drawn


def test_one_point_is_a_dot() -> None:
    drawn = draw([(END, 5)], start=START, end=END, width=WIDE)
    assert drawn.dots == ((drawn.right, drawn.top + (drawn.base - drawn.top) / 6),)


def test_many_points_are_thinned_to_the_last_of_each_stretch() -> None:
    drawn = chart(*range(5000))
    assert len(drawn.line.split()) <= MOST_POINTS + 1
    assert float(drawn.line.split()[-1].partition(",")[0]) == drawn.right
    assert len(drawn.dots) == 1


def test_days_are_named_and_hours_where_two_days_are_shown() -> None:
    assert [day.text for day in chart(1, 2, width=NARROW).days] == ["1 Nov", "16 Nov", "1 Dec"]
    short_time = draw([(START, 1)], start=START, end=START + timedelta(days=1), width=NARROW)
    assert [day.text for day in short_time.days] == ["00:00", "12:00", "00:00"]


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (999, "999"), (1000, "1k"), (1549, "1.5k"), (2_000_000, "2M")]
)
def test_numbers_are_short(value: int, text: str) -> None:
    assert short(value) == text
