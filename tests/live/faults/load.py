"""Devices that upload scan after scan until it is acknowledged, and what must be there then."""

import itertools
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import requests

from tests.live.conftest import scan
from tests.live.servers import Server

PACKAGES = 400
AGAIN_SECONDS = 0.02


def inventory(number: int) -> dict[str, Any]:
    """A scan that differs from the one before in every package."""
    template = scan("server-459")
    package = template["packages"][0]
    hour, minute, second = number // 3600, number // 60 % 60, number % 60
    return {
        **template,
        "scanned_at": f"2026-11-01T{hour:02}:{minute:02}:{second:02}Z",
        "packages": [{**package, "name": f"p{n}", "version": str(number)} for n in range(PACKAGES)],
    }


_addresses = itertools.count(1)


def enroll(server: Server, name: str) -> dict[str, Any]:
    """Enroll a device from an address of its own, where the server trusts one proxy."""
    answer = server.register(name, address=f"10.1.0.{next(_addresses)}")
    assert answer.status_code == 201, answer.text
    device: dict[str, Any] = answer.json()
    return device


@dataclass
class Uploader:
    """One device; its servers are asked in turn, as behind a balancer."""

    servers: list[Server]
    device: dict[str, Any]
    accepted: int = 0
    answers: Counter[int] = field(default_factory=Counter)
    unavailable: list[requests.Response] = field(default_factory=list)
    cut: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None

    def start(self) -> None:
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def wait_for_more(self) -> None:
        """Return when one more scan is acknowledged."""
        known, deadline = self.accepted, time.monotonic() + 60
        while self.accepted == known:
            assert time.monotonic() < deadline, self.answers
            time.sleep(0.001)

    def stop(self) -> None:
        """Return when the scan that is under way is acknowledged."""
        self.over.set()
        assert self.thread is not None
        self.thread.join(60)
        assert not self.thread.is_alive()

    def _run(self) -> None:
        ways = itertools.cycle(self.servers)
        while not self.over.is_set():
            document = inventory(self.accepted)
            while not self._upload(next(ways), document):
                time.sleep(AGAIN_SECONDS)
            self.accepted += 1

    def _upload(self, server: Server, document: dict[str, Any]) -> bool:
        try:
            answer = server.upload(self.device, document)
        except requests.RequestException:
            self.cut += 1
            return False
        self.answers[answer.status_code] += 1
        if answer.status_code == 503:
            self.unavailable.append(answer)
        return answer.status_code == 202


Ask = Callable[[str], list[tuple[Any, ...]]]


def sqlite(server: Server) -> Ask:
    """Return what reads the server's own file, which must be sound."""

    def ask(statement: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(server.database)) as connection:
            return connection.execute(statement).fetchall()

    assert ask("PRAGMA integrity_check") == [("ok",)]
    return ask


def check(ask: Ask, uploader: Uploader) -> None:
    """Every acknowledged scan is there once, the last one whole, and the totals are right."""
    uid = uploader.device["device_id"]
    [[device]] = ask(f"SELECT id FROM device WHERE uid = '{uid}'")
    versions = ask(
        "SELECT p.version FROM device_package d JOIN package p ON p.id = d.package_id"
        f" WHERE d.device_id = {device}"
    )
    assert {version for [version] in versions} == {str(uploader.accepted - 1)}
    assert len(versions) == PACKAGES
    [[scans]] = ask(f"SELECT count(*) FROM scan WHERE device_id = {device}")
    assert scans == uploader.accepted
    [totals] = ask("SELECT devices, packages FROM inventory_totals")
    assert ask("SELECT count(*) FROM device") == [(totals[0],)]
    assert ask("SELECT count(*) FROM device_package") == [(totals[1],)]
