import pytest

from license_token.armor import (
    LICENSE,
    REQUEST,
    armor_license,
    armor_request,
    is_armored,
    unarmor,
)
from license_token.errors import MalformedError

BEGIN = "-----BEGIN SENTARI LICENSE-----"
END = "-----END SENTARI LICENSE-----"
TEXT = "aZ0-_.~" * 30


def test_a_license_file_is_wrapped_at_64_columns() -> None:
    lines = armor_license("x" * 130).split("\n")
    assert lines == [BEGIN, "x" * 64, "x" * 64, "x" * 2, END, ""]


def test_a_request_file_has_its_own_lines() -> None:
    assert armor_request("x" * 64).split("\n") == [
        "-----BEGIN SENTARI LICENSE REQUEST-----",
        "x" * 64,
        "-----END SENTARI LICENSE REQUEST-----",
        "",
    ]


@pytest.mark.parametrize("length", [0, 1, 63, 64, 65, 127, 128, 129, 16_384])
def test_a_text_of_any_length_survives_its_file(length: int) -> None:
    text = (TEXT * 80)[:length]
    assert unarmor(armor_license(text), LICENSE) == text
    assert unarmor(armor_request(text), REQUEST) == text


def test_a_text_without_armour_is_taken_as_it_is() -> None:
    assert unarmor(TEXT) == TEXT
    assert unarmor(TEXT, LICENSE) == TEXT
    assert unarmor(TEXT, REQUEST) == TEXT


@pytest.mark.parametrize(
    "text",
    [
        armor_license(TEXT).replace("\n", "\r\n"),
        armor_license(TEXT).replace("\n", "\r"),
        armor_license(TEXT).replace("\n", " "),
        armor_license(TEXT).replace("\n", ""),
        "\n\n  " + armor_license(TEXT) + "\t\n",
        "\ufeff" + armor_license(TEXT),
        "\n".join("    " + line for line in armor_license(TEXT).split("\n")),
        "\n\n".join(armor_license(TEXT).split("\n")),
        armor_license("-" + TEXT[1:] + "-").replace("\n", "\n \n"),
    ],
    ids=range(9),
)
def test_white_space_does_not_matter(text: str) -> None:
    assert unarmor(text) in (TEXT, "-" + TEXT[1:] + "-")


@pytest.mark.parametrize(
    "text",
    [
        f"{BEGIN}\n{TEXT}",
        f"{TEXT}\n{END}",
        f"{END}\n{TEXT}\n{BEGIN}",
        f"Dear customer,\n{BEGIN}\n{TEXT}\n{END}",
        f"{BEGIN}\n{TEXT}\n{END}\nRegards",
        f"{BEGIN}\n{TEXT}\n-----END SENTARI LICENSE REQUEST-----",
        f"-----BEGIN SENTARI LICENSE REQUEST-----\n{TEXT}\n{END}",
        f"{BEGIN}\n{TEXT}\n{END}\n{BEGIN}\n{TEXT}\n{END}",
        f"{BEGIN}{BEGIN}\n{TEXT}\n{END}",
        f"-----BEGIN SENTARI LICENCE-----\n{TEXT}\n-----END SENTARI LICENCE-----",
        BEGIN,
        END,
        BEGIN[:-5] + END,
    ],
    ids=range(13),
)
def test_lines_that_do_not_match_are_refused(text: str) -> None:
    with pytest.raises(MalformedError, match="give the whole file"):
        unarmor(text)


def test_the_other_kind_of_file_is_refused_by_its_name() -> None:
    with pytest.raises(MalformedError, match="This is a license request"):
        unarmor(armor_request(TEXT), LICENSE)
    with pytest.raises(MalformedError, match="This is a license file"):
        unarmor(armor_license(TEXT), REQUEST)
    assert unarmor(armor_request(TEXT)) == unarmor(armor_license(TEXT)) == TEXT


def test_a_file_has_at_most_64_kib() -> None:
    assert unarmor(TEXT + " " * (65_536 - len(TEXT))) == TEXT
    with pytest.raises(MalformedError, match="longer than 65536 characters"):
        unarmor(TEXT + " " * (65_537 - len(TEXT)))


@pytest.mark.parametrize(
    ("text", "armored"),
    [(armor_license(TEXT), True), (armor_request(TEXT), True), (END, True), (TEXT, False)],
)
def test_armour_is_recognised(text: str, armored: bool) -> None:
    assert is_armored(text) is armored
