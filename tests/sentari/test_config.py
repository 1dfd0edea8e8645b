"""The server's settings."""

import stat
from pathlib import Path

import pytest
import trustme

from sentari.config import Settings
from serverkit.settings import SettingsError


def settings(tmp_path: Path, **environ: str) -> Settings:
    return Settings.from_env({"SENTARI_DATA_DIR": str(tmp_path), **environ})


def test_the_defaults_need_no_variable_but_the_place(tmp_path: Path) -> None:
    found = settings(tmp_path)
    assert found.database_url == f"sqlite:///{tmp_path}/sentari.db"
    assert found.license_server_url == found.license_issuer == "https://license.sentari.dev"
    assert found.license_check_interval_seconds == 3600
    assert found.mtls_required
    assert not found.warnings


def test_the_secret_key_is_made_once_and_for_the_owner_only(tmp_path: Path) -> None:
    first = settings(tmp_path).secret_key
    assert settings(tmp_path).secret_key == first
    assert len(first) >= 32
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600


def test_with_postgresql_the_secret_key_is_required(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="SENTARI_SECRET_KEY"):
        settings(tmp_path, SENTARI_DATABASE_URL="postgresql+psycopg://u:p@h/d")


@pytest.mark.parametrize(("length", "taken"), [(31, False), (32, True)])
def test_the_secret_key_has_a_least_length(tmp_path: Path, length: int, taken: bool) -> None:
    if taken:
        assert len(settings(tmp_path, SENTARI_SECRET_KEY="k" * length).secret_key) == length
    else:
        with pytest.raises(SettingsError, match="at least 32 characters"):
            settings(tmp_path, SENTARI_SECRET_KEY="k" * length)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SENTARI_DATABASE_URL", "mysql://u:p@h/d"),
        ("SENTARI_DATABASE_URL", "sqlite://"),
        ("SENTARI_DATABASE_URL", "nonsense"),
        ("SENTARI_LICENSE_MODE", "offline"),
        ("SENTARI_LICENSE_SERVER_URL", "http://license.example.com"),
        ("SENTARI_LICENSE_CHECK_INTERVAL_SECONDS", "59"),
        ("SENTARI_LICENSE_CHECK_INTERVAL_SECONDS", "86401"),
        ("SENTARI_LICENSE_PUBLIC_KEY_PATH", "/nowhere/roots.json"),
        ("SENTARI_CA_BUNDLE", "/nowhere/ca.pem"),
        ("SENTARI_TRUSTED_PROXIES", "11"),
        ("SENTARI_MTLS_REQUIRED", "false"),
        ("SENTARI_TLS", "yes"),
        ("SENTARI_TLS_CERT", "/nowhere/tls.pem"),
        ("SENTARI_TLS_CA_FILE", "/nowhere/ca.pem"),
        ("SENTARI_PUBLIC_URL", "sentari.example.com"),
        ("SENTARI_SCAN_HISTORY_DAYS", "-1"),
        ("SENTARI_SCAN_HISTORY_DAYS", "36501"),
        ("SENTARI_LOG_LEVEL", "loud"),
        ("SENTARI_LOG_FORMAT", "xml"),
        ("SENTARI_DEBUG", "perhaps"),
    ],
)
def test_a_value_that_cannot_be_used_names_its_variable(
    tmp_path: Path, name: str, value: str
) -> None:
    with pytest.raises(SettingsError) as refusal:
        settings(tmp_path, **{name: value})
    assert refusal.value.variable == name
    assert "Accepted: " in str(refusal.value)


def test_an_agent_without_a_certificate_needs_debug_mode(tmp_path: Path) -> None:
    found = settings(tmp_path, SENTARI_MTLS_REQUIRED="false", SENTARI_DEBUG="true")
    assert not found.mtls_required


def test_the_own_proxy_variables_come_before_the_standard_ones(tmp_path: Path) -> None:
    found = settings(
        tmp_path, HTTPS_PROXY="http://standard:1", SENTARI_HTTPS_PROXY="http://own:2",
        no_proxy="a.example",
    )  # fmt: skip
    assert found.outbound.proxies.https == "http://own:2"
    assert found.outbound.standard_proxies.no_proxy == "a.example"


def test_the_metrics_token_may_come_from_a_file(tmp_path: Path) -> None:
    assert settings(tmp_path).metrics_token is None
    assert settings(tmp_path, SENTARI_METRICS_TOKEN="scrape me").metrics_token == "scrape me"
    (tmp_path / "token").write_text("scrape me\n")
    path = str(tmp_path / "token")
    assert settings(tmp_path, SENTARI_METRICS_TOKEN_FILE=path).metrics_token == "scrape me"


def test_no_secret_is_in_the_settings_text(tmp_path: Path) -> None:
    text = repr(
        settings(
            tmp_path,
            SENTARI_SECRET_KEY="k" * 40,
            SENTARI_HTTPS_PROXY="http://u:pw@p:1",
            SENTARI_METRICS_TOKEN="scrape me",
        )
    )
    assert "kkkk" not in text
    assert "pw" not in text
    assert "scrape" not in text


def ca_file(tmp_path: Path, count: int = 1) -> tuple[str, str]:
    """A file with certificates of other CAs, and their PEM."""
    pem = "".join(trustme.CA().cert_pem.bytes().decode() for _ in range(count))
    (tmp_path / "ca.pem").write_text(pem)
    return str(tmp_path / "ca.pem"), pem


def test_the_server_speaks_tls_by_itself_or_with_a_certificate_but_not_both(tmp_path: Path) -> None:
    assert not settings(tmp_path).serves_tls
    assert settings(tmp_path, SENTARI_TLS="self").serves_tls
    path, _ = ca_file(tmp_path)
    own = {"SENTARI_TLS_CERT": path, "SENTARI_TLS_KEY": path}
    assert settings(tmp_path, **own).serves_tls
    with pytest.raises(SettingsError) as refusal:
        settings(tmp_path, SENTARI_TLS="self", **own)
    assert refusal.value.variable == "SENTARI_TLS"


def test_of_a_ca_file_the_certificates_are_taken_and_nothing_else(tmp_path: Path) -> None:
    path, pem = ca_file(tmp_path, 2)
    Path(path).write_text("comment\n" + pem + "-----BEGIN PRIVATE KEY-----\nAAAA\n")
    assert settings(tmp_path, SENTARI_TLS_CA_FILE=path).tls_ca == pem


@pytest.mark.parametrize(
    "content", [b"", b"nonsense", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]
)
def test_a_ca_file_without_a_certificate_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ca.pem").write_bytes(content)
    with pytest.raises(SettingsError, match="no readable certificate"):
        settings(tmp_path, SENTARI_TLS_CA_FILE=str(tmp_path / "ca.pem"))


def test_a_ca_file_has_a_limit(tmp_path: Path) -> None:
    path, pem = ca_file(tmp_path)
    Path(path).write_text(pem + "\n" * (256 * 1024 - len(pem)))
    assert settings(tmp_path, SENTARI_TLS_CA_FILE=path).tls_ca == pem
    Path(path).write_text(pem + "\n" * (256 * 1024 - len(pem) + 1))
    with pytest.raises(SettingsError, match="larger than"):
        settings(tmp_path, SENTARI_TLS_CA_FILE=path)


def test_agents_that_would_not_trust_the_certificate_are_warned_of(tmp_path: Path) -> None:
    path, _ = ca_file(tmp_path)
    secret = {"SENTARI_PROXY_AUTH_SECRET": "a secret of sixteen characters"}
    [warning] = settings(tmp_path, **secret).warnings
    assert "SENTARI_TLS_CA_FILE" in warning
    assert not settings(tmp_path, SENTARI_TLS_CA_FILE=path, **secret).warnings
    secret["SENTARI_PROXY_AUTH_SECRET"] = "guessed"
    [warning] = settings(tmp_path, SENTARI_TLS_CA_FILE=path, **secret).warnings
    assert "guessed" not in warning.replace("to be guessed", "")


def test_the_terminators_secret_may_come_from_a_file_and_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("shared with nginx\n")
    found = settings(tmp_path, SENTARI_PROXY_AUTH_SECRET_FILE=str(tmp_path / "secret"))
    assert found.proxy_auth_secret == "shared with nginx"
    assert "nginx" not in repr(found)
