"""The statements that store a scan, built once.

They are Core's: through the ORM they would cost each scan more than reading and hashing it does.
SQLite is fastest row by row in one call; to PostgreSQL the rows travel as one JSON document,
because a statement for each of them, or one with thousands of parameters, is slower by far.
"""

from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    Integer,
    Text,
    bindparam,
    cast,
    column,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from sentari.inventory.models import (
    Device,
    DevicePackage,
    InventoryChange,
    Package,
    RecordIndex,
    ScanEntry,
)

_DEVICE, _SCAN, _INDEX = Device.__table__, ScanEntry.__table__, RecordIndex.__table__
_PACKAGE, _HELD = Package.__table__, DevicePackage.__table__
_THIS: BindParameter[int] = bindparam("this_device")
_DOCUMENT = cast(bindparam("document", type_=Text), postgresql.JSON)


def _replacing(new: Any, keys: list[str], name: str) -> Any:
    return new.on_conflict_do_update(index_elements=keys, set_={name: new.excluded[name]})


STATE = select(
    _DEVICE.c.order_at,
    _DEVICE.c.content_hash,
    _DEVICE.c.package_count,
    _DEVICE.c.package_warnings,
    _DEVICE.c.ecosystems,
).where(_DEVICE.c.id == _THIS)
LOCKED_STATE = STATE.with_for_update()
UPDATE_DEVICE = update(_DEVICE).where(_DEVICE.c.id == _THIS)

KNOWN_SCAN = select(_SCAN.c.id, _SCAN.c.packages_received, _SCAN.c.package_count).where(
    _SCAN.c.device_id == _THIS, _SCAN.c.scanned_at == bindparam("this_time")
)
_SCAN_KEY = ["device_id", "scanned_at"]
UPDATE_UNCHANGED = UPDATE_DEVICE.where(
    _DEVICE.c.content_hash == bindparam("seen_hash"),
    _DEVICE.c.order_at < bindparam("this_order"),
    ~KNOWN_SCAN.correlate(None).exists(),
)
INSERT_SCAN = {
    "sqlite": sqlite.insert(_SCAN)
    .on_conflict_do_nothing(index_elements=_SCAN_KEY)
    .returning(_SCAN.c.id),
    "postgresql": postgresql.insert(_SCAN)
    .on_conflict_do_nothing(index_elements=_SCAN_KEY)
    .returning(_SCAN.c.id),
}

READ_INDEX = select(_INDEX.c.entries).where(_INDEX.c.device_id == _THIS)
WRITE_INDEX = {
    "sqlite": _replacing(sqlite.insert(_INDEX), ["device_id"], "entries"),
    "postgresql": _replacing(postgresql.insert(_INDEX), ["device_id"], "entries"),
}

# `digests` of one chunk; for PostgreSQL `document` is an array of them in hex.
_hex = func.json_array_elements_text(_DOCUMENT).table_valued("value")
KNOWN_PACKAGES = select(_PACKAGE.c.digest, _PACKAGE.c.id).where(
    _PACKAGE.c.digest.in_(select(func.decode(_hex.c.value, "hex")))
)


@cache
def known_packages(count: int) -> str:
    """Return the same for SQLite's driver and so many digests.

    The library would put the text together anew for each scan, and take longer than the query.
    """
    names = (_PACKAGE.c.digest, _PACKAGE.c.id)
    query = select(*names).where(_PACKAGE.c.digest.in_([b""] * count))
    options = {"render_postcompile": True}
    return str(query.compile(dialect=sqlite.dialect(), compile_kwargs=options))


# Another scan may add the same package meanwhile; then its row is the one.
_NAMES = ("digest", "ecosystem", "name", "version", "name_folded")
_rows = func.json_to_recordset(_DOCUMENT).table_valued(*(column(name, Text) for name in _NAMES))
_rows = _rows.render_derived(with_types=True)
INSERT_PACKAGES = {
    "sqlite": sqlite.insert(_PACKAGE).on_conflict_do_nothing(index_elements=["digest"]),
    "postgresql": postgresql.insert(_PACKAGE)
    .from_select(
        _NAMES,
        select(func.decode(_rows.c.digest, "hex"), *(_rows.c[name] for name in _NAMES[1:])),
    )
    .on_conflict_do_nothing(index_elements=["digest"]),
}

# For PostgreSQL `document` maps package ids to locations.
_HELD_KEY = ["device_id", "package_id"]
_pair = func.json_each_text(_DOCUMENT).table_valued("key", "value")
WRITE_PACKAGES = _replacing(
    postgresql.insert(_HELD).from_select(
        [*_HELD_KEY, "locations"],
        select(cast(_THIS, Integer), cast(_pair.c.key, Integer), _pair.c.value),
    ),
    _HELD_KEY,
    "locations",
)


@cache
def write_packages(count: int) -> str:
    """Return the same for SQLite's driver and so many rows of (device id, package id, locations).

    One statement for many rows: between two statements a thread gives up the interpreter, and
    whoever then takes it keeps all writers waiting.
    """
    row: dict[str, Any] = dict.fromkeys((*_HELD_KEY, "locations"))
    new = sqlite.insert(_HELD).values([row] * count)
    return str(_replacing(new, _HELD_KEY, "locations").compile(dialect=sqlite.dialect()))


# Nobody asks for the new row's id.
NOTE_CHANGE = insert(InventoryChange.__table__).inline()
# `document` is an array of package ids.
_ids = {
    "sqlite": func.json_each(bindparam("document", type_=Text)),
    "postgresql": func.json_array_elements_text(_DOCUMENT),
}
ECOSYSTEMS = {
    dialect: select(_PACKAGE.c.ecosystem).where(
        _PACKAGE.c.id.in_(select(cast(ids.table_valued("value").c.value, Integer)))
    )
    for dialect, ids in _ids.items()
}
READ_LOCATIONS = select(_HELD.c.package_id, _HELD.c.locations).where(
    _HELD.c.device_id == _THIS, _HELD.c.package_id.in_(bindparam("package_ids", expanding=True))
)
REMOVE_PACKAGES = delete(_HELD).where(
    _HELD.c.device_id == _THIS, _HELD.c.package_id.in_(bindparam("package_ids", expanding=True))
)
