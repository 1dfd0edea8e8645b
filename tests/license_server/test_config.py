"""Settings: every value that cannot be used stops the start and says what would be."""

from pathlib import Path

import pytest

from license_server.config import Settings, settings_or_exit
from serverkit.settings import SettingsError

SECRET = "s" * 32


def read(tmp_path: Path, **values: str) -> Settings:
    environ = {"LICENSE_SERVER_DATA_DIR": str(tmp_path / "data")}
    environ.update({f"LICENSE_SERVER_{name}": value for name, value in values.items()})
    return Settings.from_env(environ)


def test_defaults_are_a_laptops(tmp_path: Path) -> None:
    settings = read(tmp_path)
    assert settings.database_url == f"sqlite:///{tmp_path}/data/license-server.db"
    assert settings.issuer_url == "https://license.sentari.dev"
    assert settings.mail_from == "licenses@sentari.dev"
    assert settings.trusted_proxies == 0
    assert settings.metrics_token is None


def test_a_secret_is_made_once_and_kept_private(tmp_path: Path) -> None:
    first = read(tmp_path).secret_key
    assert len(first) >= 32
    assert read(tmp_path).secret_key == first
    assert (tmp_path / "data" / "secret_key").stat().st_mode & 0o777 == 0o600


def test_postgresql_needs_a_secret_of_its_own(tmp_path: Path) -> None:
    url = "postgresql+psycopg://user:password@db/licenses"
    with pytest.raises(SettingsError, match="required with PostgreSQL"):
        read(tmp_path, DATABASE_URL=url)
    assert read(tmp_path, DATABASE_URL=url, SECRET_KEY=SECRET).secret_key == SECRET


def test_a_database_s_password_may_stand_in_a_file_and_is_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "url"
    path.write_text("postgresql+psycopg://licenses:hunter2@db/licenses\n")
    found = read(tmp_path, DATABASE_URL_FILE=str(path), SECRET_KEY=SECRET).database_url
    assert found == "postgresql+psycopg://licenses:hunter2@db/licenses"
    path.write_text("mysql://licenses:hunter2@db/licenses")
    with pytest.raises(SettingsError, match="driver 'mysql' is not supported") as refusal:
        read(tmp_path, DATABASE_URL_FILE=str(path), SECRET_KEY=SECRET)
    assert "hunter2" not in str(refusal.value)


def test_a_secret_has_32_characters_at_least(tmp_path: Path) -> None:
    assert read(tmp_path, SECRET_KEY=SECRET).secret_key == SECRET
    with pytest.raises(SettingsError, match="only 31 characters"):
        read(tmp_path, SECRET_KEY=SECRET[1:])


def test_secrets_are_read_from_files_as_well(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text(SECRET + "\n")
    assert read(tmp_path, SECRET_KEY_FILE=str(path)).secret_key == SECRET
    path.write_text("scrape me")
    settings = read(tmp_path, METRICS_TOKEN_FILE=str(path))
    assert settings.metrics_token == "scrape me"
    assert "scrape me" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://x"),
        ("DATABASE_URL", "sqlite://"),
        ("ISSUER_URL", "http://license.sentari.dev"),
        ("ISSUER_URL", "license.sentari.dev"),
        ("ISSUER_URL", "https://user@license.sentari.dev"),
        ("MAIL_FROM", "Sentari <licenses@sentari.dev>"),
        ("MAIL_FROM", "x@y\nBcc: z@y"),
        ("SMTP_URL", "mail.example.com"),
        ("SMTP_URL", "http://mail.example.com"),
        ("SMTP_CA_FILE", "/nowhere/ca.pem"),
        ("TRUSTED_PROXIES", "-1"),
        ("TRUSTED_PROXIES", "11"),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"),
    ],
)
def test_a_value_that_cannot_be_used_names_its_variable(
    tmp_path: Path, name: str, value: str
) -> None:
    with pytest.raises(SettingsError, match=f"LICENSE_SERVER_{name}: .* Accepted: "):
        read(tmp_path, **{name: value})


def test_a_loopback_issuer_may_be_plain_http_and_loses_its_slash(tmp_path: Path) -> None:
    assert read(tmp_path, ISSUER_URL="http://127.0.0.1:8001/").issuer_url == "http://127.0.0.1:8001"


def test_an_unknown_name_is_a_warning_that_suggests_the_nearest(tmp_path: Path) -> None:
    [warning] = read(tmp_path, ISUER_URL="https://x.example").warnings
    assert "did you mean LICENSE_SERVER_ISSUER_URL" in warning
    assert read(tmp_path).warnings == ()


def test_a_start_that_cannot_be_ends_with_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LICENSE_SERVER_TRUSTED_PROXIES", "many")
    with pytest.raises(SystemExit) as end:
        settings_or_exit()
    assert str(end.value).startswith("license server: LICENSE_SERVER_TRUSTED_PROXIES: 'many'")


def test_a_mail_server_is_read_with_its_password_which_is_never_shown(tmp_path: Path) -> None:
    settings = read(tmp_path, SMTP_URL="smtp://user:pa%20ss@mail.example.com")
    assert settings.smtp is not None
    assert (settings.smtp.host, settings.smtp.port) == ("mail.example.com", 587)
    assert (settings.smtp.username, settings.smtp.password) == ("user", "pa ss")
    assert "pa ss" not in repr(settings)
    assert read(tmp_path).smtp is None


def test_a_mail_server_may_be_named_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "smtp"
    path.write_text("smtps://user:password@mail.example.com\n")
    smtp = read(tmp_path, SMTP_URL_FILE=str(path)).smtp
    assert smtp is not None
    assert (smtp.port, smtp.security) == (465, "tls")


def test_a_mail_server_that_cannot_be_used_is_refused_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, SMTP_URL="smtp://user:secretive@mail.example.com?starttls=never")
    assert "secretive" not in str(caught.value)
    assert "loopback" in str(caught.value)


def test_a_file_of_authorities_must_hold_some(tmp_path: Path) -> None:
    import trustme

    path = tmp_path / "ca.pem"
    path.write_text("no certificate")
    with pytest.raises(SettingsError, match="SMTP_CA_FILE"):
        read(tmp_path, SMTP_CA_FILE=str(path))
    trustme.CA().cert_pem.write_to_path(path)
    assert read(tmp_path, SMTP_CA_FILE=str(path)).smtp_ca_file == path
