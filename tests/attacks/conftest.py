"""Servers and vendors to attack."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks.site import Site, build
from tests.sentari.licensing.conftest import airgap, each_world, world

__all__ = ["airgap", "each_world", "world"]


@pytest.fixture(scope="session")
def _online(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path) -> Site:
    return build(tmp_path_factory.mktemp("online"), migrated_sqlite)


@pytest.fixture(scope="session")
def _airgapped(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path) -> Site:
    return build(tmp_path_factory.mktemp("airgapped"), migrated_sqlite, license_mode="airgap")


@pytest.fixture
def site(_online: Site) -> Iterator[Site]:
    """A licensed server with one device, and the license server that it asks."""
    _online.reset()
    yield _online
    _online.close()


@pytest.fixture
def airgapped(_airgapped: Site) -> Iterator[Site]:
    """The same without a network between the two."""
    _airgapped.reset()
    yield _airgapped
    _airgapped.close()
