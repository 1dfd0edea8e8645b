"""The vendor's license server: customers, licenses, keys, and the check-ins of their servers."""

from apiflask import APIFlask
from flask import Flask

from license_server.access import load_from_session, register_access
from license_server.api import register_api
from license_server.cli import register_commands
from license_server.config import CHECKOUT, Settings, settings_or_exit
from license_server.extensions import LicenseServer, csrf, db, login_manager
from license_server.flask_config import flask_config
from license_server.models import RateLimit
from license_server.outbox.service import sealing_key
from license_server.outbox.smtp import SmtpTransport, ehlo_name, tls_context
from license_server.outbox.transports import FileTransport, Transport
from license_server.refusals import register_refusals
from license_server.signing.keyring import Keyring
from license_server.staff import sign_in
from license_server.version import VERSION
from license_server.web import error_page, register_pages
from serverkit.clock import Clock, SystemClock
from serverkit.compression import register_compression
from serverkit.database import prepare_engine
from serverkit.http import register_http
from serverkit.pages import register_page_answers
from serverkit.problems import register_problems
from serverkit.rate_limits import RateLimiter, SqlStorage


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
        template_folder=str(CHECKOUT / "templates"),
        static_folder=str(CHECKOUT / "static"),
    )
    app.config.from_mapping(flask_config(settings))
    db.init_app(app)
    csrf.init_app(app)
    login_manager.init_app(app)
    login_manager.user_loader(load_from_session)
    with app.app_context():
        prepare_engine(db.engine)
    app.extensions["license_server"] = _services(app, settings, clock)

    register_http(app, trusted_proxies=settings.trusted_proxies)
    register_refusals(app, register_problems(app, error_page))
    register_access(app)
    register_page_answers(app)
    register_compression(app)
    register_pages(app)
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
        totp_key=sign_in.sealing_key(settings.secret_key),
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
