"""Earlier versions of a package, as far as a version's own text tells. PURE."""

import re

# An epoch before, and what a distribution or a build adds behind, are not the software's own.
_OWN = re.compile(r"(?:\d+[:!])?(?P<own>\d+(?:\.\d+)*)")


def older(version: str, steps: int) -> str:
    """Return the version that came so many releases before: 3.0.15, one step back, is 3.0.14.

    The last number is counted down, or the one before where it is too small; a version that has
    none large enough has no earlier one, and is returned as it is.
    """
    found = _OWN.match(version)
    if found is None:
        return version
    numbers = found["own"].split(".")
    for place in reversed(range(len(numbers))):
        if int(numbers[place]) >= steps:
            numbers[place] = str(int(numbers[place]) - steps)
            return version[: found.start("own")] + ".".join(numbers) + version[found.end() :]
    return version
