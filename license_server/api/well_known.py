"""What everybody may know of the vendor's keys."""

import json

from apiflask import APIBlueprint
from flask.typing import ResponseReturnValue

from license_server.access import access
from license_server.extensions import current, db
from license_server.signing.ceremony import live_certificates, root_set

blueprint = APIBlueprint("well_known", __name__, tag="Keys")


@blueprint.get("/.well-known/sentari-license-keys.json")
@access(public=True)
def keys() -> ResponseReturnValue:
    """Publish the roots, as the JWK Set that servers pin, and the certificates in force."""
    session, server = db.session(), current()
    body = {
        "issuer": server.settings.issuer_url,
        "roots": json.loads(root_set(session).to_json()),
        "certificates": live_certificates(session, server.clock.now()),
    }
    return body, 200, {"Cache-Control": "public, max-age=300"}
