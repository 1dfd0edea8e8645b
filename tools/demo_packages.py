"""Write what the demo's machines have installed, out of the real scans of the tests.

python -m tools.demo_packages sentari/demo/packages.json.gz
"""

import gzip
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

SCANS = Path(__file__).resolve().parent.parent / "tests" / "data" / "scans"

Record = dict[str, Any]

# Records that are there to be difficult: a demo is to look like somebody's real machines.
_ODD = {"<script>alert(1)</script>", "Ünïcode_Pkg", "gitdep", "noversion", "oldegg", "epochy"}
_PYTHON = ("pip", "venv", "uv", "poetry", "pipenv", "conda")


def catalogue() -> dict[str, list[Record]]:
    """Return the packages as agents send them, by the group that machines have them in."""
    workstation, mixed = _packages("workstation-2266"), _packages("mixed-ecosystems-42")
    jvm = [record for record in workstation if record["env_type"] == "jvm"]
    return {
        "deb": [record for record in workstation if record["env_type"] == "system_deb"],
        "python": [record for record in workstation if record["env_type"] in _PYTHON],
        "application": [record for record in mixed if record["env_type"] in _PYTHON],
        "web": [record for record in mixed if record["env_type"] in ("npm", "nuget")],
        "npm": list(_below_npm()),
        "java": [record for record in jvm if not _path(record).startswith("/home/")],
        "maven": [record for record in jvm if _path(record).startswith("/home/")],
    }


def _path(record: Record) -> str:
    return str(record.get("install_path", ""))


def _scan(name: str) -> Record:
    scan: Record = json.loads((SCANS / f"{name}.json").read_text(encoding="utf-8"))
    return scan


def _packages(name: str) -> list[Record]:
    return [record for record in _scan(name)["packages"] if record["name"] not in _ODD]


def _below_npm() -> Iterable[Record]:
    """Yield what npm brings with it, which the agent reports as evidence of licenses only."""
    root = "/usr/lib/node_modules"
    for found in _scan("server-459")["license_evidence"]:
        yield {
            "name": found["package_name"],
            "version": found["package_version"],
            "install_path": f"{root}/npm/node_modules/{found['package_name']}",
            "env_type": "npm",
            "environment": root,
            "license_raw": found["raw_text"],
            "license_spdx": found["spdx_id"],
            "license_tier": "permissive",
        }


def main() -> None:
    """Write the file; the same scans give the same bytes."""
    text = json.dumps(catalogue(), ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    Path(sys.argv[1]).write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    main()
