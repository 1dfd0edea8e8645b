"""Compare versions as the package's own ecosystem orders them."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cmp_to_key, lru_cache
from operator import eq, ge, gt, le, lt, ne
from typing import Any, NamedTuple

from univers.versions import (
    DebianVersion,
    MavenVersion,
    NugetVersion,
    PypiVersion,
    RpmVersion,
    SemverVersion,
)

from sentari.inventory.queries import Bound
from sentari.inventory.versions import version_key

_OPERATORS: dict[str, Callable[[int, int], bool]] = {
    "<": lt,
    "<=": le,
    "==": eq,
    "!=": ne,
    ">=": ge,
    ">": gt,
}
# The library is lenient: it drops blanks, coerces what only begins like a version, and reads
# digits of every script.
_PLAIN = re.compile(r"[!-~]+")
# With as many numbers each, of these every ecosystem thinks the same, and reading them is slow.
_NUMBERS = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*)){1,3}", re.ASCII)
_SEMANTIC = re.compile(r"[v=]?\d+(\.\d+){0,2}([-+].*)?")
_EPOCH = re.compile(r"\d+:")
_MAVEN_RELEASE = re.compile(r"[.-]release(?=\Z|[.-])", re.IGNORECASE)


class Verdict(NamedTuple):
    """Whether a version lies within the bounds, or why that cannot be told."""

    holds: bool
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Range:
    """Bounds that a version has to keep, all of them."""

    bounds: Sequence[Bound]

    def judge(self, ecosystem: str, version: str) -> Verdict:
        """Tell whether the version keeps the bounds; it raises for no text whatever."""
        for bound in self.bounds:
            try:
                order = _compare(ecosystem, version, bound.version)
            except _IncomparableError as error:
                return Verdict(False, str(error))
            if not _OPERATORS[bound.operator](order, 0):
                return Verdict(False)
        return Verdict(True)


def highest_first(ecosystem: str, versions: Iterable[str]) -> list[str]:
    """Return the versions in falling order; those that have none come last, by their numbers."""
    ordered: list[tuple[Any, str]] = []
    others: list[str] = []
    for version in versions:
        try:
            ordered.append((_read(ecosystem, version), version))
        except _IncomparableError:
            others.append(version)
    ordered.sort(key=cmp_to_key(_order_of), reverse=True)
    others.sort(key=lambda version: (version_key(version), version), reverse=True)
    return [version for _, version in ordered] + others


# Packages of one source change their versions together.
@lru_cache(maxsize=4_096)
def compare(ecosystem: str, one: str, other: str) -> int:
    """Return a number below, at or above 0 as one version comes before the other, or after it.

    Where the ecosystem has no order for them, their numbers decide.
    """
    plain = _NUMBERS.fullmatch(one) and _NUMBERS.fullmatch(other)
    if not (plain and one.count(".") == other.count(".")):
        try:
            return _sign(_read(ecosystem, one), _read(ecosystem, other))
        except _IncomparableError:
            pass
    left, right = version_key(one), version_key(other)
    return (left > right) - (left < right)


def _order_of(one: tuple[Any, str], other: tuple[Any, str]) -> int:
    try:
        order = _sign(one[0], other[0])
    except _IncomparableError:
        order = 0
    # Two spellings of one version are told apart, so that the list is always the same.
    return order or (one[1] > other[1]) - (one[1] < other[1])


class _IncomparableError(ValueError):
    """Two versions have no order; the text says why."""


def _compare(ecosystem: str, version: str, bound: str) -> int:
    """Return a number below, at or above 0 as the version comes before the bound, or after it."""
    if version == bound:
        return 0
    if ecosystem == "rpm" and "-" not in bound:
        # As in rpm's own dependencies: where no release is asked for, none is compared.
        version = version.partition("-")[0]
    return _sign(_read(ecosystem, version), _read(ecosystem, bound))


def _sign(left: Any, right: Any) -> int:
    try:
        # Equality is left to the order: by its own the library tells 1.0 from 1.00 in Debian.
        return int(left > right) - int(left < right)
    except (ValueError, TypeError, RecursionError) as error:
        text = f"“{left.string}” and “{right.string}” have no order"
        raise _IncomparableError(text) from error


def _read(ecosystem: str, version: str) -> Any:
    if not version:
        raise _IncomparableError("it has no version")
    if ecosystem not in _READERS:
        raise _IncomparableError(f"versions of {ecosystem or 'no ecosystem'} have no known order")
    try:
        return _READERS[ecosystem](version)
    except Exception as error:
        # Each scheme of the library has errors of its own, and some are plain Exceptions.
        raise _IncomparableError(f"“{version}” is not a version of {ecosystem}") from error


def _plain(version: str) -> str:
    if not _PLAIN.fullmatch(version):
        raise ValueError("a version has printable ASCII characters only")
    return version


def _debian(version: str) -> Any:
    return DebianVersion(_plain(version))


def _rpm(version: str) -> Any:
    # With an epoch the library does not take a "v" off the front.
    return RpmVersion(_plain(version) if _EPOCH.match(version) else "0:" + _plain(version))


def _pypi(version: str) -> Any:
    return PypiVersion(_plain(version))


def _npm(version: str) -> Any:
    if not _SEMANTIC.fullmatch(_plain(version)):
        raise ValueError("three numbers at most, and then - or +")
    # What comes after + is no part of the order, except to the library.
    return SemverVersion(version.lstrip("v=").partition("+")[0])


def _maven(version: str) -> Any:
    # "1.0.RELEASE" is 1.0, which the library does not know.
    return MavenVersion(_MAVEN_RELEASE.sub("", _plain(version)) or "0")


def _nuget(version: str) -> Any:
    return NugetVersion(_plain(version).partition("+")[0])


_READERS: dict[str, Callable[[str], Any]] = {
    "deb": _debian,
    "rpm": _rpm,
    "pypi": _pypi,
    "npm": _npm,
    "maven": _maven,
    "nuget": _nuget,
}
