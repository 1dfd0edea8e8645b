"""The vendor's compose file: real settings, secrets from files, and no privilege to spare."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from license_server.config import Settings
from tests.test_docs import Asked

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "deploy" / "license-server" / "compose.yaml"
SERVICES = ("license-server", "database")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(FILE.read_text())
    return found


def test_every_setting_in_it_is_one_that_the_server_reads(
    compose: dict[str, Any], tmp_path: Path
) -> None:
    environment = compose["services"]["license-server"]["environment"]
    asked = Asked({"LICENSE_SERVER_DATA_DIR": str(tmp_path)})
    Settings.from_env(asked)
    assert set(environment) <= asked.names
    # Those that are there have values that the server takes.
    files = {name: f"{tmp_path}/{Path(value).name}" for name, value in environment.items()}
    plain = {
        name: re.sub(r"\$\{\w+:-(.*)\}", r"\1", value)
        for name, value in environment.items()
        if not name.endswith("_FILE")
    }
    for name in set(environment) - set(plain):
        Path(files[name]).write_text("s" * 40)
    (tmp_path / "database_url").write_text("postgresql+psycopg://licenses:x@database/licenses\n")
    secrets = {name: files[name] for name in set(environment) - set(plain)}
    settings = Settings.from_env({"LICENSE_SERVER_DATA_DIR": str(tmp_path), **plain, **secrets})
    assert settings.warnings == ()
    assert settings.database_url.endswith("@database/licenses")
    assert settings.trusted_proxies == 1


@pytest.mark.parametrize("name", SERVICES)
def test_every_secret_comes_from_a_file(compose: dict[str, Any], name: str) -> None:
    service = compose["services"][name]
    for variable, value in service["environment"].items():
        secret = re.search(r"PASSWORD|SECRET|TOKEN|URL_FILE", variable)
        assert bool(secret) == str(value).startswith("/run/secrets/"), variable
    mounted = {value for value in service["environment"].values() if "/run/secrets/" in value}
    assert mounted == {f"/run/secrets/{secret}" for secret in service["secrets"]}
    for secret in service["secrets"]:
        path = compose["secrets"][secret]["file"]
        assert path == f"./secrets/{secret}"


def test_the_secrets_never_get_into_the_repository_or_an_image() -> None:
    assert "/secrets/" in (FILE.parent / ".gitignore").read_text().split()
    assert (ROOT / ".dockerignore").read_text().startswith("*\n")
    assert "!deploy" not in (ROOT / ".dockerignore").read_text()


@pytest.mark.parametrize("name", SERVICES)
def test_nothing_is_privileged(compose: dict[str, Any], name: str) -> None:
    service = compose["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "network_mode", "pid", "devices"} & set(service)
    assert not [volume for volume in service["volumes"] if "docker.sock" in volume]
    # Nobody outside the machine reaches it past the proxy, nor the database at all.
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    assert ("ports" in service) == (name == "license-server")


def test_each_waits_for_the_health_of_the_other(compose: dict[str, Any]) -> None:
    waits = compose["services"]["license-server"]["depends_on"]["database"]["condition"]
    assert waits == "service_healthy"
    assert compose["services"]["database"]["healthcheck"]["test"][0] == "CMD"
    # The license server's is in its image.
    build = compose["services"]["license-server"]["build"]
    assert (FILE.parent / build["context"]).resolve() == ROOT
    stage = (ROOT / "Dockerfile").read_text().split(f" AS {build['target']}\n")[1]
    assert "HEALTHCHECK" in stage.split("\nFROM ")[0]


def test_every_volume_is_declared_and_the_image_s_own_is_one(compose: dict[str, Any]) -> None:
    used = {
        volume.split(":")[0] for name in SERVICES for volume in compose["services"][name]["volumes"]
    }
    assert used == set(compose["volumes"])
    targets = [v.split(":")[1] for v in compose["services"]["license-server"]["volumes"]]
    assert f"VOLUME {targets[0]}\n" in (ROOT / "Dockerfile").read_text()
