import contextlib
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from license_token.errors import LicenseKeyError, MalformedError
from license_token.license_key import ALPHABET, LicenseKey, check_hint, looks_like_reply
from tests.license_token.cast import reply, request
from tests.license_token.claims import label

# 115 zero bits, without their checksum.
ZEROS = "SENT-00000-00000-00000-00000-000"
KEY = LicenseKey.generate(lambda size: bytes(range(7, 7 + size)))
FORM = "A license key is SENT- and five groups of five characters"


def refusal(text: str) -> str:
    with pytest.raises(LicenseKeyError) as refused:
        LicenseKey.parse(text)
    return str(refused.value)


def groups() -> list[str]:
    return KEY.text.split("-")[1:]


def with_group(number: int, group: str) -> str:
    parts = groups()
    parts[number - 1] = group
    return "-".join(["SENT", *parts])


def test_the_checksum_is_the_first_ten_bits_of_sha_256() -> None:
    digest = hashlib.sha256(b"0" * 23).digest()
    bits = f"{digest[0]:08b}{digest[1]:08b}"
    checksum = ALPHABET[int(bits[:5], 2)] + ALPHABET[int(bits[5:10], 2)]
    assert LicenseKey.generate(bytes).characters == "0" * 23 + checksum
    assert LicenseKey.parse(ZEROS + checksum).characters == "0" * 23 + checksum


def test_every_bit_of_the_checksum_is_in_its_two_characters() -> None:
    assert ALPHABET == "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    last = set()
    for number in range(200):
        key = LicenseKey.generate(lambda size, number=number: number.to_bytes(size, "little"))
        value = int(hashlib.sha256(key.characters[:23].encode()).hexdigest()[:4], 16) >> 6
        assert key.characters[23:] == ALPHABET[value // 32] + ALPHABET[value % 32]
        last.add(key.characters[24])
    assert last == set(ALPHABET)


def test_a_short_last_group_may_end_in_any_letter() -> None:
    assert refusal(with_group(5, "000X")) == f"Group 5 has 4 characters instead of 5. {FORM}."


def test_the_random_bits_stand_in_the_first_23_characters() -> None:
    key = LicenseKey.generate(lambda size: b"\xff" * size)
    assert key.characters[:23] == "Z" * 23
    # 15 bytes are 120 bits: the last five are not used.
    same = LicenseKey.generate(lambda size: b"\xff" * (size - 1) + b"\xe0")
    other = LicenseKey.generate(lambda size: b"\xff" * (size - 1) + b"\xdf")
    assert same == key
    assert other.characters[:23] == "Z" * 22 + "Y"


def test_a_known_key_never_changes() -> None:
    assert KEY.text == "SENT-0W40J-2GB1G-6GW3R-G2491-650VY"
    assert KEY.key_hash == ("26bf053942925ae1fc742b2b0151f0c4ebd1017764ec17430d616b39d086668a")
    assert KEY.hint == "650VY"
    assert KEY.masked == "SENT-•••••-•••••-•••••-•••••-650VY"


def test_generated_keys_differ_and_are_read() -> None:
    keys = [LicenseKey.generate() for _ in range(100)]
    assert len({key.characters for key in keys}) == 100
    for key in keys:
        assert LicenseKey.parse(key.text) == key


@given(st.binary(min_size=15, max_size=15))
def test_every_key_survives_its_text_and_its_hint_is_a_hint(data: bytes) -> None:
    key = LicenseKey.generate(lambda _size: data)
    assert LicenseKey.parse(key.text) == key
    check_hint(key.hint, "key_hint")


def test_a_key_does_not_show_itself_in_a_repr() -> None:
    assert KEY.characters not in repr(KEY)
    assert KEY.text not in f"{KEY}"


@pytest.mark.parametrize(
    "text",
    [
        KEY.text.lower(),
        KEY.text.replace("0", "O"),
        KEY.text.replace("0", "o").replace("1", "l"),
        KEY.text.replace("1", "I"),
        KEY.text.replace("1", "i"),
        KEY.text.replace("1", "L"),
        KEY.text.replace("-", ""),
        KEY.text.replace("-", " "),
        KEY.text.replace("-", " - "),
        KEY.text.replace("-", "--"),
        KEY.text.replace("-", "–"),
        KEY.text.replace("-", "\u2011"),
        KEY.text.replace("-", "\u2212"),
        f"\r\n\t {KEY.text} \n",
        " ".join(KEY.text),
        "SENT" + KEY.characters,
        "SE-NT" + KEY.characters,
        f"-{KEY.text}-",
        KEY.text.replace("-", "\u00a0"),
    ],
)
def test_a_key_is_read_as_people_write_it(text: str) -> None:
    assert LicenseKey.parse(text) == KEY


def test_dashes_in_the_wrong_places_do_not_matter_when_nothing_is_missing() -> None:
    joined = KEY.characters
    assert LicenseKey.parse(f"SENT-{joined[:4]}-{joined[4:11]}-{joined[11:]}") == KEY
    assert LicenseKey.parse(f"SENT-{joined[:4]}-{joined[4:10]}-" + "-".join(groups()[2:])) == KEY


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
def test_a_mistyped_key_names_its_group(number: int) -> None:
    group = groups()[number - 1]
    short = f"Group {number} has 4 characters instead of 5. {FORM}."
    assert refusal(with_group(number, group[:4])) == short
    assert refusal(with_group(number, group[:4]).replace("-", " ")) == short
    assert refusal(with_group(number, group[:4]).replace("-", "–")) == short
    assert refusal(with_group(number, group[:2] + " " + group[2:4])) == short
    assert refusal(with_group(number, group + "7")) == (
        f"Group {number} has 6 characters instead of 5. {FORM}."
    )
    for typed in ("u", "U"):
        assert refusal(with_group(number, group[:4] + typed)) == (
            f"Group {number} contains '{typed.upper()}', which license keys never use."
        )


@pytest.mark.parametrize(
    ("character", "shown"),
    [
        ("$", "'$'"),
        (".", "'.'"),
        ("ž", "'ž'"),
        # Letters whose upper case is an ASCII letter in Unicode, and a full-width digit.
        ("ſ", "'ſ'"),
        ("ı", "'ı'"),
        ("\uff11", "'\uff11'"),
        ("•", "'•'"),
        ("_", "'_'"),
        ("\x00", "U+0000"),
        ("\u200b", "U+200B"),
        ("\ud800", "U+D800"),
        ("\ufeff", "U+FEFF"),
    ],
    ids=label,
)
def test_a_foreign_character_is_named_with_its_group(character: str, shown: str) -> None:
    reason = f"Group 3 contains {shown}, which license keys never use."
    assert refusal(with_group(3, groups()[2][:4] + character)) == reason
    assert refusal(with_group(3, groups()[2] + character)) == reason


@pytest.mark.parametrize(
    ("characters", "reason"),
    [
        ("", "Group 1 has 0 characters instead of 5"),
        ("0", "Group 1 has 1 character instead of 5"),
        ("0" * 5, "Group 2 has 0 characters instead of 5"),
        ("0" * 13, "Group 3 has 3 characters instead of 5"),
        ("0" * 20, "Group 5 has 0 characters instead of 5"),
        ("0" * 24, "Group 5 has 4 characters instead of 5"),
        ("0" * 26, "Group 5 has 6 characters instead of 5"),
        ("0" * 12 + "U" + "0" * 12, "Group 3 contains 'U', which license keys never use"),
        ("0" * 30 + "U", "Group 5 contains 'U', which license keys never use"),
    ],
)
def test_groups_are_counted_by_position_without_dashes(characters: str, reason: str) -> None:
    assert refusal("SENT" + characters).startswith(reason)
    assert refusal("SENT-" + characters).startswith(reason)


def test_groups_are_counted_by_position_when_there_are_not_five() -> None:
    assert refusal("SENT-" + "-".join(groups()[:4])).startswith("Group 5 has 0 characters")
    assert refusal("-".join([KEY.text, "00000"])).startswith("Group 5 has 10 characters")


@pytest.mark.parametrize(
    "text", ["", " ", "-", "hello", KEY.characters, "5ENT" + KEY.text[4:], "SEN", "\ud800"]
)
def test_a_text_without_the_prefix_is_refused(text: str) -> None:
    assert refusal(text) == f"{FORM}; this text does not start with SENT-."


def test_a_mistyped_character_is_told_by_the_checksum() -> None:
    reason = (
        "The license key is mistyped: its last two characters do not fit the others. "
        "Compare it with the key that was mailed to you."
    )
    assert refusal(with_group(5, "650VZ")) == reason
    assert refusal(with_group(1, "0W40K")) == reason
    assert refusal(with_group(1, "W040J")) == reason
    with pytest.raises(LicenseKeyError, match="mistyped"):
        LicenseKey("0" * 25)


def test_the_checksum_finds_nearly_every_single_slip() -> None:
    missed = 0
    for place in range(25):
        for character in ALPHABET.replace(KEY.characters[place], ""):
            slip = KEY.characters[:place] + character + KEY.characters[place + 1 :]
            try:
                LicenseKey(slip)
            except LicenseKeyError:
                continue
            missed += 1
    # Ten bits let one slip in 1,024 through: of these 775 hardly any.
    assert missed <= 4


@pytest.mark.parametrize("characters", ["", "0" * 24, "0" * 26, KEY.characters.lower(), KEY.text])
def test_a_key_is_made_of_normalised_characters_only(characters: str) -> None:
    with pytest.raises(LicenseKeyError, match=r"^Group"):
        LicenseKey(characters)


def test_a_text_has_at_most_256_characters() -> None:
    padding = 256 - len(KEY.text)
    assert LicenseKey.parse(KEY.text + " " * padding) == KEY
    assert refusal(KEY.text + " " * (padding + 1)) == f"{FORM}; this text is longer than any key."
    assert "longer than any key" in refusal("-" * 10_000_000)


@given(st.text(max_size=300))
def test_any_text_is_a_key_or_a_refusal(text: str) -> None:
    with contextlib.suppress(LicenseKeyError):
        assert LicenseKey.parse(text).text


@pytest.mark.parametrize(
    "text",
    [
        reply(),
        request(),
        "\n-----BEGIN SENTARI LICENSE-----\nabc",
        "-----BEGIN SENTARI LICENSE REQUEST-----",
        "a.b",
        "a~b",
    ],
    ids=label,
)
def test_documents_look_like_a_reply(text: str) -> None:
    assert looks_like_reply(text)


@pytest.mark.parametrize("text", ["", KEY.text, KEY.text.lower(), "hello", "-----BEGIN"])
def test_keys_and_other_texts_do_not_look_like_a_reply(text: str) -> None:
    assert not looks_like_reply(text)


@pytest.mark.parametrize("hint", ["", "650V", "650VYY", "650vy", "650VU", "650V•", None, 12345])
def test_a_hint_is_five_characters_of_a_key(hint: object) -> None:
    with pytest.raises(MalformedError, match=r"^key_hint must"):
        check_hint(hint, "key_hint")
