"""Settings → License: always open, for viewers to read and for admins to act."""

from collections.abc import Callable

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import TextAreaField

from license_token.armor import armor_request
from license_token.errors import LicenseTokenError
from license_token.license_key import looks_like_reply
from license_token.request import NONCE_LIFETIME_DAYS
from sentari.accounts.service import AccountError
from sentari.extensions import current, db
from sentari.licensing import service
from sentari.licensing.answer import CheckInError
from sentari.licensing.causes import NOT_REACHED, explain
from sentari.licensing.details import read_details
from sentari.licensing.disclosure import disclose
from sentari.licensing.examination import examine
from sentari.licensing.exchange import check_in
from sentari.licensing.refusals import LicensingRefusedError
from sentari.licensing.state import LicenseStatus
from sentari.licensing.timeline import what_happens_next
from sentari.licensing.timeline_picture import NARROW, WIDE, Picture, draw
from sentari.licensing.warnings import visible_to, warnings
from sentari.web.access import access
from sentari.web.gate import fresh_license_status
from sentari.web.reauthentication import prove
from serverkit.qr import qr_code

blueprint = Blueprint("license", __name__, url_prefix="/settings/license")


class LicenseForm(FlaskForm):  # type: ignore[misc]
    """The one box: a key or a reply, pasted or as a file."""

    license_key = TextAreaField("License key or reply")
    license_file = FileField("Or the license file")

    def text(self) -> str:
        """Return what was given, the file before the box; empty when nothing was."""
        upload = self.license_file.data
        if upload:
            raw: bytes = upload.stream.read(service.LONGEST_TEXT + 1)
            return raw.decode("utf-8", "replace").strip()
        return (self.license_key.data or "").strip()


@blueprint.get("")
@access(gate="open")
def show() -> ResponseReturnValue:
    """Show the state, the counters, limits and usage, the last check-in, and the one box."""
    return _page(LicenseForm())


@blueprint.post("")
@access(gate="open")
def install() -> ResponseReturnValue:
    """Install what was pasted or uploaded."""
    form = LicenseForm()
    text = form.text()
    if not text:
        form.license_key.errors = ["Paste a license key or a reply, or choose a file."]
        return _page(form), 422
    try:
        if looks_like_reply(text):
            return _preview(text)
        service.install(current().licensing, text, actor=current_user.actor, via="page")
        flash("The license is installed.", "success")
    except LicenseTokenError as error:
        form.license_key.errors = [str(error)]
        return _page(form), 422
    except (CheckInError, LicensingRefusedError) as error:
        _explain(error)
    return redirect(url_for("license.show"), 303)


@blueprint.post("/reply")
@access(gate="open")
def install_reply() -> ResponseReturnValue:
    """Install the reply that was previewed; it is verified again like any other."""
    text = LicenseForm().text()
    try:
        service.present_reply(current().licensing, text, actor=current_user.actor, via="page")
        flash("The license is installed.", "success")
    except LicenseTokenError as error:
        flash(str(error), "danger")
    except CheckInError as error:
        _explain(error)
    return redirect(url_for("license.show"), 303)


@blueprint.post("/check-in")
@access(gate="open")
def check_in_now() -> ResponseReturnValue:
    """Check in at once."""
    return _act(check_in, "The license server answered, and the license is up to date.")


@blueprint.post("/remove")
@access(gate="open")
def remove() -> ResponseReturnValue:
    """Remove the license, for whoever gives their own password once more."""
    try:
        prove(request.form.get("your_password", "")[:1024], "Enter your own password as well.")
    except AccountError as error:
        return _page(LicenseForm(formdata=None), removal_refused=str(error)), 422
    return _act(service.remove, "The license was removed.")


@blueprint.post("/discard-key")
@access(gate="open")
def discard_key() -> ResponseReturnValue:
    """Forget the key that waits for its activation."""
    return _act(service.discard_waiting_key, "The waiting key was discarded.")


@blueprint.get("/request")
@access(role="admin", gate="open")
def request_file() -> ResponseReturnValue:
    """Download the request that is carried to the license server by hand."""
    try:
        text = service.request_file(current().licensing)
    except LicensingRefusedError as error:
        _explain(error)
        return redirect(url_for("license.show"), 303)
    headers = {"Content-Disposition": 'attachment; filename="sentari-license-request.txt"'}
    return Response(text, content_type="text/plain; charset=utf-8", headers=headers)


@blueprint.get("/offline")
@access(role="admin", gate="open")
def offline() -> ResponseReturnValue:
    """Show the request in full, to be carried by file, as text or by camera."""
    try:
        document = service.request_document(current().licensing)
    except LicensingRefusedError as error:
        _explain(error)
        return redirect(url_for("license.show"), 303)
    return render_template(
        "sentari/license/offline.html",
        form=LicenseForm(),
        armored=armor_request(document),
        request_view=disclose(document),
        qr=qr_code(document),
        nonce_days=NONCE_LIFETIME_DAYS,
        # The request is made for the issuer, not for a relay that stands in between.
        activation_page=f"{current().licensing.issuer}/activate",
    )


@blueprint.post("/connection-test")
@access(gate="open")
def connection_test() -> ResponseReturnValue:
    """Walk the way to the license server and show each step."""
    try:
        diagnosis = examine(current().licensing)
    except LicensingRefusedError as error:
        _explain(error)
        return redirect(url_for("license.show"), 303)
    return render_template("sentari/license/doctor.html", diagnosis=diagnosis)


def _preview(text: str) -> ResponseReturnValue:
    found = service.preview_reply(current().licensing, text, actor=current_user.actor, via="page")
    return render_template("sentari/license/preview.html", preview=found)


def _act(action: Callable[..., None], done: str) -> ResponseReturnValue:
    try:
        action(current().licensing, actor=current_user.actor)
        flash(done, "success")
    except (CheckInError, LicensingRefusedError) as error:
        _explain(error)
    return redirect(url_for("license.show"), 303)


def _explain(error: CheckInError | LicensingRefusedError) -> None:
    """Say what happened and what to do; a vendor that was not reached is no refusal."""
    if isinstance(error, LicensingRefusedError):
        flash(error.detail, "info" if error.code == "airgap" else "danger")
        return
    words = explain(error.cause)
    unreached = error.cause in NOT_REACHED
    flash(f"{words.title}. {error.detail} {words.advice}", "warning" if unreached else "danger")


def _page(form: LicenseForm, *, removal_refused: str = "") -> str:
    licensing = current().licensing
    status = fresh_license_status()
    told = visible_to(warnings(status), admin=current_user.is_admin)
    return render_template(
        "sentari/license/show.html",
        form=form,
        removal_refused=removal_refused,
        status=status,
        warnings=[warning for warning in told if warning.code != status.state.value],
        pictures=_pictures(status),
        details=read_details(db.session(), licensing, status),
        next_steps=what_happens_next(status),
        now=status.evaluated_at,
        license_banner=None,  # the page says all of it itself
    )


def _pictures(status: LicenseStatus) -> list[tuple[str, Picture]]:
    """Return the timeline for wide and for narrow screens, if there is anything to draw."""
    drawn = (("wide", draw(status, WIDE)), ("narrow", draw(status, NARROW)))
    return [(size, picture) for size, picture in drawn if picture is not None]
