"""What strangers give where a license request belongs: the request, or what it is instead. PURE."""

import codecs

from license_server.errors import CheckInRefusedError
from license_token.armor import LICENSE, MAX_FILE_CHARACTERS
from license_token.errors import LicenseTokenError
from license_token.license_key import PREFIX, LicenseKey

LARGEST_REQUEST_BYTES = MAX_FILE_CHARACTERS
_NEEDED = (
    "Needed is the request: on your Sentari server under Settings → License → Offline activation"
)
_SCAN = "scan the QR code with a phone or a hand-held scanner and paste the text that it holds"

# How files begin (their magic numbers), and what they are in words.
_PICTURE, _PDF, _ARCHIVE = "a picture", "a PDF document", "an archive or an office document"
_BEGINNINGS = (
    (b"\x89PNG\r\n", _PICTURE),
    (b"\xff\xd8\xff", _PICTURE),
    (b"GIF8", _PICTURE),
    (b"BM", _PICTURE),
    (b"II*\0", _PICTURE),
    (b"MM\0*", _PICTURE),
    (b"RIFF", _PICTURE),
    (b"%PDF-", _PDF),
    (b"PK\x03\x04", _ARCHIVE),
    (b"\x1f\x8b", _ARCHIVE),
    (b"\xd0\xcf\x11\xe0", _ARCHIVE),
    (b"7z\xbc\xaf", _ARCHIVE),
)


def presented_text(raw: bytes) -> str:
    """Return the text of what may be a request; CheckInRefusedError when it is something else.

    A text as Windows' editor writes it (UTF-16 with its mark) is read as well.
    """
    if not raw.strip():
        raise _malformed(f"Nothing was given. {_NEEDED}.")
    kind = _kind_of_file(raw)
    if kind == _PICTURE:
        raise _malformed(f"This is {kind}, not a request. Take the request's file, or {_SCAN}.")
    if kind is not None:
        raise _malformed(f"This is {kind}, not a request. {_NEEDED}.")
    if len(raw) > LARGEST_REQUEST_BYTES:
        raise _malformed(f"This is longer than any request. {_NEEDED}.")
    text = _decode(raw)
    _check_kind(text)
    return text


def _malformed(detail: str) -> CheckInRefusedError:
    return CheckInRefusedError("malformed", detail)


def _kind_of_file(raw: bytes) -> str | None:
    if raw[4:8] == b"ftyp":  # what phones take photos in
        return _PICTURE
    return next((kind for beginning, kind in _BEGINNINGS if raw.startswith(beginning)), None)


def _decode(raw: bytes) -> str:
    wide = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return raw.decode("utf-16" if wide else "utf-8")
    except UnicodeDecodeError as error:
        raise _malformed(f"This is no text, so it is not a request. {_NEEDED}.") from error


def _check_kind(text: str) -> None:
    if _is_license_key(text):
        raise _malformed(
            "This is a license key, not a request. Give the key to your Sentari server first, "
            "under Settings → License. The server then makes the request, under Offline activation."
        )
    if f"BEGIN {LICENSE}-----" in text or "~" in text:
        raise _malformed(
            "This is a license file, which is what requests are answered with. Install it on your "
            f"Sentari server, under Settings → License. {_NEEDED}."
        )


def _is_license_key(text: str) -> bool:
    try:
        LicenseKey.parse(text)
    except LicenseTokenError:
        # A mistyped one is one all the same.
        return len(text) <= 64 and text.strip().upper().startswith(f"{PREFIX}-")
    return True
