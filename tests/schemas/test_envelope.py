"""The envelope codec: what goes out comes back, and every record that cannot is named why."""

from __future__ import annotations

import re
import struct
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.content_type import ACCEPTED, pcm_format
from schemas.envelope import decode_ce_attributes, decode_sample, encode_headers, sample_type
from schemas.errors import EnvelopeError
from schemas.inputs import DEFAULT_CONTENT_TYPES, InputSpec
from schemas.pipeline import ClockSpec
from schemas.sample import Modality, Sample
from schemas.units import MAX_EVENT_TIME_US, us_to_iso

T0_US = 1_700_000_000_000_000
AUDIO = InputSpec(modality=Modality.AUDIO, sensors=("mic.customer",))
VIDEO = InputSpec(modality=Modality.VIDEO, sensors=("camera.left", "camera.right"))


def decode(spec: InputSpec = VIDEO, *, clock: ClockSpec | None = None, **record: Any) -> Sample:
    record = {
        "topic": "vehicle.camera",
        "partition": 3,
        "offset": 41,
        "timestamp_ms": T0_US // 1_000,
        "key": b"car-7",
        "value": b"\xff\xd8\xff",
        "headers": [],
        **record,
    }
    return decode_sample(**record, input_name="camera", spec=spec, clock=clock or ClockSpec())


def refusal(spec: InputSpec = VIDEO, **record: Any) -> EnvelopeError:
    with pytest.raises(EnvelopeError) as caught:
        decode(spec, **record)
    return caught.value


def with_header(name: str, value: bytes, spec: InputSpec = VIDEO, **record: Any) -> EnvelopeError:
    return refusal(spec, headers=[(name, value)], **record)


sensor_names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True)
sessions = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=32
)


@given(
    session=sessions,
    sensor=sensor_names,
    modality=st.sampled_from(Modality),
    start_us=st.integers(0, MAX_EVENT_TIME_US - 86_400_000_000),
    duration_us=st.integers(1, 86_400_000_000),
    sequence=st.none() | st.integers(0, 10**17),
    name=st.from_regex(r"[!-~]{1,64}", fullmatch=True),
    payload=st.binary(min_size=1, max_size=64),
)
def test_a_sample_survives_its_envelope(
    session: str,
    sensor: str,
    modality: Modality,
    start_us: int,
    duration_us: int,
    sequence: int | None,
    name: str,
    payload: bytes,
) -> None:
    content_type = DEFAULT_CONTENT_TYPES[modality]
    traceparent = f"00-{'a1' * 16}-{'b2' * 8}-01"
    headers = encode_headers(
        id=name,
        sensor=sensor,
        modality=modality,
        start_us=start_us,
        end_us=start_us + duration_us,
        content_type=content_type,
        sequence=sequence,
        traceparent=traceparent,
    )

    sample = decode(
        InputSpec(modality=modality),
        key=session.encode(),
        value=payload,
        headers=headers,
        timestamp_ms=start_us // 1_000,
    )

    assert sample == Sample(
        session=session,
        sensor=sensor,
        input="camera",
        modality=modality,
        start_us=start_us,
        end_us=start_us + duration_us,
        content_type=content_type,
        payload=payload,
        topic="vehicle.camera",
        partition=3,
        offset=41,
        given_id=name,
        sequence=sequence,
        traceparent=traceparent,
    )


def test_header_names_are_those_of_the_kafka_binding() -> None:
    headers = encode_headers(
        id="f-1",
        sensor="mic.agent",
        modality=Modality.AUDIO,
        start_us=T0_US + 1,
        end_us=T0_US + 199_978,
        content_type="audio/flac",
        sequence=7,
    )

    assert headers == [
        ("ce_specversion", b"1.0"),
        ("ce_id", b"f-1"),
        ("ce_source", b"mic.agent"),
        ("ce_type", b"sensorium.sample.audio.v1"),
        ("ce_time", b"2023-11-14T22:13:20.000001Z"),
        ("content-type", b"audio/flac"),
        ("ce_duration", b"199.977"),
        ("ce_sequence", b"7"),
    ]


def test_an_instant_has_no_duration_header() -> None:
    headers = encode_headers(
        id="f",
        sensor="c",
        modality=Modality.VIDEO,
        start_us=T0_US,
        end_us=T0_US,
        content_type="image/jpeg",
    )
    assert "ce_duration" not in dict(headers)


def test_key_and_value_alone_make_a_sample_of_the_only_declared_sensor() -> None:
    sample = decode(AUDIO, value=bytes(6_400))

    assert sample.sensor == "mic.customer"
    assert sample.id == "vehicle.camera-3-41"
    assert sample.content_type == "audio/pcm;rate=16000;channels=1;format=s16le"
    assert (sample.start_us, sample.end_us) == (T0_US, T0_US + 200_000)


def test_without_a_source_and_with_several_declared_sensors_the_input_names_the_sensor() -> None:
    assert decode(VIDEO).sensor == "camera"


@pytest.mark.parametrize("prefix", ["", "ce_"])
def test_extensions_are_read_with_and_without_the_prefix(prefix: str) -> None:
    parent = b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-00"
    sample = decode(
        headers=[
            (prefix + "sequence", b"0"),
            (prefix + "duration", b"33.5"),
            (prefix + "traceparent", parent),
        ]
    )
    assert (sample.sequence, sample.end_us - sample.start_us) == (0, 33_500)
    assert sample.traceparent == parent.decode()


@pytest.mark.parametrize("parent", [b"", b"00-xyz", b"00-" + b"A" * 32 + b"-" + b"b" * 16 + b"-00"])
def test_a_malformed_traceparent_is_ignored(parent: bytes) -> None:
    assert decode(headers=[("ce_traceparent", parent)]).traceparent is None


def test_the_last_of_two_equal_headers_counts() -> None:
    assert decode(headers=[("ce_source", b"a"), ("ce_source", b"b")]).sensor == "b"


def test_a_header_without_a_value_counts_as_absent() -> None:
    assert decode(headers=[("ce_time", None), ("ce_source", None)]).start_us == T0_US


def test_a_time_with_another_offset_is_the_same_instant() -> None:
    sample = decode(headers=[("ce_time", b"2023-11-15T00:13:20.25+02:00")])
    assert sample.start_us == T0_US + 250_000


@pytest.mark.parametrize(
    ("content_type", "size", "duration_us"),
    [
        (b"audio/pcm;rate=8000", 1_600, 100_000),
        (b"audio/pcm; rate=44100; channels=2", 4, 23),
        (b"audio/pcm;rate=48000;format=f32le", 19_200, 100_000),
    ],
)
def test_pcm_lasts_as_long_as_its_bytes_say(
    content_type: bytes, size: int, duration_us: int
) -> None:
    sample = decode(AUDIO, value=bytes(size), headers=[("content-type", content_type)])
    assert sample.end_us - sample.start_us == duration_us


@pytest.mark.parametrize("content_type", [None, b"audio/wav", b"audio/x-wav", b"audio/wave"])
def test_a_wav_lasts_as_long_as_its_header_says(content_type: bytes | None) -> None:
    header = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8_000, 16_000, 2, 16)
    wav = b"RIFF\xff\0\0\0WAVE" + header + struct.pack("<4sI", b"data", 1_600) + bytes(1_600)
    sample = decode(AUDIO, value=wav, headers=[("content-type", content_type)])
    assert sample.end_us - sample.start_us == 100_000


def test_a_header_that_claims_years_lasts_a_day_at_most() -> None:
    header = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 1, 1, 1, 8)
    wav = b"RIFF\xff\0\0\0WAVE" + header + struct.pack("<4sI", b"data", 4_000_000_000)
    sample = decode(AUDIO, value=wav)
    assert sample.end_us - sample.start_us == 86_400_000_000


def test_a_duration_header_wins_over_the_size_of_the_pcm() -> None:
    sample = decode(AUDIO, value=bytes(6_400), headers=[("ce_duration", b"125")])
    assert sample.end_us - sample.start_us == 125_000


def test_what_a_pcm_header_leaves_out_comes_from_the_input() -> None:
    spec = InputSpec(modality=Modality.AUDIO, content_type="audio/pcm;rate=8000;channels=2")
    sample = decode(spec, headers=[("content-type", b"audio/pcm;channels=1")])
    assert sample.content_type == "audio/pcm;rate=8000;channels=1;format=s16le"


@pytest.mark.parametrize(
    ("modality", "content_type"),
    [(modality, base) for modality, bases in ACCEPTED.items() for base in sorted(bases)],
)
def test_each_accepted_content_type_is_accepted(modality: Modality, content_type: str) -> None:
    sample = decode(
        InputSpec(modality=modality), headers=[("content-type", content_type.upper().encode())]
    )
    assert sample.modality is modality


@pytest.mark.parametrize("key", [None, b""])
def test_no_key_is_a_missing_session(key: bytes | None) -> None:
    assert refusal(key=key).reason == "missing_session"


@pytest.mark.parametrize("key", [b"\xff\xfe", b"a\x1fb", b"a\nb", b"\x7f", b"x" * 129, b"\xc2\x85"])
def test_a_key_that_is_no_name_is_a_bad_session(key: bytes) -> None:
    assert refusal(key=key).reason == "bad_session"


def test_a_key_of_128_bytes_is_a_session() -> None:
    assert decode(key=b"x" * 128).session == "x" * 128


@pytest.mark.parametrize("value", [None, b""])
def test_no_value_is_an_empty_value(value: bytes | None) -> None:
    assert refusal(value=value).reason == "empty_value"


def test_a_value_above_max_bytes_is_too_large_and_one_of_max_bytes_is_not() -> None:
    spec = InputSpec(modality=Modality.VIDEO, max_bytes=10)
    assert decode(spec, value=bytes(10)).payload == bytes(10)
    assert refusal(spec, value=bytes(11)).reason == "too_large"


@pytest.mark.parametrize(
    "time",
    [b"", b"yesterday", b"2023-11-14T22:13:20", b"2023-13-01T00:00:00Z", b"\xff", b"170000000"],
)
def test_an_unreadable_time_is_a_bad_time(time: bytes) -> None:
    assert with_header("ce_time", time).reason == "bad_time"


def test_neither_time_nor_timestamp_is_a_missing_time() -> None:
    assert refusal(timestamp_ms=-1).reason == "missing_time"


CLOCK = ClockSpec(max_ahead=timedelta(seconds=2), max_behind=timedelta(seconds=5))


@pytest.mark.parametrize("shift_us", [2_000_000, -5_000_000])
def test_a_time_at_the_clock_limit_is_believed(shift_us: int) -> None:
    time = us_to_iso(T0_US + shift_us).encode()
    assert decode(headers=[("ce_time", time)], clock=CLOCK).start_us == T0_US + shift_us


@pytest.mark.parametrize("shift_us", [2_000_001, -5_000_001])
def test_a_time_beyond_the_clock_limit_is_out_of_range(shift_us: int) -> None:
    time = us_to_iso(T0_US + shift_us).encode()
    assert with_header("ce_time", time, clock=CLOCK).reason == "time_out_of_range"


def test_a_time_beyond_the_clock_limit_is_told_the_limit_as_the_file_writes_it() -> None:
    time = us_to_iso(T0_US + 2_500_000).encode()
    assert str(with_header("ce_time", time, clock=CLOCK)) == (
        "expected ce_time at most 2s ahead of the record's timestamp, got 2.500 s; set the "
        "sensor's clock or the pipeline's clock"
    )


@pytest.mark.parametrize("time", [b"1969-12-31T23:59:59Z", b"9999-12-31T23:59:59.999999Z"])
def test_a_time_that_cannot_be_printed_is_out_of_range(time: bytes) -> None:
    assert with_header("ce_time", time, timestamp_ms=-1).reason == "time_out_of_range"


@pytest.mark.parametrize("time", [b"1969-12-31T23:59:59Z", b"9999-12-31T23:59:59.999999Z"])
def test_a_time_out_of_range_is_told_as_it_came(time: bytes) -> None:
    assert f"got {time.decode()!r};" in str(with_header("ce_time", time, timestamp_ms=-1))


def test_a_record_timestamp_after_9999_is_out_of_range() -> None:
    error = refusal(timestamp_ms=2**62)
    assert error.reason == "time_out_of_range"
    assert f"got the record timestamp {2**62} ms;" in str(error)


def test_a_chunk_that_ends_after_9999_is_out_of_range() -> None:
    error = with_header("ce_duration", b"86400000", timestamp_ms=MAX_EVENT_TIME_US // 1_000 - 1)
    assert error.reason == "time_out_of_range"
    assert re.search(r"got one that ends 86399\.\d{3} s later;", str(error))


@pytest.mark.parametrize("source", [b"", b"/camera", b"a b", b"\xc3\xa9", b"a" * 65, b".a"])
def test_a_source_that_is_no_sensor_name_is_a_bad_source(source: bytes) -> None:
    assert with_header("ce_source", source).reason == "bad_source"


@pytest.mark.parametrize(
    "content_type",
    [
        b"",
        b"jpeg",
        b"audio/mpeg",
        b"image/jpeg",
        b"application/cloudevents+json",
        b"\xff",
        b"audio/pcm;rate",
        b"audio/pcm;rate=7999",
        b"audio/pcm;rate=48001",
        b"audio/pcm;rate=1e4",
        b"audio/pcm;channels=0",
        b"audio/pcm;format=mp3",
    ],
)
def test_audio_that_is_not_named_usably_is_an_unknown_content_type(content_type: bytes) -> None:
    assert with_header("content-type", content_type, AUDIO).reason == "unknown_content_type"


def test_an_input_with_an_unusable_default_content_type_refuses_what_names_none() -> None:
    spec = InputSpec(modality=Modality.AUDIO, content_type="text/plain")
    assert refusal(spec).reason == "unknown_content_type"


@pytest.mark.parametrize("text", [b"-1", b"PT1S", b"1e3", b"86400000.001", b"999999999", b"."])
def test_an_unreadable_duration_is_a_bad_duration(text: bytes) -> None:
    assert with_header("ce_duration", text).reason == "bad_duration"


@pytest.mark.parametrize("text", [b"-1", b"1.5", b"first", b"1" * 19])
def test_an_unreadable_sequence_is_a_bad_sequence(text: bytes) -> None:
    assert with_header("ce_sequence", text).reason == "bad_sequence"


@pytest.mark.parametrize("name", [b"\xff", b"a\x00", b"x" * 257])
def test_an_unusable_id_is_a_bad_id(name: bytes) -> None:
    assert with_header("ce_id", name).reason == "bad_id"


def test_another_cloudevents_version_is_a_bad_specversion() -> None:
    assert with_header("ce_specversion", b"0.3").reason == "bad_specversion"


@pytest.mark.parametrize(
    "kind", [sample_type(Modality.TEXT).encode(), b"sensorium.sample.video.v2"]
)
def test_a_sample_type_of_ours_for_another_input_is_a_bad_type(kind: bytes) -> None:
    assert with_header("ce_type", kind).reason == "bad_type"


def test_a_type_of_another_producer_is_accepted() -> None:
    assert decode(headers=[("ce_type", b"com.example.frame")]).sensor == "camera"


def test_an_error_tells_what_was_known_before_it() -> None:
    error = refusal(headers=[("ce_source", b"camera.left"), ("ce_sequence", b"x")])
    assert (error.session, error.sensor, error.start_us) == ("car-7", "camera.left", T0_US)


def test_a_time_that_is_not_believed_is_not_told() -> None:
    error = refusal(headers=[("ce_time", b"1999-01-01T00:00:00Z")])
    assert (error.session, error.sensor, error.start_us) == ("car-7", "camera", None)


@pytest.mark.parametrize(
    "record",
    [
        {"headers": [("content-type", b"text/html")]},
        {"headers": [("ce_duration", b"?")]},
        {"headers": [("ce_time", b"?")]},
        {"timestamp_ms": -1},
    ],
)
def test_no_message_holds_payload_or_session(record: dict[str, Any]) -> None:
    message = str(refusal(value=b"patient Jane Roe", key=b"roe-1961", **record))
    assert not re.search("jane|roe", message, re.IGNORECASE)


HEADER_NAMES = (
    "ce_specversion",
    "ce_id",
    "ce_source",
    "ce_type",
    "ce_time",
    "content-type",
    "ce_sequence",
    "ce_duration",
    "ce_traceparent",
    "duration",
    "x",
)


@given(
    key=st.none() | st.binary(max_size=8),
    value=st.none() | st.binary(max_size=8),
    headers=st.lists(
        st.tuples(
            st.sampled_from(HEADER_NAMES),
            st.none() | st.binary(max_size=24),
        ),
        max_size=6,
    ),
    modality=st.sampled_from(Modality),
    timestamp_ms=st.integers(-1, 2**63 - 1),
)
def test_whatever_comes_is_a_sample_or_an_envelope_error(
    key: bytes | None,
    value: bytes | None,
    headers: list[tuple[str, bytes | None]],
    modality: Modality,
    timestamp_ms: int,
) -> None:
    spec = InputSpec(modality=modality)
    with suppress(EnvelopeError):
        sample = decode(spec, key=key, value=value, headers=headers, timestamp_ms=timestamp_ms)
        assert 0 <= sample.start_us <= sample.end_us <= MAX_EVENT_TIME_US


def test_attributes_are_read_by_their_plain_names() -> None:
    headers = [("ce_type", b"x.v1"), ("content-type", b"application/json"), ("other", b"1")]
    assert decode_ce_attributes(headers) == {"type": "x.v1", "datacontenttype": "application/json"}


def test_pcm_format_of_another_type_is_refused() -> None:
    with pytest.raises(ValueError, match="expected audio/pcm"):
        pcm_format("audio/flac")


@pytest.mark.parametrize(
    ("modality", "value", "content_type"),
    [
        (Modality.AUDIO, b"RIFF\x00\x00\x00\x00WAVEfmt ", "audio/wav"),
        (Modality.AUDIO, b"fLaC\x00\x00", "audio/flac"),
        (Modality.AUDIO, b"\x00\x01" * 8, DEFAULT_CONTENT_TYPES[Modality.AUDIO]),
        (Modality.VIDEO, b"\x89PNG\r\n", "image/png"),
        (Modality.TEXT, b'{"text": "stop"}', "application/json"),
        (Modality.TEXT, b'{"text": "st', "application/json"),
        (Modality.TEXT, b'{ "text": ', "application/json"),
        (Modality.TEXT, b"{laughs} stop", "text/plain;charset=utf-8"),
        (Modality.TEXT, b"stop", "text/plain;charset=utf-8"),
    ],
)
def test_without_a_header_the_bytes_tell_the_content_type(
    modality: Modality, value: bytes, content_type: str
) -> None:
    sample = decode_sample(
        topic="p.i",
        partition=0,
        offset=0,
        timestamp_ms=1_790_000_000_000,
        key=b"s",
        value=value,
        headers=[],
        input_name="i",
        spec=InputSpec(modality=modality),
        clock=ClockSpec(),
    )
    assert sample.content_type == content_type


@pytest.mark.parametrize(
    "value",
    [
        b"OggS\x00\x02" + bytes(20),
        b"\x1aE\xdf\xa3\x01\x00" + bytes(20),
        b"\x00\x00\x00\x20ftypM4A " + bytes(20),
        b"#!AMR\n" + bytes(20),
        b"ID3\x04\x00\x00" + bytes(20),
        b".snd\x00\x00\x00\x18" + bytes(20),
    ],
)
def test_a_sound_file_that_no_input_takes_is_not_heard_as_pcm(value: bytes) -> None:
    with pytest.raises(EnvelopeError) as caught:
        decode(InputSpec(modality=Modality.AUDIO), value=value, headers=[])
    assert caught.value.reason == "unknown_content_type"
    assert re.search("got content-type none and audio/[a-z0-9]+ bytes;", str(caught.value))
