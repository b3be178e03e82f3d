"""What ``model.json`` says of a model whose encoders and fusion are graphs made elsewhere.

A graph is a file in an open format, or a model that a server holds: ``encode-<modality>`` for each
modality that the model takes, and ``fuse``. Each lists its tensors in the order of the call, with
the name by which the graph knows them and the role that tells what is in them. ``rows`` is the
batch axis, ``length`` an axis that is padded; both are 0 in a shape where any number will do.

Inputs of ``encode-<modality>``:

- ``values`` (rows, …): decoded samples in the form that ``inputs`` states, one of
  ``workers.codecs.forms``; an axis of varying length is padded with zeros to a power of two, from
  ``MIN_LENGTH`` on.
- ``lengths`` (rows,) int64: how much of that axis is the sample's. Only where it varies; a graph
  that can tell padding by itself leaves it out.

Its output is ``feature`` (rows, size) float32, finite.

Inputs of ``fuse``, the token batch of ``workers.fusion.tokens``:

- ``features`` (rows, length, size) float32;
- ``modalities`` (rows, length) int64, the place in ``MODALITIES``;
- ``sensors`` (rows, length) int64, the slot of the sensor's name;
- ``times`` (rows, length) float32, 0 at the window's start and 1 at its end;
- ``present`` (rows, length) bool, False where padded. A graph may leave out all but ``features``
  and ``present``.

Its outputs are ``task:<name>`` (rows, labels) float32 for each task, logits or probabilities as
``answers`` says, and, where the model tells, ``shares`` (rows, modalities) float32.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from schemas.sample import Modality
from workers.codecs.forms import INPUT_FORMS, InputForm

#: Shortest padded length of an axis that varies.
MIN_LENGTH = 16
FUSE = "fuse"
FUSION_INPUTS = {
    "features": "float32",
    "modalities": "int64",
    "sensors": "int64",
    "times": "float32",
    "present": "bool",
}


class TensorForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One tensor of a graph. ``shape``: 0 is an axis of any length."""

    name: str
    role: str
    dtype: str
    shape: list[int]


class GraphForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One graph. ``file`` and ``sha256`` (of the file, hex) are empty where a server holds it."""

    inputs: list[TensorForm]
    outputs: list[TensorForm]
    file: str = ""
    sha256: str = ""


class FeatureForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``encode`` makes: ``size`` values, kept in ``dtype`` between encode and fuse."""

    size: int
    dtype: Literal["float16", "float32"] = "float16"


class GraphsManifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of ``model.json``. ``tasks``: task -> labels, in the order of the outputs.

    ``architecture``: what the graphs are, see ``workers.backends.opening``.
    """

    name: str
    version: str
    architecture: str
    inputs: list[InputForm]
    tasks: dict[str, list[str]]
    feature: FeatureForm
    graphs: dict[str, GraphForm]
    answers: Literal["logits", "probabilities"] = "logits"
    description: str = ""

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """The modalities the model has encoders for."""
        return tuple(Modality(form.modality) for form in self.inputs)


def encode_name(modality: Modality) -> str:
    """The name of the graph that encodes a modality.

    >>> encode_name(Modality.VIDEO)
    'encode-video'
    """
    return f"encode-{modality.value}"


def problems(manifest: GraphsManifest) -> list[str]:
    """What is wrong with a description, each in a line that says what was expected."""
    found: list[str] = []
    known = {form.modality: form for form in INPUT_FORMS.values()}
    wanted = {FUSE}
    for form in manifest.inputs:
        if known.get(form.modality) != form:
            found.append(
                f"input {form.modality!r}: expected the form of this version's codecs, "
                f"{known.get(form.modality)}, got {form}"
            )
        else:
            wanted.add(encode_name(Modality(form.modality)))
    if found:
        return found
    if len(set(manifest.modalities)) < len(manifest.inputs):
        return [f"inputs: expected each modality once, got {[f.modality for f in manifest.inputs]}"]
    if set(manifest.graphs) != wanted:
        return [f"graphs: expected {sorted(wanted)}, got {sorted(manifest.graphs)}"]
    if line := wrong_tasks(manifest.tasks):
        found.append(line)
    if not 1 <= manifest.feature.size <= 65_536:
        found.append(f"feature.size: expected 1 to 65536, got {manifest.feature.size}")
    for modality in manifest.modalities:
        name = encode_name(modality)
        found += [f"graphs.{name}: {line}" for line in _encoder(manifest, modality, name)]
    found += [f"graphs.{FUSE}: {line}" for line in _fusion(manifest)]
    return found


def wrong_tasks(tasks: Mapping[str, Sequence[str]]) -> str:
    """What is wrong with a description's task -> labels, in a line; empty where nothing is.

    A label that comes twice would lose one of its two probabilities.
    """
    if not tasks:
        return "tasks: expected at least one, got none"
    for task, labels in tasks.items():
        if len(labels) < 2 or len(set(labels)) < len(labels) or "" in labels or not task:
            return (
                f"tasks: {task!r}: expected two labels or more, none empty and none twice, got "
                f"{labels!r:.200}"
            )
    return ""


def _encoder(manifest: GraphsManifest, modality: Modality, name: str) -> list[str]:
    graph, form = manifest.graphs[name], INPUT_FORMS[modality]
    found = _roles(graph.inputs, required={"values"}, allowed={"values", "lengths"})
    found += _roles(graph.outputs, required={"feature"}, allowed={"feature"})
    for each in graph.inputs:
        if each.role == "values":
            found += _fits(each, form.dtype, (0, *form.shape))
        elif 0 not in form.shape:
            found.append(f"input {each.name!r}: the form has no axis that varies")
        else:
            found += _fits(each, "int64", (0,))
    for each in graph.outputs:
        found += _fits(each, "float32", (0, manifest.feature.size))
    return found


def _fusion(manifest: GraphsManifest) -> list[str]:
    graph = manifest.graphs[FUSE]
    tasks = {f"task:{task}": len(labels) for task, labels in manifest.tasks.items()}
    found = _roles(graph.inputs, required={"features", "present"}, allowed=set(FUSION_INPUTS))
    found += _roles(graph.outputs, required=set(tasks), allowed={*tasks, "shares"})
    for each in graph.inputs:
        tail = (manifest.feature.size,) if each.role == "features" else ()
        found += _fits(each, FUSION_INPUTS.get(each.role, each.dtype), (0, 0, *tail))
    for each in graph.outputs:
        found += _fits(each, "float32", (0, tasks.get(each.role, len(Modality))))
    return found


def _roles(tensors: list[TensorForm], *, required: set[str], allowed: set[str]) -> list[str]:
    roles = [each.role for each in tensors]
    if not required <= set(roles) <= allowed or len(set(roles)) < len(roles):
        return [f"expected the roles {sorted(required)} of {sorted(allowed)}, got {roles}"]
    return []


def _fits(tensor: TensorForm, dtype: str, shape: tuple[int, ...]) -> list[str]:
    """A tensor's form against what it will be; 0 in ``shape`` may be any number there."""
    same = len(tensor.shape) == len(shape) and all(
        wanted in (0, got) for wanted, got in zip(shape, tensor.shape, strict=True)
    )
    if tensor.dtype == dtype and same and all(size >= 0 for size in tensor.shape):
        return []
    return [
        f"{tensor.name!r} ({tensor.role}): expected {dtype} {list(shape)}, "
        f"got {tensor.dtype} {tensor.shape}"
    ]
