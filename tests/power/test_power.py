"""Energy and GPU readings, from counters that a test writes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from workers.power.meter import PowerMeter, open_meter
from workers.power.nvml import NvmlGpu
from workers.power.rapl import RaplPackage, rapl_packages


class Counter:
    """A RAPL package of 1,000 J in a folder."""

    def __init__(self, root: Path, name: str = "intel-rapl:0", uj: int = 0) -> None:
        self.folder = root / name
        self.folder.mkdir()
        (self.folder / "name").write_text("package-0\n")
        (self.folder / "max_energy_range_uj").write_text("1000000000\n")
        self.set(uj)

    def set(self, uj: int) -> None:
        (self.folder / "energy_uj").write_text(f"{uj}\n")


class FakeNvml:
    """What of ``pynvml`` is used; ``energy_mj`` is ``None`` on GPUs that do not count it."""

    class NVMLError(Exception):
        pass

    def __init__(self, energy_mj: int | None = 5_000) -> None:
        self.energy_mj = energy_mj

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802  as NVML has it
        return index

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: int) -> int:  # noqa: N802  as NVML has it
        if self.energy_mj is None:
            raise self.NVMLError("not supported")
        return self.energy_mj

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> Any:  # noqa: N802  as NVML has it
        return SimpleNamespace(used=3_000_000)

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> Any:  # noqa: N802  as NVML has it
        return SimpleNamespace(gpu=40)


class Told:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.joules: dict[str, list[float]] = {}
        self.states: list[tuple[str, int, float]] = []

    def gpu(self, name: str, memory_bytes: int, utilization: float) -> None:
        self.states.append((name, memory_bytes, utilization))

    def energy(self, source: str, joules: float) -> None:
        self.joules.setdefault(source, []).append(joules)


def packages(root: Path) -> Sequence[RaplPackage]:
    return rapl_packages(root)[0]


def test_a_package_counts_from_when_it_was_opened(tmp_path: Path) -> None:
    counter = Counter(tmp_path, uj=7_000_000)
    (package,) = packages(tmp_path)
    counter.set(9_500_000)
    assert package.joules() == 2.5
    assert package.name == "cpu:package-0"


def test_a_counter_that_starts_over_goes_on(tmp_path: Path) -> None:
    counter = Counter(tmp_path, uj=999_000_000)
    (package,) = packages(tmp_path)
    counter.set(3_000_000)
    assert package.joules() == 4.0
    counter.set(4_000_000)
    assert package.joules() == 5.0


def test_a_packages_parts_are_not_counted_again(tmp_path: Path) -> None:
    Counter(tmp_path)
    Counter(tmp_path, "intel-rapl:0:1")
    assert len(packages(tmp_path)) == 1


def test_a_machine_without_counters_says_so(tmp_path: Path) -> None:
    assert rapl_packages(tmp_path) == ([], f"no RAPL counter under {tmp_path}")


def test_a_counter_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    counter = Counter(tmp_path)
    (counter.folder / "energy_uj").unlink()
    found, why = rapl_packages(tmp_path)
    assert found == []
    assert "energy_uj cannot be read" in why


def test_a_gpu_tells_memory_utilisation_and_energy() -> None:
    nvml = FakeNvml()
    gpu = NvmlGpu(nvml, 0)
    nvml.energy_mj = 8_500
    assert gpu.joules() == 3.5
    assert gpu.state() == (3_000_000, 0.4)


def test_a_gpu_that_counts_no_energy_has_none() -> None:
    assert NvmlGpu(FakeNvml(None), 0).joules() is None


def test_metrics_are_told_what_was_used_since_the_last_reading(tmp_path: Path) -> None:
    counter, told = Counter(tmp_path), Told()
    meter = PowerMeter([NvmlGpu(FakeNvml(), 0)], packages(tmp_path))
    for uj in (1_000_000, 4_000_000):
        counter.set(uj)
        meter.tell(told)
    assert told.joules["cpu:package-0"] == [1.0, 3.0]
    assert told.states == [("gpu:0", 3_000_000, 0.4)] * 2
    assert meter.joules() == 4.0


async def test_a_meter_without_a_source_reads_nothing_and_ends() -> None:
    told = Told()
    await PowerMeter([], []).run(told)
    assert (told.joules, told.states) == ({}, [])


def test_what_is_not_measured_is_said_once_in_the_log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("workers.power.meter.nvml_gpus", lambda: ([], "no NVML: not there"))
    monkeypatch.setattr("workers.power.meter.rapl_packages", lambda: rapl_packages(tmp_path))
    caplog.set_level("INFO")
    open_meter()
    assert [record.message for record in caplog.records] == [
        f"not measured: no NVML: not there; no RAPL counter under {tmp_path}"
    ]
