"""flask secret rotate: what the secret key protects goes on under a new one, or nothing changes."""

import ast
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from sentari.agents.authority_store import AuthorityStore
from sentari.extensions import db, writing
from sentari.licensing import exchange, service
from sentari.operations.secret_rotation import ROTATED, Rotation, check_new_key
from sentari.startup import prepare
from serverkit.settings import SettingsError
from tests.conftest import SECRET, AppFactory, sign_in
from tests.places import ROOT as CHECKOUT
from tests.sentari.agents.csrs import csr
from tests.sentari.fleet import Fleet
from tests.sentari.inventory.scans import package, scan
from tests.sentari.licensing.world import World
from tests.sentari.operations.house import House

NEW = "another secret of the tests, long enough too"


def rotate(house: House, stdin: str | None = NEW + "\n") -> Result:
    arguments = () if stdin is None else ("--new-key-file", "-")
    runner = house.app.test_cli_runner()
    return runner.invoke(args=["secret", "rotate", *arguments], input=stdin)


def restarted(house: House, make_app: AppFactory, secret: str, **changes: Any) -> Fleet:
    """The server after a start with this secret key."""
    settings = house.app.extensions["sentari"].settings
    fields = ("license_public_key_path", "enrollment_token", "license_key")
    kept = {name: getattr(settings, name) for name in fields}
    app = make_app(
        settings.database_url,
        secret_key=secret,
        transport=house.world.transport,
        **kept | changes,
    )
    prepare(app)
    return Fleet(World(app, house.world.vendor, house.world.transport, house.world.clock))


def test_everything_goes_on_under_the_new_key_but_sessions_end(
    each_full_house: House, make_app: AppFactory
) -> None:
    house = each_full_house
    sign_in(house.browser, "admin@example.com")
    assert house.browser.get("/devices").status_code == 200
    done = rotate(house)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("4 values were sealed anew, 2 sessions were ended.\n")
    house.fleet = restarted(house, make_app, NEW)
    world = house.fleet.world
    assert world.state == "active"
    assert world.audit_intact()
    assert len(world.events(ROTATED)) == 1
    assert world.actions("LICENSE_TAMPER", "CLOCK_FLOOR_REBUILT") == []
    assert house.send(scan(package("pip"), scanned_at="2026-11-27T14:00:00Z"))
    members = {"csr": csr(), "enrollment_token": house.enrollment_token}
    assert house.fleet.register(hostname="new", **members).status_code == 201
    headers = {"Authorization": f"Bearer {house.api_token}"}
    answer = house.fleet.agents.get("/api/v1/inventory/devices", headers=headers)
    assert answer.status_code == 200
    cookie = house.browser.get_cookie("sentari_session")
    assert cookie is not None
    browser = world.app.test_client()
    browser.set_cookie(cookie.key, cookie.value)
    assert browser.get("/devices").location.startswith("/login")
    world.do(exchange.check_in)  # signed by the instance key, for the key that waited
    assert world.status().limits.devices == 7


def test_a_start_with_another_key_than_the_databases_is_refused_and_accuses_nobody(
    each_house: House, make_app: AppFactory
) -> None:
    with pytest.raises(SettingsError, match="sealed under another secret key"):
        restarted(each_house, make_app, NEW)
    assert rotate(each_house).exit_code == 0
    with pytest.raises(SettingsError, match="SENTARI_SECRET_KEY"):
        restarted(each_house, make_app, SECRET)
    world = restarted(each_house, make_app, NEW).world
    assert world.state == "active"
    assert world.actions("LICENSE_TAMPER") == []


def test_a_command_with_another_key_is_refused_and_accuses_nobody(
    house: House, make_app: AppFactory
) -> None:
    settings = house.app.extensions["sentari"].settings
    forgetful = make_app(settings.database_url, secret_key=NEW)
    for arguments in (["license", "status"], ["user", "list"], ["audit", "verify"]):
        refused = forgetful.test_cli_runner().invoke(args=arguments)
        assert (refused.exit_code, refused.stderr.count("\n")) == (1, 1)
        assert refused.stderr.startswith("SENTARI_SECRET_KEY: the database was sealed under")
        assert house.app.test_cli_runner().invoke(args=arguments).exit_code == 0
    assert house.world.actions("LICENSE_TAMPER") == []


def test_a_server_at_work_keeps_the_key_it_has(house: House) -> None:
    worker = house.start_worker()
    refused = rotate(house)
    assert (refused.exit_code, refused.stderr.count("\n")) == (1, 1)
    assert "a server is at work" in refused.stderr
    worker.stop()
    assert rotate(house).exit_code == 0


def test_a_key_that_will_not_do_is_refused(house: House) -> None:
    for given, said in (
        (None, "SENTARI_SECRET_KEY is set"),
        ("x" * 31, "has 31 characters"),
        ("x" * 4097, "has 4097 characters"),
        (SECRET, "is the present one"),
    ):
        refused = rotate(house, given)
        assert (refused.exit_code, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)
        assert said in refused.stderr
    assert house.world.state == "active"


@pytest.mark.parametrize("length", [32, 4096])
def test_a_key_of_the_shortest_and_of_the_longest_length_will_do(length: int) -> None:
    check_new_key(SECRET, "x" * length)


def test_a_second_rotation_with_the_old_environment_says_what_to_do(house: House) -> None:
    assert rotate(house).exit_code == 0
    assert "under the new key already" in rotate(house).stderr
    assert "the present secret key is not the one" in rotate(house, "y" * 40).stderr


def test_one_damaged_value_keeps_everything_as_it_was(full_house: House) -> None:
    full_house.world.edit("UPDATE license_key SET sealed_key = 'damaged' WHERE role = 'pending'")
    before = full_house.world.events()
    refused = rotate(full_house)
    assert (refused.exit_code, refused.stderr.count("\n")) == (1, 1)
    assert "license_key.sealed_key" in refused.stderr.replace("StoredKey", "license_key")
    assert len(full_house.world.events()) == len(before)
    assert full_house.world.state == "active"
    with full_house.app.app_context():
        AuthorityStore(SECRET).ensure(db.session(), full_house.fleet.clock.now())
        db.session.remove()


def test_a_floor_that_was_edited_stays_tampering(house: House, make_app: AppFactory) -> None:
    house.world.edit("UPDATE license_clock SET mac = 'x'")
    assert house.world.state == "tampered"
    assert rotate(house).exit_code == 0
    assert restarted(house, make_app, NEW).world.state == "tampered"


@pytest.mark.parametrize("again", [True, False])
def test_the_environments_license_key_is_not_applied_a_second_time(
    house: House, make_app: AppFactory, again: bool
) -> None:
    variable = house.world.vendor.licenses[0].key.text
    house.app.extensions["sentari"].settings = replace(
        house.app.extensions["sentari"].settings, license_key=variable if again else None
    )
    object.__setattr__(house.world.licensing, "environment_value", variable)
    with house.app.app_context():
        service.apply_environment(house.world.licensing)
        db.session.remove()
    given = len(house.world.events("LICENSE_KEY_GIVEN"))
    assert rotate(house).exit_code == 0
    world = restarted(house, make_app, NEW, license_key="x" if not again else variable).world
    assert len(world.events("LICENSE_KEY_GIVEN")) == given


def a_file(tmp_path: Path) -> Path:
    path = tmp_path / "secret_key"
    path.write_text(SECRET)
    return path


def in_place(house: House, path: Path, new: str | None = None, old: str = SECRET) -> Any:
    rotation = Rotation(old, None, house.fleet.clock.now())
    with house.app.app_context():
        try:
            return rotation.in_place(writing, path, new)
        finally:
            db.session.remove()


def test_a_key_that_the_server_made_is_replaced_in_its_file(
    house: House, tmp_path: Path, make_app: AppFactory
) -> None:
    path = a_file(tmp_path)
    settings = house.app.extensions["sentari"].settings
    house.app.extensions["sentari"].settings = replace(settings, secret_key_file=path)
    done = rotate(house, None)
    assert done.exit_code == 0
    assert f"The new key is in {path}." in done.stdout
    made = path.read_text()
    assert (made != SECRET, len(made), path.stat().st_mode & 0o777) == (True, 64, 0o600)
    assert [each.name for each in tmp_path.glob("secret_key*")] == ["secret_key"]
    assert restarted(house, make_app, made).world.state == "active"


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_rotation_that_was_interrupted_is_completed_by_the_next_call(
    house: House, tmp_path: Path, moment: str, make_app: AppFactory
) -> None:
    path = a_file(tmp_path)
    draft = path.with_name("secret_key.new")
    draft.write_text(NEW)
    if moment == "after":
        assert rotate(house).exit_code == 0  # to the same key; then the process ended
        refuses = restarted(house, make_app, NEW).world
        assert refuses.state == "active"
    done = in_place(house, path)
    assert done.completed is (moment == "after")
    assert (path.read_text() == NEW) is (moment == "after")
    assert not draft.exists()
    assert restarted(house, make_app, path.read_text()).world.state == "active"


def test_a_refusal_leaves_no_second_key_behind(house: House, tmp_path: Path) -> None:
    path = a_file(tmp_path)
    assert rotate(house).exit_code == 0
    with pytest.raises(Exception, match="under the new key already"):
        in_place(house, path, NEW)
    assert [each.name for each in tmp_path.glob("secret_key*")] == ["secret_key"]


def test_nothing_else_is_derived_from_the_secret_key() -> None:
    """What is new here has to be put under the new key, or to end with the old one."""
    found = {
        str(path.relative_to(CHECKOUT))
        for package in ("sentari", "serverkit")
        for path in (CHECKOUT / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "derive_key"
    }
    assert found == {
        "sentari/agents/authority_store.py",  # sealed anew
        "sentari/flask_config.py",  # cookies: sessions end
        "sentari/licensing/vault.py",  # sealed, signed or digested anew
        "sentari/operations/backup.py",  # the hint in a backup, which belongs to the old key
        "sentari/operations/sealed.py",
        "serverkit/audit/walk.py",  # where a walk has come to: it begins anew
        "sentari/web/account.py",  # the setup token, printed anew at each start
    }
