"""Which root keys a server pins, and when it had better not start."""

from pathlib import Path

import pytest
from nacl.signing import SigningKey

from license_token.keys import MAX_ROOT_SET_CHARACTERS, RootSet
from sentari.licensing.roots import load_trust
from serverkit.settings import SettingsError


def roots() -> RootSet:
    return RootSet.of(bytes(SigningKey.generate().verify_key))


def written(path: Path, found: RootSet) -> Path:
    path.write_text(found.to_json())
    return path


def test_the_roots_of_a_build_win_over_the_setting(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    built_in, own = roots(), roots()
    trust = load_trust(
        written(tmp_path / "own.json", own), written(tmp_path / "roots.json", built_in)
    )
    assert (trust.roots.kids, trust.development) == (built_in.kids, False)
    assert "SENTARI_LICENSE_PUBLIC_KEY_PATH is ignored" in caplog.text


def test_a_checkout_trusts_what_the_setting_names(tmp_path: Path) -> None:
    own = roots()
    trust = load_trust(written(tmp_path / "own.json", own), tmp_path / "absent.json")
    assert (trust.roots.kids, trust.development) == (own.kids, True)


def test_without_either_nothing_is_trusted(tmp_path: Path) -> None:
    trust = load_trust(None, tmp_path / "absent.json")
    assert (bool(trust.roots), trust.development) == (False, True)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"\xff", b"{" * 100, b" " * (MAX_ROOT_SET_CHARACTERS + 1)]
)
def test_a_root_set_that_cannot_be_read_stops_the_start(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "own.json"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match="SENTARI_LICENSE_PUBLIC_KEY_PATH"):
        load_trust(path, tmp_path / "absent.json")


def test_a_root_set_that_is_missing_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load_trust(tmp_path / "missing.json", tmp_path / "absent.json")
