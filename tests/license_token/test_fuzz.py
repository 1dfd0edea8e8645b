"""A small share of what `make fuzz` does with a hundred thousand documents."""

import pytest

from tests.license_token import fuzz

COUNT = 3000


def test_no_changed_document_is_accepted() -> None:
    outcome = fuzz.run(COUNT, seed=8)
    assert outcome.accepted == []
    assert outcome.count == COUNT
    assert set(outcome.refused) == {
        "malformed", "bad_signature", "certificate_invalid", "untrusted_key",
    }  # fmt: skip


def test_every_kind_and_every_change_has_its_share() -> None:
    made = [(kind, change) for kind, change, _ in fuzz.changed_documents(COUNT, seed=8)]
    assert set(made) == {(kind, change) for kind in fuzz.KINDS for change in fuzz.CHANGES}


def test_a_reader_that_accepts_one_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(fuzz.READERS, "request", lambda text: text)
    assert {kind for kind, _, _ in fuzz.run(100, seed=8).accepted} == {"request"}
