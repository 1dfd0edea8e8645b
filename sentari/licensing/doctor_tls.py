"""What the connection test says about TLS: who issued the certificate, and who inspects."""

from datetime import datetime

from sentari.licensing import trust
from sentari.licensing.answer import CheckInError
from sentari.licensing.causes import Cause, explain
from sentari.licensing.check_in import HttpTransport
from sentari.licensing.peek import presented_certificate, trusted_by_system
from serverkit.wire import Trace

# OpenSSL's verification codes (openssl-verification-options, "Diagnostics").
_NOT_YET_VALID, _EXPIRED = 9, 10
_OTHER_NAME, _OTHER_ADDRESS = 62, 64

_CHECK_CLOCK = (
    "Check this machine's clock first. When it is right, the certificate on the other side has to"
    " be renewed."
)
_CHECK_NAME = (
    "Something else answers under the license server's name: check SENTARI_LICENSE_SERVER_URL,"
    " the DNS server, and filters on the way."
)


def tls_found(transport: HttpTransport, trace: Trace) -> str:
    """Describe a handshake that went well, and an inspection that the bundle allows."""
    issuer = trust.issuer_of(trace.certificate or b"")
    seen = f"{trace.tls_version}; the certificate was issued by {issuer}."
    product = trust.inspector_named(issuer)
    through_bundle = transport.settings.ca_bundle and trusted_by_system(transport) is False
    if product is None and not through_bundle:
        return seen
    by = f" by {product}" if product else ""
    return f"{seen} TLS is inspected on the way{by}, and SENTARI_CA_BUNDLE allows it."


def tls_advice(
    failure: CheckInError, transport: HttpTransport, trace: Trace, now: datetime
) -> tuple[str, str]:
    """Describe a handshake that failed: whose certificate was seen, and what to change."""
    certificate = presented_certificate(transport)
    if certificate is None or trace.verify_code is None:
        return failure.detail, explain(Cause.TLS).advice
    issuer = trust.issuer_of(certificate)
    detail = f"{failure.detail} The certificate seen was issued by {issuer}"
    if trace.verify_code in (_NOT_YET_VALID, _EXPIRED):
        return f"{detail}{_valid(certificate)}; this machine's date is {now.date()}.", _CHECK_CLOCK
    if trace.verify_code in (_OTHER_NAME, _OTHER_ADDRESS):
        return f"{detail}.", _CHECK_NAME
    product = trust.inspector_named(issuer)
    return f"{detail}.", _inspected(product, transport.route().target.host)


def _valid(certificate: bytes) -> str:
    validity = trust.validity_of(certificate)
    return f" and is valid from {validity[0].date()} to {validity[1].date()}" if validity else ""


def _inspected(product: str | None, host: str) -> str:
    who = product or "A proxy or firewall (it calls itself by the issuer's name)"
    return (
        f"{who} most likely inspects TLS on the way. Export its CA certificate in PEM form and set"
        f" SENTARI_CA_BUNDLE to that file, or exempt {host} from inspection."
    )
