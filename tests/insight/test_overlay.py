"""Pictures: heat is where the grid says, a legend is below, and a sweep is the right way round."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from schemas.sample import Modality
from tests.workers.payloads import encoded, picture, sample
from workers.codecs import points
from workers.codecs.mel import log_mel
from workers.insight.heat import Grid
from workers.insight.overlay import LEGEND_PX, Legend, draw, factor, glow, png, stretched
from workers.insight.pictures import MAX_SIDE_PX, as_drawn, picture_of

LEGEND = Legend("camera.front  12:00", "ahead: pedestrian 97.0%", "by a method")


def spot(row: int, column: int, shape: tuple[int, int] = (16, 24)) -> Grid:
    grid = np.zeros(shape, np.float32)
    grid[row, column] = 1.0
    return grid


def changed(over: np.ndarray, under: np.ndarray) -> tuple[float, float]:
    """Where the picture differs the most, as shares of its width and height."""
    difference = np.abs(over.astype(int) - under.astype(int)).sum(axis=2).astype(np.float32)
    y, x = np.unravel_index(int(cv2.GaussianBlur(difference, (0, 0), 3).argmax()), over.shape[:2])
    return float(x / over.shape[1]), float(y / over.shape[0])


def test_a_small_picture_is_enlarged_by_a_whole_factor_with_a_legend_below() -> None:
    framed = draw(picture(160, 120), spot(3, 20), 1.0, LEGEND)
    assert factor(picture(160, 120)) == 4
    assert framed.shape == (480 + LEGEND_PX, 640, 3)


def test_a_large_picture_keeps_its_size() -> None:
    assert draw(picture(800, 300), spot(3, 20), 1.0, LEGEND).shape == (300 + LEGEND_PX, 800, 3)


def test_heat_glows_where_the_grid_has_it() -> None:
    plain = glow(picture(), np.zeros((16, 24), np.float32), 1.0)
    x, y = changed(glow(picture(), spot(3, 20), 1.0), plain)
    assert (x, y) == pytest.approx((20.5 / 24, 3.5 / 16), abs=0.03)


def test_without_any_heat_nothing_glows_and_nothing_is_outlined() -> None:
    none = np.zeros((16, 24), np.float32)
    large = cv2.resize(picture(), (640, 480), interpolation=cv2.INTER_CUBIC)
    framed = draw(picture(), none, 0.0, LEGEND)
    assert np.array_equal(framed[:480], glow(np.asarray(large, np.uint8), none, 0.0))


def test_what_is_faint_beside_the_hottest_stays_faint() -> None:
    plain = glow(picture(), np.zeros((16, 24), np.float32), 1.0)
    faint, full = (glow(picture(), spot(3, 20) * level, 1.0) for level in (0.05, 1.0))
    assert np.abs(faint.astype(int) - plain).max() <= 2
    assert np.abs(full.astype(int) - plain).max() > 60


def test_a_legend_may_hold_anything() -> None:
    framed = draw(picture(), spot(3, 20), 1.0, Legend("mic.ü \n" * 99, "日本", ""))
    assert framed.shape == (480 + LEGEND_PX, 640, 3)


def test_a_png_reads_back_as_it_was_drawn() -> None:
    framed = draw(picture(), spot(3, 20), 1.0, LEGEND)
    read = cv2.imdecode(np.frombuffer(png(framed), np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(np.asarray(read), framed)


def test_stretching_leaves_no_heat_below_zero() -> None:
    assert float(stretched(spot(3, 20), 120, 160).min()) >= 0.0


def test_a_frame_is_drawn_as_large_as_it_came() -> None:
    read = sample(Modality.VIDEO, "image/jpeg", encoded(picture(300, 200)))
    assert picture_of(read, None).shape == (200, 300, 3)


def test_a_huge_frame_is_drawn_smaller() -> None:
    read = sample(Modality.IMAGE, "image/png", encoded(picture(4_096, 1_024), ".png"))
    assert picture_of(read, None).shape == (512, MAX_SIDE_PX, 3)


def test_a_sweep_is_drawn_with_ahead_up_and_left_to_the_left() -> None:
    # 24 m ahead and 24 m to the left, of 48 m on each side.
    cloud = np.array([[24.2, 24.2, 1.0, 0.5]] * 50, np.float32)
    vector = points.project(cloud)
    read = sample(Modality.POINTS, "", b"")
    drawn = picture_of(read, vector)
    bright = drawn[..., 1].astype(np.float32)
    bright[300:340, 300:340] = 0.0  # the vehicle itself
    y, x = np.unravel_index(int(bright.argmax()), bright.shape)
    assert (x / 640, y / 640) == pytest.approx((0.25, 0.25), abs=0.02)


def test_a_sweeps_heat_lies_on_what_it_is_about() -> None:
    cloud = np.array([[24.2, 24.2, 1.0, 0.5]] * 50, np.float32)
    counts = points.project(cloud)[: points.GRID * points.GRID]
    grid = as_drawn(counts.reshape(points.GRID, points.GRID), Modality.POINTS)
    row, column = np.unravel_index(int(grid.argmax()), grid.shape)
    assert (column / 64, row / 64) == pytest.approx((0.25, 0.25), abs=0.02)


def test_a_chunk_is_drawn_with_time_to_the_right_and_pitch_upwards() -> None:
    times = np.arange(8_000) / 16_000
    rising = np.where(
        times < 0.25, np.sin(2 * np.pi * 200 * times), np.sin(2 * np.pi * 3_000 * times)
    )
    read = sample(Modality.AUDIO, "", b"")
    drawn = picture_of(read, log_mel(rising.astype(np.float32)))[..., 0]
    early, late = drawn[:, : drawn.shape[1] // 3], drawn[:, -drawn.shape[1] // 3 :]
    assert early.mean(axis=1).argmax() > late.mean(axis=1).argmax()


def test_text_has_no_picture() -> None:
    with pytest.raises(ValueError, match="expected a sample that can be drawn, got text"):
        picture_of(sample(Modality.TEXT, "text/plain", b"x"), np.zeros(1))
