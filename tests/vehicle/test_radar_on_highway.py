"""Radar recordings: reading them, what stands, and whether it is found to stand."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from schemas.payloads import ObjectList
from workers.datasets.comma2k19 import load, read_segment
from workers.errors import DataSetError
from workers.recipes.comma2k19 import judge
from workers.vehicle.radar.standing import on_ground, reckon, standing, tracks

Floats = NDArray[np.float64]
SPEED, YAW_RATE = 20.0, 0.05


def arrays(lie: float = 0.0) -> dict[str, Floats]:
    """A car on a bend passes a post at (100, 8) and follows another one 30 m ahead. The range rates
    of the post are wrong by ``lie``.
    """
    t = np.arange(0.0, 4.0, 0.05)
    heading = YAW_RATE * t
    place = SPEED / YAW_RATE * np.stack([np.sin(heading), 1.0 - np.cos(heading)], axis=1)
    away = np.array([100.0, 8.0]) - place
    x = away[:, 0] * np.cos(heading) + away[:, 1] * np.sin(heading)
    y = -away[:, 0] * np.sin(heading) + away[:, 1] * np.cos(heading)
    rate = -SPEED * x / np.hypot(x, y) + lie
    nan = np.full_like(t, np.nan)
    post = np.stack([x, y, rate, nan, nan, np.full_like(t, 528.0), t * 0], axis=1)
    ahead = np.stack([t * 0 + 30.0, t * 0, t * 0, nan, nan, np.full_like(t, 529.0), t * 0], axis=1)
    return {
        "radar_t": np.concatenate([t, t + 0.001]),
        "radar_value": np.concatenate([post, ahead]),
        "speed_t": t,
        "speed_value": np.full((len(t), 1), SPEED),
        "gyro_t": t,
        "gyro_value": np.stack([t * 0, t * 0, np.full_like(t, -YAW_RATE)], axis=1),
    }


def write(folder: Path, content: dict[str, Floats]) -> Path:
    path = folder / "segment1.npz"
    np.savez(path, **content)  # type: ignore[arg-type]
    return path


def test_what_stands_is_told_by_its_places_on_the_ground(tmp_path: Path) -> None:
    segment = read_segment(write(tmp_path, arrays(lie=3.0)))
    positions = np.stack([segment.x_m, segment.y_m], axis=1)
    way = reckon(segment.times_s, segment.speed_mps, segment.yaw_rate_radps)
    places = on_ground(way, segment.x_m, segment.y_m)
    among = tracks(segment.times_s, positions, segment.addresses, segment.begins)
    (post,) = standing(segment.times_s, places, among)
    assert set(segment.addresses[post]) == {528}


def test_a_standing_return_is_near_nought_and_one_that_lies_is_not(tmp_path: Path) -> None:
    assert judge(read_segment(write(tmp_path, arrays())))[3:] == (80, 80)
    assert judge(read_segment(write(tmp_path, arrays(lie=0.6))))[3:] == (80, 0)


def test_a_track_ends_where_the_radar_says_that_another_begins(tmp_path: Path) -> None:
    content = arrays()
    content["radar_value"][40, 6] = 1.0
    segment = read_segment(write(tmp_path, content))
    positions = np.stack([segment.x_m, segment.y_m], axis=1)
    among = tracks(segment.times_s, positions, segment.addresses, segment.begins)
    assert sorted(map(len, among)) == [40, 40, 80]


def test_a_sweep_is_one_sample_beside_the_cars_motion(tmp_path: Path) -> None:
    items = list(load(write(tmp_path, arrays())).items())
    radar = [item for item in items if item.input == "radar"]
    ego = [msgspec.json.decode(item.payload) for item in items if item.input == "ego"]
    first = msgspec.json.decode(radar[0].payload, type=ObjectList).objects
    assert (len(radar), len(first)) == (80, 2)
    assert first[1].range == pytest.approx(30.0)
    assert ego[0] == {"speed_mps": pytest.approx(SPEED), "yaw_rate_radps": pytest.approx(YAW_RATE)}
    assert [item.due_us for item in items] == sorted(item.due_us for item in items)


@pytest.mark.parametrize("broken", ["missing", "shape", "bytes"])
def test_another_file_is_an_error(broken: str, tmp_path: Path) -> None:
    content = arrays()
    if broken == "missing":
        del content["gyro_t"]
    elif broken == "shape":
        content["radar_value"] = content["radar_value"][:, :3]
    path = write(tmp_path, content)
    if broken == "bytes":
        path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataSetError, match=str(path)):
        read_segment(path)


def test_nearly_all_standing_returns_of_a_real_minute_are_near_nought(shared_data: Path) -> None:
    segment = read_segment(shared_data / "vehicle" / "comma2k19_segment" / "segment40.npz")
    *_, stood, near = judge(segment)
    assert stood > 1_000
    assert near / stood > 0.95
