"""The form of a license's terms. Ranges and rules are asked of `license_server.rules`."""

from dataclasses import asdict, fields
from datetime import date
from typing import Any

from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    DateField,
    HiddenField,
    IntegerField,
    StringField,
    TextAreaField,
)
from wtforms.validators import InputRequired, Length, Optional

from license_server import rules
from license_server.rules import Terms, add_years

UNLIMITED = "unlimited"
YEARS = ("1", "2", "3")
_LONGEST_NUMBER = 16
_NO_CAP = f"Enter a whole number, or the word {UNLIMITED}."


class CapField(StringField):  # type: ignore[misc]
    """A whole number, or the word for no limit: nobody gets that by leaving a field empty."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Take the number; None is unlimited."""
        raw = "".join("".join(valuelist).replace(",", "").split()).lower()
        if raw == UNLIMITED:
            self.data = None
        elif raw.isascii() and raw.isdigit() and len(raw) <= _LONGEST_NUMBER:
            self.data = int(raw)
        else:
            self.data = None
            raise ValueError(_NO_CAP)

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return UNLIMITED if self.data is None else str(self.data)


def _number(label: str, unit: str = "") -> IntegerField:
    return IntegerField(label, [InputRequired("Enter a whole number.")], description=unit)


class TermsForm(FlaskForm):  # type: ignore[misc]
    """All terms of a license, why they are so, and the version that they were made from."""

    tier = StringField("Tier", [InputRequired("Enter the tier."), Length(max=rules.LONGEST_TIER)])
    expires_at = DateField(
        "Expires on",
        [InputRequired("Enter the date.")],
        description="The first day that is not licensed, 00:00 UTC.",
    )
    max_devices = CapField("Devices", [InputRequired(_NO_CAP)])
    max_packages = CapField("Tracked packages", [InputRequired(_NO_CAP)])
    max_activations = _number("Servers", "How many may use the license at a time.")
    max_offline_days = _number(
        "Offline days", "How long a server goes on without a reply. More than 1 needs the air gap."
    )
    grace_period_days = _number("Grace period", "Days after expiry in which everything works.")
    read_only_period_days = _number("Read-only period", "Days after that, until it is locked.")
    airgap = BooleanField("Air-gap tier")
    airgap_addendum_signed_at = DateField(
        "Air-gap addendum signed on", [Optional()], description="Needed for more offline days."
    )
    contract_reference = StringField("Contract", [Length(max=rules.LONGEST_REFERENCE)])
    reason = StringField(
        "Reason",
        [InputRequired("Say why."), Length(max=rules.LONGEST_REASON)],
        description="It stands in the license's history and in the audit log.",
    )
    seen = HiddenField()

    def terms(self) -> Terms:
        """Return what was entered, once the form has validated."""
        return Terms(**{field.name: getattr(self, field.name).data for field in fields(Terms)})

    def seen_version(self) -> int | None:
        """Return the number of the version that the form was filled with."""
        raw = self.seen.data or ""
        return int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 10 else None

    def put_date(self, day: date) -> None:
        """Show a date of expiry in place of what was entered."""
        self.expires_at.raw_data, self.expires_at.data = None, day


class CustomerForm(FlaskForm):  # type: ignore[misc]
    """A customer; the service says what it takes."""

    name = StringField("Name", [InputRequired("Enter a name."), Length(max=200)])
    email = StringField(
        "E-mail",
        [InputRequired("Enter an e-mail address."), Length(max=254)],
        description="Keys and notices are mailed there.",
    )
    notes = TextAreaField("Notes", [Length(max=10_000)], description="For staff only.")


def defaults(today: date) -> dict[str, Any]:
    """Return what a new license's form begins with: a year, and no air gap."""
    return {
        "expires_at": add_years(today, 1),
        "max_activations": 1,
        "max_offline_days": 1,
        "grace_period_days": 14,
        "read_only_period_days": 30,
        # Shown empty: a cap is never unlimited by omission.
        "max_devices": "",
        "max_packages": "",
    }


def filled_with(terms: Terms, version: int) -> dict[str, Any]:
    """Return what the form of a change begins with."""
    return {**asdict(terms), "seen": str(version)}


def asked_years(form: dict[str, str]) -> int | None:
    """Return by how many years a quick choice moves the date, None when none was pressed."""
    pressed = form.get("years", "")
    return int(pressed) if pressed in YEARS else None
