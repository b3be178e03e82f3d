"""Cutting by modality: waveforms by value, what is one thing not at all, and the compute port."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.sample import Modality, Sample
from streams.compute import BadSample, Compute
from tests.workers.cut_helpers import START_US, interval, parts_of
from tests.workers.models import cpu_compute, pipeline, write_model
from tests.workers.payloads import example, s16le, tone
from workers.codecs import decode
from workers.codecs.cut import cut, interval_us

JSON = "application/json"


def block(rate_hz: float, duration_us: int = 0, **channels: list[float | None]) -> Sample:
    payload = json.dumps({"channels": channels, "rate_hz": rate_hz}).encode()
    return interval(Modality.SERIES, JSON, payload, duration_us)


def read(part: Sample) -> dict[str, Any]:
    return dict(json.loads(part.payload)["channels"])


def test_a_block_of_waveforms_is_cut_by_the_times_of_its_values() -> None:
    ecg, resp = [0.0, 0.1, None, 0.3, 0.4], [1.0, 2.0]
    first, second = parts_of(block(10.0, ecg=ecg, resp=resp), [START_US + 200_000])
    assert read(first) == {"ecg": [0.0, 0.1], "resp": [1.0, 2.0]}
    assert read(second) == {"ecg": [None, 0.3, 0.4], "resp": []}
    assert (second.start_us, second.end_us) == (START_US + 200_000, START_US + 500_000)


@given(
    values=st.lists(st.none() | st.floats(-1e6, 1e6), min_size=1, max_size=60),
    rate_hz=st.floats(0.5, 500.0),
    after=st.lists(st.integers(1, 5_000_000), max_size=8),
)
def test_the_values_of_a_block_are_each_in_one_part(
    values: list[float | None], rate_hz: float, after: list[int]
) -> None:
    parts = parts_of(block(rate_hz, ecg=values), sorted(START_US + us for us in after))
    assert [value for part in parts for value in read(part)["ecg"]] == values
    assert all(read(part)["ecg"] for part in parts)


def test_a_block_lasts_as_long_as_its_longest_channel() -> None:
    assert interval_us(block(125.0, ecg=[0.0] * 250, pleth=[0.0] * 10)) == (
        START_US,
        START_US + 2_000_000,
    )


@pytest.mark.parametrize("rate_hz", [1e-9, 5e-324])
def test_a_block_that_would_last_for_days_stays_whole(rate_hz: float) -> None:
    slow = block(rate_hz, 3_000_000, ecg=[0.0, 1.0])
    assert interval_us(slow) == (START_US, START_US + 3_000_000)
    assert parts_of(slow, [START_US + 1_000_000]) == [slow]


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"", "empty_value"),
        (b"[1]", "bad_json"),
        (b'{"hr": "high"}', "bad_json"),
        (b'{"channels": {"ecg": [1, 2]}, "rate_hz": 0}', "bad_json"),
    ],
)
def test_a_series_that_the_decoder_refuses_has_its_reason(payload: bytes, expected: str) -> None:
    result = cut(interval(Modality.SERIES, JSON, payload, 600_000), [START_US + 300_000])
    assert isinstance(result, BadSample)
    assert result.reason == expected


@pytest.mark.parametrize(
    "modality", [Modality.VIDEO, Modality.IMAGE, Modality.OBJECTS, Modality.POINTS, Modality.SERIES]
)
def test_what_is_one_thing_stays_whole_even_with_a_duration(modality: Modality) -> None:
    whole = interval(modality, *example(modality), 100_000)
    assert interval_us(whole) == (START_US, START_US + 100_000)
    (part,) = parts_of(whole, [START_US + 50_000])
    assert part is whole


def test_a_failure_that_nobody_foresaw_is_a_bad_sample_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(sample: Sample) -> tuple[int, int]:
        raise ZeroDivisionError("with a secret")

    monkeypatch.setitem(cut.__globals__["_INTERVALS"], Modality.AUDIO, fail)
    chunk = interval(Modality.AUDIO, *example(Modality.AUDIO))
    result = cut(chunk, [START_US + 1_000])
    assert isinstance(result, BadSample)
    assert (result.reason, result.error_class) == ("not_cuttable", "ZeroDivisionError")
    assert "secret" not in result.message


@given(
    modality=st.sampled_from(list(Modality)),
    content_type=st.sampled_from(
        (JSON, "text/plain", "audio/pcm;rate=8000", "audio/wav", "audio/flac", "image/jpeg", ";")
    ),
    magic=st.sampled_from((b"", b"RIFF", b"fLaC", b'{"text": "a", "words": [', b'{"channels": {')),
    noise=st.binary(max_size=64),
    duration_us=st.integers(0, 10_000_000),
)
def test_no_payload_raises_and_bytes_that_are_cut_could_be_decoded(
    modality: Modality, content_type: str, magic: bytes, noise: bytes, duration_us: int
) -> None:
    sample = interval(modality, content_type, magic + noise, duration_us)
    parts = cut(sample, [START_US + 1_000])
    if not isinstance(parts, BadSample) and len(parts) > 1:
        assert not isinstance(decode(modality, content_type, sample.payload), BadSample)


async def test_the_parts_of_a_chunk_are_encoded_like_chunks_of_their_own(tmp_path: Path) -> None:
    write_model(tmp_path / "model")
    model_compute = cpu_compute(pipeline(str(tmp_path / "model")))
    compute: Compute = model_compute
    try:
        signal = s16le(tone(440.0, seconds=0.5))
        content_type = "audio/pcm;rate=16000;channels=1;format=s16le"
        chunk = interval(Modality.AUDIO, content_type, signal)
        assert compute.interval_us(chunk) == (START_US, START_US + 500_000)
        parts = compute.cut(chunk, [START_US + 200_000])
        assert not isinstance(parts, BadSample)
        alone = [
            interval(Modality.AUDIO, content_type, signal[:6_400]),
            interval(Modality.AUDIO, content_type, signal[6_400:]),
        ]
        assert await compute.encode(parts) == await compute.encode(alone)
    finally:
        model_compute.close()
