"""Mails reach real mail servers over verified TLS, and every fault has its name and its class."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from license_server.outbox.letter import Code, Letter
from license_server.outbox.smtp import SmtpTransport, ehlo_name, tls_context
from license_server.outbox.smtp_url import SmtpServer, parse_smtp_url
from license_server.outbox.transports import Mail, MailError, MailRefusedError, MailServerError
from tests.clocks import NOON
from tests.live.servers import free_port
from tests.simulators.mail_server import PASSWORD, USER, MailServer

LETTER = Letter("Your key", ("Grüße, here is", Code("SENT-00000")))
MAIL = Mail("id-1", "it@example.com", LETTER.subject, LETTER.text, LETTER.html, NOON)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


def server_context(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


@pytest.fixture(scope="module")
def tls(authority: trustme.CA) -> ssl.SSLContext:
    return server_context(authority, "localhost")


Make = Callable[..., SmtpTransport]


@pytest.fixture
def make(ca_file: Path) -> Make:
    def make(server: SmtpServer, **options: object) -> SmtpTransport:
        return SmtpTransport(
            server,
            sender="licenses@vendor.example",
            name="license.vendor.example",
            context=tls_context(ca_file),
            **options,  # type: ignore[arg-type]
        )

    return make


def url(server: MailServer, scheme: str = "smtp", login: str = "", option: str = "") -> SmtpServer:
    return parse_smtp_url(f"{scheme}://{login}localhost:{server.port}{option}")


LOGIN = f"{USER}:p%40ss%3Aword%2F1@"


def test_a_mail_goes_out_by_starttls_with_a_login_and_our_own_name(
    make: Make, tls: ssl.SSLContext
) -> None:
    assert PASSWORD == "p@ss:word/1"
    with MailServer(starttls=tls, asks_password=True) as server:
        make(url(server, login=LOGIN)).deliver(MAIL)
    [envelope], [message] = server.envelopes, server.messages
    assert envelope.mail_from == "licenses@vendor.example"
    assert envelope.rcpt_tos == ["it@example.com"]
    assert message["Message-ID"] == "<id-1@vendor.example>"
    plain, html = message.iter_parts()
    assert "Grüße" in plain.get_content()
    assert "SENT-00000" in html.get_content()
    assert set(server.greetings) == {"license.vendor.example"}
    assert (server.encrypted, server.users) == ([True], [USER])


def test_a_mail_goes_out_by_tls_from_the_start(make: Make, tls: ssl.SSLContext) -> None:
    with MailServer(tls=tls, asks_password=True) as server:
        make(url(server, "smtps", LOGIN)).deliver(MAIL)
    assert (len(server.messages), server.users) == (1, [USER])


def test_a_relay_on_this_machine_takes_it_without_tls_when_that_is_said(make: Make) -> None:
    with MailServer() as server:
        make(url(server, option="?starttls=never")).deliver(MAIL)
    assert server.encrypted == [False]


def test_the_same_mail_has_the_same_id_each_time(make: Make) -> None:
    with MailServer() as server:
        transport = make(url(server, option="?starttls=never"))
        transport.deliver(MAIL)
        transport.deliver(MAIL)
    assert len({message["Message-ID"] for message in server.messages}) == 1


def failure(transport: SmtpTransport) -> MailError:
    with pytest.raises(MailError) as caught:
        transport.deliver(MAIL)
    return caught.value


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_certificate_of_a_stranger_gets_neither_mail_nor_password(
    make: Make, scheme: str
) -> None:
    stranger = server_context(trustme.CA(), "localhost")
    way = {"starttls": stranger} if scheme == "smtp" else {"tls": stranger}
    with MailServer(**way, asks_password=True) as server:
        error = failure(make(url(server, scheme, LOGIN)))
    assert isinstance(error, MailServerError)
    assert "certificate is not trusted" in str(error)
    assert (server.envelopes, server.users) == ([], [])


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_certificate_for_another_name_gets_neither_mail_nor_password(
    make: Make, authority: trustme.CA, scheme: str
) -> None:
    other = server_context(authority, "mail.other.example")
    way = {"starttls": other} if scheme == "smtp" else {"tls": other}
    with MailServer(**way, asks_password=True) as server:
        error = failure(make(url(server, scheme, LOGIN)))
    assert isinstance(error, MailServerError)
    assert "not valid for 'localhost'" in str(error)
    assert (server.envelopes, server.users) == ([], [])


def test_a_server_that_offers_no_starttls_gets_no_mail(make: Make) -> None:
    with MailServer() as server:
        error = failure(make(url(server)))
    assert isinstance(error, MailServerError)
    assert "does not offer what the setting asks for: STARTTLS" in str(error)
    assert server.envelopes == []


def test_a_refused_login_is_the_servers_matter_and_tells_no_password(
    make: Make, tls: ssl.SSLContext
) -> None:
    with MailServer(starttls=tls, asks_password=True) as server:
        error = failure(make(url(server, login=f"{USER}:secretive@")))
    assert isinstance(error, MailServerError)
    assert "user or password was refused: 535" in str(error)
    assert "secretive" not in str(error)


@pytest.mark.parametrize(
    ("behavior", "kind", "said"),
    [
        ({"on_recipient": "550 5.1.1 no such user"}, MailRefusedError, "550 5.1.1 no such user"),
        ({"on_recipient": "450 4.2.0 greylisted"}, MailError, "recipient was refused: 450 4.2.0"),
        ({"on_data": "554 5.7.1 looks like spam"}, MailRefusedError, "554 5.7.1 looks like spam"),
        ({"on_data": "452 4.3.1 disk full"}, MailError, "the mail was refused: 452 4.3.1"),
        ({"on_data": None}, MailServerError, "closed the connection"),
        ({"on_sender": "553 5.7.1 not yours"}, MailServerError, "our sender address was refused"),
        ({"on_recipient": "550 a\x1b[31mb\tc " + "x" * 400}, MailRefusedError, "550 a [31mb c xxx"),
    ],
)
def test_every_refusal_has_its_class_and_the_servers_words(
    make: Make, behavior: dict[str, str], kind: type[MailError], said: str
) -> None:
    with MailServer(**behavior) as server:  # type: ignore[arg-type]
        error = failure(make(url(server, option="?starttls=never")))
    assert type(error) is kind
    assert said in str(error)
    assert len(str(error)) < 300
    assert server.envelopes == []


def test_a_port_where_nobody_listens_is_named(make: Make) -> None:
    error = failure(make(parse_smtp_url(f"smtp://localhost:{free_port()}")))
    assert isinstance(error, MailServerError)
    assert "Connection refused" in str(error)


def test_a_name_that_nobody_knows_is_the_servers_matter(make: Make) -> None:
    def unknown(host: str, port: int) -> list[object]:
        raise OSError("Name or service not known")

    server = parse_smtp_url("smtp://mail.vendor.example")
    error = failure(make(server, resolve=unknown))
    assert isinstance(error, MailServerError)
    assert str(error) == "the mail server mail.vendor.example:587: Name or service not known"


@contextmanager
def dripping(first: bytes, drop: bytes) -> Iterator[int]:
    """A server that says `first` and then a drop every 20 ms, for ever; its port."""
    over = threading.Event()

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(first)
            while not over.wait(0.02):
                try:
                    connection.sendall(drop)
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        yield int(listener.getsockname()[1])
        over.set()
        thread.join()


@pytest.mark.parametrize(
    ("scheme", "first", "drop"),
    [
        ("smtp", b"", b"2"),
        ("smtp", b"220 hello\r\n250-x\r\n", b"250-y\r\n"),  # an answer that never ends
        ("smtps", b"", b"\x16"),
    ],
)
def test_a_server_that_drips_is_left_at_the_deadline(
    make: Make, scheme: str, first: bytes, drop: bytes
) -> None:
    with dripping(first, drop) as port:
        transport = make(parse_smtp_url(f"{scheme}://127.0.0.1:{port}"), total_seconds=0.3)
        began = time.monotonic()
        error = failure(transport)
    assert time.monotonic() - began < 2
    assert isinstance(error, MailServerError)


def test_the_deadline_is_named(make: Make) -> None:
    with dripping(b"", b"2") as port:
        error = failure(make(parse_smtp_url(f"smtp://127.0.0.1:{port}"), total_seconds=0.3))
    assert str(error) == f"the mail server 127.0.0.1:{port}: it did not answer within 0.3 seconds"


@pytest.mark.parametrize(
    ("issuer", "name"),
    [
        ("https://license.sentari.dev", "license.sentari.dev"),
        ("http://127.0.0.1:8001", "[127.0.0.1]"),
        ("http://[::1]:8001", "[IPv6:::1]"),
    ],
)
def test_the_server_greets_by_the_name_it_is_known_by(issuer: str, name: str) -> None:
    assert ehlo_name(issuer) == name
