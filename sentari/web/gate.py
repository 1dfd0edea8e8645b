"""The license gate: which gate class is open at which level, and the answer when it is not.

The hook in front of every endpoint (access.py) calls `enforce` once, after it knows who asks.
"""

from typing import Any

from flask import Flask, Response, g, request
from flask_login import current_user

from sentari.extensions import current
from sentari.licensing.caps import RETRY_AFTER_SECONDS, SETTINGS_PATH
from sentari.licensing.state import Gate, LicenseStatus
from sentari.licensing.warnings import LicenseWarning, visible_to, warnings
from serverkit.problems import Problem

OPEN = {
    "open": frozenset({Gate.FULL, Gate.READ_ONLY, Gate.LOCKED}),
    "read": frozenset({Gate.FULL, Gate.READ_ONLY}),
    "write": frozenset({Gate.FULL}),
    "ingest": frozenset({Gate.FULL}),
}
REFUSAL_MAX_AGE_SECONDS = 0.05
_TITLES = {
    Gate.READ_ONLY: "The license allows reading only",
    Gate.LOCKED: "The license has locked this server",
}


def allowed(gate_class: str, gate: Gate) -> bool:
    """Tell whether endpoints of the class are open at the level."""
    return gate in OPEN[gate_class]


def enforce(gate_class: str) -> None:
    """Raise the 402 when the license closes the class; probes and sign-in look nothing up."""
    if gate_class == "open":
        return
    # Straight from the snapshot: this runs before every view, and costs a microsecond.
    snapshot = current().licensing.snapshot
    if allowed(gate_class, snapshot.status().gate):
        return
    # Another worker may have opened the gate just now: nobody is refused by an old look.
    status = snapshot.status(REFUSAL_MAX_AGE_SECONDS)
    if not allowed(gate_class, status.gate):
        raise license_required(status, gate_class)


def license_status() -> LicenseStatus:
    """Return the one status that this request is answered under, at most a second old."""
    if "license_status" not in g:
        g.license_status = current().licensing.snapshot.status()
    status: LicenseStatus = g.license_status
    return status


def fresh_license_status() -> LicenseStatus:
    """Return the status of this very moment: for those who have just changed the license.

    Another worker may answer than the one that installed the key a moment ago.
    """
    g.license_status = current().licensing.snapshot.refresh()
    return license_status()


def license_required(status: LicenseStatus, gate_class: str) -> Problem:
    """Return the 402 that says what is closed and what to do."""
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if gate_class == "ingest" else {}
    return Problem(
        402,
        "license_required",
        _TITLES[status.gate],
        status.reason,
        headers=headers,
        license_state=status.state.value,
        settings_url=SETTINGS_PATH,
    )


def register_gate(app: Flask) -> None:
    """Name the license's state on every answer of the API, and give the templates the status."""
    app.after_request(_name_state)
    app.context_processor(_context)


def _name_state(response: Response) -> Response:
    if request.path.startswith("/api/"):
        # Whether the process lives must be answered without asking the database.
        probe = request.endpoint == "probes.live"
        status = current().licensing.snapshot.latest() if probe else license_status()
        response.headers["X-Sentari-License-State"] = status.state.value
    return response


def _context() -> dict[str, Any]:
    """Return the status and the loudest warning for whoever is signed in; nothing to strangers."""
    if not current_user.is_authenticated:
        return {}
    status = license_status()
    visible = visible_to(warnings(status), admin=current_user.is_admin)
    return {"license_status": status, "license_banner": _banner(visible) if visible else None}


BANNER_TITLES = {
    "unlicensed": "No license.",
    "expiry": "The license expires soon.",
    "offline": "No check-in for a while.",
    "devices_usage": "Device limit.",
    "packages_usage": "Package limit.",
    "grace": "The license has expired.",
    "read_only": "Read-only.",
    "suspended": "License suspended.",
    "locked_out": "Locked.",
    "offline_exceeded": "Locked: offline for too long.",
    "revoked": "License revoked.",
    "tampered": "Locked: the license was tampered with.",
    "clock_rollback": "The clock was turned back.",
    "clock_skew": "The clock is wrong.",
}


def _banner(visible: list[LicenseWarning]) -> dict[str, str]:
    """Return the loudest warning, and how many more there are."""
    loudest, more = visible[0], len(visible) - 1
    others = {0: "", 1: " There is one more warning."}.get(
        more, f" There are {more} more warnings."
    )
    return {
        "level": loudest.severity.value,
        "title": BANNER_TITLES[loudest.code],
        "text": loudest.text + others,
        "url": SETTINGS_PATH,
    }
