"""gunicorn's own lines, in the one form of all the others."""

from typing import Any

from gunicorn.glogging import Logger


class RootLogger(Logger):  # type: ignore[misc]
    """Leave every line to the root logger, which `configure_logs` has set up."""

    def setup(self, cfg: Any) -> None:
        """Put up no handler of gunicorn's own; requests are logged by the app."""
        self.error_log.propagate = True
        self.error_log.setLevel(cfg.loglevel.upper())
        self.access_log.disabled = True
