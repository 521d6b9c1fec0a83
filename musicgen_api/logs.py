"""The form of the log: text for people or JSON for machines. Each line names the request that it belongs to."""

from __future__ import annotations

import datetime
import json
import logging
import sys
from typing import Any

from musicgen_api.domain.asker import CURRENT

FORMATS = ("text", "json")


class TextFormatter(logging.Formatter):
    """`time LEVEL logger (request 1f2e, key studio): message`."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s%(asker)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """One line, and the trace below it."""
        asker = CURRENT.get()
        named = [("request", asker.request_id), ("key", asker.client)]
        words = ", ".join(f"{name} {value}" for name, value in named if value)
        record.asker = f" ({words})" if words else ""
        return super().format(record)


class JsonFormatter(logging.Formatter):
    """One object on one line: `time` (UTC), `level`, `logger`, `message`, and `request_id`, `key`, `trace` if any."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        time = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        line: dict[str, Any] = {
            "time": time.isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        asker = CURRENT.get()
        line |= {name: value for name, value in (("request_id", asker.request_id), ("key", asker.client)) if value}
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line)


def formatter(name: str) -> logging.Formatter:
    """The formatter of this name, one of FORMATS."""
    return JsonFormatter() if name == "json" else TextFormatter()


def configure(name: str) -> None:
    """Let the process log to standard error in this form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(name))
    logging.basicConfig(handlers=[handler])
