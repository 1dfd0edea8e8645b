"""What the vendor's server refuses, as one family that API and command line interpret."""

from dataclasses import dataclass


class LicenseServerError(Exception):
    """A refusal: `code` is what programs compare, the text is what people do about it."""

    code = "refused"

    def __init__(self, detail: str, *, code: str | None = None) -> None:
        """Say what is wrong; `code` when the class is not precise enough."""
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.code


class NotFoundError(LicenseServerError):
    """The thing that was named does not exist."""

    code = "not_found"


class ConflictError(LicenseServerError):
    """The thing exists, but is in a state that does not allow this."""

    code = "conflict"


class ForbiddenError(LicenseServerError):
    """This person may not do it; somebody else may."""

    code = "forbidden"


@dataclass(frozen=True)
class Violation:
    """One field that breaks a rule; `field` is its name in the API and on the command line."""

    field: str
    detail: str


class InvalidError(LicenseServerError):
    """Fields break rules; all of them are named at once."""

    code = "invalid"

    def __init__(self, violations: tuple[Violation, ...]) -> None:
        """Carry the violations; there is at least one."""
        super().__init__("; ".join(f"{item.field}: {item.detail}" for item in violations))
        self.violations = violations


class CheckInRefusedError(LicenseServerError):
    """A check-in that gets no signed answer; `code` is one of document 2's."""

    def __init__(self, code: str, detail: str, *, retry_after_seconds: int | None = None) -> None:
        """Name the cause as document 2 does."""
        super().__init__(detail, code=code)
        self.retry_after_seconds = retry_after_seconds


class UnavailableError(LicenseServerError):
    """The server cannot answer now; nothing was changed."""

    code = "unavailable"
