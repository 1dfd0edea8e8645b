"""What staff do to activations, in the caller's one write transaction."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from license_server.activations import store
from license_server.activations.models import Activation
from license_server.audit import record
from license_server.errors import ConflictError
from license_server.licenses.store import locked_license
from license_server.rules import check_reason


def resolve_flags(
    session: Session, activation_id: str, *, reason: str, actor: str, at: datetime
) -> Activation:
    """Close all open flags of an activation: somebody looked at them and says what it was."""
    reason = check_reason(reason)
    activation = _locked_activation(session, activation_id)
    still_open = [f for f in store.flags_of(session, activation_id) if f.resolved_at is None]
    if not still_open:
        raise ConflictError("the activation has no open flag", code="nothing_to_resolve")
    for flag in still_open:
        flag.resolved_at, flag.resolved_by, flag.resolution = at, actor, reason
    kinds = sorted(flag.kind for flag in still_open)
    _record_act(
        session, activation, "ACTIVATION_FLAGS_RESOLVED", actor, at, kinds=kinds, reason=reason
    )
    return activation


def release(
    session: Session, activation_id: str, *, reason: str, actor: str, at: datetime
) -> Activation:
    """Free the place of a server; it may come back, under a new instance key too."""
    reason = check_reason(reason)
    activation = _locked_activation(session, activation_id)
    if activation.released_at is not None:
        raise ConflictError("the activation is released already", code="is_released")
    activation.released_at, activation.released_by = at, actor
    activation.release_reason = reason
    _record_act(session, activation, "ACTIVATION_RELEASED", actor, at, reason=reason)
    return activation


def _locked_activation(session: Session, activation_id: str) -> Activation:
    """Return the activation with its license's row locked, as every check-in locks it."""
    activation = store.get_activation(session, activation_id)
    locked_license(session, activation.license_id)
    session.refresh(activation)
    return activation


def _record_act(
    session: Session, activation: Activation, action: str, actor: str, at: datetime, **detail: Any
) -> None:
    record(
        session,
        at=at,
        actor=actor,
        action=action,
        target=f"license:{activation.license_id}",
        detail={"activation": activation.id, **detail},
    )
