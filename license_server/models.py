"""All tables of the license server, imported here so that the metadata is whole."""

from license_server.activations.models import Activation, ActivationFlag, CheckIn, Restoration
from license_server.audit import AuditEvent, AuditHead
from license_server.customers.models import Customer
from license_server.extensions import db
from license_server.licenses.models import (
    IssuedKey,
    License,
    PresignedReply,
    TermsApproval,
    TermsVersion,
)
from license_server.notices.models import ExpiryNotice, SilenceNotice
from license_server.outbox.models import OutboxMail
from license_server.signing.models import RootKey, SigningKey
from license_server.staff.models import Staff, StaffSession, StaffSignIn, StaffToken
from serverkit.rate_limits import RateLimitMixin

__all__ = [
    "Activation",
    "ActivationFlag",
    "AuditEvent",
    "AuditHead",
    "CheckIn",
    "Customer",
    "ExpiryNotice",
    "IssuedKey",
    "License",
    "OutboxMail",
    "PresignedReply",
    "RateLimit",
    "Restoration",
    "RootKey",
    "SigningKey",
    "SilenceNotice",
    "Staff",
    "StaffSession",
    "StaffSignIn",
    "StaffToken",
    "TermsApproval",
    "TermsVersion",
    "db",
]


class RateLimit(RateLimitMixin, db.Model):  # type: ignore[name-defined, misc]
    """How often somebody came in the current window."""
