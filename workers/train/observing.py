"""Who is told how a training goes: progress bars, TensorBoard, several at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from workers.errors import TrainError
from workers.train.checkpoint import Epoch


class Observer(Protocol):
    """Who is told how a run goes."""

    def begun(self, epochs: int, steps_per_epoch: int) -> None:
        """A run begins, or goes on."""

    def step(self) -> None:
        """A step is done."""

    def epoch(self, found: Epoch) -> None:
        """An epoch is done."""


class Unobserved:
    """Nobody."""

    def begun(self, epochs: int, steps_per_epoch: int) -> None:
        """Nothing to do."""

    def step(self) -> None:
        """Nothing to do."""

    def epoch(self, found: Epoch) -> None:
        """Nothing to do."""


class Several:
    """Tells each of several observers."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = observers

    def begun(self, epochs: int, steps_per_epoch: int) -> None:
        """See ``Observer``."""
        for each in self._observers:
            each.begun(epochs, steps_per_epoch)

    def step(self) -> None:
        """See ``Observer``."""
        for each in self._observers:
            each.step()

    def epoch(self, found: Epoch) -> None:
        """See ``Observer``."""
        for each in self._observers:
            each.epoch(found)


class TensorBoard:
    """Writes event files with loss, learning rate and every validation score of each epoch."""

    def __init__(self, folder: Path) -> None:
        """Raises ``TrainError`` where ``sensorium[train]`` is not installed."""
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise TrainError(
                "--tensorboard needs 'tensorboard': pip install 'sensorium[train]'"
            ) from None
        writer: Any = SummaryWriter
        self._writer = writer(str(folder))

    def begun(self, epochs: int, steps_per_epoch: int) -> None:
        """Nothing to write."""

    def step(self) -> None:
        """Nothing to write."""

    def epoch(self, found: Epoch) -> None:
        """Write one point of each curve."""
        self._writer.add_scalar("loss/train", found.loss, found.epoch)
        self._writer.add_scalar("learning_rate", found.learning_rate, found.epoch)
        for task, scores in found.scores.items():
            for metric, value in scores.items():
                self._writer.add_scalar(f"{metric}/{task}", value, found.epoch)
        self._writer.flush()

    def close(self) -> None:
        """Finish the files."""
        self._writer.close()
