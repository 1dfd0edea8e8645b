"""The commands that enroll a machine, ready to be copied. PURE.

They use the options that the public agent has (`sentari-agent --help`): the token goes through a
file that only administrators read, because every user of a machine sees a running program's
arguments.
"""

import shlex
from dataclasses import dataclass
from urllib.parse import urlsplit

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class EnrollCommand:
    """What to type on one system."""

    system: str
    shell: str
    text: str


def agent_commands(server_url: str, token: str, pin: str | None = None) -> list[EnrollCommand]:
    """Return for each system how its agent is started with a token.

    `pin` is the SHA-256 of the server's TLS certificate in hex; None when the server has none or
    does not know it.
    """
    posix = _posix_agent(server_url, token, pin)
    return [
        EnrollCommand("Linux", "a shell", posix),
        EnrollCommand("macOS", "Terminal", posix),
        EnrollCommand(
            "Windows", "PowerShell as administrator", _windows_agent(server_url, token, pin)
        ),
    ]


def script_commands(server_url: str, token: str) -> list[EnrollCommand]:
    """Return for each system how a script enrolls it without the agent."""
    on_linux = "$(cat /etc/machine-id)"
    on_macos = "$(ioreg -rd1 -c IOPlatformExpertDevice | awk -F'\"' '/IOPlatformUUID/ {print $4}')"
    return [
        EnrollCommand("Linux", "a shell", _posix_script(server_url, token, "linux", on_linux)),
        EnrollCommand("macOS", "Terminal", _posix_script(server_url, token, "darwin", on_macos)),
        EnrollCommand("Windows", "PowerShell", _windows_script(server_url, token)),
    ]


def scan_command(server_url: str) -> str:
    """Return how a script uploads a scan."""
    return (
        f"curl -fsS {shlex.quote(server_url + '/api/v1/agent/scan')} \\\n"
        "  -H 'Content-Type: application/json' \\\n"
        '  -H "Authorization: Bearer $DEVICE_TOKEN" \\\n'
        "  --data-binary @scan.json"
    )


def is_unsafe(server_url: str) -> bool:
    """Tell whether agents refuse or should refuse this address: no TLS, and another machine."""
    parts = urlsplit(server_url)
    return parts.scheme != "https" and parts.hostname not in _LOOPBACK


def _posix_agent(server_url: str, token: str, pin: str | None) -> str:
    path = "/etc/sentari/enroll-token"
    pinned = f" \\\n  --bootstrap-ca-fingerprint {shlex.quote(pin)}" if pin else ""
    return (
        f"printf '%s' {shlex.quote(token)} | "
        f"sudo sh -c 'umask 077; mkdir -p /etc/sentari; cat > {path}'\n"
        f"sudo sentari-agent --serve --server-url {shlex.quote(server_url)} \\\n"
        f"  --enroll-token-file {path}{pinned}"
    )


def _windows_agent(server_url: str, token: str, pin: str | None) -> str:
    pinned = f" `\n  --bootstrap-ca-fingerprint {_quoted(pin)}" if pin else ""
    return (
        '$dir = "$env:ProgramData\\Sentari"\n'
        "New-Item -ItemType Directory -Force $dir | Out-Null\n"
        "icacls $dir /inheritance:r /grant '*S-1-5-18:(OI)(CI)F' `\n"
        "  '*S-1-5-32-544:(OI)(CI)F' | Out-Null\n"
        f'Set-Content -NoNewline "$dir\\enroll-token" {_quoted(token)}\n'
        f"sentari-agent.exe --serve --server-url {_quoted(server_url)} `\n"
        f'  --data-dir $dir --enroll-token-file "$dir\\enroll-token"{pinned}'
    )


def _posix_script(server_url: str, token: str, system: str, machine_id: str) -> str:
    members = {
        "hostname": "$(hostname)",
        "os": system,
        "arch": "$(uname -m)",
        "agent_version": "script",
        "machine_id": machine_id,
    }
    # Within double quotes the shell fills in what it is asked for; the token is quoted by itself.
    body = ", ".join(f'\\"{name}\\": \\"{value}\\"' for name, value in members.items())
    return (
        f"curl -fsS {shlex.quote(server_url + '/api/v1/agent/register')} \\\n"
        "  -H 'Content-Type: application/json' \\\n"
        f'  -d "{{{body}, \\"enrollment_token\\": \\""{shlex.quote(token)}"\\"}}"'
    )


def _windows_script(server_url: str, token: str) -> str:
    return (
        "$id = (Get-ItemProperty 'HKLM:\\SOFTWARE\\Microsoft\\Cryptography').MachineGuid\n"
        "$body = @{ hostname = $env:COMPUTERNAME; os = 'windows'; agent_version = 'script';\n"
        "  arch = $env:PROCESSOR_ARCHITECTURE; machine_id = $id;\n"
        f"  enrollment_token = {_quoted(token)} }} | ConvertTo-Json\n"
        f"Invoke-RestMethod {_quoted(server_url + '/api/v1/agent/register')} -Method Post `\n"
        "  -ContentType 'application/json' -Body $body"
    )


def _quoted(text: str) -> str:
    """Return a text as PowerShell takes it literally."""
    return "'" + text.replace("'", "''") + "'"
