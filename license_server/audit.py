"""The license server's own hash-chained audit log."""

from license_server.extensions import db
from serverkit.audit.store import AuditEventMixin, AuditHeadMixin, AuditStore, attach_triggers


class AuditEvent(AuditEventMixin, db.Model):  # type: ignore[name-defined, misc]
    """One written link of the chain."""


class AuditHead(AuditHeadMixin, db.Model):  # type: ignore[name-defined, misc]
    """The last link, locked by whoever writes the next."""


attach_triggers(AuditEvent.__table__)

audit_log = AuditStore(AuditEvent, AuditHead)
record = audit_log.append
