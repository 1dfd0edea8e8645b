import pytest

from license_token.encoding import (
    decode_base64url,
    decode_object,
    encode_base64url,
    encode_object,
    parse_object,
)
from license_token.errors import MalformedError


# The last one ends in an X, the letter.
@pytest.mark.parametrize("data", [b"", b"f", b"fo", b"foo", bytes(range(256)), b"\0\0\x17"])
def test_bytes_survive_base64url(data: bytes) -> None:
    assert decode_base64url(encode_base64url(data), "It") == data


@pytest.mark.parametrize(
    "text",
    ["Zg==", "Zh", "Z", "Zm9v=", "Zm 9v", "Zm9v\n", "Zm9v*", "+w", "/w", "Zm9vž", "Zm9v\ud800"],
)
def test_a_second_text_for_the_same_bytes_is_refused(text: str) -> None:
    with pytest.raises(MalformedError, match=r"^It is not (canonical )?base64url\.$"):
        decode_base64url(text, "It")


def test_json_is_written_with_sorted_keys_without_blanks_and_unescaped() -> None:
    assert encode_object({"b": [1, None], "a": "ž"}) == '{"a":"ž","b":[1,null]}'.encode()


def test_json_never_writes_nan() -> None:
    with pytest.raises(ValueError, match="Out of range"):
        encode_object({"a": float("nan")})


def test_a_json_object_is_read() -> None:
    assert decode_object(b' {"a": [1, 2.5, null, "\xc5\xbe"]} ', "It") == {"a": [1, 2.5, None, "ž"]}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "It is not JSON."),
        (b"{", "It is not JSON."),
        (b'{"a":1}x', "It is not JSON."),
        (b"{'a':1}", "It is not JSON."),
        (b'{"a":01}', "It is not JSON."),
        (b'{"a":"\n"}', "It is not JSON."),
        (b'\xef\xbb\xbf{"a":1}', "It is not JSON."),
        (b'{"a":"\xff"}', "It is not UTF-8 text."),
        (b'{"a":"\xed\xa0\x80"}', "It is not UTF-8 text."),
        (b"[]", "It is not a JSON object."),
        (b"null", "It is not a JSON object."),
        (b'"a"', "It is not a JSON object."),
        (b'{"a":1,"a":1}', "A JSON object in the document names the same member twice."),
        (b'{"a":1,"\\u0061":2}', "A JSON object in the document names the same member twice."),
        (b'{"b":{"a":1,"a":2}}', "A JSON object in the document names the same member twice."),
        (b'{"a":NaN}', "The document contains NaN or Infinity, which are not JSON."),
        (b'{"a":Infinity}', "The document contains NaN or Infinity, which are not JSON."),
        (b'{"a":[-Infinity]}', "The document contains NaN or Infinity, which are not JSON."),
    ],
)
def test_what_is_not_one_plain_json_object_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(MalformedError) as refusal:
        decode_object(data, "It")
    assert str(refusal.value) == reason


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_deep_nesting_is_refused_and_does_not_crash(opening: str) -> None:
    with pytest.raises(MalformedError, match="nested too deeply"):
        parse_object('{"a":' + opening * 100_000, "It")


def test_numbers_have_at_most_twenty_characters() -> None:
    assert parse_object('{"a":' + "9" * 20 + "}", "It") == {"a": 10**20 - 1}
    with pytest.raises(MalformedError, match="more than 20 digits"):
        parse_object('{"a":' + "9" * 21 + "}", "It")
    with pytest.raises(MalformedError, match="more than 20 digits"):
        parse_object('{"a":' + "9" * 1_000_000 + "}", "It")
