"""What an admin asks for and cannot have, with the reason. PURE."""


class LicensingRefusedError(Exception):
    """The request cannot be carried out as things are; `code` names why, `detail` says it."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


class BusyError(LicensingRefusedError):
    """Another check-in of this deployment is under way and was waited for in vain."""


def busy() -> BusyError:
    """Return the refusal while another call takes longer than anybody should wait."""
    return BusyError(
        "busy",
        "Another check-in of this server is under way and takes unusually long. Look at its "
        "result in a minute.",
    )


def kept_while_busy() -> BusyError:
    """Return the same for a key that was given meanwhile."""
    return BusyError(
        "busy",
        "Another check-in of this server is under way and takes unusually long. The key is kept, "
        "and the server asks for its license by itself within a minute.",
    )


def no_key() -> LicensingRefusedError:
    """Return the refusal of a check-in or a request before any key was given."""
    return LicensingRefusedError(
        "no_key", "No license key was given yet. Install a license key first."
    )


def airgap() -> LicensingRefusedError:
    """Return the refusal of an outbound call in airgap mode."""
    return LicensingRefusedError(
        "airgap",
        "This server makes no outbound license calls (SENTARI_LICENSE_MODE=airgap). Fetch the "
        "request under Settings → License → Offline activation, have it answered on a machine "
        "with internet access, and bring the reply back.",
    )


def nothing_installed() -> LicensingRefusedError:
    """Return the refusal of a removal when there is nothing to remove."""
    return LicensingRefusedError("nothing_installed", "No license is installed.")


def nothing_waiting() -> LicensingRefusedError:
    """Return the refusal to discard a key when none waits."""
    return LicensingRefusedError("nothing_waiting", "No license key waits for its activation.")


def sealed(reason: str) -> LicensingRefusedError:
    """Return the refusal when the instance key does not open."""
    return LicensingRefusedError("sealed", f"The instance key cannot be used. {reason}")
