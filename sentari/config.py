"""All settings of the server, read once into one frozen value."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from sentari.licensing.outbound import (
    OutboundError,
    Proxies,
    read_proxy,
    read_server_url,
    standard_proxies,
)
from serverkit.database import parse_database_url
from serverkit.secret_key import made_secret_path, read_secret_key
from serverkit.settings import EnvReader, SettingsError, parse_service_url, parse_url
from serverkit.stopping import LONGEST_DRAIN_SECONDS

PREFIX = "SENTARI_"
DEFAULT_LICENSE_SERVER = "https://license.sentari.dev"
LARGEST_CA_FILE_BYTES = 256 * 1024
SHORTEST_SAFE_SECRET = 16
LONGEST_HISTORY_DAYS = 36_500
CHECKOUT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Outbound:
    """How the server reaches the outside: nothing else of the environment is used.

    The standard variables were written for all programs; the product's own go before them.
    """

    proxies: Proxies = field(default_factory=Proxies)
    standard_proxies: Proxies = field(default_factory=Proxies)
    ca_bundle: Path | None = None


@dataclass(frozen=True)
class Settings:
    """The server's settings; `docs/operations.md` says what each does.

    `secret_key_file` is where the server keeps the secret key if it made it itself.
    """

    database_url: str = field(repr=False)
    data_dir: Path
    secret_key: str = field(repr=False)
    secret_key_file: Path | None = None
    license_key: str | None = field(default=None, repr=False)
    license_mode: str = "online"
    license_server_url: str = DEFAULT_LICENSE_SERVER
    license_issuer: str = DEFAULT_LICENSE_SERVER
    license_public_key_path: Path | None = None
    license_check_interval_seconds: int = 3600
    outbound: Outbound = Outbound()
    bootstrap_admin_email: str | None = None
    bootstrap_admin_password: str | None = field(default=None, repr=False)
    enrollment_token: str | None = field(default=None, repr=False)
    mtls_required: bool = True
    proxy_auth_secret: str | None = field(default=None, repr=False)
    trusted_proxies: int = 0
    tls_self: bool = False
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_ca: str = field(default="", repr=False)
    public_url: str | None = None
    metrics_token: str | None = field(default=None, repr=False)
    drain_seconds: int = 0
    scan_history_days: int = 90
    log_level: str = "info"
    log_format: str = "console"
    debug: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def serves_tls(self) -> bool:
        """Tell whether this server ends TLS itself."""
        return self.tls_self or self.tls_cert is not None

    @property
    def tls_directory(self) -> Path:
        """Return where the server's own certificate from the internal CA is kept."""
        return self.data_dir / "tls"

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Read the environment; raise SettingsError for a value the server cannot start with."""
        environ = os.environ if environ is None else environ
        env = EnvReader(environ, PREFIX)
        data_dir = env.value(f"{PREFIX}DATA_DIR", CHECKOUT / "var", Path, "a directory").absolute()
        database_url = env.secret_value(
            f"{PREFIX}DATABASE_URL",
            f"sqlite:///{data_dir / 'sentari.db'}",
            parse_database_url,
            "sqlite:////absolute/path.db or postgresql+psycopg://user:password@host/name",
        )
        values = {
            **_license(env),
            **_access(env),
            **_tls(env),
            **_serving(env),
            "outbound": _outbound(env, environ),
            "secret_key": read_secret_key(env, PREFIX, database_url, data_dir),
        }
        if env.secret(f"{PREFIX}SECRET_KEY") is None:
            values["secret_key_file"] = made_secret_path(data_dir)
        warnings = (*env.unknown_names(), *_warnings(values))
        return cls(database_url, data_dir, **values, warnings=warnings)  # type: ignore[arg-type]


def _license(env: EnvReader) -> dict[str, object]:
    url_form = "an https:// URL, or http:// to a loopback host"
    server_url = env.value(
        f"{PREFIX}LICENSE_SERVER_URL", DEFAULT_LICENSE_SERVER, _license_server_url, url_form
    )
    path = _file(env, f"{PREFIX}LICENSE_PUBLIC_KEY_PATH")
    return {
        "license_key": env.secret(f"{PREFIX}LICENSE_KEY"),
        "license_mode": env.choice(f"{PREFIX}LICENSE_MODE", "online", ("online", "airgap")),
        "license_server_url": server_url,
        "license_issuer": env.value(
            f"{PREFIX}LICENSE_ISSUER", server_url, parse_service_url, url_form
        ),
        "license_public_key_path": path,
        "license_check_interval_seconds": env.integer(
            f"{PREFIX}LICENSE_CHECK_INTERVAL_SECONDS", 3600, 60, 86_400
        ),
    }


def _license_server_url(raw: str) -> str:
    read_server_url(raw)
    return raw.rstrip("/")


def _access(env: EnvReader) -> dict[str, object]:
    debug = env.boolean(f"{PREFIX}DEBUG", False)
    mtls_required = env.boolean(f"{PREFIX}MTLS_REQUIRED", True)
    if not mtls_required and not debug:
        raise SettingsError(
            f"{PREFIX}MTLS_REQUIRED", "false lets any client speak for any device",
            f"true, or false together with {PREFIX}DEBUG=true",
        )  # fmt: skip
    return {
        "debug": debug,
        "mtls_required": mtls_required,
        "enrollment_token": env.secret(f"{PREFIX}ENROLLMENT_TOKEN"),
        "bootstrap_admin_email": env.text(f"{PREFIX}BOOTSTRAP_ADMIN_EMAIL"),
        "bootstrap_admin_password": env.secret(f"{PREFIX}BOOTSTRAP_ADMIN_PASSWORD"),
    }


def _serving(env: EnvReader) -> dict[str, object]:
    levels = ("debug", "info", "warning", "error")
    return {
        "scan_history_days": env.integer(f"{PREFIX}SCAN_HISTORY_DAYS", 90, 0, LONGEST_HISTORY_DAYS),
        "trusted_proxies": env.integer(f"{PREFIX}TRUSTED_PROXIES", 0, 0, 10),
        "public_url": env.value(f"{PREFIX}PUBLIC_URL", None, _public_url, "an http(s) URL"),
        "metrics_token": env.secret(f"{PREFIX}METRICS_TOKEN"),
        "drain_seconds": env.integer(f"{PREFIX}DRAIN_SECONDS", 0, 0, LONGEST_DRAIN_SECONDS),
        "log_level": env.choice(f"{PREFIX}LOG_LEVEL", "info", levels),
        "log_format": env.choice(f"{PREFIX}LOG_FORMAT", "console", ("console", "json")),
    }


def _tls(env: EnvReader) -> dict[str, object]:
    by_itself = env.choice(f"{PREFIX}TLS", "", ("self",)) == "self"
    certificate, key = _file(env, f"{PREFIX}TLS_CERT"), _file(env, f"{PREFIX}TLS_KEY")
    if bool(certificate) != bool(key):
        raise SettingsError(f"{PREFIX}TLS_CERT", "certificate and key go together", "both or none")
    if by_itself and certificate:
        fault = f"{PREFIX}TLS_CERT names another certificate to serve"
        raise SettingsError(f"{PREFIX}TLS", fault, f"self without {PREFIX}TLS_CERT, or not set")
    return {
        "tls_self": by_itself,
        "tls_cert": certificate,
        "tls_key": key,
        "tls_ca": env.value(
            f"{PREFIX}TLS_CA_FILE", "", _certificates, "the path of a PEM file with certificates"
        ),
        "proxy_auth_secret": env.secret(f"{PREFIX}PROXY_AUTH_SECRET"),
    }


def _warnings(values: Mapping[str, object]) -> Iterator[str]:
    secret = values["proxy_auth_secret"]
    if (secret or values["tls_cert"]) and not values["tls_ca"]:
        yield (
            f"{PREFIX}TLS_CA_FILE is not set: agents that enroll trust the internal CA alone, and "
            "will not trust a certificate that another one signed"
        )
    for name in ("proxy_auth_secret", "enrollment_token"):
        given = values[name]
        if isinstance(given, str) and len(given) < SHORTEST_SAFE_SECRET:
            yield f"{PREFIX}{name.upper()} is short enough to be guessed"


def _certificates(raw: str) -> str:
    """Return the certificates of a PEM file and nothing else that it may hold."""
    try:
        content = Path(raw).read_bytes()
    except OSError as error:
        raise ValueError(f"{raw[:200]!r} cannot be read: {error.strerror}") from error
    if len(content) > LARGEST_CA_FILE_BYTES:
        raise ValueError(f"{raw[:200]!r} is larger than {LARGEST_CA_FILE_BYTES:,} bytes")
    try:
        found = x509.load_pem_x509_certificates(content)
    except ValueError as error:
        raise ValueError(f"{raw[:200]!r} holds no readable certificate") from error
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in found).decode()


def _outbound(env: EnvReader, environ: Mapping[str, str]) -> Outbound:
    own = Proxies(
        https=_proxy(env, f"{PREFIX}HTTPS_PROXY"),
        http=_proxy(env, f"{PREFIX}HTTP_PROXY"),
        no_proxy=env.text(f"{PREFIX}NO_PROXY"),
    )
    return Outbound(own, standard_proxies(environ), _file(env, f"{PREFIX}CA_BUNDLE"))


def _proxy(env: EnvReader, name: str) -> str | None:
    url = env.secret(name)
    try:
        if url is not None:
            read_proxy(url)
    except OutboundError as error:
        raise SettingsError(name, str(error), "http://user:password@proxy:3128") from error
    return url


def _file(env: EnvReader, name: str) -> Path | None:
    def parse(raw: str) -> Path:
        path = Path(raw)
        try:
            with path.open("rb"):
                return path.absolute()
        except OSError as error:
            raise ValueError(f"{raw[:200]!r} cannot be read: {error.strerror}") from error

    return env.value(name, None, parse, "the path of a readable file")


def _public_url(raw: str) -> str:
    parse_url(raw)
    return raw.rstrip("/")
