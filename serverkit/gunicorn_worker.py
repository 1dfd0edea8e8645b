"""gunicorn's threaded worker for clients that are slow, silent or do not go away.

The stock worker has a thread wait for each new connection's handshake and head, without an end,
and its main loop wait for clients to close. Here the main loop does the handshakes and collects
heads and short bodies, without waiting; a thread gets a connection once that is there, and some are
kept from long bodies. A thread of its own answers whether the process lives, and a worker that is
told to stop says so first.
"""

import mmap
import resource
import selectors
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from gunicorn import http, sock
from gunicorn.workers.gthread import TConn, ThreadWorker

from serverkit.request_head import RequestHead, read_request_head
from serverkit.stopping import STOP

# From the first byte to the end of the handshake, of the request's head and of a short body.
BEGIN_SECONDS = 10.0
# How long a thread waits for the next bytes of a long body, or for its answer to be taken.
STALLED_SECONDS = 30.0
# How long a client may take to close after an answer, so that it reads the answer's end.
LINGER_SECONDS = 2.0
# Of a head alone, and of a head with its body, that the main loop collects.
LONGEST_HEAD_BYTES = 65_536
# How long a stopping worker takes new connections while it still has requests to finish.
ANNOUNCE_SECONDS = 10.0
_LOOK_SECONDS = 0.05
# What a process needs besides its connections: database, logs, libraries.
SPARE_FILES = 128
_CHUNK_BYTES = 16_384

# Shared by the master and all workers: how often the server was reloaded.
_reloads = mmap.mmap(-1, 8)


def count_reload() -> None:
    """Let the workers know that those who are stopped next have been replaced already."""
    _reloads[:] = (_reload_count() + 1).to_bytes(8, "little")


def _reload_count() -> int:
    return int.from_bytes(_reloads[:], "little")


class Connection(TConn):  # type: ignore[misc]
    """A connection that a thread gets only with a whole head, and with its body if it is short."""

    sock: Any
    parser: Any

    def __init__(self, *arguments: Any) -> None:
        """Wait for the first request."""
        super().__init__(*arguments)
        self.data_ready = True
        self.waits_for = selectors.EVENT_READ
        self.asks_for_life = self.awaits_body = False
        self._secured = not self.cfg.is_ssl
        self._received = bytearray()
        self._head: RequestHead | None = None

    @property
    def peer(self) -> str:
        """Return the client's address as the log names it; a local socket's has none."""
        return str(self.client[0]) if self.client else "a local client"

    def init(self) -> None:
        """Let no client hold the thread for ever; gunicorn has just made the socket blocking."""
        self.sock.settimeout(STALLED_SECONDS)

    def begin(self) -> bool:
        """Take what has come, without waiting; tell whether a thread can go on with it.

        Raises OSError (ssl.SSLError is one) when nothing more can come of the connection.
        """
        try:
            self._secure()
            while not self._is_enough():
                data = self.sock.recv(_CHUNK_BYTES)
                if not data:
                    raise ConnectionAbortedError("the client left")
                self._received += data
        except (BlockingIOError, ssl.SSLWantReadError):
            self.waits_for = selectors.EVENT_READ
            return False
        except ssl.SSLWantWriteError:
            self.waits_for = selectors.EVENT_WRITE
            return False
        self._hand_over()
        return True

    def _secure(self) -> None:
        if self._secured:
            return
        if not isinstance(self.sock, ssl.SSLSocket):
            self.sock = sock.ssl_wrap_socket(self.sock, self.cfg)
        self.sock.do_handshake()
        self._secured = True

    def _is_enough(self) -> bool:
        if self._head is None:
            self._head = read_request_head(self._received)
        if self._head is None:
            return len(self._received) >= LONGEST_HEAD_BYTES
        end = self._head.body_end
        if end is None or end > LONGEST_HEAD_BYTES or self._head.expects_word:
            return True
        return len(self._received) >= end

    def _hand_over(self) -> None:
        if self.parser is None:
            self.parser = http.get_parser(self.cfg, self.sock, self.client)
            self.initialized = True
        if head := self._head:
            self.asks_for_life = head.asks_for_life
            self.awaits_body = head.body_end is None or head.body_end > len(self._received)
        self.parser.unreader.unread(bytes(self._received))
        self._received.clear()
        self._head = None


class PatientWorker(ThreadWorker):  # type: ignore[misc]
    """The threaded worker whose threads and main loop wait for no client."""

    worker_connections: int
    alive: bool

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Take fewer connections than the process may have files."""
        super().__init__(*arguments, **options)
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.worker_connections = min(self.worker_connections, max(1, files - SPARE_FILES))
        # When each must be done; all wait for the same time, so the first is due first.
        self._beginning: dict[Connection, float] = {}
        self._lingering: dict[Connection, float] = {}
        self._running = self._reading = 0
        # Those whose bodies are long: some threads are left to those who have sent all.
        self._readers = max(1, self.cfg.threads * 3 // 4)
        self._queued: deque[Connection] = deque()
        self._reloads = _reload_count()
        # Both are for gunicorn's configuration to set: what else is to stop at once, and how long
        # the port stays open for whoever sends requests here to learn of it.
        self.on_stop: Callable[[], object] = int
        self.drain_seconds = 0.0
        self._stops_from = self._stops_until = 0.0

    def init_process(self) -> None:
        """Have one thread more, for those who ask whether the process lives."""
        self._life = ThreadPoolExecutor(1, "life")
        super().init_process()

    def handle_exit(self, sig: int, frame: object) -> None:
        """Announce the stop, and go on until those who send requests here can have seen it.

        A worker that a reload has replaced stops without a word: the server goes on.
        """
        if self._reloads != _reload_count():
            super().handle_exit(sig, frame)
        elif not STOP.announced:
            STOP.announce()
            self._stops_from = time.monotonic() + self.drain_seconds
            self._stops_until = max(self._stops_from, time.monotonic() + ANNOUNCE_SECONDS)
            self.method_queue.defer(self.on_stop)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Look often whether it is time to stop, once that was announced."""
        stopping = STOP.announced and self.alive
        super().wait_for_and_dispatch_events(_LOOK_SECONDS if stopping else timeout)
        if STOP.announced and self.alive:
            now = time.monotonic()
            done = not self._running and now >= self._stops_from
            self.alive = not done and now < self._stops_until

    def set_accept_enabled(self, enabled: bool) -> None:
        """Take all that the kernel has connected before a stopping worker closes its port.

        It does so at once: a server that is started anew needs the port.
        """
        stops = not enabled and not self.alive
        if stops and self._accepting:
            for listener in self.sockets:
                self._accept_all(listener)
        super().set_accept_enabled(enabled)
        if stops:
            for listener in self.sockets:
                listener.close()

    def _accept_all(self, listener: socket.socket) -> None:
        before = -1
        while before < self.nr_conns:
            before = self.nr_conns
            self.accept(listener)

    def is_parent_alive(self) -> bool:
        """Stop in the same way when the master is gone."""
        self.alive = self.alive and super().is_parent_alive()
        return bool(self.alive)

    def enqueue_req(self, conn: Connection) -> None:
        """Have a thread answer; who only asks for life waits for none that others keep."""
        self._running += 1
        if conn.awaits_body:
            if self._reading >= self._readers:
                self._queued.append(conn)
                return
            self._reading += 1
        self._submit(self._life if conn.asks_for_life else self.tpool, conn)

    def _submit(self, pool: ThreadPoolExecutor, conn: Connection) -> None:
        pool.submit(self.handle, conn).add_done_callback(
            lambda done: self.method_queue.defer(self.finish_request, conn, done)
        )

    def accept(self, listener: socket.socket) -> None:
        """Accept a connection, and wait for its first request in the main loop."""
        try:
            client, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        self.nr_conns += 1
        self._wait_for_request(Connection(self.cfg, client, address, listener.getsockname()))

    def on_client_socket_readable(self, conn: Connection, client: socket.socket) -> None:
        """Wait in the main loop for the next request of a kept connection as well."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._wait_for_request(conn)

    def finish_request(self, conn: Connection, done: Any) -> None:
        """Keep the connection for the next request, or let the client close it."""
        self._running -= 1
        if conn.awaits_body and self._queued:
            self._submit(self.tpool, self._queued.popleft())
        elif conn.awaits_body:
            self._reading -= 1
        conn.asks_for_life = conn.awaits_body = False
        if not done.cancelled() and not done.exception() and done.result():
            super().finish_request(conn, done)
        else:
            self._linger(conn)

    def murder_pending(self) -> None:
        """Close whatever has taken its time."""
        now = time.monotonic()
        for waiting in (self._beginning, self._lingering):
            for conn in [conn for conn, ends_at in waiting.items() if ends_at <= now]:
                self.poller.unregister(conn.sock)
                del waiting[conn]
                self._close(conn)

    def _cap_keepalive(self, deadline: float) -> None:
        """Wait for nobody longer than this: the worker is to stop."""
        super()._cap_keepalive(deadline)
        for conn, ends_at in self._beginning.items():
            self._beginning[conn] = min(ends_at, deadline)

    def _wait_for_request(self, conn: Connection) -> None:
        self._beginning[conn] = time.monotonic() + BEGIN_SECONDS
        self._begin(conn)

    def _on_ready(self, conn: Connection, client: socket.socket) -> None:
        self.poller.unregister(client)
        self._begin(conn)

    def _begin(self, conn: Connection) -> None:
        try:
            if not conn.begin():
                self.poller.register(conn.sock, conn.waits_for, partial(self._on_ready, conn))
                return
        except ssl.SSLError as error:
            # The client's own error is the closed connection; here is why.
            self.log.info("TLS with %s failed: %s", conn.peer, error)
            del self._beginning[conn]
            self._linger(conn)
        except OSError as error:
            if not isinstance(error, ConnectionError):
                self.log.warning("a connection of %s was dropped: %s", conn.peer, error)
            del self._beginning[conn]
            self._close(conn)
        else:
            del self._beginning[conn]
            self.enqueue_req(conn)

    def _linger(self, conn: Connection) -> None:
        """Close our side, and wait a little for the client to have read all and close its own."""
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(socket.SHUT_WR)
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._on_last, conn))
        except (OSError, ValueError):
            self._close(conn)
        else:
            self._lingering[conn] = time.monotonic() + LINGER_SECONDS

    def _on_last(self, conn: Connection, client: socket.socket) -> None:
        try:
            if client.recv(_CHUNK_BYTES):
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self.poller.unregister(client)
        del self._lingering[conn]
        self._close(conn)

    def _close(self, conn: Connection) -> None:
        self.nr_conns -= 1
        conn.close()
