"""Starting and stopping: clear refusals, one process at a time, a second start that keeps all."""

import subprocess
import time
from pathlib import Path

import pytest
import requests

from tests.live.servers import BIN, ROOT, Process, Server, Vendor, environment, free_port

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SENTARI_LICENSE_MODE", "perhaps"),
        ("SENTARI_LICENSE_PUBLIC_KEY_PATH", "/nowhere/roots.json"),
        ("SENTARI_BOOTSTRAP_ADMIN_PASSWORD", "short"),
        ("SENTARI_DATABASE_URL", "postgresql+psycopg://nobody@127.0.0.1:1/none"),
    ],
)
def test_a_setting_that_cannot_be_used_ends_the_master_soon(
    tmp_path: Path, name: str, value: str
) -> None:
    settings = {
        "SENTARI_DATA_DIR": str(tmp_path),
        "SENTARI_SECRET_KEY": "a secret of the live tests, long enough",
        "SENTARI_BOOTSTRAP_ADMIN_EMAIL": "admin@example.com",
        name: value,
    }
    began = time.monotonic()
    done = subprocess.run(
        [str(BIN / "gunicorn"), "--bind", f"127.0.0.1:{free_port()}"],
        cwd=ROOT,
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode != 0
    assert time.monotonic() - began < 10
    assert "sentari: " in done.stderr.splitlines()[-1]


def test_the_server_starts_and_is_ready_without_any_setting_but_its_place(tmp_path: Path) -> None:
    env = environment(SENTARI_DATA_DIR=str(tmp_path))
    server = Process(env, free_port(), tmp_path / "log")
    server.start()
    try:
        assert requests.get(f"{server.url}/healthz", timeout=5).json()["status"] == "ok"
        assert requests.get(f"{server.url}/login", timeout=5).url.endswith("/setup")
        assert "setup token" in server.log.read_text()
    finally:
        assert server.stop() == 0


def test_two_servers_that_start_at_once_migrate_one_after_the_other(
    tmp_path: Path, vendor: Vendor
) -> None:
    servers = [Server(tmp_path / "data", vendor, workers=1) for _ in range(2)]
    for number, server in enumerate(servers):
        server.server.log = tmp_path / f"log-{number}"
        server.server.start(wait=False)
    try:
        for server in servers:
            server.server.wait_ready()
        assert servers[0].flask("user", "list").count("admin@example.com") == 1
    finally:
        for server in servers:
            server.server.stop()


def test_every_line_is_json_when_json_was_asked_for(tmp_path: Path, vendor: Vendor) -> None:
    server = Server(tmp_path / "data", vendor, SENTARI_LOG_FORMAT="json")
    server.start()
    requests.get(f"{server.url}/api/v1/license", timeout=5)
    server.server.stop()
    lines = server.server.log.read_text().splitlines()
    assert lines
    assert [line for line in lines if not line.startswith("{")] == []
