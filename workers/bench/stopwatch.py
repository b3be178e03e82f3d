"""Wall time, CPU time and memory of the process that is measured."""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path

import msgspec

from workers.bench.errors import BenchError


class Figures(msgspec.Struct, frozen=True):
    """What a measured process says of itself, from the first record to the last publish."""

    seconds: float
    cpu_s: float
    peak_rss_mb: float
    #: Windows that it published.
    windows: int


class Stopwatch:
    """Starts with the first record: connecting and joining the group are not measured."""

    def __init__(self) -> None:
        self._began: tuple[float, float] | None = None
        self._newest: tuple[float, float] | None = None

    def begin(self) -> None:
        """A record came; only the first one counts."""
        if self._began is None:
            self._began = _now()

    def published(self) -> None:
        """A window was published; the last one counts."""
        self._newest = _now()

    def read(self, windows: int) -> Figures:
        """The figures; raises ``BenchError`` where nothing came or nothing was published."""
        if self._began is None or self._newest is None:
            raise BenchError(
                "expected records and results, got no "
                f"{'record' if self._began is None else 'result'}; see the log of the broker"
            )
        (wall, cpu), (end_wall, end_cpu) = self._began, self._newest
        return Figures(end_wall - wall, end_cpu - cpu, peak_rss_mb(), windows)


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def peak_rss_mb() -> float:
    """Largest resident memory of this process so far, MB.

    Linux counts the memory of whoever started a process into its ``ru_maxrss``; ``VmHWM`` is its
    own.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1024**2
