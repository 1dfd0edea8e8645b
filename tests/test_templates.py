"""What holds for every template: nothing inline, nothing misspelled, every page titled."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
TEMPLATES = ROOT / "templates"
LONGEST = 150

_JINJA = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
# The one page that takes forms from anywhere; tests/license_server/test_access.py holds it to one.
FORGEABLE = {"activate.answer"}


def templates() -> dict[str, str]:
    return {
        str(path.relative_to(TEMPLATES)): _COMMENT.sub("", path.read_text())
        for path in TEMPLATES.rglob("*.html")
    }


def styled_classes() -> set[str]:
    css = "".join(path.read_text() for path in (ROOT / "static").rglob("*.css"))
    return set(re.findall(r"\.(-?[a-zA-Z_][\w-]*)", css))


def classes(text: str) -> Iterator[str]:
    """Yield the classes of a template; what Jinja puts together is left out."""
    for value in re.findall(r'\bclass="((?:\{\{.*?\}\}|\{%.*?%\}|[^"])*)"', text):
        plain = re.sub(r"\{%.*?%\}", " ", re.sub(r"\{\{.*?\}\}", "\0", value))
        yield from (each for each in plain.split() if "\0" not in each)


def refused(text: str) -> list[str]:
    """Return what the content security policy would refuse in a template."""
    html = _JINJA.sub("", text)
    patterns = (
        r"\sstyle\s*=",
        r"\son[a-z]+\s*=",
        r"<style\b",
        r"<script>",
        r"javascript:",
        r"data:",
    )
    return [found for pattern in patterns for found in re.findall(pattern, html)]


def test_no_template_has_anything_that_the_content_security_policy_refuses() -> None:
    assert {name: refused(text) for name, text in templates().items() if refused(text)} == {}


def test_an_inline_style_would_be_noticed() -> None:
    assert refused('<p style="color:red">') == [" style="]
    assert refused('<b onclick="x()">') == [" onclick="]
    assert refused("<p title='its style is plain'>") == []


def test_no_template_asks_another_host_for_anything() -> None:
    for name, text in templates().items():
        assert not re.search(r'(?:src|href|action)="(?:https?:)?//', text), name


def test_every_class_in_a_template_is_one_of_the_style_sheets() -> None:
    known = styled_classes()
    unknown = {
        name: sorted(set(classes(text)) - known)
        for name, text in templates().items()
        if set(classes(text)) - known
    }
    assert unknown == {}


def test_a_misspelled_class_would_be_noticed() -> None:
    assert set(classes('<p class="crad {{ x }} pill-{{ y }} card">')) - styled_classes() == {"crad"}


def test_every_icon_that_is_drawn_is_in_the_sprite() -> None:
    sprite = set(re.findall(r'<symbol id="([a-z-]+)"', (ROOT / "static/icons.svg").read_text()))
    for name, text in templates().items():
        for icon in re.findall(r'\b(?:icon|draw)\("([^"]+)"', text):
            assert icon in sprite, f"{name} draws {icon}"


def test_every_page_sets_its_title_and_its_heading() -> None:
    for name, text in templates().items():
        extends = re.search(r'{% extends "(?!shared/)', text)
        if extends:
            assert "{% block title %}" in text, name
            assert "{% block heading %}" in text, name


def test_every_form_that_posts_carries_its_token() -> None:
    for name, text in templates().items():
        for form in re.findall(r'<form\b[^>]*method="post".*?</form>', text, re.DOTALL):
            tokenless = re.search(r"action=\"{{ url_for\('([a-z.]+)'\) }}\"", form)
            if tokenless is None or tokenless[1] not in FORGEABLE:
                assert "csrf()" in form or "hidden_tag()" in form, name


def test_no_template_is_longer_than_the_house_allows() -> None:
    for name in templates():
        assert len((TEMPLATES / name).read_text().splitlines()) <= LONGEST, name
