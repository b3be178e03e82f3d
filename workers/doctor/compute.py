"""The device."""

from __future__ import annotations

import os

import torch

from schemas.settings import WorkerSettings
from workers.device import resolve_device
from workers.doctor.finding import Finding, ok, problem, split_error
from workers.errors import DeviceError


def check_device(worker: WorkerSettings) -> Finding:
    """Whether the configured device is there and can multiply."""
    try:
        device = resolve_device(worker.device)
    except DeviceError as error:
        return split_error("device", error)
    try:
        ones = torch.ones(8, 8, device=device)
        total = float((ones @ ones).sum())
    except RuntimeError as error:
        return problem(
            "device",
            f"{device} is there but fails: {type(error).__name__}",
            "set SENSORIUM_WORKER__DEVICE=cpu, or mend its driver",
        )
    if total != 8 * 8 * 8:
        return problem(
            "device",
            f"{device} computes wrongly: expected 512, got {total}",
            "set SENSORIUM_WORKER__DEVICE=cpu",
        )
    name = (
        torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else f"{os.cpu_count()} cores, {worker.threads or 1} threads"
    )
    return ok("device", f"{device} ({name}), torch {torch.__version__}")
