"""How gunicorn serves the license server. Command-line options and GUNICORN_CMD_ARGS win."""

# ruff: noqa: N999 - gunicorn's own name for this file
# ruff: noqa: E402 - the workers' counters are decided on before the metrics library is imported
import sys
from typing import Any

from serverkit import worker_files

worker_files.share_metrics()

from sqlalchemy.exc import SQLAlchemyError

from license_server import create_app
from license_server.config import settings_or_exit
from license_server.errors import LicenseServerError
from license_server.startup import create_background, prepare
from serverkit.gunicorn_logs import RootLogger
from serverkit.gunicorn_worker import count_reload
from serverkit.logs import configure_logs
from serverkit.metrics import forget_worker
from serverkit.schema import SchemaError

wsgi_app = "license_server:create_app()"
bind = "0.0.0.0:8001"
workers = 2
worker_class = "serverkit.gunicorn_worker.PatientWorker"
logger_class = RootLogger
threads = 4
timeout = 60
graceful_timeout = 25
keepalive = 5
control_socket_disable = True
# The heartbeat file must not wait for a disk.
worker_tmp_dir = worker_files.memory_directory()
limit_request_line = 8190
forwarded_allow_ips = ""  # forwarded headers are believed by LICENSE_SERVER_TRUSTED_PROXIES alone

_settings = settings_or_exit()
configure_logs(_settings.log_level, _settings.log_format)


def on_starting(_server: Any) -> None:
    """Migrate and make the first member of staff, once, before any worker starts."""
    try:
        prepare(create_app(_settings))
    except (LicenseServerError, SchemaError, SQLAlchemyError) as error:
        sys.exit(f"license server: {str(error).splitlines()[0]}")


def on_reload(_server: Any) -> None:
    """Let the workers that are replaced now know it."""
    count_reload()


def post_worker_init(worker: Any) -> None:
    """Start the worker's thread, which sends mails."""
    worker.background = create_background(worker.wsgi)
    worker.background.start()
    worker.on_stop = worker.background.end
    worker.drain_seconds = _settings.drain_seconds


def worker_exit(_server: Any, worker: Any) -> None:
    """Let the mail that is being sent come to its end."""
    # A worker that never came up has none.
    if background := getattr(worker, "background", None):
        background.stop()


def child_exit(_server: Any, worker: Any) -> None:
    """Keep what a worker counted that has ended."""
    forget_worker(worker.pid)
