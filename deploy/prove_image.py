"""Walk through a container's pages as people and agents do: what prove-image.sh runs.

Started in the container's own network. A secret comes in the environment as PROVE_SECRET.
"""

import json
import os
import re
import stat
import sys
import time
from pathlib import Path
from typing import Any

import requests

from tests.cyclonedx import faults

ROOT = Path(__file__).resolve().parent.parent
SENTARI, VENDOR = "http://127.0.0.1:8000", "http://127.0.0.1:8001"
START_SECONDS = 60
ADMIN = {"email": "admin@example.com", "password": "a password for the proof only"}
SCAN = ROOT / "tests" / "data" / "scans" / "server-459.json"


def expect(holds: object, what: str) -> None:
    """Say what holds; end when it does not."""
    if not holds:
        sys.exit(f"prove-image: this does not hold: {what}")
    print(f"  {what}")


def started(port: str, path: str, began: str) -> None:
    """Wait for a probe, and tell how long after `began` (Unix time) it answered."""
    while time.time() < float(began) + START_SECONDS:
        try:
            if requests.get(f"http://127.0.0.1:{port}{path}", timeout=2).status_code == 200:
                print(f"  {path} answers 200, {time.time() - float(began):.1f} s after the start")
                return
        except requests.RequestException:
            pass
        time.sleep(0.05)
    sys.exit(f"prove-image: {path} did not answer within {START_SECONDS} s")


class Browser:
    """A person with a browser, without its engine."""

    def __init__(self) -> None:
        """Begin without cookies."""
        self.session = requests.Session()
        self.session.trust_env = False

    def page(self, path: str, *, base: str = SENTARI) -> str:
        """Return a page's text."""
        answer = self.session.get(base + path, timeout=20)
        expect(answer.status_code == 200, f"GET {path} -> 200 “{title(answer.text)}”")
        return answer.text

    def send(self, path: str, **fields: str) -> str:
        """Fill in the form of a page; return the page that follows."""
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', self.page(path))
        fields["csrf_token"] = token[1] if token else ""
        answer = self.session.post(SENTARI + path, data=fields, timeout=40)
        expect(
            answer.status_code == 200,
            f"POST {path} -> {answer.url.removeprefix(SENTARI)} “{title(answer.text)}”",
        )
        return answer.text

    def sign_in(self) -> None:
        """Sign in as the admin whom `alone` made."""
        self.send("/login", **ADMIN)


def title(page: str) -> str:
    """Return what a page calls itself."""
    found = re.search(r"<title>(.*?)</title>", page, re.S)
    return " ".join(found[1].split()) if found else ""


def state() -> str:
    """Return the license state that the API tells."""
    return str(requests.get(f"{SENTARI}/api/v1/license", timeout=20).json()["state"])


def alone() -> None:
    """Set up, sign in, and look at the license page: all without a network and a license."""
    browser = Browser()
    browser.send("/setup", token=os.environ["PROVE_SECRET"], **ADMIN)
    browser = Browser()
    browser.sign_in()
    expect("Install a license" in browser.page("/settings/license"), "there is no license yet")
    for path in ("/", "/devices", "/packages", "/api/v1/docs"):
        browser.page(path)
    css = requests.get(f"{SENTARI}/static/vendor/tabler.css", timeout=20)
    expect(css.status_code == 200 and len(css.text) > 10_000, "the style sheet is served")
    expect(state() == "unlicensed", "the license's state is unlicensed")


def licensed() -> None:
    """Install a key by the page, enroll a device, upload a scan, and find its packages."""
    browser = Browser()
    browser.sign_in()
    page = browser.send("/settings/license", license_key=os.environ["PROVE_SECRET"])
    expect("The license is installed." in page, "the license server answered, with built-in roots")
    time.sleep(1.1)  # for as long a worker may hold on to what it knew
    expect(state() == "active", "the license's state is active")
    page = browser.send("/settings/enrollment", name="proof", expires_in_days="1", max_uses="1")
    token = re.search(r"stre_[\w-]+", page)
    expect(token, "an enrollment token was made")
    upload(str(token and token[0]))
    kept(browser)


def upload(token: str) -> None:
    """Enroll and upload as an agent does."""
    who: dict[str, Any] = {"hostname": "web01", "os": "linux", "arch": "amd64", "csr": ""}
    who |= {"agent_version": "1.0.0", "machine_id": "", "enrollment_token": token}
    device = requests.post(f"{SENTARI}/api/v1/agent/register", json=who, timeout=20).json()
    scan = json.loads(SCAN.read_text()) | {"device_id": device["device_id"]}
    headers = {"Authorization": f"Bearer {device['device_token']}"}
    answer = requests.post(f"{SENTARI}/api/v1/agent/scan", json=scan, headers=headers, timeout=30)
    expect(answer.ok, f"a scan of {len(scan['packages'])} packages -> {answer.status_code}")


def kept(browser: Browser | None = None) -> None:
    """See that the license and the inventory are there, after a restart too."""
    browser = browser or Browser()
    if not browser.session.cookies:
        browser.sign_in()
    expect(state() == "active", "the license's state is active")
    expect("web01" in browser.page("/devices"), "the device is listed")
    expect("pip" in browser.page("/packages?q=pip"), "its packages are found")


def vendor_page() -> None:
    """Look at the license server's own pages."""
    Browser().page("/login", base=VENDOR)
    Browser().page("/activate", base=VENDOR)


def contents(root: str, image: str) -> None:
    """Look at an image's files: what must not be there is not, and the bill of materials is one."""
    top = Path(root)
    foreign = "license_server" if image == "sentari" else "sentari"
    expect(not (top / "srv" / foreign).exists(), f"no {foreign} in {image}")
    installers = [path for path in (top / "venv").rglob("pip*") if path.name in ("pip", "pip3")]
    expect(not installers, "no installer beside the libraries")
    ours = [path for place in ("srv", "venv") for path in (top / place).rglob("*")]
    plain = [path for path in ours if not path.is_symlink()]
    loose = [path for path in plain if path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH)]
    expect(not loose, "nobody but root may change a file of it")
    sources = [path for path in ours if path.suffix == ".py"]
    cached = [path for path in ours if path.suffix == ".pyc"]
    expect(len(cached) > 0.95 * len(sources), f"{len(cached)} of {len(sources)} files are compiled")
    bill = json.loads((top / "srv" / "sbom.cdx.json").read_text())
    kinds = [component["purl"].split("/")[0] for component in bill["components"]]
    counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in sorted(set(kinds)))
    expect(not faults(bill), f"a bill of materials, valid CycloneDX 1.6: {counts}")


COMMANDS = {
    "alone": alone,
    "contents": contents,
    "kept": kept,
    "licensed": licensed,
    "started": started,
    "vendor-page": vendor_page,
}

if __name__ == "__main__":
    COMMANDS[sys.argv[1]](*sys.argv[2:])
