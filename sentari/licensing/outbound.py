"""PURE: where a check-in goes and through which proxy."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

LONGEST_URL = 2_048
LONGEST_NO_PROXY = 8_192
CHECK_IN_PATH = "/api/v1/check-in"

_DEFAULT_PORTS = {"http": 80, "https": 443}
_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST_NAME = re.compile(rf"(?!.{{254}}){_LABEL}(\.{_LABEL})*\.?")
_UNSAFE = re.compile(r"[^!-~]|\\")


class OutboundError(ValueError):
    """An outbound setting cannot be used; the text never repeats the value."""


@dataclass(frozen=True)
class Proxies:
    """Hold one family of proxy variables as they were written; they may carry passwords."""

    https: str | None = field(default=None, repr=False)
    http: str | None = field(default=None, repr=False)
    no_proxy: str | None = None


@dataclass(frozen=True)
class Target:
    """Name the host and port of the license server, and the address of its check-in call."""

    scheme: str
    host: str
    port: int
    url: str

    @property
    def address(self) -> str:
        """Return `host:port`, with brackets around an IPv6 address."""
        return _address(self.host, self.port)

    @property
    def loopback(self) -> bool:
        """Say whether the host is this machine itself."""
        return _is_loopback(self.host)


@dataclass(frozen=True)
class Proxy:
    """Name a proxy; user and password are decoded and appear in no text."""

    scheme: str
    host: str
    port: int
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    @property
    def address(self) -> str:
        """Return `host:port`, with brackets around an IPv6 address."""
        return _address(self.host, self.port)

    @property
    def url(self) -> str:
        """Return the proxy's address without user and password."""
        return f"{self.scheme}://{self.address}"

    @property
    def credentials(self) -> str | None:
        """Return `user:password` for the Basic scheme (RFC 7617), or None without a user."""
        return None if self.username is None else f"{self.username}:{self.password or ''}"


@dataclass(frozen=True)
class OutboundSettings:
    """Everything an outbound call depends on; `proxies` go before `standard_proxies`.

    Raises OutboundError when the server's address or one of the own proxies cannot be used. A
    standard variable that cannot be used is reported only when a call would need it, because it
    may have been written for other programs.
    """

    server_url: str
    version: str
    proxies: Proxies = Proxies()
    standard_proxies: Proxies = Proxies()
    ca_bundle: Path | None = None
    connect_seconds: float = 5.0
    total_seconds: float = 15.0

    def __post_init__(self) -> None:
        read_server_url(self.server_url)
        for proxy in (self.proxies.https, self.proxies.http):
            if proxy:
                read_proxy(proxy)


@dataclass(frozen=True)
class Route:
    """The way to the license server: directly, or through `proxy`; `reason` is one sentence."""

    target: Target
    proxy: Proxy | None
    reason: str


def standard_proxies(environ: Mapping[str, str]) -> Proxies:
    """Return the proxy variables that other programs share; lower case goes first, as in curl."""

    def either(name: str) -> str | None:
        return environ.get(name) or environ.get(name.upper()) or None

    return Proxies(either("https_proxy"), either("http_proxy"), either("no_proxy"))


def read_server_url(text: str) -> Target:
    """Return the target of check-ins; plain http is for loopback hosts only."""
    parts = _split(text, "the license server's address", "https://license.sentari.dev")
    if parts.scheme not in _DEFAULT_PORTS:
        raise OutboundError("the license server's address must begin with https://")
    if parts.username is not None or parts.query or parts.fragment:
        raise OutboundError("the license server's address carries a user, a query or a fragment")
    host, port = _host_and_port(parts, "the license server's address")
    if parts.scheme == "http" and not _is_loopback(host):
        raise OutboundError("plain http:// is accepted for loopback hosts only: use https://")
    url = f"{parts.scheme}://{_address(host, port)}{parts.path.rstrip('/')}{CHECK_IN_PATH}"
    return Target(parts.scheme, host, port, url)


def read_proxy(text: str) -> Proxy:
    """Return a proxy from `http://user:password@host:port`; the scheme may be left out."""
    with_scheme = text if "://" in text else f"http://{text}"
    parts = _split(with_scheme, "the proxy's address", "http://proxy.example:3128")
    if parts.scheme not in _DEFAULT_PORTS:
        raise OutboundError("the proxy's address must begin with http:// or https://")
    host, port = _host_and_port(parts, "the proxy's address")
    username = None if parts.username is None else unquote(parts.username)
    password = None if parts.password is None else unquote(parts.password)
    return Proxy(parts.scheme, host, port, username, password)


def choose_route(settings: OutboundSettings) -> Route:
    """Return the way to the license server.

    The product's own variables are obeyed for every host. A proxy that is meant for all programs
    is not asked for loopback hosts: it could only reach its own.
    """
    target = read_server_url(settings.server_url)
    own, standard = settings.proxies, settings.standard_proxies
    variable, written = _chosen_proxy(settings, target.scheme)
    if not written:
        return Route(target, None, "No proxy is set; the connection is direct.")
    if bypasses(own.no_proxy or standard.no_proxy or "", target.host, target.port):
        exempting = "SENTARI_NO_PROXY" if own.no_proxy else "NO_PROXY"
        return Route(target, None, f"{exempting} exempts {target.host}; the connection is direct.")
    if target.loopback and not variable.startswith("SENTARI_"):
        return Route(target, None, f"{target.host} is this machine; the connection is direct.")
    try:
        proxy = read_proxy(written)
    except OutboundError as error:
        raise OutboundError(f"{variable}: {error}") from error
    return Route(target, proxy, f"{variable} names the proxy {proxy.url}.")


def bypasses(no_proxy: str, host: str, port: int) -> bool:
    """Say whether a NO_PROXY list exempts `host:port`.

    Entries are separated by commas or blanks: `*`, a domain (with or without a leading dot; it
    covers its subdomains), an IP address, a network in CIDR form; each but `*` and a network may
    end in `:port`. Names are never looked up, so a network covers literal addresses only.
    """
    if len(no_proxy) > LONGEST_NO_PROXY:
        raise OutboundError(f"the NO_PROXY list is longer than {LONGEST_NO_PROXY} characters")
    entries = re.split(r"[,\s]+", no_proxy.lower())
    return any(_exempts(entry, _bare(host), port) for entry in entries if entry)


def basic_credentials(proxy: Proxy) -> str | None:
    """Return `user:password` for the Basic scheme (RFC 7617), or None when there is no user."""
    return None if proxy.username is None else f"{proxy.username}:{proxy.password or ''}"


def _chosen_proxy(settings: OutboundSettings, scheme: str) -> tuple[str, str | None]:
    own, standard = settings.proxies, settings.standard_proxies
    variable = f"{scheme.upper()}_PROXY"
    if written := own.https if scheme == "https" else own.http:
        return f"SENTARI_{variable}", written
    return variable, standard.https if scheme == "https" else standard.http


def _split(text: str, what: str, example: str) -> SplitResult:
    if len(text) > LONGEST_URL:
        raise OutboundError(f"{what} is longer than {LONGEST_URL} characters")
    if _UNSAFE.search(text):
        raise OutboundError(f"{what} contains a blank or a special character; percent-encode it")
    try:
        return urlsplit(text)
    except ValueError as error:
        raise OutboundError(f"{what} cannot be read; write it like {example}") from error


def _host_and_port(parts: SplitResult, what: str) -> tuple[str, int]:
    try:
        port = _DEFAULT_PORTS[parts.scheme] if parts.port is None else parts.port
    except ValueError:
        port = 0
    if port == 0:
        fault = "has a port that is no number from 1 to 65535; percent-encode special characters"
        raise OutboundError(f"{what} {fault}")
    host = parts.hostname or ""
    if _as_ip(host) is None and not _HOST_NAME.fullmatch(host):
        raise OutboundError(f"{what} has no usable host name")
    return host, port


def _exempts(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    if "/" in entry:
        return _in_network(entry, host)
    name, wanted_port = _entry_parts(entry)
    if wanted_port not in (None, port):
        return False
    address = _as_ip(name)
    if address is not None:
        return address == _as_ip(host)
    domain = name.removeprefix("*").strip(".")
    return bool(domain) and (host == domain or host.endswith(f".{domain}"))


def _entry_parts(entry: str) -> tuple[str, int | None]:
    if _as_ip(entry) is not None:
        return entry, None
    name, colon, digits = entry.rpartition(":")
    if not colon:
        return _bare(entry), None
    readable = digits.isascii() and digits.isdigit() and len(digits) <= 5
    return (_bare(name), int(digits)) if readable else (_bare(entry), None)


def _in_network(entry: str, host: str) -> bool:
    address = _as_ip(host)
    try:
        return address is not None and address in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False


def _bare(host: str) -> str:
    return host.lower().strip("[]").rstrip(".")


def _as_ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None


def _is_loopback(host: str) -> bool:
    address = _as_ip(host)
    if address is not None:
        return address.is_loopback
    return _bare(host) == "localhost"


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
