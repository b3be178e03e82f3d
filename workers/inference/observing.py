"""What inference tells of its cost; ``workers.inference.metrics`` makes metrics of it."""

from __future__ import annotations

from typing import Literal, Protocol

from workers.inference.batcher import Batched

Stage = Literal["decode", "encode", "fuse"]


class Observer(Protocol):
    """Told of every batch. ``padding`` comes from the model's threads, ``batch`` from the loop."""

    def batch(self, stage: Stage, modality: str, batched: Batched) -> None:
        """A batch is done; ``modality`` is empty for ``fuse``."""

    def padding(self, part: str, asked: float, run: float) -> None:
        """A run of a network: of ``part`` (a modality, or ``fusion``) so much was asked for and so
        much was run, in the part's own unit.
        """


class Unobserved:
    """Nobody asks."""

    def batch(self, stage: Stage, modality: str, batched: Batched) -> None:
        """Nothing."""

    def padding(self, part: str, asked: float, run: float) -> None:
        """Nothing."""
