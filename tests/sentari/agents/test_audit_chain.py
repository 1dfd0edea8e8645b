import hashlib
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentari.agents.audit_chain import (
    Kind,
    LogEntry,
    Seen,
    Witness,
    begins_anew,
    content_hash,
    verify,
)
from sentari.agents.audit_shipment import read_shipment
from tests.sentari.agents.logs import chain, entry, forged
from tests.simulators.agent import Agent

GENESIS = ("scan.started", "hostname=web01", "", "2026-05-23T10:00:00.000000001Z")
VECTORS = {
    1: "0728775c972ad789c90737812a6acca3cc10b1f0beececa2a3e847f87ab16443",
    2: "ddbcda8d45dff1d7b11fe6579e1473fa82e85a02079a97dc815e791c95cb44c5",
}


@pytest.mark.parametrize("version", VECTORS)
def test_the_hashes_are_those_of_the_published_vectors(version):
    assert content_hash(version, *GENESIS) == VECTORS[version]


def test_only_the_second_version_tells_fields_apart():
    moved = ("scan.started" + "hostname", "=web01", *GENESIS[2:])
    assert content_hash(1, *moved) == VECTORS[1]
    assert content_hash(2, *moved) != VECTORS[2]


def test_lengths_are_counted_in_bytes():
    framed = b"\0\0\0\0\0\0\0\3n\xc3\xa9" + b"\0" * 24
    assert content_hash(2, "né", "", "", "") == hashlib.sha256(framed).hexdigest()


@given(st.text(st.characters(exclude_categories=())), st.text(), st.sampled_from((1, 2)))
def test_any_text_has_a_hash(detail, event_type, version):
    assert len(content_hash(version, event_type, detail, "", "")) == 64


def witness(*entries: LogEntry, problems: str = "") -> Witness:
    """Return what a server knows that was shipped these entries, in this order."""
    seen: dict[int, tuple[Seen, ...]] = {}
    for each in entries:
        was = Seen(each.digest, each.content_hash, problems)
        seen[each.entry_id] = (*seen.get(each.entry_id, ()), was)
    return Witness(max(seen, default=0), seen)


NOTHING = Witness()


def test_a_log_written_by_the_agents_simulator_holds(tmp_path):
    agent = Agent("http://127.0.0.1:9", tmp_path)
    for word in ("agent.registered", "scan.started", "scan.completed é\N{SNAKE}"):
        agent.note(word, f"detail of {word}")
    batch = {"device_id": "d", "entries": agent.audit_backlog}
    entries = read_shipment(json.dumps(batch).encode()).entries
    assert (len(entries), kinds(entries)) == (3, [])


def kinds(batch, known=NOTHING, **options):
    """Return the kinds of problems by the entry that has them."""
    findings = verify(batch, known, **options)
    return [(p.entry_id, p.kind) for finding in findings for p in finding.problems]


@pytest.mark.parametrize("version", VECTORS)
def test_a_whole_log_has_no_problem(version):
    assert kinds([entry(1, version=version)]) == []
    log = chain(50)
    assert kinds(log) == []
    assert kinds(log[20:], witness(*log[:20])) == []


def test_versions_may_change_within_a_log():
    first = entry(1, version=1)
    assert kinds([first, entry(2, first.content_hash, version=2)]) == []


@pytest.mark.parametrize("field", ["event_type", "detail", "created_at"])
def test_an_edited_text_shows(field):
    log = chain(3)
    log[1] = forged(log[1], **{field: "another"})
    assert kinds(log) == [(2, Kind.ALTERED)]


def test_a_hash_of_the_other_version_does_not_count():
    log = chain(1)
    assert kinds([forged(log[0], hash_version=1)]) == [(1, Kind.ALTERED)]


def test_an_entry_without_a_hash_is_altered():
    (finding,) = verify([forged(chain(1)[0], content_hash="")], Witness())
    assert "the entry says none" in finding.problems[0].sentence


def test_an_edited_entry_with_its_hash_made_anew_breaks_the_link_after_it():
    log = chain(4)
    log[1] = entry(2, log[0].content_hash, detail="another")
    (problem,) = [p for finding in verify(log, Witness()) for p in finding.problems]
    assert (problem.entry_id, problem.kind) == (3, Kind.UNLINKED)
    assert (problem.expected, problem.found) == (log[1].content_hash, log[2].prev_hash)
    assert problem.expected in problem.sentence


def test_a_link_to_nothing_shows_and_a_first_entry_links_to_nothing():
    log = chain(2)
    assert kinds([log[0], entry(2, "")]) == [(2, Kind.UNLINKED)]
    assert kinds([entry(1, "a" * 64)]) == [(1, Kind.UNLINKED)]


def test_the_first_entry_of_a_batch_must_follow_the_last_of_the_one_before():
    log = chain(4)
    stranger = entry(3, "b" * 64)
    assert kinds([stranger], witness(*log[:2])) == [(3, Kind.UNLINKED)]


def test_a_gap_is_told_once_and_says_what_was_expected():
    log = chain(9)
    batch = [*log[:3], *log[5:]]
    findings = verify(batch, Witness())
    (problem,) = [p for finding in findings for p in finding.problems]
    assert (problem.kind, problem.entry_id) == (Kind.MISSING, 6)
    assert (problem.expected, problem.found) == ("4", "6")
    assert problem.sentence.startswith("Entries 4 to 5 never came")
    assert kinds(log[5:], witness(*log[:3])) == [(6, Kind.MISSING)]


def test_a_gap_that_the_hashes_hide_shows_by_its_numbers():
    log = chain(2)
    assert kinds([*log, entry(4, log[1].content_hash)]) == [(4, Kind.MISSING)]


def test_a_log_of_which_the_beginning_never_came_is_told_so():
    log = chain(6)
    findings = verify(log[4:], Witness())
    assert findings[0].problems[0].sentence.startswith("Entries 1 to 4 never came")
    assert findings[1].problems == ()


def test_entries_that_come_again_unchanged_are_known_and_no_problem():
    log = chain(5)
    findings = verify(log, witness(*log[:3]))
    assert [finding.known for finding in findings] == [True, True, True, False, False]
    assert kinds(log, witness(*log[:3])) == []


def test_what_was_wrong_with_a_known_entry_is_told_again_and_is_not_new():
    log = chain(2)
    findings = verify(log, witness(*log, problems="It was broken."))
    assert [finding.again for finding in findings] == ["It was broken."] * 2
    assert kinds(log, witness(*log, problems="It was broken.")) == []


def test_a_known_entry_with_another_content_shows():
    log = chain(4)
    rewritten = entry(3, log[1].content_hash, detail="another")
    (finding,) = verify([rewritten], witness(*log))
    (problem,) = finding.problems
    assert (problem.kind, problem.expected) == (Kind.CHANGED, log[2].content_hash)


@pytest.mark.parametrize("field", ["detail", "event_type", "created_at"])
def test_another_content_under_the_old_hash_shows_too(field):
    log = chain(4)
    changed = forged(log[2], **{field: "another"})
    assert kinds([changed], witness(*log)) == [(3, Kind.ALTERED), (3, Kind.CHANGED)]


def test_a_log_rewritten_from_its_middle_is_told_for_what_was_seen_and_then_goes_on():
    log = chain(6)
    rewritten = chain(5, after=log[3], detail="another")
    assert kinds(rewritten, witness(*log)) == [(5, Kind.CHANGED), (6, Kind.CHANGED)]
    more = chain(2, after=rewritten[-1])
    assert kinds(more, witness(*log, *rewritten)) == []


def test_an_entry_that_fills_a_gap_later_came_backwards():
    log = chain(5)
    assert kinds([log[2]], witness(*log[:2], *log[3:])) == [(3, Kind.BACKWARDS)]


def test_the_order_within_a_batch_does_not_matter():
    log = chain(9)
    assert kinds(log[::-1]) == []
    assert kinds([log[0], log[2], log[1], *log[3:]]) == []


def test_two_entries_of_one_number_in_a_batch_show_unless_they_are_the_same():
    log = chain(3)
    assert kinds([*log, log[1]]) == []
    assert kinds([*log, entry(2, log[0].content_hash, detail="x")]) == [(2, Kind.CHANGED)]


def test_two_entries_that_changed_places_show():
    log = chain(4)
    log[1], log[2] = replace(log[2], entry_id=2), replace(log[1], entry_id=3)
    assert {number for number, _ in kinds(log)} == {2, 3, 4}


def test_hashes_may_be_written_in_capitals():
    log = chain(2)
    capital = replace(log[1], content_hash=log[1].content_hash.upper())
    assert kinds([log[0], capital]) == []


def test_the_beginning_of_another_log_is_told_from_one_changed_entry():
    log, other = chain(5), chain(5, detail="another")
    known = witness(*log)
    assert begins_anew(other, known)
    assert begins_anew(other[:2], witness(log[0]))
    for batch in (log, other[:1], [other[0], *log[1:]], other[1:], log[:1], []):
        assert not begins_anew(batch, known)
    assert not begins_anew(other, Witness())


def test_a_log_that_had_no_right_to_begin_anew_says_so_at_its_first_entry():
    assert kinds(chain(3), restarted=True) == [(1, Kind.RESTARTED)]


def test_a_witness_is_asked_for_the_batch_and_what_stands_before_it():
    log = chain(9)
    assert Witness.asks_for(log[4:6], 9) == [4, 5, 6]
    assert Witness.asks_for(log[4:6], 4) == [4]
    assert Witness.asks_for(log, 0) == []


entries = st.lists(
    st.builds(
        LogEntry,
        entry_id=st.integers(1, 12),
        event_type=st.text(max_size=3),
        detail=st.text(max_size=3),
        content_hash=st.sampled_from(["", "a" * 64, "B" * 64]),
        prev_hash=st.sampled_from(["", "a" * 64, "b" * 64]),
        created_at=st.text(max_size=3),
        hash_version=st.sampled_from((1, 2)),
    ),
    max_size=8,
)


@given(entries, entries)
def test_any_batch_is_judged_entry_by_entry(before, batch):
    findings = verify(batch, witness(*before))
    assert sorted(finding.entry.entry_id for finding in findings) == sorted(
        each.entry_id for each in batch
    )
    assert all(finding.problems for finding in findings if not finding.known)


@given(st.integers(1, 12), st.data())
def test_a_whole_log_in_any_batches_has_no_problem(length, data):
    log, shipped = chain(length), 0
    while shipped < length:
        again = data.draw(st.integers(0, shipped))
        until = data.draw(st.integers(shipped + 1, length))
        assert kinds(log[again:until], witness(*log[:shipped])) == []
        shipped = until
