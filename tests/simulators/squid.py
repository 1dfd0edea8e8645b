"""A real squid on loopback, as customers run it: with a password, or inspecting TLS."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

SQUID = shutil.which("squid") or shutil.which("squid", path="/usr/sbin")
HELPERS = Path("/usr/lib/squid")
READY_WITHIN_SECONDS = 20


@dataclass(frozen=True)
class Squid:
    """A running squid."""

    port: int
    folder: Path

    def access_log(self) -> str:
        """Return what squid wrote about its visitors."""
        log = self.folder / "access.log"
        return log.read_text() if log.exists() else ""


@contextmanager
def running_squid(
    folder: Path,
    *,
    vendor_port: int,
    credentials: tuple[str, str] | None = None,
    inspector: trustme.CA | None = None,
    upstream_ca: Path | None = None,
) -> Iterator[Squid]:
    """Start squid with `folder` (which its own user must be able to enter) for its files.

    It opens ways to license.test at `vendor_port` only. With `inspector` it ends TLS itself.
    """
    assert SQUID is not None
    squid = Squid(_free_port(), folder)
    lines = [*_common(squid, vendor_port), *_access(folder, credentials)]
    if inspector is None:
        lines += [f"http_port 127.0.0.1:{squid.port}"]
    else:
        lines += _inspection(squid, inspector, upstream_ca)
    configuration = folder / "squid.conf"
    configuration.write_text("\n".join([*lines, ""]))
    _give_to_squid(folder)
    process = subprocess.Popen(
        [SQUID, "-N", "-f", str(configuration)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(squid, process)
        yield squid
    finally:
        process.terminate()
        process.wait(30)


def can_inspect() -> bool:
    """Say whether this squid was built to inspect TLS (Debian: squid-openssl)."""
    return (HELPERS / "security_file_certgen").exists()


def _common(squid: Squid, vendor_port: int) -> list[str]:
    hosts = squid.folder / "hosts"
    hosts.write_text("127.0.0.1 license.test\n")
    return [
        f"hosts_file {hosts}",
        f"access_log stdio:{squid.folder}/access.log",
        f"cache_log {squid.folder}/cache.log",
        f"coredump_dir {squid.folder}",
        "pid_filename none",
        "cache deny all",
        "visible_hostname proxy.test",
        "shutdown_lifetime 0 seconds",
        "via off",
        f"acl vendor port {vendor_port}",
        "http_access deny !vendor",
    ]


def _access(folder: Path, credentials: tuple[str, str] | None) -> list[str]:
    if credentials is None:
        return ["http_access allow all"]
    user, password = credentials
    digest = subprocess.run(
        ["openssl", "passwd", "-apr1", "-stdin"],
        input=password,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    (folder / "passwords").write_text(f"{user}:{digest}\n")
    return [
        f"auth_param basic program {HELPERS}/basic_ncsa_auth {folder}/passwords",
        "auth_param basic realm proxy",
        "acl known proxy_auth REQUIRED",
        "http_access allow known",
        "http_access deny all",
    ]


def _inspection(squid: Squid, inspector: trustme.CA, upstream_ca: Path | None) -> list[str]:
    ca = squid.folder / "inspector.pem"
    ca.write_bytes(inspector.cert_pem.bytes() + inspector.private_key_pem.bytes())
    certgen = HELPERS / "security_file_certgen"
    database = squid.folder / "certificates"
    subprocess.run([certgen, "-c", "-s", database, "-M", "4MB"], check=True, capture_output=True)
    return [
        f"http_port 127.0.0.1:{squid.port} ssl-bump tls-cert={ca}"
        " generate-host-certificates=on dynamic_cert_mem_cache_size=4MB",
        f"sslcrtd_program {certgen} -s {database} -M 4MB",
        "sslcrtd_children 2",
        "ssl_bump bump all",
        f"tls_outgoing_options cafile={upstream_ca}",
    ]


def _give_to_squid(folder: Path) -> None:
    # Started by root, squid goes on as its own user.
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            shutil.chown(path, "proxy", "proxy")


def _free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        return int(listener.getsockname()[1])


def _wait_for(squid: Squid, process: subprocess.Popen[bytes]) -> None:
    ends_at = time.monotonic() + READY_WITHIN_SECONDS
    while time.monotonic() < ends_at and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", squid.port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    log = squid.folder / "cache.log"
    raise RuntimeError(f"squid does not start: {log.read_text() if log.exists() else 'no log'}")
