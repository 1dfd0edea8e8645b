"""The agent's whole life over real TLS with real certificates: straight, and through nginx."""

import hashlib
import http.client
import json
import sqlite3
import ssl
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sentari.agents.authority import certificate_pem, create_authority
from sentari.agents.authority_store import AuthorityStore
from sentari.config import Settings
from tests.live.conftest import scan
from tests.live.servers import ADMIN, ENROLLMENT_TOKEN, PASSWORD, Server, Vendor, form_token
from tests.simulators.agent import Agent, AgentError
from tests.simulators.agent_transport import PinError, UnreachableError, pinning_context
from tests.simulators.cutter import Cutter
from tests.simulators.nginx import NGINX, running_nginx

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]

SECRET = "what nginx and the server share"
DAY = timedelta(days=1)
BEGAN = datetime(2026, 11, 23, 12, tzinfo=UTC)


@dataclass
class Home:
    """A licensed server as agents see it: an address and a leaf to pin."""

    server: Server
    vendor: Vendor
    issued: dict[str, Any]
    port: int
    directory: Path
    agents: list[Agent] = field(default_factory=list)

    @property
    def pin(self) -> str:
        leaf = ssl.get_server_certificate(("127.0.0.1", self.port))
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(leaf)).hexdigest()

    def agent(self, **options: Any) -> Agent:
        """A host that was never enrolled; it does not really wait between its tries."""
        self.forget_the_enrollments()
        number = len(self.agents)
        agent = Agent(
            f"https://127.0.0.1:{options.pop('port', self.port)}",
            self.directory / f"agent-{number}-{time.monotonic_ns()}",
            enrollment_token=ENROLLMENT_TOKEN,
            **{"pin": self.pin, "hostname": f"web-{number}", "sleep": self._briefly} | options,
        )
        self.agents.append(agent)
        return agent

    def forget_the_enrollments(self) -> None:
        """Ten a minute are taken from one address, and all agents here have the same."""
        with sqlite3.connect(self.server.database, timeout=20) as connection:
            connection.execute("DELETE FROM rate_limit")
        connection.close()

    @staticmethod
    def _briefly(seconds: float) -> None:
        time.sleep(min(seconds, 0.2))

    def license_is(self, change: str) -> None:
        """Let the vendor suspend or reinstate the license, and the server hear of it."""
        path = f"/api/v1/licenses/{self.issued['id']}/{change}"
        self.vendor.call("POST", path, {"reason": "a test"})
        self.server.flask("license", "check-in")
        time.sleep(1.2)  # the workers' snapshots are up to a second old

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with sqlite3.connect(self.server.database) as connection:
            found = connection.execute(query, values).fetchall()
        connection.close()
        return found

    def stored(self, agent: Agent) -> list[str]:
        """When the scans were made that are stored of an agent, in the order they came."""
        query = (
            "SELECT scanned_at FROM scan JOIN device d ON d.id = device_id WHERE d.uid = ? "
            "ORDER BY scan.id"
        )
        return [row[0] for row in self.rows(query, agent.device_id)]

    def packages(self, agent: Agent) -> int:
        return int(
            self.rows("SELECT package_count FROM device WHERE uid = ?", agent.device_id)[0][0]
        )


@pytest.fixture(scope="module", params=["straight", "nginx"])
def home(
    request: pytest.FixtureRequest, vendor: Vendor, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Home]:
    if request.param == "nginx" and NGINX is None:
        pytest.skip("nginx is not installed (Debian: nginx-light)")
    directory = tmp_path_factory.mktemp("life")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(directory / "outer-ca.pem")
    settings = {"SENTARI_TLS": "self"}
    if request.param == "nginx":
        settings = {
            "SENTARI_TRUSTED_PROXIES": "1",
            "SENTARI_PUBLIC_URL": "https://sentari.example.com",
            "SENTARI_PROXY_AUTH_SECRET": SECRET,
            "SENTARI_TLS_CA_FILE": str(directory / "outer-ca.pem"),
        }
    server = Server(directory / "data", vendor, **settings)
    issued = vendor.issue()
    with ExitStack() as stack:
        server.start()
        stack.callback(server.server.stop)
        # Behind nginx nobody can sign in at the server's own port: cookies are for https alone.
        server.flask("license", "install", issued["license_key"])
        time.sleep(1.2)  # the workers' snapshots are up to a second old
        port = server.server.port
        if request.param == "nginx":
            # nginx goes on as its own user, which cannot enter pytest's directories.
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sentari-nginx-")))
            client_ca = server.flask("ca", "export")
            port = stack.enter_context(
                running_nginx(
                    folder,
                    upstream_ports=[port],
                    authority=authority,
                    client_ca=client_ca,
                    secret=SECRET,
                )
            )
        home = Home(server, vendor, issued, port, directory)
        yield home
        for agent in home.agents:
            agent.transport.close()
        log = server.server.log.read_text()
        assert "unhandled error" not in log
        assert "Traceback" not in log


@pytest.fixture
def agent(home: Home) -> Agent:
    """An enrolled agent."""
    agent = home.agent()
    agent.register()
    return agent


def at(number: int) -> str:
    return (BEGAN + timedelta(minutes=number)).isoformat().replace("+00:00", "Z")


def small(number: int, packages: int = 1) -> dict[str, Any]:
    """The scan of a minute: so many packages."""
    document = scan("one-error")
    document["scanned_at"] = at(number)
    document["packages"] = [
        {"name": f"p{n}", "version": "1", "env_type": "pip"} for n in range(packages)
    ]
    return document


def test_an_agent_enrolls_with_the_pinned_leaf_and_lives_on_its_certificate(home: Home) -> None:
    agent = home.agent(machine_id=f"m-{home.port}")
    agent.note("scan.started", f"hostname={agent.hostname}")
    done = agent.cycle(scan("server-459"))
    assert (done.drained, done.scan, done.audit) == ([], 202, 202)
    assert home.packages(agent) == 365
    assert agent.poll_config()["scan_interval"] == 3600
    assert agent.certificate.not_valid_after_utc - datetime.now(UTC) > 89 * DAY
    assert not agent.renew_when_due()


def test_another_leaf_than_the_pinned_one_is_told_nothing(home: Home) -> None:
    agent = home.agent(pin="0" * 64)
    count = "SELECT count(*) FROM device"
    before = home.rows(count)
    with pytest.raises(PinError):
        agent.register()
    assert home.rows(count) == before


def test_the_leaf_that_agents_pin_is_the_one_that_the_command_shows(home: Home) -> None:
    shown = json.loads(home.server.flask("ca", "show-fingerprint", "--json"))
    straight = home.server.server.scheme == "https"
    assert shown["server"] == (home.pin if straight else None)


def test_a_lapsed_license_keeps_the_queue_and_the_renewal_and_then_all_of_it_arrives(
    home: Home, agent: Agent
) -> None:
    assert agent.cycle(small(0)).sent
    home.license_is("suspend")
    try:
        for number in (1, 2, 3):
            done = agent.cycle(small(number))
            assert done.scan == 402
            assert done.drained == ([402] if number > 1 else [])
        first = agent.fingerprint
        agent.renew()
        assert agent.fingerprint != first
        with pytest.raises(AgentError) as caught:
            home.agent().register()
        assert caught.value.reply is not None
        assert caught.value.reply.status == 402
    finally:
        home.license_is("reinstate")
    done = agent.cycle(small(4, packages=4))
    assert (done.drained, done.scan) == ([202] * 3, 202)
    assert [text[:16] for text in home.stored(agent)] == [at(n)[:16] for n in range(5)]
    assert home.packages(agent) == 4


def test_a_hundred_and_fifty_queued_scans_drain_in_two_cycles_and_the_newest_stands(
    home: Home, agent: Agent
) -> None:
    for number in range(150):
        document = small(number) | {"device_id": agent.device_id}
        agent.queue.append(json.dumps(document).encode())
    done = agent.cycle(small(200, packages=2))
    assert (done.drained, done.scan, len(agent.queue)) == ([202] * 100, 202, 50)
    # What is still queued is older than what stands: taken in as history.
    done = agent.cycle(small(201, packages=3))
    assert (done.drained, done.scan, len(agent.queue)) == ([202] * 50, 202, 0)
    assert len(home.stored(agent)) == 152
    assert home.packages(agent) == 3
    statuses = home.rows(
        "SELECT status, count(*) FROM scan JOIN device d ON d.id = device_id WHERE d.uid = ? "
        "GROUP BY status ORDER BY status",
        agent.device_id,
    )
    assert dict(statuses)["superseded"] == 50


def test_a_scan_of_wrong_structure_blocks_what_is_queued_behind_it_and_nothing_else(
    home: Home, agent: Agent
) -> None:
    for document in ({"device_id": agent.device_id}, small(1) | {"device_id": agent.device_id}):
        agent.queue.append(json.dumps(document).encode())
    for number in (2, 3):
        done = agent.cycle(small(number))
        assert (done.drained, done.scan, len(agent.queue)) == ([422], 202, 2)


def test_an_answer_that_was_lost_costs_a_retry_and_stores_nothing_twice(home: Home) -> None:
    with Cutter(home.port) as cutter:
        agent = home.agent(port=cutter.port, machine_id=f"lost-{home.port}", pin=home.pin)
        # A handshake without a certificate takes some 600 bytes of the client.
        cutter.lose_next_answer(after_bytes=1000)
        agent.register()
        assert cutter.cuts == 1
        query = "SELECT count(*) FROM device WHERE machine_id = ?"
        assert home.rows(query, agent.machine_id) == [(1,)]
        agent.poll_config()
        cutter.lose_next_answer(after_bytes=0)
        assert agent.cycle(small(0)).sent
        assert cutter.cuts == 2
        assert len(home.stored(agent)) == 1
        agent.poll_config()
        cutter.lose_next_answer(after_bytes=0)
        agent.renew()
        assert cutter.cuts == 3
        # Two were made, and the agent has the second; the first it came with is good as well.
        assert agent.poll_config()


def test_a_certificate_whose_successor_got_lost_renews_again(home: Home, agent: Agent) -> None:
    kept = {path: path.read_text() for path in agent.directory.iterdir()}
    agent.renew()
    for path, text in kept.items():
        path.write_text(text)
    assert agent.poll_config()
    agent.renew()
    assert agent.cycle(small(0)).sent


def test_an_agent_renews_when_less_than_thirty_days_are_left(home: Home) -> None:
    now = [datetime.now(UTC)]
    agent = home.agent(now=lambda: now[0])
    agent.register()
    now[0] += 59 * DAY
    assert not agent.renew_when_due()
    now[0] += 2 * DAY
    first = agent.fingerprint
    assert agent.renew_when_due()
    assert agent.fingerprint != first


def test_a_wiped_host_is_the_same_device_and_its_old_certificate_is_worth_nothing(
    home: Home, agent: Agent
) -> None:
    agent.machine_id = f"wiped-{home.port}"
    agent.wipe()
    agent.register()
    device_id = agent.device_id
    copy = home.agent(machine_id=agent.machine_id)
    copy.register()
    assert copy.device_id == device_id
    with pytest.raises(AgentError) as caught:
        agent.poll_config()
    assert caught.value.reply is not None
    assert (caught.value.reply.status, caught.value.reply.json()["code"]) == (403, "revoked")
    assert agent.cycle(small(0)).scan == 403
    assert copy.cycle(small(0)).sent


def test_a_removed_device_is_404_until_it_is_wiped_and_enrolls_again(
    home: Home, agent: Agent
) -> None:
    device_id = agent.device_id
    home.server.flask("device", "remove", device_id, "--yes")
    assert agent.cycle(small(0)).scan == 404
    with pytest.raises(AgentError):
        agent.renew()
    agent.wipe()
    assert agent.cycle(small(1)).sent
    assert agent.device_id != device_id


def test_a_scan_of_another_device_is_refused_over_its_certificate(home: Home, agent: Agent) -> None:
    other = home.agent()
    other.register()
    document = small(0) | {"device_id": other.device_id}
    agent.queue.append(json.dumps(document).encode())
    assert agent.cycle(small(1)).drained == [403]
    assert home.stored(other) == []


def test_people_sign_in_at_the_same_address(home: Home) -> None:
    url, ca = f"https://127.0.0.1:{home.port}", home.directory / "all-cas.pem"
    ca.write_text(home.server.flask("ca", "export") + (home.directory / "outer-ca.pem").read_text())
    with requests.Session() as session:
        session.trust_env, session.verify = False, str(ca)
        page = session.get(f"{url}/login", timeout=20)
        assert page.headers["Strict-Transport-Security"]
        form = {"email": ADMIN, "password": PASSWORD, "csrf_token": form_token(page.text)}
        options = {"data": form, "timeout": 20, "allow_redirects": False}
        elsewhere = {"Referer": "https://elsewhere.example/"}
        assert session.post(f"{url}/login", headers=elsewhere, **options).status_code == 400
        answer = session.post(f"{url}/login", headers={"Referer": f"{url}/login"}, **options)
        assert answer.status_code == 302
        assert all(cookie.secure for cookie in session.cookies)


def own_authority(home: Home) -> Any:
    """The server's CA, opened by whoever has its database and its secret."""
    secret = Settings.from_env(home.server.env).secret_key
    from sentari import create_app
    from sentari.extensions import db

    app = create_app(Settings.from_env(home.server.env))
    with app.app_context():
        authority = AuthorityStore(secret).ensure(db.session(), datetime.now(UTC))
        db.session.remove()
        db.engine.dispose()
    return authority


def strangers(home: Home) -> Iterator[tuple[str, Any, datetime, set[int]]]:
    """Who signed, when, and how nginx answers; without nginx the handshake fails."""
    now = datetime.now(UTC)
    yield "of another CA", create_authority(now), now, {401}
    yield "expired", own_authority(home), now - 91 * DAY, {400}
    yield "ours and never stored", own_authority(home), now, {401}


def test_a_certificate_that_is_not_good_gets_nothing_and_harms_nobody(
    home: Home, agent: Agent
) -> None:
    straight = home.server.server.scheme == "https"
    workers = home.server.server.workers()
    for kind, authority, now, statuses in strangers(home):
        stranger = home.agent()
        stranger.register()
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = authority.issue_device(stranger.device_id, key.public_key(), now)
        (stranger.directory / "device.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        (stranger.directory / "device.crt").write_text(certificate_pem(certificate))
        if straight and kind != "ours and never stored":
            with pytest.raises(UnreachableError, match=r"SSL|alert|ALERT"):
                stranger.poll_config()
        else:
            with pytest.raises(AgentError) as caught:
                stranger.poll_config()
            assert caught.value.reply is not None
            assert caught.value.reply.status in statuses, kind
    assert agent.poll_config()
    assert home.server.server.workers() == workers
    if straight:
        log = home.server.server.log.read_text()
        assert "certificate has expired" in log
        assert "TLS with 127.0.0.1 failed" in log


def asked(port: int, headers: list[tuple[str, str]], *, tls: bool) -> int:
    """Ask for the configuration with just these headers, doubled ones too."""
    connection: http.client.HTTPConnection
    if tls:
        context = pinning_context()
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=20, context=context)
    else:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.putrequest("GET", "/api/v1/agent/config")
    for name, value in headers:
        connection.putheader(name, value)
    connection.endheaders()
    status = connection.getresponse().status
    connection.close()
    return status


def test_forged_headers_are_worth_nothing_however_they_are_spelled(
    home: Home, agent: Agent
) -> None:
    named, secret = ("X-Client-Cert-Fingerprint", agent.fingerprint), "X-Sentari-Proxy-Auth"
    whole = ("X-Client-Cert", quote((agent.directory / "device.crt").read_text()))
    forgeries: list[list[tuple[str, str]]] = [
        [named],
        [whole],
        [named, (secret, "")],
        [named, (secret, "wrong")],
        [named, (secret, "wrong"), (secret, SECRET)],
        [named, (secret, SECRET), (secret, SECRET)],
        [named, (secret.replace("-", "_"), SECRET)],
        [(named[0].replace("-", "_"), named[1]), (secret, SECRET)],
        [named, named, (secret, SECRET)],
        [whole, whole, (secret, SECRET)],
    ]
    straight = home.server.server.scheme == "https"
    for forgery in forgeries:
        assert asked(home.server.server.port, forgery, tls=straight) in (400, 401), forgery
        assert asked(home.port, forgery, tls=True) in (400, 401), forgery
    # Whoever knows the secret and reaches the port is the terminator; through nginx nobody is.
    right = [named, (secret, SECRET)]
    assert asked(home.server.server.port, right, tls=straight) == (401 if straight else 200)
    assert asked(home.port, right, tls=True) == 401
