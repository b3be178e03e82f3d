"""A model's answers beside the truth, item by item."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.result import DECIMALS
from workers.errors import DataSetError

#: A truth that is none of the labels.
UNKNOWN = -1


@dataclass(frozen=True, slots=True)
class Predictions:
    """Answers of one task for ``n`` items; an item is a labelled window.

    ``labels``: in the order of the columns. ``sessions``, ``groups`` (who the session is of): n
    names. ``starts_us``: int64 (n,), where each window begins. ``truth``: int64 (n,), positions in
    ``labels``. ``probabilities``: float64 (n, labels), each row's sum 1; a row of NaN where the
    model gave no answer, which counts as wrong. ``representation``: float32 (n, width), what the
    model has fused before its heads, where it tells. ``shares``: float32 (n, modalities) in the
    order of ``modalities``, where it tells.
    """

    task: str
    labels: tuple[str, ...]
    sessions: tuple[str, ...]
    groups: tuple[str, ...]
    starts_us: NDArray[np.int64]
    truth: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    representation: NDArray[np.float32] | None = None
    modalities: tuple[str, ...] = ()
    shares: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        count = len(self.sessions)
        shapes = (
            (len(self.groups),),
            self.starts_us.shape,
            self.truth.shape,
            self.probabilities.shape,
        )
        wanted = ((count,), (count,), (count,), (count, len(self.labels)))
        if shapes != wanted:
            raise ValueError(f"predictions: expected shapes {wanted}, got {shapes}")

    def __len__(self) -> int:
        return len(self.sessions)

    @property
    def predicted(self) -> NDArray[np.int64]:
        """Position of the label that is published, int64 (n,): the most probable one, as
        ``schemas.result.task_result`` finds it; ``UNKNOWN`` where there is no answer.
        """
        answered = ~np.isnan(self.probabilities).any(axis=1)
        best = np.full(len(self), UNKNOWN, np.int64)
        best[answered] = self.probabilities[answered].round(DECIMALS).argmax(axis=1)
        return best

    def only(self, keep: NDArray[np.bool_] | NDArray[np.int64]) -> Predictions:
        """Some of the items: a mask bool (n,), or positions int64, which may repeat."""
        positions = np.arange(len(self))[keep]
        return Predictions(
            self.task,
            self.labels,
            tuple(self.sessions[at] for at in positions),
            tuple(self.groups[at] for at in positions),
            self.starts_us[positions],
            self.truth[positions],
            self.probabilities[positions],
            None if self.representation is None else self.representation[positions],
            self.modalities,
            None if self.shares is None else self.shares[positions],
        )


def join(parts: Sequence[Predictions]) -> Predictions:
    """Predictions of several folds as one. Raises ``DataSetError`` where tasks or labels differ."""
    if not parts:
        raise DataSetError("predictions: expected at least one fold, got none")
    first = parts[0]
    for part in parts:
        if (part.task, part.labels) != (first.task, first.labels):
            raise DataSetError(
                f"predictions: expected task {first.task!r} with {len(first.labels)} labels in "
                f"every fold, got {part.task!r} with {len(part.labels)}; use one data set"
            )
    told = [part.representation for part in parts]
    shares = [part.shares for part in parts]
    same = all(part.modalities == first.modalities for part in parts)
    return Predictions(
        first.task,
        first.labels,
        tuple(name for part in parts for name in part.sessions),
        tuple(name for part in parts for name in part.groups),
        np.concatenate([part.starts_us for part in parts]),
        np.concatenate([part.truth for part in parts]),
        np.concatenate([part.probabilities for part in parts]),
        # Each fold's network has axes of its own: side by side they would make no map.
        told[0] if len(parts) == 1 else None,
        first.modalities if same else (),
        np.concatenate([each for each in shares if each is not None])
        if same and all(each is not None for each in shares)
        else None,
    )
