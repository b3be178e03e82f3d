"""Pictures of a window: what is drawn, and where."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from schemas.objects import Kinematics, ObjectStatus, Shape, TrackedObject
from workers.errors import ViewError
from workers.vehicle.calibration.rig import Camera, Rig
from workers.vehicle.view.cameras import camera_view
from workers.vehicle.view.composition import Layout, compose
from workers.vehicle.view.overhead import Ground, overhead
from workers.vehicle.view.saving import Saver
from workers.vehicle.view.sight import PANEL, Image, Sight, color_of
from workers.vehicle.view.strip import SPAN_US, strip

END_US = 1_700_000_000_000_000
#: Looks forward from the origin, focal length 100 pixels.
AHEAD = Camera(np.array([[50.0, -100, 0, 0], [40, 0, -100, 0], [1, 0, 0, 0]]), (100, 80))


def item(
    x: float = 20.0,
    y: float = 0.0,
    *,
    name: str = "aaaa-1",
    status: ObjectStatus = "confirmed",
    boxes: dict[str, tuple[float, float, float, float]] | None = None,
) -> TrackedObject:
    return TrackedObject(
        object_id=name,
        existence_probability=0.9,
        classification={"car": 1.0},
        kinematics=Kinematics("base_link", (x, y, 0.0), (0.0, 0.0, 0.0), 0.0, [0.01] * 21),
        shape=Shape(4.0, 2.0, 1.5),
        status=status,
        valid_at="",
        since="",
        age_ms=0.0,
        sensors=[],
        boxes=boxes or {},
    )


def sight(**changes: object) -> Sight:
    known: dict[str, object] = {
        "session": "car-7",
        "start_us": END_US - 100_000,
        "end_us": END_US,
    }
    return Sight(**(known | changes))  # type: ignore[arg-type]


def has(image: Image, color: tuple[int, int, int]) -> bool:
    return bool((np.abs(image.astype(int) - color).max(axis=2) < 12).any())


def center_of(image: Image, color: tuple[int, int, int]) -> tuple[float, float]:
    rows, columns = np.nonzero(np.abs(image.astype(int) - color).max(axis=2) < 12)
    return float(columns.mean()), float(rows.mean())


def test_forward_is_up_and_left_is_left_from_above() -> None:
    ground = Ground(ahead_m=40.0, behind_m=0.0, side_m=20.0)
    image = overhead(sight(objects=[item(20.0, 10.0)]), 400, 400, ground)
    x, y = center_of(image, color_of("aaaa-1"))
    assert x == pytest.approx(100.0, abs=25.0)
    assert y == pytest.approx(200.0, abs=25.0)


def test_returns_are_dots_where_they_are() -> None:
    points = np.array([[10.0, 0.0, 1.5]], np.float32)
    ground = Ground(ahead_m=40.0, behind_m=0.0, side_m=20.0)
    with_dot = overhead(sight(points=points), 400, 400, ground)
    without = overhead(sight(), 400, 400, ground)
    rows, columns = np.nonzero((with_dot != without).any(axis=2))
    assert (columns.tolist(), rows.tolist()) == ([200], [300])


def test_a_box_is_drawn_in_the_frame_by_the_calibration() -> None:
    frame = np.zeros((80, 100, 3), np.uint8)
    image = camera_view("front", frame, [item()], AHEAD, 100, 80)
    x, y = center_of(image, color_of("aaaa-1"))
    assert (x, y) == (pytest.approx(50.0, abs=4.0), pytest.approx(40.0, abs=4.0))


def test_without_a_calibration_the_objects_own_rectangle_is_drawn() -> None:
    frame = np.zeros((80, 100, 3), np.uint8)
    box = item(boxes={"front": (60.0, 40.0, 80.0, 60.0)})
    assert has(camera_view("front", frame, [box], None, 100, 80), color_of("aaaa-1"))
    assert not has(camera_view("rear", frame, [box], None, 100, 80), color_of("aaaa-1"))


def test_what_is_not_confirmed_yet_is_not_drawn_in_frames() -> None:
    frame = np.zeros((80, 100, 3), np.uint8)
    image = camera_view("front", frame, [item(status="tentative")], AHEAD, 100, 80)
    assert not has(image, color_of("aaaa-1"))


def test_a_camera_without_a_frame_has_a_panel() -> None:
    image = camera_view("front", None, [], None, 100, 80)
    assert image.shape == (80, 100, 3)
    assert has(image, PANEL)


def test_a_sample_is_a_tick_and_one_before_the_span_is_none() -> None:
    empty = strip(sight(samples={"lidar": ()}), 800)
    now = strip(sight(samples={"lidar": (END_US - 50_000,)}), 800)
    before = strip(sight(samples={"lidar": (END_US - SPAN_US - 1,)}), 800)
    assert (now != empty).any()
    assert (before == empty).all()


def test_a_silent_sensor_has_a_row_of_its_own() -> None:
    one = strip(sight(samples={"lidar": ()}), 800)
    two = strip(sight(samples={"lidar": ()}, absent={"radar": "idle"}), 800)
    assert len(two) > len(one)


@pytest.mark.parametrize("cameras", [[], ["front"], ["front", "rear"]])
def test_a_picture_has_the_width_asked_for_and_an_even_height(cameras: list[str]) -> None:
    frames = {"front": np.zeros((80, 100, 3), np.uint8)}
    content = sight(frames=frames, objects=[item()], situations=["near 1.0 s"])
    image = compose(content, cameras, Rig("base_link", {"front": AHEAD}), Layout(width=640))
    assert image.shape[1] == 640
    assert image.shape[0] % 2 == 0


def picture(shade: int) -> Image:
    return np.full((64, 96, 3), (shade, 0, 0), np.uint8)


def test_of_a_png_the_last_picture_stays(tmp_path: Path) -> None:
    with Saver(tmp_path / "p.png", 10.0) as saver:
        saver.add(picture(10))
        saver.add(picture(200))
    assert cv2.imread(str(tmp_path / "p.png"))[0, 0].tolist() == [0, 0, 200]


def test_a_video_has_every_picture(tmp_path: Path) -> None:
    with Saver(tmp_path / "p.mp4", 10.0) as saver:
        for shade in (0, 100, 200):
            saver.add(picture(shade))
    video = cv2.VideoCapture(str(tmp_path / "p.mp4"))
    shades = []
    while (read := video.read())[0]:
        shades.append(int(read[1][32, 48, 2]))
    assert shades == [pytest.approx(shade, abs=12) for shade in (0, 100, 200)]


def test_a_file_of_another_kind_or_without_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ViewError, match=r"\.png or \.mp4"):
        Saver(tmp_path / "p.gif", 10.0)
    with pytest.raises(ViewError, match="folder"):
        Saver(tmp_path / "none" / "p.png", 10.0)
