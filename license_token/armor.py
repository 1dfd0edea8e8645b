"""License and request files: the document between a BEGIN and an END line."""

from license_token.errors import MalformedError

LICENSE = "SENTARI LICENSE"
REQUEST = "SENTARI LICENSE REQUEST"
WIDTH = 64
MAX_FILE_CHARACTERS = 64 * 1024


def armor_license(text: str) -> str:
    """Return the license file of a joined reply."""
    return _armor(text, LICENSE)


def armor_request(text: str) -> str:
    """Return the request file of a request."""
    return _armor(text, REQUEST)


def is_armored(text: str) -> bool:
    """Tell whether a line that begins or ends a file stands anywhere in the text."""
    return "-----BEGIN SENTARI" in text or "-----END SENTARI" in text


def unarmor(text: str, expected: str | None = None) -> str:
    """Return the document without its armour, if it has any, and without white space.

    With `expected` (LICENSE or REQUEST) the other kind of file is refused by its name.
    """
    if len(text) > MAX_FILE_CHARACTERS:
        raise MalformedError(f"The file is longer than {MAX_FILE_CHARACTERS} characters.")
    # Windows' editor writes a byte order mark in front.
    body = text.removeprefix("\ufeff").strip()
    for label in (LICENSE, REQUEST):
        begin, end = _lines(label)
        if body.startswith(begin) and body[len(begin) :].endswith(end):
            _check_kind(label, expected)
            body = body[len(begin) : -len(end)]
            break
    if is_armored(body):
        raise MalformedError(
            "The BEGIN and END lines do not match, or there is text around them: "
            "give the whole file, from the BEGIN line to the END line, and nothing else."
        )
    return "".join(body.split())


def _armor(text: str, label: str) -> str:
    begin, end = _lines(label)
    lines = [text[start : start + WIDTH] for start in range(0, len(text), WIDTH)]
    return "\n".join([begin, *lines, end, ""])


def _lines(label: str) -> tuple[str, str]:
    return f"-----BEGIN {label}-----", f"-----END {label}-----"


def _check_kind(label: str, expected: str | None) -> None:
    if expected in (None, label):
        return
    if label == REQUEST:
        raise MalformedError(
            "This is a license request. Send it to the vendor and install the license file "
            "that comes back."
        )
    raise MalformedError("This is a license file where a license request belongs.")
