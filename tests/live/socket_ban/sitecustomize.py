"""Loaded by every Python that has this folder on PYTHONPATH: no way out, and a record of tries.

An audit hook sees what Python's own socket module does, whoever calls it, and cannot be removed.
"""

import os
import sys

LOOKUPS = (
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "socket.gethostbyaddr",
    "socket.getnameinfo",
)
OUTBOUND = ("socket.connect", "socket.sendto", "socket.sendmsg")


def ban(event: str, arguments: tuple[object, ...]) -> None:
    """Write an attempt down and make it fail; sockets of files (AF_UNIX) lead nowhere outside."""
    if event in OUTBOUND:
        address = arguments[1]
        if not isinstance(address, tuple):
            return
    elif event in LOOKUPS:
        address = arguments[0]
    else:
        return
    with open(os.environ["SOCKET_BAN_RECORD"], "a", encoding="utf-8") as record:
        record.write(f"{event} {address}\n")
    raise PermissionError(f"{event} is banned")


sys.addaudithook(ban)
