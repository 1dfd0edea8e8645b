"""Any text at all, into every reader that strangers, operators or agents reach.

Each gives a value or its own refusal. The readers of signed documents, license keys, scans,
times, versions, searches, certificate requests and the vendor's answers have such tests beside
their own (`grep -rl hypothesis tests`); here are the rest.
"""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from license_server.config import Settings as VendorSettings
from license_server.outbox.smtp_url import parse_smtp_url
from license_server.signing.root_file import RootFileError, open_root
from sentari.agents.audit_shipment import read_shipment
from sentari.agents.identity import bearer_token
from sentari.agents.paths import PREFIX, plain_path
from sentari.agents.registration import read_registration
from sentari.agents.renewal import read_renewal
from sentari.agents.terminator import TerminatorError, fingerprint_of_pem, read_fingerprint
from sentari.config import Settings
from sentari.inventory.faults import ScanError
from sentari.inventory.filters import DeviceFilter, FilterError, PackageFilter
from sentari.inventory.purls import purl_of, read_purl
from serverkit.settings import SettingsError

few = settings(max_examples=60, deadline=None)
anything = st.text(st.characters(exclude_categories=[]), max_size=200)
# An environment holds no null characters, and headers are Latin-1.
environment = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
header = st.text(st.characters(max_codepoint=255), max_size=300)
like_url = st.one_of(
    environment,
    st.builds("".join, st.lists(st.sampled_from([
        "https://", "http://", "smtp://", "smtps://", "localhost", "[", "]", "::1", ":", "0",
        "99999", "user", "@", "/", "?", "#", "%", "%00", "a.example", "\u2100", "..", " ",
    ]))),
)  # fmt: skip
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | anything,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(anything, inner, max_size=3),
    max_leaves=6,
)
VALUES = [
    "DATABASE_URL", "SECRET_KEY", "LICENSE_KEY", "LICENSE_MODE", "LICENSE_SERVER_URL",
    "LICENSE_ISSUER", "LICENSE_CHECK_INTERVAL_SECONDS", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY",
    "MTLS_REQUIRED", "TRUSTED_PROXIES", "TLS", "TLS_CA_FILE", "TLS_CERT", "CA_BUNDLE",
    "PUBLIC_URL", "METRICS_TOKEN", "METRICS_TOKEN_FILE", "LOG_LEVEL", "DEBUG", "DRAIN_SECONDS",
    "LICENSE_PUBLIC_KEY_PATH", "ENROLLMENT_TOKEN", "BOOTSTRAP_ADMIN_EMAIL",
]  # fmt: skip


def refused(
    family: type[Exception], read: Callable[[Any], object], given: object
) -> Exception | None:
    """Return the refusal of one family, or None for what is read; anything else is a bug."""
    try:
        read(given)
    except family as refusal:
        return refusal
    return None


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@given(name=st.sampled_from(VALUES), value=like_url)
@example(name="TRUSTED_PROXIES", value="\u0664")
@example(name="LICENSE_CHECK_INTERVAL_SECONDS", value="9" * 5000)
@example(name="PUBLIC_URL", value="http://[")
@example(name="DATABASE_URL", value="postgresql+psycopg://[")
@few
def test_any_setting_is_read_or_refused_by_its_name(data_dir: Path, name: str, value: str) -> None:
    environ = {"SENTARI_DATA_DIR": str(data_dir), f"SENTARI_{name}": value}
    refusal = refused(SettingsError, Settings.from_env, environ)
    assert getattr(refusal, "variable", "SENTARI_").startswith("SENTARI_")


@given(name=st.sampled_from(["DATABASE_URL", "ISSUER_URL", "SMTP_URL", "MAIL_FROM",
                             "TRUSTED_PROXIES"]), value=like_url)  # fmt: skip
@example(name="SMTP_URL", value="smtp://[::1")
@few
def test_any_setting_of_the_license_server_is_read_or_refused_by_its_name(
    data_dir: Path, name: str, value: str
) -> None:
    environ = {"LICENSE_SERVER_DATA_DIR": str(data_dir), f"LICENSE_SERVER_{name}": value}
    with contextlib.suppress(SettingsError):
        VendorSettings.from_env(environ)


@given(like_url)
@few
def test_any_mail_server_is_read_or_refused_without_repeating_it(text: str) -> None:
    refusal = refused(ValueError, parse_smtp_url, text)
    assert len(text) < 9 or text not in str(refusal)


@given(header)
@example("%00")
@example(quote("-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----"))
@example("-----BEGIN%20CERTIFICATE-----%0A====%0A-----END%20CERTIFICATE-----")
@few
def test_any_terminators_header_is_a_fingerprint_or_refused(text: str) -> None:
    for read in (read_fingerprint, fingerprint_of_pem):
        refusal = refused(TerminatorError, read, text)
        assert len(text) < 9 or text not in str(refusal)
        assert refusal or len(read(text)) == 64


@given(header)
@example("bearer\u00a0x")
@few
def test_any_authorization_is_a_token_or_none(text: str) -> None:
    token = bearer_token(text)
    assert token is None or token.strip()


@given(header)
@few
def test_any_path_is_an_agents_or_stays_as_it_is(text: str) -> None:
    plain = plain_path(text)
    assert plain == text or (plain.startswith(PREFIX) and not plain.endswith("/"))


@given(anything)
@example("pkg:")
@example("pkg:deb/@")
@example("pkg:rpm/a@1?epoch=%00")
@example("pkg:npm/%40/x@")
@few
def test_any_purl_is_read_or_is_none(text: str) -> None:
    for each in (text, f"pkg:{text}", f"pkg:pypi/{text}"):
        found = read_purl(each)
        assert found is None or found.name


@given(st.sampled_from(["pypi", "npm", "maven", "deb", "rpm", "nuget", "conda", "x"]), anything,
       anything)  # fmt: skip
@few
def test_any_package_has_a_purl_that_is_read_again_or_none(
    ecosystem: str, name: str, version: str
) -> None:
    text = purl_of(ecosystem, name, version)
    assert text is None or read_purl(text) is not None


READERS: list[Any] = [read_registration, read_renewal, read_shipment]


@given(st.one_of(json_values.map(lambda value: json.dumps(value).encode()), st.binary()))
@example(b"[" * 100_000)
@example(b'{"csr":' * 5000)
@example(b'{"hostname":1e999}')
@example(b"\xff\xfe{}")
@few
def test_any_body_of_an_agent_is_read_or_refused(body: bytes) -> None:
    for read in READERS:
        with contextlib.suppress(ScanError):
            read(body)


MEMBERS = ["hostname", "enrollment_token", "os", "arch", "agent_version", "machine_id", "csr",
           "device_id", "entries"]  # fmt: skip


@given(st.dictionaries(st.sampled_from(MEMBERS), json_values))
@few
def test_any_value_of_an_agents_member_is_read_or_refused(members: dict[str, Any]) -> None:
    body = json.dumps({"hostname": "h", "entries": []} | members).encode()
    for read in READERS:
        with contextlib.suppress(ScanError):
            read(body)


KEYS = ["search", "status", "seen", "os", "tag", "ecosystem", "package", "sort", "name",
        "versions"]  # fmt: skip


@given(st.dictionaries(st.sampled_from(KEYS), anything))
@example({"search": "openssl <"})
@example({"name": "\0", "versions": "< \ud800"})
@few
def test_any_address_of_a_list_is_read_or_refused(arguments: dict[str, str]) -> None:
    for kind in (DeviceFilter, PackageFilter):
        kind.unread(arguments)
        with contextlib.suppress(FilterError):
            kind.parse(arguments)


@given(json_values.map(json.dumps))
@example("[" * 100_000)
@example('{"format": "sentari-root-key/1", "kdf": {"name": "argon2id", "passes": 1e999}}')
@few
def test_any_root_file_is_opened_or_refused(text: str) -> None:
    with pytest.raises(RootFileError):
        open_root(text, "a passphrase of the tests")
