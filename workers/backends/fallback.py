"""A model elsewhere, and a local one that answers where it does not."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Protocol, runtime_checkable

from msgspec.structs import replace

from schemas.result import ModelRef
from schemas.sample import Modality, Sample
from streams.align.types import Window
from streams.compute import BadSample, Fusion
from workers.backends.base import Decoded, Model
from workers.backends.several import Several, unless_it_fails
from workers.errors import ModelError, RemoteError

log = logging.getLogger(__name__)

PRIMARY, LOCAL = 0, 1


@runtime_checkable
class AnswersEach(Protocol):
    """A model whose windows fail apart from each other."""

    def fuse_each(self, windows: Sequence[Window]) -> Sequence[Fusion | RemoteError]:
        """An answer for each window, or why there is none."""


class FallbackModel:
    """``workers.backends.base.Model``: the first model's answer, or the second's.

    The second answers a window where the first did not within its time-outs and tries, refused it,
    answered NaN, or could not encode one of its samples. Every sample is encoded for both, so that
    the second has it when it is needed. The answer names the model that gave it.
    """

    def __init__(self, primary: Model, local: Model) -> None:
        """Raises ``ModelError`` where the two have other tasks or labels."""
        ours, theirs = _labels(primary), _labels(local)
        if ours != theirs:
            raise ModelError(
                local.ref.name,
                f"expected the tasks and labels of {primary.ref.name!r}, for which it is to answer "
                f"({_shown(ours)}), it has {_shown(theirs)}",
            )
        self._primary, self._local = primary, local
        self._several = Several((primary, local))
        self._failing = False

    @property
    def ref(self) -> ModelRef:
        """The first model's; an answer of the second one says so."""
        return self._primary.ref

    @property
    def modalities(self) -> Collection[Modality]:
        """What at least one of them takes."""
        return self._several.modalities

    @property
    def tasks(self) -> Mapping[str, Sequence[str]]:
        """Those that both have."""
        return self._primary.tasks

    @property
    def features(self) -> str:
        """Digest of both models'."""
        return self._several.features

    @property
    def lanes(self) -> int:
        """The first model's; calls of the local one wait for each other."""
        return self._primary.lanes

    def decode(self, sample: Sample) -> Sequence[Decoded] | BadSample:
        """For both. Raises nothing for any input."""
        return self._several.decode(sample)

    def encode(self, modality: Modality, decoded: Sequence[Sequence[Decoded]]) -> list[bytes]:
        """Raises what the local model raises."""
        return self._several.encode(modality, decoded, lambda model: model is self._primary)

    def fuse(self, windows: Sequence[Window]) -> list[Fusion]:
        """Raises what the local model raises."""
        answers: list[Fusion | None] = [None] * len(windows)
        asked = {
            place: own
            for place, window in enumerate(windows)
            if (own := self._several.window_for(PRIMARY, window)) is not None
        }
        for place, answer in zip(asked, self._ask_primary(list(asked.values())), strict=True):
            if isinstance(answer, Fusion):
                answers[place] = answer
        left = [place for place, answer in enumerate(answers) if answer is None]
        if left:
            parts = [self._local_window(windows[place]) for place in left]
            for place, found in zip(left, self._several.fuse(LOCAL, parts), strict=True):
                answers[place] = replace(found, model=found.model or self._local.ref)
        self._note(len(left))
        return [answer for answer in answers if answer is not None]

    def warm(self, max_batch: int) -> None:
        """Both; the first may be absent."""
        self._local.warm(max_batch)
        try:
            self._primary.warm(max_batch)
        except RemoteError as error:
            log.warning("%s is not there yet: %s", self._primary.ref.name, error)

    def close(self) -> None:
        """Close both."""
        self._several.close()

    def _ask_primary(self, windows: Sequence[Window]) -> Sequence[Fusion | RemoteError | None]:
        if not windows:
            return []
        if isinstance(self._primary, AnswersEach):
            return self._primary.fuse_each(windows)
        return unless_it_fails(partial(self._several.fuse, PRIMARY), windows)

    def _local_window(self, window: Window) -> Window:
        own = self._several.window_for(LOCAL, window)
        # A local model encodes or raises; it leaves no gap behind.
        assert own is not None
        return own

    def _note(self, fallen_back: int) -> None:
        """Say once when the local model begins to answer, and once when it no longer does."""
        if bool(fallen_back) is self._failing:
            return
        self._failing = bool(fallen_back)
        if self._failing:
            log.warning("%s does not answer: %s does", self._primary.ref.name, self._local.ref.name)
        else:
            log.info("%s answers again", self._primary.ref.name)


def _labels(model: Model) -> dict[str, set[str]]:
    return {task: set(labels) for task, labels in model.tasks.items()}


def _shown(tasks: Mapping[str, set[str]]) -> str:
    return "; ".join(f"{task}: {', '.join(sorted(labels))}" for task, labels in tasks.items())
