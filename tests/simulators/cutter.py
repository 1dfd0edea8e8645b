"""A TCP relay that loses an answer: the request gets through, and then the line goes dead."""

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self


class Cutter:
    """Relay connections to a port on loopback; cut one when its answer begins, once told to."""

    def __init__(self, upstream_port: int) -> None:
        self._upstream_port = upstream_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._cut_after: int | None = None
        self._open: list[socket.socket] = []
        self.cuts = 0

    @property
    def port(self) -> int:
        """Return the port that clients connect to."""
        return int(self._listener.getsockname()[1])

    def lose_next_answer(self, *, after_bytes: int) -> None:
        """Cut the next connection on which the server speaks once the client sent so much.

        What a handshake needs from the client is less than a request after it.
        """
        with self._lock:
            self._cut_after = after_bytes

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in self._open:
            end.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._upstream_port))
            self._open += [client, server]
            _Relay(self, client, server).start()

    def cuts_now(self, sent_bytes: int) -> bool:
        """Tell whether this is the answer to lose; only one is."""
        with self._lock:
            if self._cut_after is None or sent_bytes < self._cut_after:
                return False
            self._cut_after = None
            self.cuts += 1
            return True


class _Relay:
    def __init__(self, cutter: Cutter, client: socket.socket, server: socket.socket) -> None:
        self._cutter, self._client, self._server = cutter, client, server
        self._sent_bytes = 0

    def start(self) -> None:
        for work in (self._up, self._down):
            threading.Thread(target=work, daemon=True).start()

    def _up(self) -> None:
        with contextlib.suppress(OSError):
            while data := self._client.recv(65_536):
                self._sent_bytes += len(data)
                self._server.sendall(data)
        self._end()

    def _down(self) -> None:
        with contextlib.suppress(OSError):
            while data := self._server.recv(65_536):
                if self._cutter.cuts_now(self._sent_bytes):
                    break
                self._client.sendall(data)
        self._end()

    def _end(self) -> None:
        for end in (self._client, self._server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
