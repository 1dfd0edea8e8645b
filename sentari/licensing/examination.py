"""Have the doctor walk this server's own way to the vendor, with what a check-in would send."""

from sentari.licensing import service
from sentari.licensing.check_in import HttpTransport
from sentari.licensing.core import Licensing
from sentari.licensing.doctor import Diagnosis, diagnose, diagnose_airgap
from sentari.licensing.refusals import LicensingRefusedError


def examine(licensing: Licensing) -> Diagnosis:
    """Walk the way and return what was found; in airgap mode nothing is opened or looked up.

    Raise LicensingRefusedError when the instance key does not open.
    """
    transport = licensing.transport
    if not isinstance(transport, HttpTransport):
        return diagnose_airgap(
            version=licensing.server_version,
            server_url=licensing.issuer,
            started_at=licensing.clock.now(),
        )
    return diagnose(
        transport,
        roots=licensing.trust.roots,
        document=_document(licensing),
        clock=licensing.clock,
    )


def _document(licensing: Licensing) -> str | None:
    try:
        return service.request_document(licensing)
    except LicensingRefusedError as error:
        if error.code != "no_key":
            raise
        return None
