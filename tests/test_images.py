"""What the two images hold, as the Dockerfile says: nothing of the vendor's is a customer's."""

import re
from pathlib import Path

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
