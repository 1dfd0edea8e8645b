"""Read settings from environment variables, strictly and with helpful refusals."""

import difflib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar
from urllib.parse import SplitResult, urlsplit

T = TypeVar("T")

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}
_LONGEST_SECRET_BYTES = 65_536
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


class SettingsError(ValueError):
    """A variable has a value that the server cannot start with."""

    def __init__(self, variable: str, fault: str, accepted: str) -> None:
        """Name the variable, what is wrong with its value, and the accepted form."""
        super().__init__(f"{variable}: {fault}. Accepted: {accepted}")
        self.variable = variable


class EnvReader:
    """Take typed values out of an environment; every value asked for is a known name."""

    def __init__(self, environ: Mapping[str, str], prefix: str) -> None:
        """Read variables that start with `prefix`, such as `SENTARI_`."""
        self._environ = environ
        self._prefix = prefix
        self._known: set[str] = set()

    def _raw(self, name: str) -> str | None:
        self._known.add(name)
        value = self._environ.get(name, "").strip()
        return value or None

    def text(self, name: str) -> str | None:
        """Return the value, or None when it is unset or blank."""
        return self._raw(name)

    def value(self, name: str, default: T, parse: Callable[[str], T], accepted: str) -> T:
        """Return `parse(value)`, or `default`; a ValueError from `parse` stops the start."""
        raw = self._raw(name)
        if raw is None:
            return default
        try:
            return parse(raw)
        except ValueError as error:
            fault = str(error) or f"{raw[:80]!r} cannot be read"
            raise SettingsError(name, fault, accepted) from error

    def boolean(self, name: str, default: bool) -> bool:
        """Return a truth value."""
        return self.value(name, default, _parse_boolean, "true or false")

    def integer(self, name: str, default: int, lowest: int, highest: int) -> int:
        """Return a whole number within `lowest..highest`, both included."""

        def parse(raw: str) -> int:
            if not raw.isascii() or not raw.isdigit() or not lowest <= int(raw[:20]) <= highest:
                raise ValueError(f"{raw[:80]!r} is not within the range")
            return int(raw)

        return self.value(name, default, parse, f"a whole number from {lowest} to {highest}")

    def choice(self, name: str, default: str, choices: Iterable[str]) -> str:
        """Return one of `choices`, compared without case."""
        allowed = list(choices)

        def parse(raw: str) -> str:
            if raw.lower() not in allowed:
                raise ValueError(f"{raw[:80]!r} is none of them")
            return raw.lower()

        return self.value(name, default, parse, " or ".join(allowed))

    def secret(self, name: str) -> str | None:
        """Return the value of `name`, or the content of the file that `<name>_FILE` names."""
        plain, path = self._raw(name), self._raw(f"{name}_FILE")
        if plain and path:
            raise SettingsError(name, f"{name}_FILE is set as well", "one of the two")
        if not path:
            return plain
        accepted = f"a readable text file of at most {_LONGEST_SECRET_BYTES} bytes"
        try:
            content = Path(path).read_bytes()
            if len(content) > _LONGEST_SECRET_BYTES:
                raise ValueError("the file is too long")
            return content.decode().strip() or None
        except (OSError, ValueError) as error:
            fault = getattr(error, "strerror", None) or str(error)
            raise SettingsError(f"{name}_FILE", fault, accepted) from error

    def secret_value(self, name: str, default: T, parse: Callable[[str], T], accepted: str) -> T:
        """Return `parse(secret)`, or `default`; like `value`, and the secret is never repeated."""
        raw = self.secret(name)
        if raw is None:
            return default
        try:
            return parse(raw)
        except ValueError as error:
            raise SettingsError(name, str(error) or "it cannot be read", accepted) from error

    def unknown_names(self) -> list[str]:
        """Return one warning for each variable with the prefix that nothing asked for."""
        strangers = sorted(n for n in self._environ if n.startswith(self._prefix))
        return [self._warning(name) for name in strangers if name not in self._known]

    def _warning(self, name: str) -> str:
        near = difflib.get_close_matches(name, self._known, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        return f"{name} is not a setting and is ignored{hint}"


def _parse_boolean(raw: str) -> bool:
    if raw.lower() in _TRUE | _FALSE:
        return raw.lower() in _TRUE
    raise ValueError(f"{raw[:80]!r} is neither")


def parse_url(raw: str) -> SplitResult:
    """Return the parts of an http(s) URL with a host and without user, query or fragment."""
    parts = urlsplit(raw)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{raw[:80]!r} is not an http(s) URL")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("the URL carries a user, a query or a fragment")
    _ = parts.port  # raises ValueError when it is not a port number
    return parts


def parse_service_url(raw: str) -> str:
    """Return a service's base URL without its trailing slash; plain http only to loopback."""
    parts = parse_url(raw)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK_HOSTS:
        raise ValueError("plain http is accepted for loopback hosts only")
    return raw.rstrip("/")
