"""What a class of one's own gives, held to what the protocol and the class itself promise.

Models of other kinds check their outputs where they read them. A class that somebody wrote is
checked here, or its NaN, its misspelt label and its missing answer would be published as they are.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence, Sized

from msgspec.structs import replace

from schemas.result import ModelRef
from schemas.sample import Modality, Sample
from streams.align.types import Window
from streams.compute import BadSample, Fusion
from workers.backends.base import Decoded, Model, StatefulModel
from workers.errors import AnswerError, ModelError, NonFiniteError
from workers.failing import told

#: How far a task's probabilities may add up to something else than 1 before they are none.
_SUM_TOLERANCE = 0.01


def checked(name: str, model: Model) -> Model:
    """The model, whose every answer is looked at. Raises ``ModelError`` where what it says of
    itself cannot be.
    """
    features: object = model.features
    lanes: object = model.lanes
    for wrong, expected, got in (
        (not isinstance(model.ref, ModelRef), "ref: expected a ModelRef", model.ref),
        (
            not all(isinstance(each, Modality) for each in model.modalities),
            "modalities: expected schemas.sample.Modality",
            model.modalities,
        ),
        (
            not _are_tasks(model.tasks),
            "tasks: expected task -> two different labels or more",
            model.tasks,
        ),
        (
            not isinstance(features, str) or not features,
            "features: expected a digest as text",
            features,
        ),
        (
            not isinstance(lanes, int) or lanes < 1,
            "lanes: expected 1 or more",
            lanes,
        ),
    ):
        if wrong:
            raise ModelError(name, f"python: {expected}, got {got!r:.120}")
    kind = CheckedStatefulModel if isinstance(model, StatefulModel) else CheckedModel
    return kind(model)


class CheckedModel:
    """``workers.backends.base.Model`` around a class of one's own."""

    def __init__(self, model: Model) -> None:
        self.inner = model

    @property
    def ref(self) -> ModelRef:
        """The class's own."""
        return self.inner.ref

    @property
    def modalities(self) -> Collection[Modality]:
        """The class's own."""
        return self.inner.modalities

    @property
    def tasks(self) -> Mapping[str, Sequence[str]]:
        """The class's own."""
        return self.inner.tasks

    @property
    def features(self) -> str:
        """The class's own."""
        return self.inner.features

    @property
    def lanes(self) -> int:
        """The class's own."""
        return self.inner.lanes

    def decode(self, sample: Sample) -> Decoded | BadSample:
        """A sample that it raises for is a bad one."""
        try:
            return self.inner.decode(sample)
        except Exception as error:
            message = f"the {sample.modality.value} decoder failed with {told(error)}"
            return BadSample("undecodable", type(error).__name__, message)

    def encode(self, modality: Modality, decoded: Sequence[Decoded]) -> list[bytes]:
        """Raises what the class raises, and ``AnswerError``: another number of features, or
        something else than bytes.
        """
        features = self.inner.encode(modality, decoded)
        _check_count("encode", "features", features, len(decoded))
        return [_as_bytes(each) for each in features]

    def fuse(self, windows: Sequence[Window]) -> list[Fusion]:
        """Raises what the class raises, and ``AnswerError`` or ``NonFiniteError``: another number
        of answers, or one that is not of this model's tasks and labels.
        """
        answers = self.inner.fuse(windows)
        _check_count("fuse", "answers", answers, len(windows))
        return [self._answer(each) for each in answers]

    def warm(self, max_batch: int) -> None:
        """Raises what the class raises."""
        self.inner.warm(max_batch)

    def close(self) -> None:
        """Close it."""
        self.inner.close()

    def _answer(self, answer: Fusion) -> Fusion:
        if not isinstance(answer, Fusion):
            raise AnswerError(
                f"fuse: expected a streams.compute.Fusion for each window, got "
                f"{type(answer).__name__}"
            )
        _check_shares(answer.modalities)
        shares = {str(name): float(share) for name, share in answer.modalities.items()}
        if answer.failure is not None and not answer.tasks:
            return replace(answer, modalities=shares)
        if set(answer.tasks) != set(self.tasks):
            raise AnswerError(
                f"fuse: expected the tasks {sorted(self.tasks)}, got {sorted(answer.tasks)}"
            )
        tasks = {
            task: _probabilities(task, labels, answer.tasks[task])
            for task, labels in self.tasks.items()
        }
        return replace(answer, tasks=tasks, modalities=shares)


class CheckedStatefulModel(CheckedModel):
    """The same around one that is a ``StatefulModel``, too."""

    inner: Model

    @property
    def states(self) -> str:
        """The class's own."""
        assert isinstance(self.inner, StatefulModel)
        return self.inner.states


def _are_tasks(tasks: object) -> bool:
    """Whether they are task -> labels; none at all for a model that tracks objects alone."""
    return isinstance(tasks, Mapping) and all(
        not isinstance(labels, str) and len(labels) >= 2 and len(set(labels)) == len(labels)
        for labels in tasks.values()
    )


def _check_count(call: str, what: str, found: object, count: int) -> None:
    got = len(found) if isinstance(found, Sized) else type(found).__name__
    if got != count:
        raise AnswerError(f"{call}: expected {count} {what}, one for each in order, got {got}")


def _as_bytes(feature: object) -> bytes:
    if isinstance(feature, bytes | bytearray | memoryview):
        return bytes(feature)
    raise AnswerError(
        f"encode: expected bytes for each sample, got {type(feature).__name__}; of an array give "
        "tobytes()"
    )


def _probabilities(
    task: str, labels: Sequence[str], found: Mapping[str, float]
) -> dict[str, float]:
    if set(found) != set(labels):
        raise AnswerError(
            f"fuse: task {task!r}: expected the labels {sorted(labels)}, got {sorted(found)}"
        )
    values = [float(found[label]) for label in labels]
    if not all(map(math.isfinite, values)):
        raise NonFiniteError(f"fuse: task {task!r}: a probability is NaN or infinite")
    total = sum(values)
    if min(values) < 0.0 or abs(total - 1.0) > _SUM_TOLERANCE:
        raise AnswerError(
            f"fuse: task {task!r}: expected probabilities (none negative, sum 1), got others"
        )
    return {label: value / total for label, value in zip(labels, values, strict=True)}


def _check_shares(shares: Mapping[str, float]) -> None:
    if not all(math.isfinite(share) for share in shares.values()):
        raise NonFiniteError("fuse: a modality's share is NaN or infinite")
    known = set(Modality)
    if not set(shares) <= known or any(share < 0.0 for share in shares.values()):
        raise AnswerError(
            f"fuse: expected shares of 0 or more by modality ({', '.join(sorted(known))}), got "
            f"those of {sorted(shares)}"
        )
