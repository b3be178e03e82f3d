"""What a source of readings offers."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class GpuState(NamedTuple):
    """``utilization``: 0 to 1, of the last sampling period."""

    memory_bytes: int
    utilization: float


class EnergySource(Protocol):
    """A counter of energy, of a whole device and every process on it."""

    @property
    def name(self) -> str:
        """``gpu:0``, ``cpu:package-0``."""

    def joules(self) -> float | None:
        """Energy used since the source was opened; ``None`` where it cannot be read now."""
