"""What the bytes that came back from a check-in call mean."""

import gzip
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentari.licensing.answer import (
    LONGEST_DETAIL,
    MAX_BODY_BYTES,
    Answer,
    CheckInError,
    one_line,
    reply_in,
    retry_after_seconds,
)
from sentari.licensing.causes import Cause, explain
from tests.simulators.license_server import problem

JWT = {"content-type": "application/jwt"}


def refusal_of(answer: Answer) -> CheckInError:
    with pytest.raises(CheckInError) as caught:
        reply_in(answer)
    return caught.value


@pytest.mark.parametrize("cause", list(Cause))
def test_every_cause_is_explained_with_something_to_do(cause: Cause) -> None:
    explanation = explain(cause)
    assert explanation.title[0].isupper()
    assert not explanation.title.endswith(".")
    assert explanation.advice.endswith(".")


@pytest.mark.parametrize("content_type", ["application/jwt", "Application/JWT; charset=us-ascii"])
def test_an_answer_of_the_right_type_is_a_reply(content_type: str) -> None:
    assert reply_in(Answer(200, {"content-type": content_type}, b"a.b.c~d.e.f\n")) == "a.b.c~d.e.f"


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (Answer(200, {"content-type": "text/html"}, b"<html>"), "text/html, not application/jwt"),
        (Answer(200, {}, b"a.b.c"), "of no known type"),
        (Answer(200, {"content-type": "<script>/x"}, b"a.b.c"), "of no known type"),
        (Answer(200, JWT, b""), "empty or no text"),
        (Answer(200, JWT, b" \n"), "empty or no text"),
        (Answer(200, JWT, b"\xff\xfe"), "empty or no text"),
        (Answer(204, JWT, b""), "HTTP 204, not 200"),
        (Answer(200, JWT | {"content-encoding": "br"}, b"a.b.c"), "encoding that was not asked"),
        (Answer(200, JWT | {"content-encoding": "gzip"}, b"a.b.c"), "gzip data is damaged"),
        (
            Answer(200, JWT | {"content-encoding": "gzip"}, gzip.compress(b"a.b.c")[:-4]),
            "gzip data breaks off",
        ),
    ],
)
def test_another_answer_is_not_a_reply_and_says_why(answer: Answer, detail: str) -> None:
    refusal = refusal_of(answer)
    assert refusal.cause is Cause.NOT_A_REPLY
    assert detail in refusal.detail


@pytest.mark.parametrize("pack", [lambda body: body, gzip.compress], ids=["plain", "gzip"])
def test_an_answer_may_have_64_kib_after_decompression_and_no_more(pack) -> None:  # type: ignore[no-untyped-def]
    encoding = {} if pack(b"x") == b"x" else {"content-encoding": "gzip"}
    fitting = b"x" * MAX_BODY_BYTES
    assert reply_in(Answer(200, JWT | encoding, pack(fitting))) == fitting.decode()
    refusal = refusal_of(Answer(200, JWT | encoding, pack(fitting + b"x")))
    assert refusal.detail == "The answer is longer than 65536 bytes."


@pytest.mark.parametrize(
    ("status", "code", "cause"),
    [
        (400, "malformed", Cause.HTTP_STATUS),
        (401, "bad_signature", Cause.BAD_SIGNATURE),
        (404, "unknown_key", Cause.UNKNOWN_KEY),
        (409, "activation_limit", Cause.ACTIVATION_LIMIT),
        (409, "approval_pending", Cause.APPROVAL_PENDING),
        (429, "rate_limited", Cause.HTTP_STATUS),
        (503, "unavailable", Cause.HTTP_STATUS),
        (418, "something_newer", Cause.HTTP_STATUS),
    ],
)
def test_the_vendors_code_names_the_cause(status: int, code: str, cause: Cause) -> None:
    refusal = refusal_of(problem(status, code, "The vendor's words."))
    assert (refusal.cause, refusal.code) == (cause, code)
    assert refusal.detail == f"The license server answered HTTP {status}: The vendor's words."


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no json",
        b"[]",
        b"[" * 60_000,
        b'{"code": 7, "detail": []}',
        b'{"code": "<b>", "detail": null}',
        json.dumps({"code": "x" * 65}).encode(),
        b"\xff",
        b"x" * (MAX_BODY_BYTES + 1),
    ],
)
def test_a_problem_document_that_is_none_is_an_ordinary_error(body: bytes) -> None:
    refusal = refusal_of(Answer(502, {"content-type": "application/problem+json"}, body))
    assert (refusal.cause, refusal.code) == (Cause.HTTP_STATUS, None)
    assert refusal.detail == "The license server answered HTTP 502."


def test_only_a_problem_document_is_believed_to_name_a_code() -> None:
    body = json.dumps({"code": "unknown_key"}).encode()
    refusal = refusal_of(Answer(404, {"content-type": "application/json"}, body))
    assert (refusal.cause, refusal.code) == (Cause.HTTP_STATUS, None)


@pytest.mark.parametrize(
    ("location", "named"),
    [
        ("https://login.hotel.example/start?id=1", " to login.hotel.example;"),
        ("/elsewhere", "(HTTP 302);"),
        ("http://[broken", "(HTTP 302);"),
        ("https://<script>/", "(HTTP 302);"),
    ],
)
def test_a_redirect_is_an_error_that_names_where_it_points(location: str, named: str) -> None:
    refusal = refusal_of(Answer(302, {"location": location}, b""))
    assert refusal.cause is Cause.HTTP_STATUS
    assert named in refusal.detail


def test_a_proxys_demand_for_a_password_has_its_own_cause() -> None:
    assert refusal_of(Answer(407, {}, b"")).cause is Cause.PROXY_AUTH


DATE = "Mon, 23 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("retry_after", "date", "seconds"),
    [
        (None, DATE, None),
        ("", DATE, None),
        ("soon", DATE, None),
        ("-5", DATE, None),
        ("1.5", DATE, None),
        ("0", DATE, 1),
        ("1", DATE, 1),
        ("120", None, 120),
        ("86400", DATE, 86_400),
        ("86401", DATE, 86_400),
        ("9" * 5_000, DATE, 86_400),
        ("Mon, 23 Nov 2026 12:02:00 GMT", DATE, 120),
        ("Mon, 23 Nov 2026 11:00:00 GMT", DATE, 1),
        ("Mon, 23 Nov 2099 11:00:00 GMT", DATE, 86_400),
        ("Mon, 23 Nov 2026 12:02:00 GMT", None, None),
        ("Mon, 23 Nov 2026 12:02:00 GMT", "yesterday", None),
        ("Fri, 31 Dec 9999 23:59:59 -2300", DATE, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_date_and_bounded(
    retry_after: str | None, date: str | None, seconds: int | None
) -> None:
    named = {"retry-after": retry_after, "date": date}
    headers = {name: value for name, value in named.items() if value is not None}
    assert retry_after_seconds(Answer(429, headers, b"")) == seconds


def test_a_refusal_carries_the_wait_that_was_asked_for() -> None:
    answer = problem(429, "rate_limited", "Slow down.", retry_after="30")
    assert refusal_of(answer).retry_after_seconds == 30


def test_the_senders_clock_is_read_as_utc() -> None:
    sent_at = Answer(200, {"date": DATE}, b"").sent_at
    assert sent_at == datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert Answer(200, {}, b"").sent_at is None


def test_a_strangers_text_becomes_one_short_line_without_tricks() -> None:
    assert one_line("two\nlines\u202e\x00 \t and") == "two lines and"
    assert one_line("x" * LONGEST_DETAIL) == "x" * LONGEST_DETAIL
    assert one_line("x" * (LONGEST_DETAIL + 1)) == "x" * (LONGEST_DETAIL - 1) + "…"


HEADERS = st.sampled_from(
    ["content-type", "content-encoding", "retry-after", "date", "location", "x-other"]
)
TYPES = st.sampled_from(["application/jwt", "application/problem+json", "gzip", DATE])


@given(
    st.integers(100, 599),
    st.dictionaries(HEADERS, st.text(max_size=40) | TYPES),
    st.binary(max_size=200),
)
def test_any_answer_is_a_reply_or_a_named_refusal(
    status: int, headers: dict[str, str], body: bytes
) -> None:
    try:
        assert reply_in(Answer(status, headers, body))
    except CheckInError as refusal:
        assert "\n" not in refusal.detail  # noqa: PT017 - a reply is just as good
