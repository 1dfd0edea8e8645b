import shutil
import subprocess
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sentari.inventory.queries import Bound, parse_bounds
from sentari.inventory.version_order import Range, Verdict, compare, highest_first

# Known answers, each version before the next: from dpkg, rpm, PEP 440, npm's semver, Maven's
# ComparableVersion 3.9 and NuGet's documentation.
_ASCENDING = {
    "deb": """
        0.9~~ 0.9~rc1 0.9 0.9-1~deb12u1 0.9-1 0.9-1+b1 0.9a 0.9+x 0.10 1:0.1
    """,
    "rpm": """
        1.0~rc1-1 1.0-1.el9 1.0-2.el9 1.0-10.el9 1.0^git1-1 1.0a-1 1.0.1-1 1.10-1
        1:0.1-1
    """,
    "pypi": """
        1.0.dev1 1.0a1 1.0b2 1.0rc1 1.0 1.0+local 1.0.post1 1.1 1.10 1!0.1
    """,
    "npm": """
        1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1
        1.0.0 1.2.0 1.10.0
    """,
    "maven": """
        1.0-alpha-1 1.0-beta1 1.0-M2 1.0-RC1 1.0-SNAPSHOT 1.0 1.0-SP1 1.0-jre 1.0-1
        1.0.1 1.10 1.10.1-b03
    """,
    "nuget": """
        1.0.0-alpha 1.0.0-beta 1.0.0-RC 1.0.0 1.0.0.1 1.0.1 1.10.0
    """,
}
ASCENDING = {ecosystem: text.split() for ecosystem, text in _ASCENDING.items()}
EQUAL = {
    "deb": ["1.0", "1.00", "0:1.0", "1.0-0"],
    "rpm": ["1.0-1", "1.00-1", "0:1.0-1"],
    "pypi": ["1.0", "1.0.0", "v1.0", "01.0"],
    "npm": ["1.0.0", "v1.0.0", "1.0.0+build.1", "1.0.0+2"],
    "maven": ["1.0", "1", "1.0.0", "1.0-final", "1.0.GA", "1.0.0.RELEASE"],
    "nuget": ["1.0", "1.0.0", "1.0.0.0", "1.0.0+abc"],
}


def holds(ecosystem, version, operator, bound):
    verdict = Range([Bound(operator, bound)]).judge(ecosystem, version)
    assert not verdict.why_not, verdict
    return verdict.holds


@pytest.mark.parametrize("ecosystem", ASCENDING)
def test_versions_are_in_the_order_of_their_ecosystem(ecosystem):
    versions = ASCENDING[ecosystem]
    for place, one in enumerate(versions):
        for other_place, other in enumerate(versions):
            order = (place > other_place) - (place < other_place)
            assert holds(ecosystem, one, "<", other) == (order < 0), (one, other)
            assert holds(ecosystem, one, "<=", other) == (order <= 0), (one, other)
            assert holds(ecosystem, one, "==", other) == (order == 0), (one, other)
            assert holds(ecosystem, one, "!=", other) == (order != 0), (one, other)
            assert holds(ecosystem, one, ">=", other) == (order >= 0), (one, other)
            assert holds(ecosystem, one, ">", other) == (order > 0), (one, other)


@pytest.mark.parametrize("ecosystem", EQUAL)
def test_spellings_of_one_version_are_equal(ecosystem):
    for one in EQUAL[ecosystem]:
        for other in EQUAL[ecosystem]:
            assert holds(ecosystem, one, "==", other), (one, other)
            assert not holds(ecosystem, one, "<", other), (one, other)


def test_a_release_that_rpm_was_not_asked_for_is_not_compared():
    assert holds("rpm", "3.0.7-27.el9", "==", "3.0.7")
    assert not holds("rpm", "3.0.7-27.el9", ">", "3.0.7")
    assert holds("rpm", "3.0.7-27.el9", ">", "3.0.7-26")
    assert holds("rpm", "vega-1", "<", "1.0")


def test_all_bounds_are_to_be_kept():
    asked = Range(parse_bounds(">= 1, < 2, != 1.5"))
    kept = [v for v in ("0.9", "1", "1.5", "1.9", "2") if asked.judge("pypi", v).holds]
    assert kept == ["1", "1.9"]


@pytest.mark.parametrize(
    ("ecosystem", "version", "bound", "why"),
    [
        ("pypi", "", "1", "it has no version"),
        ("pypi", "abc", "1", "“abc” is not a version of pypi"),
        ("pypi", "1", "abc", "“abc” is not a version of pypi"),
        ("pypi", "1 0", "1", "not a version"),
        ("pypi", "٣", "1", "not a version"),
        ("npm", "1.2.3.4", "1.2.3", "not a version of npm"),
        ("npm", "latest", "1", "not a version of npm"),
        ("deb", "abc", "1", "not a version of deb"),
        ("deb", "1_0", "1", "not a version of deb"),
        ("rpm", "1 0", "1", "not a version of rpm"),
        ("nuget", "abc", "1", "not a version of nuget"),
        ("maven", "2.0.8 2003-12-28", "1", "not a version of maven"),
        ("conda", "1.0", "2.0", "versions of conda have no known order"),
        ("", "1.0", "2.0", "no ecosystem"),
    ],
)
def test_what_cannot_be_compared_is_told_with_its_reason(ecosystem, version, bound, why):
    for operator in ("<", "!=", ">="):
        verdict = Range([Bound(operator, bound)]).judge(ecosystem, version)
        assert not verdict.holds
        assert why in verdict.why_not


def test_the_same_text_is_equal_even_where_there_is_no_order():
    for ecosystem in ("conda", "brew", "pypi"):
        assert Range([Bound("==", "abc")]).judge(ecosystem, "abc") == Verdict(True)
        assert Range([Bound("!=", "abc")]).judge(ecosystem, "abc") == Verdict(False)


@pytest.mark.parametrize("ecosystem", ASCENDING)
def test_versions_are_listed_highest_first_and_those_without_an_order_last(ecosystem):
    versions = ASCENDING[ecosystem]
    listed = highest_first(
        ecosystem, ["odd one 2", *versions[::2], "", *versions[1::2], "odd one 10"]
    )
    assert listed == [*versions[::-1], "odd one 10", "odd one 2", ""]


def test_where_there_is_no_order_numbers_decide():
    assert highest_first("brew", ["1.9", "1.10", "1.2"]) == ["1.10", "1.9", "1.2"]


def test_spellings_of_one_version_are_listed_the_same_way_each_time():
    assert highest_first("pypi", EQUAL["pypi"]) == highest_first("pypi", EQUAL["pypi"][::-1])


ecosystems = st.sampled_from([*ASCENDING, "conda", ""])
texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=40) | st.text(
    st.sampled_from("019.-~+^:avx_ "), max_size=256
)


@given(ecosystems, texts, texts)
@example("maven", "-" * 256, "1")
@example("maven", "1-" * 128, "1." * 128)
@example("deb", "1" * 256, "1" + "-" * 255)
@example("npm", "1.0.0-" + "1." * 120 + "1", "1.0.0-" + "9" * 200)
@example("nuget", "1" * 200 + ".1", "1")
def test_no_text_raises_and_the_opposite_operator_says_the_opposite(ecosystem, version, bound):
    below = Range([Bound("<", bound)]).judge(ecosystem, version)
    above = Range([Bound(">=", bound)]).judge(ecosystem, version)
    assert below.why_not == above.why_not
    assert below.why_not or below.holds != above.holds


def test_five_thousand_versions_are_compared_in_a_moment():
    asked = Range(parse_bounds(">= 1.0.5-beta.2, < 2.0.0-rc.1"))
    begun = time.perf_counter()
    assert sum(asked.judge("npm", f"1.{n % 90}.{n}-rc.{n}").holds for n in range(5_000)) == 4_999
    assert time.perf_counter() - begun < 15  # 0.8 s here


@pytest.mark.skipif(not shutil.which("dpkg"), reason="dpkg is not installed")
def test_debians_order_is_dpkgs_own():
    versions = [*ASCENDING["deb"], *EQUAL["deb"], "1.0-1", "1.0+dfsg-1", "1.0~", "2", "1.0.0"]
    for one in versions[::2]:
        for other in versions[1::2]:
            told = subprocess.run(["dpkg", "--compare-versions", one, "lt", other], check=False)
            assert holds("deb", one, "<", other) == (told.returncode == 0), (one, other)


@pytest.mark.parametrize(
    ("ecosystem", "lower", "higher"),
    [
        ("deb", "2.0", "1:1.0"),
        ("deb", "1.0~rc1", "1.0"),
        ("pypi", "2.0.dev1", "2.0"),
        ("npm", "1.0.0-rc.1", "1.0.0"),
        ("npm", "1.9.0", "1.10.0"),
        ("nix", "1.9", "1.10"),
        ("pypi", "not a version 9", "not a version 10"),
        ("", "", "1"),
    ],
)
def test_two_versions_are_compared_wherever_they_come_from(ecosystem, lower, higher):
    assert compare(ecosystem, lower, higher) < 0 < compare(ecosystem, higher, lower)
    assert compare(ecosystem, lower, lower) == 0


numbers = st.lists(st.integers(0, 30), min_size=2, max_size=4).map(
    lambda parts: ".".join(map(str, parts))
)


@given(st.sampled_from(["deb", "rpm", "pypi", "npm", "maven", "nuget"]), numbers, numbers)
def test_plain_numbers_are_compared_as_the_ecosystem_would(ecosystem, one, other):
    for operator, order in (("<", -1), ("==", 0), (">", 1)):
        judged = Range((Bound(operator, other),)).judge(ecosystem, one)
        if not judged.why_not:
            assert judged.holds is (compare(ecosystem, one, other) == order)
