"""The compose files: real settings, secrets from files, and no privilege to spare."""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

import license_server.config
import sentari.config
from tests.test_docs import Asked

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = ROOT / "tests" / "data" / "compose"
CUSTOMERS, VENDORS = ROOT / "compose.yaml", ROOT / "deploy" / "license-server" / "compose.yaml"
Document = dict[str, Any]


@dataclass(frozen=True)
class Service:
    """One of the servers in one of the files."""

    file: Path
    name: str
    settings: Any
    prefix: str
    target: str

    def document(self) -> Document:
        found: Document = yaml.safe_load(self.file.read_text())
        return found

    def read(self) -> Document:
        found: Document = self.document()["services"][self.name]
        return found


SENTARI = (sentari.config.Settings, "SENTARI_", "server")
LICENSES = (license_server.config.Settings, "LICENSE_SERVER_", "license-server")
SQLITE = Service(CUSTOMERS, "sentari", *SENTARI)
POSTGRESQL = Service(CUSTOMERS, "sentari-postgresql", *SENTARI)
BESIDE = Service(CUSTOMERS, "license-server", *LICENSES)
VENDOR = Service(VENDORS, "license-server", *LICENSES)
SERVERS = [SQLITE, POSTGRESQL, BESIDE, VENDOR]
DATABASES = [
    Service(CUSTOMERS, "database", None, "", ""),
    Service(VENDORS, "database", None, "", ""),
]
WITH_POSTGRESQL = [(POSTGRESQL, DATABASES[0]), (VENDOR, DATABASES[1])]


def title(value: object) -> str | None:
    return f"{value.file.parent.name}-{value.name}" if isinstance(value, Service) else None


servers = pytest.mark.parametrize("service", SERVERS, ids=title)
everything = pytest.mark.parametrize("service", [*SERVERS, *DATABASES], ids=title)
pairs = pytest.mark.parametrize(("server", "database"), WITH_POSTGRESQL, ids=title)


def substituted(value: str) -> str:
    """Return a value as it is when nothing is set outside."""
    return re.sub(r"\$\{\w+:-(.*?)\}", r"\1", value)


def schema_faults(document: Document) -> list[str]:
    schema = json.loads((SCHEMA / "compose-spec.json").read_text())
    # The schema is older than the name of a project.
    schema["properties"]["name"] = {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]*$"}
    validator = jsonschema_rs.Draft201909Validator(schema)
    return [
        f"{each.instance_path}: {each.message[:200]}" for each in validator.iter_errors(document)
    ]


@pytest.mark.parametrize("file", [CUSTOMERS, VENDORS], ids=str)
def test_a_compose_file_is_one_by_the_specification_s_own_schema(file: Path) -> None:
    document = yaml.safe_load(file.read_text())
    assert schema_faults(document) == []
    for service in document["services"].values():
        service["cap_dropp"] = ["ALL"]
    assert schema_faults(document) != []


def test_the_schema_is_what_was_published() -> None:
    for name, expected in json.loads((SCHEMA / "VENDOR.json").read_text())["files"].items():
        assert hashlib.sha256((SCHEMA / name).read_bytes()).hexdigest() == expected, name


@servers
def test_every_setting_in_it_is_one_that_the_server_takes(service: Service, tmp_path: Path) -> None:
    environment: dict[str, str] = service.read()["environment"]
    asked = Asked({f"{service.prefix}DATA_DIR": str(tmp_path)})
    service.settings.from_env(asked)
    assert set(environment) <= asked.names
    # Those that are there have values that the server takes.
    given = {f"{service.prefix}DATA_DIR": str(tmp_path)}
    for name, value in environment.items():
        given[name] = substituted(value)
        if name.endswith("_FILE"):
            given[name] = f"{tmp_path}/{Path(value).name}"
            Path(given[name]).write_text("s" * 40)
    (tmp_path / "database_url").write_text("postgresql+psycopg://user:x@database/name\n")
    settings = service.settings.from_env(given)
    assert settings.warnings == ()
    assert settings.database_url.endswith("@database/name") == ("DATABASE_URL_FILE" in str(given))


def test_the_vendors_server_trusts_the_one_proxy_in_front_and_sentari_none_unless_told() -> None:
    assert VENDOR.read()["environment"]["LICENSE_SERVER_TRUSTED_PROXIES"] == "1"
    for service in (SQLITE, POSTGRESQL):
        assert substituted(service.read()["environment"]["SENTARI_TRUSTED_PROXIES"]) == "0"


@everything
def test_every_secret_comes_from_a_file(service: Service) -> None:
    read = service.read()
    for variable, value in read["environment"].items():
        secret = re.search(r"PASSWORD|SECRET|TOKEN|URL_FILE", variable)
        assert bool(secret) == str(value).startswith("/run/secrets/"), variable
    mounted = {value for value in read["environment"].values() if "/run/secrets/" in value}
    assert mounted == {f"/run/secrets/{secret}" for secret in read.get("secrets", ())}
    for secret in read.get("secrets", ()):
        assert service.document()["secrets"][secret]["file"] == f"./secrets/{secret}"


def test_the_secrets_never_get_into_the_repository_or_an_image() -> None:
    for file in (CUSTOMERS, VENDORS):
        assert "/secrets/" in (file.parent / ".gitignore").read_text().split()
    lines = (ROOT / ".dockerignore").read_text().split()
    assert lines[0] == "*"
    assert not {"!deploy", "!secrets", "!.env"} & set(lines)


@everything
def test_nothing_is_privileged(service: Service) -> None:
    read = service.read()
    assert read["read_only"] is True
    assert read["cap_drop"] == ["ALL"]
    assert read["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "pid", "ipc", "devices"} & set(read)
    assert read.get("network_mode", "") in ("", "service:sentari")
    assert not [volume for volume in read["volumes"] if "docker.sock" in volume]
    # Nobody outside the machine reaches it past the proxy, nor the database at all.
    assert all(substituted(port).startswith("127.0.0.1:") for port in read.get("ports", ()))
    assert ("ports" in read) == (service in (SQLITE, POSTGRESQL, VENDOR))
    assert "user" not in read or re.fullmatch(r"[1-9]\d*:\d+", read["user"])


@pairs
def test_each_waits_for_the_health_of_the_other(server: Service, database: Service) -> None:
    assert server.read()["depends_on"]["database"]["condition"] == "service_healthy"
    assert database.read()["healthcheck"]["test"][0] == "CMD"


@servers
def test_it_is_built_from_the_stage_that_is_meant_whose_health_is_looked_at(
    service: Service,
) -> None:
    build = service.read()["build"]
    assert (service.file.parent / build["context"]).resolve() == ROOT
    # The last stage is the default, and is the customer's.
    assert build.get("target", "server") == service.target
    stage = (ROOT / "Dockerfile").read_text().split(f" AS {service.target}\n")[1]
    assert "HEALTHCHECK" in stage.split("\nFROM ")[0]


@servers
def test_the_image_s_own_volume_is_one_that_is_kept(service: Service) -> None:
    [(name, target)] = [volume.split(":") for volume in service.read()["volumes"]]
    assert name in service.document()["volumes"]
    assert f"VOLUME {target}\n" in (ROOT / "Dockerfile").read_text()


@pytest.mark.parametrize("file", [CUSTOMERS, VENDORS], ids=str)
def test_every_volume_and_secret_that_is_declared_is_used(file: Path) -> None:
    document = yaml.safe_load(file.read_text())
    services = document["services"].values()
    volumes = {volume.split(":")[0] for each in services for volume in each["volumes"]}
    assert volumes == set(document["volumes"])
    assert {name for each in services for name in each.get("secrets", ())} == set(
        document["secrets"]
    )


def test_each_profile_is_one_server_with_what_it_needs() -> None:
    found: dict[str, set[str]] = {}
    for name, service in SQLITE.document()["services"].items():
        [profile] = service["profiles"]
        found.setdefault(profile, set()).add(name)
    assert found == {
        "sqlite": {"sentari"},
        "postgresql": {"sentari-postgresql", "database"},
        "license-server": {"license-server"},
    }
