"""The threat model and the crypto review name tests, keys and purposes that are really there."""

import ast
import re
from pathlib import Path

from license_server.outbox import service as outbox
from license_server.staff import sign_in
from sentari.agents import authority_store
from sentari.licensing.vault import Purpose
from serverkit.secrets import derive_key

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))
PACKAGES = ("license_token", "serverkit", "sentari", "license_server")


def section(heading: str) -> str:
    found = re.search(rf"^## {heading}$(.*?)(?=^## |\Z)", PAGE, re.M | re.S)
    assert found, heading
    return found[1]


def named_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_test_that_the_page_names_is_there() -> None:
    assert len(NAMED) > 50
    missing = [(path, name) for path, name in NAMED if name not in named_in(ROOT / path)]
    assert missing == []


def test_each_attacker_has_what_stops_him_and_what_cannot_be_stopped() -> None:
    attackers = [
        "The customer's operator", "A stranger on the web", "A rogue agent",
        "An insider with a viewer's rights", "A man in the middle", "The vendor's own staff",
    ]  # fmt: skip
    for attacker in attackers:
        text = section(attacker)
        rows = [line for line in text.splitlines() if line.startswith("| ")][1:]
        assert rows, attacker
        assert all("`tests/" in row for row in rows), attacker
        assert "**What cannot be stopped.**" in text, attacker


def test_each_requirement_of_the_standard_has_a_test() -> None:
    text = section("ASVS level 2, where it applies")
    rows = [line for line in text.splitlines() if line.startswith("| V")]
    assert len(rows) > 20
    assert [row for row in rows if "`tests/" not in row.rsplit("|", 2)[1]] == []
    assert "**What differs.**" in text


def purposes() -> list[str]:
    """Every purpose that the code derives a key for, as often as it stands there."""
    found: list[str] = []
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            found += re.findall(r'derive_key\([^()]*(?:\([^()]*\))?[^()]*, "([^"]+)"\)', text)
            found += re.findall(r'^(?:PURPOSE|_HINT) = "([^"]+)"$', text, re.M)
    return found + [purpose.value for purpose in Purpose]


def test_each_purpose_of_a_derived_key_is_used_once_and_stands_on_the_page() -> None:
    found = purposes()
    assert {authority_store.PURPOSE, *Purpose} < set(found)
    assert len(found) == len(set(found)), "a purpose is used twice"
    listed = re.findall(r"^\| `([\w/-]+)` \|", section("Derived keys"), re.M)
    assert sorted(listed) == sorted(found)


def test_no_key_is_derived_for_a_purpose_that_is_not_written_down() -> None:
    calls = [
        (path.relative_to(ROOT), line.strip())
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if "derive_key(" in line and "def derive_key" not in line
    ]
    known = re.compile(r'"[^"]+"\)|PURPOSE\)|_HINT\)|purpose\.value\)|self\.purpose\)')
    assert [call for call in calls if not known.search(call[1])] == []


def test_different_purposes_and_secrets_give_different_keys() -> None:
    secret = "a secret of the tests, long enough to be accepted"
    keys = [derive_key(secret, purpose) for purpose in purposes()]
    keys += [outbox.sealing_key(secret + "2"), sign_in.sealing_key(secret + "2")]
    assert len(set(keys)) == len(keys)
