"""The WSGI entry: gunicorn app:app, flask --app app."""

import sys

from sentari import create_app
from sentari.config import Settings
from serverkit.logs import configure_logs
from serverkit.settings import SettingsError

try:
    settings = Settings.from_env()
except SettingsError as error:
    sys.exit(f"sentari: {error}")

configure_logs(settings.log_level, settings.log_format)
app = create_app(settings)
