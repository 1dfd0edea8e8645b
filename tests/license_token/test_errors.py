import pytest

from license_token import errors


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.MalformedError, "malformed"),
        (errors.BadSignatureError, "bad_signature"),
        (errors.UntrustedKeyError, "untrusted_key"),
        (errors.CertificateInvalidError, "certificate_invalid"),
        (errors.LicenseKeyError, "mistyped_key"),
    ],
)
def test_every_refusal_has_its_code_and_is_of_the_one_family(
    error: type[errors.LicenseTokenError], code: str
) -> None:
    assert issubclass(error, errors.LicenseTokenError)
    assert issubclass(error, ValueError)
    assert error.code == code
    assert str(error("A sentence.")) == "A sentence."


def test_a_refusal_without_a_code_of_its_own_is_just_refused() -> None:
    assert errors.LicenseTokenError.code == "refused"
