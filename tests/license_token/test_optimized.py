"""Python's -O takes every `assert` out: no refusal may depend on one."""

import ast
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent

PROBE = """
import sys
assert False, "this must not be executed"
from tests.license_token import test_known_answers as answers
from tests.license_token.cast import ROOTS, STRANGER, certificate, reply, request
from license_token.errors import LicenseTokenError
from license_token.license_key import LicenseKey
from license_token.reply import read_reply
from license_token.request import read_request

read_reply(answers.REPLY, ROOTS)
read_request(answers.REQUEST)
accepted = []
for read in (
    lambda: read_reply(reply(STRANGER), ROOTS),
    lambda: read_reply(reply(cert=certificate(STRANGER)), ROOTS),
    lambda: read_reply(reply(max_devices=True), ROOTS),
    lambda: read_reply(answers.REPLY[:-1] + "A", ROOTS),
    lambda: read_request(request(STRANGER)),
    lambda: LicenseKey.parse("SENT-00000-00000-00000-00000-00000"),
):
    try:
        accepted.append(read())
    except LicenseTokenError:
        pass
sys.exit(len(accepted))
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-O", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


def test_documents_are_refused_without_asserts() -> None:
    result = run("-c", PROBE)
    assert result.returncode == 0, result.stderr


def test_no_module_of_the_documents_asserts_anything() -> None:
    for path in (ROOT / "license_token").glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert not any(isinstance(node, ast.Assert) for node in ast.walk(tree)), path
