"""Clients that run in processes of their own and ask for the last places under a cap at once."""

import json
from concurrent.futures import ProcessPoolExecutor
from http.client import HTTPConnection
from multiprocessing import get_context
from typing import Any

PROCESSES = 8
ATTEMPTS = 4


def race(work: Any, *arguments: Any) -> list[Any]:
    """Run `work(number, *arguments)` in eight processes that begin together."""
    # Started anew: a copy of the tests' process would have its locks and sockets.
    context = get_context("spawn")
    line = context.Barrier(PROCESSES)
    with ProcessPoolExecutor(
        PROCESSES, mp_context=context, initializer=_line_up, initargs=(line,)
    ) as pool:
        racing = [pool.submit(work, number, *arguments) for number in range(PROCESSES)]
        return [racer.result(timeout=100) for racer in racing]


def _line_up(line: Any) -> None:
    global _line  # noqa: PLW0603 - a barrier cannot be sent, only inherited
    _line = line


_line: Any = None


def enroll(number: int, port: int, token: str) -> list[dict[str, Any]]:
    """Try to enroll four new devices; return the answers."""
    _line.wait(60)
    answers = []
    for attempt in range(ATTEMPTS):
        body = {"hostname": f"racer-{number}-{attempt}", "enrollment_token": token}
        address = {"X-Forwarded-For": f"10.0.{number}.{attempt}"}
        answers.append(_post(port, "register", body, address))
    return answers


def grow(number: int, port: int, devices: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Send scans of one device that grow by 100 packages each; return the answers."""
    device = devices[number]
    _line.wait(60)
    answers = []
    for attempt in range(ATTEMPTS):
        body = {
            "device_id": device["device_id"],
            "hostname": "racer",
            "os": "linux",
            "arch": "amd64",
            "scanned_at": f"2026-11-23T12:{attempt:02}:00Z",
            "packages": [
                {"name": f"p{number}-{n}", "version": "1", "env_type": "pip"}
                for n in range(100 * (attempt + 1))
            ],
        }
        identity = {"Authorization": f"Bearer {device['device_token']}"}
        answers.append(_post(port, "scan", body, identity))
    return answers


def _post(port: int, name: str, body: object, headers: dict[str, str]) -> dict[str, Any]:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", f"/api/v1/agent/{name}", json.dumps(body), headers)
    answer = connection.getresponse()
    document: dict[str, Any] = json.loads(answer.read())
    connection.close()
    return document | {"status": answer.status}
