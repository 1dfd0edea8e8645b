"""The audit chain: canonical form, hashes, and what a walk finds."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from serverkit.audit.chain import (
    GENESIS,
    AuditEntry,
    Break,
    ChainError,
    Verdict,
    breaks,
    canonical,
    entry_hash,
    format_time,
    next_entry,
    verify,
)

AT = datetime(2026, 11, 23, 10, 0, 0, 42, tzinfo=UTC)


def chain(length: int) -> list[AuditEntry]:
    entries, seq, head = [], 0, GENESIS
    for number in range(length):
        entry = next_entry(
            seq, head, at=AT, actor="cli", action="TESTED", target="t", detail={"n": number}
        )
        entries.append(entry)
        seq, head = entry.seq, entry.hash
    return entries


def test_the_hash_of_a_known_entry_never_changes() -> None:
    entry = next_entry(
        0, GENESIS, at=AT, actor="user:ä@b.c", action="A", target="x", detail={"b": 1, "a": [None]}
    )
    text = (
        '{"action":"A","actor":"user:ä@b.c","detail":{"a":[null],"b":1},'
        '"occurred_at":"2026-11-23T10:00:00.000042Z","prev_hash":"' + "0" * 64 + '",'
        '"seq":1,"target":"x"}'
    )
    assert entry.hash == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": 2}, '{"a":2,"b":1}'),
        (
            {"€": 1, "\r": 2, "1": 3, "\U0001f600": 4, "\ufb33": 5},
            '{"\\r":2,"1":3,"€":1,"\U0001f600":4,"\ufb33":5}',
        ),
        (["ü", True, False, None, 2**53], '["ü",true,false,null,9007199254740992]'),
        ('"\\/\b\f\n\t\x1f\x7f', '"\\"\\\\/\\b\\f\\n\\t\\u001f\x7f"'),
        ((), "[]"),
    ],
)
def test_the_canonical_form_is_that_of_rfc_8785(value: object, text: str) -> None:
    assert canonical(value) == text


@pytest.mark.parametrize(
    "value", [1.5, 2**53 + 1, "\ud800", {"\ud800": 1}, {1: 2}, {"a": b"x"}, object()]
)
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(ChainError):
        canonical(value)


def test_times_are_written_in_utc_with_six_digits() -> None:
    local = AT.astimezone(timezone(timedelta(hours=5)))
    assert format_time(local) == "2026-11-23T10:00:00.000042Z"


def test_an_untouched_chain_is_intact() -> None:
    entries = chain(5)
    verdict = verify(entries)
    assert verdict.intact
    assert (verdict.checked, verdict.seq, verdict.head) == (5, 5, entries[-1].hash)


def test_an_empty_chain_is_intact() -> None:
    assert verify([]) == Verdict.at_the_beginning() == Verdict(checked=0, seq=0, head=GENESIS)


@pytest.mark.parametrize(
    "change",
    [
        {"actor": "user:someone"},
        {"action": "OTHER"},
        {"target": "u"},
        {"detail": {"n": 99}},
        {"occurred_at": AT + timedelta(microseconds=1)},
        {"hash": "f" * 64},
    ],
)
def test_a_changed_entry_is_found(change: dict[str, object]) -> None:
    entries = chain(5)
    entries[2] = replace(entries[2], **change)
    verdict = verify(entries)
    assert (verdict.checked, verdict.broken_seq) == (2, 3)
    assert "changed" in (verdict.problem or "")


def test_a_changed_entry_with_its_hash_made_anew_breaks_the_next_link() -> None:
    entries = chain(5)
    forged = replace(entries[2], actor="user:someone")
    entries[2] = replace(forged, hash=entry_hash(forged))
    verdict = verify(entries)
    assert verdict.broken_seq == 4
    assert "does not follow" in (verdict.problem or "")


def test_a_missing_entry_is_found() -> None:
    entries = chain(5)
    del entries[2]
    assert verify(entries).problem == "entry 3 is missing"


def test_an_entry_that_cannot_be_hashed_is_a_finding_and_not_a_crash() -> None:
    entries = chain(2)
    entries[1] = replace(entries[1], detail={"n": 1.5})
    assert "cannot be hashed" in (verify(entries).problem or "")


def test_a_walk_can_begin_in_the_middle() -> None:
    entries = chain(5)
    assert verify(entries[3:], seq=3, head=entries[2].hash).checked == 2


def test_a_walk_past_the_breaks_finds_none_in_an_untouched_chain() -> None:
    assert list(breaks(chain(5))) == []
    assert list(breaks([])) == []


def test_a_walk_past_the_breaks_takes_each_entry_as_it_is_for_the_next() -> None:
    entries = chain(6)
    entries[1] = replace(entries[1], actor="user:someone")
    del entries[3]
    found = list(breaks(entries))
    assert [(each.seq, each.problem) for each in found] == [
        (2, "entry 2 was changed after it was written"),
        (5, "entry 4 is missing"),
    ]
    assert found[0].hash == entry_hash(entries[1]) != entries[1].hash


def test_the_first_entry_follows_the_beginning_and_nothing_else() -> None:
    entries = chain(2)
    assert [each.problem for each in breaks(entries[1:])] == ["entry 1 is missing"]
    moved = replace(entries[0], prev_hash="1" * 64)
    assert "does not follow" in next(iter(breaks([moved]))).problem


def test_a_break_that_cannot_be_hashed_has_no_hash() -> None:
    [entry] = chain(1)
    [found] = breaks([replace(entry, detail={"n": 1.5})])
    assert found == Break(1, found.problem, None)
    assert "cannot be hashed" in found.problem
