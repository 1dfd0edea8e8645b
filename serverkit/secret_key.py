"""A server's one secret, from its settings or made once in its data directory."""

from pathlib import Path

from sqlalchemy.engine import make_url

from serverkit.secrets import SHORTEST_SECRET, load_or_create_secret
from serverkit.settings import EnvReader, SettingsError


def made_secret_path(data_dir: Path) -> Path:
    """Return where a server keeps the secret that it made itself."""
    return data_dir / "secret_key"


def read_secret_key(env: EnvReader, prefix: str, database_url: str, data_dir: Path) -> str:
    """Return `<prefix>SECRET_KEY`; with SQLite a missing one is made and kept.

    Several servers share a PostgreSQL database, and must share their secret: there it is required.
    """
    name, accepted = f"{prefix}SECRET_KEY", f"at least {SHORTEST_SECRET} characters"
    secret = env.secret(name)
    if secret is None:
        if make_url(database_url).drivername != "sqlite":
            raise SettingsError(name, "it is required with PostgreSQL", accepted)
        try:
            secret = load_or_create_secret(made_secret_path(data_dir))
        except OSError as error:
            fault = f"the data directory {data_dir} cannot be used: {error.strerror}"
            raise SettingsError(f"{prefix}DATA_DIR", fault, "a writable directory") from error
    if len(secret) < SHORTEST_SECRET:
        raise SettingsError(name, f"it has only {len(secret)} characters", accepted)
    return secret
