"""GPUs by NVML, through the package ``nvidia-ml-py``: memory, utilisation, energy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workers.power.source import GpuState

_MJ_PER_J = 1e3


class NvmlGpu:
    """One GPU; implements ``workers.power.source.EnergySource``. ``pynvml``: the module."""

    def __init__(self, pynvml: Any, index: int) -> None:
        self.name = f"gpu:{index}"
        self._nvml = pynvml
        self._handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        self._start_mj = self._energy_mj()

    def joules(self) -> float | None:
        """See ``EnergySource.joules``; ``None`` on GPUs before Volta, which do not count it."""
        now_mj = self._energy_mj()
        if now_mj is None or self._start_mj is None:
            return None
        return float(now_mj - self._start_mj) / _MJ_PER_J

    def state(self) -> GpuState | None:
        """Memory and utilisation; ``None`` where the driver does not tell now."""
        try:
            memory = self._nvml.nvmlDeviceGetMemoryInfo(self._handle)
            rates = self._nvml.nvmlDeviceGetUtilizationRates(self._handle)
        except self._nvml.NVMLError:
            return None
        return GpuState(int(memory.used), rates.gpu / 100)

    def _energy_mj(self) -> int | None:
        try:
            return int(self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle))
        except self._nvml.NVMLError:
            return None


def nvml_gpus() -> tuple[Sequence[NvmlGpu], str]:
    """The machine's GPUs, and why there is none (empty where there is one)."""
    try:
        import pynvml
    except ImportError:
        return [], "no NVML: nvidia-ml-py is not installed (pip install 'sensorium[gpu]')"
    try:
        pynvml.nvmlInit()
        count = pynvml.nvmlDeviceGetCount()
        found = [NvmlGpu(pynvml, index) for index in range(count)]
    except pynvml.NVMLError as error:
        return [], f"no NVML: {type(error).__name__}"
    return found, "" if found else "no GPU that NVML knows"
