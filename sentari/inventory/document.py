"""Read a request's body as one JSON object, within what the server's memory can bear. PURE.

There are two readers. The quick one skips over the package records of a scan without looking
into them, and takes nothing that is out of the ordinary. Whatever it does not take is read by
the thorough one, which alone decides what is refused and what is mended.
"""

from collections.abc import Mapping
from json import JSONDecoder, JSONEncoder
from typing import Any, NoReturn

from msgspec import UNSET, MsgspecError, Raw, Struct, UnsetType
from msgspec.json import Decoder

from sentari.inventory.faults import Fault, MalformedScanError, ScanError
from sentari.inventory.text import Warnings

MAX_NODES = 2_000_000


class _Members(Struct):
    """The members of a scan that anybody looks at."""

    packages: list[Raw] | UnsetType | None = UNSET
    device_id: Any = UNSET
    hostname: Any = UNSET
    os: Any = UNSET
    os_release: Any = UNSET
    arch: Any = UNSET
    agent_version: Any = UNSET
    runtime: Any = UNSET
    scanned_at: Any = UNSET
    tags: Any = UNSET
    errors: Any = UNSET
    installed_runtimes: Any = UNSET


_quick_members = Decoder(_Members).decode
_quick_value = Decoder().decode
_NOT_QUICK = (MsgspecError, UnicodeDecodeError, RecursionError)


def load_scan(body: bytes, warnings: Warnings) -> Mapping[str, Any]:
    """Return the members of the object in a body that a scan may have.

    `packages`, when it is a list, is one of the bytes of its items. Raises what load_object does.
    """
    try:
        return _load_quickly(body)
    except _NOT_QUICK:
        return _with_raw_packages(load_object(body, warnings))


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
    _limit_nodes(text.count("{") + text.count("["))
    document = _decode(text, _strict)
    if not isinstance(document, dict):
        raise ScanError([Fault("", "must be an object")])
    return document


def load_value(raw: bytes) -> object:
    """Return one item that load_scan left as bytes."""
    try:
        return _quick_value(raw)
    except _NOT_QUICK:
        # A number that is too large was read as an infinity and is written as one.
        return _decode(raw.decode(), JSONDecoder())


def _load_quickly(body: bytes) -> dict[str, Any]:
    # A node takes a byte at least, so that small bodies need not be counted.
    if len(body) > MAX_NODES:
        _limit_nodes(body.count(b"{") + body.count(b"["))
    if not body.isascii():
        body.decode()  # what is skipped is not looked at otherwise
    found = _quick_members(body)
    members = {name: getattr(found, name) for name in found.__struct_fields__}
    if found.packages:
        members["packages"] = list(map(bytes, found.packages))
    return {name: value for name, value in members.items() if value is not UNSET}


def _with_raw_packages(document: dict[str, Any]) -> dict[str, Any]:
    packages = document.get("packages")
    if isinstance(packages, list):
        try:
            document["packages"] = [_encode(value).encode() for value in packages]
        except RecursionError:
            raise _nested_too_deeply() from None
    return document


def _limit_nodes(count: int) -> None:
    # An empty list costs three bytes on the wire and some sixty in memory.
    if count > MAX_NODES:
        raise ScanError([Fault("", f"must not hold more than {MAX_NODES:,} lists and objects")])


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_strict = JSONDecoder(parse_constant=_refuse_constant)
_encode = JSONEncoder(check_circular=False, separators=(",", ":")).encode


def _decode(text: str, decoder: JSONDecoder) -> object:
    try:
        return decoder.decode(text)
    except RecursionError:
        raise _nested_too_deeply() from None
    except ValueError as error:
        raise MalformedScanError([Fault("", f"is not JSON: {error}")]) from None


def _nested_too_deeply() -> MalformedScanError:
    return MalformedScanError([Fault("", "is nested too deeply")])
