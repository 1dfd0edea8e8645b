"""A licensed server: one that was just started, and one in use with a row in every table."""

import pytest

from tests.sentari.fleet import Fleet
from tests.sentari.operations.house import House


@pytest.fixture
def house(fleet: Fleet) -> House:
    """Just started, on SQLite."""
    return House(fleet)


@pytest.fixture
def each_house(each_fleet: Fleet) -> House:
    """Just started, on each database in turn."""
    return House(each_fleet)


@pytest.fixture
def full_house(house: House) -> House:
    """In use, on SQLite."""
    return house.furnish()


@pytest.fixture
def each_full_house(each_house: House) -> House:
    """In use, on each database in turn."""
    return each_house.furnish()
