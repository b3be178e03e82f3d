"""A model that is a Python class of the operator's own."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, cast

from workers.backends.base import Model
from workers.errors import ModelError, WorkerError

_CALLS = ("decode", "encode", "fuse", "warm", "close")
_PROPERTIES = ("ref", "modalities", "tasks", "features", "lanes")


def open_own(name: str, target: str, options: Mapping[str, Any]) -> Model:
    """Import ``package.module:Class`` and call it with the options.

    Importing runs its code: it is only ever done for what stands under ``python`` in the pipeline
    file that the operator gave, never for what a model's folder or a record says.

    Raises ``ModelError``: not there, not called with these options, or not a model.
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
    try:
        model = kind(**options)
    except WorkerError:
        raise
    except TypeError as error:
        raise ModelError(name, f"python: {target} does not take these options: {error}") from error
    missing = [each for each in (*_CALLS, *_PROPERTIES) if not hasattr(model, each)]
    if missing:
        raise ModelError(
            name,
            f"python: {target} is no workers.backends.base.Model, it lacks {', '.join(missing)}",
        )
    return cast("Model", model)
