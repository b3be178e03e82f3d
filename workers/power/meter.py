"""Readings of energy and GPU, taken now and then and told to the metrics."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol

from workers.power.nvml import NvmlGpu, nvml_gpus
from workers.power.rapl import rapl_packages
from workers.power.source import EnergySource

log = logging.getLogger(__name__)

#: Seconds between two readings; each takes about a millisecond per GPU.
_EVERY_S = 5.0


class Readings(Protocol):
    """Who is told."""

    def gpu(self, name: str, memory_bytes: int, utilization: float) -> None:
        """The GPU as it is now."""

    def energy(self, source: str, joules: float) -> None:
        """So much more was used."""


class PowerMeter:
    """The counters of this machine. They count whole devices, whatever process keeps them busy."""

    def __init__(self, gpus: Sequence[NvmlGpu], packages: Sequence[EnergySource]) -> None:
        self._gpus = gpus
        self._sources: list[EnergySource] = [*gpus, *packages]
        #: source -> joules told so far
        self._told: dict[str, float] = {}

    @property
    def counts(self) -> bool:
        """Whether there is anything to read."""
        return bool(self._sources)

    def joules(self) -> float | None:
        """Energy that all sources together have seen; ``None`` where none can be read."""
        read = [source.joules() for source in self._sources]
        known = [joules for joules in read if joules is not None]
        return sum(known) if known else None

    def tell(self, readings: Readings) -> None:
        """One reading of everything."""
        for gpu in self._gpus:
            state = gpu.state()
            if state is not None:
                readings.gpu(gpu.name, state.memory_bytes, state.utilization)
        for source in self._sources:
            joules = source.joules()
            if joules is not None:
                readings.energy(source.name, joules - self._told.get(source.name, 0.0))
                self._told[source.name] = joules

    async def run(self, readings: Readings) -> None:
        """A reading every few seconds, until cancelled; returns where there is nothing to read."""
        while self.counts:
            await asyncio.to_thread(self.tell, readings)
            await asyncio.sleep(_EVERY_S)


def open_meter() -> PowerMeter:
    """What this machine can tell; says once in the log what it cannot."""
    gpus, no_gpu = nvml_gpus()
    packages, no_package = rapl_packages()
    missing = "; ".join(reason for reason in (no_gpu, no_package) if reason)
    if missing:
        log.info("not measured: %s", missing)
    return PowerMeter(gpus, packages)
