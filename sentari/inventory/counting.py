"""The job that counts what writers have left to be counted, in transactions of its own."""

from sqlalchemy import exists, select

from sentari.extensions import writing
from sentari.inventory.counts import MOST_AT_ONCE, count_changes
from sentari.inventory.models import InventoryChange
from sentari.licensing.core import reading

# The next look goes on with what is left: meanwhile there is more to do than to count.
_MOST_ROUNDS = 20


def count_pending() -> None:
    """Count what has been left, a part at a time, so that writers come in between."""
    with reading() as session:
        if not session.scalar(select(exists().select_from(InventoryChange))):
            return
    for _ in range(_MOST_ROUNDS):
        with writing() as session:
            counted = count_changes(session)
        if counted < MOST_AT_ONCE:
            return
