"""Certificates that a server serves: its own over restarts, an operator's, and unusable ones."""

import hashlib
import http.client
import os
import signal
import socket
import ssl
import subprocess
import time
from pathlib import Path

import pytest
import trustme

from serverkit.healthcheck import status_of
from tests.live.servers import BIN, ROOT, Process, Server, Vendor, environment, free_port
from tests.simulators.agent import Agent

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]


def leaf(port: int) -> str:
    pem = ssl.get_server_certificate(("127.0.0.1", port))
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


def write(authority: trustme.CA, directory: Path, *names: str) -> None:
    """Put a certificate and its key there, as an operator would."""
    made = authority.issue_cert(*names)
    chain = b"".join(blob.bytes() for blob in made.cert_chain_pems)
    (directory / "chain.pem").write_bytes(chain)
    made.private_key_pem.write_to_path(directory / "key.pem")


def test_the_leaf_that_agents_pin_survives_a_restart_and_nothing_older_than_1_3_is_spoken(
    tmp_path: Path,
) -> None:
    pins = []
    for _ in range(2):
        env = environment(SENTARI_DATA_DIR=str(tmp_path), SENTARI_TLS="self")
        server = Process(env, free_port(), tmp_path / "log", scheme="https")
        server.start()
        pins.append(leaf(server.port))
        older = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        older.check_hostname, older.verify_mode = False, ssl.CERT_NONE
        older.maximum_version = ssl.TLSVersion.TLSv1_2
        with (
            socket.create_connection(("127.0.0.1", server.port)) as plain,
            pytest.raises(ssl.SSLError, match=r"(?i)version|alert"),
        ):
            older.wrap_socket(plain)
        assert server.stop() == 0
    assert pins[0] == pins[1]


def test_an_own_certificate_is_served_trusted_by_agents_and_read_anew_on_a_hup(
    tmp_path: Path, vendor: Vendor
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "outer-ca.pem")
    write(authority, tmp_path, "localhost", "127.0.0.1")
    server = Server(
        tmp_path / "data",
        vendor,
        SENTARI_TLS_CERT=str(tmp_path / "chain.pem"),
        SENTARI_TLS_KEY=str(tmp_path / "key.pem"),
        SENTARI_TLS_CA_FILE=str(tmp_path / "outer-ca.pem"),
    )
    server.start()
    try:
        (server.directory / "ca.pem").write_bytes(authority.cert_pem.bytes())
        assert server.install(vendor.issue()["license_key"]).status_code == 200
        first = leaf(server.server.port)
        agent = Agent(
            server.url,
            tmp_path / "agent",
            enrollment_token=server.env["SENTARI_ENROLLMENT_TOKEN"],
            pin=first,
        )
        agent.register()
        assert agent.poll_config()
        write(authority, tmp_path, "localhost", "127.0.0.1")
        assert server.server.process is not None
        os.kill(server.server.process.pid, signal.SIGHUP)
        ends_at = time.monotonic() + 30
        seen = {first}
        # Old workers finish what they have while new ones answer already.
        while first in seen and time.monotonic() < ends_at:
            seen = {leaf(server.server.port) for _ in range(6)}
        assert first not in seen
        assert agent.poll_config()
        agent.transport.close()
    finally:
        server.server.stop()


@pytest.mark.parametrize("kind", ["another key", "an encrypted key", "no certificate"])
def test_a_certificate_that_cannot_be_served_ends_the_start_with_the_reason(
    tmp_path: Path, kind: str
) -> None:
    write(trustme.CA(), tmp_path, "localhost")
    key = tmp_path / "key.pem"
    if kind == "another key":
        trustme.CA().issue_cert("localhost").private_key_pem.write_to_path(key)
    elif kind == "an encrypted key":
        command = ["openssl", "pkey", "-aes256", "-passout", "pass:secret", "-in", str(key)]
        key.write_bytes(subprocess.run(command, check=True, capture_output=True).stdout)
    else:
        (tmp_path / "chain.pem").write_text("nonsense")
    settings = {
        "SENTARI_DATA_DIR": str(tmp_path),
        "SENTARI_TLS_CERT": str(tmp_path / "chain.pem"),
        "SENTARI_TLS_KEY": str(key),
    }
    done = subprocess.run(
        [str(BIN / "gunicorn"), "--bind", f"127.0.0.1:{free_port()}"],
        cwd=ROOT,
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "cannot be served with its key" in done.stderr.splitlines()[-1]


def test_plain_http_to_the_tls_port_is_refused_and_the_server_goes_on(tmp_path: Path) -> None:
    env = environment(SENTARI_DATA_DIR=str(tmp_path), SENTARI_TLS="self")
    server = Process(env, free_port(), tmp_path / "log", scheme="https")
    server.start()
    try:
        with pytest.raises((OSError, http.client.HTTPException)):
            status_of(server.port, tls=False)
        assert status_of(server.port, tls=True) == 200
    finally:
        assert server.stop() == 0
