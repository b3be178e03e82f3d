"""Packages that only some kinds of model need."""

from __future__ import annotations

import importlib
from types import ModuleType

from workers.errors import ModelError


def require(module: str, extra: str) -> ModuleType:
    """Import a module of an optional dependency.

    Raises ``ModelError`` that says what to install, where it is not there.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != module.partition(".")[0]:
            raise
        raise ModelError(
            extra, f"this kind of model needs {module!r}: pip install 'sensorium[{extra}]'"
        ) from None
