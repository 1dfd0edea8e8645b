"""A scan whose body comes in two parts, so that its request runs for as long as a test wants."""

import json
import socket
from typing import Any

from tests.live.servers import Server


class SlowUpload:
    """One request that was begun, and is finished when the test says so."""

    def __init__(self, server: Server, device: dict[str, Any], document: dict[str, Any]) -> None:
        """Send the head, and the beginning of the body once a thread waits for it."""
        body = json.dumps({**document, "device_id": device["device_id"]}).encode()
        head = (
            f"POST /api/v1/agent/scan HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Bearer {device['device_token']}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            "Expect: 100-continue\r\n\r\n"
        )
        self._rest = body[100:]
        self._socket = socket.create_connection(("127.0.0.1", server.server.port), timeout=30)
        self._socket.sendall(head.encode())
        assert self._socket.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        self._socket.sendall(body[:100])

    def finish(self) -> int:
        """Send the rest; return the answer's status."""
        with self._socket:
            self._socket.sendall(self._rest)
            return int(self._socket.recv(12).split()[1])
