"""What comes from others is what was published, and says whose it is."""

import hashlib
import json
from pathlib import Path

STATIC = Path(__file__).parent.parent / "static"


def listed(static: Path) -> dict[str, dict[str, str]]:
    entries = json.loads((static / "vendor" / "VENDOR.json").read_text())
    return {entry["file"]: entry for entry in entries}


def differing(static: Path) -> list[str]:
    """Return the listed files whose content is not the one that was vendored."""
    return [
        name
        for name, entry in listed(static).items()
        if hashlib.sha256((static / name).read_bytes()).hexdigest() != entry["sha256"]
    ]


def test_every_vendored_file_has_the_hash_it_was_vendored_with() -> None:
    assert differing(STATIC) == []


def test_a_changed_file_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "vendor").mkdir()
    (tmp_path / "vendor" / "a.css").write_text("a{color:red}")
    entry = {"file": "vendor/a.css", "sha256": hashlib.sha256(b"a{color:blue}").hexdigest()}
    (tmp_path / "vendor" / "VENDOR.json").write_text(json.dumps([entry]))
    assert differing(tmp_path) == ["vendor/a.css"]


def test_every_file_in_the_vendor_folder_is_listed() -> None:
    files = {str(path.relative_to(STATIC)) for path in (STATIC / "vendor").rglob("*.*")}
    assert files - {"vendor/VENDOR.json"} <= listed(STATIC).keys()


def test_every_entry_names_its_package_version_and_license() -> None:
    for entry in listed(STATIC).values():
        assert entry["package"]
        assert entry["version"]
        assert entry["license"] == "MIT"
        assert len(entry["package_sha256"]) == 64


def test_the_license_text_of_each_package_is_shipped() -> None:
    for name, owner in (("tabler", "The Tabler Authors"), ("tabler-icons", "Paweł Kuna")):
        text = (STATIC / "vendor" / f"LICENSE-{name}.txt").read_text()
        assert "MIT License" in text
        assert owner in text
        assert "WITHOUT WARRANTY OF ANY KIND" in text


def test_no_style_sheet_loads_anything_from_elsewhere() -> None:
    for path in STATIC.rglob("*.css"):
        text = path.read_text()
        assert "data:" not in text, path
        assert "@import" not in text, path
        assert "url(http" not in text, path
        assert "url(//" not in text, path


def test_every_picture_of_a_style_sheet_is_there() -> None:
    css = (STATIC / "vendor" / "tabler.css").read_text()
    names = [part.split(")")[0] for part in css.split("url(")[1:]]
    assert names
    for name in names:
        assert (STATIC / "vendor" / name).is_file(), name
