"""What a check-in reads and writes of activations, in as few statements as it takes.

Never commits.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, bindparam, insert, select, update
from sqlalchemy.orm import Session

from license_server.activations.models import Activation, CheckIn
from license_server.check_in_rules import CHECK_INS_PER_MINUTE, Bound
from license_server.licenses.models import TermsApproval, TermsVersion
from license_server.licenses.store import GRANTED, Granted, check_granted

# The statements of a check-in are built once, and of columns: building one, or loading its rows
# as objects, costs more than running it.
_ACTIVATIONS, _CHECK_INS = Activation.__table__, CheckIn.__table__
_VERSIONS, _APPROVALS = TermsVersion.__table__, TermsApproval.__table__
_TENTH = _CHECK_INS.alias("tenth")
_STANDING = (
    select(
        _VERSIONS,
        _APPROVALS.c.approved_at,
        _ACTIVATIONS.c.id.label("activation_id"),
        _ACTIVATIONS.c.thumbprint,
        _ACTIVATIONS.c.released_at,
        _ACTIVATIONS.c.seq,
        _ACTIVATIONS.c.last_jti,
        _ACTIVATIONS.c.last_but_one_jti,
        _ACTIVATIONS.c.last_issued_at,
        _CHECK_INS.c.id.label("answered_id"),
        _CHECK_INS.c.thumbprint.label("answered_thumbprint"),
        _TENTH.c.received_at.label("tenth_at"),
    )
    .join_from(_VERSIONS, _APPROVALS, _APPROVALS.c.terms_version_id == _VERSIONS.c.id, isouter=True)
    .outerjoin(
        _ACTIVATIONS,
        and_(
            _ACTIVATIONS.c.license_id == _VERSIONS.c.license_id,
            _ACTIVATIONS.c.instance_id == bindparam("instance_id"),
        ),
    )
    .outerjoin(
        _CHECK_INS,
        and_(
            _CHECK_INS.c.activation_id == _ACTIVATIONS.c.id,
            _CHECK_INS.c.request_jti == bindparam("request_jti"),
        ),
    )
    .outerjoin(
        _TENTH,
        and_(
            _TENTH.c.activation_id == _ACTIVATIONS.c.id,
            # `seq` rises by one, so the tenth from the end is found by its number.
            _TENTH.c.seq == _ACTIVATIONS.c.seq - (CHECK_INS_PER_MINUTE - 1),
        ),
    )
    .where(_VERSIONS.c.license_id == bindparam("license_id"), GRANTED)
    .order_by(_VERSIONS.c.version.desc())
    .limit(1)
)
_INSERT, _ENTER = insert(_ACTIVATIONS), insert(_CHECK_INS)
# A column's name belongs to its new value here.
_UPDATE = update(_ACTIVATIONS).where(_ACTIVATIONS.c.id == bindparam("activation_id"))


@dataclass(frozen=True)
class Standing:
    """How a license and one of its servers stand when a request comes.

    `version` are the newest granted terms; `answered_id` is the answer that this very request got
    before, and `answered_thumbprint` the key it was made under.
    """

    version: Granted
    activation_id: str | None
    seq: int
    last_jti: str | None
    bound: Bound | None
    answered_id: int | None
    answered_thumbprint: str | None


def standing(
    session: Session, license_id: str, instance_id: str, request_jti: str
) -> Standing | None:
    """Return how the license and the instance stand, or None while no terms are granted."""
    values = {"license_id": license_id, "instance_id": instance_id, "request_jti": request_jti}
    row: Any = session.execute(_STANDING, values).one_or_none()
    if row is None:
        return None
    check_granted(row, approved=row.approved_at is not None)
    if row.activation_id is None:
        return Standing(row, None, 0, None, None, None, None)
    bound = Bound(
        thumbprint=row.thumbprint,
        released=row.released_at is not None,
        recent_jtis=tuple(jti for jti in (row.last_jti, row.last_but_one_jti) if jti),
        last_issued_at=row.last_issued_at,
        nth_last_at=None if row.tenth_at is None else int(row.tenth_at.timestamp()),
    )
    answered = (row.answered_id, row.answered_thumbprint)
    return Standing(row, row.activation_id, row.seq, row.last_jti, bound, *answered)


def insert_activation(session: Session, values: Mapping[str, Any]) -> None:
    """Write an activation that is new."""
    session.execute(_INSERT, values)


def update_activation(session: Session, activation_id: str, values: Mapping[str, Any]) -> None:
    """Write columns of an activation."""
    session.execute(_UPDATE, {**values, "activation_id": activation_id})


def insert_check_in(session: Session, values: Mapping[str, Any]) -> None:
    """Write the history's next row."""
    session.execute(_ENTER, values)
