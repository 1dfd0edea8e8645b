"""The same documents in an independent JOSE library, in both directions."""

import json
from typing import Any

import pytest
from joserfc import jws as jose
from joserfc.errors import BadSignatureError as JoseBadSignatureError
from joserfc.jwk import OKPKey

from license_token.certificate import issue_certificate
from license_token.errors import LicenseTokenError
from license_token.keys import public_jwk, thumbprint
from license_token.reply import read_reply, sign_reply
from license_token.request import read_request, sign_request
from tests.license_token.cast import (
    CERTIFICATE,
    CERTIFICATE_TYP,
    DAY,
    INSTANCE,
    LICENSE_TYP,
    NOW,
    REPLY,
    REQUEST,
    REQUEST_TYP,
    ROOT,
    ROOTS,
    SIGNER,
    STRANGER,
    b64,
    jwk,
    kid,
    public,
)
from tests.license_token.test_reply import CLAIMS as REPLY_CLAIMS
from tests.license_token.test_request import CLAIMS as REQUEST_CLAIMS

# RFC 9864 renames the algorithm to "Ed25519"; the documents keep the older name of RFC 8037.
pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
ALGORITHMS = ["EdDSA"]

OUR_CERTIFICATE = issue_certificate(
    ROOT,
    signing_public_key=public(SIGNER),
    not_before=NOW - 10 * DAY,
    expires=NOW + 90 * DAY,
    issued_at=NOW - 10 * DAY,
)
OUR_REPLY = sign_reply(REPLY_CLAIMS, signing_key=SIGNER, certificate=OUR_CERTIFICATE)
OUR_REQUEST = sign_request(REQUEST_CLAIMS, instance_key=INSTANCE)


def jose_key(key: Any, *, private: bool = False) -> OKPKey:
    return OKPKey.import_key({**jwk(key), **({"d": b64(bytes(key))} if private else {})})


def jose_sign(claims: dict[str, Any], typ: str, key: Any) -> str:
    header = {"alg": "EdDSA", "typ": typ, "kid": kid(key)}
    return jose.serialize_compact(
        header, json.dumps(claims).encode(), jose_key(key, private=True), algorithms=ALGORITHMS
    )


@pytest.mark.parametrize(
    ("text", "key", "typ", "claims"),
    [
        (OUR_CERTIFICATE, ROOT, CERTIFICATE_TYP, CERTIFICATE),
        (OUR_REPLY.split("~")[0], SIGNER, LICENSE_TYP, REPLY),
        (OUR_REPLY.split("~")[1], ROOT, CERTIFICATE_TYP, CERTIFICATE),
        (OUR_REQUEST, INSTANCE, REQUEST_TYP, REQUEST),
    ],
    ids=["certificate", "reply", "joined-certificate", "request"],
)
def test_our_documents_are_read_there(
    text: str, key: Any, typ: str, claims: dict[str, Any]
) -> None:
    read = jose.deserialize_compact(text, jose_key(key), algorithms=ALGORITHMS)
    assert read.protected == {"alg": "EdDSA", "typ": typ, "kid": kid(key)}
    assert json.loads(read.payload or b"") == claims
    with pytest.raises(JoseBadSignatureError):
        jose.deserialize_compact(text, jose_key(STRANGER), algorithms=ALGORITHMS)


def test_their_reply_is_read_here() -> None:
    certificate = jose_sign(CERTIFICATE, CERTIFICATE_TYP, ROOT)
    text = f"{jose_sign(REPLY, LICENSE_TYP, SIGNER)}~{certificate}"
    assert read_reply(text, ROOTS).claims == REPLY_CLAIMS
    with pytest.raises(LicenseTokenError):
        read_reply(f"{jose_sign(REPLY, LICENSE_TYP, STRANGER)}~{certificate}", ROOTS)


def test_their_request_is_read_here() -> None:
    assert read_request(jose_sign(REQUEST, REQUEST_TYP, INSTANCE)).claims == REQUEST_CLAIMS
    with pytest.raises(LicenseTokenError):
        read_request(jose_sign(REQUEST, REQUEST_TYP, STRANGER))


@pytest.mark.parametrize("key", [ROOT, SIGNER, INSTANCE, STRANGER])
def test_keys_and_thumbprints_agree(key: Any) -> None:
    theirs = OKPKey.import_key({**public_jwk(public(key))})
    assert theirs.thumbprint() == thumbprint(public(key)) == kid(key)
