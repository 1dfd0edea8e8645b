"""Settings are read strictly and refused helpfully."""

from pathlib import Path

import pytest

from serverkit.settings import EnvReader, SettingsError, parse_service_url


def reader(**environ: str) -> EnvReader:
    return EnvReader(environ, "X_")


@pytest.mark.parametrize(("raw", "value"), [("1", 1), ("10", 10)])
def test_a_number_is_taken_up_to_its_limits(raw: str, value: int) -> None:
    assert reader(X_N=raw).integer("X_N", 5, 1, 10) == value


@pytest.mark.parametrize("raw", ["0", "11", "-1", "1.0", "1e1", "ten", "٣", "9" * 5000])
def test_a_number_past_its_limits_names_the_variable_and_the_accepted_form(raw: str) -> None:
    with pytest.raises(SettingsError, match=r"^X_N: .*Accepted: a whole number from 1 to 10"):
        reader(X_N=raw).integer("X_N", 5, 1, 10)


@pytest.mark.parametrize("raw", ["", "   "])
def test_a_blank_value_is_the_default(raw: str) -> None:
    assert reader(X_N=raw).integer("X_N", 5, 1, 10) == 5


@pytest.mark.parametrize(("raw", "value"), [("TRUE", True), ("off", False)])
def test_a_truth_value_is_read(raw: str, value: bool) -> None:
    assert reader(X_B=raw).boolean("X_B", not value) is value


def test_another_word_for_a_truth_value_is_refused() -> None:
    with pytest.raises(SettingsError, match="true or false"):
        reader(X_B="maybe").boolean("X_B", True)


def test_a_secret_comes_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("hush\n")
    assert reader(X_S_FILE=str(path)).secret("X_S") == "hush"


def test_a_secret_given_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="X_S_FILE is set as well"):
        reader(X_S="a", X_S_FILE=str(tmp_path)).secret("X_S")


def test_a_secret_file_that_is_missing_is_named() -> None:
    with pytest.raises(SettingsError, match="X_S_FILE: No such file"):
        reader(X_S_FILE="/nowhere/at/all").secret("X_S")


@pytest.mark.parametrize(("size", "taken"), [(65_536, True), (65_537, False)])
def test_a_secret_file_has_a_limit(tmp_path: Path, size: int, taken: bool) -> None:
    path = tmp_path / "secret"
    path.write_text("a" * size)
    if taken:
        assert reader(X_S_FILE=str(path)).secret("X_S") == "a" * size
    else:
        with pytest.raises(SettingsError, match="too long"):
            reader(X_S_FILE=str(path)).secret("X_S")


def test_an_unknown_name_is_a_warning_with_the_nearest_known_one() -> None:
    env = reader(X_LICENSE_KYE="a", X_OTHER_THING="b", UNRELATED="c")
    env.text("X_LICENSE_KEY")
    near, far = env.unknown_names()
    assert near.endswith("did you mean X_LICENSE_KEY?")
    assert far == "X_OTHER_THING is not a setting and is ignored"


@pytest.mark.parametrize(
    "url",
    ["https://license.example.com", "https://h:8443/base/", "http://127.0.0.1:1", "http://[::1]:1"],
)
def test_a_service_url_is_taken(url: str) -> None:
    assert parse_service_url(url) == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    ["http://example.com", "ftp://x", "https://", "https://u:p@h", "https://h?q=1", "https://h#f",
     "https://h:99999", "license.example.com"],
)  # fmt: skip
def test_a_service_url_that_could_lead_elsewhere_is_refused(url: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - urlsplit's own texts differ
        parse_service_url(url)
