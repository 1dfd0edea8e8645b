"""Send prepared HTTP requests from several processes and threads, and as little else as possible.

The clients share the machine with the server that is measured, so they build nothing and read
no more than they need: every request is bytes before the clock starts. Standard library only,
because a client process imports this and nothing else.
"""

import multiprocessing
import queue
import socket
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

PATIENCE_SECONDS = 60
Address = tuple[str, int]


@dataclass(frozen=True)
class Answer:
    """What came back: status, head and body, and after how many seconds.

    Status 0 with the error as head means that nothing came.
    """

    status: int
    head: str
    body: bytes
    seconds: float


@dataclass(frozen=True)
class Volley:
    """All answers, in the requests' order, and how long they took together."""

    answers: list[Answer]
    seconds: float

    @property
    def statuses(self) -> Counter[int]:
        """Return how often each status came."""
        return Counter(answer.status for answer in self.answers)

    @property
    def rate(self) -> float:
        """Return answers per second."""
        return len(self.answers) / self.seconds

    def latency_ms(self, share: float) -> float:
        """Return within how many milliseconds this share of the answers came."""
        ordered = sorted(answer.seconds for answer in self.answers)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def post(path: str, body: bytes, content_type: str, **headers: str) -> bytes:
    """Return a whole HTTP request."""
    named = {
        "Host": "license.example",
        "Content-Type": content_type,
        "Content-Length": str(len(body)),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode("ascii") + body


class _Connection:
    """One connection that is kept, and opened anew when the server has closed it."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._socket: socket.socket | None = None

    def send(self, request: bytes) -> Answer:
        began = time.monotonic()
        try:
            head, body = self._exchange(request)
        except (ConnectionError, BrokenPipeError):
            # The server closes a connection that was idle; the same bytes are sent once more.
            self.close()
            head, body = self._exchange(request)
        if "connection: close" in head.lower():
            self.close()
        return Answer(int(head[9:12]), head, body, time.monotonic() - began)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _exchange(self, request: bytes) -> tuple[str, bytes]:
        if self._socket is None:
            self._socket = socket.create_connection(self._address, PATIENCE_SECONDS)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(request)
        head, body = self._read_until_body()
        length = int(head.lower().split("content-length:")[1].split("\r\n")[0])
        while len(body) < length:
            body += self._receive()
        return head, body

    def _read_until_body(self) -> tuple[str, bytes]:
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._receive()
        head, _, body = received.partition(b"\r\n\r\n")
        return head.decode("latin-1") + "\r\n", body

    def _receive(self) -> bytes:
        assert self._socket is not None
        if received := self._socket.recv(65_536):
            return received
        raise ConnectionError("the server closed the connection")


def _send_share(
    address: Address, requests: Sequence[bytes], threads: int, start_at: float
) -> tuple[float, float, list[Answer]]:
    """Send one process's share; return when it began and ended, and the answers."""
    waiting: queue.SimpleQueue[tuple[int, bytes]] = queue.SimpleQueue()
    for numbered in enumerate(requests):
        waiting.put(numbered)
    answers: dict[int, Answer] = {}

    def work() -> None:
        connection = _Connection(address)
        while True:
            try:
                number, request = waiting.get_nowait()
            except queue.Empty:
                break
            try:
                answers[number] = connection.send(request)
            except OSError as error:
                answers[number] = Answer(0, repr(error), b"", 0.0)
                connection.close()
        connection.close()

    workers = [threading.Thread(target=work) for _ in range(threads)]
    time.sleep(max(0.0, start_at - time.monotonic()))
    began = time.monotonic()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return began, time.monotonic(), [answers[number] for number in range(len(requests))]


class Hammer:
    """Client processes that are there already when the clock starts."""

    def __init__(self, processes: int = 2, threads: int = 4) -> None:
        """Start the processes; `threads` requests of each are under way at once."""
        self._processes, self._threads = processes, threads
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(processes, mp_context=context)
        list(self._pool.map(time.sleep, [0.2] * processes))

    @property
    def at_once(self) -> int:
        """Return how many requests are under way at once."""
        return self._processes * self._threads

    def send(self, address: Address, requests: Sequence[bytes]) -> Volley:
        """Send every request once."""
        start_at = time.monotonic() + 0.2
        shares = [requests[number :: self._processes] for number in range(self._processes)]
        futures = [
            self._pool.submit(_send_share, address, share, self._threads, start_at)
            for share in shares
        ]
        done = [future.result() for future in futures]
        answers: list[Answer | None] = [None] * len(requests)
        for number, (_, _, share_answers) in enumerate(done):
            answers[number :: self._processes] = share_answers
        seconds = max(ended for _, ended, _ in done) - min(began for began, _, _ in done)
        return Volley([answer for answer in answers if answer is not None], seconds)

    def close(self) -> None:
        """End the processes."""
        self._pool.shutdown()
