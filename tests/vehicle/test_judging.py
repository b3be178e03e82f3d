"""Labels of frames, and how findings are held against them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from workers.datasets.kitti_labels import read_labels
from workers.errors import DataSetError
from workers.vehicle.judging import Score, inside, nearness, overlaps, score

#: From the camera's axes (right, down, forward) to the lidar's (forward, left, up).
TURN = np.array([[0.0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
NONE = np.zeros(2, np.bool_)


def test_a_label_is_a_box_in_the_lidars_frame(tmp_path: Path) -> None:
    file = tmp_path / "0.txt"
    file.write_text("Car 0 0 -1.6 1 2 3 4 1.5 1.6 4.0 2.0 1.7 10.0 -1.5708\n")
    labelled = read_labels(file, TURN)
    assert labelled.kinds == ("Car",)
    assert labelled.boxes[0] == pytest.approx([10.0, -2.0, -0.95, 4.0, 1.6, 1.5, 0.0], abs=1e-4)
    assert labelled.spans.tolist() == [[1, 2, 3, 4]]


def test_regions_without_labels_are_kept_apart(tmp_path: Path) -> None:
    file = tmp_path / "0.txt"
    file.write_text("DontCare -1 -1 -10 5 6 7 8 -1 -1 -1 -1000 -1000 -1000 -10\n")
    labelled = read_labels(file, TURN)
    assert (labelled.kinds, labelled.ignored.tolist()) == ((), [[5, 6, 7, 8]])


@pytest.mark.parametrize("text", ["Car 1 2\n", "Car 0 0 x 1 2 3 4 1 1 1 1 1 1 1\n"])
def test_a_line_that_is_no_label_is_named(text: str, tmp_path: Path) -> None:
    file = tmp_path / "0.txt"
    file.write_text(text)
    with pytest.raises(DataSetError, match=r"0\.txt:1"):
        read_labels(file, TURN)


def test_as_many_pairs_as_fit_are_made() -> None:
    # The closest pair alone would leave the other label without one.
    closeness = np.array([[0.9, 0.8], [0.85, 0.1]])
    assert score(closeness, 0.5, NONE) == Score(labelled=2, found=2, wrong=0)


def test_a_finding_serves_one_label_and_the_rest_are_wrong() -> None:
    closeness = np.array([[0.9, 0.8]])
    assert score(closeness, 0.5, NONE) == Score(labelled=1, found=1, wrong=1)


def test_findings_in_regions_without_labels_are_not_wrong() -> None:
    closeness = np.array([[0.9, 0.0]])
    assert score(closeness, 0.5, np.array([False, True])).wrong == 0


def test_nothing_found_is_a_recall_of_nought() -> None:
    found = score(np.zeros((3, 0)), 0.5, np.zeros(0, np.bool_))
    assert (found.recall, found.precision) == (0.0, 0.0)


def test_scores_of_frames_add_up() -> None:
    total = Score(4, 3, 1) + Score(2, 1, 0)
    assert (total.recall, total.precision) == (pytest.approx(4 / 6), pytest.approx(4 / 5))


def test_nearness_is_over_the_road_alone() -> None:
    first = np.array([[0.0, 0, 0, 4, 2, 1.5, 0]])
    second = np.array([[3.0, 4, 9, 4, 2, 1.5, 0]])
    assert nearness(first, second) == pytest.approx(np.array([[-5.0]]))


def test_overlap_of_a_half_covered_span() -> None:
    first, second = np.array([[0.0, 0, 10, 10]]), np.array([[0.0, 0, 10, 5]])
    assert overlaps(first, second) == pytest.approx(np.array([[0.5]]))
    assert inside(second, first).tolist() == [True]
    assert inside(np.array([[20.0, 20, 30, 30]]), first).tolist() == [False]
