"""Vital signs, waveforms, object lists, still images and notes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import wfdb

from schemas.sample import Modality
from schemas.units import us_to_iso
from streams.errors import FeedError
from streams.feed.formats import open_tracks
from streams.feed.track import Reading, ReadOptions, Track

Write = Callable[[str, str | bytes], Path]


def only(
    path: Path, modality: Modality | None = None, **options: object
) -> tuple[Track, list[Reading]]:
    (track,) = open_tracks(path, ReadOptions(**options), modality=modality)  # type: ignore[arg-type]
    return track, list(track.read())


def bodies(readings: list[Reading]) -> list[dict[str, object]]:
    return [json.loads(reading.payload) for reading in readings]


def test_a_row_of_vital_signs_is_a_json_object_with_null_where_empty(write: Write) -> None:
    path = write("v.csv", "minutes,HR,ABPSys,SpO2\n0,80,120.5,\n1,,NaN,98\n")
    track, readings = only(path)
    assert bodies(readings) == [
        {"hr": 80.0, "abp_sys": 120.5, "spo2": None},
        {"hr": None, "abp_sys": None, "spo2": 98.0},
    ]
    assert [r.start_us for r in readings] == [0, 60_000_000]
    assert (track.count, track.modalities) == (2, (Modality.SERIES,))


def test_a_usual_unit_is_no_part_of_a_channel_s_name_and_another_is(write: Write) -> None:
    names = "Temp (°C),Temp (°F),HR [bpm],SpO2 (%),NBP Sys (mmHg),ABP (kPa)"
    _, (reading,) = only(write("v.csv", f"minutes,{names}\n0,38,100.4,80,97,120,16\n"))
    channels = ["temp", "temp_f", "hr", "spo2", "nbp_sys", "abp_kpa"]
    assert list(json.loads(reading.payload)) == channels


def test_an_interval_times_rows_without_a_time(write: Write) -> None:
    _, readings = only(write("v.csv", "hr\n80\n81\n82\n"), interval_s=0.5)
    assert [r.start_us for r in readings] == [0, 500_000, 1_000_000]


def test_signals_without_any_time_ask_for_one(write: Write) -> None:
    with pytest.raises(FeedError, match=r"v\.csv:1: expected a time column"):
        only(write("v.csv", "hr,spo2\n80,98\n"))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("time_s,hr\n0,80\n1,fast\n", r"v\.csv:3: column 'hr': expected a number or nothing"),
        ("time_s,hr\n0,80\n1,inf\n", r"v\.csv:3: column 'hr': expected a number or nothing"),
        ("time_s,hr\n0,80\nnever,81\n", r"v\.csv:3: column 'time_s': expected a number"),
        ("time_s,hr\n0,80,90\n", r"v\.csv:2: expected 2 columns, got more"),
        ("time_s;hr\n0;80\n", r"v\.csv:1: expected columns between commas, got ';'"),
        ("time_s,HR,hr\n0,80,90\n", "expected distinct columns"),
        ("time_s\n0\n", "expected distinct columns of signals"),
        ("time_s,hr\n", "expected rows of signals"),
        ("", "expected rows of signals"),
    ],
)
def test_a_csv_of_signals_that_is_broken_is_refused(
    text: str, complaint: str, write: Write
) -> None:
    with pytest.raises(FeedError, match=complaint):
        only(write("v.csv", text))


@pytest.fixture
def record(tmp_path: Path) -> Callable[..., Path]:
    """Write a WFDB record of two channels, the first a ramp and the second half NaN."""

    def make(fs: float, frames: int, **header: object) -> Path:
        signal = np.stack([np.arange(frames) / 10, np.arange(frames) / 10], axis=1)
        signal[1::2, 1] = np.nan
        wfdb.wrsamp(
            "rec",
            fs=fs,
            units=["bpm", "mmHg"],
            sig_name=["HR", "ABPDias"],
            p_signal=signal,
            fmt=["16", "16"],
            write_dir=str(tmp_path),
            **header,
        )
        return tmp_path / "rec.hea"

    return make


def test_a_slow_record_gives_a_moment_a_frame_with_null_for_nan(
    record: Callable[..., Path],
) -> None:
    track, readings = only(record(1.0, 4))
    assert bodies(readings)[1:3] == [
        {"hr": pytest.approx(0.1, abs=1e-4), "abp_dia": None},
        {"hr": pytest.approx(0.2, abs=1e-4), "abp_dia": pytest.approx(0.2, abs=1e-4)},
    ]
    assert [r.start_us for r in readings] == [0, 1_000_000, 2_000_000, 3_000_000]
    assert track.clock == "relative"


def test_a_fast_record_gives_chunks_with_their_rate(record: Callable[..., Path]) -> None:
    track, readings = only(record(100.0, 250))
    assert [(r.start_us, r.end_us) for r in readings] == [
        (0, 1_000_000),
        (1_000_000, 2_000_000),
        (2_000_000, 2_500_000),
    ]
    assert track.count == 3
    last = bodies(readings)[-1]
    assert last["rate_hz"] == 100.0
    assert last["channels"]["hr"] == [pytest.approx(n / 10, abs=1e-3) for n in range(200, 250)]  # type: ignore[index]
    assert last["channels"]["abp_dia"][1] is None  # type: ignore[index]


def test_long_waveforms_are_whole_across_the_blocks_they_are_read_in(
    record: Callable[..., Path],
) -> None:
    _, readings = only(record(250.0, 23_456), waveform_ms=700)
    values = [v for body in bodies(readings) for v in body["channels"]["hr"]]  # type: ignore[index]
    assert values == [pytest.approx(n / 10, abs=0.1) for n in range(23_456)]


def test_a_record_without_its_signal_file_is_refused(record: Callable[..., Path]) -> None:
    path = record(1.0, 4)
    (path.parent / "rec.dat").unlink()
    with pytest.raises(FeedError, match=r"rec\.hea: expected a WFDB record with its signal files"):
        only(path)


def test_a_header_that_is_none_is_refused(write: Write) -> None:
    with pytest.raises(FeedError, match=r"x\.hea: expected a WFDB record"):
        only(write("x.hea", "nothing of the kind\n"))


def test_icu_vitals_are_1936_minutes_of_the_year_2896(shared_data: Path) -> None:
    path = shared_data / "clinical/icu_vitals/s00001-2896-10-10-00-31n.hea"
    expected = wfdb.rdrecord(str(path.with_suffix("")))

    track, readings = only(path)

    assert len(readings) == 1936 == track.count
    assert track.clock == "epoch"
    assert us_to_iso(readings[0].start_us) == "2896-10-10T00:31:25.894Z"
    assert all(r.start_us == readings[0].start_us + 60_000_000 * n for n, r in enumerate(readings))
    for body, row in zip(bodies(readings), expected.p_signal.tolist(), strict=True):
        values = [np.nan if value is None else value for value in body.values()]
        np.testing.assert_allclose(values, row, rtol=1e-5)
    assert list(bodies(readings)[0])[:8] == [
        "hr",
        "abp_sys",
        "abp_dia",
        "abp_mean",
        "pulse",
        "resp",
        "spo2",
        "nbp_sys",
    ]


def test_a_record_of_several_segments_is_read_through(shared_data: Path) -> None:
    path = shared_data / "clinical/icu_waveforms/041s/041s.hea"
    track, readings = only(path)
    values = [value for body in bodies(readings) for value in body["channels"]["pap"]]  # type: ignore[index]
    expected = wfdb.rdrecord(str(path.with_suffix("")))
    assert len(readings) == track.count == 16
    np.testing.assert_allclose(
        [np.nan if value is None else value for value in values],
        expected.p_signal[:, expected.sig_name.index("PAP")],
        rtol=1e-5,
    )


def test_an_object_list_is_the_line_without_its_time(write: Write) -> None:
    lines = '{"time_s": 0.5, "objects": [{"class": "car"}]}\n\n{"time_s": 0.25, "objects": []}\n'
    track, readings = only(write("o.jsonl", lines))
    assert bodies(readings) == [{"objects": [{"class": "car"}]}, {"objects": []}]
    assert [r.start_us for r in readings] == [500_000, 250_000]
    assert (track.modalities, track.count) == ((Modality.OBJECTS,), 2)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{", "expected a JSON object"),
        ('{"time_s": 1}', "expected a list 'objects'"),
        ('{"objects": []}', "field time_s: expected a number"),
        ('{"time_s": "x", "objects": []}', "field time_s: expected a number"),
    ],
)
def test_a_bad_object_list_is_named_by_line(line: str, complaint: str, write: Write) -> None:
    path = write("o.jsonl", '{"time_s": 0, "objects": []}\n' + line)
    with pytest.raises(FeedError, match=rf"o\.jsonl:2: {complaint}"):
        only(path)


def test_an_object_list_without_a_time_asks_for_one(write: Write) -> None:
    with pytest.raises(FeedError, match=r"o\.jsonl:1: expected a time field"):
        only(write("o.jsonl", '{"objects": []}'))


def test_an_empty_list_of_objects_is_refused(write: Write) -> None:
    with pytest.raises(FeedError, match="expected object lists"):
        only(write("o.jsonl", ""), Modality.OBJECTS)


def test_a_still_image_is_one_sample_of_the_files_own_bytes(write: Write, jpeg: bytes) -> None:
    track, readings = only(write("x.png", jpeg), at_s=2.5)
    assert readings == [Reading(2_500_000, 2_500_000, "image/jpeg", jpeg)]
    assert (track.modalities[0], track.count) == (Modality.IMAGE, 1)


def test_a_note_is_one_text_sample(write: Write) -> None:
    _, readings = only(write("note.txt", "Stable overnight."))
    assert readings == [Reading(0, 0, "text/plain;charset=utf-8", b"Stable overnight.")]


def test_an_empty_note_is_refused(write: Write) -> None:
    with pytest.raises(FeedError, match=r"note\.txt: expected a note"):
        only(write("note.txt", " \n"))


def test_a_csv_is_read_as_what_its_input_takes(write: Write) -> None:
    path = write("x.csv", "start,end,text,hr\n0,1,hi,80\n")
    assert only(path)[0].modalities == (Modality.TEXT,)
    assert only(write("v.csv", "time_s,hr\n0,1\n"), Modality.SERIES)[0].modalities == (
        Modality.SERIES,
    )


def test_a_format_that_is_not_known_lists_those_that_are(write: Write) -> None:
    with pytest.raises(FeedError, match=r"x\.docx: expected a folder or one of .*\.flac"):
        only(write("x.docx", b""))


@pytest.mark.parametrize("name", ["gone.wav", "gone.mp4", "gone.csv", "gone.hea", "gone.png"])
def test_a_file_that_is_not_there_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(FeedError, match=rf"{name}: expected a readable file, got No such file"):
        only(tmp_path / name)
