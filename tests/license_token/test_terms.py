from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from license_token.errors import MalformedError
from license_token.terms import LicenseTerms
from tests.license_token.claims import label
from tests.license_token.test_reply import TERMS


@pytest.mark.parametrize(
    "changes",
    [
        {"tier": ""},
        {"expires_at": datetime(2027, 6, 30)},  # noqa: DTZ001 - the mistake that is refused
        {"expires_at": "2027-06-30"},
        {"max_devices": -1},
        {"max_offline_days": 366},
        {"status": "paused"},
    ],
    ids=label,
)
def test_terms_that_could_not_be_read_are_not_made(changes: dict[str, Any]) -> None:
    with pytest.raises(MalformedError, match=next(iter(changes))):
        replace(TERMS, **changes)


def test_terms_survive_their_claims() -> None:
    assert LicenseTerms.from_claims(TERMS.to_claims()) == TERMS
    assert TERMS.to_claims()["expires_at"] == "2027-06-30"
