"""A simulated scene as work for a model: samples, and windows that know which samples they hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from schemas.pipeline import Pipeline
from schemas.sample import Sample
from streams.align.types import Window
from streams.feed.item import FeedItem
from streams.scenes.degrade import Degradation
from streams.scenes.rig import SimulatedScene
from workers.bench.load import SceneLoad
from workers.demo.scenes import scene_for
from workers.train.scenes.recording import align, sample_positions

#: Event time at which every scene begins: the same seed gives the same bytes.
_START_US = 1_790_000_040_000_000


def scene_of(pipeline: Pipeline, load: SceneLoad) -> SimulatedScene:
    """The pipeline's scene, nothing lost or late."""
    return scene_for(
        pipeline,
        sessions=load.sessions,
        seconds=load.seconds,
        seed=load.seed,
        start_us=_START_US,
        degrade=Degradation(),
    )


@dataclass(frozen=True, slots=True)
class Work:
    """``windows`` hold, in place of features, positions in ``samples``."""

    samples: Sequence[Sample]
    windows: Sequence[Window]

    def filled(self, window: Window, features: Sequence[bytes]) -> Window:
        """The window with the features of its samples."""
        filled = tuple(
            msgspec.structs.replace(sample, feature=features[position])
            for sample, position in zip(window.samples, sample_positions(window), strict=True)
        )
        return msgspec.structs.replace(window, samples=filled)


def render(pipeline: Pipeline, load: SceneLoad) -> Work:
    """Render a scene whole, and align it as a worker would."""
    items = list(scene_of(pipeline, load).items())
    samples = [_sample(pipeline, item, position) for position, item in enumerate(items)]
    return Work(samples, align(pipeline, items))


def _sample(pipeline: Pipeline, item: FeedItem, position: int) -> Sample:
    return Sample(
        item.session,
        item.sensor,
        item.input,
        pipeline.inputs[item.input].modality,
        item.start_us,
        item.end_us,
        item.content_type,
        item.payload,
        pipeline.topic(item.input),
        0,
        position,
    )
