"""The least that a server can do with a scan: read its body and parse it."""

import json

from flask import Flask, request

app = Flask(__name__)


@app.post("/scan")
def scan() -> tuple[dict[str, int], int]:
    """Say how many packages came."""
    document = json.loads(request.get_data())
    return {"packages_received": len(document["packages"])}, 202


@app.get("/readyz")
def ready() -> str:
    """Say that it is up."""
    return "ready"
