"""How gunicorn serves Sentari. Command-line options and GUNICORN_CMD_ARGS win over this."""

# ruff: noqa: E402 - the workers' counters are decided on before the metrics library is imported
import sys
from functools import partial

from serverkit import worker_files

worker_files.share_metrics()

from sqlalchemy.exc import SQLAlchemyError

from sentari import create_app
from sentari.accounts.service import AccountError
from sentari.agents.server_tls import LazyContext
from sentari.config import Settings
from sentari.startup import create_scheduler, prepare
from sentari.startup_tls import TlsError, check_tls, client_ca, tls_files
from serverkit.gunicorn_logs import RootLogger
from serverkit.gunicorn_worker import count_reload
from serverkit.logs import configure_logs
from serverkit.metrics import forget_worker
from serverkit.passwords import PasswordRefusedError
from serverkit.schema import SchemaError
from serverkit.settings import SettingsError

wsgi_app = "app:app"
bind = "0.0.0.0:8000"
workers = 2
worker_class = "serverkit.gunicorn_worker.PatientWorker"
logger_class = RootLogger
threads = 8
timeout = 60
graceful_timeout = 25
keepalive = 5
control_socket_disable = True
# The heartbeat file must not wait for a disk.
worker_tmp_dir = worker_files.memory_directory()
limit_request_line = 8190
forwarded_allow_ips = ""  # forwarded headers are believed by SENTARI_TRUSTED_PROXIES alone

try:
    _settings = Settings.from_env()
except SettingsError as error:
    sys.exit(f"sentari: {error}")

configure_logs(_settings.log_level, _settings.log_format)

if _settings.serves_tls:
    certfile, keyfile = tls_files(_settings)
_tls = LazyContext()
EXPECTED = (
    AccountError,
    PasswordRefusedError,
    SchemaError,
    SettingsError,
    SQLAlchemyError,
    TlsError,
)


def ssl_context(config, _default_ssl_context_factory):
    """Return the one context of this process; gunicorn asks for it with each connection."""
    return _tls.get(config.certfile, config.keyfile)


def on_starting(server):
    """Migrate, make the first admin and the CA, once, before any worker starts."""
    try:
        app = create_app(_settings)
        prepare(app)
        if server.cfg.is_ssl:
            check_tls(app, server.cfg.certfile, server.cfg.keyfile)
    except EXPECTED as error:
        sys.exit(f"sentari: {str(error).splitlines()[0]}")


def on_reload(_server):
    """Let the workers that are replaced now know it."""
    count_reload()


def post_worker_init(worker):
    """Start the worker's thread; of all workers' threads one checks in with the vendor."""
    _tls.client_ca = partial(client_ca, worker.wsgi)
    worker.scheduler = create_scheduler(worker.wsgi)
    worker.scheduler.start()
    worker.on_stop = worker.scheduler.end
    worker.drain_seconds = _settings.drain_seconds


def worker_exit(_server, worker):
    """Let another worker check in from now on."""
    # A worker that never came up has none.
    if scheduler := getattr(worker, "scheduler", None):
        scheduler.stop()


def child_exit(_server, worker):
    """Keep what a worker counted that has ended."""
    forget_worker(worker.pid)
