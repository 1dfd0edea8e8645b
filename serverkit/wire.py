"""Open the connections of an outbound call under one hard deadline, and note how far it came."""

import contextlib
import queue
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import Self

Address = tuple[socket.AddressFamily, str, int]
Resolver = Callable[[str, int], Sequence[Address]]


class Stage(StrEnum):
    """Name a part of a call, in the order in which a call passes them."""

    DNS = "dns"
    TCP = "tcp"
    TUNNEL = "tunnel"
    TLS = "tls"
    HTTP = "http"


@dataclass
class Trace:
    """How far a call came: the stage it is in, what each took, and whom it met."""

    stage: Stage | None = None
    seconds: dict[Stage, float] = field(default_factory=dict)
    addresses: tuple[str, ...] = ()
    peer: str = ""
    certificate: bytes | None = None
    tls_version: str | None = None
    verify_code: int | None = None
    _began: float = 0.0

    def begin(self, stage: Stage) -> None:
        """Enter a stage; the one before it is over."""
        self.end()
        self.stage, self._began = stage, time.monotonic()

    def end(self) -> None:
        """Note the time of the present stage, which stays the present one."""
        if self.stage is not None:
            self.seconds[self.stage] = time.monotonic() - self._began


class Deadline:
    """End everything that was opened under it once its time is up.

    Timeouts of sockets count from one byte to the next, so a drip outlives them. At the deadline
    the connection itself is shut down, which wakes a read, a write and a TLS handshake alike.
    """

    def __init__(self, seconds: float) -> None:
        """Prepare to end after `seconds` from now."""
        self._ends_at = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._watched: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._shut_down)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        with self._lock:
            for watched in self._watched:
                watched.close()
            self._watched.clear()

    @property
    def remaining_seconds(self) -> float:
        """Return the time that is left; never below zero."""
        return max(self._ends_at - time.monotonic(), 0.0)

    @property
    def expired(self) -> bool:
        """Say whether the time is up."""
        return self.remaining_seconds == 0.0

    def watch(self, connection: socket.socket) -> None:
        """Shut `connection` down at the deadline, whatever is wrapped around it meanwhile."""
        # A descriptor of our own: TLS takes over that of the socket it wraps, and one that was
        # closed elsewhere may already belong to somebody else.
        duplicate = connection.dup()
        with self._lock:
            self._watched.append(duplicate)
        if self.expired:
            self._shut_down()

    def _shut_down(self) -> None:
        with self._lock:
            for watched in self._watched:
                with contextlib.suppress(OSError):
                    watched.shutdown(socket.SHUT_RDWR)


def resolve_name(host: str, port: int) -> Sequence[Address]:
    """Ask the system for the addresses of a host; raise OSError when it has none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, str(address[0]), int(address[1])) for family, *_, address in found]


def look_up(resolve: Resolver, host: str, port: int, seconds: float) -> Sequence[Address]:
    """Return the addresses of a host, or raise OSError or, after `seconds`, TimeoutError.

    The system's lookup cannot be interrupted. It runs in a thread of its own that is left behind
    when it hangs, and ends when the system's resolver gives up (commonly within half a minute).
    """
    outcome: queue.SimpleQueue[Sequence[Address] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            outcome.put(resolve(host, port))
        except (OSError, UnicodeError) as error:
            outcome.put(error)

    threading.Thread(target=ask, name="dns", daemon=True).start()
    try:
        found = outcome.get(timeout=seconds)
    except queue.Empty as error:
        raise TimeoutError(f"no answer from DNS within {seconds:g} s") from error
    if isinstance(found, Exception):
        raise OSError(str(found)) from found
    if not found:
        raise OSError("DNS knows the name but no address")
    return found


def open_connection(
    resolve: Resolver,
    host: str,
    port: int,
    *,
    connect_seconds: float,
    deadline: Deadline,
    trace: Trace,
) -> socket.socket:
    """Return a connection to the first address that takes one; raise OSError or TimeoutError.

    Lookup and all attempts together take at most `connect_seconds`. Each attempt gets its share
    of what is left, so that an unreachable IPv6 address does not starve the IPv4 one after it.
    """
    ends_at = time.monotonic() + min(connect_seconds, deadline.remaining_seconds)
    trace.begin(Stage.DNS)
    addresses = look_up(resolve, host, port, max(ends_at - time.monotonic(), 0.001))
    trace.addresses = tuple(dict.fromkeys(address for _, address, _ in addresses))
    trace.begin(Stage.TCP)
    last_error: OSError = OSError("no address")
    for position, address in enumerate(addresses):
        share = max(ends_at - time.monotonic(), 0.001) / (len(addresses) - position)
        try:
            connection = _connect(address, share)
        except OSError as error:
            last_error = error
            continue
        connection.settimeout(connect_seconds)
        deadline.watch(connection)
        trace.peer = address[1]
        return connection
    raise last_error


def _connect(address: Address, seconds: float) -> socket.socket:
    family, host, port = address
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.settimeout(seconds)
        connection.connect((host, port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        connection.close()
        raise
    return connection
