"""Validate bills of materials with the schema that CycloneDX publishes, as it was vendored."""

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

FOLDER = Path(__file__).parent / "data" / "cyclonedx"


@cache
def _validator() -> jsonschema_rs.Draft7Validator:
    documents = {path.name: json.loads(path.read_text()) for path in FOLDER.glob("*.schema.json")}
    # The files refer to each other by their names here.
    addresses = [(f"http://cyclonedx.org/schema/{name}", each) for name, each in documents.items()]
    registry = jsonschema_rs.Registry(addresses)
    schema = documents["bom-1.6.SNAPSHOT.schema.json"]
    return jsonschema_rs.Draft7Validator(schema, registry=registry, validate_formats=True)


def faults(document: dict[str, Any]) -> list[str]:
    """Return what the schema, and the rules that it cannot express, find wrong."""
    errors = _validator().iter_errors(document)
    found = [f"{error.instance_path}: {error.message[:200]}" for error in errors]
    refs = [part["bom-ref"] for part in _parts(document)]
    return found + [f"{ref} is there twice" for ref in set(refs) if refs.count(ref) > 1][:5]


def _parts(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [document["metadata"]["component"], *document["components"]]


def altered_files() -> list[str]:
    """Return the files that are not what was published."""
    listed = json.loads((FOLDER / "VENDOR.json").read_text())["files"]
    there = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in FOLDER.iterdir()
        if path.name != "VENDOR.json"
    }
    return sorted(
        name for name in listed.keys() | there.keys() if listed.get(name) != there.get(name)
    )
