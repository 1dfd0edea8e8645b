"""Schemathesis makes requests out of the OpenAPI document, right ones and wrong ones.

Every answer has a status, a type and a form that the document describes, and none is a bug.
"""

import contextlib

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.attacks.site import Site
from tests.test_openapi import DOCUMENT

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
# One in the suite; `-m slow` has a hundred of each.
FEW = settings(
    max_examples=1,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
MANY = settings(FEW, max_examples=100)


@pytest.fixture(scope="module")
def fuzzed(_online: Site) -> Site:
    _online.reset()
    return _online


def attack(site: Site, how: settings, mode: GenerationMode) -> int:
    """Send each operation its share of requests; return how many were answered."""
    schema = schemathesis.openapi.from_dict(DOCUMENT)
    schema.app = site.app
    count = 0
    for found in schema.get_all_operations():
        operation = found.ok()

        @how
        @given(operation.as_strategy(generation_mode=mode))
        def send(case: schemathesis.Case) -> None:
            nonlocal count
            # A minute later: how often one may ask is told elsewhere.
            site.clock.advance(61)
            token = site.device_token if "/agent/" in case.path else site.admin
            case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, checks=CHECKS)
            count += 1

        site.refresh()
        # An operation that takes nothing cannot be asked wrongly.
        with contextlib.suppress(Unsatisfiable):
            send()
    return count


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_every_operation_answers_as_it_is_described(fuzzed: Site, mode: GenerationMode) -> None:
    fuzzed.reset()
    assert attack(fuzzed, FEW, mode) >= 20


@pytest.mark.slow
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_every_operation_answers_a_hundred_times(fuzzed: Site, mode: GenerationMode) -> None:
    fuzzed.reset()
    attack(fuzzed, MANY, mode)
