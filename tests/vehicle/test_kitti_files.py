"""KITTI's files become detections in the vehicle's axes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.vehicle.labelled_folder import boxes, write_folder
from workers.errors import DataSetError
from workers.vehicle.kitti import (
    CAMERA,
    read_seqmap,
    read_sequence,
    read_truth,
    to_camera,
    to_vehicle,
)


def test_a_box_ahead_of_the_camera_is_ahead_of_the_vehicle() -> None:
    h, w, length, x, y, z, turn = 1.5, 1.8, 4.0, 2.0, 1.6, 20.0, -np.pi / 2
    (found,) = to_vehicle(np.array([[h, w, length, x, y, z, turn]]))
    assert found == pytest.approx([20.0, -2.0, -1.6 + 0.75, 4.0, 1.8, 1.5, 0.0], abs=1e-12)


def test_the_way_back_gives_the_same_boxes() -> None:
    there = boxes(20)
    assert to_vehicle(to_camera(there)) == pytest.approx(there)


def test_a_frame_has_a_list_of_each_sensor(tmp_path: Path) -> None:
    found = read_sequence(write_folder(tmp_path), "0000", 40)
    seen = found.observations()[1]
    assert [len(each.scores) for each in seen.lists] == [2, 1]


def test_a_sensor_by_itself_is_all_that_there_is(tmp_path: Path) -> None:
    found = read_sequence(write_folder(tmp_path), "0000", 40)
    assert {len(each.lists) for each in found.observations((CAMERA,))} == {1}


def test_a_class_that_a_detector_never_found_needs_no_file(tmp_path: Path) -> None:
    found = read_sequence(write_folder(tmp_path), "0000", 40)
    assert set(found.camera_class.tolist()) == {0}


def test_a_sequence_without_detections_of_a_sensor_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataSetError, match=r"expected CLASS/0007\.txt"):
        read_sequence(write_folder(tmp_path), "0007", 40)


@pytest.mark.parametrize("text", ["a,b", "1,2,3", "0,nan,0,0,0,0"])
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    root = write_folder(tmp_path)
    (root / "det_camera2d_rrc/Car/0000.txt").write_text(text)
    with pytest.raises(DataSetError, match="det_camera2d_rrc/Car/0000"):
        read_sequence(root, "0000", 40)


def test_damaged_labels_are_named(tmp_path: Path) -> None:
    root = write_folder(tmp_path)
    (root / "label_02/0000.txt").write_text("0 1 Car\n")
    with pytest.raises(DataSetError, match="label_02/0000"):
        read_truth(root, "0000")


def test_a_damaged_sequence_map_is_named(tmp_path: Path) -> None:
    (tmp_path / "map").write_text("0000 empty\n")
    with pytest.raises(DataSetError, match="expected lines"):
        read_seqmap(tmp_path / "map")
