"""Real servers for the live and browser tests: gunicorn, real files, real sockets."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from license_server import create_app as create_license_server
from license_server.config import Settings as LicenseServerSettings
from serverkit.healthcheck import status_of
from tests.places import ROOT

BIN = Path(sys.executable).parent
ADMIN = "admin@example.com"
PASSWORD = "a password of the live tests"
ENROLLMENT_TOKEN = "an enrollment token of the live tests"
START_SECONDS = 40


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(**settings: str) -> dict[str, str]:
    """The machine's environment without anybody's settings, and these."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SENTARI_", "LICENSE_SERVER_", "GUNICORN_"))
        and not name.lower().endswith("_proxy")
        and name != "PYTHONDONTWRITEBYTECODE"  # each start would compile every module again
    }
    return kept | settings


def run_flask(
    app: str, env: dict[str, str], *arguments: str, stdin: str = "", root: Path = ROOT
) -> str:
    command = [str(BIN / "flask"), "--app", app, *arguments]
    done = subprocess.run(
        command, cwd=root, env=env, input=stdin, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


@dataclass
class Process:
    """One gunicorn with its workers."""

    env: dict[str, str]
    port: int
    log: Path
    arguments: tuple[str, ...] = ()
    scheme: str = "http"
    root: Path = ROOT
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def start(self, *, wait: bool = True) -> None:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [str(BIN / "gunicorn"), *self.arguments, "--bind", f"127.0.0.1:{self.port}"],
                cwd=self.root,
                env=self.env,
                stdout=output,
                stderr=output,
            )
        if wait:
            self.wait_ready()

    def wait_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self.process is not None
            assert self.process.poll() is None, self.log.read_text()[-4000:]
            try:
                if status_of(self.port, tls=self.scheme == "https", path="/readyz") == 200:
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"not ready: {self.log.read_text()[-4000:]}")

    def workers(self) -> list[int]:
        assert self.process is not None
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return [int(child) for child in children.split()]

    def stop(self, kill: bool = False) -> int:
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        code = self.process.wait(40)
        self.process = None
        return code


class Vendor:
    """A license server with its keys, a staff token, and customers on demand."""

    def __init__(self, directory: Path, **settings: str) -> None:
        directory.mkdir(parents=True)
        port = free_port()
        self.env = environment(
            LICENSE_SERVER_DATA_DIR=str(directory),
            LICENSE_SERVER_ISSUER_URL=f"http://127.0.0.1:{port}",
            **settings,
        )
        arguments = ("--config", "license_server/gunicorn.conf.py")
        self.server = Process(self.env, port, directory / "log", arguments)
        passphrase = directory / "passphrase"
        passphrase.write_text("a passphrase of the live tests")
        self.roots = directory / "roots.json"
        self.token = self._set_up(directory, passphrase)

    def _set_up(self, directory: Path, passphrase: Path) -> str:
        """Make the keys and a member of staff, and return the person's token.

        By the commands that an operator gives, but in this process: each would start for a second.
        """
        runner = create_license_server(LicenseServerSettings.from_env(self.env)).test_cli_runner()

        def run(*arguments: str) -> str:
            done = runner.invoke(args=arguments, catch_exceptions=False)
            assert done.exit_code == 0, f"{arguments}: {done.output}"
            return str(done.stdout)

        run("db", "upgrade")
        root_file = ("--root-file", str(directory / "root.json"))
        run("keys", "init", *root_file, "--passphrase-file", str(passphrase))
        self.roots.write_text(run("keys", "export-roots"))
        run("staff", "create", "--email", "issuer@vendor.example", "--role", "approver")
        made = run("staff", "create-token", "--email", "issuer@vendor.example", "--name", "t")
        found = re.search(r"sls_\S+", made)
        assert found is not None
        return found[0].rstrip('",.')

    @property
    def url(self) -> str:
        return self.server.url

    def flask(self, *arguments: str) -> str:
        return run_flask("license_server", self.env, *arguments)

    def call(self, method: str, path: str, body: object = None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = requests.request(
            method, f"{self.url}{path}", json=body, headers=headers, timeout=20
        )
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def issue(self, **terms: object) -> dict[str, Any]:
        """A license for a new customer; `license_key` and `id` are in what comes back."""
        person = {"name": "Example Ltd", "email": "it@example.com"}
        customer = self.call("POST", "/api/v1/customers", person)
        body = {
            "tier": "enterprise",
            "expires_at": "2027-09-01",
            "max_devices": 1000,
            "max_packages": 1_000_000,
            "grace_period_days": 14,
            "read_only_period_days": 30,
            "max_offline_days": 1,
            **terms,
        }
        issued: dict[str, Any] = self.call(
            "POST", f"/api/v1/customers/{customer['id']}/licenses", body
        )
        return issued


class Server:
    """A Sentari server on a database of its own, with an admin."""

    def __init__(
        self, directory: Path, vendor: Vendor, *, workers: int = 2, **settings: str
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.env = environment(
            **{
                "SENTARI_DATA_DIR": str(directory),
                "SENTARI_LICENSE_SERVER_URL": vendor.url,
                "SENTARI_LICENSE_PUBLIC_KEY_PATH": str(vendor.roots),
                "SENTARI_BOOTSTRAP_ADMIN_EMAIL": ADMIN,
                "SENTARI_BOOTSTRAP_ADMIN_PASSWORD": PASSWORD,
                "SENTARI_ENROLLMENT_TOKEN": ENROLLMENT_TOKEN,
                **settings,
            }
        )
        arguments = ("--workers", str(workers))
        self.server = Process(self.env, free_port(), directory / "log", arguments)
        if {"SENTARI_TLS", "SENTARI_TLS_CERT"} & settings.keys():
            self.server.scheme = "https"
        self.token = ""

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def verify(self) -> str | bool:
        """What a client trusts: under TLS the exported internal CA."""
        if self.server.scheme == "http":
            return True
        path = self.directory / "ca.pem"
        if not path.exists():
            self.flask("ca", "export", "--output", str(path))
        return str(path)

    @property
    def database(self) -> Path:
        return self.directory / "sentari.db"

    def start(self) -> "Server":
        self.server.start()
        return self

    def flask(self, *arguments: str, stdin: str = "") -> str:
        return run_flask("app", self.env, *arguments, stdin=stdin)

    def browser(self) -> requests.Session:
        """A signed-in admin without a browser's engine."""
        session = requests.Session()
        session.trust_env = False
        session.verify = self.verify
        session.headers["Referer"] = self.url  # asked for with forms under TLS
        page = session.get(f"{self.url}/login", timeout=20).text
        form = {"email": ADMIN, "password": PASSWORD, "csrf_token": form_token(page)}
        answer = session.post(f"{self.url}/login", data=form, timeout=20, allow_redirects=False)
        assert answer.status_code == 302, answer.text
        return session

    def install(self, key: str) -> requests.Response:
        """Paste a key through the API, as an admin's script would; wait for every worker."""
        session = self.browser()
        page = session.get(f"{self.url}/settings/license", timeout=20).text
        answer = session.post(
            f"{self.url}/api/v1/license/activate",
            json={"license_key": key},
            headers={"X-CSRFToken": form_token(page)},
            timeout=30,
        )
        time.sleep(0.1 if answer.ok else 0)  # a refusal is never older than 0.05 s
        return answer

    def check_in(self) -> requests.Response:
        """Check in now, as an admin does who has mended the way out."""
        session = self.browser()
        page = session.get(f"{self.url}/settings/license", timeout=20).text
        return session.post(
            f"{self.url}/api/v1/license/refresh",
            headers={"X-CSRFToken": form_token(page)},
            timeout=30,
        )

    def register(
        self, hostname: str, machine_id: str = "", address: str = "", **more: str
    ) -> requests.Response:
        """Enroll; `address` counts when the server trusts one proxy (10 a minute each)."""
        body = {
            "hostname": hostname,
            "enrollment_token": ENROLLMENT_TOKEN,
            "os": "linux",
            "arch": "amd64",
            "agent_version": "1.0.0",
            "machine_id": machine_id,
            "csr": "",
            **more,
        }
        headers = {"X-Forwarded-For": address} if address else {}
        path = f"{self.url}/api/v1/agent/register"
        return requests.post(path, json=body, headers=headers, timeout=30, verify=self.verify)

    def upload(
        self, device: dict[str, Any], document: dict[str, Any], path: str = "scan"
    ) -> requests.Response:
        return requests.post(
            f"{self.url}/api/v1/agent/{path}",
            data=json.dumps({**document, "device_id": device["device_id"]}),
            headers={
                "Authorization": f"Bearer {device['device_token']}",
                "Content-Type": "application/json",
            },
            timeout=60,
            verify=self.verify,
        )

    def license(self) -> dict[str, Any]:
        answer = requests.get(f"{self.url}/api/v1/license", timeout=20, verify=self.verify)
        found: dict[str, Any] = answer.json()
        return found

    def state(self) -> str:
        """The license state that the worker that answers sees; not rate limited."""
        path = f"{self.url}/api/v1/agent/license-map"
        answer = requests.get(path, timeout=20, verify=self.verify)
        return answer.headers["X-Sentari-License-State"]


def form_token(page: str) -> str:
    found = re.search(r'<input[^>]*name="csrf_token"[^>]*>', page)
    assert found is not None, page[:500]
    value = re.search(r'value="([^"]+)"', found[0])
    assert value is not None
    return value[1]
