"""Take typed values out of one JSON object of a scan, noting what is wrong or mended. PURE."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sentari.inventory.faults import Faults
from sentari.inventory.text import Warnings, mend


@dataclass(frozen=True, slots=True)
class Fields:
    """The members of one object; `pointer` is where it stands in the document."""

    members: Mapping[str, Any]
    pointer: str
    faults: Faults
    warnings: Warnings

    def text(self, name: str, limit: int, *, required: bool = False) -> str:
        """Return a text of at most `limit` characters; null and absence are empty."""
        value = self.members.get(name)
        if value is None and not required:
            return ""
        if type(value) is not str:
            self.faults.add(f"{self.pointer}/{name}", "must be a text")
            return ""
        return mend(value, limit, name, self.warnings)

    def items(self, name: str) -> list[Any]:
        """Return a list; null and absence are empty."""
        value = self.members.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            self.faults.add(f"{self.pointer}/{name}", "must be a list")
            return []
        return value

    def child(self, value: object, pointer: str) -> "Fields | None":
        """Return the fields of an object further down, or None after noting that it is none."""
        pointer = f"{self.pointer}/{pointer}"
        if not isinstance(value, dict):
            self.faults.add(pointer, "must be an object")
            return None
        return Fields(value, pointer, self.faults, self.warnings)

    def objects(
        self, name: str, limits: Mapping[str, int], keep: int
    ) -> tuple[dict[str, str], ...]:
        """Return the first `keep` objects of a list, each with its texts that are not empty."""
        values = self.items(name)
        if len(values) > keep:
            self.warnings.add(f"{name}: {len(values):,} came, the first {keep:,} were kept")
        found = []
        for place, value in enumerate(values[:keep]):
            child = self.child(value, f"{name}/{place}")
            if child is not None:
                texts = {field: child.text(field, limit) for field, limit in limits.items()}
                found.append({field: text for field, text in texts.items() if text})
        return tuple(found)
