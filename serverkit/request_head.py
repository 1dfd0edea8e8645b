"""What the worker must know of a request before a thread parses it. PURE.

Nothing is decided here that the parser decides again: whatever looks odd is left to it.
"""

import re
from dataclasses import dataclass

# The second is no end that HTTP knows, but the parser is to say so at once.
_END = re.compile(rb"\n\r?\n")
_EXPECT = re.compile(rb"\nexpect[ \t]*:", re.IGNORECASE)
_BODY = re.compile(rb"\n(?:content-length|transfer-encoding)[ \t]*:([^\r\n]*)", re.IGNORECASE)
_LENGTH = re.compile(rb"[ \t]*([0-9]{1,12})[ \t]*")
# Whether the process lives is answered without a look at anything that others may hold. Not with
# a body: its sender could keep the one thread waiting.
_LIFE = re.compile(rb"(?:GET|HEAD) /(?:healthz|health|api/live)[ ?]")


@dataclass(frozen=True)
class RequestHead:
    """Where a head ends and, as far as it says so, its body; None is a body of unknown length."""

    end: int
    body_end: int | None
    expects_word: bool
    asks_for_life: bool


def read_request_head(received: bytes | bytearray) -> RequestHead | None:
    """Return what the head says, or None while it is not whole."""
    found = _END.search(received)
    if found is None:
        return None
    end = found.end()
    head = bytes(received[:end])
    bodies = _BODY.findall(head)
    length = _LENGTH.fullmatch(bodies[0]) if len(bodies) == 1 else None
    body_end = end if not bodies else end + int(length[1]) if length else None
    return RequestHead(
        end,
        body_end,
        bool(_EXPECT.search(head)),
        not bodies and bool(_LIFE.match(head)),
    )
