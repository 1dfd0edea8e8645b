"""The address of a mail server: TLS always, but for a relay on this machine when that is said."""

import pytest

from license_server.outbox.smtp_url import LONGEST_URL, Security, SmtpServer, parse_smtp_url


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("smtp://mail.example.com", SmtpServer("mail.example.com", 587, Security.STARTTLS)),
        ("smtp://mail.example.com:25/", SmtpServer("mail.example.com", 25, Security.STARTTLS)),
        ("smtps://mail.example.com", SmtpServer("mail.example.com", 465, Security.TLS)),
        ("smtps://[2001:db8::1]:4465", SmtpServer("2001:db8::1", 4465, Security.TLS)),
        ("smtp://127.0.0.1?starttls=never", SmtpServer("127.0.0.1", 25, Security.NONE)),
        ("smtp://[::1]:2525?starttls=never", SmtpServer("::1", 2525, Security.NONE)),
        ("smtp://localhost:1025?starttls=never", SmtpServer("localhost", 1025, Security.NONE)),
        (
            "smtp://user%40x:p%3A%2Fw@mail.example.com",
            SmtpServer("mail.example.com", 587, Security.STARTTLS, "user@x", "p:/w"),
        ),
        ("smtp://h:65535", SmtpServer("h", 65535, Security.STARTTLS)),
    ],
)
def test_an_address_is_read(text: str, server: SmtpServer) -> None:
    assert parse_smtp_url(text) == server


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("mail.example.com", "neither smtp:// nor smtps://"),
        ("http://mail.example.com", "neither smtp:// nor smtps://"),
        ("smtp:", "no usable host name"),
        ("smtp://", "no usable host name"),
        ("smtp://mail..example", "no usable host name"),
        ("smtp://mail.example.com:0", "no number from 1 to 65535"),
        ("smtp://mail.example.com:65536", "host or port cannot be read"),
        ("smtp://mail.example.com:x", "host or port cannot be read"),
        ("smtp://[::1", "host or port cannot be read"),
        ("smtp://mail.example.com/inbox", "something follows the host"),
        ("smtp://mail.example.com#x", "something follows the host"),
        ("smtp://mail.example.com?starttls=never", "this machine only"),
        ("smtp://10.0.0.1?starttls=never", "this machine only"),
        ("smtp://127.0.0.1.example.com?starttls=never", "this machine only"),
        ("smtps://localhost?starttls=never", "takes an option"),
        ("smtp://localhost?starttls=maybe", "takes an option"),
        ("smtp://localhost?starttls=never&x=1", "takes an option"),
        ("smtp://secret:secret@localhost?starttls=never", "not sent without TLS"),
        ("smtp://secret@mail.example.com", "both a user and a password"),
        ("smtp://:secret@mail.example.com", "both a user and a password"),
        ("smtp://secret:secret%0d%0aRSET@mail.example.com", "printable ASCII"),
        ("smtp://secret:secret%c3%a4@mail.example.com", "printable ASCII"),
        ("smtp://secret:sec ret@mail.example.com", "percent-encoded"),
        ("smtp://mail.example.com\\n", "percent-encoded"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_and_not_repeated(text: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault) as caught:
        parse_smtp_url(text)
    assert "secret" not in str(caught.value)


def test_an_address_has_a_greatest_length() -> None:
    rest = "@mail.example.com"
    user = "u:" + "p" * (LONGEST_URL - len("smtp://u:" + rest))
    assert parse_smtp_url(f"smtp://{user}{rest}").username == "u"
    with pytest.raises(ValueError, match="longer than 2048"):
        parse_smtp_url(f"smtp://{user}p{rest}")
