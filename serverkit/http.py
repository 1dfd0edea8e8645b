"""What every answer and every body of both servers has in common."""

import ipaddress
import logging
import re
import time
import uuid
import zlib
from io import BytesIO
from typing import BinaryIO, cast

from flask import Flask, Response, g, request
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import IntegerConverter, Map

log = logging.getLogger("request")

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
_PROBES = frozenset({"/healthz", "/readyz", "/health", "/metrics"})

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)


class RowNumber(IntegerConverter):
    """The number of a row in an address: a larger one than any database counts to names nothing."""

    def __init__(self, url_map: Map) -> None:
        """Take numbers up to what a signed 32-bit integer holds."""
        super().__init__(url_map, max=2**31 - 1)


def register_http(app: Flask, *, trusted_proxies: int) -> None:
    """Give the app request ids, a log line per request, security headers and row numbers."""
    if trusted_proxies:
        n = trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=n, x_proto=n, x_host=n, x_port=n)  # type: ignore[method-assign]
    app.url_map.converters["int"] = RowNumber
    app.before_request(_begin)
    app.after_request(_finish)


def _begin() -> None:
    offered = request.headers.get("X-Request-ID", "")
    g.request_id = offered if _REQUEST_ID.match(offered) else uuid.uuid4().hex
    g.started = time.perf_counter()


def _finish(response: Response) -> Response:
    headers = response.headers
    headers["X-Request-ID"] = g.get("request_id", "")
    headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    headers["X-Content-Type-Options"] = "nosniff"
    headers["X-Frame-Options"] = "DENY"
    headers["Referrer-Policy"] = "same-origin"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
    if request.is_secure:
        headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    _log_request(response)
    return response


def elapsed_seconds() -> float:
    """Return how long the request has taken so far."""
    now = time.perf_counter()
    return now - float(g.get("started", now))


def _log_request(response: Response) -> None:
    # Probes come every second and say nothing while all is well.
    quiet = request.path in _PROBES and response.status_code < 400
    log.log(
        logging.DEBUG if quiet else logging.INFO,
        "request",
        extra={
            "method": request.method,
            "path": request.path[:512],
            "status": response.status_code,
            "duration_ms": round(elapsed_seconds() * 1000, 1),
            "remote": request.remote_addr,
            "request_id": g.get("request_id"),
        },
    )


def counted_address() -> str:
    """Return whom a rate limit counts: the peer's address, of IPv6 the network of 64 bits.

    A single line at home has such a network, with more addresses than anybody could count.
    """
    return counted(request.remote_addr or "")


def counted(address: str) -> str:
    """Return the address, or the network that counts as one."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(found), 64), strict=False))


def read_body(limit_bytes: int) -> bytes:
    """Return the request's body, inflated when it is gzip; 413 when it is over the limit.

    The limit counts inflated bytes, so a small bomb is stopped while it inflates.
    """
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", ""):
        raise BadRequest("Send the body as it is or with Content-Encoding: gzip.")
    request.max_content_length = limit_bytes
    raw = request.get_data(cache=False)
    if encoding != "gzip":
        return raw
    return inflate(raw, limit_bytes)


def inflate(raw: bytes, limit_bytes: int) -> bytes:
    """Return the content of one gzip stream of at most `limit_bytes`."""
    stream, out = cast(BinaryIO, BytesIO(raw)), BytesIO()
    inflater = zlib.decompressobj(wbits=31)
    try:
        while chunk := stream.read(65_536):
            out.write(inflater.decompress(chunk, limit_bytes + 1 - out.tell()))
            if out.tell() > limit_bytes:
                raise RequestEntityTooLarge
    except zlib.error as error:
        raise BadRequest("The gzip body is damaged.") from error
    if not inflater.eof or inflater.unused_data:
        raise BadRequest("The gzip body is cut off or is followed by something else.")
    return out.getvalue()
