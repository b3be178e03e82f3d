"""The one protocol of a model: decode and encode per modality, fuse."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from schemas.result import ModelRef
from schemas.sample import Modality, Sample
from streams.align.types import Window
from streams.compute import BadSample, Fusion

#: What ``decode`` makes of a sample: an array for a network, bytes for a server, …
Decoded = Any


class Model(Protocol):
    """What Sensorium asks of a model. Implement it to bring one of your own.

    Calls block: they are made from threads of ours, never from the event loop. ``decode`` may run
    on several threads at once; ``encode`` and ``fuse`` together on at most ``lanes``.
    """

    @property
    def ref(self) -> ModelRef:
        """How results name this model."""

    @property
    def modalities(self) -> Collection[Modality]:
        """The modalities it takes."""

    @property
    def tasks(self) -> Mapping[str, Sequence[str]]:
        """Task -> labels."""

    @property
    def features(self) -> str:
        """Digest of all that ``encode`` depends on. Features that were made under another one are
        of no use to ``fuse``: what is open is encoded again.
        """

    @property
    def lanes(self) -> int:
        """Batches that may run at the same time: 1 for a network in this process, more for one
        behind a server.
        """

    def decode(self, sample: Sample) -> Decoded | BadSample:
        """A sample's payload, made ready for ``encode``. Raises nothing for any input."""

    def encode(self, modality: Modality, decoded: Sequence[Decoded]) -> Sequence[bytes]:
        """A feature for each decoded sample, in order, whatever else is in the batch.

        May raise: the batch is halved until the sample that is to blame is alone, and that one
        becomes a dead letter. Raises ``DeviceError`` or ``RemoteError`` for what is no sample's
        fault.
        """

    def fuse(self, windows: Sequence[Window]) -> Sequence[Fusion]:
        """An answer for each window, in order, whatever else is in the batch. Raises as ``encode``
        does. A window without samples, or without some modalities, is nothing special; a task that
        the model cannot tell by what is there is left out.
        """

    def warm(self, max_batch: int) -> None:
        """Run every shape of batch once, so that the first one that counts is quick."""

    def close(self) -> None:
        """Let go of threads, connections and memory."""


@runtime_checkable
class StatefulModel(Protocol):
    """What a ``Model`` has besides that keeps state of a session from one window to the next.

    Its ``fuse`` gets at most one window of a session at a time, a session's in order, with
    ``model_state`` as its former answer's ``state`` left it: empty with the first window, after
    the session's end, and after state of another kind. It must be a function of the windows and
    their states alone: after a crash a window is asked again, on another machine. ``state`` is at
    most ``MAX_STATE_BYTES`` long. A window that it fails on leaves the state as it was. Results are
    never revised: there is one order of windows only.
    """

    @property
    def states(self) -> str:
        """Digest (hexadecimal) of all that the meaning of the state depends on: its layout and
        parameters, and the model's where it is of no use to another.
        """
