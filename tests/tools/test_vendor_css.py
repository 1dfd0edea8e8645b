"""Deriving the pages' style sheet from Tabler's."""

import pytest

from tools.vendor_css import derive, rules, split


def test_rules_are_told_apart_by_their_outermost_braces() -> None:
    css = 'a{b:c}@media print{d{e:f}g{h:i}}j{content:"}{"}'
    assert list(rules(css)) == [
        ("a", "b:c"),
        ("@media print", "d{e:f}g{h:i}"),
        ("j", 'content:"}{"'),
    ]


def test_selectors_are_not_split_inside_brackets_or_strings() -> None:
    assert split('a:is(b,c),[d="e,f"],g', ",") == ["a:is(b,c)", '[d="e,f"]', "g"]


def test_a_widget_that_needs_scripts_is_left_out() -> None:
    css = derive(".carousel-item{a:b}.card{c:d}").css
    assert "carousel" not in css
    assert ".card{c:d}" in css


def test_a_rule_keeps_those_of_its_selectors_that_are_used() -> None:
    assert ".btn{a:b}" in derive(".navbar .btn,.btn,.dropdown-menu{a:b}").css


def test_an_unused_name_does_not_take_a_longer_one_with_it() -> None:
    assert ".started{a:b}" in derive(".started{a:b}").css


def test_the_colors_of_other_companies_are_left_out() -> None:
    css = derive(":root{--tblr-facebook:#0866ff;--tblr-blue:#00f}.bg-github-lt{a:b}").css
    assert "facebook" not in css
    assert "github" not in css
    assert "--tblr-blue:#00f" in css


def test_dark_rules_follow_the_browser_instead_of_an_attribute() -> None:
    css = derive("[data-bs-theme=dark]{a:b}[data-bs-theme=dark] .card{c:d}").css
    assert "@media (prefers-color-scheme:dark){:root{a:b}}" in css
    assert "@media (prefers-color-scheme:dark){:root .card{c:d}}" in css
    assert "data-bs-theme" not in css


def test_the_page_offers_both_color_schemes() -> None:
    css = derive(":host,:root,[data-bs-theme=light]{color-scheme:light;a:b}").css
    assert ":root{color-scheme:light dark;a:b}" in css


@pytest.mark.parametrize("svg", ["%3csvg xmlns='urn:x'/%3e", "<svg xmlns='urn:x'/>"])
def test_a_picture_in_a_data_uri_becomes_a_file(svg: str) -> None:
    derived = derive(f'.a{{b:url("data:image/svg+xml,{svg}")}}')
    assert list(derived.pictures.values()) == ["<svg xmlns='urn:x'/>\n"]
    assert f".a{{b:url(tabler/{next(iter(derived.pictures))})}}" in derived.css
    assert "data:" not in derived.css


def test_the_copyright_notice_stays() -> None:
    assert "/*! Owner */" in derive("/*! Owner */a{b:c}/* other */").css
    assert "other" not in derive("/*! Owner */a{b:c}/* other */").css
