"""Derive the style sheet that the pages load from Tabler's published one.

Three things keep Tabler's own file from being served as it is: it is large
(most of it for widgets that need scripts), it carries pictures as data: URIs,
which the content security policy refuses, and its dark colors wait for an
attribute that only a script could set.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote

# Widgets that need scripts, and looks that no page has.
UNUSED = (
    "accordion", "apexcharts", "calendar", "carousel", "chart", "chat", "clr", "collapse",
    "collapsing", "colorinput", "countup", "datagrid", "demo", "dropdown", "dropend",
    "dropstart", "dropup", "dropzone", "fc", "fancybox", "flag", "flatpickr", "gjs",
    "imagecheck", "jsvectormap", "jvm", "litepicker", "mapboxgl", "markdown", "mention",
    "modal", "nav-segmented", "navbar", "nouislider", "noUi", "offcanvas", "onboarding",
    "otp", "payment", "plyr", "popover", "ratio", "ribbon", "rating", "signal", "signature",
    "social", "sparkline", "star", "switch-icon", "switch", "theme", "toast", "tom", "ts",
    "tooltip", "tox", "typed", "wizard", "hljs", "strength", "layout", "gradient",
    "star-rating", "photo", "mapbox", "input-otp", "selectgroup", "form-imagecheck",
    "form-colorinput", "form-selectgroup", "steps", "step", "tracking", "tag", "legend",
    "divide", "swiper", "driver", "fslightbox", "countdown", "object", "column", "columns",
    "float", "bg-gradient", "hide-theme-light", "hide-theme-dark", "img-light", "img-dark",
    "autosize", "btn-floating", "progressbg", "bs",
)  # fmt: skip
BRANDS = (
    "x", "facebook", "twitter", "linkedin", "google", "youtube", "vimeo", "dribbble", "github",
    "instagram", "pinterest", "vk", "rss", "flickr", "bitbucket", "tabler",
)  # fmt: skip

DARK = "[data-bs-theme=dark]"
_UNUSED_CLASS = re.compile(rf"\.(?:{'|'.join(sorted(UNUSED, key=len)[::-1])})(?![a-zA-Z0-9])")
_BRAND_CLASS = re.compile(rf"\.[a-z-]*-(?:{'|'.join(BRANDS[1:])})(?:-lt|-fg)?(?![a-z0-9-])")
_ATTRIBUTE = re.compile(r"\[data-(?:bs|vc|theme|layout|gradient)|\.theme-dark|btn-x\b|-x(?:-lt)?$")
_BRAND_PROPERTY = re.compile(rf"--tblr-(?:{'|'.join(BRANDS)})(?:-[a-z0-9-]+)?:[^;}}]*;?")
_DATA_URI = re.compile(r"""url\((["'])data:image/svg\+xml,(.*?)\1\)""")
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


@dataclass
class Derived:
    """The derived style sheet, and the pictures it refers to by file name."""

    css: str = ""
    pictures: dict[str, str] = field(default_factory=dict)


def derive(source: str) -> Derived:
    """Return what the pages load, from the text of Tabler's ``tabler.min.css``."""
    derived = Derived()
    notice = _COMMENT.search(source)
    text = _COMMENT.sub("", source.replace('@charset "UTF-8";', ""))
    text = _BRAND_PROPERTY.sub("", "".join(_keep(text)))
    text = _DATA_URI.sub(lambda match: _picture(match[2], derived), text)
    head = notice[0] if notice else ""
    derived.css = f'@charset "UTF-8";\n{head}\n/* Derived by tools/vendor_css.py */\n{text}\n'
    return derived


def _picture(encoded: str, derived: Derived) -> str:
    """Move one data: URI into a file of its own, named after its content."""
    svg = unquote(encoded)
    if "xmlns" not in svg:
        svg = svg.replace("<svg", "<svg xmlns='http://www.w3.org/2000/svg'", 1)
    name = hashlib.sha256(svg.encode()).hexdigest()[:10] + ".svg"
    derived.pictures[name] = svg + "\n"
    return f"url(tabler/{name})"


def _keep(css: str) -> Iterator[str]:
    """Yield the rules worth keeping, with the dark ones under a media query."""
    for head, body in rules(css):
        if head.startswith(("@media", "@supports")):
            inner = "".join(_keep(body))
            if inner:
                yield f"{head}{{{inner}}}"
        elif head.startswith("@"):
            yield f"{head}{{{body}}}"
        else:
            yield from _keep_rule(head, body)


def _keep_rule(head: str, body: str) -> Iterator[str]:
    selectors = split(head, ",")
    light = [each for each in map(_light, selectors) if _is_kept(each)]
    if light:
        body_light = body.replace("color-scheme:light;", "color-scheme:light dark;")
        yield f"{','.join(dict.fromkeys(light))}{{{body_light}}}"
    dark = [each.replace(DARK, ":root") for each in selectors if each.startswith(DARK)]
    dark = [each for each in dark if _is_kept(each)]
    if dark:
        yield f"@media (prefers-color-scheme:dark){{{','.join(dark)}{{{body}}}}}"


def _light(selector: str) -> str:
    return selector.replace(":host", ":root") if selector == ":host" else selector


def _is_kept(selector: str) -> bool:
    tests: tuple[Callable[[str], object], ...] = (
        _UNUSED_CLASS.search,
        _BRAND_CLASS.search,
        _ATTRIBUTE.search,
    )
    return not any(test(selector) for test in tests)


def rules(css: str) -> Iterator[tuple[str, str]]:
    """Yield (head, body) of each rule on the outermost level."""
    depth = start = opened = 0
    for position, character in _outside_strings(css):
        if character == "{":
            if depth == 0:
                opened = position
            depth += 1
        elif character == "}":
            depth -= 1
            if depth == 0:
                yield css[start:opened].strip(), css[opened + 1 : position]
                start = position + 1


def split(text: str, separator: str) -> list[str]:
    """Split at a separator that stands outside of strings and brackets."""
    parts, depth, start = [], 0, 0
    for position, character in _outside_strings(text):
        depth += (character in "([") - (character in ")]")
        if character == separator and depth == 0:
            parts.append(text[start:position].strip())
            start = position + 1
    return [*parts, text[start:].strip()]


def _outside_strings(text: str) -> Iterator[tuple[int, str]]:
    quote = ""
    escaped = False
    for position, character in enumerate(text):
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        else:
            yield position, character
