"""The ``model.json`` of a model that tracks objects, and the parameters beside it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import msgspec

from schemas.result import ModelRef
from workers.errors import ModelError, TrackingError
from workers.registry.layout import MODEL_FILE
from workers.vehicle.tracking import Parameters, load_parameters

ARCHITECTURE = "sensorium-objects-1"


class ObjectsManifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``parameters``: name of the tracker's file beside this one, and ``sha256`` its digest.
    ``data``: what they were fitted on, with its licence; ``metrics``: what came of it.
    """

    architecture: str
    name: str
    version: str
    description: str
    parameters: str
    sha256: str
    data: str = ""
    metrics: dict[str, float] = {}


@dataclass(frozen=True, slots=True)
class TrackingModel:
    """A model as it lies in its folder. ``data``: what its parameters were fitted on."""

    ref: ModelRef
    parameters: Parameters
    data: str = ""


def read_tracking_model(folder: Path) -> TrackingModel:
    """Read a model's folder. Raises ``ModelError``."""
    name = str(folder)
    try:
        manifest = msgspec.json.decode((folder / MODEL_FILE).read_bytes(), type=ObjectsManifest)
    except OSError as error:
        raise ModelError(name, f"{MODEL_FILE} cannot be read ({error.strerror})") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ModelError(name, f"{MODEL_FILE} does not describe a tracker: {error}") from None
    if Path(manifest.parameters).name != manifest.parameters:
        raise ModelError(
            name, f"expected the name of a file beside it, got {manifest.parameters[:80]!r}"
        )
    path = folder / manifest.parameters
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelError(name, f"{path.name} cannot be read ({error.strerror})") from None
    if digest != manifest.sha256:
        raise ModelError(
            name,
            f"digest mismatch: {MODEL_FILE} names sha256 {manifest.sha256[:16]}… of {path.name}, "
            f"it has {digest[:16]}…; one of them is not of this model",
        )
    try:
        parameters = load_parameters(path)
    except TrackingError as error:
        raise ModelError(name, str(error)) from None
    ref = ModelRef(manifest.name, manifest.version, digest)
    return TrackingModel(ref, parameters, manifest.data)
