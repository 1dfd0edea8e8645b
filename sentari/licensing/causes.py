"""PURE: the named causes why a check-in changed nothing, and what to do about each."""

from dataclasses import dataclass
from enum import StrEnum


class Cause(StrEnum):
    """Name why a check-in or a presented reply was not applied."""

    DNS = "dns"
    CONNECT = "connect"
    TIMEOUT = "timeout"
    TLS = "tls"
    PROXY_AUTH = "proxy_auth"
    HTTP_STATUS = "http_status"
    NOT_A_REPLY = "not_a_reply"
    BAD_SIGNATURE = "bad_signature"
    UNTRUSTED_KEY = "untrusted_key"
    WRONG_INSTANCE = "wrong_instance"
    WRONG_NONCE = "wrong_nonce"
    STALE = "stale"
    WRONG_ISSUER = "wrong_issuer"
    CERTIFICATE_INVALID = "certificate_invalid"
    UNKNOWN_KEY = "unknown_key"
    ACTIVATION_LIMIT = "activation_limit"
    APPROVAL_PENDING = "approval_pending"


@dataclass(frozen=True)
class Explanation:
    """Say a cause in words: what happened, and what a person can do."""

    title: str
    advice: str


_EXPLANATIONS = {
    Cause.DNS: Explanation(
        "The name could not be looked up",
        "Check the DNS server of this machine, or set SENTARI_HTTPS_PROXY when only a proxy"
        " may look up public names.",
    ),
    Cause.CONNECT: Explanation(
        "No connection could be made",
        "Allow outbound HTTPS (port 443) from this server to the license server, or set"
        " SENTARI_HTTPS_PROXY when traffic has to pass a proxy.",
    ),
    Cause.TIMEOUT: Explanation(
        "No complete answer came in time",
        "Check for a firewall or a proxy that holds the connection; Sentari tries again by itself.",
    ),
    Cause.TLS: Explanation(
        "The license server's certificate was not accepted",
        "When a proxy on the way inspects TLS, set SENTARI_CA_BUNDLE to the file with its CA"
        " certificate (PEM); otherwise check this machine's clock and CA certificates.",
    ),
    Cause.PROXY_AUTH: Explanation(
        "The proxy asks for a user and a password",
        "Set SENTARI_HTTPS_PROXY=http://user:password@proxy:port; percent-encode special"
        " characters in both.",
    ),
    Cause.HTTP_STATUS: Explanation(
        "The license server answered with an error",
        "Sentari tries again by itself. When it stays, check that nothing on the way answers in"
        " the license server's place, and contact your Sentari representative.",
    ),
    Cause.NOT_A_REPLY: Explanation(
        "The answer is not a license reply",
        "Something on the way, such as a captive portal or a filter, probably answered in the"
        " license server's place: exempt the license server's address there.",
    ),
    Cause.BAD_SIGNATURE: Explanation(
        "A signature does not verify",
        "The document was changed on its way or is damaged. Fetch it again; when it stays,"
        " contact your Sentari representative.",
    ),
    Cause.UNTRUSTED_KEY: Explanation(
        "The reply is signed by a key that this server does not trust",
        "Check that SENTARI_LICENSE_SERVER_URL names the right license server and that this"
        " server pins its root keys.",
    ),
    Cause.WRONG_INSTANCE: Explanation(
        "The reply was made for another server",
        "Fetch a reply with the request of this very server.",
    ),
    Cause.WRONG_NONCE: Explanation(
        "The reply does not answer an open request of this server",
        "Make a new request and fetch the reply to it; a reply can be used once and for 30 days.",
    ),
    Cause.STALE: Explanation(
        "The reply is older than the one already installed",
        "Make a new request and fetch the reply to it.",
    ),
    Cause.WRONG_ISSUER: Explanation(
        "The reply comes from another issuer",
        "Check SENTARI_LICENSE_SERVER_URL; behind a private relay set SENTARI_LICENSE_ISSUER to"
        " the license server's own address.",
    ),
    Cause.CERTIFICATE_INVALID: Explanation(
        "The vendor's signing certificate is not valid for this reply",
        "Fetch a new reply; when it stays, contact your Sentari representative.",
    ),
    Cause.UNKNOWN_KEY: Explanation(
        "The license server does not know this license key",
        "Compare the key with the mail it came in; a key that was replaced no longer works.",
    ),
    Cause.ACTIVATION_LIMIT: Explanation(
        "The license is already in use on another server",
        "Ask your Sentari representative to release the old server's activation.",
    ),
    Cause.APPROVAL_PENDING: Explanation(
        "The license still waits for the vendor's approval",
        "Nothing is wrong on this server. Sentari tries again by itself; ask your Sentari"
        " representative when it takes long.",
    ),
}


# With these the vendor was not heard, and trying again later may help.
NOT_REACHED = frozenset(
    {
        Cause.DNS,
        Cause.CONNECT,
        Cause.TIMEOUT,
        Cause.TLS,
        Cause.PROXY_AUTH,
        Cause.HTTP_STATUS,
        Cause.NOT_A_REPLY,
    }
)


def explain(cause: Cause) -> Explanation:
    """Return the words for `cause`."""
    return _EXPLANATIONS[cause]
