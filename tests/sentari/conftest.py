"""Servers with agents, for the tests that speak HTTP."""

from pathlib import Path

import pytest

from tests.clocks import FakeClock
from tests.conftest import AppFactory
from tests.sentari.fleet import Fleet, make_fleet


@pytest.fixture
def fleet(make_app: AppFactory, usual_url: str, clock: FakeClock, tmp_path: Path) -> Fleet:
    """A licensed server."""
    return make_fleet(make_app, usual_url, clock, tmp_path)


@pytest.fixture
def each_fleet(make_app: AppFactory, database_url: str, clock: FakeClock, tmp_path: Path) -> Fleet:
    """The same on each database in turn."""
    return make_fleet(make_app, database_url, clock, tmp_path)


@pytest.fixture
def trusting_fleet(make_app: AppFactory, usual_url: str, clock: FakeClock, tmp_path: Path) -> Fleet:
    """A licensed server for debugging, which believes a device_id."""
    return make_fleet(make_app, usual_url, clock, tmp_path, mtls_required=False, debug=True)
