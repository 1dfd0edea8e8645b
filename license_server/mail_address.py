"""What counts as an e-mail address here: one that every mail server takes as it is. PURE."""

import re

from license_server.errors import InvalidError, Violation

LONGEST = 254
_ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*\Z"
)


def is_address(text: str) -> bool:
    """Tell whether the text is one address in ASCII, without a display name."""
    return len(text) <= LONGEST and bool(_ADDRESS.match(text))


def check_address(text: str, field: str = "email") -> str:
    """Return the address without outer blanks, or raise InvalidError for the field."""
    text = text.strip()
    if not is_address(text):
        detail = "give one e-mail address, such as ann@example.com, in ASCII"
        raise InvalidError((Violation(field, detail),))
    return text
