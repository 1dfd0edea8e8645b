"""Run Sentari and a local license server with a demo customer: what `make run` calls.

SENTARI_TLS=self serves TLS; no other setting is taken from outside.

Everything lives under var/ and is kept: a later run finds its users, license and inventory.
"""

import json
import os
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
HOST = "127.0.0.1"
START_SECONDS = 60

Environment = dict[str, str]


class RunError(RuntimeError):
    """The run cannot go on; the text says why and what to do."""


def port_from(variable: str, default: int) -> int:
    """Return a port of the environment, refused when something listens on it already."""
    raw = os.environ.get(variable, str(default))
    if not raw.isdigit() or not 0 < int(raw) < 65_536:
        raise RunError(f"{variable}={raw} is no port number")
    with socket.socket() as probe:
        if probe.connect_ex((HOST, int(raw))) == 0:
            raise RunError(f"port {raw} is in use: stop what listens there, or set {variable}")
    return int(raw)


def private_file(path: Path, text: str) -> None:
    """Write a file that only its owner can read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


def demo_secrets(path: Path) -> dict[str, str]:
    """Return the demo's own secrets, made at the first run."""
    found: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    made = {
        "admin_email": "admin@example.com",
        "admin_password": secrets.token_urlsafe(15),
        "enrollment_token": secrets.token_urlsafe(18),
        "root_passphrase": secrets.token_urlsafe(24),
        "staff_email": "staff@example.com",
        "staff_password": secrets.token_urlsafe(15),
    }
    # What an older version of this file made stays; what it did not know is added.
    if made.keys() - found.keys():
        private_file(path, json.dumps(made | found, indent=2))
    return made | found


def environments(
    data: Path, demo: dict[str, str], issuer: str
) -> tuple[Environment, Environment, Environment]:
    """Return what both servers get from outside, and what each is told."""
    outside = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SENTARI_", "LICENSE_SERVER_", "GUNICORN_"))
        and not name.lower().endswith("_proxy")
    }
    vendor = {
        "LICENSE_SERVER_DATA_DIR": str(data / "license-server"),
        "LICENSE_SERVER_ISSUER_URL": issuer,
        "LICENSE_SERVER_BOOTSTRAP_STAFF_EMAIL": demo["staff_email"],
        "LICENSE_SERVER_BOOTSTRAP_STAFF_PASSWORD": demo["staff_password"],
    }
    server = {
        "SENTARI_DATA_DIR": str(data),
        "SENTARI_LICENSE_SERVER_URL": issuer,
        "SENTARI_LICENSE_PUBLIC_KEY_PATH": str(data / "license-server" / "roots.json"),
        "SENTARI_BOOTSTRAP_ADMIN_EMAIL": demo["admin_email"],
        "SENTARI_BOOTSTRAP_ADMIN_PASSWORD": demo["admin_password"],
        "SENTARI_ENROLLMENT_TOKEN": demo["enrollment_token"],
    }
    if tls := os.environ.get("SENTARI_TLS"):
        server["SENTARI_TLS"] = tls
    return outside, vendor, server


def vendor_command(environment: Environment, *arguments: str) -> str:
    """Run one command of the license server and return what it printed."""
    return flask_command("license_server", environment, *arguments)


def flask_command(app: str, environment: Environment, *arguments: str) -> str:
    """Run one command of a server and return what it printed."""
    command = [str(BIN / "flask"), "--app", app, *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RunError(f"{' '.join(command[1:])} failed:\n{done.stderr}")
    return done.stdout


def prepare_vendor(environment: Environment, data: Path, demo: dict[str, str]) -> str:
    """Make keys, a demo customer and a license at the first run; return the license key."""
    vendor_command(environment, "db", "upgrade")
    root_file, roots = data / "license-server" / "root.json", data / "license-server" / "roots.json"
    if not root_file.exists():
        passphrase = data / "license-server" / "root.passphrase"
        private_file(passphrase, demo["root_passphrase"])
        files = ("--root-file", str(root_file), "--passphrase-file", str(passphrase))
        vendor_command(environment, "keys", "init", *files)
    private_file(roots, vendor_command(environment, "keys", "export-roots"))
    if "license_key" not in demo:
        demo["license_key"] = issue_demo_license(environment)
        private_file(data / "demo.json", json.dumps(demo, indent=2))
    return demo["license_key"]


def start(
    name: str, arguments: Sequence[str], environment: Environment, probe: str
) -> subprocess.Popen[bytes]:
    """Start one server with its log in var/, and wait until its probe answers."""
    log = Path(environment["RUN_LOG"])
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(BIN / "gunicorn"), *arguments], cwd=ROOT, env=environment,
            stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    # Only this machine answers here, and its CA may be made just now.
    context = ssl._create_unverified_context() if probe.startswith("https:") else None
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RunError(f"{name} stopped at once; its log is {log}")
        try:
            with urllib.request.urlopen(probe, timeout=2, context=context):
                return process
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    process.terminate()
    raise RunError(f"{name} did not answer within {START_SECONDS} s; its log is {log}")


def issue_demo_license(environment: Environment) -> str:
    """Add a customer and issue the license whose key is pasted; return the key."""
    customer = json.loads(
        vendor_command(
            environment, "customer", "add", "--name", "Example Ltd",
            "--email", "it@example.com", "--json",
        )
    )  # fmt: skip
    issued = json.loads(
        vendor_command(
            environment, "license", "issue", "--customer", str(customer["id"]),
            "--tier", "enterprise", "--term-days", "365",
            "--max-devices", "100", "--max-packages", "200000", "--json",
        )
    )  # fmt: skip
    return str(issued["license_key"])


SUMMARY = """
  Sentari           {url}
  License server    {issuer}
{tls}
  Admin             {admin_email}
  Password          {admin_password}

  License key       {license_key}
                    Paste it under Settings → License: {url}/settings/license

  Enrollment token  {enrollment_token}
  Enroll a device   curl -s{trust} {url}/api/v1/agent/register \\
                      -H 'Content-Type: application/json' \\
                      -d '{{"hostname":"web01","os":"linux","arch":"amd64","agent_version":"1.0.0",
                           "machine_id":"","csr":"","enrollment_token":"{enrollment_token}"}}'

  Vendor's staff    {staff_email}
  Password          {staff_password}
                    Sign in at {issuer}; an authenticator app is set up at the first time

  Everything is kept under {data}; logs are {data}/*.log.
  The command line on this data: set -a; . {data}/demo.env; set +a; .venv/bin/flask --app app --help
  Ctrl-C stops both servers.
"""


TLS_SUMMARY = """
  TLS certificate   SHA-256 {server}
                    Agents pin it; its CA is {ca}
"""


def describe_tls(data: Path, environment: Environment) -> dict[str, str]:
    """Return what the summary says of TLS, and what makes curl trust it."""
    if "SENTARI_TLS" not in environment:
        return {"tls": "", "trust": ""}
    ca = str(data / "ca.pem")
    flask_command("app", environment, "ca", "export", "--output", ca)
    shown = json.loads(flask_command("app", environment, "ca", "show-fingerprint", "--json"))
    return {"tls": TLS_SUMMARY.format(server=shown["server"], ca=ca), "trust": f" --cacert {ca}"}


def main() -> int:
    """Set up what is missing, start both servers, print what a newcomer needs, and wait."""
    data = ROOT / "var"
    data.mkdir(mode=0o700, exist_ok=True)
    demo = demo_secrets(data / "demo.json")
    address = f"{HOST}:{port_from('PORT', 8000)}"
    vendor_address = f"{HOST}:{port_from('LICENSE_PORT', 8001)}"
    issuer = f"http://{vendor_address}"
    outside, vendor, server = environments(data, demo, issuer)
    processes: list[subprocess.Popen[bytes]] = []
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        vendor_environment = outside | vendor | {"RUN_LOG": str(data / "license-server.log")}
        demo["license_key"] = prepare_vendor(vendor_environment, data, demo)
        arguments = ["--config", "license_server/gunicorn.conf.py", "--bind", vendor_address]
        processes.append(
            start("the license server", arguments, vendor_environment, f"{issuer}/readyz")
        )
        private_file(data / "demo.env", "".join(f"{k}='{v}'\n" for k, v in server.items()))
        server_environment = outside | server | {"RUN_LOG": str(data / "sentari.log")}
        url = f"{'https' if 'SENTARI_TLS' in server else 'http'}://{address}"
        processes.append(start("Sentari", ["--bind", address], server_environment, f"{url}/readyz"))
        tls = describe_tls(data, server_environment)
        print(SUMMARY.format(url=url, issuer=issuer, data=data, **demo, **tls), flush=True)
        return wait_for_end(processes)
    finally:
        stop(processes)


def wait_for_end(processes: list[subprocess.Popen[bytes]]) -> int:
    """Wait until one server ends by itself: then something is wrong."""
    try:
        while all(process.poll() is None for process in processes):
            time.sleep(0.5)
    except KeyboardInterrupt:
        return 0
    raise RunError("a server stopped by itself; its log is under var/")


def stop(processes: list[subprocess.Popen[bytes]]) -> None:
    """Let both servers finish what they are doing, then end them."""
    for process in reversed(processes):
        process.terminate()
    for process in processes:
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except RunError as error:
        sys.exit(f"make run: {error}")
