"""Who asks, for the agents' endpoints: certificate, device token, or a terminator's word."""

import hashlib
import hmac
import ssl
from collections.abc import Iterator

from flask import request

from sentari.agents import identity
from sentari.agents.identity import Caller, Evidence
from sentari.agents.terminator import TerminatorError, fingerprint_of_pem, read_fingerprint
from sentari.extensions import current, single_statements


def device_caller() -> Caller | None:
    """Return the device that proved itself, or None where a claim alone is believed."""
    caller = identity.caller_of(single_statements(), evidence(), current().clock.now())
    if caller is None and current().settings.mtls_required:
        raise identity.no_identity()
    return caller


def proven_device() -> Caller:
    """Return the device that proved itself; a claim is never enough."""
    caller = device_caller()
    if caller is None:
        raise identity.no_identity()
    return caller


def evidence() -> Evidence:
    """Return what the request brings to prove which device it is."""
    token = identity.bearer_token(request.headers.get("Authorization", ""))
    try:
        return Evidence(token, frozenset((*_from_connection(), *_from_terminator())))
    except TerminatorError as error:
        raise identity.no_identity(f"The TLS terminator's header is wrong: {error}.") from error


def _from_connection() -> Iterator[str]:
    """Yield the fingerprint of the client certificate of this very connection."""
    connection = request.environ.get("gunicorn.socket")
    if isinstance(connection, ssl.SSLSocket):
        certificate = connection.getpeercert(binary_form=True)
        if certificate:
            yield hashlib.sha256(certificate).hexdigest()


def _from_terminator() -> Iterator[str]:
    """Yield what the terminator says, when it proves that it is the terminator."""
    secret = current().settings.proxy_auth_secret
    shown = request.headers.get("X-Sentari-Proxy-Auth", "")
    if secret is None or not hmac.compare_digest(shown.encode("latin-1"), secret.encode()):
        return
    if header := request.headers.get("X-Client-Cert-Fingerprint"):
        yield read_fingerprint(header)
    if header := request.headers.get("X-Client-Cert"):
        yield fingerprint_of_pem(header)
