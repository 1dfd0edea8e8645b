"""The Helm chart, rendered by helm itself and compared with Kubernetes' own schemas."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from sentari.config import Settings
from sentari.version import VERSION
from tests.test_compose import POSTGRESQL
from tests.test_docs import Asked

ROOT = Path(__file__).resolve().parent.parent
CHART = ROOT / "deploy" / "helm" / "sentari"
TOOLS = Path(sys.prefix) / "chart"
HELM, SCHEMAS = TOOLS / "helm", TOOLS / "kubernetes"
needs_helm = pytest.mark.skipif(not HELM.exists(), reason="no helm here: make test fetches it")
# Kinds that Kubernetes itself does not know, or that helm runs itself.
FOREIGN = {"ServiceMonitor"}
Manifest = dict[str, Any]
Values = dict[str, Any]

SECRETS = {
    "SENTARI_DATABASE_URL": {"name": "sentari", "key": "database-url"},
    "SENTARI_SECRET_KEY": {"name": "sentari", "key": "secret-key"},
}
POSTGRES: Values = {"database": "postgresql", "replicas": 3, "secrets": SECRETS}
METRICS = {"SENTARI_METRICS_TOKEN": {"name": "sentari", "key": "metrics-token"}}
ALL: Values = {
    **POSTGRES,
    "image": {"digest": "sha256:" + "a" * 64},
    "imagePullSecrets": [{"name": "registry"}],
    "secrets": {**SECRETS, **METRICS},
    "settings": {"SENTARI_TRUSTED_PROXIES": 1, "SENTARI_PUBLIC_URL": "https://s.example"},
    "tls": {"existingSecret": "tls"},
    "caBundle": {"configMap": "cas"},
    "gunicornArguments": "--workers 4",
    "ingress": {"enabled": True, "className": "x", "tlsSecret": "y", "annotations": {"a": "b"}},
    "networkPolicy": {
        "from": [{"namespaceSelector": {"matchLabels": {"name": "ingress"}}}],
        "database": {"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}], "port": 5433},
        "license": {"to": [{"ipBlock": {"cidr": "198.51.100.7/32"}}], "port": 3128},
        "egress": [{"to": [{"podSelector": {}}]}],
    },
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}, "tlsConfig": {"x": 1}},
    "serviceAccount": {"annotations": {"a": "b"}},
    "podAnnotations": {"a": "b"},
    "podLabels": {"c": "d"},
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "x", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "priorityClassName": "high",
}  # fmt: skip


def helm(*arguments: str, values: Values | None = None) -> subprocess.CompletedProcess[str]:
    command = [str(HELM), *arguments, "--values", "-"]
    text = json.dumps(values or {})
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False)


def render(values: Values | None = None, *arguments: str) -> dict[str, Manifest]:
    """Return what the chart makes, by kind."""
    return dict(_rendered(json.dumps(values or {}), arguments))


@cache
def _rendered(values: str, arguments: tuple[str, ...]) -> tuple[tuple[str, Manifest], ...]:
    done = helm("template", "prod", str(CHART), *arguments, values=json.loads(values))
    assert done.returncode == 0, done.stderr
    found = [each for each in yaml.safe_load_all(done.stdout) if each]
    assert len({each["kind"] for each in found}) == len(found)
    return tuple((each["kind"], each) for each in found)


def refusal(values: Values) -> str:
    done = helm("template", "prod", str(CHART), values=values)
    assert done.returncode != 0
    assert done.stdout == ""
    return done.stderr


def pod(manifests: dict[str, Manifest]) -> Manifest:
    found: Manifest = manifests["Deployment"]["spec"]["template"]["spec"]
    return found


def container(manifests: dict[str, Manifest]) -> Manifest:
    [found] = pod(manifests)["containers"]
    return dict(found)


def environment(manifests: dict[str, Manifest]) -> dict[str, str]:
    return {each["name"]: each["value"] for each in container(manifests)["env"]}


@cache
def validator(version: str, kind: str, api: str) -> jsonschema_rs.Draft202012Validator:
    folder = SCHEMAS / version
    group = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", api)
    schema = json.loads((folder / f"{kind.lower()}-{group}.json").read_text())
    return jsonschema_rs.Draft202012Validator(schema, registry=definitions(version))


@cache
def definitions(version: str) -> jsonschema_rs.Registry:
    """Return what every object's schema refers to."""
    found = json.loads((SCHEMAS / version / "_definitions.json").read_text())
    return jsonschema_rs.Registry([(found["$id"], found)])


def schema_faults(version: str, manifests: dict[str, Manifest]) -> Iterator[str]:
    for kind, manifest in manifests.items():
        if kind not in FOREIGN:
            for error in validator(version, kind, manifest["apiVersion"]).iter_errors(manifest):
                yield f"{kind}{error.instance_path}: {error.message[:200]}"


@needs_helm
@pytest.mark.parametrize("values", [{}, POSTGRES, ALL], ids=["none", "postgresql", "all"])
def test_what_helm_makes_is_what_kubernetes_takes(values: Values) -> None:
    manifests = render(values)
    for folder in SCHEMAS.iterdir():
        assert list(schema_faults(folder.name, manifests)) == []
    broken = json.loads(json.dumps(manifests["Deployment"]))
    broken["spec"]["template"]["spec"]["containers"][0]["securityContexts"] = {}
    assert list(schema_faults("1.37", {"Deployment": broken})) != []


@needs_helm
def test_helm_finds_nothing_to_complain_about() -> None:
    done = helm("lint", "--strict", str(CHART), values=ALL)
    assert done.returncode == 0, done.stdout
    assert "[WARNING]" not in done.stdout


@needs_helm
def test_by_itself_it_is_one_pod_on_sqlite_with_a_claim_that_outlives_the_release() -> None:
    manifests = render()
    assert set(manifests) == {
        "Deployment",
        "NetworkPolicy",
        "PersistentVolumeClaim",
        "Pod",
        "Service",
        "ServiceAccount",
    }
    assert manifests["Deployment"]["spec"]["replicas"] == 1
    assert manifests["Deployment"]["spec"]["strategy"] == {"type": "Recreate"}
    claim = manifests["PersistentVolumeClaim"]["metadata"]
    assert claim["annotations"]["helm.sh/resource-policy"] == "keep"
    [data] = [each for each in pod(manifests)["volumes"] if each["name"] == "data"]
    assert data["persistentVolumeClaim"] == {"claimName": claim["name"]}
    [mount] = [each for each in container(manifests)["volumeMounts"] if each["name"] == "data"]
    assert f"VOLUME {mount['mountPath']}\n" in (ROOT / "Dockerfile").read_text()
    kept = render({"persistence": {"existingClaim": "mine"}})
    assert "PersistentVolumeClaim" not in kept
    assert "mine" in json.dumps(pod(kept))


@needs_helm
def test_with_postgresql_it_is_any_number_of_pods_that_hold_no_data() -> None:
    manifests = render(POSTGRES)
    assert manifests["Deployment"]["spec"]["replicas"] == 3
    assert manifests["Deployment"]["spec"]["strategy"]["type"] == "RollingUpdate"
    assert manifests["PodDisruptionBudget"]["spec"]["maxUnavailable"] == 1
    assert "PersistentVolumeClaim" not in manifests
    selector = manifests["Deployment"]["spec"]["selector"]
    assert manifests["PodDisruptionBudget"]["spec"]["selector"] == selector
    assert manifests["NetworkPolicy"]["spec"]["podSelector"] == selector
    assert manifests["Service"]["spec"]["selector"] == selector["matchLabels"]
    labels = manifests["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert selector["matchLabels"].items() <= labels.items()
    # The pod that `helm test` runs is none of the service's.
    assert not selector["matchLabels"].items() <= manifests["Pod"]["metadata"]["labels"].items()


@needs_helm
@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"replicas": 2}, "SQLite serves one pod only"),
        ({"secrets": SECRETS}, "set database to postgresql"),
        ({"database": "postgresql"}, "secrets.SENTARI_DATABASE_URL: PostgreSQL needs it"),
        (
            POSTGRES | {"secrets": {"SENTARI_DATABASE_URL": {"name": "a", "key": "b"}}},
            "secrets.SENTARI_SECRET_KEY: PostgreSQL needs it",
        ),
        (POSTGRES | {"settings": {"SENTARI_TLS": "self"}}, "agents pin one"),
        ({"settings": {"SENTARI_TLS": "self"}, "tls": {"existingSecret": "x"}}, "is set as well"),
        ({"serviceMonitor": {"enabled": True}}, "SENTARI_METRICS_TOKEN"),
        ({"settings": {"SENTARI_SECRET_KEY": "s" * 40}}, "SENTARI_SECRET_KEY"),
        ({"settings": {"SENTARI_PUBLICURL": "x"}}, "SENTARI_PUBLICURL"),
        ({"secrets": {"SENTARI_LOG_LEVEL": {"name": "a", "key": "b"}}}, "SENTARI_LOG_LEVEL"),
        (
            {
                "settings": {"SENTARI_HTTPS_PROXY": "http://p:1"},
                "secrets": {"SENTARI_HTTPS_PROXY": {"name": "a", "key": "b"}},
            },
            "under secrets as well",
        ),
        ({"agentsCa": {"configMap": "x"}, "tls": {"existingSecret": "y"}}, "tls.caKey"),
        ({"database": "mysql"}, "database"),
        ({"replica": 2}, "replica"),
        ({"image": {"digest": "sha256:abc"}}, "digest"),
    ],
)  # fmt: skip
def test_what_would_not_work_is_refused_with_the_reason(values: Values, words: str) -> None:
    assert words in refusal(values)


@needs_helm
@pytest.mark.parametrize("values", [{}, ALL], ids=["none", "all"])
def test_every_pod_fulfils_the_restricted_standard_and_needs_no_fixed_user(values: Values) -> None:
    manifests = render(values)
    for spec in (pod(manifests), manifests["Pod"]["spec"]):
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
        for each in spec["containers"]:
            assert each["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
        kinds = {key for volume in spec.get("volumes", ()) for key in volume if key != "name"}
        assert kinds <= {"emptyDir", "persistentVolumeClaim", "projected", "secret", "configMap"}
        assert "runAsUser" not in json.dumps(spec)


@needs_helm
def test_on_openshift_the_volumes_group_is_the_clusters_choice() -> None:
    assert pod(render())["securityContext"]["fsGroup"] == 10001
    openshift = render({}, "--api-versions", "security.openshift.io/v1")
    assert "fsGroup" not in pod(openshift)["securityContext"]
    assert "fsGroup" not in pod(render({"openshift": "always"}))["securityContext"]
    never = render({"openshift": "never"}, "--api-versions", "security.openshift.io/v1")
    assert pod(never)["securityContext"]["fsGroup"] == 10001


@needs_helm
def test_every_secret_is_a_file_from_a_secret_that_exists_and_none_is_made() -> None:
    manifests = render(ALL)
    assert "Secret" not in manifests
    given = environment(manifests)
    [secrets] = [each for each in pod(manifests)["volumes"] if each["name"] == "secrets"]
    files = {
        item["path"]: (source["secret"]["name"], item["key"])
        for source in secrets["projected"]["sources"]
        for item in source["secret"]["items"]
    }
    assert files == {
        name: (each["name"], each["key"]) for name, each in (SECRETS | METRICS).items()
    }
    for name in files:
        assert given[f"{name}_FILE"] == f"/run/secrets/sentari/{name}"
        assert name not in given


@needs_helm
def test_the_environment_is_one_that_the_server_starts_with(tmp_path: Path) -> None:
    given = environment(render(POSTGRES | {"settings": ALL["settings"]}))
    (tmp_path / "url").write_text("postgresql+psycopg://user:x@database/name")
    (tmp_path / "key").write_text("s" * 40)
    given["SENTARI_DATABASE_URL_FILE"] = str(tmp_path / "url")
    given["SENTARI_SECRET_KEY_FILE"] = str(tmp_path / "key")
    settings = Settings.from_env(given | {"SENTARI_DATA_DIR": str(tmp_path)})
    assert settings.trusted_proxies == 1
    assert settings.log_format == "json"
    assert settings.warnings == ()
    assert POSTGRESQL.read()["environment"]["SENTARI_LOG_FORMAT"] == "json"


@needs_helm
@pytest.mark.parametrize(
    ("values", "scheme"),
    [
        ({}, "http"),
        ({"settings": {"SENTARI_TLS": "self"}}, "https"),
        ({"tls": {"existingSecret": "tls"}}, "https"),
    ],
)
def test_probes_and_ports_follow_whether_the_pods_serve_tls(values: Values, scheme: str) -> None:
    manifests = render(values)
    found = container(manifests)
    probes = {
        name: found[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")
    }
    assert {probe["scheme"] for probe in probes.values()} == {scheme.upper()}
    assert {probe["port"] for probe in probes.values()} == {scheme}
    assert [probe["path"] for probe in probes.values()] == ["/healthz", "/healthz", "/readyz"]
    assert [port["name"] for port in found["ports"]] == [scheme]
    assert manifests["Service"]["spec"]["ports"][0]["targetPort"] == scheme
    assert f"{scheme}://" in manifests["Pod"]["spec"]["containers"][0]["command"][-1]
    # A pod that ends goes on while it is still listed, and has the time that it needs.
    interval = found["readinessProbe"]["periodSeconds"]
    assert int(environment(manifests)["SENTARI_DRAIN_SECONDS"]) >= 2 * interval
    assert pod(manifests)["terminationGracePeriodSeconds"] > 30


@needs_helm
def test_a_pod_may_reach_its_database_and_the_license_server_and_nothing_else() -> None:
    def ports(values: Values) -> list[int]:
        rules = render(values)["NetworkPolicy"]["spec"]["egress"]
        return sorted({port["port"] for rule in rules for port in rule.get("ports", ())})

    assert ports({}) == [53, 443, 5353]
    assert ports(POSTGRES) == [53, 443, 5353, 5432]
    assert ports(POSTGRES | {"settings": {"SENTARI_LICENSE_MODE": "airgap"}}) == [53, 5353, 5432]
    assert ports(ALL) == [53, 3128, 5353, 5433]
    assert "NetworkPolicy" not in render({"networkPolicy": {"enabled": False}})


@needs_helm
def test_metrics_are_asked_for_with_the_token() -> None:
    [endpoint] = render(ALL)["ServiceMonitor"]["spec"]["endpoints"]
    assert endpoint["authorization"]["credentials"] == METRICS["SENTARI_METRICS_TOKEN"]
    assert endpoint["scheme"] == endpoint["port"] == "https"


def test_the_chart_takes_the_settings_that_the_server_has_and_no_secret_in_plain(
    tmp_path: Path,
) -> None:
    properties = json.loads((CHART / "values.schema.json").read_text())["properties"]
    plain = set(properties["settings"]["propertyNames"]["enum"])
    secret = set(properties["secrets"]["propertyNames"]["enum"])
    asked = Asked({"SENTARI_DATA_DIR": str(tmp_path)})
    Settings.from_env(asked)
    known = {name for name in asked.names if name.startswith("SENTARI_")}
    assert secret == {name for name in known if f"{name}_FILE" in known}
    # What the chart sets itself, or mounts.
    own = {"DATA_DIR", "CA_BUNDLE", "TLS_CERT", "TLS_KEY", "TLS_CA_FILE", "LICENSE_PUBLIC_KEY_PATH"}
    files = {name for name in known if name.endswith("_FILE") and name[:-5] in secret}
    assert plain | secret == known - {f"SENTARI_{name}" for name in own} - files
    # An address of a proxy may hold a password, and mostly does not.
    assert plain & secret == {"SENTARI_HTTPS_PROXY", "SENTARI_HTTP_PROXY"}


def test_the_chart_is_of_the_version_of_its_image() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == VERSION
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    schema = json.loads((CHART / "values.schema.json").read_text())
    assert set(values) == set(schema["properties"]) - {"global"}
