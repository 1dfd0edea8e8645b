from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentari.inventory.scan_time import as_datetime, order_of, read_scan_time, scan_time

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("sent", "canonical"),
    [
        ("2026-11-23T12:54:51.292124257Z", "2026-11-23T12:54:51.292124257Z"),
        ("2026-11-23T12:54:53.11603472Z", "2026-11-23T12:54:53.116034720Z"),
        ("2026-11-23T12:54:53Z", "2026-11-23T12:54:53.000000000Z"),
        ("2026-11-23t12:54:53.1z", "2026-11-23T12:54:53.100000000Z"),
        ("2026-11-23T01:30:00+02:00", "2026-11-22T23:30:00.000000000Z"),
        ("2026-11-23T01:30:00.000000001-00:30", "2026-11-23T02:00:00.000000001Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000000Z"),
        ("9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999999999Z"),
    ],
)
def test_a_time_keeps_its_nanoseconds_in_one_form(sent, canonical):
    assert read_scan_time(sent) == canonical


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "now",
        "2026-11-23",
        "2026-11-23T12:54:53",
        "2026-11-23T12:54:53.Z",
        "2026-11-23T12:54:53.1234567890Z",
        "2026-02-30T00:00:00Z",
        "2026-11-23T24:00:00Z",
        "2026-11-23T12:54:53+24:00",
        "2026-11-23T12:54:53+01:60",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "٢٠٢٦-11-23T12:54:53Z",
        " 2026-11-23T12:54:53Z",
        "2026-11-23T12:54:53Z\n",
    ],
)
def test_what_is_no_rfc_3339_time_is_refused(sent):
    with pytest.raises(ValueError, match=r".+"):
        read_scan_time(sent)


@given(st.datetimes(), st.datetimes())
def test_canonical_texts_sort_as_the_times_do(one, other):
    first, second = (scan_time(moment.replace(tzinfo=UTC)) for moment in (one, other))
    assert (first < second) == (one < other)
    assert as_datetime(first) == one.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("ahead", "ordered_by_arrival"),
    [
        (timedelta(days=-4000), False),
        (timedelta(0), False),
        (timedelta(minutes=5, seconds=-1), False),
        (timedelta(minutes=5), False),
        (timedelta(minutes=5, microseconds=1), True),
        (timedelta(days=4000), True),
    ],
)
def test_a_scan_more_than_five_minutes_ahead_is_ordered_by_its_arrival(ahead, ordered_by_arrival):
    own = scan_time(NOW + ahead)
    assert order_of(own, NOW) == (scan_time(NOW) if ordered_by_arrival else own)


def test_one_nanosecond_past_five_minutes_is_ahead():
    assert order_of("2026-11-23T12:05:00.000000001Z", NOW) == scan_time(NOW)
