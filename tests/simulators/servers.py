"""Real servers on loopback that do one thing per connection, well or badly."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from sentari.licensing.answer import Answer
from tests.simulators.license_server import LicenseServerSimulator, problem

Behave = Callable[["Visit"], None]


class Visit:
    """One connection to a server, seen from inside."""

    def __init__(self, connection: socket.socket, stopping: threading.Event) -> None:
        self.connection = connection
        self.stopping = stopping
        self.head = b""
        self.body = b""

    def read_request(self) -> None:
        """Read one HTTP request: head and body."""
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._receive()
        self.head, _, self.body = received.partition(b"\r\n\r\n")
        length = int(self.header("content-length") or 0)
        while len(self.body) < length:
            self.body += self._receive()

    def header(self, name: str) -> str | None:
        """Return a header of the request, or None."""
        for line in self.head.decode("latin1").split("\r\n")[1:]:
            key, _, value = line.partition(":")
            if key.strip().lower() == name:
                return value.strip()
        return None

    @property
    def request_line(self) -> str:
        """Return the first line of the request."""
        return self.head.decode("latin1").split("\r\n")[0]

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self.connection.sendall(data)

    def answer(self, answer: Answer) -> None:
        """Send an HTTP answer with its length."""
        named = "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
        length = f"content-length: {len(answer.body)}\r\n"
        head = f"HTTP/1.1 {answer.status} X\r\n{named}{length}connection: close\r\n\r\n"
        self.send(head.encode("latin1") + answer.body)

    def drip(self, data: bytes, interval: float) -> None:
        """Send one byte at a time until the server stops or nobody listens."""
        for byte in data:
            self.send(bytes([byte]))
            if self.stopping.wait(interval):
                return

    def keep_silent(self) -> None:
        """Hold the connection open and say nothing."""
        self.stopping.wait(30)

    def _receive(self) -> bytes:
        received = self.connection.recv(65_536)
        if not received:
            raise ConnectionError("the visitor left")
        return received


class Server:
    """Accept connections on loopback and have `behave` serve each in a thread of its own."""

    def __init__(self, behave: Behave, *, tls: ssl.SSLContext | None = None) -> None:
        self._behave = behave
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._open: list[socket.socket] = []
        self.visits: list[Visit] = []

    @property
    def port(self) -> int:
        """Return the port it listens on."""
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        """Return its address, by the name that its certificate is made for."""
        return f"{'https' if self._tls else 'http'}://localhost:{self.port}"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join(10)
        self._listener.close()

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        # A client that gives up is what these servers are there for.
        with contextlib.suppress(OSError, ConnectionError), connection:
            connection.settimeout(30)
            if self._tls is None:
                self._visit(connection)
            else:
                with self._tls.wrap_socket(connection, server_side=True) as secured:
                    self._open.append(secured)
                    self._visit(secured)

    def _visit(self, connection: socket.socket) -> None:
        visit = Visit(connection, self._stopping)
        self.visits.append(visit)
        self._behave(visit)


def always(answer: Answer) -> Behave:
    """Return a behaviour that answers every request with `answer`."""

    def behave(visit: Visit) -> None:
        visit.read_request()
        visit.answer(answer)

    return behave


def vendor(simulator: LicenseServerSimulator) -> Behave:
    """Return the behaviour of a simulated vendor: its check-in call over HTTP."""

    def behave(visit: Visit) -> None:
        visit.read_request()
        visit.answer(vendors_answer(simulator, visit.request_line, visit.body))

    return behave


def vendors_answer(simulator: LicenseServerSimulator, request_line: str, body: bytes) -> Answer:
    """Return what a simulated vendor answers, with the vendor's clock in `Date`."""
    if request_line != "POST /api/v1/check-in HTTP/1.1":
        return problem(404, "not_found", "Nothing is here.")
    answer = simulator.problem_or_reply(body.decode("ascii", "replace"))
    dated = {"date": f"{simulator.clock.now():%a, %d %b %Y %H:%M:%S} GMT"}
    return Answer(answer.status, dated | dict(answer.headers), answer.body)


def relay(one: socket.socket, other: socket.socket) -> None:
    """Carry bytes both ways until either side ends."""

    def carry(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    back = threading.Thread(target=carry, args=(other, one), daemon=True)
    back.start()
    carry(one, other)
    back.join(10)
