"""Folders of frames and sweeps, and the KITTI raw layout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from schemas.sample import Modality
from streams.errors import FeedError
from streams.feed.formats import open_tracks
from streams.feed.track import Reading, ReadOptions, Track

Write = Callable[[str, str | bytes], Path]
SWEEP = np.arange(8, dtype="<f4").tobytes()


@pytest.fixture
def frames(write: Write, jpeg: bytes) -> Callable[..., Path]:
    """A folder ``cam`` of JPEG files with the given names, each with its index at the end."""

    def make(*names: str) -> Path:
        for index, name in enumerate(names):
            write(f"cam/{name}", jpeg + bytes([index]))
        return write("cam/ignored.txt", "").parent

    return make


def only(path: Path, **options: object) -> tuple[Track, list[Reading]]:
    (track,) = open_tracks(path, ReadOptions(**options))  # type: ignore[arg-type]
    return track, list(track.read())


def test_frames_per_second_time_the_files_in_order_of_name(frames: Callable[..., Path]) -> None:
    _, readings = only(frames("b.jpg", "a.jpg"), fps=4.0)
    assert [(r.start_us, r.payload[-1]) for r in readings] == [(0, 1), (250_000, 0)]


def test_the_bytes_of_a_file_pass_unchanged(frames: Callable[..., Path], jpeg: bytes) -> None:
    _, (reading,) = only(frames("a.jpg"), fps=1.0)
    assert (reading.payload, reading.content_type) == (jpeg + b"\0", "image/jpeg")


@pytest.mark.parametrize("header", ["frame,time_s", "file,time_s", "filename , time_s"])
@pytest.mark.parametrize("keys", [("7", "12"), ("000007.jpg", "000012.jpg"), ("000007", "000012")])
def test_a_csv_names_files_by_name_stem_or_number(
    header: str, keys: tuple[str, str], frames: Callable[..., Path], write: Write
) -> None:
    times = write("t.csv", f"{header}\n{keys[0]},0.5\n{keys[1]},0.75\n")
    _, readings = only(frames("000007.jpg", "000012.jpg"), times=times)
    assert [(r.start_us, r.payload[-1]) for r in readings] == [(500_000, 0), (750_000, 1)]


@pytest.mark.parametrize(
    ("header", "cell", "time_us", "clock"),
    [
        ("time_s", "1.5", 1_500_000, "relative"),
        ("time_ms", "1500", 1_500_000, "relative"),
        ("t_us", "1500000", 1_500_000, "relative"),
        ("Time (min)", "0.5", 30_000_000, "relative"),
        ("timestamp", "1769846400.25", 1_769_846_400_250_000, "epoch"),
        ("timestamp", "1769846400250", 1_769_846_400_250_000, "epoch"),
        ("timestamp_ns", "1769846400250000000", 1_769_846_400_250_000, "epoch"),
        ("time", "2026-01-31T08:00:00.25Z", 1_769_846_400_250_000, "epoch"),
        ("time", "2026-01-31 09:00:00.25+01:00", 1_769_846_400_250_000, "epoch"),
    ],
)
def test_a_time_column_is_read_in_its_unit(
    header: str, cell: str, time_us: int, clock: str, frames: Callable[..., Path], write: Write
) -> None:
    times = write("t.csv", f"file,{header}\na.jpg,{cell}\n")
    track, (reading,) = only(frames("a.jpg"), times=times)
    assert (reading.start_us, track.clock, track.first_us) == (time_us, clock, time_us)


def test_files_are_played_in_the_order_of_their_times(
    frames: Callable[..., Path], write: Write
) -> None:
    times = write("t.csv", "file,time_s\na.jpg,2\nb.jpg,1\n")
    track, readings = only(frames("a.jpg", "b.jpg"), times=times)
    assert [r.payload[-1] for r in readings] == [1, 0]
    assert track.first_us == 1_000_000


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("file,time_s\na.jpg,0\nc.jpg,1\n", r"t\.csv:3: expected the name or number of a file"),
        ("file,time_s\na.jpg,0\n", r"got none for 1 of 2 \(b\.jpg first\)"),
        ("file,time_s\na.jpg,0\nb.jpg,soon\n", r"t\.csv:3: expected a number"),
        (
            "file,time\na.jpg,2026-01-31T08:00:00Z\nb.jpg,2026-01-31T08:00:01\n",
            r"t\.csv:3: expected an offset from UTC in every time or in none",
        ),
        ("file,speed\na.jpg,0\nb.jpg,1\n", r"t\.csv:1: expected a column"),
        ("", r"t\.csv:1: expected a column"),
        ("file,time\na.jpg,0\nb.jpg,2000000000\n", "relative or absolute times, got both"),
    ],
)
def test_a_csv_of_times_that_does_not_fit_is_refused(
    text: str, complaint: str, frames: Callable[..., Path], write: Write
) -> None:
    folder = frames("a.jpg", "b.jpg")
    with pytest.raises(FeedError, match=complaint):
        only(folder, times=write("t.csv", text))


def test_a_folder_without_times_asks_for_them(frames: Callable[..., Path]) -> None:
    with pytest.raises(FeedError, match="expected times"):
        only(frames("a.jpg"))


def test_a_folder_of_frames_and_sweeps_is_refused(
    frames: Callable[..., Path], write: Write
) -> None:
    write("cam/x.bin", SWEEP)
    with pytest.raises(FeedError, match="got both"):
        only(frames("a.jpg"), fps=1.0)


@pytest.mark.parametrize("payload", [b"", b"GIF89a", b"\xff\xd8\xff half"])
def test_a_frame_that_is_no_whole_image_is_named(payload: bytes, write: Write) -> None:
    folder = write("cam/bad.jpg", payload).parent
    with pytest.raises(FeedError, match=r"bad\.jpg: expected a"):
        only(folder, fps=1.0)


def test_sweeps_pass_unchanged_as_points(write: Write) -> None:
    track, (reading,) = only(write("lidar/0.bin", SWEEP).parent, fps=10.0)
    assert track.modalities == (Modality.POINTS,)
    assert reading.payload == SWEEP
    assert reading.content_type.startswith("application/vnd.sensorium.points;fields=xyzi")


def test_the_ring_of_a_nuscenes_sweep_is_left_out(write: Write) -> None:
    points = np.arange(15, dtype="<f4").reshape(3, 5)
    _, (reading,) = only(write("lidar/0.pcd.bin", points.tobytes()).parent, fps=10.0)
    assert reading.payload == points[:, :4].tobytes()


@pytest.mark.parametrize("payload", [b"", SWEEP[:-1]])
def test_a_sweep_of_half_a_point_is_refused(payload: bytes, write: Write) -> None:
    with pytest.raises(FeedError, match=r"0\.bin: expected points of 4 float32"):
        only(write("lidar/0.bin", payload).parent, fps=10.0)


@pytest.fixture
def drive(write: Write, jpeg: bytes) -> Path:
    """A KITTI raw drive as published: data folders, timestamps, and one sweep missing."""
    for frame in (0, 1, 2):
        write(f"drive/image_02/data/{frame:010d}.jpg", jpeg)
    for frame in (0, 2):
        write(f"drive/velodyne_points/data/{frame:010d}.bin", SWEEP)
    write(
        "drive/image_02/timestamps.txt",
        "".join(f"2011-09-26 13:02:44.{n}00000123\n" for n in (1, 2, 3)),
    )
    return write(
        "drive/velodyne_points/timestamps.txt",
        "".join(f"2011-09-26 13:02:44.{n}50000000\n" for n in (1, 2, 3)),
    ).parent.parent


def test_a_drive_becomes_a_camera_and_a_lidar_track(drive: Path) -> None:
    tracks = open_tracks(drive, ReadOptions())
    assert [(t.label, t.modalities[0], t.count) for t in tracks] == [
        ("image_02", Modality.VIDEO, 3),
        ("velodyne_points", Modality.POINTS, 2),
    ]


def test_line_k_of_timestamps_is_frame_k_though_one_is_missing(drive: Path) -> None:
    _, lidar = open_tracks(drive, ReadOptions())
    assert lidar.clock == "epoch"
    assert [r.start_us - 1_317_042_164_000_000 for r in lidar.read()] == [150_000, 350_000]


def test_a_name_of_superscript_digits_is_no_number(drive: Path, write: Write, jpeg: bytes) -> None:
    write("drive/image_02/data/²³.jpg", jpeg)
    with pytest.raises(FeedError, match=r"timestamps\.txt: expected a time for frame 3"):
        open_tracks(drive, ReadOptions())


def test_too_few_timestamps_are_refused(drive: Path, write: Write) -> None:
    write("drive/image_02/timestamps.txt", "2011-09-26 13:02:44.1\n")
    with pytest.raises(FeedError, match=r"timestamps\.txt: expected a time for frame 2"):
        open_tracks(drive, ReadOptions())


def test_a_timestamp_that_is_none_is_named_by_line(drive: Path, write: Write) -> None:
    write("drive/image_02/timestamps.txt", "2011-09-26 13:02:44.1\nlater\n")
    with pytest.raises(FeedError, match=r"timestamps\.txt:2: expected an ISO 8601 time"):
        open_tracks(drive, ReadOptions())


def test_the_kitti_drive_has_78_frames_and_78_sweeps_at_10_hz(shared_data: Path) -> None:
    folder = shared_data / "vehicle/kitti_raw_2011_09_26_drive_0052"
    camera, lidar = open_tracks(folder, ReadOptions())

    for track, kind in ((camera, "image_02/*.jpg"), (lidar, "velodyne_fov/*.bin")):
        readings = list(track.read())
        assert [r.start_us for r in readings] == [100_000 * n for n in range(78)]
        assert [r.payload for r in readings] == [
            file.read_bytes() for file in sorted(folder.glob(kind))
        ]


@pytest.mark.parametrize("option", [{"fps": 0.0}, {"chunk_ms": 5}, {"jpeg_quality": 101}])
def test_an_option_out_of_its_range_is_refused_by_name(option: dict[str, float]) -> None:
    with pytest.raises(FeedError, match=f"{next(iter(option))}: expected"):
        ReadOptions(**option)  # type: ignore[arg-type]
