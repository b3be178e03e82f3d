"""The reader of many records: what it remembers changes no answer, and a session's end is read."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.envelope import SESSION_END_TYPE, decode_sample, encode_headers
from schemas.envelope_reader import EnvelopeReader
from schemas.errors import EnvelopeError
from schemas.inputs import InputSpec
from schemas.pipeline import ClockSpec
from schemas.sample import Modality, Sample, SessionEnd

T0_MS = 1_700_000_000_000
AUDIO = InputSpec(modality=Modality.AUDIO, sensors=("mic.customer",))
END = ("ce_type", SESSION_END_TYPE.encode())


def reader(spec: InputSpec = AUDIO) -> EnvelopeReader:
    return EnvelopeReader("audio", spec, ClockSpec())


def read(
    by: EnvelopeReader,
    *,
    offset: int = 7,
    key: bytes | None = b"call-1",
    value: bytes | None = bytes(640),
    headers: Any = (),
) -> Sample | SessionEnd:
    return by.read("call.audio", 2, offset, T0_MS, key, value, headers)


texts = st.sampled_from(
    [
        b"",
        b"1.0",
        b"mic.agent",
        b"sensorium.sample.audio.v1",
        b"sensorium.sample.video.v1",
        SESSION_END_TYPE.encode(),
        b"2023-11-14T22:13:20.250Z",
        b"audio/pcm;rate=8000",
        b"audio/flac",
        b"image/png",
        b"20",
        b"33.3333",
    ]
)
names = st.sampled_from(
    [
        "ce_specversion",
        "ce_id",
        "ce_source",
        "ce_type",
        "ce_time",
        "content-type",
        "ce_duration",
        "duration",
        "ce_sequence",
        "sequence",
        "x",
    ]
)
records = st.fixed_dictionaries(
    {
        "key": st.sampled_from([None, b"", b"s", b"t", b"\xff", b"x" * 129]),
        "value": st.sampled_from([None, b"", bytes(640), bytes(641), b"fLaC", b"RIFF0000WAVE"]),
        "headers": st.lists(st.tuples(names, st.none() | texts), max_size=6),
    }
)


def outcome(call: Any) -> object:
    try:
        return call()
    except EnvelopeError as error:
        return error.reason, str(error), error.session, error.sensor, error.start_us


@given(st.lists(records, min_size=2, max_size=8))
def test_a_record_is_read_the_same_whatever_was_read_before_it(
    many: list[dict[str, Any]],
) -> None:
    kept = reader()
    for offset, record in enumerate(many):
        alone = outcome(
            lambda record=record, offset=offset: decode_sample(
                topic="call.audio",
                partition=2,
                offset=offset,
                timestamp_ms=T0_MS,
                **record,
                input_name="audio",
                spec=AUDIO,
                clock=ClockSpec(),
            )
        )
        after = outcome(lambda record=record, offset=offset: read(kept, offset=offset, **record))
        assert after == alone


def test_the_session_end_type_is_the_published_one() -> None:
    assert SESSION_END_TYPE == "sensorium.session.end.v1"


@pytest.mark.parametrize("value", [None, b"", b"anything", bytes(5_000_000)])
def test_a_session_end_is_read_whatever_its_value(value: bytes | None) -> None:
    assert read(reader(), value=value, headers=[END]) == SessionEnd("call-1", 7)


@pytest.mark.parametrize(
    "header",
    [
        ("ce_specversion", b"0.3"),
        ("ce_source", b"/no sensor"),
        ("ce_time", b"yesterday"),
        ("content-type", b"text/html"),
        ("ce_duration", b"long"),
        ("ce_id", b"\xff"),
    ],
)
def test_no_other_header_of_a_session_end_is_looked_at(header: tuple[str, bytes]) -> None:
    assert read(reader(), headers=[header, END]) == SessionEnd("call-1", 7)


def test_a_session_end_needs_no_time() -> None:
    end = reader().read("call.audio", 2, 7, -1, b"call-1", None, [END])
    assert end == SessionEnd("call-1", 7)


@pytest.mark.parametrize(
    ("key", "reason"), [(None, "missing_session"), (b"", "missing_session"), (b"\n", "bad_session")]
)
def test_a_session_end_without_a_good_key_is_refused(key: bytes | None, reason: str) -> None:
    with pytest.raises(EnvelopeError) as caught:
        read(reader(), key=key, headers=[END])
    assert caught.value.reason == reason


@pytest.mark.parametrize("kind", [b"sensorium.session.end.v2", b"sensorium.session.start.v1"])
def test_another_mark_of_ours_is_a_bad_type(kind: bytes) -> None:
    with pytest.raises(EnvelopeError) as caught:
        read(reader(), headers=[("ce_type", kind)])
    assert caught.value.reason == "bad_type"


def test_one_record_read_alone_may_be_a_session_end_too() -> None:
    end = decode_sample(
        topic="call.audio",
        partition=2,
        offset=9,
        timestamp_ms=T0_MS,
        key=b"call-1",
        value=b"",
        headers=iter([END]),
        input_name="audio",
        spec=AUDIO,
        clock=ClockSpec(),
    )
    assert end == SessionEnd("call-1", 9)


def test_of_two_equal_headers_the_one_with_a_value_counts() -> None:
    sample = read(reader(), headers=[("ce_source", b"mic.agent"), ("ce_source", None)])
    assert isinstance(sample, Sample)
    assert sample.sensor == "mic.agent"


def test_a_sample_with_an_id_of_its_own_keeps_it_and_another_has_its_coordinates() -> None:
    headers = encode_headers(
        id="chunk-1",
        sensor="mic.agent",
        modality=Modality.AUDIO,
        start_us=T0_MS * 1_000,
        content_type="audio/pcm",
    )
    named, plain = read(reader(), headers=headers), read(reader())
    assert isinstance(named, Sample)
    assert isinstance(plain, Sample)
    assert (named.id, plain.id) == ("chunk-1", "call.audio-2-7")
