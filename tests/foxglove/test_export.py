"""What Foxglove is given, read with MCAP's own reader and Foxglove's own classes."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mcap.reader import make_reader
from mcap_protobuf.decoder import DecoderFactory
from scipy.spatial.transform import Rotation

from schemas.pipeline import Pipeline
from streams.errors import RecordError
from tests.foxglove.conftest import POINTS, T0_US, jpeg, result, tracked
from workers.foxglove.export import export_foxglove
from workers.foxglove.frames import decompose, frame_transform
from workers.vehicle.calibration.rig import Camera, Rig, project


def read(path: Path) -> dict[str, list[tuple[int, str, Any]]]:
    """Topic -> (milliseconds after T0, schema, message) in the order of log times."""
    found: dict[str, list[tuple[int, str, Any]]] = {}
    with path.open("rb") as file:
        for schema, channel, message, decoded in make_reader(
            file, decoder_factories=[DecoderFactory()]
        ).iter_decoded_messages():
            at_ms = message.log_time // 1_000_000 - T0_US // 1000
            assert schema is not None
            found.setdefault(channel.topic, []).append((at_ms, schema.name, decoded))
    return found


@pytest.fixture
def exported(
    tmp_path: Path, drive: Pipeline, recording: Callable[..., Path]
) -> Callable[..., dict[str, list[tuple[int, str, Any]]]]:
    def make(*results: Any, rig: Rig | None = None) -> dict[str, list[tuple[int, str, Any]]]:
        out = tmp_path / "out.mcap"
        export_foxglove([recording(*results)], out, drive, rig=rig)
        return read(out)

    return make


Export = Callable[..., dict[str, list[tuple[int, str, Any]]]]


def test_frames_are_images_at_their_event_times(exported: Export) -> None:
    images = exported()["/camera.front"]
    assert [(at_ms, schema) for at_ms, schema, _ in images] == [
        (0, "foxglove.CompressedImage"),
        (100, "foxglove.CompressedImage"),
    ]
    first = images[0][2]
    assert (first.data, first.format, first.frame_id) == (jpeg(), "jpeg", "camera.front")
    assert (first.timestamp.seconds, first.timestamp.nanos) == (T0_US // 1_000_000, 0)


def test_sweeps_are_points_with_their_fields(exported: Export) -> None:
    ((at_ms, schema, cloud),) = exported()["/lidar.top"]
    assert (at_ms, schema, cloud.point_stride) == (20, "foxglove.PointCloud", 16)
    assert [(field.name, field.offset) for field in cloud.fields] == [
        ("x", 0),
        ("y", 4),
        ("z", 8),
        ("intensity", 12),
    ]
    assert np.array_equal(np.frombuffer(cloud.data, "<f4").reshape(-1, 4), POINTS)


def test_a_tracked_object_is_a_cube_with_its_id_words_and_an_arrow(exported: Export) -> None:
    ((at_ms, schema, update),) = exported(result(100, [tracked("3f9a-1", 100)]))["/objects"]
    assert (at_ms, schema) == (100, "foxglove.SceneUpdate")
    (entity,) = update.entities
    (cube,), (arrow,), (text,) = entity.cubes, entity.arrows, entity.texts
    assert (entity.id, entity.frame_id) == ("3f9a-1", "base_link")
    place, size = cube.pose.position, cube.size
    assert (place.x, place.y, place.z) == (10.0, -2.0, 0.5)
    assert (size.x, size.y, size.z) == (4.5, 1.8, 1.5)
    turn = cube.pose.orientation
    assert 2 * math.atan2(turn.z, turn.w) == pytest.approx(math.pi / 2)
    assert arrow.shaft_length + arrow.head_length == pytest.approx(5.0)
    arrow_yaw = 2 * math.atan2(arrow.pose.orientation.z, arrow.pose.orientation.w)
    assert arrow_yaw == pytest.approx(math.atan2(4.0, 3.0))
    assert text.text == "car 0.97 3f9a"
    told = {pair.key: pair.value for pair in entity.metadata}
    assert (told["class.truck"], told["status"], told["sensors"]) == (
        "0.1",
        "confirmed",
        "lidar.top",
    )


def test_an_object_that_is_told_of_no_more_is_deleted(exported: Export) -> None:
    updates = exported(
        result(100, [tracked("a", 100), tracked("b", 100)]), result(200, [tracked("b", 200)])
    )["/objects"]
    assert [(at_ms, [one.id for one in update.deletions]) for at_ms, _, update in updates] == [
        (100, []),
        (200, ["a"]),
    ]


def test_an_object_that_stands_has_no_arrow(exported: Export) -> None:
    standing = tracked("a", 100)
    assert standing.kinematics is not None
    still = type(standing.kinematics)(
        "base_link", (1.0, 0.0, 0.0), (0.0, 0.1, 0.0), 0.0, [0.1] * 21
    )
    ((_, _, update),) = exported(result(100, [tracked("a", 100, kinematics=still)]))["/objects"]
    assert len(update.entities[0].arrows) == 0


def test_an_object_of_an_image_alone_is_drawn_in_the_image(exported: Export) -> None:
    flat = tracked("a", 100, kinematics=None, shape=None)
    found = exported(result(100, [flat]))
    assert len(found["/objects"][0][2].entities) == 0
    ((_, schema, boxes),) = found["/camera.front/boxes"]
    assert schema == "foxglove.ImageAnnotations"
    assert [(point.x, point.y) for point in boxes.points[0].points] == [
        (1.0, 2.0),
        (11.0, 2.0),
        (11.0, 22.0),
        (1.0, 22.0),
    ]


def test_a_sensors_list_is_a_scene_of_its_own(exported: Export) -> None:
    ((at_ms, _, update),) = exported()["/radar.front/objects"]
    assert (at_ms, len(update.entities), update.deletions[0].type) == (50, 1, 1)


PROJECTION = np.array([[700, 0, 600, 45], [0, 720, 170, -3], [0, 0, 1, 0.005]], np.float64)
#: From a rig of x forward, y left, z up to a camera of x right, y down, z forward.
TURN = np.array([[0, -1, 0, 0.1], [0, 0, -1, -0.2], [1, 0, 0, 0.3], [0, 0, 0, 1]], np.float64)
CAMERA = Camera(PROJECTION @ TURN, (1242, 375))


def test_a_projection_comes_apart_into_lens_and_place() -> None:
    inner, to_camera = decompose(CAMERA.projection)
    assert np.allclose(inner, PROJECTION[:, :3])
    points = np.array([[12.0, 3.0, 1.0], [30.0, -5.0, 0.0]])
    there = points @ to_camera[:3, :3].T + to_camera[:3, 3]
    pixels = there @ inner.T
    assert np.allclose(pixels[:, :2] / pixels[:, 2:], project(CAMERA, points)[0])
    assert (there[:, 2] > 0).all()


@pytest.mark.parametrize("factor", [-1.0, 0.01])
def test_the_factor_of_a_projection_is_of_no_importance(factor: float) -> None:
    inner, to_camera = decompose(CAMERA.projection)
    again = decompose(CAMERA.projection * factor)
    assert np.allclose(again[0], inner)
    assert np.allclose(again[1], to_camera)


def test_a_camera_with_calibration_has_a_frame_and_a_model(exported: Export) -> None:
    found = exported(rig=Rig("velodyne", {"camera.front": CAMERA}))
    ((_, schema, model),) = found["/camera.front/calibration"]
    assert schema == "foxglove.CameraCalibration"
    assert (model.width, model.height, model.frame_id) == (1242, 375, "camera.front")
    assert np.allclose(np.reshape(model.K, (3, 3)), PROJECTION[:, :3])
    frames = {message.child_frame_id: message for _, _, message in found["/tf"]}
    turn = frames["camera.front"].rotation
    # The camera's z (forward) is the rig's x.
    forward = Rotation.from_quat([turn.x, turn.y, turn.z, turn.w]).apply([0.0, 0.0, 1.0])
    assert np.allclose(forward, [1.0, 0.0, 0.0])
    assert {message.parent_frame_id for message in frames.values()} == {"velodyne"}


def test_a_sensor_beside_the_rigs_frame_is_where_the_file_says() -> None:
    matrix = np.eye(4)
    matrix[:3, 3] = (1.0, 2.0, 3.0)
    message = frame_transform("ego", "LIDAR_TOP", matrix, T0_US)
    place = message.translation
    assert (place.x, place.y, place.z, message.rotation.w) == (1.0, 2.0, 3.0, 1.0)


def test_what_has_no_picture_is_counted(
    tmp_path: Path, drive: Pipeline, recording: Callable[..., Path]
) -> None:
    told = export_foxglove([recording()], tmp_path / "out.mcap", drive)
    assert told.left_out == {"cabin": 1}


def test_one_session_is_exported(
    tmp_path: Path, drive: Pipeline, recording: Callable[..., Path]
) -> None:
    sources = [recording(), recording(session="car-8")]
    told = export_foxglove(sources, tmp_path / "out.mcap", drive, session="car-8")
    assert (told.session, told.other_sessions, told.messages["/camera.front"]) == ("car-8", 5, 2)


def test_a_file_that_is_there_is_not_replaced(
    tmp_path: Path, drive: Pipeline, recording: Callable[..., Path]
) -> None:
    path = recording()
    with pytest.raises(RecordError, match="expected no such file, got one"):
        export_foxglove([path], path, drive)
