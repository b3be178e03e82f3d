"""Calibration files, and what they make of points."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workers.errors import CalibrationError
from workers.vehicle.calibration.kitti import camera_to_lidar
from workers.vehicle.calibration.reading import read_rig
from workers.vehicle.calibration.rig import (
    Camera,
    box_corners,
    image_boxes,
    project,
    transform,
    transform_boxes,
)

#: A camera at the lidar's place that looks forward: focal length 100 pixels, centre (50, 40).
INTRINSIC = np.array([[100.0, 0.0, 50.0], [0.0, 100.0, 40.0], [0.0, 0.0, 1.0]])
FORWARD = np.array([[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])
AHEAD = Camera(INTRINSIC @ np.column_stack([FORWARD, np.zeros(3)]), (100, 80))


def kitti(**lines: str) -> str:
    known = {
        "P2": "100 0 50 0 0 100 40 0 0 0 1 0",
        "R0_rect": "1 0 0 0 1 0 0 0 1",
        "Tr_velo_to_cam": "0 -1 0 0 0 0 -1 0 1 0 0 0",
    }
    return "".join(f"{name}: {value}\n" for name, value in (known | lines).items() if value)


def write(folder: Path, text: str, name: str = "calib.txt") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_point_straight_ahead_is_at_the_image_centre() -> None:
    pixels, depth = project(AHEAD, np.array([[10.0, 0.0, 0.0]]))
    assert (pixels.tolist(), depth.tolist()) == ([[50.0, 40.0]], [10.0])


def test_left_is_left_and_up_is_up_in_the_image() -> None:
    (pixel,), _ = project(AHEAD, np.array([[10.0, 2.0, 1.0]]))
    assert pixel.tolist() == [30.0, 30.0]


def test_a_point_behind_the_camera_has_no_pixel() -> None:
    pixels, _ = project(AHEAD, np.array([[-5.0, 0.0, 0.0]]))
    assert np.isnan(pixels).all()


def test_a_box_spans_its_corners_and_is_cut_to_the_image() -> None:
    boxes = np.array([[10.0, 0.0, 0.0, 2.0, 2.0, 2.0, 0.0], [5.0, 3.0, 0.0, 1.0, 4.0, 1.0, 0.0]])
    spans = image_boxes(AHEAD, boxes)
    assert spans[0] == pytest.approx([50 - 100 / 9, 40 - 100 / 9, 50 + 100 / 9, 40 + 100 / 9])
    assert spans[1, 0] == 0.0


def test_a_box_outside_the_image_has_no_span() -> None:
    assert np.isnan(image_boxes(AHEAD, np.array([[5.0, 40.0, 0.0, 1.0, 1.0, 1.0, 0.0]]))).all()


def test_corners_are_turned_by_the_yaw() -> None:
    corners = box_corners(np.array([[0.0, 0.0, 0.0, 4.0, 2.0, 1.0, np.pi / 2]]))[0]
    assert np.ptp(corners, axis=0) == pytest.approx([2.0, 4.0, 1.0])


def test_boxes_are_moved_and_turned_by_a_rigid_transform() -> None:
    quarter = np.array([[0.0, -1, 0, 1], [1, 0, 0, 0], [0, 0, 1, 2], [0, 0, 0, 1]])
    moved = transform_boxes(quarter, np.array([[3.0, 0.0, 0.0, 4.0, 2.0, 1.0, 0.1]]))
    assert moved[0] == pytest.approx([1.0, 3.0, 2.0, 4.0, 2.0, 1.0, np.pi / 2 + 0.1])


def test_a_kitti_file_gives_its_cameras_in_the_lidars_frame(tmp_path: Path) -> None:
    rig = read_rig(write(tmp_path, kitti()))
    (pixel,), _ = project(rig.cameras["image_02"], np.array([[10.0, 2.0, 1.0]]))
    assert (rig.frame, pixel.tolist()) == ("velodyne", [30.0, 30.0])


def test_lines_of_the_tracking_layout_need_no_colon(tmp_path: Path) -> None:
    text = kitti(Tr_velo_to_cam="").replace("R0_rect:", "R_rect")
    rig = read_rig(write(tmp_path, text + "Tr_velo_cam 0 -1 0 0 0 0 -1 0 1 0 0 0\n"))
    assert list(rig.cameras) == ["image_02"]


def test_a_pipelines_sensor_takes_the_files_camera(tmp_path: Path) -> None:
    rig = read_rig(write(tmp_path, kitti()), {"camera.front": "image_02"})
    assert rig.cameras["camera.front"] is rig.cameras["image_02"]


def test_labels_frame_is_led_to_the_lidars() -> None:
    matrix = camera_to_lidar(kitti(), Path("calib.txt"))
    assert transform(matrix, np.array([[1.0, 2.0, 10.0]]))[0] == pytest.approx([10.0, -1.0, -2.0])


def nuscenes() -> dict[str, object]:
    ego = np.eye(4)
    ego[:3, 3] = [1.0, 0.0, 1.5]
    camera = np.eye(4)
    camera[:3, :3], camera[:3, 3] = FORWARD.T, [1.0, 0.0, 1.5]
    image = {"cam2img": INTRINSIC.tolist(), "cam2ego": camera.tolist()}
    lidar = {"lidar2ego": ego.tolist()}
    return {"data_list": [{"images": {"CAM_FRONT": image}, "lidar_points": lidar}]}


def test_a_nuscenes_description_gives_cameras_and_lidar_in_the_vehicles_frame(
    tmp_path: Path,
) -> None:
    rig = read_rig(write(tmp_path, json.dumps(nuscenes()), "info.json"))
    (pixel,), _ = project(rig.cameras["CAM_FRONT"], np.array([[11.0, 2.0, 2.5]]))
    assert pixel == pytest.approx([30.0, 30.0])
    assert rig.to_frame["LIDAR_TOP"][:3, 3].tolist() == [1.0, 0.0, 1.5]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "Tr_velo_to_cam"),
        (kitti(P2=""), "P2"),
        (kitti(P2="1 2 3"), "12 finite numbers"),
        (kitti(P2="a b"), "expected a name and numbers"),
        (kitti(Tr_velo_to_cam="0 0 1 -1 0 0 0 -1 0 0 0 0"), "written column by column"),
        (kitti(R0_rect="0 0 0 0 0 0 0 0 0"), "R0_rect: expected a rotation"),
        ("{", "expected JSON"),
        ("{}", "lidar_points"),
        ('{"data_list": []}', "at least one sample"),
    ],
)
def test_a_file_that_is_no_calibration_is_said_to_be_none(
    tmp_path: Path, text: str, expected: str
) -> None:
    with pytest.raises(CalibrationError, match=expected):
        read_rig(write(tmp_path, text))


@pytest.mark.parametrize(
    ("part", "key", "change"),
    [
        ("lidar", "lidar2ego", np.transpose),
        ("lidar", "lidar2ego", np.zeros_like),
        ("camera", "cam2ego", np.zeros_like),
        ("camera", "cam2ego", lambda matrix: matrix * 1_000.0),
    ],
)
def test_a_matrix_that_does_more_than_turn_and_shift_is_refused(
    tmp_path: Path, part: str, key: str, change: Any
) -> None:
    tree: Any = nuscenes()
    (sample,) = tree["data_list"]
    where = sample["lidar_points"] if part == "lidar" else sample["images"]["CAM_FRONT"]
    where[key] = change(np.array(where[key])).tolist()
    with pytest.raises(CalibrationError, match=rf"{key}: expected a rotation and a translation"):
        read_rig(write(tmp_path, json.dumps(tree), "info.json"))


def test_a_size_that_is_none_is_refused(tmp_path: Path) -> None:
    tree: Any = nuscenes()
    tree["data_list"][0]["images"]["CAM_FRONT"]["size"] = ["wide", 900]
    with pytest.raises(CalibrationError, match="size: expected width and height in pixels"):
        read_rig(write(tmp_path, json.dumps(tree), "info.json"))


def test_a_sensor_that_the_file_does_not_have_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match=r"camera\.front.*image_02.*image_07"):
        read_rig(write(tmp_path, kitti()), {"camera.front": "image_07"})
