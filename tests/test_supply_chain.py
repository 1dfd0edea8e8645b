"""What is installed is what was locked, and every library has its reason."""

import re
from pathlib import Path

import pytest

from tests.test_docs import code, rows, section

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("requirements.txt", "requirements-dev.txt", "requirements-chart.txt")


def asked_for(file: str) -> set[str]:
    lines = (ROOT / file).read_text().splitlines()
    found = (re.match(r"([a-z0-9-]+)", line) for line in lines if not line.startswith(("#", "-")))
    return {match[1] for match in found if match}


def locked(text: str) -> dict[str, str]:
    """Return each library of a lock, with all that is said of it."""
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.M)[1:]
    return {re.split(r"[^a-z0-9-]", entry)[0]: entry for entry in entries}


def loose(text: str) -> list[str]:
    """Return what is locked without an exact version or without a hash."""
    pinned = re.compile(r"[a-z0-9-]+(\[\w+\])?==[\w.!+]+ .*--hash=sha256:[0-9a-f]{64}", re.S)
    return [name for name, entry in locked(text).items() if not pinned.match(entry)]


@pytest.mark.parametrize("name", LOCKS)
def test_every_library_is_locked_to_a_version_and_its_hashes(name: str) -> None:
    text = (ROOT / name).read_text()
    assert locked(text)
    assert loose(text) == []
    # From wherever pip is set up to fetch: no registry is named.
    assert not re.search(r"^--|https?:|@", text, re.M)


def test_a_library_without_a_hash_or_with_a_range_is_noticed() -> None:
    digest = "--hash=sha256:" + "a" * 64
    text = f"good==1.0 \\\n    {digest}\nbare==1.0\nrange>=1.0 \\\n    {digest}\n"
    assert loose(text) == ["bare", "range"]


def test_every_library_that_the_servers_ask_for_is_locked_and_has_its_reason_written_down() -> None:
    asked = asked_for("requirements.in")
    assert asked <= locked((ROOT / "requirements.txt").read_text()).keys()
    table = rows(section(ROOT / "docs" / "supply-chain.md", "The libraries"))
    named = [name for names, _reason in table for name in code(names)]
    assert len(named) == len(set(named))
    assert set(named) == asked
    assert all(reason for _names, reason in table)


def test_the_tests_lock_agrees_with_the_servers() -> None:
    servers, tests = (locked((ROOT / name).read_text()) for name in LOCKS[:2])
    version = re.compile(r"==([^ ;]+)")
    for name, entry in servers.items():
        assert version.findall(entry)[0] == version.findall(tests[name])[0], name
