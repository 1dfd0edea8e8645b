"""PURE: what the bytes that came back from a check-in call mean."""

import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from sentari.licensing.causes import Cause

MAX_BODY_BYTES = 65_536
LONGEST_RETRY_AFTER_SECONDS = 86_400
LONGEST_DETAIL = 200
REPLY_TYPE = "application/jwt"
PROBLEM_TYPE = "application/problem+json"

# Every other code of the vendor is an ordinary HTTP error to the operator.
_CAUSE_OF_CODE = {
    "unknown_key": Cause.UNKNOWN_KEY,
    "activation_limit": Cause.ACTIVATION_LIMIT,
    "approval_pending": Cause.APPROVAL_PENDING,
    "bad_signature": Cause.BAD_SIGNATURE,
}
_CODE = re.compile(r"[a-z0-9_]{1,64}")
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}")
_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,64}/[a-z0-9!#$&^_.+-]{1,64}")


class CheckInError(Exception):
    """A check-in brought no reply; nothing about the license changes.

    `detail` is one line that may be shown and logged: it holds no password, key or document.
    `code` is the vendor's own word for it, when it gave one.
    """

    def __init__(
        self,
        cause: Cause,
        detail: str,
        *,
        code: str | None = None,
        retry_after_seconds: int | None = None,
    ) -> None:
        super().__init__(f"{cause}: {detail}")
        self.cause = cause
        self.detail = detail
        self.code = code
        self.retry_after_seconds = retry_after_seconds


@dataclass(frozen=True)
class Answer:
    """An HTTP answer as received: header names in lower case, the body not yet inflated."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        """Return the content type without its parameters, or an empty text."""
        media_type = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        return media_type if _MEDIA_TYPE.fullmatch(media_type) else ""

    @property
    def sent_at(self) -> datetime | None:
        """Return the sender's clock (RFC 9110, `Date`), or None when it does not say."""
        return _http_date(self.headers.get("date", ""))


def reply_in(answer: Answer) -> str:
    """Return the reply's text, or raise CheckInError with what the answer says instead."""
    if answer.status != 200:
        raise _refusal(answer)
    if answer.media_type != REPLY_TYPE:
        found = answer.media_type or "of no known type"
        raise CheckInError(Cause.NOT_A_REPLY, f"The answer is {found}, not {REPLY_TYPE}.")
    try:
        text = inflate(answer).decode("ascii").strip()
    except UnicodeDecodeError:
        text = ""
    if not text:
        raise CheckInError(Cause.NOT_A_REPLY, "The answer is empty or no text.")
    return text


def inflate(answer: Answer) -> bytes:
    """Return the body without its content encoding; at most MAX_BODY_BYTES are ever unpacked.

    Identity is asked for, but some relays compress all the same.
    """
    if len(answer.body) > MAX_BODY_BYTES:
        raise _too_long()
    encoding = answer.headers.get("content-encoding", "").strip().lower()
    if encoding in ("", "identity"):
        return answer.body
    if encoding not in ("gzip", "x-gzip"):
        raise CheckInError(Cause.NOT_A_REPLY, "The answer has an encoding that was not asked for.")
    return _gunzip(answer.body)


def _too_long() -> CheckInError:
    return CheckInError(Cause.NOT_A_REPLY, f"The answer is longer than {MAX_BODY_BYTES} bytes.")


def retry_after_seconds(answer: Answer) -> int | None:
    """Return the wait that the answer asks for, 1 to 86,400 seconds (RFC 9110, 10.2.3).

    A date counts from the answer's own `Date`, so that this machine's clock does not matter.
    """
    value = answer.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        seconds = int(value[:10])
    else:
        until, sent_at = _http_date(value), answer.sent_at
        if until is None or sent_at is None:
            return None
        seconds = int((until - sent_at).total_seconds())
    return min(max(seconds, 1), LONGEST_RETRY_AFTER_SECONDS)


def one_line(text: str) -> str:
    """Return a stranger's text as one short line of printable characters."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    line = " ".join(printable.split())
    return line if len(line) <= LONGEST_DETAIL else f"{line[: LONGEST_DETAIL - 1]}…"


def _refusal(answer: Answer) -> CheckInError:
    if answer.status == 407:
        return CheckInError(Cause.PROXY_AUTH, "The proxy refuses without the right password (407).")
    if 300 <= answer.status < 400:
        return CheckInError(Cause.HTTP_STATUS, _redirect(answer))
    if answer.status < 300:
        return CheckInError(Cause.NOT_A_REPLY, f"The answer was HTTP {answer.status}, not 200.")
    code, words = _problem(answer)
    detail = f"The license server answered HTTP {answer.status}"
    return CheckInError(
        _CAUSE_OF_CODE.get(code or "", Cause.HTTP_STATUS),
        f"{detail}: {words.rstrip('.')}." if words else f"{detail}.",
        code=code,
        retry_after_seconds=retry_after_seconds(answer),
    )


def _redirect(answer: Answer) -> str:
    try:
        host = urlsplit(answer.headers.get("location", "")[:2048]).hostname or ""
    except ValueError:
        host = ""
    to = f" to {host}" if _HOST.fullmatch(host) else ""
    return f"The answer is a redirect (HTTP {answer.status}){to}; redirects are not followed."


def _problem(answer: Answer) -> tuple[str | None, str]:
    """Return code and words of a problem document (RFC 9457), as far as it is one."""
    if answer.media_type != PROBLEM_TYPE:
        return None, ""
    try:
        problem = json.loads(inflate(answer))
    except (CheckInError, ValueError, RecursionError):
        return None, ""
    if not isinstance(problem, dict):
        return None, ""
    code, words = problem.get("code"), problem.get("detail") or problem.get("title")
    known = isinstance(code, str) and _CODE.fullmatch(code)
    return code if known else None, one_line(words) if isinstance(words, str) else ""


def _gunzip(body: bytes) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)
    try:
        unpacked = unpacker.decompress(body, MAX_BODY_BYTES + 1)
    except zlib.error as error:
        raise CheckInError(Cause.NOT_A_REPLY, "The answer's gzip data is damaged.") from error
    if len(unpacked) > MAX_BODY_BYTES:
        raise _too_long()
    if not unpacker.eof:
        raise CheckInError(Cause.NOT_A_REPLY, "The answer's gzip data breaks off.")
    return unpacked


def _http_date(text: str) -> datetime | None:
    try:
        parsed = parsedate_to_datetime(text[:64])
        # A date without a zone is meant as UTC: HTTP knows no other.
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
