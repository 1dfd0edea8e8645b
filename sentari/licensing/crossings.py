"""Which thresholds of the warnings were crossed since the audit log last told of one. PURE."""

from collections.abc import Mapping
from dataclasses import dataclass

from sentari.licensing.state import Gate, LicenseStatus
from sentari.licensing.warnings import LicenseWarning, warnings

_EXPIRY = "expiry"


@dataclass(frozen=True)
class Crossings:
    """What is crossed now, by code, and how that differs from before."""

    crossed: dict[str, int]
    begun: tuple[LicenseWarning, ...]
    eased: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.begun or self.eased)


def crossings(before: Mapping[str, int], status: LicenseStatus) -> Crossings:
    """Compare with what was crossed before, as the log has it.

    A locked server has worse to tell than thresholds: nothing begins or ends while it is locked.
    """
    if status.gate is Gate.LOCKED:
        return Crossings(dict(before), (), ())
    found = {each.code: each for each in warnings(status) if each.threshold is not None}
    crossed = {code: each.threshold or 0 for code, each in found.items()}
    if _EXPIRY in before and _expired(status):
        # The grace that follows is a change of state; this warning has not been taken back.
        crossed[_EXPIRY] = before[_EXPIRY]
    begun = [code for code in crossed if _further(code, crossed, before)]
    eased = [code for code in before if _further(code, before, crossed)]
    return Crossings(crossed, tuple(found[code] for code in begun), tuple(sorted(eased)))


def _expired(status: LicenseStatus) -> bool:
    return status.deadlines is not None and status.deadlines.expiry <= status.evaluated_at


def _further(code: str, one: Mapping[str, int], other: Mapping[str, int]) -> bool:
    """Tell whether a warning is at a later step in `one` than in `other`."""
    if code not in other:
        return True
    # Expiry counts the days that are left, the others what is used up.
    return one[code] < other[code] if code == _EXPIRY else one[code] > other[code]
