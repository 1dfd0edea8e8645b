"""Change genuine documents at random and have none accepted: what `make fuzz` calls.

python -m tests.license_token.fuzz [COUNT] [SEED]

Plain random changes, many and fast; hypothesis looks for the cunning ones in test_mutations.py.
"""

import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from license_token.armor import armor_license, armor_request
from license_token.errors import LicenseTokenError
from tests.license_token.cast import STRANGER, b64, raw
from tests.license_token.test_mutations import (
    GENUINE,
    KINDS,
    ORIGINALS,
    PARTS,
    READERS,
    decoded,
    is_the_original,
)

ALPHABET = 'ABCabc012-_=.~{}":,[] \n\0\u00e9\u0435\U0001f40e'
VALUES = [None, True, False, 0, -1, 1, 1.5, 2**53, 2**63, 10**30, "", "*", "x" * 1025, [], {}, "\0"]
STRUCTURE = b'{}[]":,'
_DOCUMENTS = {document for text in GENUINE for document in text.split("~")}


def _characters(text: str, chance: random.Random) -> str:
    for _ in range(chance.randint(1, 5)):
        start = chance.randrange(len(text) + 1)
        end = min(len(text), start + chance.choice((0, 0, 1, 1, 2, 8, 64)))
        put = "".join(chance.choices(ALPHABET, k=chance.choice((0, 1, 1, 2, 9))))
        text = text[:start] + put + text[end:]
    return text


def _repeated(text: str, chance: random.Random) -> str:
    start, end = sorted(chance.choices(range(len(text) + 1), k=2))
    return text[:end] + text[start:end] * chance.randint(1, 3) + text[end:]


def _cut(text: str, chance: random.Random) -> str:
    start, end = sorted(chance.choices(range(len(text) + 1), k=2))
    return text[start:end]


def _spliced(text: str, chance: random.Random) -> str:
    other = chance.choice(GENUINE)
    return text[: chance.randrange(len(text))] + other[chance.randrange(len(other)) :]


def _parts(text: str, chance: random.Random) -> str:
    separators = [character for character in text if character in ".~"]
    parts = chance.choices(PARTS, k=len(separators) + 1)
    return parts[0] + "".join(map("".join, zip(separators, parts[1:], strict=True)))


def _bits(text: str, chance: random.Random) -> str:
    part = chance.choice(text.replace("~", ".").split("."))
    data = bytearray(decoded(part))
    for _ in range(chance.randint(1, 4)):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return text.replace(part, b64(bytes(data)), 1)


def _value(text: str, chance: random.Random) -> str:
    """Change a value of header or payload; keep the signature or sign as a stranger."""
    documents = text.split("~")
    place = chance.randrange(len(documents))
    header, payload, signature = documents[place].split(".")
    members = json.loads(decoded(chance.choice((header, payload))))
    name = chance.choice(list(members))
    members[name] = chance.choice([*VALUES, chance.randrange(2**40), chance.random()])
    changed = json.dumps(members).encode()
    if chance.random() < 0.5:
        documents[place] = f"{header}.{b64(changed)}.{signature}"
    else:
        documents[place] = raw(decoded(header), changed, STRANGER)
    return "~".join(documents)


def _structure(text: str, chance: random.Random) -> str:
    part = chance.choice(text.replace("~", ".").split("."))
    data = bytearray(decoded(part))
    for _ in range(chance.randint(1, 3)):
        data.insert(chance.randrange(len(data) + 1), chance.choice(STRUCTURE))
    return text.replace(part, b64(bytes(data)), 1)


def _armored(text: str, chance: random.Random) -> str:
    armor = chance.choice((armor_license, armor_request))
    return _characters(armor(text), chance)


CHANGES: dict[str, Callable[[str, random.Random], str]] = {
    "characters": _characters,
    "repeated": _repeated,
    "cut": _cut,
    "spliced": _spliced,
    "parts": _parts,
    "bits": _bits,
    "value": _value,
    "structure": _structure,
    "armored": _armored,
}


@dataclass
class Outcome:
    """What became of a run: refusals by their code, and what was accepted or crashed."""

    refused: Counter[str] = field(default_factory=Counter)
    accepted: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def count(self) -> int:
        return self.refused.total() + len(self.accepted)


def is_genuine(kind: str, text: str) -> bool:
    """Tell whether a change undid itself, or made what the tests of the readers decide about."""
    plain = "".join(text.removeprefix("\ufeff").split())
    for armor in (armor_license, armor_request):
        begin, *_, end = armor("").strip().split("\n")
        plain = plain.removeprefix("".join(begin.split())).removesuffix("".join(end.split()))
    return is_the_original(kind, plain) or set(plain.split("~")) <= _DOCUMENTS


def changed_documents(count: int, seed: int) -> Iterator[tuple[str, str, str]]:
    """Yield (kind, change, text), the same for the same seed."""
    chance = random.Random(seed)
    while count:
        kind, change = chance.choice(KINDS), chance.choice(list(CHANGES))
        text = CHANGES[change](ORIGINALS[kind], chance)
        if not is_genuine(kind, text):
            count -= 1
            yield kind, change, text


def run(count: int, seed: int) -> Outcome:
    """Have every reader refuse its share."""
    outcome = Outcome()
    for kind, change, text in changed_documents(count, seed):
        try:
            READERS[kind](text)
        except LicenseTokenError as refusal:
            outcome.refused[refusal.code] += 1
        else:
            outcome.accepted.append((kind, change, text))
    return outcome


def main(count: int = 100_000, seed: int | None = None) -> int:
    """Print what became of the documents; return 1 when one was accepted."""
    seed = random.SystemRandom().randrange(2**32) if seed is None else seed
    started = time.monotonic()
    outcome = run(count, seed)
    rate = outcome.count / (time.monotonic() - started)
    say = sys.stdout.write
    say(f"{outcome.count:,} changed documents, seed {seed}, {rate:,.0f} a second\n")
    for code, number in outcome.refused.most_common():
        say(f"  refused as {code}: {number:,}\n")
    say(f"  accepted: {len(outcome.accepted):,}\n")
    for kind, change, text in outcome.accepted[:5]:
        say(f"    {kind}, {change}: {text!r}\n")
    return 1 if outcome.accepted else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
