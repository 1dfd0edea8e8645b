"""Carry a request to the vendor and its answer back; the only module that imports `requests`.

Nothing is taken from the environment: no proxy variables, no .netrc, no CA files, no key log.
Redirects are not followed, certificates are always verified, and a hard deadline ends a call in
whatever state it is.
"""

import base64
import http.client
import os
import re
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol, TypeVar

import requests
import urllib3
from requests.adapters import DEFAULT_CA_BUNDLE_PATH, HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from sentari.licensing import trust
from sentari.licensing.answer import (
    MAX_BODY_BYTES,
    PROBLEM_TYPE,
    REPLY_TYPE,
    Answer,
    CheckInError,
    one_line,
    reply_in,
)
from sentari.licensing.causes import Cause
from sentari.licensing.outbound import (
    OutboundError,
    OutboundSettings,
    Proxies,
    Route,
    choose_route,
)
from serverkit import wire
from serverkit.wire import Stage, Trace

__all__ = [
    "Cause",
    "CheckInError",
    "HttpTransport",
    "NoTransport",
    "OutboundSettings",
    "Proxies",
    "Transport",
]

_TUNNEL_STATUS = re.compile(r"Tunnel connection failed: (\d{3})")
Error = TypeVar("Error", bound=BaseException)
_FAILURES = (requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException)


class Transport(Protocol):
    """Reach the vendor."""

    def check_in(self, document: str) -> str:
        """Send a request and return the reply's text, unverified; raise CheckInError."""


class NoTransport:
    """Stand where a transport would be in airgap mode: there is no call, not even to DNS."""

    def check_in(self, document: str) -> str:  # noqa: ARG002 - a transport is given one
        """Refuse with CheckInError, code `airgap`."""
        detail = "SENTARI_LICENSE_MODE is airgap: this server makes no outbound license call."
        raise CheckInError(Cause.CONNECT, detail, code="airgap")


class HttpTransport:
    """Reach the vendor over HTTPS, directly or through a proxy."""

    def __init__(
        self,
        settings: OutboundSettings,
        *,
        resolve: wire.Resolver = wire.resolve_name,
        authorities: Path | None = None,
    ) -> None:
        """Call as `settings` say; `authorities` stands in for the system's file of CAs."""
        self.settings = settings
        self.resolve = resolve
        self._authorities = authorities

    def check_in(self, document: str) -> str:
        """Send a request and return the reply's text, unverified; raise CheckInError."""
        return reply_in(self.exchange(document, Trace()))

    def exchange(self, document: str, trace: Trace) -> Answer:
        """Send a request and return whatever HTTP answer came; `trace` notes how far it went.

        Raises CheckInError when there was no HTTP answer.
        """
        route, context = self.route(), self.trust_context()
        with wire.Deadline(self.settings.total_seconds) as deadline:
            call = _Call(self.settings, self.resolve, route, context, deadline, trace)
            try:
                answer = call.send(document)
            except (*_FAILURES, OSError) as error:
                raise call.failure(error) from None
            finally:
                trace.end()
            if deadline.expired:
                raise call.too_late()
            return answer

    def route(self) -> Route:
        """Return the way a call takes, or raise CheckInError when a proxy setting is unusable."""
        try:
            return choose_route(self.settings)
        except OutboundError as error:
            raise CheckInError(Cause.CONNECT, str(error)) from error

    def trust_context(self, *, with_bundle: bool = True) -> ssl.SSLContext:
        """Return whom a call believes, or raise CheckInError when a CA file is unusable."""
        # A machine without CAs of its own gets those that come with `requests`.
        system = self._authorities or trust.system_authorities() or Path(DEFAULT_CA_BUNDLE_PATH)
        try:
            return trust.client_context(system, self.settings.ca_bundle if with_bundle else None)
        except trust.TrustError as error:
            raise CheckInError(Cause.TLS, str(error)) from error


class _Call:
    """One call under its deadline."""

    def __init__(
        self,
        settings: OutboundSettings,
        resolve: wire.Resolver,
        route: Route,
        context: ssl.SSLContext,
        deadline: wire.Deadline,
        trace: Trace,
    ) -> None:
        self.settings = settings
        self.resolve = resolve
        self.route = route
        self.context = context
        self.deadline = deadline
        self.trace = trace

    def send(self, document: str) -> Answer:
        proxy = self.route.proxy
        adapter = _Adapter(self)
        try:
            # The adapter and not a session: a session reads .netrc, and consumes the body of a
            # redirect, however long, even when it does not follow it.
            response = adapter.send(
                self._request(document),
                stream=True,
                timeout=(self.settings.connect_seconds, self.settings.total_seconds),
                proxies={self.route.target.scheme: proxy.url} if proxy else {},
            )
            with response:
                return _answer_of(response)
        finally:
            adapter.close()

    def open(self, host: str, port: int) -> socket.socket:
        return wire.open_connection(
            self.resolve,
            host,
            port,
            connect_seconds=self.settings.connect_seconds,
            deadline=self.deadline,
            trace=self.trace,
        )

    def failure(self, error: Exception) -> CheckInError:
        """Return the named cause of an error, told by the stage in which it struck."""
        stage, proxy = self.trace.stage, self.route.proxy
        first_hop = (proxy or self.route.target).address
        if stage is Stage.DNS:
            return CheckInError(Cause.DNS, f"The name of {first_hop} could not be looked up.")
        if self.deadline.expired or _found(error, TimeoutError, urllib3.exceptions.TimeoutError):
            return self.too_late()
        if stage is Stage.TCP:
            return CheckInError(Cause.CONNECT, f"{first_hop}: {_words_of(error)}.")
        if stage is Stage.TUNNEL:
            return _tunnel_failure(error, first_hop)
        if stage is Stage.TLS or _found(error, ssl.SSLError):
            self.trace.verify_code = _verify_code(error)
            return CheckInError(Cause.TLS, f"{self.route.target.host}: {_words_of(error)}.")
        return _http_failure(error)

    def too_late(self) -> CheckInError:
        """Return the refusal of a call that took too long, with the stage it hung in."""
        connect, total = self.settings.connect_seconds, self.settings.total_seconds
        first_hop = (self.route.proxy or self.route.target).address
        detail = {
            Stage.TCP: f"{first_hop} took no connection within {connect:g} seconds.",
            Stage.TUNNEL: f"The proxy {first_hop} accepted the connection and then kept silent.",
            Stage.TLS: f"{self.route.target.host} did not finish the TLS handshake in time.",
        }
        general = f"No complete answer came within {total:g} seconds."
        return CheckInError(Cause.TIMEOUT, detail.get(self.trace.stage or Stage.HTTP, general))

    def _request(self, document: str) -> requests.PreparedRequest:
        headers = {
            "Content-Type": REPLY_TYPE,
            "Accept": f"{REPLY_TYPE}, {PROBLEM_TYPE}",
            "Accept-Encoding": "identity",
            "Connection": "close",
            "User-Agent": f"sentari/{self.settings.version}",
        }
        url = self.route.target.url
        return requests.Request("POST", url, headers=headers, data=document.encode()).prepare()


class _Adapter(HTTPAdapter):
    """Let `requests` connect and verify as the call says."""

    def __init__(self, call: _Call) -> None:
        self._call = call
        self._pools = _pool_classes(call)
        super().__init__()

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any
    ) -> None:
        context = self._call.context
        super().init_poolmanager(connections, maxsize, block, ssl_context=context, **pool_kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **proxy_kwargs: Any) -> Any:
        context = self._call.context
        manager = super().proxy_manager_for(
            proxy, ssl_context=context, proxy_ssl_context=context, **proxy_kwargs
        )
        manager.pool_classes_by_scheme = self._pools
        return manager

    def proxy_headers(self, proxy: str) -> dict[str, str]:  # noqa: ARG002 - no secrets in it
        """Return the Basic credentials in UTF-8; they are never part of an address."""
        used = self._call.route.proxy
        if used is None or used.credentials is None:
            return {}
        encoded = base64.b64encode(used.credentials.encode()).decode()
        return {"Proxy-Authorization": f"Basic {encoded}"}

    def cert_verify(self, conn: Any, *_: Any, **__: Any) -> None:
        """Demand a valid certificate, and add no CAs to those of the call's context."""
        conn.cert_reqs = "CERT_REQUIRED"


def _pool_classes(call: _Call) -> dict[str, type[HTTPConnectionPool]]:
    """Return urllib3's pools with connections that are opened and traced by `call`."""

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return call.open(self._dns_host, self.port)

        def connect(self) -> None:
            super().connect()
            call.trace.begin(Stage.HTTP)

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            connection = call.open(self._dns_host, self.port)
            call.trace.begin(Stage.TLS)
            return connection

        def _tunnel(self) -> None:
            call.trace.begin(Stage.TUNNEL)
            super()._tunnel()
            call.trace.begin(Stage.TLS)

        def connect(self) -> None:
            super().connect()
            secured: Any = self.sock
            call.trace.certificate = secured.getpeercert(binary_form=True)
            call.trace.tls_version = secured.version()
            call.trace.begin(Stage.HTTP)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


def _answer_of(response: requests.Response) -> Answer:
    headers = {name.lower(): value for name, value in response.headers.items()}
    head = Answer(response.status_code, headers, b"")
    if head.media_type not in (REPLY_TYPE, PROBLEM_TYPE):
        # Nobody reads such a body; it may be a page of a filter, or endless.
        return head
    return Answer(head.status, headers, b"".join(_limited(response.raw)))


def _limited(raw: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    """Yield the body as sent, at most one byte over the limit."""
    wanted = MAX_BODY_BYTES + 1
    while wanted > 0 and (chunk := raw.read(wanted, decode_content=False)):
        wanted -= len(chunk)
        yield chunk


def _tunnel_failure(error: Exception, proxy: str) -> CheckInError:
    status = next(
        (match[1] for text in _texts(error) if (match := _TUNNEL_STATUS.search(text))), ""
    )
    if status == "407":
        return CheckInError(Cause.PROXY_AUTH, f"The proxy {proxy} asks for a password (407).")
    if status:
        detail = f"The proxy {proxy} refused to open the way to the license server (HTTP {status})."
        return CheckInError(Cause.CONNECT, detail)
    return CheckInError(Cause.CONNECT, f"The proxy {proxy} broke the connection off.")


def _http_failure(error: Exception) -> CheckInError:
    incomplete = (http.client.IncompleteRead, urllib3.exceptions.IncompleteRead)
    if _found(error, *incomplete):
        return CheckInError(Cause.NOT_A_REPLY, "The answer breaks off before its end.")
    if _found(error, ConnectionError, urllib3.exceptions.NewConnectionError):
        return CheckInError(Cause.CONNECT, "The connection was cut before an answer came.")
    return CheckInError(Cause.NOT_A_REPLY, "The answer is not HTTP.")


def _words_of(error: Exception) -> str:
    """Return what the system or the TLS library says; never an address or a header."""
    if unverified := _found(error, ssl.SSLCertVerificationError):
        return one_line(unverified.verify_message).rstrip(".")
    if refused := _found(error, ssl.SSLError):
        return one_line(str(refused.reason or "TLS failed").replace("_", " ").lower())
    # What requests raises is an OSError too, but only the system's own have a number.
    numbers = (inner.errno for inner in _chain(error) if isinstance(inner, OSError) and inner.errno)
    return next((os.strerror(number).lower() for number in numbers), "the connection was cut")


def _verify_code(error: Exception) -> int | None:
    unverified = _found(error, ssl.SSLCertVerificationError)
    return None if unverified is None else unverified.verify_code


def _found(error: BaseException, *families: type[Error]) -> Error | None:
    return next((inner for inner in _chain(error) if isinstance(inner, families)), None)


def _texts(error: BaseException) -> Iterator[str]:
    return (str(inner) for inner in _chain(error))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all that it wraps: urllib3 keeps them in several places."""
    waiting, seen = [error], set()
    while waiting:
        inner = waiting.pop(0)
        if id(inner) in seen:
            continue
        seen.add(id(inner))
        yield inner
        wrapped = (inner.__cause__, inner.__context__, getattr(inner, "reason", None), *inner.args)
        waiting.extend(other for other in wrapped if isinstance(other, BaseException))
