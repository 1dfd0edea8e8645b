"""Look at the certificate that is presented on the way to the vendor, and send it nothing."""

import base64
import socket
import ssl

from sentari.licensing.check_in import HttpTransport
from sentari.licensing.outbound import Route
from serverkit import wire
from serverkit.wire import Deadline, Trace

LONGEST_PROXY_ANSWER = 16_384


def presented_certificate(transport: HttpTransport) -> bytes | None:
    """Return the certificate that whoever answers presents (DER), or None when none is seen.

    Nobody is believed here, and nothing but the handshake goes over the connection: this only
    tells the operator whose certificate it is that the real call refuses.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        return _handshake(transport, context)
    except OSError:
        return None


def trusted_by_system(transport: HttpTransport) -> bool | None:
    """Say whether the system's CAs alone vouch for the certificate; None when it is not seen."""
    try:
        return _handshake(transport, transport.trust_context(with_bundle=False)) is not None
    except ssl.SSLCertVerificationError:
        return False
    except OSError:
        return None


def _handshake(transport: HttpTransport, context: ssl.SSLContext) -> bytes | None:
    settings, route = transport.settings, transport.route()
    if route.proxy is not None and route.proxy.scheme == "https":
        # TLS within TLS would need another machinery; such proxies tunnel and do not inspect.
        raise OSError("not looked at through a proxy that is itself reached over TLS")
    first_hop = route.proxy or route.target
    with (
        Deadline(settings.connect_seconds) as deadline,
        wire.open_connection(
            transport.resolve,
            first_hop.host,
            first_hop.port,
            connect_seconds=settings.connect_seconds,
            deadline=deadline,
            trace=Trace(),
        ) as connection,
    ):
        _open_tunnel(connection, route)
        with context.wrap_socket(connection, server_hostname=route.target.host) as secured:
            return secured.getpeercert(binary_form=True)


def _open_tunnel(connection: socket.socket, route: Route) -> None:
    if route.proxy is None:
        return
    lines = [f"CONNECT {route.target.address} HTTP/1.1", f"Host: {route.target.address}"]
    if route.proxy.credentials is not None:
        encoded = base64.b64encode(route.proxy.credentials.encode()).decode()
        lines.append(f"Proxy-Authorization: Basic {encoded}")
    connection.sendall("\r\n".join([*lines, "", ""]).encode("ascii"))
    answer = b""
    while b"\r\n\r\n" not in answer and len(answer) < LONGEST_PROXY_ANSWER:
        received = connection.recv(1_024)
        if not received:
            raise ConnectionError("the proxy broke the connection off")
        answer += received
    if b" 200 " not in answer.split(b"\r\n")[0] + b" ":
        raise ConnectionError("the proxy refused to open the way")
