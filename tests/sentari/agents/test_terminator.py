import hashlib
import ssl
from urllib.parse import quote

import pytest

from sentari.agents.authority import certificate_pem, create_authority
from sentari.agents.terminator import TerminatorError, fingerprint_of_pem, read_fingerprint
from tests.clocks import NOON

HEX = "0123456789abcdef" * 4
COLONS = ":".join(HEX[n : n + 2] for n in range(0, 64, 2))
PEM = certificate_pem(create_authority(NOON).certificate)


@pytest.mark.parametrize("text", [HEX, HEX.upper(), COLONS, COLONS.upper(), f" {HEX} "])
def test_a_fingerprint_is_read_in_any_case_with_colons_or_without(text):
    assert read_fingerprint(text) == HEX


@pytest.mark.parametrize(
    "text",
    [
        "x",
        HEX[:40],
        HEX[:-1],
        HEX + "0",
        f"{HEX},{HEX}",
        COLONS[:-3],
        COLONS[1:],
        ":" + COLONS,
        HEX[:-1] + "g",
        HEX[:32] + ":" + HEX[32:],
        "\N{FULLWIDTH DIGIT ONE}" * 64,
    ],
)
def test_what_is_no_sha_256_is_refused(text):
    with pytest.raises(TerminatorError, match="64 digits"):
        read_fingerprint(text)


@pytest.mark.parametrize(
    "text", [quote(PEM), quote(PEM, safe=""), quote(PEM.strip()), quote(PEM, safe="+/= ")]
)
def test_a_certificate_is_read_from_escaped_pem(text):
    expected = hashlib.sha256(ssl.PEM_cert_to_DER_cert(PEM)).hexdigest()
    assert fingerprint_of_pem(text) == expected


@pytest.mark.parametrize(
    "text",
    ["x", quote(PEM * 2), f"{quote(PEM)},{quote(PEM)}", quote(PEM[:-30]), quote("x" + PEM), "%FF"],
)
def test_what_is_not_one_certificate_is_refused(text):
    with pytest.raises(TerminatorError, match="URL-escaped PEM"):
        fingerprint_of_pem(text)
