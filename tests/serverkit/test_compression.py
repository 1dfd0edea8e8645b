"""Static files travel compressed; pages with form tokens do not."""

import gzip
from typing import Any

import pytest
from flask import Flask, request
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from serverkit.compression import register_compression

GZIP = {"Accept-Encoding": "gzip, deflate, br"}
SHEET = "a { color: red }\n" * 500


class Buffered(FlaskClient):
    """A client that closes each file when it was read, as a server does."""

    def open(self, *args: Any, **options: Any) -> TestResponse:
        return super().open(*args, **options, buffered=True)


@pytest.fixture
def client(tmp_path) -> FlaskClient:
    (tmp_path / "a.css").write_text(SHEET)
    (tmp_path / "a.bin").write_bytes(bytes(5000))
    app = Flask(__name__, static_folder=str(tmp_path), static_url_path="/static")
    register_compression(app, "reference")

    @app.get("/page")
    def page() -> str:
        return f"<p>{request.args.get('search')}</p>" * 500

    @app.get("/reference")
    def reference() -> str:
        return "<p>operation</p>" * 500

    app.test_client_class = Buffered
    return app.test_client()


@pytest.mark.parametrize("path", ["/static/a.css", "/reference"])
def test_what_repeats_nothing_is_compressed_for_whoever_takes_it(
    client: FlaskClient, path: str
) -> None:
    plain, packed = client.get(path), client.get(path, headers=GZIP)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert int(packed.headers["Content-Length"]) == len(packed.data) < len(plain.data) / 10
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert "Accept-Encoding" in plain.headers["Vary"]
    assert client.head(path, headers=GZIP).headers["Content-Length"] == str(len(packed.data))


@pytest.mark.parametrize("accepted", ["", "identity", "gzip;q=0", "br"])
def test_whoever_does_not_take_gzip_gets_the_file_as_it_is(
    client: FlaskClient, accepted: str
) -> None:
    answer = client.get("/static/a.css", headers={"Accept-Encoding": accepted})
    assert answer.text == SHEET
    assert "Content-Encoding" not in answer.headers


def test_a_page_that_repeats_what_was_asked_is_never_compressed(client: FlaskClient) -> None:
    answer = client.get("/page?search=guess", headers=GZIP)
    assert "Content-Encoding" not in answer.headers
    assert "Vary" not in answer.headers


def test_pictures_and_other_dense_files_are_left_alone(client: FlaskClient) -> None:
    assert "Content-Encoding" not in client.get("/static/a.bin", headers=GZIP).headers


def test_a_file_that_the_browser_has_is_not_sent_again(client: FlaskClient) -> None:
    tag = client.get("/static/a.css", headers=GZIP).headers["ETag"]
    again = client.get("/static/a.css", headers={**GZIP, "If-None-Match": tag})
    assert (again.status_code, again.data) == (304, b"")


def test_a_part_of_a_file_is_a_part_of_the_file_as_it_is(client: FlaskClient) -> None:
    part = client.get("/static/a.css", headers={**GZIP, "Range": "bytes=0-9"})
    assert (part.status_code, part.text) == (206, SHEET[:10])
    assert "Content-Encoding" not in part.headers
