"""The commands to be copied: run by a real shell, with hostile addresses and tokens."""

import json
import shutil
import subprocess

import pytest

from sentari.agents.enroll_commands import (
    agent_commands,
    is_unsafe,
    scan_command,
    script_commands,
)

URL = "https://sentari.example.com:8000"
TOKEN = "stre_abc-DEF_123"
PIN = "AB:CD:EF"
HOSTILE = "https://x/'; touch hacked; echo '\"$(touch hacked)`touch hacked`"
SYSTEMS = ["Linux", "macOS", "Windows"]


def by_system(commands):
    return {command.system: command.text for command in commands}


def test_each_system_has_a_command_with_address_token_and_pin():
    found = by_system(agent_commands(URL, TOKEN, PIN))
    assert list(found) == SYSTEMS
    for text in found.values():
        assert URL in text
        assert TOKEN in text
        assert f"--bootstrap-ca-fingerprint {PIN}" in text.replace("'", "")
        assert "--enroll-token-file" in text


def test_without_a_pin_none_is_named():
    for text in by_system(agent_commands(URL, TOKEN)).values():
        assert "fingerprint" not in text


def test_each_system_has_a_command_for_scripts():
    found = by_system(script_commands(URL, TOKEN))
    assert list(found) == SYSTEMS
    for text in found.values():
        assert f"{URL}/api/v1/agent/register" in text
        assert TOKEN in text
    assert f"{URL}/api/v1/agent/scan" in scan_command(URL)


@pytest.fixture
def shell(tmp_path):
    """Run a command where `sudo`, `curl` and the agent only write down what they are given."""
    for name in ("curl", "sentari-agent", "cat", "ioreg"):
        tool = tmp_path / "bin" / name
        tool.parent.mkdir(exist_ok=True)
        tool.write_text(f'#!/bin/sh\nprintf "%s\\0" "$@" > "{tmp_path}/{name}.args"\n')
        tool.chmod(0o755)
    sudo = tmp_path / "bin" / "sudo"
    # The command that writes the token's file is only looked at.
    sudo.write_text('#!/bin/sh\n[ "$1" = sh ] && exec /bin/cat > token || exec "$@"\n')
    sudo.chmod(0o755)

    def run(command):
        env = {"PATH": f"{tmp_path}/bin:/usr/bin:/bin"}
        bash = shutil.which("bash")
        subprocess.run([bash, "-c", command], cwd=tmp_path, env=env, check=True, timeout=20)
        return tmp_path

    return run


def arguments(directory, name):
    return (directory / f"{name}.args").read_text().split("\0")[:-1]


@pytest.mark.parametrize("url", [URL, HOSTILE])
def test_the_shell_hands_the_agent_what_was_meant(shell, url):
    there = shell(by_system(agent_commands(url, TOKEN, PIN))["Linux"])
    assert arguments(there, "sentari-agent") == [
        "--serve",
        "--server-url",
        url,
        "--enroll-token-file",
        "/etc/sentari/enroll-token",
        "--bootstrap-ca-fingerprint",
        PIN,
    ]
    assert (there / "token").read_text() == TOKEN
    assert not (there / "hacked").exists()


@pytest.mark.parametrize("system", ["Linux", "macOS"])
def test_the_shell_hands_curl_one_json_document(shell, system):
    there = shell(by_system(script_commands(HOSTILE, TOKEN))[system])
    found = arguments(there, "curl")
    assert found[1] == f"{HOSTILE}/api/v1/agent/register"
    document = json.loads(found[-1])
    assert document["enrollment_token"] == TOKEN
    assert set(document) == {
        "hostname", "os", "arch", "agent_version", "machine_id", "enrollment_token",
    }  # fmt: skip
    assert not (there / "hacked").exists()


def test_powershell_takes_quotes_literally():
    text = by_system(agent_commands("https://o'hara", TOKEN))["Windows"]
    assert "--server-url 'https://o''hara'" in text


@pytest.mark.parametrize(
    ("url", "unsafe"),
    [
        (URL, False),
        ("http://localhost:8000", False),
        ("http://127.0.0.1:8000", False),
        ("http://[::1]:8000", False),
        ("http://sentari.example.com", True),
        ("http://localhost.example.com", True),
    ],
)
def test_an_address_without_tls_is_for_this_machine_only(url, unsafe):
    assert is_unsafe(url) is unsafe
