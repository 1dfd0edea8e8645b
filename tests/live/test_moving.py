"""A server on its way: to PostgreSQL, to a new secret key, back, and into a backup's place."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.conftest import ServerFactory, scan
from tests.live.servers import BIN, ROOT, Server, Vendor
from tests.live.test_scheduler import check_ins, flags
from tests.postgres import Postgres

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture
def url(postgres: Postgres) -> Iterator[str]:
    made = postgres.create()
    yield made
    postgres.drop(made)


def refused(server: Server, *arguments: str) -> str:
    command = [str(BIN / "flask"), "--app", "app", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=server.env, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    return done.stderr


def goes_on(server: Server, vendor: Vendor, issued: dict[str, Any], device: dict[str, Any]) -> None:
    """The server starts, has its license, knows its device and people, and is no copy."""
    server.start()
    before = len(check_ins(vendor, issued["id"]))
    assert server.state() == "active"
    document = scan("server-459") | {"scanned_at": f"2026-11-{before:02}T08:00:00Z"}
    assert server.upload(device, document).status_code == 202
    assert server.browser().get(f"{server.url}/devices", timeout=20).status_code == 200
    server.flask("license", "check-in")
    assert len(check_ins(vendor, issued["id"])) > before
    assert "intact" in server.flask("audit", "verify")
    assert flags(vendor, issued["id"]) == []
    server.server.stop()


def test_a_server_moves_as_often_as_its_operator_wants(
    make_server: ServerFactory, vendor: Vendor, url: str, tmp_path: Path
) -> None:
    server, issued = make_server(), vendor.issue()
    assert server.install(issued["license_key"]).status_code == 200
    device = server.register("web-01").json()
    for command in (["db", "copy", "--to", url], ["secret", "rotate"]):
        assert "a server is at work on the database" in refused(server, *command)
    server.server.stop()

    assert "is the same" in server.flask("db", "copy", "--to", "-", stdin=f"{url}\n")
    key = server.directory / "secret_key"
    away = Server(
        tmp_path / "away", vendor, SENTARI_DATABASE_URL=url, SENTARI_SECRET_KEY_FILE=str(key)
    )
    goes_on(away, vendor, issued, device)

    new = tmp_path / "new-key"
    new.write_text("another secret key, which is long enough")
    away.flask("secret", "rotate", "--new-key-file", str(new))
    assert "sealed under another secret key" in refused(away, "license", "status")
    away.env["SENTARI_SECRET_KEY_FILE"] = str(new)
    goes_on(away, vendor, issued, device)

    home = Server(tmp_path / "home", vendor, SENTARI_SECRET_KEY_FILE=str(new))
    away.flask("db", "copy", "--to", f"sqlite:///{home.database}")
    goes_on(home, vendor, issued, device)

    home.start()
    home.flask("backup", str(tmp_path / "the.backup"))
    home.server.stop()
    last = Server(tmp_path / "last", vendor, SENTARI_SECRET_KEY_FILE=str(new))
    last.flask("restore", str(tmp_path / "the.backup"))
    goes_on(last, vendor, issued, device)
