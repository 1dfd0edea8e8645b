"""The vendor's license server: customers, licenses, keys, and the check-ins of their servers."""

from apiflask import APIFlask
from flask import Flask

from license_server.access import register_access
from license_server.api import register_api
from license_server.cli import register_commands
from license_server.config import Settings, settings_or_exit
from license_server.extensions import LicenseServer, db
from license_server.models import RateLimit
from license_server.outbox.service import sealing_key
from license_server.outbox.smtp import SmtpTransport, ehlo_name, tls_context
from license_server.outbox.transports import FileTransport, Transport
from license_server.refusals import register_refusals
from license_server.signing.keyring import Keyring
from license_server.version import VERSION
from serverkit.clock import Clock, SystemClock
from serverkit.database import engine_options, prepare_engine
from serverkit.http import register_http
from serverkit.problems import register_problems
from serverkit.rate_limits import RateLimiter, SqlStorage

LARGEST_BODY_BYTES = 64 * 1024


def create_app(settings: Settings | None = None, *, clock: Clock | None = None) -> APIFlask:
    """Build the server: no network, no thread, no migration happens here."""
    settings = settings or settings_or_exit()
    clock = clock or SystemClock()
    app = APIFlask(
        __name__,
        title="Sentari license server",
        version=VERSION,
        json_errors=False,
        docs_path=None,
        spec_path="/api/v1/openapi.json",
        static_folder=None,  # type: ignore[arg-type] # Flask takes None for: there is none
    )
    app.config.from_mapping(
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=engine_options(settings.database_url),
        MAX_CONTENT_LENGTH=LARGEST_BODY_BYTES,
        OPENAPI_VERSION="3.1.0",
    )
    db.init_app(app)
    with app.app_context():
        prepare_engine(db.engine)
    app.extensions["license_server"] = _services(app, settings, clock)

    register_http(app, trusted_proxies=settings.trusted_proxies)
    register_problems(app, None)
    register_refusals(app)
    register_access(app)
    register_api(app)
    register_commands(app)
    return app


def _services(app: Flask, settings: Settings, clock: Clock) -> LicenseServer:
    with app.app_context():
        storage = SqlStorage(db.engine, RateLimit, clock)
    return LicenseServer(
        settings=settings,
        clock=clock,
        rate_limiter=RateLimiter(storage, clock),
        keyring=Keyring(settings.secret_key, clock),
        transport=_transport(settings),
        mail_key=sealing_key(settings.secret_key),
    )


def _transport(settings: Settings) -> Transport:
    if settings.smtp is None:
        return FileTransport(settings.data_dir / "mail", settings.mail_from)
    return SmtpTransport(
        settings.smtp,
        sender=settings.mail_from,
        name=ehlo_name(settings.issuer_url),
        context=tls_context(settings.smtp_ca_file),
    )
