"""A server in use, on each database."""

import pytest

from tests.sentari.fleet import Fleet
from tests.sentari.operations.house import House


@pytest.fixture
def house(fleet: Fleet) -> House:
    """On SQLite."""
    return House(fleet)


@pytest.fixture
def each_house(each_fleet: Fleet) -> House:
    """On each database in turn."""
    return House(each_fleet)
