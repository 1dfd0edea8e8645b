"""Write an image's bill of materials (CycloneDX 1.6, JSON) to standard output.

Runs in the image's build, with its own Python: Debian's packages as dpkg knows them, Python itself,
the libraries with what their wheels brought along, and the front end's vendored files.

python image_sbom.py NAME VERSION VENDOR.json
"""

import json
import platform
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from packageurl import PackageURL

Component = dict[str, Any]

DPKG_STATUS, OS_RELEASE = Path("/var/lib/dpkg/status"), Path("/etc/os-release")


def component(
    purl: PackageURL, kind: str = "library", license_text: str | None = None
) -> Component:
    """Return one component; a license is repeated as it is declared."""
    made: Component = {
        "type": kind,
        "bom-ref": purl.to_string(),
        "name": purl.name,
        "version": purl.version or "",
        "purl": purl.to_string(),
    }
    if purl.namespace:
        made["group"] = purl.namespace
    if license_text:
        made["licenses"] = [{"license": {"name": license_text}}]
    return made


def debian_packages(status: str, os_release: str) -> Iterator[Component]:
    """Yield what dpkg says is installed."""
    found = re.search(r'^VERSION_ID="?([\w.]+)"?$', os_release, re.M)
    for paragraph in status.split("\n\n"):
        fields = dict(re.findall(r"^([\w-]+): (.*)$", paragraph, re.M))
        if fields.get("Status") == "install ok installed":
            qualifiers = {"arch": fields["Architecture"]}
            if found:
                qualifiers["distro"] = f"debian-{found[1]}"
            name, version = fields["Package"], fields["Version"]
            yield component(PackageURL("deb", "debian", name, version, qualifiers))


def libraries(found: Iterable[Distribution]) -> Iterator[Component]:
    """Yield Python's packages, each with the parts that its wheel says it holds."""
    for each in found:
        name = re.sub(r"[-_.]+", "-", each.metadata["Name"]).lower()
        purl = PackageURL("pypi", None, name, each.version)
        made = component(purl, license_text=license_of(each))
        if parts := list(bundled(each)):
            made["components"] = parts
        yield made


def license_of(distribution: Distribution) -> str | None:
    """Return the license that a package declares; a whole license text is none."""
    metadata = distribution.metadata
    declared = metadata.get("License-Expression") or metadata.get("License")
    if declared and len(declared) <= 64 and declared.isprintable():
        return str(declared)
    classes = [each.split(" :: ") for each in metadata.get_all("Classifier") or []]
    return " or ".join(each[-1] for each in classes if each[0] == "License") or None


def bundled(distribution: Distribution) -> Iterator[Component]:
    """Yield the parts that a wheel's own bills of materials (PEP 770) give a purl for, each once.

    What was built from the wheel's own sources (`file://`) is the package itself.
    """
    seen = set()
    for path in distribution.files or []:
        if "sboms" not in path.parts or path.suffix != ".json":
            continue
        for part in json.loads(path.read_text(encoding="utf-8")).get("components", []):
            purl = part.get("purl", "")
            if purl and "=file:" not in purl and purl not in seen:
                seen.add(purl)
                reference = f"{distribution.metadata['Name']}#{purl}"
                yield component(PackageURL.from_string(purl)) | {"bom-ref": reference}


def front_end(vendor: str) -> Iterator[Component]:
    """Yield the packages that the vendored files of the front end are from."""
    packages = {(each["package"], each["version"], each["license"]) for each in json.loads(vendor)}
    for package, version, license_id in sorted(packages):
        namespace, _, name = package.rpartition("/")
        purl = PackageURL("npm", namespace or None, name, version)
        yield component(purl, license_text=license_id)


def document(name: str, version: str, components: Iterable[Component]) -> dict[str, Any]:
    """Return the whole document; the same content gives the same one."""
    by_reference = {str(each["bom-ref"]): each for each in components}
    ordered = [each for _, each in sorted(by_reference.items())]
    subject = {"type": "container", "bom-ref": name, "name": name, "version": version}
    serial = uuid5(NAMESPACE_URL, json.dumps([subject, ordered], sort_keys=True))
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {"component": subject},
        "components": ordered,
    }


def everything(vendor: str) -> Iterator[Component]:
    """Yield all that is in the image that this runs in."""
    yield from debian_packages(DPKG_STATUS.read_text(), OS_RELEASE.read_text())
    yield component(PackageURL("generic", None, "python", platform.python_version()), "platform")
    outside = sysconfig.get_path("purelib", vars={"base": sys.base_prefix})
    for place in (sysconfig.get_path("purelib"), outside):
        yield from libraries(distributions(path=[place]))
    yield from front_end(vendor)


def main(name: str, version: str, vendor_path: str) -> None:
    """Print the document."""
    vendor = Path(vendor_path).read_text(encoding="utf-8")
    json.dump(document(name, version, everything(vendor)), sys.stdout, indent=1, ensure_ascii=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
