"""Clients that are silent, slow or do not go away, on a real gunicorn with TLS and without."""

import contextlib
import http.client
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from serverkit.healthcheck import status_of
from tests.live.servers import Process, environment, free_port

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]

CLIENTS = {"http": 200, "https": 50}  # to shake hands is work for two
PROMPT_SECONDS = 4.0
ANYBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
ANYBODY.check_hostname, ANYBODY.verify_mode = False, ssl.CERT_NONE


@pytest.fixture(scope="module", params=["http", "https"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Process]:
    """A server of two workers with eight threads each, fewer than the clients."""
    directory = tmp_path_factory.mktemp("patience")
    settings = {"SENTARI_TLS": "self"} if request.param == "https" else {}
    env = environment(SENTARI_DATA_DIR=str(directory), **settings)
    server = Process(env, free_port(), directory / "log", scheme=request.param)
    server.start()
    while len(server.workers()) < 2:  # the first to be ready answers for both
        time.sleep(0.05)
    yield server
    assert server.stop() == 0


def connect(server: Process) -> socket.socket:
    """A connection up to where a request may begin."""
    plain = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    if server.scheme == "http":
        return plain
    return ANYBODY.wrap_socket(plain)


def silent(server: Process) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=10)


def in_the_middle_of_the_first_bytes(server: Process) -> socket.socket:
    """A handshake's beginning, or half a request line."""
    client = silent(server)
    client.sendall(b"\x16\x03\x01\x02\x00\x01" if server.scheme == "https" else b"GET /heal")
    return client


def in_the_middle_of_the_head(server: Process) -> socket.socket:
    client = connect(server)
    client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: 1")
    return client


def after_the_last_answer(server: Process) -> socket.socket:
    """Served, told that the connection is over, and not going away."""
    client = connect(server)
    client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert client.recv(12) == b"HTTP/1.1 200"
    return client


def prompt(server: Process, workers: list[int]) -> None:
    """Both workers answer soon: several connections in turn reach either."""
    for _ in range(8):
        began = time.monotonic()
        for path, status in (("/healthz", 200), ("/login", 302)):
            assert status_of(server.port, tls=server.scheme == "https", path=path) == status
        assert time.monotonic() - began < PROMPT_SECONDS
    assert server.workers() == workers


def in_the_middle_of_a_short_body(server: Process) -> socket.socket:
    client = connect(server)
    client.sendall(b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nx")
    return client


def in_the_middle_of_a_long_body(server: Process) -> socket.socket:
    client = connect(server)
    head = b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n"
    client.sendall(head + b"x" * 1000)
    return client


def asking_for_life_with_a_body(server: Process) -> socket.socket:
    client = connect(server)
    client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n")
    return client


@pytest.mark.parametrize(
    "stopped",
    [
        silent,
        in_the_middle_of_the_first_bytes,
        in_the_middle_of_the_head,
        after_the_last_answer,
        in_the_middle_of_a_short_body,
        in_the_middle_of_a_long_body,
        asking_for_life_with_a_body,
    ],
)
def test_two_hundred_clients_that_stop_keep_nobody_waiting(
    server: Process, stopped: Callable[[Process], socket.socket]
) -> None:
    workers = server.workers()
    with contextlib.ExitStack() as stack:
        for _ in range(CLIENTS[server.scheme]):
            stack.enter_context(stopped(server))
        prompt(server, workers)
    prompt(server, workers)


def test_a_client_that_begins_and_stops_is_let_go_after_ten_seconds(server: Process) -> None:
    with in_the_middle_of_the_head(server) as client:
        client.settimeout(20)
        began = time.monotonic()
        with contextlib.suppress(ConnectionError):
            assert client.recv(1) == b""
        assert 8 < time.monotonic() - began < 14


def test_a_head_that_comes_byte_by_byte_is_served(server: Process) -> None:
    with connect(server) as client:
        for byte in b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n":
            client.sendall(bytes([byte]))
            time.sleep(0.005)
        assert client.recv(12) == b"HTTP/1.1 200"


def test_a_kept_connection_serves_request_after_request(server: Process) -> None:
    for pause in (0, 0.2):
        with connect(server) as client:
            for _ in range(3):
                client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                answer = http.client.HTTPResponse(client)
                answer.begin()
                assert (answer.status, answer.getheader("Connection")) == (200, "keep-alive")
                answer.read()
                time.sleep(pause)


def test_requests_that_come_together_are_answered_one_after_the_other(server: Process) -> None:
    once = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
    with connect(server) as client:
        client.sendall(once + b"\r\n" + once + b"Connection: close\r\n\r\n")
        received = b""
        while data := client.recv(65_536):
            received += data
    assert received.count(b"HTTP/1.1 200 OK") == 2


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET / HTTP/1.1\nHost: localhost\n\n", b"400"),
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET /healthz HTTP/1.1\r\nHost: a\r\n" + b"X: " + b"x" * 9000 + b"\r\n\r\n", b"431"),
        (b"GET /healthz HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 101 + b"\r\n", b"431"),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", b"414"),
    ],
)
def test_a_head_that_is_wrong_is_refused_at_once(
    server: Process, head: bytes, status: bytes
) -> None:
    with connect(server) as client:
        client.sendall(head)
        assert client.recv(12).partition(b" ")[2] == status


def test_an_endless_head_is_not_kept_in_memory(server: Process) -> None:
    workers = server.workers()
    with connect(server) as client, contextlib.suppress(ConnectionError):
        client.sendall(b"GET /healthz HTTP/1.1\r\n")
        for number in range(4096):
            client.sendall(b"X-%d: " % number + b"x" * 1024 + b"\r\n")
        client.settimeout(10)
        assert client.recv(12) in (b"HTTP/1.1 431", b"")
    prompt(server, workers)


def test_a_body_is_read_to_its_end_whatever_its_size(server: Process) -> None:
    with connect(server) as client:
        body = b"x" * 3_000_000
        head = f"POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n"
        client.sendall(head.encode() + body[:100])
        time.sleep(0.2)
        with contextlib.suppress(ConnectionError):
            client.sendall(body[100:])
        assert client.recv(12) in (b"HTTP/1.1 413", b"HTTP/1.1 302")


def test_clients_that_leave_in_the_middle_leave_nothing_behind(server: Process) -> None:
    workers = server.workers()
    open_files = [len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in workers]
    for stop in (silent, in_the_middle_of_the_first_bytes, in_the_middle_of_the_head):
        for _ in range(20):
            stop(server).close()
    time.sleep(1)
    prompt(server, workers)
    left = [len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in workers]
    assert all(now <= before + 3 for now, before in zip(left, open_files, strict=True))


def test_stopping_waits_for_no_idle_client(tmp_path: Path) -> None:
    env = environment(SENTARI_DATA_DIR=str(tmp_path))
    server = Process(env, free_port(), tmp_path / "log")
    server.start()
    with silent(server) as one, in_the_middle_of_the_head(server) as other:
        time.sleep(0.2)
        assert server.process is not None
        server.process.terminate()
        began = time.monotonic()
        for client in (one, other):
            with contextlib.suppress(ConnectionError):
                assert client.recv(1) == b""
        assert time.monotonic() - began < 7  # and not the ten seconds that they would have had
        assert server.stop() == 0
