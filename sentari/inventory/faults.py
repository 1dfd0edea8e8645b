"""What is wrong with the structure of a scan, each fault at its place in the document. PURE."""

from collections.abc import Sequence
from typing import NamedTuple

MAX_FAULTS = 20


class Fault(NamedTuple):
    """One fault; the pointer is RFC 6901 and empty for the whole document."""

    pointer: str
    detail: str


class ScanError(ValueError):
    """Refuse a scan whose structure is wrong; `faults` says where, at most twenty of them."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        """Keep the faults; the text is the first one."""
        super().__init__(f"{faults[0].pointer or 'the document'}: {faults[0].detail}")
        self.faults = tuple(faults)


class MalformedScanError(ScanError):
    """Refuse a body that is no JSON document at all."""


class Faults:
    """Collect faults up to the number that is worth reading."""

    def __init__(self) -> None:
        """Start with none."""
        self.found: list[Fault] = []

    def add(self, pointer: str, detail: str) -> None:
        """Note a fault, or stop the reading when there are enough of them."""
        self.found.append(Fault(pointer, detail))
        if len(self.found) >= MAX_FAULTS:
            raise ScanError(self.found)

    def raise_if_any(self) -> None:
        """Refuse the scan when a fault was noted."""
        if self.found:
            raise ScanError(self.found)
