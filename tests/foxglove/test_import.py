"""MCAP files with Foxglove's schemas as tracks: what was exported comes back, and any layout."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from foxglove_schemas_protobuf.CompressedImage_pb2 import CompressedImage
from foxglove_schemas_protobuf.Log_pb2 import Log
from foxglove_schemas_protobuf.PackedElementField_pb2 import PackedElementField
from foxglove_schemas_protobuf.PointCloud_pb2 import PointCloud
from mcap_protobuf.writer import Writer

from schemas.pipeline import Pipeline
from schemas.sample import Modality
from streams.errors import FeedError
from streams.feed.formats import open_tracks
from streams.feed.plan import plan_feed
from streams.feed.recorded import recorded_playable
from streams.feed.track import ReadOptions
from tests.foxglove.conftest import POINTS, T0_US, jpeg, result, tracked
from workers.foxglove.export import export_foxglove
from workers.offline.run import align_recording


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def make(*messages: tuple[str, Any]) -> Path:
        path = tmp_path / "other.mcap"
        with path.open("wb") as file, Writer(file) as writer:
            for number, (topic, message) in enumerate(messages):
                writer.write_message(topic, message, log_time=T0_US * 1000 + number)
        return path

    return make


def test_what_was_exported_is_fed_as_it_was(
    tmp_path: Path, drive: Pipeline, recording: Callable[..., Path]
) -> None:
    out = tmp_path / "out.mcap"
    export_foxglove([recording(result(100, [tracked("a", 100)]))], out, drive)
    tracks = {track.label: track for track in open_tracks(out, ReadOptions())}
    assert {label: track.modalities[0] for label, track in tracks.items()} == {
        "camera.front": Modality.VIDEO,
        "lidar.top": Modality.POINTS,
        "radar.front.objects": Modality.OBJECTS,
        "objects": Modality.OBJECTS,
    }
    frames = list(tracks["camera.front"].read())
    assert [(one.start_us, one.payload) for one in frames] == [
        (T0_US, jpeg()),
        (T0_US + 100_000, jpeg()),
    ]
    (sweep,) = tracks["lidar.top"].read()
    assert sweep.payload == POINTS.tobytes()
    (listed,) = tracks["radar.front.objects"].read()
    (box,) = json.loads(listed.payload)["objects"]
    assert (box["class"], box["score"]) == ("car", 0.5)
    assert box["box3d"] == pytest.approx([9, 1, 0, 4, 2, 1, 0.25])
    (scene,) = tracks["objects"].read()
    body = json.loads(scene.payload)
    assert (body["frame"], body["objects"][0]["id"]) == ("base_link", "a")
    assert body["objects"][0]["box3d"] == pytest.approx([10, -2, 0.5, 4.5, 1.8, 1.5, np.pi / 2])


def test_a_pipeline_takes_it_like_other_files(
    tmp_path: Path, drive: Pipeline, recording: Callable[..., Path]
) -> None:
    out = tmp_path / "out.mcap"
    export_foxglove([recording()], out, drive)
    plan = plan_feed([f"camera={out}", f"lidar={out}"], drive, now_us=0, start="recorded")
    items = list(plan.items())
    assert [(item.sensor, item.start_us - T0_US) for item in items] == [
        ("camera.front", 0),
        ("lidar.top", 20_000),
        ("camera.front", 100_000),
    ]


async def test_windows_of_what_was_exported_are_those_of_the_recording(
    tmp_path: Path, drive: Pipeline, recording: Callable[..., Path]
) -> None:
    seen = drive.model_copy(
        update={"inputs": {name: drive.inputs[name] for name in ("camera", "lidar")}}
    )
    path, out = recording(), tmp_path / "out.mcap"
    export_foxglove([path], out, drive)
    played, _ = recorded_playable([path], seen, start="recorded", now_us=0)
    sources = [f"camera={out}", f"lidar={out}"]
    fed = plan_feed(sources, seen, now_us=0, session="car-7", start="recorded")
    indexes = [
        await align_recording(items, seen, tmp_path / name)
        for name, items in (("a", played.items()), ("b", fed.items()))
    ]
    assert indexes[0].windows == 2
    assert indexes[0].content_sha256 == indexes[1].content_sha256


def cloud(layout: list[tuple[str, int, int]], stride: int, data: bytes) -> PointCloud:
    message = PointCloud(point_stride=stride, data=data)
    for name, offset, number in layout:
        message.fields.add(name=name, offset=offset, type=number)
    return message


def points(path: Path) -> np.ndarray:
    (track,) = open_tracks(path, ReadOptions())
    (reading,) = track.read()
    return np.frombuffer(reading.payload, "<f4").reshape(-1, 4)


def test_any_packed_layout_is_read(write: Callable[..., Path]) -> None:
    layout = np.dtype(
        {
            "names": ["z", "ring", "x", "y", "reflectance"],
            "formats": ["<f8", "u1", "<f4", "<i2", "u1"],
            "offsets": [0, 8, 9, 13, 15],
            "itemsize": 19,
        }
    )
    raw = np.zeros(3, layout)
    raw["x"], raw["y"], raw["z"] = [1.5, 2.5, np.nan], [-4, 5, 6], [7, 8, 9]
    raw["reflectance"] = [200, 100, 0]
    kinds = PackedElementField
    path = write(
        (
            "/points",
            cloud(
                [
                    ("z", 0, kinds.FLOAT64),
                    ("ring", 8, kinds.UINT8),
                    ("x", 9, kinds.FLOAT32),
                    ("y", 13, kinds.INT16),
                    ("reflectance", 15, kinds.UINT8),
                ],
                19,
                raw.tobytes(),
            ),
        )
    )
    # The third point has a NaN: no return.
    assert points(path).tolist() == [[1.5, -4, 7, 200], [2.5, 5, 8, 100]]


XYZ = [("x", 0, 7), ("y", 4, 7), ("z", 8, 7)]


def test_a_clouds_pose_is_applied(write: Callable[..., Path]) -> None:
    message = cloud(XYZ, 12, np.array([[1, 0, 0]], "<f4").tobytes())
    message.pose.position.z = 2.0
    # A quarter turn to the left about z.
    message.pose.orientation.z = message.pose.orientation.w = np.sqrt(0.5)
    assert points(write(("/points", message)))[0] == pytest.approx([0, 1, 2, 0], abs=1e-6)


def test_a_message_without_a_time_has_that_of_its_log(write: Callable[..., Path]) -> None:
    path = write(("/camera", CompressedImage(data=jpeg(), format="jpeg")))
    (track,) = open_tracks(path, ReadOptions())
    assert track.first_us == T0_US


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (CompressedImage(data=b"RIFF", format="webp"), "expected a JPEG or PNG image"),
        (cloud(XYZ[:2], 8, bytes(16)), "expected points with x, y and z"),
        (cloud(XYZ, 12, bytes(13)), "expected points with x, y and z in 12 bytes each"),
        (cloud([*XYZ[:2], ("z", 10, 7)], 12, bytes(12)), "expected fields of known numbers"),
        (
            Log(message="hello"),
            "expected channels of foxglove.CompressedImage, .* got foxglove.Log",
        ),
    ],
)
def test_what_cannot_be_read_is_one_line(
    write: Callable[..., Path], message: Any, said: str
) -> None:
    with pytest.raises(FeedError, match=said):
        open_tracks(write(("/topic", message)), ReadOptions())
