"""Read what somebody types into the search for packages. PURE.

    ssl                       a part of the name
    "a < b"                   the same, verbatim
    openssl < 3.0.15          versions, in the order of the package's own ecosystem
    deb openssl >= 1, < 3     the same in one ecosystem
    pypi/pip@24.0             exact coordinates; also: pypi pip 24.0, pip@24.0, pypi/pip
    pkg:pypi/pip@24.0         a package URL

In all but the first two the name is a whole one, in which * stands for anything.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

LONGEST_QUERY = 256
MOST_BOUNDS = 8
MOST_STARS = 4

ECOSYSTEMS = ("pypi", "npm", "maven", "deb", "rpm", "nuget", "conda")
# Reads a package URL to (ecosystem, name, version), each of the outer two None for any.
PurlReader = Callable[[str], tuple[str | None, str, str | None] | None]

_OPERATOR = re.compile(r"<=|>=|==|!=|<|>|=")
_BOUND = re.compile(rf"\s*({_OPERATOR.pattern})\s*(.*?)\s*", re.DOTALL)
_FOREIGN = ("~", "^", "!")
_ECOSYSTEM = re.compile(rf"({'|'.join(ECOSYSTEMS)})(?:/|\s+)(?=\S)", re.IGNORECASE)


class QueryError(ValueError):
    """The query cannot be read; the text names the fault and says what to write."""


@dataclass(frozen=True, slots=True)
class Bound:
    """One comparison; the operator is one of <, <=, ==, !=, >=, >."""

    operator: str
    version: str


@dataclass(frozen=True, slots=True)
class Query:
    """Which packages: by a part of the name, or by a whole one with more conditions.

    An empty `part` and a `name` of None ask for every package.
    """

    part: str = ""
    name: str | None = None
    ecosystem: str | None = None
    version: str | None = None
    bounds: tuple[Bound, ...] = ()


EVERYTHING = Query()


def parse_query(text: str, read_purl: PurlReader) -> Query:
    """Return what the text asks for; QueryError says what is wrong with it."""
    text = text.strip()
    if len(text) > LONGEST_QUERY:
        raise QueryError(f"A search has at most {LONGEST_QUERY} characters.")
    if len(text) > 1 and text[0] == text[-1] == '"':
        return Query(part=text[1:-1])
    if text[:4].lower() == "pkg:":
        return _from_purl(text, read_purl)
    comparison = _OPERATOR.search(text)
    if comparison is None:
        return _coordinates(text) or Query(part=text)
    return _range(text[: comparison.start()].strip(), comparison[0], text[comparison.start() :])


def whole_name(name: str, bounds: tuple[Bound, ...]) -> Query:
    """Return the query for the versions of a name that lie within the bounds."""
    return Query(name=_checked(name), bounds=bounds)


def parse_bounds(text: str) -> tuple[Bound, ...]:
    """Return the comparisons of a text such as ">= 1, < 2"."""
    parts = text.split(",")
    if len(parts) > MOST_BOUNDS:
        raise QueryError(f"There are {len(parts)} comparisons; at most {MOST_BOUNDS} are taken.")
    return tuple(_bound(part) for part in parts)


def _bound(text: str) -> Bound:
    found = _BOUND.fullmatch(text)
    if found is None:
        raise QueryError(
            f"“{text.strip()}” is not a comparison. Write <, <=, ==, !=, >= or > and a version, "
            "with a comma between two of them: >= 1, < 2."
        )
    operator, version = found[1], found[2]
    if not version:
        raise QueryError(f"There is no version after “{operator}”.")
    if _OPERATOR.search(version):
        raise QueryError(f"Put a comma between the comparisons in “{text.strip()}”.")
    if any(character.isspace() for character in version):
        raise QueryError(f"“{version}” is not one version: there is a blank in it.")
    return Bound("==" if operator == "=" else operator, version)


def _range(before: str, operator: str, comparisons: str) -> Query:
    if before.endswith(_FOREIGN):
        raise QueryError(
            f"“{before[-1]}{operator}” is not known here. Write <, <=, ==, !=, >= or >."
        )
    ecosystem, name = _ecosystem_of(before)
    if not name:
        raise QueryError(
            f"There is no name before “{operator}”. Write it first: openssl < 3.0.15. "
            "To search for the text itself, put it in double quotes."
        )
    if _name_and_version(name)[1] is not None:
        raise QueryError(
            f"“{before}” names a version already. Leave it out, or leave out the comparison."
        )
    return Query(name=_checked(name), ecosystem=ecosystem, bounds=parse_bounds(comparisons))


def _coordinates(text: str) -> Query | None:
    """Return whole coordinates, or None for a text that is only a part of a name."""
    ecosystem, rest = _ecosystem_of(text)
    words = rest.split()
    if len(words) > (1 if ecosystem is None else 2):
        return None
    name, version = _name_and_version(rest) if len(words) < 2 else (words[0], words[1])
    if ecosystem is None and version is None:
        return None
    return Query(name=_checked(name), ecosystem=ecosystem, version=version)


def _ecosystem_of(text: str) -> tuple[str | None, str]:
    """Return the ecosystem that the text begins with, and what comes after it."""
    found = _ECOSYSTEM.match(text)
    return (found[1].lower(), text[found.end() :].strip()) if found else (None, text)


def _name_and_version(text: str) -> tuple[str, str | None]:
    # An npm scope begins with @, so the first character never parts name and version.
    name, mark, version = text.rpartition("@")
    return (name, version) if mark and name and version and "/" not in version else (text, None)


def _from_purl(text: str, read_purl: PurlReader) -> Query:
    found = read_purl("pkg:" + text[4:])
    if found is None or any(character.isspace() for character in text):
        raise QueryError(
            f"“{text}” is not a package URL. One looks like pkg:pypi/pip@24.0; to compare "
            "versions write pypi/pip < 24."
        )
    return Query(name=found[1], ecosystem=found[0], version=found[2])


def _checked(name: str) -> str:
    if name.count("*") > MOST_STARS:
        raise QueryError(f"At most {MOST_STARS} * are taken in a name.")
    if not name.replace("*", ""):
        raise QueryError("Write a part of the name besides the *.")
    return name
