"""Find activations, their check-ins and their flags. Never commits."""

from collections.abc import Collection

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from license_server.activations.models import Activation, ActivationFlag, CheckIn
from license_server.errors import NotFoundError
from license_server.licenses.models import License, PresignedReply


def count_in_use(session: Session, license_id: str) -> int:
    """Return how many servers the license is in use on."""
    query = select(func.count(Activation.id)).where(
        Activation.license_id == license_id, Activation.released_at.is_(None)
    )
    return session.scalar(query) or 0


def is_known_elsewhere(
    session: Session, jti: str, *, customer_id: str, instance_id: str, thumbprint: str
) -> bool:
    """Tell whether a reply is one that this server may hold from another license.

    A server that moves to a new license names the last reply of the old one. A pre-signed
    reply of the customer may be on any of the customer's servers.
    """
    own = select(Activation.id).where(
        Activation.instance_id == instance_id,
        Activation.thumbprint == thumbprint,
        or_(Activation.last_jti == jti, Activation.last_but_one_jti == jti),
    )
    presigned = (
        select(PresignedReply.jti)
        .join(License, License.id == PresignedReply.license_id)
        .where(PresignedReply.jti == jti, License.customer_id == customer_id)
    )
    return bool(session.scalar(select(or_(own.exists(), presigned.exists()))))


def get_activation(session: Session, activation_id: str) -> Activation:
    """Return the activation, or raise NotFoundError."""
    row = session.get(Activation, activation_id)
    if row is None:
        raise NotFoundError("there is no activation with this id")
    return row


def of_license(session: Session, license_id: str) -> list[Activation]:
    """Return the license's activations, released ones too, oldest first."""
    query = select(Activation).where(Activation.license_id == license_id)
    return list(session.scalars(query.order_by(Activation.first_check_in_at, Activation.id)))


def open_flags(session: Session, activation_ids: Collection[str]) -> dict[str, list[str]]:
    """Return the kinds of unresolved flags of each activation that has some."""
    query = select(ActivationFlag.activation_id, ActivationFlag.kind).where(
        ActivationFlag.activation_id.in_(activation_ids), ActivationFlag.resolved_at.is_(None)
    )
    found: dict[str, list[str]] = {}
    for activation_id, kind in session.execute(query.order_by(ActivationFlag.kind)):
        found.setdefault(activation_id, []).append(kind)
    return found


def flags_of(session: Session, activation_id: str) -> list[ActivationFlag]:
    """Return all flags of an activation, newest first."""
    query = select(ActivationFlag).where(ActivationFlag.activation_id == activation_id)
    return list(session.scalars(query.order_by(ActivationFlag.id.desc())))


def history(session: Session, activation_id: str, *, limit: int = 100) -> list[CheckIn]:
    """Return the activation's newest check-ins, newest first."""
    query = select(CheckIn).where(CheckIn.activation_id == activation_id)
    return list(session.scalars(query.order_by(CheckIn.seq.desc()).limit(limit)))
