"""A real nginx on loopback with the example configuration of deploy/nginx."""

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import trustme

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
EXAMPLE = Path(__file__).resolve().parents[2] / "deploy" / "nginx" / "sentari.conf"
READY_WITHIN_SECONDS = 20

_AROUND = """
daemon off;
{user}
pid {folder}/pid;
error_log {folder}/error.log info;
worker_processes 1;
events {{ worker_connections 256; }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {included};
}}
"""


def nginx_configuration(folder: Path, included: str) -> str:
    """Return what stands around the example, with everything that is written in one folder."""
    user = "user root;" if os.geteuid() == 0 else ""
    return _AROUND.format(folder=folder, user=user, included=included)


@contextmanager
def running_nginx(
    folder: Path,
    *,
    upstream_ports: Sequence[int],
    authority: trustme.CA,
    client_ca: str,
    secret: str,
) -> Iterator[int]:
    """Start nginx before servers, with a certificate of `authority`; yield nginx's port."""
    assert NGINX is not None
    port = _free_port()
    folder.mkdir(parents=True, exist_ok=True)
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    (folder / "tls.pem").write_bytes(b"".join(b.bytes() for b in certificate.cert_chain_pems))
    certificate.private_key_pem.write_to_path(folder / "tls.key")
    (folder / "ca.pem").write_text(client_ca)
    auth = f'proxy_set_header X-Sentari-Proxy-Auth "{secret}";\n'
    (folder / "proxy-auth.conf").write_text(auth)
    (folder / "sentari.conf").write_text(_example(folder, port, upstream_ports))
    (folder / "nginx.conf").write_text(nginx_configuration(folder, f"{folder}/sentari.conf"))
    process = subprocess.Popen(
        [NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "errors")]
    )
    try:
        _wait_for(port, process, folder)
        yield port
    finally:
        process.terminate()
        process.wait(30)


def _example(folder: Path, port: int, upstream_ports: Sequence[int]) -> str:
    """The example with this machine's places in it, and nothing else changed."""
    text = EXAMPLE.read_text()
    for old, new in (
        (r"/etc/nginx/sentari/", f"{folder}/"),
        (r"listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
        (
            r"server 127\.0\.0\.1:8000;",
            " ".join(f"server 127.0.0.1:{upstream};" for upstream in upstream_ports),
        ),
    ):
        text, count = re.subn(old, new, text)
        assert count, old
    return text


def _free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        return int(listener.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    ends_at = time.monotonic() + READY_WITHIN_SECONDS
    while time.monotonic() < ends_at and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    logs = [path for path in (folder / "errors", folder / "error.log") if path.exists()]
    raise RuntimeError(f"nginx does not start: {[path.read_text() for path in logs]}")
