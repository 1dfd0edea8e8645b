"""Rebuild static/vendor and the icon sprite from the published npm packages.

Usage: npm pack @tabler/core@1.6.1 @tabler/icons@3.51.0
       python -m tools.vendor_static tabler-core-1.6.1.tgz tabler-icons-3.51.0.tgz
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import tarfile
from pathlib import Path

from tools.vendor_css import derive

STATIC = Path(__file__).parent.parent / "static"
VENDOR = STATIC / "vendor"
ICONS = {
    "overview": "layout-dashboard", "device": "device-desktop", "package": "package",
    "audit": "history", "license": "certificate", "user": "user", "users": "users",
    "enrollment": "device-desktop-plus", "token": "key", "settings": "settings",
    "sign-out": "logout", "menu": "menu-2", "close": "x", "search": "search",
    "filter": "filter", "columns": "columns", "check": "check", "ok": "circle-check",
    "warning": "alert-triangle", "danger": "alert-circle", "info": "info-circle",
    "clock": "clock", "calendar": "calendar", "download": "download", "upload": "upload",
    "refresh": "refresh", "trash": "trash", "plus": "plus", "edit": "pencil",
    "copy": "copy", "external": "external-link", "lock": "lock", "shield": "shield",
    "shield-off": "shield-off", "up": "chevron-up", "down": "chevron-down",
    "left": "chevron-left", "right": "chevron-right", "sort": "selector",
    "arrow-right": "arrow-right", "offline": "cloud-off", "network": "plug-connected",
    "server": "server", "terminal": "terminal-2", "file": "file-text", "qr": "qrcode",
    "stop": "ban", "activity": "activity", "database": "database", "tag": "tag",
    "help": "help-circle", "mail": "mail", "eye": "eye", "link": "link", "building": "building",
    "minus": "minus", "folder": "folder", "cpu": "cpu", "bug": "bug", "pause": "player-pause",
    "map": "map-pin", "printer": "printer", "chart": "chart-bar", "world": "world",
}  # fmt: skip


class Package:
    """One npm tarball: its files, and what VENDOR.json says about it."""

    def __init__(self, path: Path) -> None:
        """Open the tarball at ``path``."""
        self._tar = tarfile.open(path)  # noqa: SIM115 - closed with the process, read at random
        manifest = json.loads(self.read("package.json"))
        self.source = {
            "package": manifest["name"],
            "version": manifest["version"],
            "license": manifest["license"],
            "package_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }

    def read(self, name: str) -> str:
        """Return the text of one file of the package."""
        member = self._tar.extractfile(f"package/{name}")
        if member is None:
            raise SystemExit(f"package/{name} is not a file")
        return member.read().decode()


def sprite(icons: Package) -> str:
    """Return one SVG file with a symbol per icon, drawn in the text's color."""
    symbols = []
    for name, original in sorted(ICONS.items()):
        svg = icons.read(f"icons/outline/{original}.svg")
        shapes = re.findall(r"<(?:path|circle|rect|line|polyline)\b(?![^>]*\"none\")[^>]*/>", svg)
        symbols.append(f'<symbol id="{name}" viewBox="0 0 24 24">{"".join(shapes)}</symbol>')
    notice = "<!-- From Tabler Icons; see vendor/LICENSE-tabler-icons.txt -->"
    body = "\n".join(symbols)
    return f'<svg xmlns="http://www.w3.org/2000/svg">\n{notice}\n{body}\n</svg>\n'


def license_of_core(core: Package, icons: Package) -> str:
    """Return the MIT license with the copyright lines of the style sheet's head.

    The package names its license and its authors, but ships no license file.
    """
    head = core.read("dist/css/tabler.min.css")[:600]
    owners = "\n".join(re.findall(r"Copyright [^\n]*", head))
    return re.sub(r"Copyright \(c\)[^\n]*", lambda _: owners, icons.read("LICENSE"))


def write(core: Package, icons: Package) -> None:
    """Write every vendored file and the list that names their hashes."""
    derived = derive(core.read("dist/css/tabler.min.css"))
    files = {"vendor/tabler.css": (derived.css, core)}
    files |= {f"vendor/tabler/{name}": (svg, core) for name, svg in derived.pictures.items()}
    files["icons.svg"] = (sprite(icons), icons)
    files["vendor/LICENSE-tabler-icons.txt"] = (icons.read("LICENSE"), icons)
    files["vendor/LICENSE-tabler.txt"] = (license_of_core(core, icons), core)
    for old in (VENDOR / "tabler").glob("*.svg"):
        old.unlink()
    (VENDOR / "tabler").mkdir(parents=True, exist_ok=True)
    listed = []
    for name, (text, package) in sorted(files.items()):
        (STATIC / name).write_text(text)
        digest = hashlib.sha256(text.encode()).hexdigest()
        listed.append({"file": name, "sha256": digest, **package.source})
    (VENDOR / "VENDOR.json").write_text(json.dumps(listed, indent=2) + "\n")


if __name__ == "__main__":
    write(Package(Path(sys.argv[1])), Package(Path(sys.argv[2])))
