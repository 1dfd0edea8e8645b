"""What is given where a request belongs is taken, or named for what it is."""

import pytest

from license_server.errors import CheckInRefusedError
from license_server.presented import LARGEST_REQUEST_BYTES, presented_text
from license_token.armor import armor_license, armor_request
from license_token.license_key import LicenseKey

# Always the same, so that every worker collects tests of the same names.
KEY = LicenseKey.parse("SENT-XJNEW-C4FZ7-Q9ZWS-Y7Y4Y-RSK69").text
DOCUMENT = "eyJ.eyJ.sig"


@pytest.mark.parametrize(
    "raw",
    [
        DOCUMENT.encode(),
        armor_request(DOCUMENT).encode(),
        armor_request(DOCUMENT).encode("utf-16"),
        b"\xef\xbb\xbf" + armor_request(DOCUMENT).encode(),
        b"x" * LARGEST_REQUEST_BYTES,
    ],
)
def test_what_may_be_a_request_is_handed_on(raw: bytes) -> None:
    assert presented_text(raw)


@pytest.mark.parametrize(
    ("raw", "named"),
    [
        (b"", "Nothing was given"),
        (b" \r\n\t", "Nothing was given"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 100_000, "This is a picture"),
        (b"\xff\xd8\xff\xe0JFIF", "This is a picture"),
        (b"\0\0\0\x18ftypheic", "This is a picture"),
        (b"RIFF\0\0\0\0WEBP", "This is a picture"),
        (b"%PDF-1.7", "This is a PDF document"),
        (b"PK\x03\x04word", "This is an archive or an office document"),
        (b"x" * (LARGEST_REQUEST_BYTES + 1), "longer than any request"),
        (b"\xfe\xedbinary\xff", "This is no text"),
        (b"\xff\xfea", "This is no text"),
        (KEY.encode(), "This is a license key"),
        (f"  {KEY.lower()} \n".encode(), "This is a license key"),
        (f"{KEY[:-1]}".encode(), "This is a license key"),
        (armor_license(DOCUMENT).encode(), "This is a license file"),
        (f"{DOCUMENT}~{DOCUMENT}".encode(), "This is a license file"),
    ],
)
def test_what_is_something_else_is_named_with_what_is_needed(raw: bytes, named: str) -> None:
    with pytest.raises(CheckInRefusedError, match=named) as caught:
        presented_text(raw)
    assert caught.value.code == "malformed"
    assert "request" in caught.value.detail
    assert KEY[5:] not in caught.value.detail
