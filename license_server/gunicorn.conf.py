"""How gunicorn serves the license server. Command-line options and GUNICORN_CMD_ARGS win."""

# ruff: noqa: N999 - gunicorn's own name for this file
import os
import shutil
import sys
import tempfile
from typing import Any

_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else tempfile.gettempdir()  # noqa: S108
# The metrics library looks for this when it is imported, and adds up all workers' counters.
_own_metrics = "PROMETHEUS_MULTIPROC_DIR" not in os.environ
if _own_metrics:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="metrics-", dir=_MEMORY)

from prometheus_client import multiprocess  # noqa: E402 - after the line above

from license_server import create_app  # noqa: E402
from license_server.config import settings_or_exit  # noqa: E402
from license_server.startup import prepare  # noqa: E402
from serverkit.gunicorn_logs import RootLogger  # noqa: E402
from serverkit.logs import configure_logs  # noqa: E402
from serverkit.schema import SchemaError  # noqa: E402

wsgi_app = "license_server:create_app()"
bind = "0.0.0.0:8001"
workers = 2
worker_class = "gthread"
logger_class = RootLogger
threads = 4
timeout = 60
graceful_timeout = 25
keepalive = 5
control_socket_disable = True
# The heartbeat file must not wait for a disk.
worker_tmp_dir = _MEMORY
limit_request_line = 8190
forwarded_allow_ips = ""  # forwarded headers are believed by LICENSE_SERVER_TRUSTED_PROXIES alone

_settings = settings_or_exit()
configure_logs(_settings.log_level, _settings.log_format)


def on_starting(_server: Any) -> None:
    """Migrate and make the first member of staff, once, before any worker starts."""
    try:
        prepare(create_app(_settings))
    except SchemaError as error:
        sys.exit(f"license server: {error}")


def child_exit(_server: Any, worker: Any) -> None:
    """Let the metrics of a worker that ended be counted as such."""
    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(_server: Any) -> None:
    """Remove the counters: the next start begins with new ones."""
    if _own_metrics:
        shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)
