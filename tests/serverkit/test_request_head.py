"""Where a request's head ends, and what it says of its body."""

import pytest

from serverkit.request_head import read_request_head

LINE = b"POST /x HTTP/1.1\r\nHost: a\r\n"


@pytest.mark.parametrize("received", [b"", b"GET / HTTP/1.1\r\n", LINE, LINE + b"X: y\r\n\r"])
def test_a_head_without_its_end_is_not_read(received: bytes) -> None:
    assert read_request_head(received) is None


@pytest.mark.parametrize(
    ("fields", "length"),
    [
        (b"", 0),
        (b"Content-Length: 5\r\n", 5),
        (b"content-length:\t0\r\n", 0),
        (b"X-Content-Length: 5\r\n", 0),
        (b"Content-Length: 999999999999\r\n", 999_999_999_999),
    ],
)
def test_a_body_ends_where_the_head_says(fields: bytes, length: int) -> None:
    head = LINE + fields + b"\r\n"
    # What follows is the body, whatever it looks like.
    found = read_request_head(head + b"\nContent-Length: 7\r\n\r\n")
    assert found is not None
    assert (found.end, found.body_end) == (len(head), len(head) + length)


@pytest.mark.parametrize(
    "fields",
    [
        b"Transfer-Encoding: chunked\r\n",
        b"Content-Length: 5\r\nContent-Length: 5\r\n",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: +5\r\n",
        b"Content-Length: 5, 5\r\n",
        b"Content-Length:\r\n",
        b"Content-Length: 1000000000000\r\n",
    ],
)
def test_a_body_of_unknown_length_is_left_to_the_parser(fields: bytes) -> None:
    found = read_request_head(LINE + fields + b"\r\n")
    assert found is not None
    assert found.body_end is None


def test_a_client_that_waits_for_a_word_is_told_apart() -> None:
    for fields, waits in ((b"Expect: 100-continue\r\n", True), (b"Expected: no\r\n", False)):
        found = read_request_head(LINE + fields + b"\r\n")
        assert found is not None
        assert found.expects_word is waits


@pytest.mark.parametrize(
    ("head", "asks"),
    [
        (b"GET /healthz HTTP/1.1\r\n\r\n", True),
        (b"HEAD /health?x=1 HTTP/1.1\r\n\r\n", True),
        (b"GET /api/live HTTP/1.1\nHost: a\n\n", True),
        (b"GET /healthz/x HTTP/1.1\r\n\r\n", False),
        (b"GET /healthzz HTTP/1.1\r\n\r\n", False),
        (b"GET /readyz HTTP/1.1\r\n\r\n", False),
        (b"POST /healthz HTTP/1.1\r\n\r\n", False),
        (b"GET /healthz HTTP/1.1\r\nContent-Length: 9\r\n\r\n", False),
        (b"GET /healthz HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", False),
        (b"X /\r\nGET /healthz HTTP/1.1\r\n\r\n", False),
    ],
)
def test_whoever_asks_for_life_is_told_apart(head: bytes, asks: bool) -> None:
    found = read_request_head(head)
    assert found is not None
    assert found.asks_for_life is asks
