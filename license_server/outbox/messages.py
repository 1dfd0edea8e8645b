"""The words of the mails. PURE."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from license_server.outbox.letter import Block, Code, Facts, Letter

_CLOSING: Block = "Sentari"


def key_mail(
    *, customer_name: str, license_key: str, tier: str, expires_at: date, replaces: bool
) -> Letter:
    """Return the mail that brings a license key."""
    opening = (
        "Here is your new Sentari license key. The key you had before no longer works; your "
        "server keeps its license until its offline days are over, so install this one soon."
        if replaces
        else "Here is your Sentari license key."
    )
    return Letter(
        "Your Sentari license key",
        (
            f"Hello {customer_name},",
            opening,
            Code(license_key),
            Facts((("Tier", tier), ("Expires", f"{expires_at.isoformat()} (UTC)"))),
            "Paste the key in Settings > License of your Sentari server, or start the server with "
            "SENTARI_LICENSE_KEY set to it. The server then fetches its license by itself; it "
            "needs HTTPS to the license server. Without a network, the same page makes a request "
            "file and says where to have it answered.",
            "Keep this mail: for your safety we store no copy of the key and cannot show it "
            "again. If it is lost, ask your representative for a new one.",
            _CLOSING,
        ),
    )


@dataclass(frozen=True)
class Expiry:
    """A license that is about to expire."""

    customer_name: str
    tier: str
    key_hint: str
    expires_at: date
    grace_period_days: int
    read_only_period_days: int


def expiry_mail(expiry: Expiry, *, today: date) -> Letter:
    """Return the mail that says that a license expires soon, and what then happens."""
    left = (expiry.expires_at - today).days
    days = f"{left} {'day' if left == 1 else 'days'}"
    return Letter(
        f"Your Sentari license expires on {expiry.expires_at.isoformat()}: {days} left",
        (
            f"Hello {expiry.customer_name},",
            f"your Sentari license is valid until {expiry.expires_at.isoformat()}, 00:00 UTC. "
            f"That is {days} from the day of this mail, {today.isoformat()}.",
            Facts((("Tier", expiry.tier), ("License key", f"ends in {expiry.key_hint}"))),
            _afterwards(expiry),
            "To renew it, write to your Sentari representative. You need no new key: your server "
            "fetches the new terms when it next checks in. A server without a network gets them "
            "with its next request file.",
            _CLOSING,
        ),
    )


def _afterwards(expiry: Expiry) -> str:
    read_only = expiry.expires_at + timedelta(days=expiry.grace_period_days)
    locked = read_only + timedelta(days=expiry.read_only_period_days)
    sentences = []
    if read_only > expiry.expires_at:
        sentences.append(
            f"Without a renewal everything goes on with a warning until {read_only.isoformat()}."
        )
    if locked > read_only:
        sentences.append(
            f"From {read_only.isoformat()} the server is read-only: it shows and exports what it "
            "has, and takes no new scans."
        )
    sentences.append(
        f"From {locked.isoformat()} only signing in and Settings > License still work. Nothing "
        "is deleted."
    )
    return " ".join(sentences)


@dataclass(frozen=True)
class Silence:
    """A server that has not checked in for too long; it locks itself at `locks_at`."""

    customer_name: str
    instance_id: str
    server_version: str
    last_check_in_at: datetime
    locks_at: datetime
    airgap: bool


def silence_mail(silence: Silence) -> Letter:
    """Return the mail that says that a server has stopped to check in."""
    since = f"{silence.last_check_in_at:%Y-%m-%d %H:%M} UTC"
    return Letter(
        f"Your Sentari server has not checked in since {silence.last_check_in_at:%Y-%m-%d}",
        (
            f"Hello {silence.customer_name},",
            f"one of your Sentari servers last renewed its license on {since}. Half of the time "
            "that it may run without the license server has passed.",
            Facts(
                (
                    ("Instance", silence.instance_id),
                    ("Version", silence.server_version),
                    ("Last check-in", since),
                    ("Locks at", f"{silence.locks_at:%Y-%m-%d %H:%M} UTC"),
                )
            ),
            _what_to_do(airgap=silence.airgap),
            "If the server is no longer in use, tell your Sentari representative: its place on "
            "the license is then free for another one.",
            _CLOSING,
        ),
    )


def _what_to_do(*, airgap: bool) -> str:
    if airgap:
        return (
            "What to do: open Settings > License > Offline activation of that server, take its "
            "request to the license server and bring the reply back. If the server has a network, "
            "the connection test on the same page says what is in the way."
        )
    return (
        "What to do: see that the server runs, and open Settings > License on it. The connection "
        "test there says what is in the way, step by step: a firewall, a proxy, the name service."
    )
