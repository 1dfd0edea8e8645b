"""What a durable check-in costs, beside bare durable inserts and bare signatures of the same run.

The license server runs as in production: gunicorn with its two workers, on each database in
turn, every commit on disk before its answer. The clients share the machine with it.
"""

import os
import sqlite3
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from statistics import median

import psycopg
from nacl.signing import SigningKey

from bench.fleet import Office, Sentari
from bench.hammer import Hammer, Volley
from bench.measure import Postgres, compare, family, pid_of, plain_url, print_results
from license_token.certificate import issue_certificate
from license_token.reply import ReplyClaims, sign_reply

SERVERS, ROUNDS = 500, 6
INSERTS, SIGNATURES = 500, 500
GOALS = {"SQLite": 150, "PostgreSQL": 250}
_TABLE = "CREATE TABLE IF NOT EXISTS bare (id {serial} PRIMARY KEY, body TEXT NOT NULL)"
_BODY = "x" * 600  # about what a check-in leaves in its row


def per_second(work: Callable[[], object], count: int) -> float:
    """Return how often per second `work` gets done."""
    began = time.monotonic()
    for _ in range(count):
        work()
    return count / (time.monotonic() - began)


def sqlite_inserts(path: Path) -> float:
    """Return durable inserts per second, one commit per row, as the server's SQLite commits."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute(_TABLE.format(serial="INTEGER"))
        insert = "INSERT INTO bare (body) VALUES (?)"
        return per_second(lambda: connection.execute(insert, (_BODY,)), INSERTS)


def postgresql_inserts(url: str, at_once: int) -> float:
    """Return durable inserts per second, one commit per row, from so many connections."""
    insert, each = b"INSERT INTO bare (body) VALUES (%s)", INSERTS // at_once

    def work(connection: psycopg.Connection) -> None:
        for _ in range(each):
            connection.execute(insert, (_BODY,))

    with ExitStack() as stack:
        connect = partial(psycopg.connect, plain_url(url), autocommit=True)
        connections = [stack.enter_context(connect()) for _ in range(at_once)]
        connections[0].execute(_TABLE.format(serial="SERIAL").encode())
        pool = stack.enter_context(ThreadPoolExecutor(at_once))
        return per_second(lambda: list(pool.map(work, connections)), 1) * each * at_once


def signatures(claims: ReplyClaims) -> float:
    """Return how many such replies per second one thread makes: claims, JSON, signature."""
    root, key, issued = SigningKey.generate(), SigningKey.generate(), claims.issued_at
    certificate = issue_certificate(
        root,
        signing_public_key=bytes(key.verify_key),
        not_before=issued,
        expires=issued + 86_400,
        issued_at=issued,
    )
    sign = partial(sign_reply, claims, signing_key=key, certificate=certificate)
    return per_second(sign, SIGNATURES)


def fire(office: Office, fleet: list[Sentari], hammer: Hammer) -> Volley:
    """Check in every server once; all of it must be answered."""
    volley = hammer.send(office.address, office.requests(fleet))
    if volley.statuses != {200: len(fleet)}:
        raise SystemExit(f"not all check-ins were answered: {dict(volley.statuses)}")
    return volley


def cpu_seconds(pid: int) -> float:
    """Return the processor time of a running process and its descendants."""
    ticks = 0
    for member in family(pid):
        fields = Path(f"/proc/{member}/stat").read_text().rpartition(") ")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def measure(name: str, url: str, directory: Path, hammer: Hammer, database: int | None) -> None:
    """Measure one database, whose process is `database`, and print what was found."""
    office = Office(directory, url)
    fleet = office.issue(SERVERS)
    bare = partial(sqlite_inserts, directory / "bare.db")
    if name == "PostgreSQL":
        bare = partial(postgresql_inserts, url, hammer.at_once)
    office.server.start()
    pids = [pid_of(office.server), *([database] if database else [])]
    try:
        first = fire(office, fleet, hammer)
        [claims] = office.claims(first.answers[-1:])
        inserts, signing, volleys, busy = [], [], [], [0.0 for _ in pids]
        for _ in range(ROUNDS):
            inserts.append(bare())
            signing.append(signatures(claims))
            before = [cpu_seconds(pid) for pid in pids]
            volleys.append(fire(office, fleet, hammer))
            after = [cpu_seconds(pid) for pid in pids]
            busy = [sum(each) for each in zip(busy, after, [-b for b in before], strict=True)]
    finally:
        office.server.stop()
    if office.stored() != SERVERS * (1 + ROUNDS):
        raise SystemExit(f"{name}: an answered check-in is not in the database")
    report(name, first, volleys, inserts, signing, [b / SERVERS / ROUNDS for b in busy])


def report(
    name: str,
    first: Volley,
    volleys: list[Volley],
    inserts: list[float],
    signing: list[float],
    busy: list[float],
) -> None:
    """Print the rates beside their baselines, the latency, and the processor's time."""
    rates = [volley.rate for volley in volleys]
    pairs = [
        ("durable inserts, check-ins", inserts, rates),
        ("signatures of one thread, check-ins", signing, rates),
    ]
    print_results(
        f"Check-in on {name}: {SERVERS} servers, {ROUNDS} rounds",
        [compare(title, "/s", list(zip(base, own, strict=True))) for title, base, own in pairs],
    )
    goal, reached = GOALS[name], median(rates)
    print(f"   check-ins       {reached:7.0f} /s  goal >= {goal}: ", end="")
    print("reached" if reached >= goal else "MISSED")
    print(f"   first check-ins {first.rate:7.0f} /s  (they bind a server and are audited)")
    for share in (0.5, 0.99):
        milliseconds = median(volley.latency_ms(share) for volley in volleys)
        print(f"   {share:4.0%} within     {milliseconds:7.1f} ms")
    for program, seconds in zip(("license server", "database"), busy, strict=False):
        print(f"   {program:15} {1000 * seconds:7.1f} ms of processor time per check-in")


def main() -> None:
    """Measure SQLite, then PostgreSQL."""
    hammer = Hammer()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o755)  # PostgreSQL runs as a user of its own
        own = directory / "sqlite"
        own.mkdir()
        measure("SQLite", f"sqlite:///{own}/licenses.db", own, hammer, None)
        postgres = Postgres(directory / "postgres")
        own = directory / "postgresql"
        own.mkdir()
        measure("PostgreSQL", postgres.new_database(), own, hammer, postgres.pid)
        postgres.stop()
    hammer.close()


if __name__ == "__main__":
    main()
