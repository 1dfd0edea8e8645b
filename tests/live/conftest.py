"""One license server for all live tests of a process; each test has a Sentari of its own."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.servers import Server, Vendor

SHIM_SOURCE = Path(__file__).parent / "wall_clock.c"
SCANS = Path(__file__).parent.parent / "data" / "scans"


@pytest.fixture(scope="session")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vendor]:
    vendor = Vendor(tmp_path_factory.mktemp("vendor") / "data")
    vendor.server.start()
    yield vendor
    vendor.server.stop()


ServerFactory = Callable[..., Server]


@pytest.fixture
def make_server(tmp_path: Path, vendor: Vendor) -> Iterator[ServerFactory]:
    servers: list[Server] = []

    def make(**settings: Any) -> Server:
        directory = tmp_path / f"sentari-{len(servers)}"
        server = Server(directory, vendor, **settings)
        servers.append(server)
        return server.start()

    yield make
    for server in servers:
        server.server.stop()


@pytest.fixture
def licensed(make_server: ServerFactory, vendor: Vendor) -> Server:
    """A server whose license is active."""
    server = make_server()
    answer = server.install(vendor.issue()["license_key"])
    assert answer.status_code == 200, answer.text
    return server


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that shifts the wall clock of whoever is started with it."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler is installed, so no wall clock can be shifted")
    library = tmp_path_factory.mktemp("shim") / "wall_clock.so"
    command = [compiler, "-O1", "-shared", "-fPIC", "-o", str(library), str(SHIM_SOURCE), "-ldl"]
    subprocess.run(command, check=True)
    return library


def scan(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SCANS / f"{name}.json").read_text())
    return found
