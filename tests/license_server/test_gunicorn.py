"""The license server as gunicorn serves it: two workers, real sockets, real processes."""

import json
import sqlite3
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest
import requests
import trustme

from license_server.signing.keyring import FRESH_SECONDS
from license_token.keys import RootSet
from license_token.reply import read_reply
from tests.clocks import FakeClock
from tests.license_server.cast import TERMS, CustomerServer
from tests.live.servers import BIN, ROOT, Vendor, environment
from tests.simulators.mail_server import PASSWORD, USER, MailServer

pytestmark = pytest.mark.live

JWT = {"Content-Type": "application/jwt"}


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vendor]:
    vendor = Vendor(tmp_path_factory.mktemp("served") / "vendor")
    vendor.server.start()
    yield vendor
    vendor.server.stop()


def new_server(vendor: Vendor) -> CustomerServer:
    headers = {"Authorization": f"Bearer {vendor.token}"}
    body = {"name": "Example Ltd", "email": "it@example.com"}
    customers = f"{vendor.url}/api/v1/customers"
    customer = requests.post(customers, json=body, headers=headers, timeout=10).json()
    path = f"{customers}/{customer['id']}/licenses"
    issued = requests.post(path, json=TERMS, headers=headers, timeout=10).json()
    roots = RootSet.parse(vendor.roots.read_text())
    return CustomerServer(None, issued["license_key"], FakeClock(), roots)


def send(vendor: Vendor, request: str) -> requests.Response:
    return requests.post(f"{vendor.url}/api/v1/check-in", data=request, headers=JWT, timeout=30)


def test_a_rotation_by_command_is_noticed_by_running_workers(vendor: Vendor) -> None:
    sentari = new_server(vendor)
    first = read_reply(send(vendor, sentari.request(audience=vendor.url)).text, sentari.roots)
    directory = vendor.roots.parent
    secret = ("--passphrase-file", str(directory / "passphrase"))
    vendor.flask("keys", "rotate", "--root-file", str(directory / "root.json"), *secret)
    published = f"{vendor.url}/.well-known/sentari-license-keys.json"
    newest, older = requests.get(published, timeout=10).json()["certificates"]
    assert older["kid"] == first.kid
    time.sleep(FRESH_SECONDS)
    for _ in range(6):  # whichever worker answers
        answer = send(vendor, sentari.request(audience=vendor.url))
        assert read_reply(answer.text, sentari.roots).kid == newest["kid"]


def test_an_orderly_stop_leaves_no_counters_behind(vendor: Vendor) -> None:
    assert send(vendor, "nonsense").status_code == 400
    maps = "".join(Path(f"/proc/{pid}/maps").read_text() for pid in vendor.server.workers())
    counters = {Path(line.split()[-1]).parent for line in maps.splitlines() if "metrics-" in line}
    [directory] = counters
    assert directory.is_dir()
    assert vendor.server.stop() == 0
    assert not directory.exists()


def test_mails_go_out_in_the_background_and_a_stop_waits_for_those_under_way(
    tmp_path: Path,
) -> None:
    authority = trustme.CA()
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(ca_file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with MailServer(starttls=context, asks_password=True, seconds=0.5) as mail:
        login = f"{USER}:{quote(PASSWORD, safe='')}"
        vendor = Vendor(
            tmp_path / "vendor",
            LICENSE_SERVER_SMTP_URL=f"smtp://{login}@localhost:{mail.port}",
            LICENSE_SERVER_SMTP_CA_FILE=str(ca_file),
        )
        added = vendor.flask(
            "customer", "add", "--name", "A Ltd", "--email", "a@b.example", "--json"
        )
        terms = ("--term-days", "20", "--max-devices", "10", "--max-packages", "1000")
        customer = ("--customer", json.loads(added)["id"], "--tier", "enterprise")
        vendor.flask("license", "issue", *customer, *terms)
        vendor.server.start()
        assert mail.begun.wait(30)
        assert vendor.server.stop() == 0
    with closing(sqlite3.connect(tmp_path / "vendor" / "license-server.db")) as database:
        [sent] = database.execute(
            "SELECT count(*) FROM outbox_mail WHERE state = 'sent'"
        ).fetchone()
    assert sent == len(mail.messages) >= 1
    assert len({message["Message-ID"] for message in mail.messages}) == len(mail.messages)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"LICENSE_SERVER_TRUSTED_PROXIES": "many"}, "LICENSE_SERVER_TRUSTED_PROXIES: 'many'"),
        (
            {"LICENSE_SERVER_DATABASE_URL": "postgresql+psycopg://x@127.0.0.1:1/x"},
            "LICENSE_SERVER_SECRET_KEY: it is required with PostgreSQL",
        ),
        (
            {
                "LICENSE_SERVER_DATABASE_URL": "postgresql+psycopg://x@127.0.0.1:1/x",
                "LICENSE_SERVER_SECRET_KEY": "s" * 32,
            },
            "license server: (psycopg.OperationalError)",
        ),
    ],
)
def test_a_start_that_cannot_be_ends_at_once_and_says_why(
    tmp_path: Path, settings: dict[str, str], said: str
) -> None:
    env = environment(LICENSE_SERVER_DATA_DIR=str(tmp_path), **settings)
    command = [str(BIN / "gunicorn"), "--config", "license_server/gunicorn.conf.py"]
    done = subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=10, check=False
    )
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr
