import contextlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sentari.agents.signing_request import (
    MAX_CSR_CHARACTERS,
    SigningRequestError,
    read_device_key,
)
from tests.sentari.agents.csrs import UNUSABLE, by_openssl, csr, der, new_key, pem, signed


def test_the_key_of_an_agents_request_is_read():
    key = new_key()
    assert read_device_key(csr(key)) == key.public_key()
    assert read_device_key("\n" + csr(key).replace("\n", "\r\n")) == key.public_key()


def test_what_else_a_request_asks_for_does_not_matter():
    key = new_key()
    hash_algorithm = x509.load_pem_x509_csr(csr().encode()).signature_hash_algorithm
    assert read_device_key(signed(key, hash_algorithm, ca=True)) == key.public_key()


@pytest.mark.parametrize("make", UNUSABLE.values(), ids=UNUSABLE)
def test_a_request_that_cannot_be_used_is_refused(make):
    with pytest.raises(SigningRequestError):
        read_device_key(make())


def test_requests_that_only_other_tools_make_are_refused(tmp_path):
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
    assert isinstance(read_device_key(by_openssl(tmp_path, *curve)), ec.EllipticCurvePublicKey)
    for arguments in (
        (*curve, "-sha1"),
        (*curve, "-pkeyopt", "ec_param_enc:explicit"),
        ("-newkey", "rsa:512"),
    ):
        with pytest.raises(SigningRequestError):
            read_device_key(by_openssl(tmp_path, *arguments))


def test_a_request_signed_by_another_key_is_refused():
    key, other = new_key(), new_key()
    forged = der(csr(key)).replace(_point(key), _point(other))
    with pytest.raises(SigningRequestError, match="signed by its own key"):
        read_device_key(pem(forged))


def test_a_request_has_a_limit():
    text = csr()
    assert read_device_key(text + " " * (MAX_CSR_CHARACTERS - len(text)))
    with pytest.raises(SigningRequestError, match="at most"):
        read_device_key(text + " " * (MAX_CSR_CHARACTERS - len(text) + 1))


SAMPLE = der(csr())
VERSION = SAMPLE.index(b"\x02\x01\x00") + 2
REPLACED = st.tuples(st.integers(0, len(SAMPLE) - 1), st.integers(0, 255))


@settings(max_examples=300, deadline=None)
@given(st.lists(REPLACED, min_size=1, max_size=4))
@example([(VERSION, 2)])
def test_a_damaged_request_never_ends_in_another_error(replaced):
    raw = bytearray(SAMPLE)
    for place, value in replaced:
        raw[place] = value
    with contextlib.suppress(SigningRequestError):
        assert read_device_key(pem(bytes(raw))).curve.name == "secp256r1"


def _point(key):
    return key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
