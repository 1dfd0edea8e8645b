"""All that licensing works with in one app: its settings, the vendor, the vault, the verdict."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import sleep

from sqlalchemy.orm import Session

from sentari.config import Settings
from sentari.extensions import db, writing
from sentari.licensing.check_in import (
    HttpTransport,
    NoTransport,
    OutboundSettings,
    Transport,
)
from sentari.licensing.observation import Observer
from sentari.licensing.roots import Trust, load_trust
from sentari.licensing.schedule import Schedule
from sentari.licensing.snapshot import Snapshot
from sentari.licensing.timekeeper import Timekeeper
from sentari.licensing.vault import Vault
from serverkit.clock import Clock
from serverkit.database import one_moment


@dataclass(frozen=True)
class Licensing:
    """One app's licensing; `environment_value` is what SENTARI_LICENSE_KEY says.

    `clock` tells the wall clock's time, `time` the one that the license goes by. `pause` waits
    so many seconds for another process.
    """

    clock: Clock
    time: Timekeeper
    transport: Transport
    trust: Trust
    vault: Vault
    snapshot: Snapshot
    schedule: Schedule
    issuer: str
    airgap: bool
    server_version: str
    environment_value: str | None = field(default=None, repr=False)
    pause: Callable[[float], None] = sleep


def create_licensing(
    settings: Settings, *, clock: Clock, transport: Transport | None, server_version: str
) -> Licensing:
    """Put licensing together; nothing is read or sent yet, except the file with the roots."""
    trust = load_trust(settings.license_public_key_path)
    vault = Vault(settings.secret_key)
    timekeeper = Timekeeper(clock, vault)
    observer = Observer(trust.roots, timekeeper)
    return Licensing(
        clock=clock,
        time=timekeeper,
        transport=transport or create_transport(settings, server_version),
        trust=trust,
        vault=vault,
        snapshot=Snapshot(observer, clock, timekeeper, reading=reading, writing=writing),
        schedule=Schedule(settings.license_check_interval_seconds, random.SystemRandom().random),
        issuer=settings.license_issuer,
        airgap=settings.license_mode == "airgap",
        server_version=server_version,
        environment_value=settings.license_key,
    )


def create_transport(settings: Settings, server_version: str) -> Transport:
    """Return the way to the vendor; in airgap mode there is none."""
    if settings.license_mode == "airgap":
        return NoTransport()
    outbound = OutboundSettings(
        server_url=settings.license_server_url,
        version=server_version,
        proxies=settings.outbound.proxies,
        standard_proxies=settings.outbound.standard_proxies,
        ca_bundle=settings.outbound.ca_bundle,
    )
    return HttpTransport(outbound)


@contextmanager
def reading() -> Iterator[Session]:
    """Open a transaction that sees one moment of the database, apart from the request's own."""
    with one_moment(db.engine) as connection, Session(bind=connection) as session:
        yield session
