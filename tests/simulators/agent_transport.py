"""How the real agent speaks HTTP: one kept connection, five tries, no redirect, its own trust."""

import hashlib
import hmac
import http.client
import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

TRIES = 5
LONGEST_WAIT_SECONDS = 60.0
REPEATED = frozenset({429, *range(500, 600)})


class PinError(Exception):
    """The server's certificate is not the one that was pinned: nothing was sent."""


class UnreachableError(Exception):
    """No answer came, in five tries."""


@dataclass(frozen=True)
class Reply:
    """One answer; names of headers in small letters."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Any:
        """Return the body's document."""
        return json.loads(self.body)


class _PinnedConnection(http.client.HTTPSConnection):
    """Compare the leaf's SHA-256 with a pin before the first byte of a request."""

    pin: bytes | None = None

    def connect(self) -> None:
        super().connect()
        if self.pin is not None:
            leaf = hashlib.sha256(self.sock.getpeercert(binary_form=True) or b"").digest()
            if not hmac.compare_digest(leaf, self.pin):
                self.close()
                raise PinError(f"the server's certificate is {leaf.hex()}")


class AgentTransport:
    """Requests to one server."""

    def __init__(
        self,
        url: str,
        *,
        sleep: Callable[[float], None],
        timeout_seconds: float = 60,
        source: str | None = None,
    ) -> None:
        """Speak to the server at `url`; a path in it is put in front of every request's.

        `source` is the machine's own address to call from, where it has several.
        """
        parts = urlsplit(url)
        self.secure = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self.secure else 80)
        self._base, self._sleep, self._timeout = parts.path, sleep, timeout_seconds
        self._source = None if source is None else (source, 0)
        self._context: ssl.SSLContext | None = None
        self._pin: bytes | None = None
        self._connection: http.client.HTTPConnection | None = None

    def trust(self, context: ssl.SSLContext, *, pin: bytes | None = None) -> None:
        """Use this trust, and this certificate, from the next connection on."""
        self._context, self._pin = context, pin
        self.close()

    def close(self) -> None:
        """End the kept connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        """Return the answer, asked for up to five times; UnreachableError when none came."""
        wait, fault = 1.0, ""
        for attempt in range(1, TRIES + 1):
            try:
                reply = self._once(method, path, body, headers)
                if reply.status not in REPEATED or attempt == TRIES:
                    return reply
                wait = _retry_after(reply, wait)
            except (OSError, http.client.HTTPException) as error:
                self.close()
                fault = f"{type(error).__name__}: {error}"
            if attempt < TRIES:
                self._sleep(min(wait, LONGEST_WAIT_SECONDS))
                wait *= 2
        raise UnreachableError(fault)

    def _once(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Reply:
        connection = self._connection = self._connection or self._open()
        connection.request(method, self._base + path, body, dict(headers))
        answer = connection.getresponse()
        content = answer.read()
        if answer.will_close:
            self.close()
        return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, content)

    def _open(self) -> http.client.HTTPConnection:
        if not self.secure:
            return http.client.HTTPConnection(
                self._host, self._port, timeout=self._timeout, source_address=self._source
            )
        connection = _PinnedConnection(
            self._host,
            self._port,
            timeout=self._timeout,
            source_address=self._source,
            context=self._context,
        )
        connection.pin = self._pin
        return connection


def _retry_after(reply: Reply, otherwise: float) -> float:
    raw = reply.headers.get("retry-after", "")
    return float(raw) if raw.isdigit() else otherwise


def pinning_context() -> ssl.SSLContext:
    """Return a context that accepts any certificate: the pin is what decides."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
