"""Which check-ins of one identity hang together."""

from typing import NamedTuple

import pytest

from license_server.activations.lines import lines


class Link(NamedTuple):
    reply_jti: str
    previous: str | None


def followed(text: str) -> list[int]:
    """`b<a` is a check-in that was answered with b and had a installed; `a` had none."""
    links = []
    for part in text.split():
        reply, _, previous = part.partition("<")
        links.append(Link(reply, previous or None))
    return lines(links)


@pytest.mark.parametrize(
    ("check_ins", "expected"),
    [
        pytest.param("", [], id="none"),
        pytest.param("a b<a c<b d<c", [0, 0, 0, 0], id="one server"),
        pytest.param("b<unseen c<b", [0, 0], id="one server whose beginning is not looked at"),
        pytest.param("a b<a c<a d<c", [0, 0, 0, 0], id="an answer that was lost"),
        pytest.param("a b<a c<a d<a e<d", [0, 0, 0, 0, 0], id="two lost answers in a row"),
        pytest.param("a b<a c<a d<b e<c f<d", [0, 0, 1, 0, 1, 0], id="a clone that goes on"),
        pytest.param("a b<a d<b c<a", [0, 0, 0, 1], id="a clone's first check-in"),
        pytest.param("a b<a c<b d<c e<a f<e", [0, 0, 0, 0, 1, 1], id="a restored backup"),
        pytest.param("a b<a c d<c", [0, 0, 1, 1], id="a license that was removed and entered anew"),
        pytest.param("a b<zz c<b", [0, 1, 1], id="a reply of somebody else"),
        pytest.param("a b<a c<a d<b e<c g<a h<g", [0, 0, 1, 0, 1, 2, 2], id="three servers"),
    ],
)
def test_check_ins_of_one_server_get_one_number(check_ins: str, expected: list[int]) -> None:
    assert followed(check_ins) == expected


def test_a_year_of_hourly_check_ins_is_told_apart_without_recursion() -> None:
    links = [Link("r0", None), *(Link(f"r{n}", f"r{n - 1}") for n in range(1, 9000))]
    assert set(lines(links)) == {0}
