"""Write the API's OpenAPI document: what `make openapi` calls.

python -m tools.openapi docs/openapi.json
"""

import json
import sys
import tempfile
from pathlib import Path

from apiflask import APIFlask

from sentari import create_app
from sentari.config import Settings


def render(app: APIFlask) -> str:
    """Return the document in the form in which it is kept, so that changes can be read."""
    return json.dumps(app.spec, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def main(path: str) -> None:
    """Write the document that the code makes; no setting changes it."""
    with tempfile.TemporaryDirectory() as directory:
        settings = Settings(f"sqlite:///{directory}/none.db", Path(directory), secret_key="-" * 32)
        Path(path).write_text(render(create_app(settings)), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
