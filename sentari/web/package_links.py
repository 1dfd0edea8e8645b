"""The address of a package's page, whatever its name."""

import re
from collections.abc import Mapping
from typing import Any

from flask import url_for

from sentari.inventory.text import storable

# Segments that browsers, proxies and servers all leave as they are.
_SEGMENT = r"(?!\.{1,2}(?:/|\Z))[^/\\\x00-\x1f\x7f]+"
_ECOSYSTEM = re.compile(rf"{_SEGMENT}\Z")
_NAME = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*\Z")


def package_url(ecosystem: str, name: str, version: str | None = None) -> str:
    """Return /packages/<ecosystem>/<name>, or a query string for names that no path can carry.

    Such are empty ones, those with empty or dotted segments, backslashes or control characters.
    With a version only the devices that have that one are listed.
    """
    endpoint = "packages.show" if _fits(ecosystem, name) else "packages.show_by_query"
    narrowed: dict[str, Any] = (
        {} if version is None else {"version": version} if version else {"no_version": "1"}
    )
    return url_for(endpoint, ecosystem=ecosystem, name=name, **narrowed)


def asked_version(arguments: Mapping[str, str]) -> str | None:
    """Return the version that an address asks for; the empty one has a word of its own."""
    if arguments.get("no_version"):
        return ""
    version = arguments.get("version")
    return storable(version) if version else None


def _fits(ecosystem: str, name: str) -> bool:
    return bool(_ECOSYSTEM.match(ecosystem) and _NAME.match(name))
