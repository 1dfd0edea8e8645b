"""Append to and read this server's audit log."""

from sentari.audit.models import AuditEvent, AuditHead
from serverkit.audit.store import AuditStore

audit_log = AuditStore(AuditEvent, AuditHead)
record = audit_log.append
head = audit_log.head
newest = audit_log.newest
