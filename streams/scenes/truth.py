"""What must come out of a scene: which windows exist and which samples were lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from schemas.pipeline import Pipeline
from streams.feed.item import FeedItem


class Scheduled(Protocol):
    """A scene that can list its samples without rendering them."""

    def schedule(self) -> Iterator[FeedItem]:
        """``items`` with empty payloads."""

    def sample_counts(self) -> Mapping[tuple[str, str], int]:
        """(session, sensor) -> samples sensed, lost ones included."""


@dataclass(frozen=True, slots=True)
class Truth:
    """Counts of one scene, known before anything is sent.

    ``windows``: (session, window start in epoch microseconds) of every window in which at least
    one sent sample lies. ``sent``: (session, sensor) -> samples. ``lost``: (session, sensor,
    sequence) of samples that were sensed and never sent.
    """

    windows: frozenset[tuple[str, int]]
    sent: Mapping[tuple[str, str], int]
    lost: frozenset[tuple[str, str, int]]


def scene_truth(scene: Scheduled, pipeline: Pipeline) -> Truth:
    """Count a scene for the windows of a pipeline, in one pass."""
    size_us = pipeline.window.size_us
    windows: set[tuple[str, int]] = set()
    sent: Counter[tuple[str, str]] = Counter()
    lost = {
        (session, sensor, sequence)
        for (session, sensor), count in scene.sample_counts().items()
        for sequence in range(count)
    }
    for item in scene.schedule():
        spec = pipeline.inputs[item.input]
        moment_us, _ = spec.aligned_span_us(item.start_us, item.end_us)
        windows.add((item.session, moment_us - moment_us % size_us))
        sent[item.session, item.sensor] += 1
        lost.discard((item.session, item.sensor, item.sequence))
    return Truth(windows=frozenset(windows), sent=dict(sent), lost=frozenset(lost))


def expected_windows(scene: Scheduled, pipeline: Pipeline) -> frozenset[tuple[str, int]]:
    """(session, window start) of every window that holds a sample that was not lost."""
    return scene_truth(scene, pipeline).windows
