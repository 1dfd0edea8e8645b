import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentari.inventory.changes import (
    Entry,
    decode_index,
    encode_index,
    find_news,
    settle,
)
from sentari.inventory.faults import ScanError
from sentari.inventory.text import Warnings
from tests.sentari.inventory.scans import TRACKED, package, raw_records, real_scan


class Shelf:
    """Keeps one device's inventory the way the database does: ids, locations, index."""

    def __init__(self):
        self.ids = {}
        self.stored = {}
        self.index = b""
        self.warnings = Warnings()

    def apply(self, packages):
        raw = raw_records(*packages)
        index = decode_index(self.index)
        self.warnings = Warnings()
        news = find_news(raw, index, self.warnings)
        known = {digest: self.ids[key] for digest, key in news.packages.items() if key in self.ids}
        difference = settle(news, raw, index, known)
        for key in difference.missing.values():
            self.ids[key] = len(self.ids) + 1
        given = {digest: self.ids[key] for digest, key in difference.missing.items()}
        difference = difference.with_ids(given)
        for package_id in difference.removed:
            del self.stored[package_id]
        assert not set(difference.added) & set(self.stored)
        assert set(difference.changed) <= set(self.stored)
        self.stored |= {**difference.added, **difference.changed}
        self.index = difference.index
        assert difference.tracked == len(self.stored)
        return difference

    @property
    def inventory(self):
        names = {package_id: key for key, package_id in self.ids.items()}
        return {names[package_id]: text for package_id, text in self.stored.items()}


def from_nothing(packages):
    shelf = Shelf()
    shelf.apply(packages)
    return shelf.inventory


@pytest.mark.parametrize(("name", "tracked"), TRACKED.items())
def test_a_first_scan_adds_everything_and_the_second_nothing(name, tracked):
    shelf, packages = Shelf(), real_scan(name)["packages"]
    first = shelf.apply(packages)
    assert (len(first.added), first.growth, first.tracked) == (tracked, tracked, tracked)
    second = shelf.apply(packages)
    assert (second.added, second.changed, second.removed) == ({}, {}, ())
    assert second.index == first.index


def test_one_package_under_many_paths_is_one_package_with_many_locations():
    paths = [f"/srv/{number}" for number in range(157)]
    shelf = Shelf()
    difference = shelf.apply([package(install_path=path) for path in paths])
    (text,) = difference.added.values()
    assert sorted(location["install_path"] for location in json.loads(text)) == sorted(paths)


def test_fully_identical_rows_are_one_location():
    shelf = Shelf()
    (text,) = shelf.apply([package(), package(), package()]).added.values()
    assert len(json.loads(text)) == 1


def test_a_new_location_changes_its_package_and_keeps_the_other_locations():
    shelf = Shelf()
    shelf.apply([package(install_path="/a"), package("six")])
    difference = shelf.apply(
        [package("six"), package(install_path="/b"), package(install_path="/a")]
    )
    ((_, text),) = difference.changed.items()
    assert [location["install_path"] for location in json.loads(text)] == ["/a", "/b"]
    assert (difference.added, difference.removed, difference.growth) == ({}, (), 0)


def test_an_upgrade_removes_one_package_and_adds_another():
    shelf = Shelf()
    shelf.apply([package("pip", "23.0"), package("six")])
    difference = shelf.apply([package("pip", "24.0"), package("six")])
    assert (len(difference.added), len(difference.removed), difference.growth) == (1, 1, 0)


def test_an_empty_scan_removes_everything():
    shelf = Shelf()
    shelf.apply([package(), package("six")])
    difference = shelf.apply([])
    assert (len(difference.removed), difference.growth, difference.tracked) == (2, -2, 0)
    assert difference.index == b""


def test_a_wrong_record_among_known_ones_is_named_by_its_place():
    shelf = Shelf()
    shelf.apply([package(), package("six")])
    with pytest.raises(ScanError) as caught:
        shelf.apply([package(), package("six"), {"name": 1}])
    assert {fault.pointer.split("/")[2] for fault in caught.value.faults} == {"2"}


def test_mended_records_are_counted_in_every_scan_that_has_them():
    shelf = Shelf()
    hostile = package("evil\0", install_path="/\0")
    shelf.apply([hostile, package("six")])
    assert shelf.warnings.count == 2
    shelf.apply([package("seven"), hostile, package("six")])
    assert shelf.warnings.count == 2
    shelf.apply([package("seven"), package("six")])
    assert shelf.warnings.count == 0


def test_an_index_keeps_what_it_was_given():
    entries = {b"abcdefgh": Entry(1, 0), b"ijklmnop": Entry(2**32 - 1, 254)}
    assert decode_index(encode_index(entries)) == entries
    assert encode_index(dict(reversed(entries.items()))) == encode_index(entries)


@pytest.mark.parametrize(("mended", "kept"), [(254, 254), (255, 255), (256, 255), (9999, 255)])
def test_an_index_counts_mended_values_up_to_its_byte(mended, kept):
    index = decode_index(encode_index({b"abcdefgh": Entry(1, mended)}))
    assert index[b"abcdefgh"].mended == kept


def test_a_stale_index_of_another_reader_is_replaced_whole():
    shelf = Shelf()
    shelf.apply([package(), package("six")])
    old = decode_index(shelf.index)
    shelf.index = encode_index({mark[::-1]: entry for mark, entry in old.items()})
    difference = shelf.apply([package(), package("six")])
    assert len(difference.changed) == 2
    assert (difference.added, difference.removed) == ({}, ())
    assert decode_index(shelf.index) == old


small_packages = st.lists(
    st.builds(
        package,
        st.sampled_from(["pip", "six", "Six", "", "<b>", "a\0b", "\ud800"]),
        st.sampled_from(["", "1", "2"]),
        env_type=st.sampled_from(["pip", "venv", "npm"]),
        install_path=st.sampled_from(["", "/a", "/b"]),
    ),
    max_size=12,
)


@given(st.lists(small_packages, min_size=1, max_size=5))
def test_any_sequence_of_scans_ends_where_its_last_scan_alone_ends(scans):
    shelf = Shelf()
    for packages in scans:
        shelf.apply(packages)
    assert shelf.inventory == from_nothing(scans[-1])


@given(small_packages, st.randoms())
def test_order_and_repetition_of_records_change_nothing(packages, chance):
    shuffled = [*packages, *packages[:2]]
    random.Random(chance.random()).shuffle(shuffled)
    shelf = Shelf()
    shelf.apply(packages)
    before = shelf.index
    difference = shelf.apply(shuffled)
    assert (difference.added, difference.changed, difference.removed) == ({}, {}, ())
    assert shelf.index == before
