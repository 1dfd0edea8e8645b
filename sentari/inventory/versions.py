"""Sort versions the way people read them, whatever scheme they follow. PURE."""

import re

_PARTS = re.compile(r"(\d+)|([a-z]+)", re.IGNORECASE | re.ASCII)
# Words that stand before a release instead of after it.
_BEFORE = frozenset({"a", "alpha", "b", "beta", "c", "rc", "pre", "preview", "dev", "snapshot"})
_WORD_BEFORE, _END, _WORD_AFTER, _NUMBER = range(4)

VersionKey = list[tuple[int, int, str]]


def version_key(version: str) -> VersionKey:
    """Return a key under which 1.9 comes before 1.10, and 2.0rc1 before 2.0."""
    key: VersionKey = []
    for number, word in _PARTS.findall(version):
        if number:
            # Only its order matters, and a number may be longer than int() reads.
            digits = number.lstrip("0")
            key.append((_NUMBER, len(digits), digits))
        else:
            rank = _WORD_BEFORE if word.lower() in _BEFORE else _WORD_AFTER
            key.append((rank, 0, word.lower()))
    return [*key, (_END, 0, "")]
