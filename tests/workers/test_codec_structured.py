"""Text, object lists, sweeps and series."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from schemas.sample import Modality
from streams.compute import BadSample
from tests.workers.payloads import POINTS_TYPE, sweep
from workers.codecs import decode, objects, points, series, text
from workers.codecs.text import MAX_IDS, VOCABULARY, hash_text

JSON = "application/json"


def reason(modality: Modality, content_type: str, payload: bytes) -> str:
    result = decode(modality, content_type, payload)
    assert isinstance(result, BadSample)
    return result.reason


def body(value: object) -> bytes:
    return json.dumps(value).encode()


def test_plain_and_json_text_give_the_same_ids() -> None:
    plain = decode(Modality.TEXT, "text/plain", b"Cancel my plan")
    listed = [{"word": "Cancel", "start_ms": 0, "end_ms": 200}]
    rich = decode(Modality.TEXT, JSON, body({"text": "Cancel my plan", "words": listed}))
    assert np.array_equal(plain, rich)


def test_the_order_of_words_matters() -> None:
    assert not np.array_equal(hash_text("not good but bad"), hash_text("not bad but good"))


def test_hashes_are_the_same_in_another_process() -> None:
    code = "from workers.codecs.text import hash_text; print(hash_text('stable hash').tolist())"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert json.loads(out.stdout) == hash_text("stable hash").tolist()


def test_a_long_text_is_bounded() -> None:
    ids = decode(Modality.TEXT, "text/plain", b"word " * 100_000)
    assert not isinstance(ids, BadSample)
    assert len(ids) == MAX_IDS
    assert ids.min() >= 1
    assert ids.max() < VOCABULARY


@pytest.mark.parametrize(
    ("content_type", "payload", "expected"),
    [
        ("text/plain", b"caf\xe9", "not_utf8"),
        (JSON, b"caf\xe9", "not_utf8"),
        (JSON, b"{", "not_json"),
        (JSON, b'{"words": []}', "bad_json"),
        (JSON, b'{"text": 5}', "bad_json"),
        ("text/plain;charset=latin-1", b"text", "unsupported_charset"),
        ("text/html", b"text", "unknown_content_type"),
    ],
)
def test_what_is_no_text_has_a_stable_reason(
    content_type: str, payload: bytes, expected: str
) -> None:
    assert reason(Modality.TEXT, content_type, payload) == expected


def test_a_bad_samples_message_holds_no_payload() -> None:
    result = decode(Modality.TEXT, JSON, b'{"text": ["my secret diagnosis"]}')
    assert isinstance(result, BadSample)
    assert "secret" not in result.message


def test_an_empty_object_list_is_an_answer() -> None:
    rows = decode(Modality.OBJECTS, JSON, b'{"objects": []}')
    assert not isinstance(rows, BadSample)
    assert rows.shape == (0, objects.WIDTH)


def test_object_forms_of_cameras_radars_and_fused_lists_are_read() -> None:
    listed = [
        {"class": "Car", "score": 0.9, "box2d": [10, 20, 60, 50]},
        {"class": "pedestrian", "score": 0.5, "box3d": [12, -1, 0.5, 0.6, 0.6, 1.8, 0.1]},
        {"position": [30.0, 2.0], "range_rate": -4.0},
    ]
    wrapped = decode(Modality.OBJECTS, JSON, body({"frame": "vehicle", "objects": listed}))
    assert np.array_equal(wrapped, decode(Modality.OBJECTS, JSON, body(listed)))
    assert wrapped.shape == (3, objects.WIDTH)


def test_of_a_crowd_the_surest_objects_are_kept() -> None:
    crowd = [{"class": "car", "score": i / 100, "position": [5.0, 0.0]} for i in range(100)]
    rows = decode(Modality.OBJECTS, JSON, body(crowd))
    assert not isinstance(rows, BadSample)
    assert len(rows) == objects.MAX_OBJECTS
    assert rows[:, objects.CLASS_SLOTS].min() == pytest.approx(0.36)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([{"class": "car", "score": 2.0}], "bad_json"),
        ([{"class": "car", "box2d": [1, 2, 3]}], "bad_json"),
        ([{"class": 5}], "bad_json"),
        ({"detections": []}, "bad_json"),
        ([{}] * 5_000, "too_many_objects"),
        ("car", "bad_json"),
    ],
)
def test_what_is_no_object_list_has_a_stable_reason(value: object, expected: str) -> None:
    assert reason(Modality.OBJECTS, JSON, body(value)) == expected


def test_a_point_is_found_in_its_cell() -> None:
    one = np.asarray([[10.2, -5.0, 1.0, 0.5]], "<f4")
    vector = decode(Modality.POINTS, POINTS_TYPE, one.tobytes())
    assert not isinstance(vector, BadSample)
    grid = vector[: points.CHANNELS * points.GRID**2].reshape(points.CHANNELS, points.GRID, -1)
    row, column = np.argwhere(grid[0] > 0)[0]
    assert (row, column) == (int((10.2 + 48) / 1.5), int((-5.0 + 48) / 1.5))
    assert grid[1, row, column] == pytest.approx((1.0 + 3.0) / 8.0)
    assert grid[3, row, column] == pytest.approx(0.5)


def test_the_order_of_points_does_not_matter() -> None:
    cloud = np.frombuffer(sweep(), "<f4").reshape(-1, 4)
    forward = decode(Modality.POINTS, POINTS_TYPE, cloud.tobytes())
    backward = decode(Modality.POINTS, POINTS_TYPE, cloud[::-1].tobytes())
    assert np.allclose(forward, backward, atol=1e-6)


@pytest.mark.parametrize(
    ("content_type", "payload", "expected"),
    [
        (POINTS_TYPE, bytes(20), "odd_length"),
        (POINTS_TYPE, np.full((2, 4), np.nan, "<f4").tobytes(), "non_finite_value"),
        (POINTS_TYPE, bytes(16 * (points.MAX_POINTS + 1)), "too_many_points"),
        ("application/vnd.sensorium.points;fields=xyz", bytes(16), "unsupported_format"),
        ("application/pcd", bytes(16), "unknown_content_type"),
    ],
)
def test_what_is_no_sweep_has_a_stable_reason(
    content_type: str, payload: bytes, expected: str
) -> None:
    assert reason(Modality.POINTS, content_type, payload) == expected


def test_a_missing_vital_sign_is_masked_and_not_zero() -> None:
    without = decode(Modality.SERIES, JSON, body({"hr": 80, "spo2": None}))
    absent = decode(Modality.SERIES, JSON, body({"hr": 80}))
    low = decode(Modality.SERIES, JSON, body({"hr": 80, "spo2": 0}))
    assert np.array_equal(without, absent)
    assert not np.array_equal(without, low)


def test_a_vital_sign_is_scaled_by_its_range() -> None:
    vector = decode(Modality.SERIES, JSON, body({"hr": 200.0, "temp": 33.0}))
    assert not isinstance(vector, BadSample)
    table = vector.reshape(series.SLOTS, series.STATISTICS)
    assert table[series.channel_slot("hr"), 1] == pytest.approx(1.0)
    assert table[series.channel_slot("temp"), 1] == pytest.approx(-1.0)


def test_the_order_of_channels_does_not_matter() -> None:
    forward = decode(Modality.SERIES, JSON, body({"hr": 80, "x1": 1, "x2": 2}))
    backward = decode(Modality.SERIES, JSON, body({"x2": 2, "x1": 1, "hr": 80}))
    assert np.array_equal(forward, backward)


def test_a_faster_waveform_has_more_crossings() -> None:
    def crossings(hz: float) -> float:
        wave = np.sin(2 * np.pi * hz * np.arange(500) / 125).tolist()
        vector = decode(Modality.SERIES, JSON, body({"channels": {"ecg": wave}, "rate_hz": 125}))
        assert not isinstance(vector, BadSample)
        return float(vector.reshape(series.SLOTS, -1)[series.channel_slot("ecg"), 4])

    assert crossings(2.0) > crossings(1.0)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"[1, 2]", "bad_json"),
        (b'{"hr": "high"}', "bad_json"),
        (b'{"hr": NaN}', "not_json"),
        (b'{"channels": {"ecg": [1]}}', "bad_json"),
        (b'{"channels": {"ecg": [1]}, "rate_hz": 0}', "bad_json"),
        (body({str(i): 1 for i in range(200)}), "too_many_channels"),
        (body({"channels": {"ecg": [0] * 30_001}, "rate_hz": 500}), "too_many_values"),
    ],
)
def test_what_is_no_series_has_a_stable_reason(payload: bytes, expected: str) -> None:
    assert reason(Modality.SERIES, JSON, payload) == expected


@pytest.mark.parametrize("modality", list(Modality))
def test_random_bytes_never_raise(modality: Modality) -> None:
    rng = np.random.default_rng(1)
    types = ("image/jpeg", "audio/wav", "text/plain", JSON, POINTS_TYPE)
    prefixes = (b"", b"\xff\xd8", b"RIFF", b"fLaC", b"{", b"[", b"\x89PNG\r\n\x1a\n")
    for index in range(200):
        payload = prefixes[index % len(prefixes)] + rng.bytes(int(rng.integers(0, 64)))
        result = decode(modality, types[index % len(types)], payload)
        assert isinstance(result, BadSample | np.ndarray)


def test_the_text_vocabulary_is_what_the_hashes_reach() -> None:
    ids = hash_text(" ".join(f"w{i}" for i in range(300)))
    assert set(ids.tolist()) <= set(range(1, text.VOCABULARY))


def test_a_single_value_and_a_constant_waveform_agree() -> None:
    single = decode(Modality.SERIES, JSON, body({"hr": 80.0}))
    flat = decode(Modality.SERIES, JSON, body({"channels": {"hr": [80.0] * 9}, "rate_hz": 1}))
    assert np.allclose(single, flat, atol=1e-6)
