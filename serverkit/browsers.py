"""Where somebody signs in from: the address, and what the browser calls itself. PURE."""

from dataclasses import dataclass

LONGEST_ADDRESS, LONGEST_NAME = 64, 200

# Each names the ones before it as well, so the most particular comes first.
_BROWSERS = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


@dataclass(frozen=True)
class Browser:
    """Where somebody signs in from, as the server sees it."""

    address: str
    name: str

    @classmethod
    def of(cls, address: str | None, user_agent: str | None) -> "Browser":
        """Keep what can be stored and shown of the two: anybody may send anything."""
        printable = "".join(c if c.isascii() and c.isprintable() else "?" for c in user_agent or "")
        return cls((address or "")[:LONGEST_ADDRESS], printable[:LONGEST_NAME])


def browser_name(user_agent: str) -> str:
    """Return "Firefox on Linux", or the beginning of a text that is not known."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    if browser and system:
        return f"{browser} on {system}"
    return browser or system or user_agent[:40] or "Unknown"
