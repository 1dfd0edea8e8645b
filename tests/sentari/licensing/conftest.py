"""A server with its vendor for the tests that need both."""

from pathlib import Path

import pytest

from tests.clocks import FakeClock
from tests.conftest import AppFactory
from tests.sentari.licensing.world import World, make_world


@pytest.fixture
def world(make_app: AppFactory, usual_url: str, clock: FakeClock, tmp_path: Path) -> World:
    """A server and its vendor."""
    return make_world(make_app, usual_url, clock, tmp_path)


@pytest.fixture
def each_world(make_app: AppFactory, database_url: str, clock: FakeClock, tmp_path: Path) -> World:
    """The same on each database in turn."""
    return make_world(make_app, database_url, clock, tmp_path)


@pytest.fixture
def airgap(make_app: AppFactory, usual_url: str, clock: FakeClock, tmp_path: Path) -> World:
    """A server that may make no outbound call, and a vendor that answers by hand."""
    return make_world(make_app, usual_url, clock, tmp_path, license_mode="airgap")
