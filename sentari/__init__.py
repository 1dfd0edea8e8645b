"""Sentari: the customer's server."""

from apiflask import APIFlask

from sentari.accounts.sessions import load_from_request, load_from_session
from sentari.agents.authority_store import AuthorityStore
from sentari.agents.paths import AgentPaths
from sentari.api import register_api
from sentari.cli import register_commands
from sentari.config import CHECKOUT, Settings
from sentari.extensions import Sentari, csrf, db, login_manager, writing
from sentari.flask_config import flask_config
from sentari.licensing.check_in import Transport
from sentari.licensing.core import create_licensing
from sentari.rate_limits import create_rate_limiter
from sentari.version import VERSION
from sentari.web import error_page, register_pages
from sentari.web.access import register_access
from sentari.web.context import register_context
from sentari.web.gate import enforce, register_gate
from sentari.web.metrics import register_metrics
from serverkit.clock import Clock, SystemClock
from serverkit.compression import register_compression
from serverkit.database import prepare_engine
from serverkit.http import register_http
from serverkit.pages import register_page_answers
from serverkit.problems import register_problems
from serverkit.shared_writes import SharedWrites


def create_app(
    settings: Settings | None = None,
    *,
    clock: Clock | None = None,
    transport: Transport | None = None,
) -> APIFlask:
    """Build the server: no network, no thread, no migration happens here."""
    settings = settings or Settings.from_env()
    clock = clock or SystemClock()
    app = APIFlask(
        __name__,
        title="Sentari",
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
    login_manager.request_loader(load_from_request)
    with app.app_context():
        prepare_engine(db.engine)
        rate_limiter = create_rate_limiter(db.engine, clock)
    licensing = create_licensing(settings, clock=clock, transport=transport, server_version=VERSION)
    authorities = AuthorityStore(settings.secret_key)
    app.extensions["sentari"] = Sentari(
        settings, clock, rate_limiter, licensing, authorities, SharedWrites(writing)
    )

    register_http(app, trusted_proxies=settings.trusted_proxies)
    register_problems(app, error_page)
    register_access(app, enforce)
    register_gate(app)
    register_metrics(app)
    register_page_answers(app)
    register_compression(app, "api_docs.show", "openapi.spec")
    register_context(app)
    register_pages(app)
    register_api(app)
    register_commands(app)
    app.wsgi_app = AgentPaths(app.wsgi_app)  # type: ignore[method-assign]
    return app
