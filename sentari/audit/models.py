"""The audit log's two tables."""

from sentari.extensions import db
from serverkit.audit.store import AuditEventMixin, AuditHeadMixin, attach_triggers


class AuditEvent(AuditEventMixin, db.Model):  # type: ignore[name-defined, misc]
    """One written link of the chain."""


class AuditHead(AuditHeadMixin, db.Model):  # type: ignore[name-defined, misc]
    """The last link, locked by whoever writes the next."""


attach_triggers(AuditEvent.__table__)
