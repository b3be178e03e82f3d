"""What the stream asks of the model: two calls, implemented in ``workers``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import msgspec

from schemas.contributions import Contributions
from schemas.objects import TrackedObject
from schemas.result import ModelRef, Score
from schemas.sample import Sample
from streams.align.types import Window

#: The most that a model may keep of a session: it goes to Redis and into a header of every result.
MAX_STATE_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class BadSample:
    """A sample that could not be decoded or encoded; it becomes a dead letter.

    ``reason`` is a short stable word (``truncated_jpeg``, ``not_utf8``); ``error_class`` and
    ``message`` go into the dead letter's headers and hold no payload.
    """

    reason: str
    error_class: str
    message: str


class Dropped(Enum):
    """A sample that was not encoded, since too much of its input was waiting for it."""

    DROPPED = "dropped"


DROPPED = Dropped.DROPPED


@dataclass(frozen=True, slots=True)
class Culprit:
    """The record of a window that its model fails on; it becomes a dead letter.

    ``input``, ``offset``: where it is read again. The rest as in ``BadSample``.
    """

    input: str
    offset: int
    reason: str
    error_class: str
    message: str


class Fusion(msgspec.Struct, frozen=True):
    """The model's answer for one window.

    ``tasks``: task -> label -> probability (each task's sum is 1). ``modalities``: share of each
    modality in the answer (sum 1, absent ones left out; empty where the model does not tell).
    ``model``: the one that really answered, where that is not the one that was asked.
    ``contributions``: of modalities and sensors, where they were asked for and could be found.
    ``culprit``: the record that the window was fused without, because the model fails on it.
    ``failure``: why there is no answer, a short stable word; ``tasks`` is empty then.
    ``scores``: of those tasks that a published rule answers.
    ``objects``: of a model that tracks objects, those that it knows of after the window.
    ``state``: what the model wants to be given with the session's next window, at most
    ``MAX_STATE_BYTES``; ``None`` leaves what it was given as it is.
    """

    tasks: Mapping[str, Mapping[str, float]]
    modalities: Mapping[str, float]
    model: ModelRef | None = None
    contributions: Contributions | None = None
    culprit: Culprit | None = None
    failure: str | None = None
    scores: Mapping[str, Score] | None = None
    objects: Sequence[TrackedObject] | None = None
    state: bytes | None = None


#: The answer to a window of which no sample could be used: a model that keeps nothing of a session
#: could only say what is most common, and that would open or close events.
NOTHING_USED = Fusion({}, {}, failure="nothing_used")


class Cutter(Protocol):
    """How samples that are intervals are cut."""

    def interval_us(self, sample: Sample) -> tuple[int, int] | BadSample:
        """The interval that a sample covers by its payload, epoch microseconds: an audio chunk's
        follows from its frames. Called for inputs whose samples are cut.
        """

    def cut(self, sample: Sample, bounds_us: Sequence[int]) -> Sequence[Sample] | BadSample:
        """The parts of a sample between ascending bounds that lie inside its interval, in order of
        time; together they are the whole, without gap or repeat.
        """


class Compute(Cutter, Protocol):
    """Encoders and fusion of one model. Calls may run at the same time as each other."""

    @property
    def model(self) -> ModelRef:
        """The model that answers."""

    @property
    def features(self) -> str:
        """Digest of all that a feature depends on. Features that were made under another one are
        of no use to ``fuse``.
        """

    @property
    def states(self) -> str:
        """Digest of the kind of state that the model keeps of a session from one final window to
        the next; empty where it keeps none. State of another kind is of no use to it.
        """

    async def encode(self, samples: Sequence[Sample]) -> Sequence[bytes | BadSample | Dropped]:
        """One feature vector or one bad sample for each sample, in order. Never raises for input;
        ``ModelUnanswered`` where the model is elsewhere and does not answer, as ``fuse`` does.
        Samples of inputs that may be dropped are dropped where too many wait.

        A sample's feature does not depend on which others are in the batch.
        """

    async def fuse(self, windows: Sequence[Window]) -> list[Fusion]:
        """One answer per window, in order, independent of the batch's other windows. Never raises
        for what is in a window.

        Of a model that keeps state: a session's windows come in order, the first with its state as
        ``model_state``; the next is answered with what the one before it left. A window that the
        model fails on leaves the state as it was.
        """
