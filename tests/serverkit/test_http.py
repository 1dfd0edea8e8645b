"""Bodies have limits that count inflated bytes; answers carry ids and headers."""

import gzip
import zlib

import pytest
from flask import Flask, request
from flask.testing import FlaskClient
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge

from serverkit.http import counted, inflate, read_body, register_http
from serverkit.problems import Problem, register_problems

LIMIT = 100_000


@pytest.fixture
def client() -> FlaskClient:
    app = Flask(__name__)
    register_http(app, trusted_proxies=1)
    register_problems(app, lambda problem: f"<h1>{problem.title}</h1>")

    @app.post("/api/echo")
    def echo() -> str:
        return str(len(read_body(LIMIT)))

    @app.get("/api/where")
    def where() -> str:
        return f"{request.remote_addr} {request.scheme}"

    @app.get("/teapot")
    @app.get("/api/teapot")
    def teapot() -> str:
        raise Problem(418, "teapot", "A teapot", "Ask for coffee elsewhere.", cups=2)

    @app.get("/api/bug")
    def bug() -> str:
        raise ZeroDivisionError("a secret of the inside")

    return app.test_client()


@pytest.mark.parametrize(("size", "status"), [(LIMIT, 200), (LIMIT + 1, 413)])
@pytest.mark.parametrize("packed", [False, True])
def test_a_body_is_taken_up_to_its_limit(
    client: FlaskClient, size: int, status: int, packed: bool
) -> None:
    body, headers = b"x" * size, {}
    if packed:
        body, headers = gzip.compress(body), {"Content-Encoding": "gzip"}
    answer = client.post("/api/echo", data=body, headers=headers)
    assert answer.status_code == status
    if status == 200:
        assert answer.text == str(size)


def test_a_bomb_is_stopped_while_it_inflates() -> None:
    with pytest.raises(RequestEntityTooLarge):
        inflate(gzip.compress(b"\0" * 50_000_000), LIMIT)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        gzip.compress(b"x" * 500, mtime=0)[:-1],
        gzip.compress(b"x", mtime=0) + b"y",
        zlib.compress(b"x"),
    ],
)
def test_a_damaged_gzip_body_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        inflate(body, LIMIT)


def test_another_encoding_is_refused_with_what_is_accepted(client: FlaskClient) -> None:
    answer = client.post("/api/echo", data=b"x", headers={"Content-Encoding": "br"})
    assert answer.status_code == 400
    assert "gzip" in answer.get_json()["detail"]


def test_one_proxy_is_believed_and_no_more(client: FlaskClient) -> None:
    headers = {"X-Forwarded-For": "6.6.6.6, 203.0.113.9", "X-Forwarded-Proto": "https"}
    assert client.get("/api/where", headers=headers).text == "203.0.113.9 https"


def test_a_problem_is_a_document_under_api_and_a_page_elsewhere(client: FlaskClient) -> None:
    document = client.get("/api/teapot")
    assert document.content_type == "application/problem+json"
    body = document.get_json()
    assert (body["status"], body["code"], body["cups"]) == (418, "teapot", 2)
    assert client.get("/teapot").text == "<h1>A teapot</h1>"


def test_a_bug_tells_its_id_and_nothing_of_the_inside(client: FlaskClient) -> None:
    answer = client.get("/api/bug", headers={"X-Request-ID": "abc-1"})
    assert answer.status_code == 500
    assert "abc-1" in answer.get_json()["detail"]
    assert "secret" not in answer.text


def test_a_method_that_is_not_there_is_a_document_with_allow(client: FlaskClient) -> None:
    answer = client.post("/api/where")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize("offered", ["a\x00b", "x" * 65, "<script>", ""])
def test_a_strange_request_id_is_replaced(client: FlaskClient, offered: str) -> None:
    environ = {"HTTP_X_REQUEST_ID": offered}
    answer = client.get("/api/where", environ_base=environ)
    assert len(answer.headers["X-Request-ID"]) == 32


def test_tls_is_remembered_by_browsers_only_when_it_was_used(client: FlaskClient) -> None:
    assert "Strict-Transport-Security" not in client.get("/api/where").headers
    secure = client.get("/api/where", base_url="https://localhost")
    assert "max-age=31536000" in secure.headers["Strict-Transport-Security"]


@pytest.mark.parametrize(
    ("address", "who"),
    [
        ("", ""),
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:DB8::FFFF:0:0:1", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("nonsense", "nonsense"),
    ],
)
def test_whom_a_rate_limit_counts(address: str, who: str) -> None:
    assert counted(address) == who
