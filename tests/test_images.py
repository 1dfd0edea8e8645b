"""What the two images hold, as the Dockerfile says: nothing of the vendor's is a customer's."""

import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from tests.live.servers import START_SECONDS, Process, environment, free_port

ROOT = Path(__file__).resolve().parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def stages(dockerfile: str) -> dict[str, tuple[str, list[str]]]:
    """Return each stage's base and what it copies from the build context, in order."""
    found: dict[str, tuple[str, list[str]]] = {}
    name = ""
    for line in dockerfile.replace("\\\n", " ").splitlines():
        if start := re.match(r"FROM (\S+) AS (\S+)", line):
            base, name = start.groups()
            found[name] = (base, [])
        elif re.match(r"(COPY|ADD) ", line) and "--from=" not in line:
            found[name][1].extend(line.split()[1:-1])
    return found


def copied(dockerfile: str, target: str) -> list[str]:
    """Return what an image gets from the build context, its bases' part included."""
    base, paths = stages(dockerfile)[target]
    return [*(copied(dockerfile, base) if base in stages(dockerfile) else []), *paths]


def vendors(paths: list[str]) -> list[str]:
    """Return the paths that are, hold or lie in something of the vendor's."""
    names = ("license_server", "templates/license_server")
    return [
        path
        for path in (path.strip("./") for path in paths)
        if any(f"{name}/".startswith(f"{path}/") or path.startswith(f"{name}/") for name in names)
        or path in ("", "*")
    ]


def test_the_customers_image_is_the_default_and_holds_nothing_of_the_vendors() -> None:
    target = list(stages(DOCKERFILE))[-1]
    assert target == "server"
    assert vendors(copied(DOCKERFILE, target)) == []
    assert copied(DOCKERFILE, target) == [
        "serverkit",
        "license_token",
        "app.py",
        "gunicorn.conf.py",
        "sentari",
        "templates/shared",
        "templates/sentari",
        "static",
    ]


def test_the_vendors_image_holds_its_pages_and_nothing_of_the_customers() -> None:
    assert copied(DOCKERFILE, "license-server") == [
        "serverkit",
        "license_token",
        "license_server",
        "templates/shared",
        "templates/license_server",
        "static",
    ]


def test_whatever_would_bring_the_vendors_code_along_is_noticed() -> None:
    for path in (".", "./", "templates", "license_server", "license_server/rules.py", "*"):
        dockerfile = f"FROM python AS base\nCOPY --from=x . .\nCOPY {path} /srv\n"
        assert vendors(copied(dockerfile, "base")), path


def test_what_is_copied_is_there() -> None:
    for target in stages(DOCKERFILE):
        for path in copied(DOCKERFILE, target):
            assert (ROOT / path).exists(), path


def stage(target: str) -> str:
    """Return the lines of one stage."""
    found = re.search(rf"^FROM \S+ AS {target}$(.*?)(?=^FROM |\Z)", DOCKERFILE, re.M | re.S)
    assert found is not None
    return found[1]


def argument_lists(target: str) -> tuple[list[str], list[str]]:
    """Return what the image runs to look at its health, and what it runs."""
    health, command = re.findall(r"CMD (\[.+\])$", stage(target), re.M)
    return json.loads(health), json.loads(command)


def unpacked(target: str, directory: Path) -> Process:
    """Put what the image gets, and nothing else, into a directory, ready to start there."""
    image, data = directory / "image", directory / "data"
    for path in (image, data):
        path.mkdir()
    for path in copied(DOCKERFILE, target):
        if (ROOT / path).is_dir():
            left_out = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / path, image / path, ignore=left_out)
        else:
            shutil.copy(ROOT / path, image / path)
    [variable] = re.findall(r"^ENV (\w+_DATA_DIR)=", stage(target), re.M)
    arguments = tuple(argument_lists(target)[1][1:])
    env = environment(**{variable: str(data)})
    return Process(env, free_port(), directory / "log", arguments, root=image)


def modules(process: Process, imported: str) -> set[str]:
    """Return the packages that are loaded after an import, in the image."""
    code = f"import {imported}, sys; print(*(name.split('.')[0] for name in sys.modules))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=process.root, env=process.env, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def is_healthy(target: str, process: Process) -> bool:
    """Run the image's own health check on the port that it has here."""
    program, *arguments, _port = argument_lists(target)[0]
    assert program == "python"
    command = [sys.executable, *arguments, str(process.port)]
    done = subprocess.run(command, cwd=process.root, env=process.env, check=False)
    return done.returncode == 0


def wait_healthy(target: str, process: Process) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not is_healthy(target, process):
        assert time.monotonic() < deadline, process.log.read_text()


@pytest.mark.live
def test_the_customers_server_runs_without_the_vendors_code(tmp_path: Path) -> None:
    process = unpacked("server", tmp_path)
    assert not list(process.root.rglob("*license_server*"))
    loaded = modules(process, "app")
    assert {"sentari", "serverkit", "license_token"} <= loaded
    assert "license_server" not in loaded
    process.start()
    try:
        assert requests.get(f"{process.url}/login", timeout=10).status_code == 200
        assert is_healthy("server", process)
    finally:
        process.stop()
    assert not is_healthy("server", process)


@pytest.mark.live
def test_the_vendors_server_runs_without_the_customers_code(tmp_path: Path) -> None:
    process = unpacked("license-server", tmp_path)
    assert "sentari" not in modules(process, "license_server")
    process.start(wait=False)  # it is ready when it has keys
    wait_healthy("license-server", process)
    try:
        assert requests.get(f"{process.url}/login", timeout=10).status_code == 200
        assert "keys init" in requests.get(f"{process.url}/readyz", timeout=10).text
    finally:
        process.stop()
