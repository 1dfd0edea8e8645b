"""Servers that the tests of faults share, in places that can be broken."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.live.servers import Server, Vendor

DISK_MEGABYTES = 96
TIMEOUT_SECONDS = 2


@dataclass(frozen=True)
class Disk:
    """A small file system of its own."""

    path: Path

    def fill(self) -> None:
        """Leave not one byte free."""
        with (self.path / "filler").open("wb", buffering=0) as filler:
            for size in (1 << 20, 1 << 12):
                try:
                    while filler.write(b"\0" * size) == size:
                        pass
                except OSError:
                    continue

    def make_room(self) -> None:
        (self.path / "filler").unlink(missing_ok=True)


def mount(*arguments: str) -> None:
    """Mount, or skip the test where that is not possible."""
    if os.geteuid() != 0:
        pytest.skip("file systems can be mounted by root only")
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")


def unmount(path: Path) -> None:
    subprocess.run(["umount", "--lazy", str(path)], check=True)


@pytest.fixture(scope="session")
def house_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data directory of the house: a file system of its own, if that is possible."""
    directory = tmp_path_factory.mktemp("house")
    try:
        mount("-t", "tmpfs", "-o", f"size={DISK_MEGABYTES}m", "tmpfs", str(directory))
    except pytest.skip.Exception:
        yield directory
        return
    yield directory
    unmount(directory)


@pytest.fixture(scope="session")
def house(house_directory: Path, vendor: Vendor) -> Iterator[Server]:
    """A licensed server whose writers give up after two seconds."""
    url = f"sqlite:///{house_directory}/sentari.db?timeout={TIMEOUT_SECONDS}"
    # So that each device enrolls from an address of its own: ten a minute are taken from one.
    settings = {"SENTARI_DATABASE_URL": url, "SENTARI_TRUSTED_PROXIES": "1"}
    server = Server(house_directory, vendor, **settings)
    try:
        server.start()
        assert server.install(vendor.issue()["license_key"]).status_code == 200
        yield server
    finally:
        server.server.stop()


@pytest.fixture
def disk(house: Server, house_directory: Path) -> Iterator[Disk]:
    """The house's disk, with room on it again after the test."""
    if not house_directory.is_mount():
        pytest.skip("no small file system can be mounted here: it takes root")
    disk = Disk(house_directory)
    yield disk
    disk.make_room()


@pytest.fixture(scope="session")
def breakable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vendor]:
    """A license server that tests may kill and stop; each starts it when it needs it."""
    directory = tmp_path_factory.mktemp("breakable") / "vendor"
    vendor = Vendor(directory, LICENSE_SERVER_TRUSTED_PROXIES="1")
    yield vendor
    vendor.server.stop()
