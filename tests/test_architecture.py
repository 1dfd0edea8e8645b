"""The direction of imports, as docs/ARCHITECTURE.md draws it, read from the code itself."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("license_token", "serverkit", "sentari", "license_server")

# What a folder or module must not import; the longest matching prefix of a module decides.
FORBIDDEN = {
    "license_token": ("serverkit", "sentari", "license_server", "flask", "sqlalchemy", "requests"),
    "serverkit": ("license_token", "sentari", "license_server", "requests"),
    "sentari": ("license_server",),
    "license_server": ("sentari", "requests"),
}

# Pure modules import the standard library, license_token and each other.
PURE = (
    "serverkit.audit.chain",
    "serverkit.browsers",
    "serverkit.text",
    "serverkit.request_head",
    "sentari.licensing.state",
    "sentari.licensing.clock",
    "sentari.licensing.timeline",
    "sentari.licensing.timeline_picture",
    "sentari.licensing.preview",
    "sentari.licensing.disclosure",
    "sentari.licensing.warnings",
    "sentari.licensing.crossings",
    "sentari.licensing.acceptance",
    "sentari.licensing.tamper",
    "sentari.agents.audit_chain",
    "sentari.agents.audit_shipment",
    "sentari.agents.enroll_commands",
    "sentari.api.reference",
    "sentari.demo.machines",
    "sentari.demo.versions",
    "sentari.inventory.scan",
    "sentari.inventory.changes",
    "sentari.inventory.scan_changes",
    "sentari.inventory.queries",
    "sentari.inventory.sbom",
    "sentari.inventory.package_licenses",
    "sentari.inventory.spdx_ids",
    "license_server.rules",
    "license_server.check_in_rules",
    "license_server.signing.rules",
    "license_server.presented",
    "license_server.notices.rules",
    "license_server.outbox.letter",
    "license_server.outbox.messages",
    "license_server.outbox.schedule",
    "license_server.outbox.smtp_url",
)
THIRD_PARTY = (
    "flask",
    "flask_login",
    "flask_wtf",
    "apiflask",
    "sqlalchemy",
    "requests",
    "nacl",
    "packageurl",
    "univers",
    "xlsxwriter",
)
READS_A_CLOCK = (
    "serverkit.clock",
    "serverkit.http",  # the duration in the request's log line
    "serverkit.gunicorn_worker",  # the deadlines of real connections
    "serverkit.turns",  # the patience of real waiting
    "serverkit.wire",  # the deadline of real sockets
)
CLOCKS = {"now", "utcnow", "today", "time", "monotonic"}

FLASK_PLACES = (
    "serverkit",
    "license_server",
    "sentari.__init__",
    "sentari.flask_config",
    "sentari.extensions",
    "sentari.startup",
    "sentari.cli",
    "sentari.web",
    "sentari.api",
    "sentari.accounts.sessions",  # reads the request's header: who asks
    "sentari.agents.identity",  # the same for agents
)


def modules() -> Iterator[tuple[str, Path]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "migrations" not in path.parts:
                yield ".".join(path.relative_to(ROOT).with_suffix("").parts), path


def imports(source: str) -> set[str]:
    """Return the dotted names that a module imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def reaches(found: set[str], forbidden: tuple[str, ...]) -> list[str]:
    return sorted(n for n in found if any(n == f or n.startswith(f + ".") for f in forbidden))


def reads_a_clock(source: str) -> bool:
    calls = (n.func for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Call))
    return any(
        isinstance(f, ast.Attribute)
        and f.attr in CLOCKS
        and isinstance(f.value, ast.Name)
        and f.value.id in {"datetime", "date", "time"}
        for f in calls
    )


@pytest.mark.parametrize(("name", "path"), list(modules()), ids=lambda value: str(value)[-60:])
def test_a_module_imports_only_in_the_allowed_direction(name: str, path: Path) -> None:
    source = path.read_text()
    found = imports(source)
    assert not reaches(found, FORBIDDEN[name.partition(".")[0]])
    if name in PURE:
        assert not reaches(found, THIRD_PARTY), "a pure module imports a library"
    if reaches(found, ("flask", "apiflask", "flask_login", "flask_wtf")):
        assert name.startswith(FLASK_PLACES), "flask is the shell's"
    if name.startswith("sentari") and reaches(found, ("requests",)):
        assert name == "sentari.licensing.check_in", "requests is check_in's"


@pytest.mark.parametrize(("name", "path"), list(modules()), ids=lambda value: str(value)[-60:])
def test_only_the_clock_module_reads_a_clock(name: str, path: Path) -> None:
    if name not in READS_A_CLOCK:
        assert not reads_a_clock(path.read_text())


@pytest.mark.parametrize("name", PURE)
def test_every_pure_module_exists(name: str) -> None:
    assert (ROOT / (name.replace(".", "/") + ".py")).exists()


@pytest.mark.parametrize(("name", "path"), list(modules()), ids=lambda value: str(value)[-60:])
def test_a_module_and_its_functions_stay_readable(name: str, path: Path) -> None:
    source = path.read_text()
    assert source.count("\n") <= 400, "split the module"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and node.name != "create_app":
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= 40, f"{node.name} has {length} lines"


def test_the_checks_find_what_is_planted() -> None:
    planted = "import requests\nfrom license_server.models import Key\nx = datetime.now()\n"
    assert reaches(imports(planted), ("requests", "license_server")) == [
        "license_server.models",
        "license_server.models.Key",
        "requests",
    ]
    assert reads_a_clock(planted)


def test_templates_stay_readable_and_name_themselves() -> None:
    for path in sorted((ROOT / "templates").rglob("*.html")):
        text = path.read_text()
        assert text.count("\n") <= 150, f"{path.name}: split the template"
        if "{% extends" in text and '{% extends "shared/' not in text:
            assert "{% block title %}" in text, f"{path} sets no title"
