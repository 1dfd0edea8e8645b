"""Walk the way to the vendor step by step, and say where it breaks and what to change."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from license_token.keys import RootSet
from sentari.licensing import doctor_steps as steps
from sentari.licensing.answer import CheckInError
from sentari.licensing.check_in import HttpTransport
from sentari.licensing.doctor_steps import Step, StepName, StepStatus
from serverkit.clock import Clock
from serverkit.wire import Trace

__all__ = ["Diagnosis", "Step", "StepName", "StepStatus", "diagnose", "diagnose_airgap"]

# What is sent when there is no request yet: the vendor refuses it as malformed, which proves
# that the vendor is there, and changes nothing.
PROBE = "connection-test"


@dataclass(frozen=True)
class Diagnosis:
    """The steps of a walk, in order; those after a broken one are marked as not reached."""

    started_at: datetime
    version: str
    server_url: str
    steps: tuple[Step, ...]

    @property
    def broken(self) -> Step | None:
        """Return the step at which the way breaks, or None."""
        return next((step for step in self.steps if step.status is StepStatus.BROKEN), None)

    @property
    def summary(self) -> str:
        """Return the outcome in one sentence."""
        if self.broken is not None:
            return f"The way to the license server breaks at “{self.broken.title}”."
        if all(step.status is StepStatus.SKIPPED for step in self.steps[1:]):
            return "No connection is made in airgap mode."
        return "The way to the license server is open."

    def diagnostics(self) -> str:
        """Return the walk as text to send to support; it holds no key, password or document."""
        head = [
            f"Sentari connection test, {self.started_at:%Y-%m-%dT%H:%M:%SZ}",
            f"Sentari {self.version}, license server {self.server_url}",
            self.summary,
            "",
        ]
        return "\n".join([*head, *(line for step in self.steps for line in _lines(step)), ""])

    def to_dict(self) -> dict[str, Any]:
        """Return the walk for JSON."""
        return {
            "started_at": f"{self.started_at:%Y-%m-%dT%H:%M:%SZ}",
            "healthy": self.broken is None,
            "summary": self.summary,
            "steps": [asdict(step) | {"title": step.title} for step in self.steps],
            "diagnostics": self.diagnostics(),
        }


def diagnose(
    transport: HttpTransport, *, roots: RootSet, document: str | None, clock: Clock
) -> Diagnosis:
    """Walk the way that a check-in takes, with the very code that takes it.

    `document` is the request that waits for a reply, if there is one. It is sent as a check-in
    would send it; the reply is verified and not applied, and the vendor repeats it when the same
    request comes again. Without one the vendor is only asked for its refusal of a probe.
    """
    started_at = clock.now()
    taken = _until_broken(_walk(transport, roots, document, clock))
    settings = transport.settings
    return Diagnosis(started_at, settings.version, settings.server_url, _shown(taken))


def diagnose_airgap(*, version: str, server_url: str, started_at: datetime) -> Diagnosis:
    """Return the walk that is not taken in airgap mode."""
    return Diagnosis(started_at, version, server_url, _shown([steps.airgap()]))


def _shown(walk: Iterable[Step]) -> tuple[Step, ...]:
    """Return all steps, those that were not taken as not reached."""
    taken = {step.name: step for step in walk}
    # A tunnel is a step only where a proxy was asked for one.
    names = [name for name in StepName if name in taken or name is not StepName.TUNNEL]
    return tuple(taken.get(name) or steps.not_reached(name) for name in names)


def _until_broken(walk: Iterator[Step]) -> Iterator[Step]:
    for step in walk:
        yield step
        if step.status is StepStatus.BROKEN:
            return


def _walk(
    transport: HttpTransport, roots: RootSet, document: str | None, clock: Clock
) -> Iterator[Step]:
    yield steps.configuration(transport, roots, clock)
    yield steps.proxy(transport, clock)
    trace, failure = Trace(), None
    try:
        answer = transport.exchange(document or PROBE, trace)
    except CheckInError as error:
        failure = error
    now = clock.now()
    yield from steps.connection(transport, trace, failure, now)
    if failure is None:
        yield steps.http(trace, answer, document)
        yield steps.reply(answer, roots, document, clock)
        yield steps.clock(answer, now)


def _lines(step: Step) -> Iterator[str]:
    took = "" if step.duration_seconds is None else f" ({step.duration_seconds * 1000:.0f} ms)"
    yield f"{step.title}: {step.status}{took}"
    for text in (step.detail, step.advice):
        if text:
            yield f"    {text}"
