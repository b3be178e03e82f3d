"""The device and the models."""

from __future__ import annotations

import os
from collections.abc import Iterable

import torch

from schemas.pipeline import Pipeline
from schemas.settings import WorkerSettings
from workers.backends.serving import check_serves
from workers.device import resolve_device
from workers.doctor.finding import Finding, ok, problem, split_error
from workers.errors import DeviceError, ModelError
from workers.model_file import load_model


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


def check_models(pipelines: Iterable[Pipeline]) -> list[Finding]:
    """Whether each pipeline's model is there, undamaged, and fits the pipeline file."""
    findings = []
    for pipeline in pipelines:
        check = f"model of {pipeline.pipeline}"
        try:
            model = load_model(pipeline.model.name)
            manifest = model.manifest
            check_serves(manifest.name, manifest.modalities, manifest.tasks, pipeline)
        except ModelError as error:
            findings.append(
                problem(
                    check,
                    " ".join(str(error).split()),
                    f"sensorium train --pipeline {pipeline.pipeline}, or name a model folder in "
                    "the pipeline file",
                )
            )
        else:
            findings.append(ok(check, f"version {model.ref.version}, sha256 {model.ref.digest}"))
    return findings
