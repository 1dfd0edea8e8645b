"""Change documents in every way that comes to mind: only the original is accepted."""

import base64
import contextlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from license_token.armor import armor_license, armor_request
from license_token.certificate import read_certificate
from license_token.errors import LicenseTokenError
from license_token.reply import read_reply
from license_token.request import read_request
from tests.license_token.cast import (
    DAY,
    NOW,
    OTHER_SIGNER,
    PRESIGNED,
    ROOTS,
    SPARE_ROOT,
    b64,
    certificate,
    jwk,
    kid,
    reply,
    request,
)

ORIGINALS = {
    "certificate": certificate(),
    "request": request(),
    "reply": reply(),
    "presigned": reply(base=PRESIGNED),
}
# Genuine documents to take parts from, as an attacker who has seen many of them could.
GENUINE = [
    *ORIGINALS.values(),
    certificate(SPARE_ROOT),
    certificate(exp=NOW + 50 * DAY),
    request(previous=None),
    reply(max_devices=99_999),
    reply(OTHER_SIGNER, cert=certificate(sub=kid(OTHER_SIGNER), jwk=jwk(OTHER_SIGNER))),
]
PARTS = sorted({part for text in GENUINE for part in text.replace("~", ".").split(".")})
READERS: dict[str, Callable[[str], object]] = {
    "certificate": lambda text: read_certificate(text, ROOTS),
    "request": read_request,
    "reply": lambda text: read_reply(text, ROOTS),
    "presigned": lambda text: read_reply(text, ROOTS),
}
KINDS = list(ORIGINALS)
every_kind = pytest.mark.parametrize("kind", KINDS)
characters = st.one_of(st.sampled_from("AZaz09-_=+/.~{}\x00"), st.characters(exclude_categories=[]))


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "==")


def is_the_original(kind: str, text: str) -> bool:
    """Tell whether only white space was put in, which files may have."""
    if kind == "certificate":
        return text == ORIGINALS[kind]
    return "".join(text.removeprefix("\ufeff").split()) == ORIGINALS[kind]


def check(kind: str, text: str) -> None:
    if is_the_original(kind, text):
        assert READERS[kind](text) == READERS[kind](ORIGINALS[kind])
        return
    with pytest.raises(LicenseTokenError):
        READERS[kind](text)


@every_kind
def test_the_originals_are_accepted(kind: str) -> None:
    assert READERS[kind](ORIGINALS[kind])


@every_kind
def test_every_single_character_counts(kind: str) -> None:
    original = ORIGINALS[kind]
    for place, character in enumerate(original):
        for other in {"A", "B", "-", "."} - {character}:
            check(kind, original[:place] + other + original[place + 1 :])
        check(kind, original[:place] + original[place + 1 :])
        check(kind, original[:place] + character + original[place:])


@every_kind
def test_every_single_bit_of_every_part_counts(kind: str) -> None:
    original = ORIGINALS[kind]
    for part in original.replace("~", ".").split("."):
        data = decoded(part)
        for bit in range(0, len(data) * 8, 7):
            flipped = bytearray(data)
            flipped[bit // 8] ^= 1 << bit % 8
            check(kind, original.replace(part, b64(bytes(flipped)), 1))


@every_kind
@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_characters_put_in_replaced_or_taken_out_are_noticed(kind: str, data: Any) -> None:
    text = ORIGINALS[kind]
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 8)))
        text = text[:start] + data.draw(st.text(characters, max_size=4)) + text[end:]
    check(kind, text)


@every_kind
@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_parts_swapped_among_genuine_documents_are_noticed(kind: str, data: Any) -> None:
    original = ORIGINALS[kind]
    separators = [character for character in original if character in ".~"]
    count = len(separators) + 1
    parts = data.draw(st.lists(st.sampled_from(PARTS), min_size=count, max_size=count))
    text = parts[0] + "".join(map("".join, zip(separators, parts[1:], strict=True)))
    check_unless_whole_documents_are_genuine(kind, text)


def check_unless_whole_documents_are_genuine(kind: str, text: str) -> None:
    genuine = {document for whole in GENUINE for document in whole.split("~")}
    if set(text.split("~")) <= genuine:
        # Another genuine document, or halves that do not belong together: the tests of the
        # readers say which of them are accepted. Here it only must not crash.
        with contextlib.suppress(LicenseTokenError):
            READERS[kind](text)
        return
    check(kind, text)


@every_kind
@given(data=st.data())
@settings(max_examples=200, deadline=None)
def test_json_written_in_another_way_is_noticed(kind: str, data: Any) -> None:
    original = ORIGINALS[kind]
    part = data.draw(st.sampled_from(original.replace("~", ".").split(".")))
    try:
        members = json.loads(decoded(part))
    except ValueError:
        members = {"signature": part}
    name = data.draw(st.sampled_from(sorted(members)))
    change = data.draw(st.sampled_from(["sort", "indent", "drop", "null", "add", "compact"]))
    if change == "drop":
        members.pop(name)
    elif change == "null":
        members[name] = None
    elif change == "add":
        members["added"] = data.draw(st.integers() | st.text() | st.none())
    text = json.dumps(
        members,
        sort_keys=change == "sort",
        indent=1 if change == "indent" else None,
        separators=(",", ":") if change == "compact" else None,
    )
    check(kind, original.replace(part, b64(text.encode()), 1))


@given(st.text(st.characters(exclude_categories=[]), max_size=400))
@example("~")
@example("-----BEGIN SENTARI LICENSE-----")
@settings(max_examples=300, deadline=None)
def test_any_text_at_all_is_refused_with_a_reason(text: str) -> None:
    for kind in KINDS:
        for wrapped in (text, armor_license(text), armor_request(text)):
            check(kind, wrapped)
