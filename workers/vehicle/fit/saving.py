"""A fitted model's folder: the parameters, and the `model.json` that describes them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from workers.registry.layout import MODEL_FILE
from workers.vehicle.fusion.manifest import ARCHITECTURE, ObjectsManifest
from workers.vehicle.tracking import Parameters

_FILE = "parameters.json"
#: Numbers are written with so many digits: no noise of the last bit in a file that people compare.
_DIGITS = 6


def save(folder: Path, parameters: Parameters, figures: Mapping[str, float]) -> None:
    """Write the folder's two files anew."""
    rounded = Parameters.model_validate(_rounded(parameters.model_dump()))
    text = rounded.model_dump_json(indent=1) + "\n"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _FILE).write_text(text)
    manifest = ObjectsManifest(
        architecture=ARCHITECTURE,
        name="drive",
        version="1",
        description="Tracks cars and pedestrians in object lists of camera, lidar and radar.",
        parameters=_FILE,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        data=parameters.note,
        metrics=dict(figures),
    )
    encoded = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    (folder / MODEL_FILE).write_bytes(encoded + b"\n")


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}")
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    return value
