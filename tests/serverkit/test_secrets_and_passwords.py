"""Derived keys, sealed values, the generated secret, and passwords."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from argon2 import PasswordHasher, extract_parameters

from serverkit.passwords import (
    NOBODY,
    PasswordRefusedError,
    check_password,
    hash_password,
    verify_password,
)
from serverkit.secrets import SealError, derive_key, load_or_create_secret, seal, unseal


def test_each_purpose_has_a_key_of_its_own() -> None:
    keys = {derive_key("s" * 32, purpose) for purpose in ("a", "b", "ab")}
    keys.add(derive_key("t" * 32, "a"))
    assert len(keys) == 4
    assert all(len(key) == 32 for key in keys)


def test_a_sealed_value_opens_with_its_key_only() -> None:
    key = derive_key("s" * 32, "a")
    sealed = seal(key, b"hush")
    assert unseal(key, sealed) == b"hush"
    with pytest.raises(SealError):
        unseal(derive_key("s" * 32, "b"), sealed)


@pytest.mark.parametrize("damage", ["", "!", "AAAA", "ä"])
def test_a_damaged_seal_is_an_error_of_one_kind(damage: str) -> None:
    with pytest.raises(SealError):
        unseal(derive_key("s" * 32, "a"), damage)


def test_processes_that_start_at_once_agree_on_the_secret(tmp_path: Path) -> None:
    path = tmp_path / "new" / "secret_key"
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: load_or_create_secret(path), range(8)))
    assert len(found) == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [child.name for child in path.parent.iterdir()] == ["secret_key"]


@pytest.mark.parametrize(("length", "taken"), [(11, False), (12, True), (128, True), (129, False)])
def test_a_password_has_twelve_to_128_characters(length: int, taken: bool) -> None:
    password = ("aB3-" * 40)[:length]
    if taken:
        check_password(password, "a@b.c")
    else:
        with pytest.raises(PasswordRefusedError, match="12 to 128"):
            check_password(password, "a@b.c")


@pytest.mark.parametrize(
    "password",
    [
        "Someone@Example.com",
        "passwordpassword",
        "zzzzzzzzzzzz",
        "abABabABabAB",
        "abcabcabcabcab",
        "lmnopqrstuvwx",
        "876543210987",
        "MNBVCXZLKJHG",
        "Password-2026!",
        "!!P@$$w0rd!2026",
        "2026-Sentari-11-25",
        "W1nter2026!!",
    ],
)
def test_a_guessable_password_is_refused(password: str) -> None:
    with pytest.raises(PasswordRefusedError):
        check_password(password, "someone@example.com")


@pytest.mark.parametrize(
    "password",
    [
        "abcdabcdabcd1",
        "winter is coming",
        "password of my aunt",
        "12345-67890-1",
        "zehn Bäume im März",
        "🐍🐍🦆🦆 and twelve",
        "            x",
    ],
)
def test_any_other_text_is_taken_with_blanks_and_all_letters_of_the_world(password: str) -> None:
    check_password(password, "someone@example.com")


def test_each_character_of_the_longest_password_counts() -> None:
    stored = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("x1" * 64)
    assert verify_password(stored, "x1" * 64)
    for other in ("x1" * 63 + "x2", "x1" * 64 + "x", "x1" * 64 + "\0", "x1" * 500, "X1" * 64):
        assert not verify_password(stored, other)


def test_a_password_is_verified_against_its_hash_only() -> None:
    stored = hash_password("correct password")
    assert stored.startswith("$argon2id$")
    assert verify_password(stored, "correct password")
    assert not verify_password(stored, "wrong password")
    assert not verify_password(None, "correct password")
    assert not verify_password("damaged", "correct password")


def test_to_compare_with_nobodys_password_costs_as_much_as_with_somebodys() -> None:
    assert extract_parameters(NOBODY) == extract_parameters(hash_password("correct password"))
