"""Radar on a highway: is what stands found to stand once the car's own speed is taken out?"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from workers.datasets.comma2k19 import Segment, load, read_segment
from workers.recipes.base import Evaluation, Figure, Options, Progress, Table
from workers.vehicle.radar.doppler import speed_over_ground
from workers.vehicle.radar.standing import (
    LEAST_RETURNS,
    MOST_SPEED_MPS,
    on_ground,
    reckon,
    standing,
    tracks,
)

#: A standing return's corrected speed has to be so near to nought, m/s.
NEAR_MPS = 0.5


class RadarOnHighway:
    """See the module."""

    name = "comma2k19"
    claim = (
        "returns of a real radar on standing objects, the car's own speed removed: share within "
        f"{NEAR_MPS} m/s of zero"
    )

    def run(
        self, data: Path, test: Path | None, options: Options, progress: Progress
    ) -> Evaluation:
        """See ``workers.recipes.base.Recipe``; nothing is trained, so that ``test`` is judged in
        place of ``data``.
        """
        source = test or data
        described = load(source)
        files = sorted(source.glob("*.npz")) if source.is_dir() else [source]
        chosen = [file for file in files if not options.sequences or file.stem in options.sequences]
        rows = []
        total = stood = near = tracked = 0
        with progress.track("segments", len(chosen)) as advance:
            for file in chosen:
                found = judge(read_segment(file))
                rows.append(tuple(map(str, (file.stem, *found))))
                total, tracked = total + found[0], tracked + found[2]
                stood, near = stood + found[3], near + found[4]
                advance(1)
        return Evaluation(
            recipe=self.name,
            claim=self.claim,
            figures=[
                Figure("standing returns within 0.5 m/s", near / max(1, stood), count=stood),
                Figure("standing returns", stood / max(1, total), count=total,
                       note="of all returns; the rest is traffic and short tracks"),
            ],
            split="nothing is fitted: every segment is judged",
            origin=described.origin,
            licence=described.licence,
            notes=[
                "A track stands where a line through its places on the ground, reckoned from "
                f"wheel speed and gyroscope, moves by less than {MOST_SPEED_MPS} m/s over at least "
                f"{LEAST_RETURNS} returns; its range rates have no part in that.",
            ],
            tables=[
                Table(
                    "Segments",
                    ("segment", "returns", "tracks", "in tracks", "standing", "near zero"),
                    tuple(rows),
                )
            ],
        )  # fmt: skip


def judge(segment: Segment) -> tuple[int, int, int, int, int]:
    """Returns; tracks; returns in tracks; of these on standing objects; of these with a corrected
    speed near nought.
    """
    positions = np.stack([segment.x_m, segment.y_m], axis=1)
    way = reckon(segment.times_s, segment.speed_mps, segment.yaw_rate_radps)
    places = on_ground(way, segment.x_m, segment.y_m)
    among = tracks(segment.times_s, positions, segment.addresses, segment.begins)
    still = standing(segment.times_s, places, among)
    corrected = speed_over_ground(
        positions, segment.range_rates_mps, segment.speed_mps, segment.yaw_rate_radps
    )
    rows = np.concatenate([np.zeros(0, np.int64), *still])
    near = int((np.abs(corrected[rows]) < NEAR_MPS).sum())
    return len(segment), len(among), sum(map(len, among)), len(rows), near


def recipe() -> RadarOnHighway:
    """The recipe."""
    return RadarOnHighway()
