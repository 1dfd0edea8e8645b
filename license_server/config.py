"""All settings of the license server, read once into one frozen value."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from license_server.mail_address import is_address
from license_server.outbox.smtp import tls_context
from license_server.outbox.smtp_url import FORM, SmtpServer, parse_smtp_url
from serverkit.database import parse_database_url
from serverkit.secret_key import read_secret_key
from serverkit.settings import EnvReader, SettingsError, parse_service_url
from serverkit.stopping import LONGEST_DRAIN_SECONDS

PREFIX = "LICENSE_SERVER_"
DEFAULT_ISSUER_URL = "https://license.sentari.dev"
DEFAULT_MAIL_FROM = "licenses@sentari.dev"
CHECKOUT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Settings:
    """The license server's settings."""

    database_url: str = field(repr=False)
    data_dir: Path
    secret_key: str = field(repr=False)
    issuer_url: str = DEFAULT_ISSUER_URL
    mail_from: str = DEFAULT_MAIL_FROM
    smtp: SmtpServer | None = None
    smtp_ca_file: Path | None = None
    bootstrap_staff_email: str | None = None
    bootstrap_staff_password: str | None = field(default=None, repr=False)
    metrics_token: str | None = field(default=None, repr=False)
    trusted_proxies: int = 0
    drain_seconds: int = 0
    log_level: str = "info"
    log_format: str = "console"
    warnings: tuple[str, ...] = ()

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Read the environment; raise SettingsError for a value the server cannot start with."""
        env = EnvReader(os.environ if environ is None else environ, PREFIX)
        default_dir = CHECKOUT / "var" / "license-server"
        data_dir = env.value(f"{PREFIX}DATA_DIR", default_dir, Path, "a directory").absolute()
        database_url = env.secret_value(
            f"{PREFIX}DATABASE_URL",
            f"sqlite:///{data_dir / 'license-server.db'}",
            parse_database_url,
            "sqlite:////absolute/path.db or postgresql+psycopg://user:password@host/name",
        )
        levels = ("debug", "info", "warning", "error")
        url_form = "an https:// URL, or http:// to a loopback host"
        return cls(
            database_url=database_url,
            data_dir=data_dir,
            secret_key=read_secret_key(env, PREFIX, database_url, data_dir),
            issuer_url=env.value(
                f"{PREFIX}ISSUER_URL", DEFAULT_ISSUER_URL, parse_service_url, url_form
            ),
            mail_from=env.value(
                f"{PREFIX}MAIL_FROM", DEFAULT_MAIL_FROM, _address, "one e-mail address"
            ),
            smtp=_smtp(env),
            smtp_ca_file=env.value(
                f"{PREFIX}SMTP_CA_FILE", None, _ca_file, "a PEM file with CA certificates"
            ),
            bootstrap_staff_email=env.text(f"{PREFIX}BOOTSTRAP_STAFF_EMAIL"),
            bootstrap_staff_password=env.secret(f"{PREFIX}BOOTSTRAP_STAFF_PASSWORD"),
            metrics_token=env.secret(f"{PREFIX}METRICS_TOKEN"),
            trusted_proxies=env.integer(f"{PREFIX}TRUSTED_PROXIES", 0, 0, 10),
            drain_seconds=env.integer(f"{PREFIX}DRAIN_SECONDS", 0, 0, LONGEST_DRAIN_SECONDS),
            log_level=env.choice(f"{PREFIX}LOG_LEVEL", "info", levels),
            log_format=env.choice(f"{PREFIX}LOG_FORMAT", "console", ("console", "json")),
            warnings=tuple(env.unknown_names()),
        )


def settings_or_exit() -> Settings:
    """Return the settings of the environment, or end the process with one line that says why."""
    try:
        return Settings.from_env()
    except SettingsError as error:
        sys.exit(f"license server: {error}")


def _smtp(env: EnvReader) -> SmtpServer | None:
    name = f"{PREFIX}SMTP_URL"
    raw = env.secret(name)
    try:
        return None if raw is None else parse_smtp_url(raw)
    except ValueError as error:
        raise SettingsError(name, str(error), FORM) from error


def _ca_file(raw: str) -> Path:
    path = Path(raw)
    try:
        tls_context(path)
    except OSError as error:
        raise ValueError(f"{raw[:80]!r} cannot be used: {error.strerror or error}") from error
    return path


def _address(raw: str) -> str:
    if not is_address(raw):
        raise ValueError(f"{raw[:80]!r} is not a plain e-mail address")
    return raw
