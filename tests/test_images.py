"""What the two images hold, as the Dockerfile says: nothing of the vendor's is a customer's."""

import json
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests

import license_server.version
from sentari.version import VERSION
from tests.live.servers import START_SECONDS, Process, environment, free_port

ROOT = Path(__file__).resolve().parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text()


@dataclass
class Stage:
    """A stage of the Dockerfile: what it begins with, and what it copies, in order."""

    base: str
    paths: list[str] = field(default_factory=list)
    # Stage and path of what it takes over from another one.
    taken: list[tuple[str, str]] = field(default_factory=list)


def stages(dockerfile: str) -> dict[str, Stage]:
    """Return the stages by their names."""
    found: dict[str, Stage] = {}
    name = ""
    for line in dockerfile.replace("\\\n", " ").splitlines():
        if start := re.match(r"FROM (\S+) AS (\S+)", line):
            base, name = start.groups()
            found[name] = Stage(base)
        elif taken := re.match(r"(?:COPY|ADD) --from=(\S+) (\S+) \S+$", line):
            found[name].taken.append((taken[1], taken[2]))
        elif re.match(r"(COPY|ADD) ", line):
            found[name].paths.extend(line.split()[1:-1])
    return found


def copied(dockerfile: str, target: str) -> list[str]:
    """Return what an image gets from the build context, by whatever way."""
    known = stages(dockerfile)
    stage = known[target]
    sources = [stage.base, *(source for source, path in stage.taken if path in ("/srv", "/", "."))]
    indirect = [
        path for source in sources if source in known for path in copied(dockerfile, source)
    ]
    return [*indirect, *stage.paths]


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
        "app.py",
        "gunicorn.conf.py",
        "serverkit",
        "license_token",
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
        dockerfile += "FROM python AS image\nCOPY --from=base /srv /srv\n"
        assert vendors(copied(dockerfile, "image")), path


def test_nothing_but_whole_trees_and_single_files_is_taken_from_other_stages() -> None:
    for target, own in (("server", "sentari"), ("license-server", "sentari-license-server")):
        assert stages(DOCKERFILE)[target].taken == [
            (f"{target}-files", "/srv"),
            ("libraries", f"/build/{own}.cdx.json"),
        ]
    assert stages(DOCKERFILE)["base"].taken == [("libraries", "/venv")]


def test_what_is_copied_is_in_the_build_context_and_nothing_else_is() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert ignored[0] == "*"
    allowed = {line[1:] for line in ignored if line.startswith("!")}
    used = {path for stage in stages(DOCKERFILE).values() for path in stage.paths}
    assert {path for path in used if not any(is_within(path, each) for each in allowed)} == set()
    assert {each for each in allowed if not any(is_within(path, each) for path in used)} == set()


def is_within(path: str, directory: str) -> bool:
    return f"{path}/".startswith(f"{directory}/")


@pytest.mark.parametrize("target", ["server", "license-server"])
def test_an_image_runs_as_a_numeric_user_of_group_0_and_says_what_it_is(target: str) -> None:
    text = stage(target)
    assert re.findall(r"^USER (\S+)$", text, re.M) == ["10001:0"]
    [volume] = re.findall(r"^VOLUME (\S+)$", text, re.M)
    assert f"install -d -o 10001 -g 0 -m 0770 {volume}\n" in text
    assert f"_DATA_DIR={volume}\n" in text
    labels = {"title", "description", "source", "documentation", "vendor", "version", "revision"}
    assert set(re.findall(r"org\.opencontainers\.image\.(\w+)=", text)) == labels


def test_the_libraries_are_compared_with_their_hashes_and_leave_no_installer_behind() -> None:
    text = stage("libraries")
    assert "--require-hashes" in text
    assert "venv --without-pip" in text
    assert "pip install" not in DOCKERFILE
    assert not re.search(r"\b(curl|wget|apt-get)\b", DOCKERFILE)


def test_the_version_of_an_image_is_that_of_its_code() -> None:
    assert set(re.findall(r"^ARG VERSION=(.*)$", DOCKERFILE, re.M)) == {VERSION}
    assert license_server.version.VERSION == VERSION


def test_what_is_copied_is_there() -> None:
    for target in stages(DOCKERFILE):
        for path in copied(DOCKERFILE, target):
            assert (ROOT / path).exists(), path


@pytest.mark.parametrize(
    ("roots", "words"),
    [('{"keys": []}', "1 to 16"), ("{", "The root set"), ('{"keys": [{"kty": "oct"}]}', "OKP")],
)
def test_roots_that_cannot_be_read_end_the_build(roots: str, words: str) -> None:
    [code] = re.findall(r'&& python -c "(import sys; .*)" "\$LICENSE_ROOTS_JSON"; \\', DOCKERFILE)
    command = [sys.executable, "-c", code, roots]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert words in done.stderr.splitlines()[-1]


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
