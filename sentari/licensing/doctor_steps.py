"""The steps of the walk to the vendor: what each one found, in words, and what to change."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from license_token.errors import LicenseTokenError
from license_token.keys import RootSet, thumbprint
from license_token.reply import read_reply
from license_token.request import read_request
from sentari.licensing.acceptance import (
    Expectation,
    ReplyRefusedError,
    check_acceptable,
    refusal_of,
)
from sentari.licensing.answer import Answer, CheckInError, reply_in
from sentari.licensing.causes import Cause, explain
from sentari.licensing.check_in import HttpTransport
from sentari.licensing.doctor_tls import tls_advice, tls_found
from serverkit.clock import Clock
from serverkit.wire import Stage, Trace

LARGEST_CLOCK_ERROR = timedelta(minutes=5)


class StepName(StrEnum):
    """Name the steps in their order; `tunnel` is there only when a proxy is."""

    CONFIGURATION = "configuration"
    PROXY = "proxy"
    DNS = "dns"
    TCP = "tcp"
    TUNNEL = "tunnel"
    TLS = "tls"
    HTTP = "http"
    REPLY = "reply"
    CLOCK = "clock"


class StepStatus(StrEnum):
    """Say how a step went."""

    OK = "ok"
    BROKEN = "broken"
    SKIPPED = "skipped"


_TITLES = {
    StepName.CONFIGURATION: "Configuration",
    StepName.PROXY: "Proxy",
    StepName.DNS: "Name lookup (DNS)",
    StepName.TCP: "Connection (TCP)",
    StepName.TUNNEL: "Way through the proxy",
    StepName.TLS: "Encryption (TLS)",
    StepName.HTTP: "Answer (HTTP)",
    StepName.REPLY: "Signed reply",
    StepName.CLOCK: "Clock",
}

# Refusals in which the license server itself has spoken: the way to it is open.
_VENDORS_OWN = {
    Cause.UNKNOWN_KEY,
    Cause.ACTIVATION_LIMIT,
    Cause.APPROVAL_PENDING,
    Cause.BAD_SIGNATURE,
}


@dataclass(frozen=True)
class Step:
    """One step: what was found and, when it is broken, what to change."""

    name: StepName
    status: StepStatus
    detail: str
    advice: str | None = None
    duration_seconds: float | None = None

    @property
    def title(self) -> str:
        """Return the step's name for people."""
        return _TITLES[self.name]


def airgap() -> Step:
    """Return the only step in airgap mode."""
    return Step(
        StepName.CONFIGURATION,
        StepStatus.OK,
        "SENTARI_LICENSE_MODE is airgap: this server makes no outbound license call.",
        "Fetch the request under Settings → License and carry it to the license server by hand.",
    )


def not_reached(name: StepName) -> Step:
    """Return a step that was not taken."""
    return Step(name, StepStatus.SKIPPED, "Not reached.")


def configuration(transport: HttpTransport, roots: RootSet, clock: Clock) -> Step:
    """Check what can be checked without the network."""

    def check() -> tuple[str, str | None]:
        transport.trust_context()
        if not roots:
            raise CheckInError(Cause.UNTRUSTED_KEY, "No root key is pinned: no license verifies.")
        settings = transport.settings
        bundle = f" SENTARI_CA_BUNDLE is {settings.ca_bundle}." if settings.ca_bundle else ""
        count = f"{len(roots.kids)} root key{'s' if len(roots.kids) > 1 else ''}"
        return f"License server {settings.server_url}; {count} pinned.{bundle}", None

    advice = {
        Cause.TLS: "Set SENTARI_CA_BUNDLE to a readable file with CA certificates in PEM form.",
        Cause.UNTRUSTED_KEY: "Set SENTARI_LICENSE_PUBLIC_KEY_PATH to the vendor's root key file.",
    }
    return _measured(StepName.CONFIGURATION, check, advice, clock)


def proxy(transport: HttpTransport, clock: Clock) -> Step:
    """Say which way the call takes, and why."""

    def check() -> tuple[str, str | None]:
        return transport.route().reason, None

    advice = {Cause.CONNECT: "Write the proxy as http://user:password@host:port, percent-encoded."}
    return _measured(StepName.PROXY, check, advice, clock)


def connection(
    transport: HttpTransport, trace: Trace, failure: CheckInError | None, now: datetime
) -> Iterator[Step]:
    """Yield the steps from the lookup to the answer, as far as the call came."""
    broken_at = None if failure is None else trace.stage or Stage.DNS
    for stage in (Stage.DNS, Stage.TCP, Stage.TUNNEL, Stage.TLS, Stage.HTTP):
        took = trace.seconds.get(stage)
        if failure is not None and stage is broken_at:
            yield _broken(stage, failure, transport, trace, now)
            return
        if stage is Stage.TLS and took is None:
            detail = "Plain HTTP to this machine itself; there is no TLS."
            yield Step(StepName.TLS, StepStatus.SKIPPED, detail)
        elif stage is not Stage.HTTP and took is not None:
            detail = _found_at(stage, transport, trace)
            yield Step(StepName(stage), StepStatus.OK, detail, duration_seconds=took)


def http(trace: Trace, answer: Answer, document: str | None) -> Step:
    """Judge whether it was the license server that answered."""
    took = trace.seconds.get(Stage.HTTP)
    detail = f"HTTP {answer.status}, {answer.media_type or 'of no known type'}."
    try:
        reply_in(answer)
    except CheckInError as refusal:
        expected = "malformed" if document is None else None
        if refusal.cause not in _VENDORS_OWN and (refusal.code or "") != expected:
            advice = explain(refusal.cause).advice
            return Step(StepName.HTTP, StepStatus.BROKEN, refusal.detail, advice, took)
    return Step(StepName.HTTP, StepStatus.OK, detail, duration_seconds=took)


def reply(answer: Answer, roots: RootSet, document: str | None, clock: Clock) -> Step:
    """Verify the reply as if it were to be applied."""
    if document is None:
        detail = "No license key was given yet, so there is no reply to verify."
        return Step(StepName.REPLY, StepStatus.SKIPPED, detail)

    def check() -> tuple[str, str | None]:
        verified = read_reply(reply_in(answer), roots)
        asked = read_request(document).claims
        expected = Expectation(
            issuer=asked.audience,
            instance_id=asked.instance_id,
            confirmation=thumbprint(asked.public_key),
            nonces=frozenset([asked.jti]),
            airgap=False,
        )
        check_acceptable(verified.claims, expected)
        return f"The reply verifies; it is signed by the key {verified.kid}.", None

    return _measured(StepName.REPLY, check, {}, clock)


def clock(answer: Answer, now: datetime) -> Step:
    """Compare this machine's clock with the one of whoever answered."""
    if answer.sent_at is None:
        detail = "The answer does not carry the license server's time."
        return Step(StepName.CLOCK, StepStatus.SKIPPED, detail)
    error = now - answer.sent_at
    if abs(error) <= LARGEST_CLOCK_ERROR:
        detail = "This machine's clock agrees with the license server's."
        return Step(StepName.CLOCK, StepStatus.OK, detail)
    seconds = int(abs(error).total_seconds())
    side = "ahead of" if error > timedelta(0) else "behind"
    detail = f"This machine's clock is {seconds} seconds {side} the license server's."
    advice = "Set the clock, and let a time service (NTP) keep it right."
    return Step(StepName.CLOCK, StepStatus.BROKEN, detail, advice)


def _found_at(stage: Stage, transport: HttpTransport, trace: Trace) -> str:
    route = transport.route()
    first_hop = route.proxy or route.target
    if stage is Stage.DNS:
        return f"{first_hop.host} has the address {', '.join(trace.addresses[:4])}."
    if stage is Stage.TCP:
        return f"Connected to {trace.peer}, port {first_hop.port}."
    if stage is Stage.TUNNEL:
        return f"The proxy opened the way to {route.target.address}."
    return tls_found(transport, trace)


def _broken(
    stage: Stage,
    failure: CheckInError,
    transport: HttpTransport,
    trace: Trace,
    now: datetime,
) -> Step:
    detail, advice = failure.detail, explain(failure.cause).advice
    if stage is Stage.TLS and failure.cause is Cause.TLS:
        detail, advice = tls_advice(failure, transport, trace, now)
    took = trace.seconds.get(stage)
    return Step(StepName(stage), StepStatus.BROKEN, detail, advice, took)


def _measured(
    name: StepName,
    check: Callable[[], tuple[str, str | None]],
    advice: dict[Cause, str],
    clock: Clock,
) -> Step:
    began = clock.monotonic()
    try:
        detail, hint = check()
        status = StepStatus.OK
    except (CheckInError, ReplyRefusedError) as error:
        status, detail = StepStatus.BROKEN, error.detail
        hint = advice.get(error.cause, explain(error.cause).advice)
    except LicenseTokenError as error:
        refusal = refusal_of(error)
        status, detail, hint = StepStatus.BROKEN, refusal.detail, explain(refusal.cause).advice
    return Step(name, status, detail, hint, clock.monotonic() - began)
