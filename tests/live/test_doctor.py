"""The connection test against the vendor's real license server."""

import pytest

from license_token.keys import RootSet
from license_token.license_key import LicenseKey
from sentari.licensing.check_in import HttpTransport
from sentari.licensing.doctor import Diagnosis, StepName, StepStatus, diagnose
from sentari.licensing.outbound import OutboundSettings
from serverkit.clock import SystemClock
from tests.live.servers import Vendor
from tests.simulators.customer import CustomerSimulator

pytestmark = pytest.mark.live


def examine(vendor: Vendor, key: LicenseKey | None) -> Diagnosis:
    clock = SystemClock()
    return diagnose(
        HttpTransport(OutboundSettings(vendor.url, "0.1.0")),
        roots=RootSet.parse(vendor.roots.read_text()),
        document=CustomerSimulator(vendor.url, clock).request(key) if key else None,
        clock=clock,
    )


def status_of(diagnosis: Diagnosis, name: StepName) -> StepStatus:
    return next(step.status for step in diagnosis.steps if step.name is name)


def test_the_real_license_server_answers_the_probe_as_the_walk_expects(vendor: Vendor) -> None:
    diagnosis = examine(vendor, None)
    assert diagnosis.broken is None
    assert status_of(diagnosis, StepName.REPLY) is StepStatus.SKIPPED


def test_the_real_license_servers_reply_verifies_at_the_end_of_the_walk(vendor: Vendor) -> None:
    diagnosis = examine(vendor, LicenseKey.parse(vendor.issue()["license_key"]))
    assert diagnosis.broken is None
    assert status_of(diagnosis, StepName.REPLY) is StepStatus.OK


def test_a_key_that_the_real_license_server_does_not_know_breaks_at_the_reply(
    vendor: Vendor,
) -> None:
    broken = examine(vendor, LicenseKey.generate()).broken
    assert broken is not None
    assert broken.name is StepName.REPLY
