"""Labelled sequences, and the tracker run over several of them at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from workers.vehicle.kitti import Sequence2D3D, Truth, read_seqmap, read_sequence, read_truth
from workers.vehicle.scoring import rows_of
from workers.vehicle.tracking import Objects, Observation, State, Tracker

#: What is told of each step: frame, the sequences that have it, their states before and after.
Watch = Callable[[int, Sequence[str], Sequence[State], Sequence[State]], None]


class Drives:
    """Sequences of one seqmap. ``truths`` and ``sequences`` by name; ``lengths``: frames of each.

    Raises ``DataSetError`` for files that are missing or damaged.
    """

    def __init__(self, root: Path, seqmap: str) -> None:
        self.root = root
        self.lengths = read_seqmap(root / f"evaluate_tracking.seqmap.{seqmap}")
        self.sequences: dict[str, Sequence2D3D] = {
            name: read_sequence(root, name, frames) for name, frames in self.lengths.items()
        }
        self.truths: dict[str, Truth] = {name: read_truth(root, name) for name in self.lengths}


def run(
    tracker: Tracker,
    observations: Mapping[str, Sequence[Observation]],
    watch: Watch | None = None,
) -> dict[str, list[Objects]]:
    """Objects of each sequence, frame by frame; every frame of all sequences is one batch."""
    names = list(observations)
    states = {name: State() for name in names}
    found: dict[str, list[Objects]] = {name: [] for name in names}
    for frame in range(max(map(len, observations.values()), default=0)):
        there = [name for name in names if frame < len(observations[name])]
        before = [states[name] for name in there]
        after, objects = tracker.step(before, [observations[name][frame] for name in there])
        if watch is not None:
            watch(frame, there, before, after)
        for name, state, seen in zip(there, after, objects, strict=True):
            states[name] = state
            found[name].append(seen)
    return found


def lines(
    tracker: Tracker, observations: Mapping[str, Sequence[Observation]]
) -> dict[str, list[str]]:
    """The objects that are shown, in KITTI's tracking format."""
    return {
        name: [line for frame, seen in enumerate(frames) for line in rows_of(frame, seen)]
        for name, frames in run(tracker, observations).items()
    }
