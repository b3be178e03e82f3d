"""Inference: the whole worker against a bare loop over the same decode, encode and fuse."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from statistics import median
from typing import Any, TypeVar

import msgspec

from schemas.pipeline import Pipeline
from schemas.settings import Settings
from streams.feed.player import play
from streams.kafka_client import client_kwargs
from streams.scenes.truth import expected_windows
from streams.topics import ensure_topics, plan_topics
from workers.bench.computing import ComputeFigures, PrecisionLoss
from workers.bench.contestant import Order, Role
from workers.bench.contestants import Contestant
from workers.bench.inference_worker import InferenceFigures
from workers.bench.load import SceneLoad
from workers.bench.pipeline import write_pipeline
from workers.bench.scene_load import scene_of
from workers.demo.site import Site, open_site
from workers.power.meter import PowerMeter, open_meter

Note = Callable[[str], None]
T = TypeVar("T")


class InferencePass(msgspec.Struct, frozen=True):
    """All sides in one run. ``joules``: the machine's, while the worker ran; ``None``: unknown."""

    worker: InferenceFigures
    bare: ComputeFigures
    batched: ComputeFigures
    alone: ComputeFigures
    joules: float | None


def _rate(figures: ComputeFigures | InferenceFigures) -> float:
    return figures.windows / figures.seconds


def _per_cpu_s(figures: ComputeFigures | InferenceFigures) -> float:
    return figures.windows / figures.cpu_s


async def measure_inference(
    pipeline: Pipeline,
    load: SceneLoad,
    settings: Settings,
    *,
    passes: int = 1,
    note: Note = lambda text: None,
) -> dict[str, Any]:
    """Run every side ``passes`` times, by turns, and report what `sensorium bench inference --json`
    prints: medians over the passes, and as ratios the medians of each pass's own.

    ``overhead_ratio``: the worker's windows per second of its own CPU time, of the bare loop's.
    ``batching_gain``: windows per second behind micro-batchers, of the same with batches of one.
    """
    expected = len(expected_windows(scene_of(pipeline, load), pipeline))
    meter = await asyncio.to_thread(open_meter)
    done = []
    for number in range(passes):
        note(f"pass {number + 1} of {passes}")
        with open_site(settings, use_configured=False) as site:
            done.append(await _one_pass(site, pipeline, load, expected, meter))

    def middle(read: Callable[[InferencePass], float], digits: int = 1) -> float:
        return round(median(map(read, done)), digits)

    energies = [p.joules * 1000 / p.worker.windows for p in done if p.joules is not None]
    return {
        "windows_per_s": middle(lambda p: _rate(p.worker)),
        "bare_windows_per_s": middle(lambda p: _rate(p.bare)),
        "windows_per_cpu_s": middle(lambda p: _per_cpu_s(p.worker)),
        "bare_windows_per_cpu_s": middle(lambda p: _per_cpu_s(p.bare)),
        "overhead_ratio": middle(lambda p: _per_cpu_s(p.worker) / _per_cpu_s(p.bare), 3),
        "batched_windows_per_s": middle(lambda p: _rate(p.batched)),
        "batch1_windows_per_s": middle(lambda p: _rate(p.alone)),
        "batching_gain": middle(lambda p: _rate(p.batched) / _rate(p.alone), 2),
        "batching_gain_cpu": middle(lambda p: _per_cpu_s(p.batched) / _per_cpu_s(p.alone), 2),
        "p99_queue_ms": middle(lambda p: p.worker.p99_queue_ms, 2),
        "joules_per_1000_windows": round(median(energies), 1) if energies else None,
        "device": done[0].bare.device,
        "pipeline": pipeline.pipeline,
        "max_batch": pipeline.model.max_batch,
        "sessions": load.sessions,
        "seconds": load.seconds,
        "seed": load.seed,
        "windows": expected,
        "complete": all(p.worker.windows == expected for p in done),
        "passes": done,
    }


async def _one_pass(
    site: Site, pipeline: Pipeline, load: SceneLoad, expected: int, meter: PowerMeter
) -> InferencePass:
    alone = pipeline.model_copy(
        update={"model": pipeline.model.model_copy(update={"max_batch": 1, "max_delay": None})}
    )
    bare = await _run(site, "bare", pipeline, load, ComputeFigures)
    kafka = site.settings.kafka
    await asyncio.to_thread(ensure_topics, kafka, plan_topics(pipeline))
    await play(
        scene_of(pipeline, load).items(),
        kafka=client_kwargs(kafka),
        pipeline=pipeline,
        speed=None,
        end_sessions=True,
    )
    before = meter.joules()
    worker = await _run(site, "inference", pipeline, load, InferenceFigures, expected)
    after = meter.joules()
    batched = await _run(site, "batched", pipeline, load, ComputeFigures)
    single = await _run(site, "batched", alone, load, ComputeFigures)
    used = None if before is None or after is None else after - before
    return InferencePass(worker, bare, batched, single, used)


async def measure_precision(
    pipeline: Pipeline, load: SceneLoad, settings: Settings
) -> PrecisionLoss:
    """The same windows in float32 and in the pipeline's precision."""
    with open_site(settings, use_configured=False) as site:
        return await _run(site, "precision", pipeline, load, PrecisionLoss)


async def _run(
    site: Site, role: Role, pipeline: Pipeline, load: SceneLoad, type_: type[T], windows: int = 0
) -> T:
    name = f"{role}-{pipeline.model.max_batch}"
    folder = site.log_dir / name
    folder.mkdir()
    order = Order(
        role=role,
        pipeline_file=str(write_pipeline(pipeline, folder)),
        windows=windows,
        load=load,
    )
    process = Contestant(name, order, folder=folder, environ=site.environ())
    try:
        return await process.answer(type_)
    finally:
        process.end()
