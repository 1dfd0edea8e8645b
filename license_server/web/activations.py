"""Activations: which servers use which license, and what they reported."""

import string
from collections.abc import Mapping
from datetime import datetime, timedelta

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from license_server.access import access
from license_server.acting import by_caller
from license_server.activations import listing, service, store
from license_server.activations.lines import lines
from license_server.activations.listing import ActivationFilter
from license_server.activations.models import Activation, CheckIn
from license_server.errors import ConflictError, InvalidError
from license_server.extensions import current, db, writing
from license_server.licenses.store import granted_version
from license_server.staff.roles import ISSUER, SUPPORT
from license_server.web.refused import sentence
from serverkit.line_chart import Chart, draw
from serverkit.paging import Page, page_arguments

blueprint = Blueprint("activations", __name__, url_prefix="/activations")

LETTERS = string.ascii_uppercase
CHART_WIDTHS = (("wide", 460), ("narrow", 320))
RANGES = {"30": "30 days", "90": "90 days", "365": "A year"}


@blueprint.get("")
@access(role=SUPPORT)
def index() -> ResponseReturnValue:
    """List activations, the last seen first."""
    page, page_size = page_arguments()
    asked = _filter()
    now = current().clock.now()
    found = listing.search_activations(db.session(), asked, now, page=page, page_size=page_size)
    template = "license_server/activations/index.html"
    return render_template(template, found=found, asked=asked, now=now)


@blueprint.get("/<record:activation_id>")
@access(role=SUPPORT)
def show(activation_id: str) -> ResponseReturnValue:
    """Show one activation: what it reported over time, its check-ins and its flags."""
    session, now = db.session(), current().clock.now()
    row = store.get_activation(session, activation_id)
    days = request.args.get("days", "30")
    days = days if days in RANGES else "30"
    start = now - timedelta(days=int(days))
    reported = listing.usage_since(session, activation_id, start)
    apart = by_line(reported)
    return render_template(
        "license_server/activations/show.html",
        activation=row,
        flags=store.flags_of(session, activation_id),
        found=_history(activation_id, apart),
        apart=apart,
        line=request.args.get("line", ""),
        charts=_charts(row, reported, start, now),
        ranges=RANGES,
        days=days,
        silent=activation_id in listing.silent_ids(session, now),
        now=now,
    )


@blueprint.post("/<record:activation_id>/resolve-flags")
@access(role=ISSUER)
def resolve_flags(activation_id: str) -> ResponseReturnValue:
    """Close the open flags of an activation, saying what they came from."""
    by, reason = by_caller(), request.form.get("reason", "")
    try:
        with writing() as session:
            service.resolve_flags(session, activation_id, reason=reason, actor=by.actor, at=by.at)
        flash("The findings are closed.", "success")
    except (ConflictError, InvalidError) as error:
        flash(sentence(error), "danger")
    return redirect(url_for("activations.show", activation_id=activation_id), 303)


def _filter() -> ActivationFilter:
    # PostgreSQL takes no NUL in a text, and nothing that is searched has one.
    search = request.args.get("search", "").replace("\0", "").strip()[:256]
    state = request.args.get("state", "")
    return ActivationFilter(search, state if state in listing.STATES else "")


def by_line(reported: list[CheckIn]) -> dict[str, list[CheckIn]]:
    """Return the check-ins of each line by its letter; nothing where all are one line."""
    numbers = lines(reported)
    if not any(numbers):
        return {}
    apart: dict[str, list[CheckIn]] = {}
    for row, number in zip(reported, numbers, strict=True):
        apart.setdefault(LETTERS[min(number, len(LETTERS) - 1)], []).append(row)
    return apart


def _history(activation_id: str, apart: Mapping[str, list[CheckIn]]) -> Page[CheckIn]:
    """Return a page of all check-ins, or of one line's; the newest first."""
    page, page_size = page_arguments()
    rows = apart.get(request.args.get("line", ""))
    if rows is None:
        return listing.check_in_page(db.session(), activation_id, page=page, page_size=page_size)
    first = (page - 1) * page_size
    return Page(rows[::-1][first : first + page_size], len(rows), page, page_size)


def _charts(
    row: Activation, reported: list[CheckIn], start: datetime, now: datetime
) -> list[tuple[str, int, int | None, tuple[tuple[str, Chart], ...]]]:
    if not reported:
        return []
    version = granted_version(db.session(), row.license_id)
    found = []
    for what in ("devices", "packages"):
        limit = getattr(version, f"max_{what}") if version else None
        points = listing.counted(reported, what)
        pictures = tuple(
            (size, draw(points, start=start, end=now, width=width, limit=limit))
            for size, width in CHART_WIDTHS
        )
        found.append((what, points[-1][1], limit, pictures))
    return found
