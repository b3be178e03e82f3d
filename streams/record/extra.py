"""The packages that MCAP files need."""

from __future__ import annotations

import importlib
from typing import Any

from streams.errors import RecordError


def require(module: str) -> Any:
    """Import a module of the extra ``mcap``; ``RecordError`` says what to install without it."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != module.partition(".")[0]:
            raise
        raise RecordError(
            f"MCAP: expected the package {module.partition('.')[0]!r}, found none; "
            "pip install 'sensorium[mcap]'"
        ) from None
