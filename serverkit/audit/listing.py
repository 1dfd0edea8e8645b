"""What a page of the audit log shows."""

from typing import Any

from sqlalchemy.orm import Session

from serverkit.audit.asked import Asked
from serverkit.audit.search import actions, search
from serverkit.audit.store import AuditStore
from serverkit.paging import page_arguments


def listed(session: Session, log: AuditStore, model: Any, asked: Asked) -> dict[str, Any]:
    """Return the variables of the list: the page of the request's own, of the events asked for."""
    page, page_size = page_arguments()
    newest = log.last_seq(session)
    return {
        "asked": asked,
        "found": search(session, model, asked.wanted, page=page, page_size=page_size),
        "upto": asked.wanted.upto or newest,
        "newest": newest,
        "actions": actions(session, model),
    }
