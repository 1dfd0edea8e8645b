"""Two servers on one PostgreSQL database behind nginx: what one of them decides, both do."""

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme

from sentari import create_app
from sentari.config import Settings
from sentari.extensions import db
from tests.exposition import read
from tests.live.servers import ADMIN, ENROLLMENT_TOKEN, PASSWORD, Server, Vendor, form_token
from tests.postgres import Postgres
from tests.simulators.nginx import running_nginx

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(240),
    pytest.mark.xdist_group("replicas"),
]

SECRET = "a secret of the live tests, long enough"
PROXY_SECRET = "a secret between nginx and the servers"
DEVICES = 6
# A license is looked at once a second.
AGREED_WITHIN_SECONDS = 2.0


class House:
    """Both servers, and nginx that asks them in turns."""

    def __init__(self, vendor: Vendor, one: Server, two: Server, port: int, ca: str) -> None:
        self.vendor, self.one, self.two = vendor, one, two
        self.both, self.ca = (one, two), ca
        self.url = f"https://localhost:{port}"
        # For commands, in this process: each of its own would take a second to start.
        self.app = create_app(Settings.from_env(one.env))

    def run(self, *arguments: str, stdin: str = "") -> str:
        done = self.app.test_cli_runner().invoke(args=list(arguments), input=stdin)
        assert done.exit_code == 0, done.output
        return str(done.stdout)

    def close(self) -> None:
        with self.app.app_context():
            db.engine.dispose()

    def browser(self) -> requests.Session:
        """A browser at nginx: each of its requests goes to the other server than the one before."""
        session = requests.Session()
        session.trust_env, session.verify = False, self.ca
        session.headers["Referer"] = self.url
        return session

    def sign_in(self, email: str = ADMIN, password: str = PASSWORD) -> requests.Session:
        browser = self.browser()
        token = form_token(browser.get(f"{self.url}/login", timeout=20).text)
        form = {"email": email, "password": password, "csrf_token": token}
        answer = browser.post(f"{self.url}/login", data=form, timeout=20, allow_redirects=False)
        assert answer.status_code == 302, answer.text
        return browser

    def at(self, server: Server, browser: requests.Session, path: str = "/devices") -> int:
        """What the browser would get of this very server, asked as nginx does."""
        cookies = {cookie.name: str(cookie.value) for cookie in browser.cookies}
        return requests.get(
            f"{server.url}{path}",
            cookies=cookies,
            headers={"X-Forwarded-Proto": "https"},
            timeout=20,
            allow_redirects=False,
        ).status_code

    def agree(self, state: str) -> None:
        ends = time.monotonic() + AGREED_WITHIN_SECONDS
        while [server.state() for server in self.both] != [state, state]:
            assert time.monotonic() < ends, [server.state() for server in self.both]
            time.sleep(0.05)


@pytest.fixture(scope="module")
def house(
    tmp_path_factory: pytest.TempPathFactory, vendor: Vendor, postgres: Postgres
) -> Iterator[House]:
    url = postgres.create()
    settings = {
        "SENTARI_DATABASE_URL": url,
        "SENTARI_SECRET_KEY": SECRET,
        "SENTARI_TRUSTED_PROXIES": "1",
        "SENTARI_PROXY_AUTH_SECRET": PROXY_SECRET,
    }
    with ExitStack() as stack:
        stack.callback(postgres.drop, url)
        servers = []
        for name in ("one", "two"):
            server = Server(tmp_path_factory.mktemp(name), vendor, workers=1, **settings)
            server.server.start(wait=False)  # both at once: one of them migrates
            stack.callback(server.server.stop)
            servers.append(server)
        for server in servers:
            server.server.wait_ready()
        # nginx goes on as its own user, which cannot enter pytest's directories.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sentari-nginx-")))
        authority = trustme.CA()
        port = stack.enter_context(
            running_nginx(
                folder,
                upstream_ports=[server.server.port for server in servers],
                authority=authority,
                client_ca=authority.cert_pem.bytes().decode(),
                secret=PROXY_SECRET,
            )
        )
        authority.cert_pem.write_to_path(folder / "outer.pem")
        made = House(vendor, servers[0], servers[1], port, str(folder / "outer.pem"))
        yield made
        made.close()


def in_turns(house: House, work: Callable[[Server, int], Any], count: int) -> list[Any]:
    """Do it so often at once, at either server."""
    with ThreadPoolExecutor(8) as pool:
        calls = [
            pool.submit(work, server, number)
            for number, server in zip(range(count), cycle(house.both), strict=False)
        ]
        return [call.result() for call in calls]


def test_a_license_given_to_one_is_in_force_on_both_and_gone_from_both(house: House) -> None:
    assert [server.state() for server in house.both] == ["unlicensed"] * 2
    assert house.one.install(house.vendor.issue()["license_key"]).status_code == 200
    house.agree("active")
    told = [read(requests.get(f"{s.url}/metrics", timeout=20).text) for s in house.both]
    names = {name for name in told[0] if name.startswith("sentari_license_")}
    names -= {"sentari_license_denied_requests_total", "sentari_license_denied_requests_created"}
    assert names
    assert all(told[0][name] == told[1][name] for name in names)
    house.run("license", "remove", "--yes")
    house.agree("unlicensed")


def test_a_browser_is_signed_in_on_both_and_signed_out_of_both(house: House) -> None:
    browser = house.sign_in()
    assert [house.at(server, browser) for server in house.both] == [200, 200]
    token = form_token(browser.get(f"{house.url}/settings/license", timeout=20).text)
    out = browser.post(f"{house.url}/logout", data={"csrf_token": token}, timeout=20)
    assert out.ok, out.text
    assert [house.at(server, browser) for server in house.both] == [302, 302]


def test_a_user_who_is_disabled_is_out_of_both_at_once(house: House) -> None:
    secret = "a password of somebody else"
    person = ("--email", "left@example.com", "--password-stdin")
    house.run("user", "create", *person, stdin=f"{secret}\n")
    browser = house.sign_in("left@example.com", secret)
    assert [house.at(server, browser) for server in house.both] == [200, 200]
    house.run("user", "disable", "left@example.com")
    assert [house.at(server, browser) for server in house.both] == [302, 302]


def test_guesses_of_a_password_are_counted_together(house: House) -> None:
    def guess(server: Server, number: int) -> int:
        address = {"X-Forwarded-For": f"10.9.0.{number}"}
        browser = requests.Session()
        page = browser.get(f"{server.url}/login", headers=address, timeout=20).text
        token = form_token(page)
        form = {"email": "victim@example.com", "password": "guess", "csrf_token": token}
        path = f"{server.url}/login"
        return browser.post(path, data=form, headers=address, timeout=20).status_code

    assert Counter(in_turns(house, guess, 8))[429] == 8 - 5


def test_the_last_places_are_given_once_and_a_token_enrolls_as_often_as_it_may(
    house: House,
) -> None:
    issued = house.vendor.issue(max_devices=DEVICES)
    house.run("license", "install", issued["license_key"])
    house.agree("active")
    made = house.run("enrollment", "create-token", "--name", "twice", "--max-uses", "2")
    token = made.split()[0]

    def with_token(server: Server, number: int) -> int:
        more = {"enrollment_token": token, "address": f"10.1.0.{number}"}
        return server.register(f"token-{number}", **more).status_code

    def with_any(server: Server, number: int) -> int:
        more = {"enrollment_token": ENROLLMENT_TOKEN, "address": f"10.2.0.{number}"}
        return server.register(f"any-{number}", **more).status_code

    def from_one_address(server: Server, number: int) -> int:
        return server.register(f"flood-{number}", address="10.3.0.1").status_code

    assert Counter(in_turns(house, with_token, 8)) == {201: 2, 403: 6}
    assert Counter(in_turns(house, with_any, 12)) == {201: DEVICES - 2, 402: 12 - (DEVICES - 2)}
    assert Counter(in_turns(house, from_one_address, 16)) == {402: 10, 429: 6}


def test_when_one_is_stopped_the_other_answers_for_both(house: House) -> None:
    browser = house.sign_in()
    house.two.server.stop()
    pages = [browser.get(f"{house.url}/devices", timeout=20).status_code for _ in range(6)]
    assert pages == [200] * 6
