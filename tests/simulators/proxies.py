"""Small CONNECT proxies on loopback: honest ones, refusing ones, and one that inspects TLS."""

import base64
import socket
import ssl
from dataclasses import dataclass, field

import trustme

from sentari.licensing.answer import Answer
from tests.simulators.servers import Behave, Visit, relay


@dataclass
class ProxyLog:
    """What a proxy was asked for."""

    lines: list[str] = field(default_factory=list)
    authorizations: list[str | None] = field(default_factory=list)


def connect_proxy(
    ports: dict[str, int],
    log: ProxyLog,
    *,
    credentials: str | None = None,
    inspector: trustme.CA | None = None,
    upstream: ssl.SSLContext | None = None,
) -> Behave:
    """Return the behaviour of a proxy that opens ways to `ports`, by `host:port`.

    With `credentials` (`user:password`) it asks for them. With `inspector` it ends TLS itself,
    with a certificate of that CA, and goes on to the server over TLS as `upstream` says.
    """

    def behave(visit: Visit) -> None:
        visit.read_request()
        log.lines.append(visit.request_line)
        log.authorizations.append(visit.header("proxy-authorization"))
        if credentials and not _allowed(visit, credentials):
            challenge = {"proxy-authenticate": 'Basic realm="proxy"'}
            visit.answer(Answer(407, challenge, b"Squid says: who are you?"))
            return
        method, where, _ = visit.request_line.split(" ")
        if method != "CONNECT" or where not in ports:
            visit.answer(Answer(503, {}, b"cannot reach it"))
            return
        with socket.create_connection(("127.0.0.1", ports[where]), timeout=30) as onward:
            visit.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
            host = where.rpartition(":")[0]
            if inspector is None or upstream is None:
                relay(visit.connection, onward)
            else:
                _inspect(visit, onward, host, inspector, upstream)

    return behave


def _allowed(visit: Visit, credentials: str) -> bool:
    expected = base64.b64encode(credentials.encode()).decode()
    return visit.header("proxy-authorization") == f"Basic {expected}"


def _inspect(
    visit: Visit,
    onward: socket.socket,
    host: str,
    inspector: trustme.CA,
    upstream: ssl.SSLContext,
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    inspector.issue_cert(host).configure_cert(context)
    with (
        upstream.wrap_socket(onward, server_hostname=host) as secured_onward,
        context.wrap_socket(visit.connection, server_side=True) as secured_visitor,
    ):
        opened = Visit(secured_visitor, visit.stopping)
        opened.read_request()
        secured_onward.sendall(opened.head + b"\r\n\r\n" + opened.body)
        while data := secured_onward.recv(65_536):
            secured_visitor.sendall(data)
