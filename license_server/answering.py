"""Answer a request, by whichever way it came: counted, judged, recorded, then signed."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from license_server import metrics
from license_server.activations import check_in
from license_server.activations.check_in import Desk
from license_server.activations.replies import Answered
from license_server.errors import CheckInRefusedError, LicenseServerError
from license_server.extensions import current, db, writing
from license_token.errors import BadSignatureError, LicenseTokenError
from license_token.reply import ReplyClaims
from license_token.request import Request, RequestClaims, read_request
from serverkit.problems import Problem

log = logging.getLogger(__name__)

PER_ADDRESS = "100/minute"


@dataclass(frozen=True)
class Exchange:
    """A request that was answered, its text without armour, and the joined reply."""

    document: str
    request: RequestClaims
    claims: ReplyClaims
    reply: str


def answer(read: Callable[[], str], address: str) -> Exchange:
    """Return the reply to the request that `read` returns or refuses; count and log it.

    Raise LicenseServerError or Problem. Every call counts for the sender's address, also one
    that is refused.
    """
    started = time.perf_counter()
    try:
        exchange = _answer(read, address)
    except (LicenseServerError, Problem) as error:
        metrics.count_check_in(error.code, time.perf_counter() - started)
        log.info("check-in refused", extra={"code": error.code, "detail": error.detail})
        raise
    metrics.count_check_in("ok", time.perf_counter() - started)
    return exchange


def _answer(read: Callable[[], str], address: str) -> Exchange:
    limit = (PER_ADDRESS, "check-in", address)
    limiter = current().rate_limiter
    limiter.check(*limit)
    try:
        request = _verified(read())
    except (LicenseServerError, Problem):
        limiter.hit(*limit)
        raise
    with writing() as session:
        limiter.hit_within(session.connection(), *limit)
        outcome = _settled(session, request.claims)
    if isinstance(outcome, LicenseServerError):
        raise outcome
    return Exchange(request.text, request.claims, outcome.claims, _signed(outcome))


def _verified(text: str) -> Request:
    try:
        request = read_request(text)
    except BadSignatureError as error:
        raise CheckInRefusedError("bad_signature", str(error)) from error
    except LicenseTokenError as error:
        raise CheckInRefusedError("malformed", str(error)) from error
    ours = current().settings.issuer_url
    if request.claims.audience != ours:
        detail = f"the request was made for another license server; this one is {ours}"
        raise CheckInRefusedError("malformed", detail)
    return request


def _settled(session: Session, claims: RequestClaims) -> Answered | LicenseServerError:
    """Return a refusal instead of raising it, so that the hit is committed with it.

    One transaction for both: a second one would cost a second wait for the disk.
    """
    server = current()
    now = server.clock.now()
    try:
        signer = server.keyring.current(session, int(now.timestamp()))
        verdict = check_in.judge(session, claims, Desk(now, signer, server.settings.issuer_url))
    except LicenseServerError as refusal:
        return refusal
    return check_in.settle(session, verdict)


def _signed(answered: Answered) -> str:
    """Sign when the transaction is over: nobody waits for a lock meanwhile."""
    signer = current().keyring.get(db.session(), answered.signing_kid)
    if signer is None:
        detail = (
            f"this request was answered on {answered.received_on}, too long ago to be "
            "answered again; make a new one"
        )
        raise CheckInRefusedError("malformed", detail)
    return signer.sign(answered.claims)
