"""Read a request's body as one JSON object, within what the server's memory can bear. PURE."""

from json import JSONDecoder
from typing import Any, NoReturn

from sentari.inventory.faults import Fault, MalformedScanError, ScanError
from sentari.inventory.text import Warnings

MAX_NODES = 2_000_000


def load_object(body: bytes, warnings: Warnings) -> dict[str, Any]:
    """Return the object in a body.

    Raises MalformedScanError when it is not JSON, ScanError when it is another kind of value.
    Bytes that are not UTF-8 are mended like any other text.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = body.decode("utf-8-sig", "replace")
        warnings.add("the document: bytes that are not UTF-8 were replaced")
    # An empty list costs three bytes on the wire and some sixty in memory.
    if text.count("{") + text.count("[") > MAX_NODES:
        raise ScanError([Fault("", f"must not hold more than {MAX_NODES:,} lists and objects")])
    document = _decode(text)
    if not isinstance(document, dict):
        raise ScanError([Fault("", "must be an object")])
    return document


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_decoder = JSONDecoder(parse_constant=_refuse_constant)


def _decode(text: str) -> object:
    try:
        return _decoder.decode(text)
    except RecursionError:
        raise MalformedScanError([Fault("", "is nested too deeply")]) from None
    except ValueError as error:
        raise MalformedScanError([Fault("", f"is not JSON: {error}")]) from None
