"""A row that changed on the disk, or a page that was lost, is found by `flask audit verify`."""

from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from sentari.extensions import db
from tests.conftest import add_user

# PostgreSQL has its own tools and its own files.
pytestmark = pytest.mark.sqlite

ENTRIES = 40
# A part of one entry as it stands in the file: action and target are neighbors.
ENTRY = b"USER_CREATEDperson-20@example.com"


@pytest.fixture
def database(app: Flask) -> Path:
    """The file of an app with a log, all of it in the file."""
    for number in range(ENTRIES):
        add_user(app, f"person-{number}@example.com", "viewer")
    with app.app_context():
        path = Path(str(db.engine.url.database))
        db.engine.dispose()
    return path


def change_one_byte(content: bytearray) -> None:
    content[content.index(ENTRY) + len(ENTRY) - 1] ^= 0x01


def lose_a_page(content: bytearray) -> None:
    begin = content.index(ENTRY) // 4096 * 4096
    content[begin : begin + 4096] = b"\xa5" * 4096


@pytest.mark.parametrize(
    ("damage", "said"),
    [(change_one_byte, "the audit log is broken: "), (lose_a_page, "malformed")],
)
def test_what_changed_on_the_disk_is_found(
    app: Flask, database: Path, damage: Callable[[bytearray], None], said: str
) -> None:
    verify = ("audit", "verify")
    intact = app.test_cli_runner().invoke(args=verify)
    assert (intact.exit_code, "intact" in intact.stdout) == (0, True)
    with app.app_context():
        db.engine.dispose()
    content = bytearray(database.read_bytes())
    damage(content)
    database.write_bytes(content)
    broken = app.test_cli_runner().invoke(args=verify)
    assert broken.exit_code == 1
    assert said in broken.stderr
    assert len(broken.stderr.splitlines()) == 1
