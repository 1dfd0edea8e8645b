import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentari.inventory import scan_changes
from sentari.inventory.records import PackageKey
from sentari.inventory.scan_changes import Change, count_changes
from sentari.inventory.version_order import compare


def keys(name, versions, ecosystem="pypi"):
    return [PackageKey(ecosystem, name, version) for version in versions.split()]


def tell_changes(came, went):
    return scan_changes.tell_changes(came, went, compare)


def told(went, came):
    """Return the steps of one package, as "before>after"."""
    found = tell_changes(keys("x", came), keys("x", went))
    return [f"{each.before or ''}>{each.after or ''}" for each in found]


def test_a_version_that_replaces_another_is_an_upgrade_or_a_downgrade():
    (up,) = tell_changes(keys("pip", "24.1"), keys("pip", "24.0"))
    assert (up.change, up.before, up.after) == (Change.UPGRADED, "24.0", "24.1")
    (down,) = tell_changes(keys("pip", "9.9"), keys("pip", "10.0"))
    assert (down.change, down.before, down.after) == (Change.DOWNGRADED, "10.0", "9.9")


def test_what_has_no_counterpart_was_added_or_removed():
    found = tell_changes(keys("new", "1"), keys("old", "2"))
    assert [(each.change, each.name, each.before, each.after) for each in found] == [
        (Change.ADDED, "new", None, "1"),
        (Change.REMOVED, "old", "2", None),
    ]


def test_ecosystems_and_spellings_are_told_apart():
    came = [PackageKey("npm", "left-pad", "2"), PackageKey("pypi", "Left-Pad", "2")]
    went = [PackageKey("pypi", "left-pad", "1")]
    assert {each.change for each in tell_changes(came, went)} == {Change.ADDED, Change.REMOVED}


@pytest.mark.parametrize(
    ("went", "came", "steps"),
    [
        ("1.0 2.0", "1.1 2.1", ["1.0>1.1", "2.0>2.1"]),
        ("1.0 2.0", "2.1", ["2.0>2.1", "1.0>"]),
        ("1.0", "1.1 2.0", ["1.0>1.1", ">2.0"]),
        ("3.8.1 3.9.1", "3.9.2 3.10.0", ["3.8.1>3.10.0", "3.9.1>3.9.2"]),
        ("1.0 2.0", "3.0 4.0", ["1.0>3.0", "2.0>4.0"]),
        ("17.0.9 21.0.1", "17.0.15", ["17.0.9>17.0.15", "21.0.1>"]),
        ("5.0", "4.0 6.0", ["5.0>6.0", ">4.0"]),
        ("2.0rc1", "2.0", ["2.0rc1>2.0"]),
        ("9.18.33-1~deb12u2", "9.18.49-1~deb12u3", ["9.18.33-1~deb12u2>9.18.49-1~deb12u3"]),
    ],
)
def test_versions_side_by_side_are_put_together_by_what_they_have_in_common(went, came, steps):
    assert told(went, came) == steps


def test_another_spelling_of_the_same_version_is_no_step():
    assert told("1.0", "1.0.0") == [">1.0.0", "1.0>"]


def test_the_ecosystems_own_order_decides_the_direction():
    (step,) = tell_changes(keys("x", "1:1.0", "deb"), keys("x", "2.0", "deb"))
    assert step.change == Change.UPGRADED
    (step,) = tell_changes(keys("x", "1.0~rc1", "deb"), keys("x", "1.0", "deb"))
    assert step.change == Change.DOWNGRADED
    (step,) = tell_changes(keys("x", "1.10", "nix"), keys("x", "1.9", "nix"))
    assert step.change == Change.UPGRADED


def test_a_version_may_be_missing():
    found = tell_changes([PackageKey("deb", "x", "1")], [PackageKey("deb", "x", "")])
    assert [(each.change, each.before, each.after) for each in found] == [
        (Change.UPGRADED, "", "1")
    ]


def test_changes_are_told_by_kind_and_then_by_name():
    came = keys("b", "2") + keys("A", "2") + keys("d", "1") + keys("e", "1") + keys("c", "1")
    went = keys("b", "1") + keys("A", "1") + keys("d", "2") + keys("f", "1")
    found = tell_changes(came, went)
    assert [(each.change.value, each.name) for each in found] == [
        ("upgraded", "A"),
        ("upgraded", "b"),
        ("downgraded", "d"),
        ("added", "c"),
        ("added", "e"),
        ("removed", "f"),
    ]
    assert count_changes(found) == {
        Change.UPGRADED: 2,
        Change.DOWNGRADED: 1,
        Change.ADDED: 2,
        Change.REMOVED: 1,
    }


def test_very_many_versions_are_put_together_in_their_order():
    went, came = (" ".join(f"{n}.{minor}" for n in range(300)) for minor in (0, 1))
    assert len(tell_changes(keys("x", came), keys("x", went))) == 300


some_keys = st.lists(
    st.builds(
        PackageKey,
        st.sampled_from(["npm", "deb"]),
        st.sampled_from(["a", "b"]),
        st.text("0123.-ab", max_size=4),
    ),
    unique=True,
    max_size=8,
)


@given(some_keys, some_keys)
def test_every_package_is_told_once(came, went):
    found = tell_changes(came, went)
    after = [PackageKey(e.ecosystem, e.name, e.after) for e in found if e.after is not None]
    before = [PackageKey(e.ecosystem, e.name, e.before) for e in found if e.before is not None]
    assert (sorted(after), sorted(before)) == (sorted(came), sorted(went))
    assert tell_changes(came[::-1], went[::-1]) == found
