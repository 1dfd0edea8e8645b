"""The audit anchor: the head of a server's audit chain, sent up and echoed under a signature."""

from dataclasses import dataclass
from typing import Any, Self

from license_token.fields import check_integer, check_sha256, member


@dataclass(frozen=True)
class AuditAnchor:
    """The number and the hash of the newest audit event; MalformedError if they cannot be."""

    seq: int
    head: str

    def __post_init__(self) -> None:
        check_integer(self.seq, "audit.seq")
        check_sha256(self.head, "audit.head")

    @classmethod
    def from_claim(cls, value: object) -> Self:
        """Read the claim `audit`."""
        return cls(seq=member(value, "audit", "seq"), head=member(value, "audit", "head"))

    def to_claim(self) -> dict[str, Any]:
        """Return the claim `audit`."""
        return {"seq": self.seq, "head": self.head}
