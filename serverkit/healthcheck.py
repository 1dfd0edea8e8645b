"""Ask the server in this container whether it lives: what an image's HEALTHCHECK runs.

python -m serverkit.healthcheck SENTARI_ 8000
"""

import http.client
import os
import re
import shlex
import ssl
import sys
from collections.abc import Mapping

HOST, PATH, TIMEOUT_SECONDS = "127.0.0.1", "/healthz", 2.0


def serves_tls(environ: Mapping[str, str], prefix: str) -> bool:
    """Tell whether the settings make the server speak TLS; only Sentari has such settings."""
    return any(environ.get(prefix + name, "").strip() for name in ("TLS", "TLS_CERT"))


def port_of(environ: Mapping[str, str], usual: int) -> int:
    """Return the port that gunicorn was told to bind, or the usual one."""
    arguments = shlex.split(environ.get("GUNICORN_CMD_ARGS", ""))
    joined = " ".join(arguments)
    found = re.findall(r"(?:--bind[= ]|-b ?)\S*?:(\d{1,5})(?= |$)", joined)
    return int(found[-1]) if found else usual


def status_of(port: int, *, tls: bool, path: str = PATH) -> int:
    """Return the status of the answer; OSError or HTTPException when none comes in time."""
    connection: http.client.HTTPConnection
    if tls:
        # On the way to oneself there is nobody to be fooled by.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection = http.client.HTTPSConnection(
            HOST, port, timeout=TIMEOUT_SECONDS, context=context
        )
    else:
        connection = http.client.HTTPConnection(HOST, port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def main(prefix: str, usual_port: str) -> str | None:
    """Return what is wrong, or None when the server lives."""
    port, tls = port_of(os.environ, int(usual_port)), serves_tls(os.environ, prefix)
    try:
        status = status_of(port, tls=tls)
    except (OSError, http.client.HTTPException) as error:
        return f"no answer at port {port}: {error!r}"
    return None if status == 200 else f"{PATH} answered {status}"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
