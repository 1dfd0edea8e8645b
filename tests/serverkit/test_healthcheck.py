"""What an image's HEALTHCHECK runs, against real sockets."""

import os
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
import trustme

from sentari.licensing.answer import Answer
from serverkit.healthcheck import port_of, serves_tls
from tests.simulators.servers import Server, always

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("arguments", "port"),
    [
        ("", 8000),
        ("--workers 4", 8000),
        ("--bind 0.0.0.0:9000", 9000),
        ("--bind=0.0.0.0:9000 --workers 4", 9000),
        ("-b :9000", 9000),
        ("-b [::]:9000", 9000),
        ("--bind '127.0.0.1:9000' --bind :9001", 9001),
        ("--bind unix:/run/sentari.sock", 8000),
    ],
)
def test_the_port_is_the_one_that_gunicorn_was_told(arguments: str, port: int) -> None:
    assert port_of({"GUNICORN_CMD_ARGS": arguments}, 8000) == port


def test_tls_is_spoken_when_the_settings_say_so() -> None:
    assert serves_tls({"SENTARI_TLS": "self"}, "SENTARI_")
    assert serves_tls({"SENTARI_TLS_CERT": "/x.pem"}, "SENTARI_")
    assert not serves_tls({"SENTARI_TLS": " ", "SENTARI_TLS_CA_FILE": "/x"}, "SENTARI_")
    assert not serves_tls({"SENTARI_TLS": "self"}, "LICENSE_SERVER_")


def check(port: int, **settings: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": os.environ["PATH"], "GUNICORN_CMD_ARGS": f"--bind 0.0.0.0:{port}"}
    command = [sys.executable, "-m", "serverkit.healthcheck", "SENTARI_", "8000"]
    return subprocess.run(
        command, cwd=ROOT, env=environ | settings, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("tls", [False, True])
def test_a_server_that_lives_is_healthy_with_tls_or_without(tls: bool) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("elsewhere.example").configure_cert(context)
    settings = {"SENTARI_TLS": "self"} if tls else {}
    with Server(always(Answer(200, {}, b"{}")), tls=context if tls else None) as server:
        assert check(server.port, **settings).returncode == 0
        assert server.visits[0].request_line == "GET /healthz HTTP/1.1"


def test_one_that_is_broken_or_silent_or_not_there_is_not() -> None:
    with Server(always(Answer(500, {}, b""))) as server:
        broken = check(server.port)
    with Server(lambda visit: visit.keep_silent()) as server:
        silent, port = check(server.port), server.port
    absent = check(port)
    assert [broken.returncode, silent.returncode, absent.returncode] == [1, 1, 1]
    assert "500" in broken.stderr
    assert "no answer" in absent.stderr
