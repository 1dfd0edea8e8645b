"""Mend text that a database cannot hold, and say what was mended. PURE."""

import json
import re
from dataclasses import dataclass, field

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
MAX_EXAMPLES = 20
_EXAMPLE_CHARACTERS = 80
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


@dataclass(slots=True)
class Warnings:
    """Count what had to be mended in a scan, with a few examples in words."""

    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, sentence: str) -> None:
        """Count one mended value; the sentence is kept while there are few."""
        self.count += 1
        if len(self.examples) < MAX_EXAMPLES:
            self.examples.append(sentence)

    def as_json(self) -> str:
        """Return the text that is stored."""
        document = {"count": self.count, "examples": self.examples}
        return json.dumps(document, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "Warnings":
        """Return what was stored."""
        return cls(**json.loads(text))


def mend(value: str, limit: int, where: str, warnings: Warnings) -> str:
    """Return the text with NUL and lone surrogates replaced, cut at `limit` characters."""
    if len(value) <= limit and value.isascii() and "\0" not in value:
        return value
    faults = []
    mended, replaced = _UNSTORABLE.subn(REPLACEMENT, value)
    if replaced:
        faults.append(f"{replaced} unstorable {_plural(replaced, 'character')} replaced")
    if len(mended) > limit:
        faults.append(f"cut from {len(mended):,} to {limit:,} characters")
        mended = mended[:limit]
    if faults:
        warnings.add(f"{where} {excerpt(mended)!r}: {', '.join(faults)}")
    return mended


def storable(value: str) -> str:
    """Return a text from outside in a form that a query may carry."""
    return _UNSTORABLE.sub(REPLACEMENT, value)


def excerpt(value: str) -> str:
    """Return the beginning of a text, short enough for one line."""
    if len(value) <= _EXAMPLE_CHARACTERS:
        return value
    return value[: _EXAMPLE_CHARACTERS - 1] + "\N{HORIZONTAL ELLIPSIS}"


def fold(value: str, limit: int = 512) -> str:
    """Return the form in which names are searched: case does not matter in any script."""
    return value.casefold()[:limit]


def _plural(count: int, word: str) -> str:
    return word if count == 1 else word + "s"
