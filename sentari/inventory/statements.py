"""The statements that store a scan, built once.

Through the ORM they would cost each scan more than reading and hashing it does. SQLite is fastest
with the rows of one device in one statement; to PostgreSQL they travel as one JSON document,
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
    delete,
    func,
    insert,
    literal_column,
    or_,
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
from serverkit.driver import DriverStatement

_DEVICE, _SCAN, _INDEX = Device.__table__, ScanEntry.__table__, RecordIndex.__table__
_PACKAGE, _HELD = Package.__table__, DevicePackage.__table__
_THIS: BindParameter[int] = bindparam("this_device")
_DOCUMENT = cast(bindparam("document", type_=Text), postgresql.JSON)


def _replacing(new: Any, keys: list[str], name: str) -> Any:
    return new.on_conflict_do_update(index_elements=keys, set_={name: new.excluded[name]})


_state = select(
    _DEVICE.c.order_at,
    _DEVICE.c.content_hash,
    _DEVICE.c.package_count,
    _DEVICE.c.package_warnings,
    _DEVICE.c.ecosystems,
).where(_DEVICE.c.id == _THIS)
STATE = DriverStatement(_state)
LOCKED_STATE = DriverStatement(_state.with_for_update())
UPDATE_DEVICE = DriverStatement(update(_DEVICE).where(_DEVICE.c.id == _THIS))

_known_scan = select(_SCAN.c.id, _SCAN.c.packages_received, _SCAN.c.package_count).where(
    _SCAN.c.device_id == _THIS, _SCAN.c.scanned_at == bindparam("this_time")
)
KNOWN_SCAN = DriverStatement(_known_scan)
_SCAN_KEY = ["device_id", "scanned_at"]
# The parameters are the store's Turn.
_in_turn = (
    _DEVICE.c.id == _THIS,
    or_(_DEVICE.c.order_at.is_(None), _DEVICE.c.order_at <= bindparam("this_order")),
    _DEVICE.c.content_hash.is_not_distinct_from(bindparam("seen_hash")),
    ~_known_scan.correlate(None).exists(),
)
# A difference fits the very inventory that it was made from; a confirmation fits any of the hash.
ADVANCE = DriverStatement(
    update(_DEVICE).where(
        *_in_turn, _DEVICE.c.order_at.is_not_distinct_from(bindparam("seen_order"))
    )
)
_confirm = update(_DEVICE).where(*_in_turn)
CONFIRM = DriverStatement(_confirm)


def _insert_scan(dialect: Any) -> Any:
    new = dialect.insert(_SCAN).on_conflict_do_nothing(index_elements=_SCAN_KEY)
    return new.returning(_SCAN.c.id)


INSERT_SCAN = DriverStatement(
    {"sqlite": _insert_scan(sqlite), "postgresql": _insert_scan(postgresql)}
)

_entry = [column for column in _SCAN.columns if column.name != "id"]


@cache
def confirm(head: tuple[str, ...]) -> DriverStatement:
    """Return what does both at once on PostgreSQL: update these columns, add to the history.

    Its parameters are `head_*` and `scan_*`, after the columns.
    """
    to_set = {name: bindparam(f"head_{name}", type_=_DEVICE.c[name].type) for name in head}
    updated = _confirm.values(to_set).returning(_DEVICE.c.id).cte("updated")
    values = [bindparam(f"scan_{column.name}", type_=column.type) for column in _entry]
    new = postgresql.insert(_SCAN).from_select(
        [column.name for column in _entry], select(*values).select_from(updated)
    )
    new = new.on_conflict_do_nothing(index_elements=_SCAN_KEY)
    return DriverStatement(new.returning(_SCAN.c.id))


READ_INDEX = DriverStatement(select(_INDEX.c.entries).where(_INDEX.c.device_id == _THIS))
WRITE_INDEX = DriverStatement(
    {
        "sqlite": _replacing(sqlite.insert(_INDEX), ["device_id"], "entries"),
        "postgresql": _replacing(postgresql.insert(_INDEX), ["device_id"], "entries"),
    }
)

# Digests travel in hex; for PostgreSQL `document` is an array of them.
_hex = func.json_array_elements_text(_DOCUMENT).table_valued("value")
KNOWN_PACKAGES = DriverStatement(
    select(func.encode(_PACKAGE.c.digest, "hex"), _PACKAGE.c.id).where(
        _PACKAGE.c.digest.in_(select(func.decode(_hex.c.value, "hex")))
    )
)

# Between two rows, as between two statements, a thread gives up the interpreter, and whoever then
# takes it keeps all writers waiting: so SQLite is given, and gives, many rows at once. The library
# would put these statements together anew each time, and take longer than they do.


@cache
def known_packages(count: int) -> str:
    """Return the same for SQLite's driver and so many digests: one text, [[hex, id], ...]."""
    pair = func.json_array(func.hex(_PACKAGE.c.digest), _PACKAGE.c.id)
    query = select(func.json_group_array(pair)).where(_PACKAGE.c.digest.in_([b""] * count))
    return _text_of(query)


def _text_of(statement: Any) -> str:
    options = {"render_postcompile": True}
    return str(statement.compile(dialect=sqlite.dialect(), compile_kwargs=options))


# Another scan may add the same package meanwhile; then its row is the one.
_NAMES = ("digest", "ecosystem", "name", "version", "name_folded")
_rows = func.json_array_elements(_DOCUMENT).table_valued("value")
_cells = [_rows.c.value.op("->>")(place) for place in range(len(_NAMES))]
INSERT_PACKAGES = DriverStatement(
    postgresql.insert(_PACKAGE)
    .from_select(_NAMES, select(func.decode(_cells[0], "hex"), *_cells[1:]), include_defaults=False)
    .on_conflict_do_nothing(index_elements=["digest"])
)


@cache
def insert_packages(count: int) -> str:
    """Return the same for SQLite's driver and so many rows, the digests as they are."""
    row: dict[str, Any] = {**dict.fromkeys(_NAMES), "device_count": literal_column("0")}
    new = sqlite.insert(_PACKAGE).values([row] * count)
    return _text_of(new.on_conflict_do_nothing(index_elements=["digest"]))


# For PostgreSQL `document` maps package ids to locations.
_HELD_KEY = ["device_id", "package_id"]
_pair = func.json_each_text(_DOCUMENT).table_valued("key", "value")
WRITE_PACKAGES = DriverStatement(
    _replacing(
        postgresql.insert(_HELD).from_select(
            [*_HELD_KEY, "locations"],
            select(cast(_THIS, Integer), cast(_pair.c.key, Integer), _pair.c.value),
        ),
        _HELD_KEY,
        "locations",
    )
)


@cache
def write_packages(count: int) -> str:
    """Return the same for SQLite's driver and so many rows of (device, package, locations)."""
    row: dict[str, Any] = dict.fromkeys((*_HELD_KEY, "locations"))
    return _text_of(_replacing(sqlite.insert(_HELD).values([row] * count), _HELD_KEY, "locations"))


# Nobody asks for the new row's id.
NOTE_CHANGE = DriverStatement(insert(InventoryChange.__table__).inline())
# `document` is an array of package ids.
_ids = {
    "sqlite": func.json_each(bindparam("document", type_=Text)),
    "postgresql": func.json_array_elements_text(_DOCUMENT),
}
_asked = {
    dialect: select(cast(ids.table_valued("value").c.value, Integer))
    for dialect, ids in _ids.items()
}
_these = {
    dialect: (_HELD.c.device_id == _THIS, _HELD.c.package_id.in_(asked))
    for dialect, asked in _asked.items()
}
ECOSYSTEMS = DriverStatement(
    {
        dialect: select(_PACKAGE.c.ecosystem).where(_PACKAGE.c.id.in_(asked))
        for dialect, asked in _asked.items()
    }
)
READ_LOCATIONS = DriverStatement(
    {
        dialect: select(_HELD.c.package_id, _HELD.c.locations).where(*these)
        for dialect, these in _these.items()
    }
)
REMOVE_PACKAGES = DriverStatement(
    {dialect: delete(_HELD).where(*these) for dialect, these in _these.items()}
)
