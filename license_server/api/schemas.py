"""The bodies of the machine interface. Ranges and rules are asked of `license_server.rules`."""

from datetime import date
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StrictBool,
    StrictInt,
    StrictStr,
    WithJsonSchema,
)

from license_server.errors import InvalidError, Violation
from license_token.errors import LicenseTokenError
from license_token.fields import read_date


def _date(value: object) -> object:
    if value is None:
        return None
    try:
        return read_date(value, "this")
    except LicenseTokenError as error:
        raise ValueError(str(error)) from error


Day = Annotated[date, BeforeValidator(_date), WithJsonSchema({"type": "string", "format": "date"})]


_NULLABLE = frozenset({"max_devices", "max_packages", "airgap_addendum_signed_at"})


class _Input(BaseModel):
    """A body in which every member is known: a mistyped name is refused, not ignored."""

    model_config = ConfigDict(extra="forbid")


class CustomerInput(_Input):
    """A new customer."""

    name: StrictStr
    email: StrictStr
    notes: StrictStr = ""


class LicenseInput(_Input):
    """A new license. The caps must be there: null is unlimited, and nobody gets that by omission.

    `airgap` follows from the addendum's date unless it is given.
    """

    tier: StrictStr
    expires_at: Day
    max_devices: StrictInt | None
    max_packages: StrictInt | None
    grace_period_days: StrictInt = 14
    read_only_period_days: StrictInt = 30
    max_offline_days: StrictInt = 1
    max_activations: StrictInt = 1
    airgap: StrictBool | None = None
    airgap_addendum_signed_at: Day | None = None
    contract_reference: StrictStr = ""
    reason: StrictStr = "issued"


class TermsInput(_Input):
    """Terms to change; what is left out stays as it is. Null is a value for the caps
    (unlimited) and for the addendum's date only.
    """

    tier: StrictStr | None = None
    expires_at: Day | None = None
    max_devices: StrictInt | None = None
    max_packages: StrictInt | None = None
    grace_period_days: StrictInt | None = None
    read_only_period_days: StrictInt | None = None
    max_offline_days: StrictInt | None = None
    max_activations: StrictInt | None = None
    airgap: StrictBool | None = None
    airgap_addendum_signed_at: Day | None = None
    contract_reference: StrictStr | None = None
    reason: StrictStr

    def changes(self) -> dict[str, Any]:
        """Return the terms that were sent; InvalidError for a null that means nothing."""
        sent = {name: getattr(self, name) for name in self.model_fields_set - {"reason"}}
        empty = tuple(
            Violation(name, "null is not a value of this term; leave it out to keep it")
            for name in sorted(sent)
            if sent[name] is None and name not in _NULLABLE
        )
        if empty:
            raise InvalidError(empty)
        return sent


class ReasonInput(_Input):
    """Why it is done: it stands in the audit log and on the license's page."""

    reason: StrictStr
