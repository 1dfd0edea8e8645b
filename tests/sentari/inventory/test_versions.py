import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentari.inventory.versions import version_key


@pytest.mark.parametrize(
    "rising",
    [
        ["0.9", "1", "1.0", "1.0.1", "1.2", "1.9", "1.10", "2"],
        ["2.0dev1", "2.0rc1", "2.0", "2.0.1"],
        ["1.0a1", "1.0b1", "1.0rc1", "1.0", "1.0post1"],
        ["9.18.33-1~deb12u2", "9.18.49-1~deb12u3"],
        ["1!1.0", "1!2.0"],
        ["", "0", "1"],
        ["1" + "0" * 5000, "2" + "0" * 5000],
        ["17.0.9", "17.0.15"],
    ],
)
def test_versions_sort_as_people_read_them(rising):
    shuffled = rising.copy()
    random.Random(5).shuffle(shuffled)
    assert sorted(shuffled, key=version_key) == rising


@given(st.lists(st.text(st.characters(exclude_categories=()), max_size=12)))
def test_any_text_has_a_place(versions):
    assert len(sorted(versions, key=version_key)) == len(versions)
