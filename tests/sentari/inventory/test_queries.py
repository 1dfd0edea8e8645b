import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentari.inventory.purls import read_purl
from sentari.inventory.queries import (
    LONGEST_QUERY,
    MOST_BOUNDS,
    MOST_STARS,
    Bound,
    Query,
    QueryError,
    parse_bounds,
    parse_query,
)


def parsed(text):
    return parse_query(text, read_purl)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", ""),
        ("  ssl ", "ssl"),
        ("@babel/core", "@babel/core"),
        ("a b", "a b"),
        ("Visual C++ 2015", "Visual C++ 2015"),
        ("deb", "deb"),
        ("deb one two three", "deb one two three"),
        ("one two", "one two"),
        ("x@", "x@"),
        ("@x", "@x"),
        ("debug/x", "debug/x"),
        ('"a < b"', "a < b"),
        ('" pypi/pip "', " pypi/pip "),
        ('"', '"'),
        ('""', ""),
        ("pkgs", "pkgs"),
    ],
)
def test_a_plain_text_is_a_part_of_a_name(text, part):
    assert parsed(text) == Query(part=part)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("pypi/pip@24.0", Query(name="pip", ecosystem="pypi", version="24.0")),
        ("pypi pip 24.0", Query(name="pip", ecosystem="pypi", version="24.0")),
        ("PyPI pip@24.0", Query(name="pip", ecosystem="pypi", version="24.0")),
        ("pypi/pip", Query(name="pip", ecosystem="pypi")),
        ("deb openssl", Query(name="openssl", ecosystem="deb")),
        ("pip@24.0", Query(name="pip", version="24.0")),
        ("npm/@babel/core@7.24.0", Query(name="@babel/core", ecosystem="npm", version="7.24.0")),
        ("npm @babel/core 7.24.0", Query(name="@babel/core", ecosystem="npm", version="7.24.0")),
        ("npm/@babel/core", Query(name="@babel/core", ecosystem="npm")),
        ("@babel/core@7", Query(name="@babel/core", version="7")),
        ("maven org.x:y 1.0", Query(name="org.x:y", ecosystem="maven", version="1.0")),
        ("deb bind9@1:9-1~u3", Query(name="bind9", ecosystem="deb", version="1:9-1~u3")),
        ("pkg:pypi/pip@24.0", Query(name="pip", ecosystem="pypi", version="24.0")),
        ("PKG:npm/%40babel/core", Query(name="@babel/core", ecosystem="npm")),
        ("pkg:deb/debian/ssl@3-1?arch=amd64", Query(name="ssl", ecosystem="deb", version="3-1")),
        ("pkg:generic/x@1", Query(name="x", version="1")),
    ],
)  # fmt: skip
def test_coordinates_are_a_whole_name(text, query):
    assert parsed(text) == query


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("openssl < 3.0.15", Query(name="openssl", bounds=(Bound("<", "3.0.15"),))),
        ("openssl<3.0.15", Query(name="openssl", bounds=(Bound("<", "3.0.15"),))),
        ("name >= 1, < 2", Query(name="name", bounds=(Bound(">=", "1"), Bound("<", "2")))),
        ("name==1,!=2", Query(name="name", bounds=(Bound("==", "1"), Bound("!=", "2")))),
        ("name = 1", Query(name="name", bounds=(Bound("==", "1"),))),
        ("deb openssl <= 3", Query(name="openssl", ecosystem="deb", bounds=(Bound("<=", "3"),))),
        ("deb/openssl > 3", Query(name="openssl", ecosystem="deb", bounds=(Bound(">", "3"),))),
        ("@babel/core < 8", Query(name="@babel/core", bounds=(Bound("<", "8"),))),
        ("npm/@a/b < 8", Query(name="@a/b", ecosystem="npm", bounds=(Bound("<", "8"),))),
        ("lib*ssl* > 1", Query(name="lib*ssl*", bounds=(Bound(">", "1"),))),
        ("Visual C++ < 14", Query(name="Visual C++", bounds=(Bound("<", "14"),))),
        ("deb < 1", Query(name="deb", bounds=(Bound("<", "1"),))),
    ],
)  # fmt: skip
def test_comparisons_follow_a_whole_name(text, query):
    assert parsed(text) == query


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("< 3", "There is no name before “<”"),
        ("<script>", "There is no name before “<”"),
        ("openssl <", "There is no version after “<”"),
        ("openssl < 3,", "“” is not a comparison"),
        ("openssl < 3, 4", "“4” is not a comparison"),
        ("openssl >= 1 < 2", "Put a comma"),
        ("openssl < 3 0", "there is a blank in it"),
        ("openssl ~= 3", "“~=” is not known here"),
        ("openssl !> 3", "“!>” is not known here"),
        ("pypi/pip@24 < 25", "names a version already"),
        ("pkg:pypi", "is not a package URL"),
        ("pkg:pypi/pip < 24", "to compare versions write pypi/pip < 24"),
        ("* < 3", "besides the *"),
        ("a*b*c*d*e* < 3", f"At most {MOST_STARS}"),
        ("x" * (LONGEST_QUERY + 1), "at most 256 characters"),
    ],
)
def test_a_fault_is_named(text, fault):
    with pytest.raises(QueryError) as caught:
        parsed(text)
    assert fault in str(caught.value)


def test_as_many_comparisons_as_are_allowed_are_read_and_one_more_is_refused():
    assert len(parse_bounds(",".join(["!= 1"] * MOST_BOUNDS))) == MOST_BOUNDS
    with pytest.raises(QueryError, match="9 comparisons"):
        parse_bounds(",".join(["!= 1"] * (MOST_BOUNDS + 1)))


def read_or_none(text):
    try:
        return parsed(text)
    except QueryError:
        return None


@given(st.text(alphabet=st.sampled_from('ab1 .,<>=!~*@/:"%pkg\n')) | st.text())
def test_any_text_is_read_or_refused_in_words(text):
    query = read_or_none(text)
    assert query is None or not (query.part and query.name)
