"""What inference tells of its cost; ``streams.inference_metrics`` makes metrics of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

Stage = Literal["decode", "encode", "fuse"]


class Observer(Protocol):
    """Told of every batch. ``padding`` comes from the model's threads, ``batch`` from the loop."""

    def batch(
        self,
        stage: Stage,
        modality: str,
        items: int,
        seconds: float,
        queued: Sequence[tuple[float, int]],
    ) -> None:
        """A batch is done; ``modality`` is empty for ``fuse``. ``queued``: of each call in it the
        seconds that it waited and its number of items.
        """

    def padding(self, part: str, asked: float, run: float) -> None:
        """A run of a network: of ``part`` (a modality, or ``fusion``) so much was asked for and so
        much was run, in the part's own unit.
        """


class Unobserved:
    """Nobody asks."""

    def batch(
        self,
        stage: Stage,
        modality: str,
        items: int,
        seconds: float,
        queued: Sequence[tuple[float, int]],
    ) -> None:
        """Nothing."""

    def padding(self, part: str, asked: float, run: float) -> None:
        """Nothing."""
