"""The direction of the license server's imports, read from its source."""

import ast
from collections.abc import Iterator
from pathlib import Path

import license_server

PACKAGE = Path(license_server.__file__).parent
PURE = {
    "rules.py": {"license_server.errors", "serverkit.text"},
    "check_in_rules.py": {"license_server.errors", "license_token.request"},
    "presented.py": {
        "license_server.errors",
        "license_token.armor",
        "license_token.errors",
        "license_token.license_key",
    },
    "mail_address.py": {"license_server.errors"},
    "errors.py": set(),
    "signing/rules.py": set(),
    "staff/roles.py": set(),
    "staff/principal.py": {"license_server.staff.roles"},
    "licenses/words.py": {"license_server.rules"},
    "outbox/letter.py": set(),
    "outbox/messages.py": {"license_server.outbox.letter"},
    "outbox/schedule.py": set(),
    "outbox/smtp_url.py": set(),
    "notices/rules.py": set(),
}
STANDARD = {
    "codecs",
    "collections.abc",
    "dataclasses",
    "datetime",
    "enum",
    "html",
    "ipaddress",
    "re",
    "textwrap",
    "types",
    "typing",
    "urllib.parse",
}
CLOCKS = ("datetime.now(", "date.today(", "time.time(")


def imported(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def strays(source: str) -> set[str]:
    """Return what the license server must never import."""
    return {name for name in imported(source) if name.split(".")[0] in ("sentari", "tests")}


def test_the_license_server_never_imports_the_customers_server() -> None:
    for path in PACKAGE.rglob("*.py"):
        assert strays(path.read_text()) == set(), path
    assert strays("from sentari.config import Settings") == {"sentari.config"}


def test_pure_modules_import_the_documents_and_the_standard_library_only() -> None:
    for name, allowed in PURE.items():
        found = set(imported((PACKAGE / name).read_text()))
        assert found - STANDARD <= allowed, name


def test_nothing_reads_a_clock_of_its_own() -> None:
    for path in PACKAGE.rglob("*.py"):
        source = path.read_text()
        assert not [call for call in CLOCKS if call in source], path


def test_flask_stays_in_the_shell() -> None:
    folders = ("licenses", "activations", "customers", "staff", "signing", "outbox", "notices")
    for folder in folders:
        for path in (PACKAGE / folder).glob("*.py"):
            assert "flask" not in set(imported(path.read_text())), path


def test_modules_and_functions_keep_to_their_sizes() -> None:
    for path in PACKAGE.rglob("*.py"):
        source = path.read_text()
        if "migrations" in path.parts:
            continue
        assert source.count("\n") <= 400, path
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef) and node.name != "create_app":
                assert (node.end_lineno or 0) - node.lineno < 40, f"{path}: {node.name}"
