"""Models on disk: ``model.json`` beside ``model.safetensors``, read with everything verified.

No pickle is ever read: a model from elsewhere can at worst be wrong, not run code.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import msgspec
import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from schemas.result import ModelRef
from schemas.sample import Modality
from workers.codecs.forms import INPUT_FORMS, InputForm
from workers.errors import ModelError
from workers.fusion.network import FORMS, Network
from workers.registry.layout import MODEL_FILE, SHIPPED

WEIGHTS_FILE = "model.safetensors"
CARD_FILE = "MODEL_CARD.md"
#: Grows when a change to encoders or fusion makes older weights meaningless.
ARCHITECTURE = "sensorium-reference-1"


class _Kind(msgspec.Struct):
    """What of a ``model.json`` tells its kind."""

    architecture: str


class Training(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the weights came to be; enough to make them again."""

    data: str
    data_licence: str
    weights_licence: str
    command: str
    seed: int
    hyper_parameters: dict[str, float | int | str]


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of ``model.json``. ``tasks``: task -> labels, in the order of the logits.

    ``metrics``: held-out accuracies, 0 to 1. ``sha256``: of the weights file, hex.
    """

    name: str
    version: str
    pipeline: str
    architecture: str
    inputs: list[InputForm]
    tasks: dict[str, list[str]]
    fusion: str
    training: Training
    metrics: dict[str, float]
    sha256: str

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """The modalities the model has encoders for."""
        return tuple(Modality(form.modality) for form in self.inputs)


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A verified model, in evaluation mode on the CPU."""

    manifest: Manifest
    network: Network
    folder: Path

    @property
    def ref(self) -> ModelRef:
        """How results name this model."""
        return ModelRef(self.manifest.name, self.manifest.version, self.manifest.sha256)


def resolve_folder(name: str) -> Path:
    """The folder of a shipped model's name or of a path; a shipped name comes first.

    Raises ``ModelError`` where there is no ``model.json``.
    """
    if "/" not in name and (SHIPPED / name / MODEL_FILE).is_file():
        return SHIPPED / name
    folder = Path(name)
    if (folder / MODEL_FILE).is_file():
        return folder
    shipped = sorted(path.parent.name for path in SHIPPED.glob(f"*/{MODEL_FILE}"))
    raise ModelError(
        name, f"expected a folder with {MODEL_FILE} or one of {shipped}, found neither"
    )


def _read_manifest(name: str, folder: Path) -> Manifest:
    try:
        manifest = msgspec.json.decode((folder / MODEL_FILE).read_bytes(), type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ModelError(name, f"{MODEL_FILE} is not a model description: {error}") from None
    if manifest.architecture != ARCHITECTURE:
        raise ModelError(
            name,
            f"expected architecture {ARCHITECTURE!r}, got {manifest.architecture!r}; train it "
            "again or use the release it came with",
        )
    if manifest.fusion not in FORMS:
        raise ModelError(name, f"expected fusion of {sorted(FORMS)}, got {manifest.fusion!r}")
    if not manifest.tasks or any(len(set(labels)) < 2 for labels in manifest.tasks.values()):
        raise ModelError(name, "expected at least one task, each with two labels or more")
    known = {form.modality: form for form in INPUT_FORMS.values()}
    for form in manifest.inputs:
        if known.get(form.modality) != form:
            raise ModelError(
                name,
                f"input {form.modality!r}: its form is not the one this version's codecs make "
                f"(expected {known.get(form.modality)}, got {form}); train it again",
            )
    return manifest


def read_weights(name: str, folder: Path, sha256: str) -> dict[str, Tensor]:
    """The weights beside a description that names their digest. Raises ``ModelError``."""
    try:
        blob = (folder / WEIGHTS_FILE).read_bytes()
    except OSError as error:
        raise ModelError(
            name, f"no readable {WEIGHTS_FILE} beside {MODEL_FILE} ({error.strerror})"
        ) from None
    found = hashlib.sha256(blob).hexdigest()
    if found != sha256:
        raise ModelError(
            name,
            f"digest mismatch: {MODEL_FILE} names sha256 {sha256}, {WEIGHTS_FILE} has {found}; "
            "one of the two is from another model or damaged",
        )
    try:
        return safetensors.torch.load(blob)
    except safetensors.SafetensorError as error:
        raise ModelError(name, f"{WEIGHTS_FILE} is not a safetensors file: {error}") from None


def fill_network(name: str, network: nn.Module, weights: dict[str, Tensor]) -> None:
    """Load weights that have the network's names and shapes and are finite, or ``ModelError``."""
    expected = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    found = {key: tuple(value.shape) for key, value in weights.items()}
    if expected != found:
        pairs = set(expected.items()) ^ set(found.items())
        key = min(pair[0] for pair in pairs)
        raise ModelError(
            name,
            f"{len(pairs)} weights do not fit the description; first {key!r}: expected shape "
            f"{expected.get(key)}, got {found.get(key)}",
        )
    for key, value in weights.items():
        if not bool(torch.isfinite(value).all()):
            raise ModelError(name, f"weight {key!r} holds NaN or infinite values")
    network.load_state_dict(weights)


def architecture_of(folder: Path) -> str:
    """The ``architecture`` of a folder's ``model.json``. Raises ``ModelError``."""
    try:
        return msgspec.json.decode((folder / MODEL_FILE).read_bytes(), type=_Kind).architecture
    except OSError as error:
        raise ModelError(str(folder), f"{MODEL_FILE} cannot be read ({error.strerror})") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ModelError(str(folder), f"{MODEL_FILE} is not a model description: {error}") from None


def load_model(name: str) -> LoadedModel:
    """Read a model by shipped name or folder.

    Raises ``ModelError``: not found, a description that is wrong or of another architecture,
    weights missing, of another digest, other shapes, or not finite.
    """
    folder = resolve_folder(name)
    manifest = _read_manifest(name, folder)
    weights = read_weights(name, folder, manifest.sha256)
    network = Network(manifest.modalities, manifest.tasks, manifest.fusion)
    fill_network(name, network, weights)
    return LoadedModel(manifest, network.eval(), folder)


def save_model(folder: Path, network: Network, manifest: Manifest) -> Manifest:
    """Write weights, then the description with their digest; returns the description written.

    Equal weights give equal bytes, hence an equal digest.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {key: value.cpu().contiguous() for key, value in network.state_dict().items()}
    blob = safetensors.torch.save(tensors)
    written = msgspec.structs.replace(manifest, sha256=hashlib.sha256(blob).hexdigest())
    (folder / WEIGHTS_FILE).write_bytes(blob)
    text = msgspec.json.format(msgspec.json.encode(written), indent=2)
    (folder / MODEL_FILE).write_bytes(text + b"\n")
    return written
