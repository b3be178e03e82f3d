"""Structured logs on standard error; never a payload."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

from schemas.settings import LogSettings

#: Attributes that every record has; anything else was given by ``extra=``.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
#: Chatty at info: one line per fetch session or rebalance step.
_QUIETER = ("aiokafka", "kafka", "faust", "mode", "asyncio")


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and whatever ``extra`` gave."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC)
        line = {
            "time": time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def configure_logs(settings: LogSettings) -> None:
    """Send the process's logs to standard error at the configured level and in its format."""
    handler = logging.StreamHandler(sys.stderr)
    if settings.format == "json":
        handler.setFormatter(JsonFormatter())
    else:
        handler.setFormatter(
            logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")
        )
    logging.basicConfig(level=settings.level.upper(), handlers=[handler], force=True)
    quiet = max(logging.WARNING, logging.getLogger().level)
    for name in _QUIETER:
        logging.getLogger(name).setLevel(quiet)
