"""Write and read package URLs (purl), with the reference library."""

import re
from typing import NamedTuple

from packageurl import PackageURL

# Every other ecosystem is "generic".
_TYPES = ("pypi", "npm", "maven", "deb", "rpm", "nuget", "conda")
# The vendors that purl names, by how the release of an operating system begins.
_VENDORS = {
    "debian": "debian",
    "ubuntu": "ubuntu",
    "red hat": "redhat",
    "rhel": "redhat",
    "fedora": "fedora",
    "centos": "centos",
    "rocky": "rocky-linux",
    "alma": "almalinux",
    "oracle": "oracle",
    "amazon": "amazon",
    "opensuse": "opensuse",
    "suse": "suse",
    "sles": "suse",
}
_EPOCH = re.compile(r"(\d+):(.*)", re.ASCII | re.DOTALL)


class Coordinates(NamedTuple):
    """What a purl names; an ecosystem or version of None is any."""

    ecosystem: str | None
    name: str
    version: str | None


def vendor_of(os_release: str) -> str | None:
    """Return the vendor that stands in the purls of an operating system's own packages."""
    release = os_release.lower()
    return next((name for start, name in _VENDORS.items() if release.startswith(start)), None)


def purl_of(ecosystem: str, name: str, version: str, vendor: str | None = None) -> str | None:
    """Return the purl of a package, or None for a name that no purl can carry."""
    kind = ecosystem if ecosystem in _TYPES else "generic"
    namespace, qualifiers = None, {}
    if kind == "npm" and name.startswith("@"):
        namespace, _, name = name.partition("/")
    elif kind == "maven" and ":" in name:
        namespace, _, name = name.partition(":")
    elif kind in ("deb", "rpm"):
        namespace = vendor
    if kind == "rpm" and (found := _EPOCH.fullmatch(version)):
        qualifiers, version = {"epoch": found[1]}, found[2]
    try:
        return PackageURL(kind, namespace, name, version or None, qualifiers).to_string()
    except (ValueError, TypeError):
        # A name of nothing but blanks and slashes; the library has no error of its own.
        return None


def read_purl(text: str) -> Coordinates | None:
    """Return what a purl names, or None when the text is none."""
    try:
        purl = PackageURL.from_string(text)
    except (ValueError, TypeError):
        return None
    ecosystem = None if purl.type == "generic" else purl.type
    version = purl.version or None
    if purl.type == "rpm" and version and (epoch := purl.qualifiers.get("epoch")):
        version = f"{epoch}:{version}"
    return Coordinates(ecosystem, _full_name(purl), version)


def _full_name(purl: PackageURL) -> str:
    if not purl.namespace or purl.type in ("deb", "rpm"):
        return purl.name
    return purl.namespace + (":" if purl.type == "maven" else "/") + purl.name
