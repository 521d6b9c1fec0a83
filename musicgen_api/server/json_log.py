"""gunicorn's own log in JSON, in the form of the service's."""

from __future__ import annotations

import logging
from typing import Any

from gunicorn.glogging import Logger

from musicgen_api.logs import JsonFormatter


class JsonLogger(Logger):  # type: ignore[misc]
    """For gunicorn's setting `logger_class`."""

    def _set_handler(self, log: logging.Logger, output: Any, fmt: logging.Formatter, stream: Any = None) -> None:
        super()._set_handler(log, output, JsonFormatter(), stream)
