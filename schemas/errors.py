"""Errors of the contract.

SchemaError
├── EnvelopeError        one Kafka record cannot be read as a sample (carries a stable ``reason``)
├── PipelineFileError    a pipeline file is wrong (names file, line and key)
├── SettingsError        the configuration is wrong (names the key or variable)
└── WireError            a result, event or dead letter cannot be decoded
"""

from __future__ import annotations

from pathlib import Path


class SchemaError(Exception):
    """Base of every error that ``schemas`` raises."""


class EnvelopeError(SchemaError):
    """A record that cannot be read as a sample; it becomes a dead letter.

    ``reason`` is a short stable word for metrics and dead-letter headers; the message says what
    was expected, what came and what to do, and never holds payload bytes. ``session``, ``sensor``
    and ``start_us`` (event time) are set as far as the record told them before it went wrong.
    """

    def __init__(
        self,
        reason: str,
        message: str,
        *,
        session: str | None = None,
        sensor: str | None = None,
        start_us: int | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.session = session
        self.sensor = sensor
        self.start_us = start_us


class PipelineFileError(SchemaError):
    """A pipeline file that cannot be used."""

    def __init__(self, path: Path | str, message: str, *, line: int | None = None) -> None:
        where = f"{path}:{line}" if line is not None else f"{path}"
        super().__init__(f"{where}: {message}")
        self.path = Path(path)
        self.line = line


class SettingsError(SchemaError):
    """A configuration value that cannot be used."""


class WireError(SchemaError):
    """Bytes on one of our own topics that are not what the contract says."""
