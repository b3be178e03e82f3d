"""Scenes as a pipeline file wants them: without the inputs and faults that it does not have."""

from __future__ import annotations

from collections.abc import Collection

from schemas.pipeline import Pipeline
from streams.errors import FeedError
from streams.scenes.catalog import SCENES, make_scene
from streams.scenes.degrade import Degradation
from streams.scenes.rig import SimulatedScene


def scene_for(
    pipeline: Pipeline,
    *,
    sessions: int,
    seconds: float,
    seed: int,
    start_us: int,
    degrade: Degradation,
    without: Collection[str] = (),
) -> SimulatedScene:
    """The pipeline's scene; begins at the start of the window that holds ``start_us``.

    Raises ``FeedError``, as ``make_scene`` does.
    """
    kind = SCENES.get(pipeline.pipeline)
    left_out = set(without)
    if kind is not None:
        left_out |= set(kind.inputs) - set(pipeline.inputs)
    return make_scene(
        pipeline.pipeline,
        sessions=sessions,
        seconds=seconds,
        seed=seed,
        start_us=start_us - start_us % pipeline.window.size_us,
        degrade=degrade,
        without=left_out,
    )


def degradation_of(degrade: Degradation, pipeline: str) -> Degradation:
    """The faults that concern one pipeline's scene: of all sensors, and of those it has."""
    kind = SCENES.get(pipeline)
    own = {sensor for names in kind.inputs.values() for sensor in names} if kind else set()
    mine = {sensor: fault for sensor, fault in degrade.by_sensor.items() if sensor in own}
    return Degradation(everywhere=degrade.everywhere, by_sensor=mine)


def require_sensors(degrade: Degradation, pipelines: Collection[str]) -> None:
    """Raise ``FeedError`` where a degraded sensor is in none of the pipelines' scenes."""
    known = sorted(
        sensor
        for name in pipelines
        if name in SCENES
        for names in SCENES[name].inputs.values()
        for sensor in names
    )
    unknown = sorted(set(degrade.by_sensor) - set(known))
    if unknown:
        raise FeedError(
            f"degradation: expected any of the sensors {', '.join(known)}, got {unknown}"
        )
