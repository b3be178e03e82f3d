"""A model that is a Python class of the operator's own."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, cast

from workers.backends.base import Model
from workers.backends.own_checked import checked
from workers.errors import ModelError, WorkerError
from workers.failing import told

_CALLS = ("decode", "encode", "fuse", "warm", "close")
_PROPERTIES = ("ref", "modalities", "tasks", "features", "lanes")


def open_own(name: str, target: str, options: Mapping[str, Any]) -> Model:
    """Import ``package.module:Class`` and call it with the options.

    Importing runs its code: it is only ever done for what stands under ``python`` in the pipeline
    file that the operator gave, never for what a model's folder or a record says.

    Raises ``ModelError``: not there, not called with these options, or not a model. What it gives
    is held to what it promises, see ``own_checked``.
    """
    module_name, _, class_name = target.partition(":")
    try:
        kind = getattr(importlib.import_module(module_name), class_name)
    except ImportError as error:
        raise ModelError(
            name, f"python: {target} cannot be imported ({error}); is its package installed?"
        ) from None
    except AttributeError:
        raise ModelError(name, f"python: {module_name} has no {class_name!r}") from None
    except Exception as error:
        raise ModelError(
            name, f"python: importing {module_name} failed with {_said(error)}"
        ) from error
    try:
        model = kind(**options)
    except WorkerError:
        raise
    except TypeError as error:
        raise ModelError(name, f"python: {target} does not take these options: {error}") from error
    except Exception as error:
        raise ModelError(name, f"python: {target} cannot be made: {_said(error)}") from error
    missing = [each for each in (*_CALLS, *_PROPERTIES) if not hasattr(model, each)]
    if missing:
        raise ModelError(
            name,
            f"python: {target} is no workers.backends.base.Model, it lacks {', '.join(missing)}",
        )
    return checked(name, cast("Model", model))


def _said(error: Exception) -> str:
    """What the operator's own code said, before any sample came."""
    return f"{told(error)} ({error})"
