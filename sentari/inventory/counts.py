"""How many devices have a package, how many packages an ecosystem has: exact, but counted later.

A scan of a new device has a thousand packages that all others have too. Would each writer count
them, all would wait for each other. So a writer leaves one row that says what came and went;
`count_changes` adds many of them up at once, and until it has, whoever reads adds them up too.
Each statement looks at both together, so that what is counted meanwhile counts once. Never commits.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Integer,
    Select,
    Subquery,
    Text,
    and_,
    case,
    cast,
    delete,
    func,
    literal,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from sentari.inventory.models import EcosystemCount, InventoryChange, Package

# Few enough that other writers do not wait for long: some hundred thousand ids.
MOST_AT_ONCE = 200

Rows = Select[*tuple[Any, ...]]


def held(session: Session) -> ColumnElement[bool]:
    """Return the condition that a package is on a device."""
    moved = _moved(session)
    came = select(moved.c.id).where(moved.c.before <= 0, moved.c.after > 0)
    went = select(moved.c.id).where(moved.c.before > 0, moved.c.after <= 0)
    return or_(
        and_(Package.device_count > 0, Package.id.not_in(went)),
        Package.id.in_(came),
    )


def device_counts(session: Session, package_ids: Sequence[int]) -> dict[int, int]:
    """Return on how many devices each of the packages is."""
    pending = _pending(session)
    count = Package.device_count + func.coalesce(pending.c.devices, 0)
    query = select(Package.id, count).outerjoin(pending, pending.c.package_id == Package.id)
    return {row[0]: row[1] for row in session.execute(query.where(Package.id.in_(package_ids)))}


def with_device_count(session: Session, query: Rows) -> tuple[Rows, ColumnElement[int]]:
    """Return a query of packages joined with their numbers of devices, and the number's column."""
    pending = _pending(session)
    count = Package.device_count + func.coalesce(pending.c.devices, 0)
    return query.outerjoin(pending, pending.c.package_id == Package.id), count


def packages_by_ecosystem(session: Session) -> dict[str, int]:
    """Return the ecosystems that are on devices, by name, with their numbers of packages."""
    moved = _moved(session)
    came = case((and_(moved.c.before <= 0, moved.c.after > 0), 1), else_=0)
    went = case((and_(moved.c.before > 0, moved.c.after <= 0), 1), else_=0)
    both = union_all(
        select(EcosystemCount.ecosystem, EcosystemCount.packages),
        select(moved.c.ecosystem, came - went),
    ).subquery()
    packages = func.sum(both.c.packages)
    query = select(both.c.ecosystem, packages).group_by(both.c.ecosystem).having(packages > 0)
    return {row[0]: int(row[1]) for row in session.execute(query.order_by(both.c.ecosystem))}


def count_changes(session: Session, at_most: int = MOST_AT_ONCE) -> int:
    """Add up some of what writers have left, in the caller's write transaction; return how many."""
    oldest = select(InventoryChange.id).order_by(InventoryChange.id).limit(at_most)
    taken = (
        delete(InventoryChange)
        .where(InventoryChange.id.in_(oldest))
        .returning(InventoryChange.added, InventoryChange.removed)
    )
    rows = session.execute(taken, execution_options={"synchronize_session": False}).all()
    changes = Counter(chain.from_iterable(json.loads(row.added) for row in rows))
    changes.subtract(chain.from_iterable(json.loads(row.removed) for row in rows))
    _add(session, {number: change for number, change in sorted(changes.items()) if change})
    return len(rows)


def _add(session: Session, changes: Mapping[int, int]) -> None:
    """Change the packages' numbers of devices, and with them the ecosystems' of packages."""
    each = _each_pair(session, json.dumps(changes))
    statement = (
        update(Package)
        .where(Package.id == cast(each.c.key, Integer))
        .values(device_count=Package.device_count + cast(each.c.value, Integer))
        .returning(Package.id, Package.ecosystem, Package.device_count)
    )
    packages: Counter[str] = Counter()
    for row in session.execute(statement, execution_options={"synchronize_session": False}):
        before = row.device_count - changes[row.id]
        packages[row.ecosystem] += (row.device_count > 0) - (before > 0)
    insert = postgresql.insert if _on_postgresql(session) else sqlite.insert
    for ecosystem, change in sorted(packages.items()):
        if change:
            new = insert(EcosystemCount).values(ecosystem=ecosystem, packages=change)
            sum_up = {"packages": EcosystemCount.packages + new.excluded.packages}
            session.execute(new.on_conflict_do_update(index_elements=["ecosystem"], set_=sum_up))


def _moved(session: Session) -> Subquery:
    """Return the packages that something is pending for, with their numbers before and after it."""
    pending = _pending(session)
    before = Package.device_count.label("before")
    after = (Package.device_count + pending.c.devices).label("after")
    query = select(Package.id, Package.ecosystem, before, after)
    return query.join(pending, pending.c.package_id == Package.id).subquery()


def _pending(session: Session) -> CTE:
    """Return by how much the packages' numbers of devices are to be changed."""
    each = union_all(
        _ids(session, InventoryChange.added, 1), _ids(session, InventoryChange.removed, -1)
    ).subquery()
    query = select(each.c.package_id, func.sum(each.c.step).label("devices"))
    return query.group_by(each.c.package_id).cte()


def _ids(session: Session, column: Any, step: int) -> Rows:
    if _on_postgresql(session):
        function = func.json_array_elements_text(cast(column, postgresql.JSON))
    else:
        function = func.json_each(column)
    ids = function.table_valued("value", joins_implicitly=True)
    number = cast(ids.c.value, Integer).label("package_id")
    return select(number, literal(step).label("step")).select_from(InventoryChange, ids)


def _each_pair(session: Session, document: str) -> Any:
    if _on_postgresql(session):
        pairs = func.json_each_text(cast(literal(document, Text), postgresql.JSON))
    else:
        pairs = func.json_each(document)
    return pairs.table_valued("key", "value")


def _on_postgresql(session: Session) -> bool:
    return session.get_bind().dialect.name == "postgresql"
