"""Tracks of a worker behind a real broker and Redis, as lines of KITTI's tracking format."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import aclosing

import numpy as np

from schemas.objects import TrackedObject
from schemas.pipeline import Pipeline
from schemas.result import Result
from schemas.units import iso_to_us
from streams.feed.item import FeedItem
from streams.subscribe import subscribe_results
from workers.demo.site import Site
from workers.demo.worker_process import WorkerProcess
from workers.errors import EvaluationError
from workers.evaluation.in_stream import worker_on
from workers.vehicle.kitti import CAMERA, CLASSES
from workers.vehicle.scoring import result_lines

#: Without a further result for so many seconds what is missing is given up: a worker on two busy
#: cores took 20 s until its first.
_SILENCE_S = 90.0


class Tracks:
    """Tracks of sessions, from their final results. ``first_us``: event time of frame 0;
    ``frames``: session -> how many it has; windows of other frames are not looked at.
    """

    def __init__(self, first_us: int, frame_us: int, frames: Mapping[str, int]) -> None:
        self._first_us, self._frame_us, self._frames = first_us, frame_us, dict(frames)
        #: Session -> frame -> its lines.
        self._lines: dict[str, dict[int, list[str]]] = {session: {} for session in frames}
        #: Session -> object id -> number, by appearance.
        self._numbers: dict[str, dict[str, int]] = {session: {} for session in frames}
        self.failures = 0

    def add(self, result: Result) -> bool:
        """Take a final result; False for one of another session, or of no frame."""
        session = result.session
        frame = (iso_to_us(result.window.start) - self._first_us) // self._frame_us
        if not 0 <= frame < self._frames.get(session, 0):
            return False
        self.failures += isinstance(result.failure, str)
        objects = result.objects if isinstance(result.objects, list) else []
        shown = [each for each in objects if _is_shown(each)]
        numbers = self._numbers[session]
        ids = [numbers.setdefault(each.object_id, len(numbers) + 1) for each in shown]
        self._lines[session][frame] = result_lines(
            frame,
            ids,
            [_KITTI_NAMES[each.label] for each in shown],
            np.array([each.boxes[CAMERA] for each in shown], np.float64).reshape(-1, 4),
            np.array([_box(each) for each in shown], np.float64).reshape(-1, 7),
            np.array([each.existence_probability for each in shown]),
        )
        return True

    def frames_of(self, session: str) -> int:
        """Frames of a session that have a result."""
        return len(self._lines[session])

    def lines(self, session: str) -> list[str]:
        """A session's lines, by frame."""
        frames = self._lines[session]
        return [line for frame in sorted(frames) for line in frames[frame]]


async def track_in_stream(
    site: Site, pipeline: Pipeline, items: Iterable[FeedItem], tracks: Tracks, windows: int
) -> None:
    """Feed samples, start a worker, and take its final results into ``tracks``.

    ``pipeline``: its name must be new to the site. ``windows``: how many results of frames there
    will be. Raises ``EvaluationError`` where fewer come, ``WorkerEnded`` where the worker does not
    run, ``FeedError`` and ``PublishError``.
    """
    async with worker_on(site, pipeline, items) as worker:
        await _collect(pipeline, site, worker, tracks, windows)


async def _collect(
    pipeline: Pipeline, site: Site, worker: WorkerProcess, tracks: Tracks, windows: int
) -> None:
    found = 0
    results = subscribe_results(pipeline.pipeline, kafka=site.settings.kafka, from_beginning=True)
    async with aclosing(results):
        while found < windows:
            try:
                async with asyncio.timeout(_SILENCE_S):
                    result = await anext(results)
            except TimeoutError:
                worker.check()
                raise EvaluationError(
                    f"expected {windows} results of frames from {pipeline.results_topic}, got "
                    f"{found} and then none for {_SILENCE_S:g} s; see {worker.log_path}"
                ) from None
            found += result.final and tracks.add(result)


def _is_shown(found: TrackedObject) -> bool:
    """What a reader of the results would act on, and KITTI can judge: it has a box in the image."""
    sure = found.status in ("confirmed", "coasted") and not found.suspended
    return sure and CAMERA in found.boxes and found.label in _KITTI_NAMES


def _box(found: TrackedObject) -> list[float]:
    place, shape = found.kinematics, found.shape
    if place is None or shape is None:
        return [np.nan] * 7
    return [*place.position, shape.length, shape.width, shape.height, place.yaw]


_KITTI_NAMES = {name.lower(): name for name in CLASSES}
