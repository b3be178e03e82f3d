"""Scores are TrackEval's, and read the layout that we write."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from workers.vehicle.scoring import result_lines, score


def _truth(folder: Path, name: str, lines: list[str]) -> None:
    (folder / "label_02").mkdir()
    (folder / "label_02" / f"{name}.txt").write_text("\n".join(lines) + "\n")


def _mot_rows(path: Path) -> list[list[float]]:
    return [[float(value) for value in line.split(",")] for line in path.read_text().splitlines()]


@pytest.mark.parametrize(
    ("name", "mota", "switches"), [("TUD-Campus", 52.6, 7), ("TUD-Stadtmitte", 56.4, 7)]
)
def test_known_tracks_have_their_known_scores(
    tmp_path: Path, shared_data: Path, name: str, mota: float, switches: int
) -> None:
    folder = shared_data / "vehicle" / "mot_metric_check" / name
    if not folder.is_dir():
        pytest.skip(f"needs the sequences of py-motmetrics at {folder}, which are not there")
    truth, tracks = _mot_rows(folder / "gt.txt"), _mot_rows(folder / "test.txt")
    kitti = [
        f"{frame - 1:.0f} {number:.0f} Pedestrian 0 0 0 {x} {y} {x + w} {y + h} 1 1 1 0 0 0 0"
        for frame, number, x, y, w, h, *_ in truth
    ]
    _truth(tmp_path, name, kitti)
    frames = int(max(row[0] for row in truth + tracks))
    lines = [
        f"{frame - 1:.0f} {number:.0f} Pedestrian 0 0 0 {x} {y} {x + w} {y + h} 1 1 1 0 0 0 0 1"
        for frame, number, x, y, w, h, *_ in tracks
    ]
    figures = score(tmp_path, {name: frames}, {name: lines})["pedestrian"]["all"]
    assert figures["MOTA"] == pytest.approx(mota, abs=0.05)
    assert figures["IDSW"] == switches


def test_tracks_that_are_the_truth_score_100(tmp_path: Path) -> None:
    boxes = np.array([[100.0, 100, 200, 160]])
    _truth(tmp_path, "0000", [f"{at} 7 Car 0 0 0 100 100 200 160 1 1 1 0 0 9 0" for at in range(3)])
    lines = [
        line
        for at in range(3)
        for line in result_lines(at, [3], ["Car"], boxes, np.full((1, 7), np.nan), np.ones(1))
    ]
    figures = score(tmp_path, {"0000": 3}, {"0000": lines})["car"]["all"]
    assert (figures["HOTA"], figures["MOTA"], figures["FP"], figures["FN"]) == (100, 100, 0, 0)


def test_a_sequence_without_tracks_misses_everything(tmp_path: Path) -> None:
    _truth(tmp_path, "0000", ["0 7 Car 0 0 0 100 100 200 160 1 1 1 0 0 9 0"])
    figures = score(tmp_path, {"0000": 1}, {})["car"]["all"]
    assert (figures["MOTA"], figures["FN"]) == (0, 1)
