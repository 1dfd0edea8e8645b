"""flask backup and flask restore: all of it comes back, and nothing damaged gets in."""

import gzip
import io
import json
import sqlite3
import tarfile
from contextlib import closing, suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask

from sentari.extensions import db, writing
from sentari.licensing import exchange
from sentari.licensing.clock_store import read_floor
from sentari.operations.archive import DATABASE, MANIFEST, SECRET_KEY, SERVER_TLS, read_archive
from sentari.operations.restore import RESTORED
from sentari.operations.standstill import OperationError
from sentari.startup import prepare
from tests.conftest import SECRET, AppFactory, sign_in
from tests.sentari.fleet import Fleet
from tests.sentari.inventory.scans import package, scan
from tests.sentari.licensing.world import World
from tests.sentari.operations.house import House, empty_tables

# PostgreSQL has its own tools and its own files.
pytestmark = pytest.mark.sqlite

OTHER = "another secret of the tests, long enough too"


def run(app: Flask, *arguments: str) -> Result:
    return app.test_cli_runner().invoke(args=list(arguments))


def keeps_own_key(app: Flask, directory: Path, secret: str = SECRET) -> None:
    """Let the server have its secret key from a file in its data directory."""
    path = directory / "secret_key"
    path.write_text(secret)
    settings = app.extensions["sentari"].settings
    app.extensions["sentari"].settings = replace(settings, secret_key_file=path)


@pytest.fixture
def archive(house: House, tmp_path: Path) -> Path:
    """A backup of a server that has its key from outside."""
    path = tmp_path / "the.backup"
    done = run(house.app, "backup", str(path))
    assert done.exit_code == 0, done.output
    assert "It needs the present SENTARI_SECRET_KEY" in done.stdout
    return path


@pytest.fixture
def elsewhere(house: House, make_app: AppFactory, tmp_path: Path) -> Flask:
    """Another machine: the same settings, and nothing there."""
    settings = house.app.extensions["sentari"].settings
    place = tmp_path / "elsewhere"
    app = make_app(
        f"sqlite:///{place}/sentari.db",
        transport=house.world.transport,
        license_public_key_path=settings.license_public_key_path,
        enrollment_token=settings.enrollment_token,
    )
    app.extensions["sentari"].settings = replace(app.extensions["sentari"].settings, data_dir=place)
    return app


_MADE: list[bytes] = []


@pytest.fixture
def an_archive(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A backup for tests that only look at the file; made once."""
    if not _MADE:
        _MADE.append(request.getfixturevalue("archive").read_bytes())
    path = tmp_path / "an.backup"
    path.write_bytes(_MADE[0])
    return path


@pytest.fixture
def nowhere(make_app: AppFactory, tmp_path: Path) -> Flask:
    """A machine without a server, and none to compare it with."""
    place = tmp_path / "nowhere"
    app = make_app(f"sqlite:///{place}/sentari.db")
    app.extensions["sentari"].settings = replace(app.extensions["sentari"].settings, data_dir=place)
    return app


def started(house: House, app: Flask) -> Fleet:
    prepare(app)
    return Fleet(World(app, house.world.vendor, house.world.transport, house.world.clock))


def members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as archive:
        found = {each.name: archive.extractfile(each) for each in archive.getmembers()}
        return {name: file.read() for name, file in found.items() if file}


def packed(path: Path, files: dict[str, bytes], **changes: Any) -> Path:
    """Make an archive of these files, as somebody could who knows how."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            for attribute, value in changes.items():
                setattr(member, attribute, value)
            archive.addfile(member, io.BytesIO(content))
    return path


def test_a_server_in_use_comes_back_elsewhere_with_its_license_agents_and_keys(
    full_house: House, elsewhere: Flask, tmp_path: Path
) -> None:
    house, path = full_house, tmp_path / "backups"
    path.mkdir()
    keeps_own_key(house.app, tmp_path)
    (tmp_path / "tls").mkdir()
    (tmp_path / "tls" / "server.pem").write_text("certificate and key")
    worker = house.start_worker()  # a backup needs no standstill
    done = run(house.app, "backup", str(path))
    worker.stop()
    assert done.exit_code == 0, done.output
    (made,) = path.iterdir()
    assert made.stat().st_mode & 0o777 == 0o600
    assert members(made).keys() == {MANIFEST, DATABASE, SECRET_KEY, SERVER_TLS}

    place = tmp_path / "elsewhere"
    place.mkdir()
    keeps_own_key(elsewhere, place, OTHER)  # the one that this very command made, say
    done = run(elsewhere, "restore", str(made))
    assert done.exit_code == 0, done.output
    assert "The server of 2026-11-26T" in done.stdout
    assert (place / "secret_key").read_text() == SECRET
    assert (place / "tls" / "server.pem").read_text() == "certificate and key"
    assert [each.read_text() for each in place.glob("secret_key.before-*")] == [OTHER]
    assert not list(place.glob(".restore-*"))
    assert empty_tables(elsewhere) == {"license_lease", "user_session"}

    house.fleet = started(house, elsewhere)
    world = house.fleet.world
    assert world.state == "active"
    assert world.audit_intact()
    assert world.actions("LICENSE_TAMPER", "CLOCK_ROLLBACK", "CLOCK_FLOOR_REBUILT") == []
    assert [event.details()["made_at"][:11] for event in world.events(RESTORED)] == ["2026-11-26T"]
    assert house.send(scan(package("pip"), scanned_at="2026-11-27T14:00:00Z"))
    sign_in(elsewhere.test_client(), "admin@example.com")
    world.do(exchange.check_in)
    assert world.status().limits.devices == 7


def test_an_old_backup_is_locked_until_it_has_checked_in_and_then_as_before(
    house: House, archive: Path, elsewhere: Flask
) -> None:
    for _ in range(3):
        house.fleet.clock.advance(10 * 86_400)
        house.world.do(exchange.check_in)
    assert run(elsewhere, "restore", str(archive)).exit_code == 0
    world = started(house, elsewhere).world
    assert world.state == "offline_exceeded"
    world.do(exchange.check_in)
    assert world.state == "active"
    assert world.audit_intact()
    assert world.actions("LICENSE_TAMPER") == []


def test_a_newer_reply_of_the_server_before_cannot_be_pasted_into_the_restored_one(
    house: House, archive: Path, elsewhere: Flask
) -> None:
    house.world.do(exchange.check_in)
    newer, row = house.world.row()["reply"], house.world.row()
    assert run(elsewhere, "restore", str(archive)).exit_code == 0
    world = started(house, elsewhere).world
    refused = run(elsewhere, "license", "install", newer)
    assert "does not answer an open request" in refused.stderr
    assert world.state == "active"
    world.put_row_back(row)
    assert world.state == "tampered"


def test_a_place_that_is_taken_is_kept_unless_it_is_forced_and_then_put_aside(
    house: House, archive: Path, tmp_path: Path
) -> None:
    with house.app.app_context():
        house.fleet.enroll(hostname="since")
        db.session.remove()
        db.engine.dispose()
    refused = run(house.app, "restore", str(archive))
    assert (refused.exit_code, refused.stderr.count("\n")) == (1, 1)
    assert "sentari.db is there already" in refused.stderr
    done = run(house.app, "restore", str(archive), "--force")
    assert done.exit_code == 0, done.output
    (kept,) = tmp_path.glob("sentari.db.before-*Z")
    assert f"What was there before is in {kept}." in done.stdout
    devices = "SELECT count(*) FROM device"
    for path, count in ((kept, 1), (tmp_path / "sentari.db", 0)):
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute(devices).fetchone() == (count,)
    with house.app.app_context():
        db.engine.dispose()
    assert started(house, house.app).world.state == "active"


def test_a_server_at_work_is_not_replaced(house: House, archive: Path) -> None:
    worker = house.start_worker()
    refused = run(house.app, "restore", str(archive), "--force")
    assert (refused.exit_code, refused.stderr.count("\n")) == (1, 1)
    assert "a server is at work" in refused.stderr
    worker.stop()
    assert run(house.app, "restore", str(archive), "--force").exit_code == 0


def test_a_damaged_database_is_replaced_too(house: House, archive: Path, tmp_path: Path) -> None:
    with house.app.app_context():
        db.session.remove()
        db.engine.dispose()
    path = tmp_path / "sentari.db"
    path.write_bytes(b"x" * 10_000)
    for beside in ("-wal", "-shm"):
        path.with_name(path.name + beside).unlink(missing_ok=True)
    assert run(house.app, "restore", str(archive), "--force").exit_code == 0
    assert started(house, house.app).world.state == "active"


def test_to_restore_in_place_does_not_turn_the_time_back(house: House, archive: Path) -> None:
    house.fleet.clock.advance(86_000)
    claims = house.world.status().claims
    with house.app.app_context():
        with writing() as session:
            house.world.licensing.time.keep(session, claims)
        db.session.remove()
        db.engine.dispose()
    assert run(house.app, "restore", str(archive), "--force").exit_code == 0
    house.fleet.clock.turn_wall(-86_000)
    with house.app.app_context():
        floor = read_floor(db.session(), house.world.licensing.vault).floor
        db.session.remove()
    assert floor is not None
    assert (floor.at - house.fleet.clock.now()).total_seconds() > 80_000


def refuses(app: Flask, archive: bytes) -> bool:
    """Tell whether it is refused in one line and leaves nothing behind."""
    done = app.test_cli_runner().invoke(args=["restore", "-"], input=archive)
    return (done.exit_code, done.stderr.count("\n")) == (1, 1) and nothing_at(app)


def test_a_flipped_bit_is_found_wherever_it_is(an_archive: Path, nowhere: Flask) -> None:
    # Not of the compressed file, where one repetition may be as good as another.
    raw = gzip.decompress(an_archive.read_bytes())
    for where in (0, 600, len(raw) // 3, len(raw) // 2, len(raw) * 9 // 10):
        flipped = bytearray(raw)
        flipped[where] ^= 0x10
        assert refuses(nowhere, gzip.compress(flipped, 1)), where


def test_a_compressed_file_with_a_flipped_bit_is_refused_unless_it_says_the_same(
    an_archive: Path, tmp_path: Path
) -> None:
    before, raw = members(an_archive), an_archive.read_bytes()
    for number, where in enumerate(range(0, len(raw), len(raw) // 50)):
        flipped = bytearray(raw)
        flipped[where] ^= 0x10
        folder = tmp_path / str(number)
        folder.mkdir()
        with suppress(OperationError), read_archive(io.BytesIO(flipped)) as archive:
            found = archive.extract(folder)
            assert {name: path.read_bytes() for name, path in found.items()} == {
                name: content for name, content in before.items() if name != MANIFEST
            }


def test_an_archive_that_is_cut_is_refused(an_archive: Path, nowhere: Flask) -> None:
    raw = an_archive.read_bytes()
    for length in (0, len(raw) // 5, len(raw) * 99 // 100):
        assert refuses(nowhere, raw[:length]), length


def nothing_at(app: Flask) -> bool:
    place = app.extensions["sentari"].settings.data_dir
    return {each.name for each in place.glob("*")} <= {"sentari.db.migrate.lock", "sentari.db-turn"}


def manifest_of(packed_files: dict[str, bytes], **changes: Any) -> bytes:
    return json.dumps(json.loads(packed_files[MANIFEST]) | changes).encode()


def stamp(content: bytes) -> dict[str, object]:
    return {"bytes": len(content), "sha256": sha256(content).hexdigest()}


FORGERIES = {
    "another format": lambda f: f | {MANIFEST: manifest_of(f, format=2)},
    "no manifest": lambda f: {DATABASE: f[DATABASE]},
    "manifest behind": lambda f: {DATABASE: f[DATABASE], MANIFEST: f[MANIFEST]},
    "not JSON": lambda f: f | {MANIFEST: b"{"},
    "a list": lambda f: f | {MANIFEST: b"[]"},
    "deep": lambda f: f | {MANIFEST: b"[" * 60_000},
    "long": lambda f: f | {MANIFEST: b" " * 70_000 + f[MANIFEST]},
    "for terminals": lambda f: f | {MANIFEST: manifest_of(f, made_at="\x1b[2J")},
    "no files": lambda f: f | {MANIFEST: manifest_of(f, files={})},
    "negative size": lambda f: f | {
        MANIFEST: manifest_of(f, files={DATABASE: {"bytes": -1, "sha256": ""}})
    },
    "missing": lambda f: {MANIFEST: f[MANIFEST]},
    "more": lambda f: f | {"../../etc/passwd": b"x"},
    "unknown": lambda f: f | {
        MANIFEST: manifest_of(f, files={"../x": {"bytes": 1, "sha256": ""}})
    },
    "another schema": lambda f: f | {MANIFEST: manifest_of(f, schema="0001")},
    "another database": lambda f: f | {DATABASE: f[DATABASE][:-4096] + bytes(4096)},
    "longer": lambda f: f | {DATABASE: f[DATABASE] + b"x"},
    "no key": lambda f: f | {SECRET_KEY: b"\xff"} | {
        MANIFEST: manifest_of(
            f, files=json.loads(f[MANIFEST])["files"] | {SECRET_KEY: stamp(b"\xff")}
        )
    },
    "another key": lambda f: f | {MANIFEST: manifest_of(f, key_hint="0" * 16)},
}  # fmt: skip


def test_what_is_no_whole_backup_is_refused_and_nothing_is_left(
    an_archive: Path, nowhere: Flask, tmp_path: Path
) -> None:
    genuine = members(an_archive)
    for name, forge in FORGERIES.items():
        path = packed(tmp_path / "forged", forge(genuine))
        assert refuses(nowhere, path.read_bytes()), name


def test_a_link_or_a_folder_in_the_archive_is_refused(
    an_archive: Path, nowhere: Flask, tmp_path: Path
) -> None:
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE):
        path = tmp_path / "forged"
        packed(path, members(an_archive), type=kind, linkname="/etc/passwd")
        assert refuses(nowhere, path.read_bytes()), kind


def test_what_is_packed_again_without_a_change_is_taken(
    an_archive: Path, nowhere: Flask, tmp_path: Path
) -> None:
    path = packed(tmp_path / "again", members(an_archive))
    assert run(nowhere, "restore", str(path)).exit_code == 0


def test_a_backup_of_a_newer_version_is_refused(
    house: House, elsewhere: Flask, tmp_path: Path
) -> None:
    house.world.edit("UPDATE alembic_version SET version_num = '9999'")
    path = tmp_path / "newer"
    assert run(house.app, "backup", str(path)).exit_code == 0
    refused = run(elsewhere, "restore", str(path))
    assert "newer than this version's" in refused.stderr
    assert nothing_at(elsewhere)


@pytest.mark.parametrize("path", ["absent", "folder"])
def test_a_file_that_is_none_is_refused_in_one_line(
    elsewhere: Flask, tmp_path: Path, path: str
) -> None:
    (tmp_path / "folder").mkdir()
    assert run(elsewhere, "restore", str(tmp_path / path)).exit_code in (1, 2)
    zipped = tmp_path / "zipped"
    zipped.write_bytes(gzip.compress(b"no archive"))
    assert "is no backup" in run(elsewhere, "restore", str(zipped)).stderr


def test_a_key_that_is_not_in_the_backup_has_to_be_the_one_it_was_made_under(
    archive: Path, house: House, make_app: AppFactory, tmp_path: Path
) -> None:
    app = make_app(f"sqlite:///{tmp_path}/third/sentari.db", secret_key=OTHER)
    refused = run(app, "restore", str(archive))
    assert "set SENTARI_SECRET_KEY to the one that it was made under (hint " in refused.stderr
    keeps_own_key(house.app, tmp_path)
    assert run(house.app, "backup", str(tmp_path / "own")).exit_code == 0
    refused = run(app, "restore", str(tmp_path / "own"))
    assert "SENTARI_SECRET_KEY is set to another key than the backup's" in refused.stderr
    without = tmp_path / "without"
    done = run(house.app, "backup", str(without), "--without-key")
    assert "which is not in it" in done.stdout
    assert SECRET.encode() not in b"".join(members(without).values())
    assert members(without).keys() == {MANIFEST, DATABASE}


def test_a_backup_goes_through_pipes_both_ways(house: House, elsewhere: Flask) -> None:
    done = run(house.app, "backup", "-")
    piped = elsewhere.test_cli_runner().invoke(args=["restore", "-"], input=done.stdout_bytes)
    assert piped.exit_code == 0, piped.output
    assert started(house, elsewhere).world.state == "active"


def test_a_backup_takes_no_name_that_is_taken_and_leaves_nothing_half(
    house: House, tmp_path: Path
) -> None:
    path = tmp_path / "taken"
    path.write_text("precious")
    refused = run(house.app, "backup", str(path))
    assert (refused.exit_code, refused.stderr.count("\n")) == (1, 1)
    assert path.read_text() == "precious"
    assert run(house.app, "backup", str(tmp_path / "absent" / "x")).exit_code == 1
    assert not list(tmp_path.glob(".*"))


def test_postgresql_is_backed_up_by_its_own_tools(
    make_app: AppFactory, postgres_url: str, an_archive: Path
) -> None:
    app = make_app(postgres_url)
    for command, tool in (("backup", "pg_dump"), ("restore", "pg_restore")):
        refused = run(app, command, str(an_archive))
        assert (refused.exit_code, refused.stderr.count("\n")) == (1, 1)
        assert tool in refused.stderr
