"""The roots that this server trusts: built in by an official image, or named by a setting."""

import logging
from dataclasses import dataclass
from pathlib import Path

from license_token.errors import LicenseTokenError
from license_token.keys import MAX_ROOT_SET_CHARACTERS, RootSet
from serverkit.settings import SettingsError

log = logging.getLogger(__name__)

BUILT_IN = Path(__file__).parent / "roots.json"
VARIABLE = "SENTARI_LICENSE_PUBLIC_KEY_PATH"


@dataclass(frozen=True)
class Trust:
    """The pinned roots; `development` tells that the operator chose them, not the vendor."""

    roots: RootSet
    development: bool


def load_trust(configured: Path | None, built_in: Path = BUILT_IN) -> Trust:
    """Return the built-in roots, else those of the setting, else none.

    Raise SettingsError for a root set that cannot be read: a server that would refuse every
    license for a slip in a path had better not start.
    """
    if built_in.exists():
        if configured is not None:
            log.warning("%s is ignored: this build has its own trust roots", VARIABLE)
        return Trust(_read(built_in), development=False)
    if configured is None:
        return Trust(RootSet.of(), development=True)
    return Trust(_read(configured), development=True)


def _read(path: Path) -> RootSet:
    try:
        with path.open(encoding="utf-8") as file:
            return RootSet.parse(file.read(MAX_ROOT_SET_CHARACTERS + 1))
    except OSError as error:
        fault = f"{path} cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        fault = f"{path} is not a text file"
    except LicenseTokenError as error:
        fault = f"{path}: {error}"
    raise SettingsError(VARIABLE, fault, "a readable JWK Set with the vendor's root keys")
