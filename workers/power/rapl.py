"""CPU packages by the running average power limit counters that Linux shows under powercap."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

ROOT = Path("/sys/class/powercap")
_UJ_PER_J = 1e6


class RaplPackage:
    """One package's counter; it starts over at ``max_energy_range_uj``, within an hour or so.

    Implements ``workers.power.source.EnergySource``. A read between two turns of the counter is
    needed: one more turn than one would be missed.
    """

    def __init__(self, folder: Path) -> None:
        """Raises ``OSError`` or ``ValueError`` where the counter cannot be read."""
        self.name = f"cpu:{(folder / 'name').read_text().strip()}"
        self._counter = folder / "energy_uj"
        self._range_uj = int((folder / "max_energy_range_uj").read_text())
        self._last_uj = self._read()
        self._total_uj = 0

    def joules(self) -> float | None:
        """See ``EnergySource.joules``."""
        try:
            now_uj = self._read()
        except (OSError, ValueError):
            return None
        gone_uj = now_uj - self._last_uj
        self._total_uj += gone_uj if gone_uj >= 0 else gone_uj + self._range_uj
        self._last_uj = now_uj
        return self._total_uj / _UJ_PER_J

    def _read(self) -> int:
        return int(self._counter.read_text())


def rapl_packages(root: Path = ROOT) -> tuple[Sequence[RaplPackage], str]:
    """The packages that can be read, and why there is none (empty where there is one).

    Only whole packages: their parts (``intel-rapl:0:1``) are counted in them.
    """
    folders = sorted(root.glob("*-rapl:[0-9]*")) if root.is_dir() else []
    whole = [folder for folder in folders if folder.name.count(":") == 1]
    if not whole:
        return [], f"no RAPL counter under {root}"
    found, problem = [], ""
    for folder in whole:
        try:
            found.append(RaplPackage(folder))
        except (OSError, ValueError) as error:
            problem = f"{folder / 'energy_uj'} cannot be read ({type(error).__name__})"
    return found, "" if found else problem
