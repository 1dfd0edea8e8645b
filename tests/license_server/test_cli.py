"""The command line of the license server, as the operator and `make run` use it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask

from license_token.keys import RootSet
from license_token.license_key import LicenseKey
from tests.clocks import FakeClock
from tests.license_server.cast import Api, CustomerServer
from tests.license_server.conftest import staff_token

Run = Callable[..., Result]
TERMS = [
    "--tier",
    "enterprise",
    "--term-days",
    "365",
    "--max-devices",
    "100",
    "--max-packages",
    "200000",
]
PASSPHRASE = "carried away on paper"


def runner(app: Flask) -> Run:
    def run(*arguments: str, stdin: str | None = None) -> Result:
        return app.test_cli_runner().invoke(args=list(arguments), input=stdin)

    return run


@pytest.fixture
def run(server: Flask) -> Run:
    """The command line of a server that has keys."""
    return runner(server)


def ok(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(result: Result) -> str:
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    return result.stderr


def issue(run: Run, *more: str) -> dict[str, Any]:
    customer = json.loads(
        ok(run("customer", "add", "--name", "A Ltd", "--email", "a@b.example", "--json"))
    )
    arguments = ("license", "issue", "--customer", customer["id"], *TERMS, *more, "--json")
    return dict(json.loads(ok(run(*arguments))))


def test_a_fresh_server_is_set_up_and_serves_its_first_customer(
    make_server: Callable[..., Flask], tmp_path: Path, clock: FakeClock
) -> None:
    app = make_server(f"sqlite:///{tmp_path / 'fresh.db'}")
    run = runner(app)
    assert "db upgrade" in refused(run("customer", "list"))
    ok(run("db", "upgrade"))
    passphrase = tmp_path / "passphrase"
    passphrase.write_text(PASSPHRASE + "\n")
    files = ("--root-file", str(tmp_path / "root.json"), "--passphrase-file", str(passphrase))
    assert "valid until 2027-03-03" in ok(run("keys", "init", *files))
    roots = RootSet.parse(ok(run("keys", "export-roots")))
    issued = issue(run)
    sentari = CustomerServer(app.test_client(), issued["license_key"], clock, roots)
    first = sentari.check_in()
    ok(run("keys", "rotate", *files))
    clock.advance(5)
    assert sentari.check_in().kid != first.kid
    listed = ok(run("keys", "list")).splitlines()
    assert [line.split("\t")[0] for line in listed] == ["root", "key", "key"]
    assert "intact" in ok(run("audit", "verify"))
    for secret in (tmp_path / "root.json", *(tmp_path / "mail").iterdir()):
        assert secret.stat().st_mode & 0o077 == 0


def test_keys_are_set_up_once(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "root.json"
    assert "keys already" in refused(run("keys", "init", "--root-file", str(path)))
    assert "keys already" in ok(run("keys", "init", "--root-file", str(path), "--if-needed"))
    assert not path.exists()


def test_a_passphrase_is_asked_for_twice_when_there_is_no_file(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "spare.json"
    typed = f"{PASSPHRASE}\n{PASSPHRASE}\n"
    ok(run("keys", "add-root", "--root-file", str(path), stdin=typed))
    answer = run("keys", "rotate", "--root-file", str(path), stdin=PASSPHRASE + "\n")
    assert "valid until" in ok(answer)
    assert PASSPHRASE not in answer.output
    answer = run("keys", "rotate", "--root-file", str(path), stdin="another passphrase\n")
    assert answer.exit_code == 1
    assert "passphrase is wrong" in answer.stderr


def test_a_lost_root_is_replaced_by_the_spare_and_retired(
    run: Run, tmp_path: Path, roots: RootSet, clock: FakeClock
) -> None:
    assert "only one root" in run("keys", "list").stderr
    typed = f"{PASSPHRASE}\n{PASSPHRASE}\n"
    spare = ("--root-file", str(tmp_path / "spare.json"))
    ok(run("keys", "add-root", *spare, stdin=typed))
    assert run("keys", "list").stderr == ""
    lost = ("--kid", roots.kids[0], "--reason", "the medium does not read")
    assert "rotate with another root" in refused(run("keys", "retire-root", *lost))
    ok(run("keys", "rotate", *spare, stdin=PASSPHRASE + "\n"))
    assert "export-roots" in ok(run("keys", "retire-root", *lost))
    assert roots.kids[0] not in ok(run("keys", "export-roots"))
    assert "retired 2026-11-23" in ok(run("keys", "list"))
    stranger = ("--kid", "nobody", "--reason", "x")
    assert "no root with this kid" in refused(run("keys", "retire-root", *stranger))
    clock.advance(75 * 86_400)
    assert "ends in 25 days" in run("keys", "list").stderr


def test_a_short_passphrase_makes_no_root(run: Run, tmp_path: Path) -> None:
    path, passphrase = tmp_path / "spare.json", tmp_path / "passphrase"
    passphrase.write_text("short")
    files = ("--root-file", str(path), "--passphrase-file", str(passphrase))
    assert "12 to 1024" in refused(run("keys", "add-root", *files))
    assert not path.exists()


def test_roots_are_exported_to_a_file(run: Run, tmp_path: Path, roots: RootSet) -> None:
    path = tmp_path / "roots.json"
    ok(run("keys", "export-roots", "--output", str(path)))
    assert RootSet.parse(path.read_text()) == roots
    missing = tmp_path / "missing" / "roots.json"
    assert "cannot be written" in refused(run("keys", "export-roots", "--output", str(missing)))


def test_a_token_from_the_command_line_opens_the_machine_interface(run: Run, server: Flask) -> None:
    made = ok(run("staff", "create", "--email", "Ann@x.example", "--role", "issuer"))
    assert len(made.split("Password: ")[1].strip()) == 20
    token = ok(run("staff", "create-token", "--email", "ann@x.example", "--name", "ci")).strip()
    assert token.startswith("sls_")
    api = Api(server.test_client(), token)
    assert api.get("/api/v1/customers").status_code == 200
    assert token[-5:] in ok(run("staff", "list"))
    ok(run("staff", "revoke-token", "--email", "ann@x.example", "--hint", token[-5:]))
    assert api.get("/api/v1/customers").status_code == 401


def test_a_token_ends_on_its_day(run: Run, server: Flask, clock: FakeClock) -> None:
    ok(run("staff", "create", "--email", "ann@x.example", "--role", "support"))
    arguments = ("--email", "ann@x.example", "--name", "ci", "--expires-in-days", "1")
    api = Api(server.test_client(), ok(run("staff", "create-token", *arguments)).strip())
    clock.advance(86_399)
    assert api.get("/api/v1/customers").status_code == 200
    clock.advance(1)
    assert api.get("/api/v1/customers").status_code == 401


def test_a_disabled_person_is_nobody(run: Run, server: Flask) -> None:
    api = Api(server.test_client(), staff_token(server, "ann@x.example", "issuer"))
    ok(run("staff", "disable", "--email", "ann@x.example"))
    assert api.get("/api/v1/customers").status_code == 401
    answer = run("staff", "create-token", "--email", "ann@x.example", "--name", "again")
    assert "disabled" in refused(answer)


def test_staff_that_cannot_be_are_refused_in_one_line(run: Run) -> None:
    create = ("staff", "create", "--role", "issuer", "--email")
    ok(run(*create, "ann@x.example", "--password-stdin", stdin="a password of the tests\n"))
    assert "already" in refused(run(*create, "ANN@x.example"))
    assert "email" in refused(run(*create, "ann"))
    short = run(*create, "bob@x.example", "--password-stdin", stdin="short\n")
    assert "12 to 128" in refused(short)
    empty = run(*create, "bob@x.example", "--password-stdin", stdin="")
    assert "standard input" in refused(empty)
    assert "no member" in refused(run("staff", "create-token", "--email", "x@y", "--name", "n"))


def test_a_license_is_issued_with_a_key_that_is_printed_and_mailed(
    run: Run, tmp_path: Path
) -> None:
    issued = issue(run)
    assert LicenseKey.parse(issued["license_key"]).hint == issued["key_hint"]
    assert (issued["expires_at"], issued["approval"]) == ("2027-11-23", "not_required")
    [mail] = (tmp_path / "mail").glob("*.eml")
    assert issued["license_key"] in mail.read_text()
    assert issued["license_key"] not in ok(run("license", "show", issued["id"], "--json"))
    assert issued["id"] in ok(run("license", "list"))


def test_the_key_is_printed_for_people_as_well(run: Run) -> None:
    customer = json.loads(
        ok(run("customer", "add", "--name", "A", "--email", "a@b.example", "--json"))
    )["id"]
    printed = ok(run("license", "issue", "--customer", customer, *TERMS))
    assert LicenseKey.parse(printed.split("Key:")[1].strip())


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--max-offline-days", "30"], "airgap_addendum_signed_at"),
        (["--max-activations", "0"], "max_activations"),
        (["--tier", ""], "tier"),
    ],
)
def test_terms_that_break_a_rule_are_named(run: Run, arguments: list[str], named: str) -> None:
    ok(run("customer", "add", "--name", "A", "--email", "a@b.example"))
    [line] = ok(run("customer", "list")).splitlines()
    customer = line.split("\t")[0]
    answer = run("license", "issue", "--customer", customer, *TERMS, *arguments)
    assert named in refused(answer)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--expires-at", "23.11.2027"],
        ["--expires-at", "2027-11-23", "--term-days", "5"],
        [],
        ["--term-days", "x"],
        ["--term-days", "5", "--max-devices", "many"],
    ],
)
def test_options_that_cannot_be_read_are_refused(run: Run, arguments: list[str]) -> None:
    caps = ["--max-devices", "1", "--max-packages", "1"]
    answer = run("license", "issue", "--customer", "x", "--tier", "t", *caps, *arguments)
    assert answer.exit_code == 2


def test_a_license_goes_through_its_life(run: Run) -> None:
    license_id = issue(run)["id"]
    reason = ("--reason", "as agreed")

    def shown(*arguments: str) -> dict[str, Any]:
        return dict(json.loads(ok(run("license", *arguments, *reason, "--json"))))

    renewed = shown("renew", license_id, "--expires-at", "2027-12-01", "--max-devices", "7")
    assert (renewed["expires_at"], renewed["max_devices"], renewed["version"]) == (
        "2027-12-01",
        7,
        2,
    )
    assert shown("suspend", license_id)["status"] == "suspended"
    assert shown("reinstate", license_id)["status"] == "active"
    assert LicenseKey.parse(shown("rekey", license_id)["license_key"])
    assert shown("revoke", license_id)["status"] == "revoked"
    assert "revoked" in refused(run("license", "reinstate", license_id, *reason))
    assert "no license" in refused(run("license", "show", "nothing"))


def test_an_approval_on_the_command_line_is_proven_by_the_approvers_token(
    run: Run, server: Flask, tmp_path: Path
) -> None:
    waiting = issue(run, "--max-devices", "unlimited")
    assert (waiting["approval"], waiting["max_devices"]) == ("pending", None)
    file = tmp_path / "token"
    approve = ("license", "approve", waiting["id"], "--token-file", str(file))
    file.write_text("sls_nobody")
    assert "nobody" in refused(run(*approve))
    file.write_text(staff_token(server, "ann@x.example", "issuer"))
    assert "needs the role approver" in refused(run(*approve))
    file.write_text(staff_token(server, "bob@x.example", "approver"))
    assert "approved" in ok(run(*approve))
    assert "nothing waits" in refused(run(*approve))


def test_mails_can_be_listed_and_sent_by_hand(run: Run, tmp_path: Path, clock: FakeClock) -> None:
    (tmp_path / "mail").write_text("this is in the way of the directory")
    issue(run)
    assert "cannot be written" in ok(run("outbox", "list"))
    assert "0 sent, 0 put off, 0 failed" in ok(run("outbox", "send"))  # it is not due yet
    (tmp_path / "mail").unlink()
    clock.advance(60)
    assert "1 sent, 0 put off, 0 failed" in ok(run("outbox", "send"))
    assert len(list((tmp_path / "mail").glob("*.eml"))) == 1


def test_a_mail_can_be_tried_at_once_or_given_up(
    run: Run, tmp_path: Path, clock: FakeClock
) -> None:
    (tmp_path / "mail").write_text("this is in the way of the directory")
    issue(run)
    issue(run)
    (tmp_path / "mail").unlink()
    clock.advance(59)
    first, second = (line.split("\t")[0] for line in ok(run("outbox", "list")).splitlines())
    assert "being sent" in refused(run("outbox", "retry", first))
    assert "is cancelled" in ok(run("outbox", "cancel", second))
    clock.advance(1)
    assert "a@b.example is due now" in ok(run("outbox", "retry", first))
    assert "a mail that is sent cannot" in refused(run("outbox", "retry", first))
    assert "a mail that is cancelled cannot" in refused(run("outbox", "cancel", second))
    assert second in ok(run("outbox", "list", "--state", "cancelled"))
    assert "no mail with this id" in refused(run("outbox", "retry", "nothing"))


def test_notices_can_be_queued_by_hand(run: Run, tmp_path: Path) -> None:
    assert ok(run("outbox", "notices")) == "0 queued.\n"
    renew = ("license", "renew", issue(run)["id"], "--reason", "shorter")
    ok(run(*renew, "--expires-at", "2026-11-28"))
    assert ok(run("outbox", "notices")) == "1 queued.\n"
    assert ok(run("outbox", "notices")) == "0 queued.\n"
    texts = [mail.read_text() for mail in (tmp_path / "mail").glob("*.eml")]
    assert sum("expires on 2026-11-28: 5 days left" in text for text in texts) == 1


def test_customers_are_listed_and_found(run: Run) -> None:
    for name in ("Beta", "alpha"):
        ok(run("customer", "add", "--name", name, "--email", f"{name}@b.example"))
    listed = json.loads(ok(run("customer", "list", "--json")))
    assert [row["name"] for row in listed] == ["alpha", "Beta"]
    assert "Beta" not in ok(run("customer", "list", "--search", "alph"))
    assert "email" in refused(run("customer", "add", "--name", "x", "--email", "x"))
