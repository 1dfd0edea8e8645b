"""A build with roots of its own trusts those and nobody else, whatever the environment says."""

import shutil
import subprocess
from pathlib import Path

import pytest

from serverkit.clock import SystemClock
from tests.live.servers import BIN, ROOT, environment
from tests.simulators.license_server import ISSUER, LicenseServerSimulator

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]

SHIPPED = ("sentari", "license_token", "serverkit", "templates", "static")


@pytest.fixture
def vendor() -> LicenseServerSimulator:
    return LicenseServerSimulator(ISSUER, SystemClock())


@pytest.fixture
def build(tmp_path: Path, vendor: LicenseServerSimulator) -> Path:
    """The shipped files, as an official image has them: the vendor's roots are inside."""
    place = tmp_path / "build"
    for name in SHIPPED:
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("*.pyc"))
    shutil.copy(ROOT / "app.py", place)
    (place / "sentari/licensing/roots.json").write_text(vendor.roots_json)
    return place


def run(build: Path, env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(BIN / "flask"), "--app", "app", *arguments]
    return subprocess.run(command, cwd=build, env=env, capture_output=True, text=True, check=False)


def test_the_built_in_roots_win_over_the_environment(
    tmp_path: Path, build: Path, vendor: LicenseServerSimulator
) -> None:
    operator = LicenseServerSimulator(ISSUER, SystemClock())
    own_roots = tmp_path / "own-roots.json"
    own_roots.write_text(operator.roots_json)
    env = environment(
        SENTARI_DATA_DIR=str(tmp_path / "data"),
        SENTARI_LICENSE_MODE="airgap",
        SENTARI_LICENSE_PUBLIC_KEY_PATH=str(own_roots),
    )
    migrated = run(build, env, "db", "upgrade")
    assert migrated.returncode == 0, migrated.stderr
    assert "SENTARI_LICENSE_PUBLIC_KEY_PATH is ignored" in migrated.stderr
    forged, genuine = tmp_path / "forged.txt", tmp_path / "genuine.txt"
    forged.write_text(operator.presigned(operator.issue(max_devices=None)))
    genuine.write_text(vendor.presigned(vendor.issue()))
    refused = run(build, env, "license", "install", str(forged))
    assert refused.returncode == 1
    assert "not trusted" in refused.stderr
    assert run(build, env, "license", "inspect", str(forged)).returncode == 1
    installed = run(build, env, "license", "install", str(genuine))
    assert installed.returncode == 0, installed.stderr
    assert "state: active" in installed.stdout
    assert "development trust root: no" in installed.stdout
