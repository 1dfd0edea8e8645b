import pytest

from sentari.inventory.filters import (
    DEVICE_SORTS,
    DEVICE_STATES,
    LONGEST_SEARCH,
    PACKAGE_SORTS,
    DeviceFilter,
    FilterError,
    Order,
    PackageFilter,
)


def test_an_empty_address_asks_for_everything_by_name():
    assert DeviceFilter.parse({}) == DeviceFilter("", "", Order("hostname"))
    assert PackageFilter.parse({"sort": ""}) == PackageFilter("", "", Order("name"))


@pytest.mark.parametrize("name", DEVICE_SORTS)
def test_every_order_of_devices_is_read_and_written_the_same(name):
    for text in (name, "-" + name):
        assert str(DeviceFilter.parse({"sort": text}).order) == text


@pytest.mark.parametrize("sort", ["machine_id", "-", "--name", "name desc", "name,version", "é"])
def test_another_order_is_refused_with_those_that_exist(sort):
    with pytest.raises(FilterError, match=PACKAGE_SORTS[0]):
        PackageFilter.parse({"sort": sort})


@pytest.mark.parametrize("status", DEVICE_STATES)
def test_every_state_is_a_filter(status):
    assert DeviceFilter.parse({"status": status}).status == status


def test_another_state_is_refused():
    with pytest.raises(FilterError, match="silent"):
        DeviceFilter.parse({"status": "dead"})


def test_a_search_has_a_limit_and_is_trimmed():
    assert DeviceFilter.parse({"search": f" {'x' * LONGEST_SEARCH} "}).search == "x" * 256
    with pytest.raises(FilterError, match="256"):
        DeviceFilter.parse({"search": "x" * (LONGEST_SEARCH + 1)})


def test_what_a_query_cannot_carry_is_mended():
    asked = PackageFilter.parse({"search": "a\0b", "ecosystem": "\ud800"})
    assert "\0" not in asked.search
    asked.ecosystem.encode()
