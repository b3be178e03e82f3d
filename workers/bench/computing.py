"""The same decode, encode and fuse without a broker: as a bare loop, and behind micro-batchers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import torch

from schemas.pipeline import Pipeline
from schemas.sample import Modality
from schemas.settings import Settings
from streams.compute import BadSample, Fusion
from streams.engine.memory import share_heap, tune_gc
from workers.backends.base import Model
from workers.backends.opening import Surroundings, open_model
from workers.bench.errors import BenchError
from workers.bench.load import SceneLoad
from workers.bench.scene_load import Work, render
from workers.bench.stopwatch import Figures, Stopwatch
from workers.inference.loading import load_compute

#: Records that a worker hands to the model at once.
_CHUNK = 1_000


class ComputeFigures(Figures, frozen=True):
    """``device``: what it was computed on."""

    device: str


def run_bare(pipeline: Pipeline, settings: Settings, load: SceneLoad) -> ComputeFigures:
    """One thread, one loop: decode, encode in full batches per modality, fuse in full batches.

    Alignment is done before the clock starts: this is the least that the answers cost.
    """
    share_heap()
    torch.set_num_threads(settings.worker.threads or 1)
    modality_of = {name: spec.modality for name, spec in pipeline.inputs.items()}
    model = open_model(pipeline.model, Surroundings(modality_of, device=settings.worker.device))
    work = render(pipeline, load)
    model.warm(pipeline.model.max_batch)
    tune_gc()
    watch = Stopwatch()
    watch.begin()
    features = _encode_all(model, work, pipeline.model.max_batch)
    for windows in _batches(work.windows, pipeline.model.max_batch):
        model.fuse([work.filled(window, features) for window in windows])
        watch.published()
    return _figures(watch, len(work.windows), settings)


def _encode_all(model: Model, work: Work, max_batch: int) -> list[bytes]:
    features = [b""] * len(work.samples)
    waiting: dict[Modality, tuple[list[int], list[Any]]] = {}

    def encode(modality: Modality) -> None:
        positions, decoded = waiting.pop(modality)
        for position, feature in zip(positions, model.encode(modality, decoded), strict=True):
            features[position] = feature

    for position, sample in enumerate(work.samples):
        decoded = model.decode(sample)
        if isinstance(decoded, BadSample):
            raise BenchError(f"expected samples that decode, got {decoded.message}")
        positions, arrays = waiting.setdefault(sample.modality, ([], []))
        positions.append(position)
        arrays.append(decoded)
        if len(positions) == max_batch:
            encode(sample.modality)
    for modality in list(waiting):
        encode(modality)
    return features


def run_batched(pipeline: Pipeline, settings: Settings, load: SceneLoad) -> ComputeFigures:
    """The worker's own compute on all sessions' samples: micro-batchers and decode pool."""
    share_heap()
    work = render(pipeline, load)
    compute = load_compute(pipeline, settings.worker)
    compute.warm()
    tune_gc()

    async def run() -> Stopwatch:
        watch = Stopwatch()
        watch.begin()
        by_input: dict[str, list[int]] = {}
        for position, sample in enumerate(work.samples):
            by_input.setdefault(sample.input, []).append(position)
        chunks = [c for positions in by_input.values() for c in _batches(positions, _CHUNK)]
        features = [b""] * len(work.samples)

        async def encode(positions: Sequence[int]) -> None:
            found = await compute.encode([work.samples[position] for position in positions])
            for position, feature in zip(positions, found, strict=True):
                if not isinstance(feature, bytes):
                    raise BenchError(f"expected samples that are encoded, got {feature}")
                features[position] = feature

        await asyncio.gather(*(encode(chunk) for chunk in chunks))
        for windows in _batches(work.windows, pipeline.model.max_batch):
            await compute.fuse([work.filled(window, features) for window in windows])
            watch.published()
        return watch

    watch = asyncio.run(run())
    compute.close()
    return _figures(watch, len(work.windows), settings)


class PrecisionLoss(msgspec.Struct, frozen=True):
    """Answers in a precision against those in float32. ``labels_equal``: share of answers with the
    same label; ``largest`` and ``mean``: difference of a probability.
    """

    precision: str
    windows: int
    labels_equal: float
    largest: float
    mean: float
    device: str


def run_precision(pipeline: Pipeline, settings: Settings, load: SceneLoad) -> PrecisionLoss:
    """Answer the same windows in float32 and as the pipeline file says."""
    work = render(pipeline, load)
    torch.set_num_threads(settings.worker.threads or 1)
    plain = pipeline.model.model_copy(update={"precision": "float32", "compile": "none"})
    answers = []
    for spec in (plain, pipeline.model):
        modality_of = {name: one.modality for name, one in pipeline.inputs.items()}
        model = open_model(spec, Surroundings(modality_of, device=settings.worker.device))
        model.warm(spec.max_batch)
        features = _encode_all(model, work, spec.max_batch)
        answers.append(
            [
                answer
                for windows in _batches(work.windows, spec.max_batch)
                for answer in model.fuse([work.filled(window, features) for window in windows])
            ]
        )
    equal, differences = compare_answers(*answers)
    return PrecisionLoss(
        pipeline.model.precision,
        len(work.windows),
        round(equal, 5),
        max(differences),
        sum(differences) / len(differences),
        device_name(settings.worker.device),
    )


def compare_answers(
    first: Sequence[Fusion], second: Sequence[Fusion]
) -> tuple[float, Sequence[float]]:
    """Share of answers with the same label, and the difference of every probability."""
    equal, count, differences = 0, 0, []
    for one, other in zip(first, second, strict=True):
        for task, expected in one.tasks.items():
            found = other.tasks[task]
            count += 1
            equal += max(expected, key=expected.__getitem__) == max(found, key=found.__getitem__)
            differences += [abs(expected[label] - found[label]) for label in expected]
    return equal / count, differences


def _batches(items: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def _figures(watch: Stopwatch, windows: int, settings: Settings) -> ComputeFigures:
    figures = watch.read(windows)
    return ComputeFigures(
        figures.seconds,
        figures.cpu_s,
        figures.peak_rss_mb,
        figures.windows,
        device_name(settings.worker.device),
    )


def device_name(device: str) -> str:
    """What a person calls it: the GPU's name, or the processor's and the cores that are ours."""
    if device != "cpu" and torch.cuda.is_available():
        return torch.cuda.get_device_name()
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    cores = len(names) or 1
    return f"{names[0] if names else 'CPU'}, {cores} cores"
