"""The documents say what the code does: settings, commands, addresses, states, causes, links."""

import ast
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import click
import pytest
from flask import Flask

import license_server.cli
import license_server.config
import sentari.cli
import sentari.config
from license_server.notices.rules import THRESHOLD_DAYS
from license_server.outbox.models import STATES
from license_server.outbox.schedule import MOST_ATTEMPTS, wait_after
from sentari import create_app
from sentari.licensing import history, refusals
from sentari.licensing.causes import Cause
from sentari.licensing.state import GATES
from sentari.licensing.tamper import Kind
from sentari.licensing.warnings import EXPIRY_DAYS, OFFLINE_PERCENT, USAGE_PERCENT
from sentari.web.probes import blueprint as probes
from tests.conftest import SECRET

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
RUNBOOK = DOCS / "runbook.md"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]
GATE_WORDS = {"full": "full", "read_only": "read-only", "locked": "locked"}


class Asked(dict[str, str]):
    """An environment that remembers what it was asked for."""

    def __init__(self, values: Mapping[str, str]) -> None:
        super().__init__(values)
        self.names: set[str] = set()

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
        self.names.add(name)
        return super().get(name, default)


def section(document: Path, heading: str) -> str:
    """The text below a heading, up to the next one of its level."""
    text = document.read_text(encoding="utf-8")
    found = re.search(rf"^(#+) {re.escape(heading)}$(.*?)(?=^#{{1,2}} |\Z)", text, re.M | re.S)
    assert found, f"{document.name} has no heading {heading!r}"
    return found[2]


def rows(text: str) -> list[list[str]]:
    """The cells of every table row that begins with something in backquotes."""
    lines = (line for line in text.splitlines() if line.startswith("| `"))
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in lines]


def code(cell: str) -> list[str]:
    """What stands in backquotes."""
    return re.findall(r"`([^`]+)`", cell)


@pytest.mark.parametrize(
    ("document", "settings", "prefix"),
    [
        ("operations.md", sentari.config.Settings, "SENTARI_"),
        ("license-server.md", license_server.config.Settings, "LICENSE_SERVER_"),
    ],
)
def test_every_setting_is_documented_and_every_documented_one_is_read(
    document: str, settings: type, prefix: str, tmp_path: Path
) -> None:
    environ = Asked({f"{prefix}DATA_DIR": str(tmp_path)})
    settings.from_env(environ)  # type: ignore[attr-defined]
    read = {name for name in environ.names if name.startswith(prefix)}
    documented = set()
    for name, _default, file, _meaning in rows(section(DOCS / document, "Settings")):
        documented.add(code(name)[0])
        assert file in ("yes", "no")
        if file == "yes":
            documented.add(f"{code(name)[0]}_FILE")
    assert documented == read


def commands_of(groups: tuple[click.Command, ...]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for group in groups:
        if isinstance(group, click.Group):
            inner = commands_of(tuple(group.commands.values()))
            found |= {f"{group.name} {name}": options for name, options in inner.items()}
        else:
            options = [each for each in group.params if isinstance(each, click.Option)]
            found[str(group.name)] = {
                o for each in options for o in (*each.opts, *each.secondary_opts)
            }
    return found


@pytest.mark.parametrize(
    ("document", "groups"),
    [
        ("operations.md", (*sentari.cli.GROUPS, *sentari.cli.COMMANDS)),
        ("license-server.md", license_server.cli.GROUPS),
    ],
)
def test_every_command_and_every_option_is_documented(
    document: str, groups: tuple[click.Command, ...]
) -> None:
    documented = {
        re.match(r"[a-z -]+?(?= [A-Z]|$)", code(command)[0])[0]: set(code(options))
        for command, options, _meaning in rows(section(DOCS / document, "The command line"))
    }
    assert documented == commands_of(groups)


def test_every_cause_is_in_the_runbook() -> None:
    table = rows(section(DOCS / "licensing.md", "Runbook: why a check-in changed nothing"))
    assert [code(cause)[0] for cause, _what, _do in table] == [cause.value for cause in Cause]


def test_the_table_of_states_is_the_code_s_table() -> None:
    table = rows(section(DOCS / "licensing.md", "States"))
    documented = {code(state)[0]: gate for state, _when, gate in table}
    assert documented == {state.value: GATE_WORDS[gate.value] for state, gate in GATES.items()}
    assert list(documented) == [state.value for state in GATES]


def test_the_runbook_has_every_state_kind_of_tampering_and_refusal() -> None:
    by_state = rows(section(RUNBOOK, "By state"))
    assert [code(row[0])[0] for row in by_state] == [state.value for state in GATES]
    closed = {"nothing": "full", "nothing yet": "full", "scans and changes": "read_only"}
    assert {code(row[0])[0]: closed.get(row[1], "locked") for row in by_state} == {
        state.value: gate.value for state, gate in GATES.items()
    }
    kinds = [code(row[0])[0] for row in rows(section(RUNBOOK, "By what was tampered with"))]
    assert kinds == [kind.value for kind in Kind]
    source = Path(refusals.__file__).read_text()
    codes = set(re.findall(r"Error\(\s*\"(\w+)\"", source))
    refused = [code(row[0])[0] for row in rows(section(RUNBOOK, "By refusal"))]
    assert set(refused) == codes | {"device_limit_reached", "package_limit_reached"}
    assert len(refused) == len(set(refused))


def logged(path: Path) -> Iterator[tuple[str, str, str]]:
    """Message, level and logger of everything that a module logs with words of its own."""
    levels = {"exception": "error"}
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for node in ast.walk(ast.parse(path.read_text())):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        name = ast.unparse(node.func.value)
        if name not in ("log", "self.log") or not isinstance(node.args[0], ast.Constant):
            continue
        text = str(node.args[0].value).replace("%s", "…")
        level = levels.get(node.func.attr, node.func.attr)
        yield text, level, module if name == "log" else "gunicorn.error"


def test_every_line_of_the_log_is_documented_with_its_level_and_logger() -> None:
    places = [path for folder in ("sentari", "serverkit") for path in (ROOT / folder).rglob("*.py")]
    found = {line for path in places for line in logged(path)}
    assert len(found) > 20
    documented = rows((DOCS / "logs.md").read_text(encoding="utf-8"))
    assert {(row[0].strip("`"), row[1], row[2].strip("`")) for row in documented} == found


def test_every_kind_of_tampering_is_documented() -> None:
    text = section(DOCS / "licensing.md", "Tampering")
    documented = re.findall(r"^\| [^`].* \| `(\w+)`(?: \(.*\))? \|$", text, re.M)
    assert documented == [kind.value for kind in Kind]


def test_every_action_about_licensing_is_documented() -> None:
    text = section(DOCS / "licensing.md", "The audit chain")
    actions = {value for name, value in vars(history).items() if name.isupper() and name[0] != "_"}
    assert set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", text)) == actions


def test_the_thresholds_of_warnings_are_the_code_s() -> None:
    text = section(DOCS / "licensing.md", "Warnings")
    for thresholds in (EXPIRY_DAYS, OFFLINE_PERCENT, USAGE_PERCENT):
        *first, last = map(str, thresholds)
        assert f"{', '.join(first)} and {last}" in text


def test_the_license_servers_page_says_when_mails_are_sent_and_tried_again() -> None:
    mail = section(DOCS / "license-server.md", "What is sent, and when")
    *first, last = map(str, THRESHOLD_DAYS)
    assert f"{', '.join(first)} and {last} days before" in mail
    trouble = section(DOCS / "license-server.md", "Mails that do not go out")
    assert {code(row[0])[0] for row in rows(trouble)} == set(STATES)
    assert f"{MOST_ATTEMPTS} attempts in nearly four days" in trouble
    *first, last = (int(wait_after(n) / timedelta(minutes=1)) for n in range(1, 6))
    assert f"after {', '.join(map(str, first))} and then every {last} minutes" in trouble


def addresses(app: Flask, prefix: str) -> Iterator[str]:
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        if path.startswith(prefix) and not rule.endpoint.startswith("openapi."):
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
                yield f"{method} {path}"


def documented_addresses(document: Path) -> set[str]:
    text = document.read_text(encoding="utf-8")
    return set(re.findall(r"^\| `((?:GET|POST|PATCH|DELETE) /[^`]*)` \|", text, re.M))


def test_every_address_of_the_api_is_documented(tmp_path: Path) -> None:
    app = create_app(sentari.config.Settings(f"sqlite:///{tmp_path}/docs.db", tmp_path, SECRET))
    assert probes.name in app.blueprints
    assert documented_addresses(DOCS / "api.md") == set(addresses(app, "/api/"))


def test_every_address_of_the_machine_interface_is_documented(tmp_path: Path) -> None:
    settings = license_server.config.Settings(f"sqlite:///{tmp_path}/docs.db", tmp_path, SECRET)
    app = license_server.create_app(settings)
    found = {*addresses(app, "/api/"), *addresses(app, "/.well-known/")}
    assert documented_addresses(DOCS / "license-server.md") == found


def anchors(document: Path) -> set[str]:
    """The anchors that a forge gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.M)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("document", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    text = re.sub(r"^```.*?^```", "", document.read_text(encoding="utf-8"), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("http://", "https://")):
            continue
        name, _, anchor = target.partition("#")
        linked = document if not name else (document.parent / name).resolve()
        assert linked.exists(), f"{document.name} links to {target}"
        if anchor:
            assert anchor in anchors(linked), f"{document.name} links to {target}"


def test_every_decision_is_in_the_list_of_decisions() -> None:
    pages = {page.name for page in (DOCS / "adr").glob("[0-9]*.md")}
    listed = re.findall(r"\]\((\d{4}-[^)]+)\)", (DOCS / "adr" / "README.md").read_text())
    assert set(listed) == pages
