"""Logs are lines of JSON when asked for."""

from __future__ import annotations

import json
import logging

from streams.logs import JsonFormatter


def test_a_json_line_has_time_level_logger_message_and_extras() -> None:
    record = logging.makeLogRecord(
        {"name": "streams.x", "levelname": "WARNING", "msg": "shard %d", "args": (3,), "shard": 3}
    )
    line = json.loads(JsonFormatter().format(record))
    assert line.pop("time").endswith("Z")
    assert line == {"level": "warning", "logger": "streams.x", "message": "shard 3", "shard": 3}
