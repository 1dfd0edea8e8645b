"""The public page for servers without a network: what the check-in call does, for people."""

import html
import re
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from license_server.web.activate import LARGEST_BODY_BYTES
from license_token.armor import armor_license, armor_request, unarmor
from license_token.keys import RootSet
from license_token.license_key import LicenseKey
from license_token.reply import Reply, read_reply
from tests.camera import read_off
from tests.clocks import FakeClock
from tests.license_server.cast import Api, CustomerServer

PAGE = "/activate"


@pytest.fixture
def visitor(server: Flask) -> FlaskClient:
    return server.test_client()


def paste(visitor: FlaskClient, text: str, **more: str) -> TestResponse:
    return visitor.post(PAGE, data={"request": text, **more})


def upload(visitor: FlaskClient, raw: bytes, text: str = "") -> TestResponse:
    form = {"request_file": (BytesIO(raw), "request.txt"), "request": text}
    return visitor.post(PAGE, data=form, content_type="multipart/form-data")


def shown(answer: TestResponse) -> str:
    """The reply that stands on the page to be copied."""
    assert answer.status_code == 200, answer.text
    found = re.search(r'<textarea[^>]*id="reply-text"[^>]*>([^<]*)</textarea>', answer.text)
    assert found is not None
    return html.unescape(found[1])


def refusal(answer: TestResponse) -> str:
    """What the page says stood in the way."""
    found = re.search(r'id="refusal">(.*?)</div></div>', answer.text, re.DOTALL)
    assert found is not None, answer.text
    return html.unescape(" ".join(re.sub(r"<svg.*?</svg>|<[^>]+>", " ", found[1]).split()))


def read(text: str, roots: RootSet) -> Reply:
    return read_reply(unarmor(text), roots)


# A request in, its reply out


def test_the_page_asks_for_a_request_and_for_nothing_else(visitor: FlaskClient) -> None:
    answer = visitor.get(PAGE)
    assert answer.status_code == 200
    assert 'name="request_file"' in answer.text
    assert 'name="request"' in answer.text
    assert "csrf" not in answer.text
    assert "Set-Cookie" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "form",
    [
        lambda text: text,
        armor_request,
        lambda text: armor_request(text).replace("\n", "\r\n"),
        lambda text: "\n".join(re.findall(".{1,40}", text)),
        lambda text: f"\ufeff  {armor_request(text)}  ",
    ],
)
def test_a_pasted_request_is_answered_in_every_form_that_it_takes(
    visitor: FlaskClient, sentari: CustomerServer, roots: RootSet, form: Any
) -> None:
    request = sentari.request()
    reply = read(shown(paste(visitor, form(request))), roots)
    assert reply.claims.audience == sentari.instance_id
    assert reply.claims.seq == 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_an_uploaded_file_goes_before_the_text(
    visitor: FlaskClient, sentari: CustomerServer, roots: RootSet, encoding: str
) -> None:
    raw = armor_request(sentari.request()).encode(encoding)
    assert read(shown(upload(visitor, raw, "something else")), roots).claims.seq == 1


def test_an_empty_file_field_leaves_the_text(
    visitor: FlaskClient, sentari: CustomerServer, roots: RootSet
) -> None:
    assert read(shown(upload(visitor, b"", sentari.request())), roots).claims.seq == 1


def test_text_file_and_code_are_one_reply(
    visitor: FlaskClient, sentari: CustomerServer, roots: RootSet
) -> None:
    request = sentari.request()
    page = paste(visitor, request)
    text = shown(page)
    hidden = re.search(r'<input type="hidden" name="request" value="([^"]+)"', page.text)
    assert hidden is not None
    file = paste(visitor, html.unescape(hidden[1]), **{"as": "file"})
    assert file.text == text
    assert file.headers["Content-Disposition"] == 'attachment; filename="sentari-license.txt"'
    assert file.content_type == "text/plain; charset=utf-8"
    assert file.headers["Cache-Control"] == "no-store"
    assert read_off(page.text) == unarmor(text)
    assert armor_license(unarmor(text)) == text


def test_the_page_and_the_call_give_the_same_bytes_to_the_same_request(
    visitor: FlaskClient, sentari: CustomerServer
) -> None:
    request = sentari.request()
    by_call = sentari.send(request).text
    assert unarmor(shown(paste(visitor, request))) == by_call
    assert unarmor(shown(paste(visitor, request))) == by_call


def test_the_page_says_for_whom_the_reply_is(visitor: FlaskClient, sentari: CustomerServer) -> None:
    page = paste(visitor, sentari.request()).text
    for said in ("Example Ltd", "enterprise", "2027-11-23", sentari.instance_id):
        assert said in page
    assert "2026-12-23 12:00 UTC" in page  # the request was made thirty days before
    assert "The request is old" not in page


def test_a_request_from_thirty_days_ago_is_answered_with_a_warning(
    visitor: FlaskClient, sentari: CustomerServer, clock: FakeClock
) -> None:
    young, old = sentari.request(), sentari.request()
    clock.advance(30 * 86_400 - 1)
    assert "The request is old" not in paste(visitor, young).text
    clock.advance(1)
    assert "The request is old" in paste(visitor, old).text


@pytest.mark.parametrize(
    ("verb", "status", "then"),
    [("suspend", "suspended", "become read-only"), ("revoke", "revoked", "lock")],
)
def test_a_license_that_is_stopped_is_answered_with_a_reply_that_says_so(
    visitor: FlaskClient,
    issuer: Api,
    license_: dict[str, Any],
    sentari: CustomerServer,
    roots: RootSet,
    verb: str,
    status: str,
    then: str,
) -> None:
    issuer.post(f"/api/v1/licenses/{license_['id']}/{verb}", {"reason": "the tests"})
    answer = paste(visitor, sentari.request())
    assert read(shown(answer), roots).claims.terms.status == status
    assert f"This license is {status}" in answer.text
    assert then in answer.text


# What is refused, in words


def test_nothing_given_says_what_is_needed(visitor: FlaskClient) -> None:
    answer = visitor.post(PAGE)
    assert answer.status_code == 400
    assert "Nothing was given." in refusal(answer)
    assert "Settings → License → Offline activation" in refusal(answer)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 300_000, "This is a picture"),
        (b"hello", "three parts joined by dots"),
        (b"-----BEGIN SENTARI LICENSE REQUEST-----\neyJ", "BEGIN and END lines do not match"),
        (b"SENT-XJNEW-C4FZ7-Q9ZWS-Y7Y4Y-RSK69", "This is a license key"),
    ],
)
def test_what_is_no_request_is_named(visitor: FlaskClient, raw: bytes, said: str) -> None:
    answer = upload(visitor, raw)
    assert answer.status_code == 400
    assert said in refusal(answer)


def test_a_license_file_is_sent_to_where_it_belongs(
    visitor: FlaskClient, sentari: CustomerServer
) -> None:
    reply = sentari.send(sentari.request()).text
    for text in (reply, armor_license(reply)):
        assert "This is a license file" in refusal(paste(visitor, text))


def test_what_was_pasted_is_kept_to_be_corrected_and_is_no_markup(visitor: FlaskClient) -> None:
    answer = paste(visitor, "<script>alert(1)</script>")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;</textarea>" in answer.text
    assert "<script>alert" not in answer.text


def test_an_unknown_key_says_what_to_install(visitor: FlaskClient, sentari: CustomerServer) -> None:
    request = sentari.request(key_hash=LicenseKey.generate().key_hash)
    answer = paste(visitor, request)
    assert answer.status_code == 404
    assert "Install the newest key" in refusal(answer)
    assert request in answer.text


def test_a_changed_request_is_refused(visitor: FlaskClient, sentari: CustomerServer) -> None:
    request = sentari.request()
    head, payload, _ = request.split(".")
    other = sentari.request().split(".")[2]
    answer = paste(visitor, f"{head}.{payload}.{other}")
    assert answer.status_code == 401
    assert "carry it unchanged" in refusal(answer)


def test_a_request_for_another_license_server_is_refused(
    visitor: FlaskClient, sentari: CustomerServer
) -> None:
    answer = paste(visitor, sentari.request(audience="https://license.other.example"))
    assert answer.status_code == 400
    assert "made for another license server; this one is https://license.sentari.dev." in refusal(
        answer
    )


def test_a_second_server_is_told_that_the_license_is_in_use(
    visitor: FlaskClient, sentari: CustomerServer
) -> None:
    sentari.check_in()
    second = CustomerServer(sentari.client, sentari.license_key, sentari.clock, sentari.roots)
    answer = paste(visitor, second.request())
    assert answer.status_code == 409
    assert "in use on 1 of 1 servers" in refusal(answer)


def test_a_license_that_waits_for_approval_says_that_nothing_is_wrong(
    visitor: FlaskClient, issuer: Api, sentari: CustomerServer
) -> None:
    waiting = issuer.issue(max_devices=None)
    server = CustomerServer(visitor, waiting["license_key"], sentari.clock, sentari.roots)
    answer = paste(visitor, server.request())
    assert answer.status_code == 409
    assert "not released yet" in refusal(answer)
    assert "Give the same request again" in refusal(answer)


def test_a_server_without_a_signing_key_says_that_nothing_changed(
    visitor: FlaskClient, sentari: CustomerServer, clock: FakeClock
) -> None:
    clock.advance(101 * 86_400)
    answer = paste(visitor, sentari.request())
    assert answer.status_code == 503
    assert "Nothing was changed" in refusal(answer)


# Limits


def test_the_limit_per_address_is_shared_with_the_call(
    visitor: FlaskClient, sentari: CustomerServer
) -> None:
    request = sentari.request()
    for _ in range(50):
        assert sentari.send(request).status_code == 200
        assert paste(visitor, request).status_code == 200
    answer = paste(visitor, request)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 61
    assert "Too many requests" in refusal(answer)
    assert sentari.send(request).status_code == 429


def test_the_limit_per_activation_is_shared_with_the_call(
    visitor: FlaskClient, sentari: CustomerServer
) -> None:
    for _ in range(10):
        sentari.check_in()
    answer = paste(visitor, sentari.request())
    assert answer.status_code == 429
    assert "At most 10 check-ins a minute" in refusal(answer)


def multipart(size: int) -> tuple[bytes, str]:
    """A body of just this size whose file is a picture."""
    head = (
        b'--b\r\nContent-Disposition: form-data; name="request_file"; filename="x"\r\n'
        b"Content-Type: image/png\r\n\r\n\x89PNG\r\n"
    )
    tail = b"\r\n--b--\r\n"
    return head + b"\0" * (size - len(head) - len(tail)) + tail, "multipart/form-data; boundary=b"


def test_a_body_has_a_limit(visitor: FlaskClient) -> None:
    body, kind = multipart(LARGEST_BODY_BYTES)
    answer = visitor.post(PAGE, data=body, content_type=kind)
    assert answer.status_code == 400
    assert "This is a picture" in refusal(answer)
    body, kind = multipart(LARGEST_BODY_BYTES + 1)
    answer = visitor.post(PAGE, data=body, content_type=kind)
    assert answer.status_code == 413
    assert "too large: a request has less than 64 KiB" in refusal(answer)


def test_a_very_long_text_is_refused_in_words(visitor: FlaskClient) -> None:
    answer = paste(visitor, "x" * 1_000_000)
    assert answer.status_code == 400
    assert "longer than any request" in refusal(answer)
    assert len(answer.text) < 80_000


def test_other_sites_may_send_a_form_here_and_get_no_more_than_anybody(
    visitor: FlaskClient, sentari: CustomerServer
) -> None:
    headers = {"Origin": "https://evil.example", "Referer": "https://evil.example/"}
    answer = visitor.post(PAGE, data={"request": sentari.request()}, headers=headers)
    assert answer.status_code == 200
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert "Set-Cookie" not in answer.headers
