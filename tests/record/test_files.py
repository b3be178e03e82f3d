"""Files of records: order, rotation, damage."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from mcap.reader import make_reader

from schemas.pipeline import Pipeline
from streams.errors import FeedError, RecordError
from streams.record.handover import Handover
from streams.record.message import encode, file_descriptor_set
from streams.record.reader import contents, read_recording
from streams.record.writer import Writer, channels_of
from streams.records import Record
from tests.record.conftest import T0_US, note


def series(pipeline: Pipeline, offset: int, at_s: float, partition: int = 1) -> Record:
    time_ms = T0_US // 1000 + round(at_s * 1000)
    return Record(pipeline.topic("vitals"), partition, offset, time_ms, b"bed-1", b'{"hr": 80}', [])


def test_topics_that_were_read_one_after_the_other_come_in_the_order_of_time(
    ward: Pipeline, make_recording: Callable[..., Path]
) -> None:
    notes = [note(ward, k, 2.0 * k) for k in range(3)]
    vitals = [series(ward, k, 2.0 * k + 1) for k in range(3)]
    path = make_recording(ward, [*notes, *vitals])
    found = [one.record for one in read_recording([path])]
    assert found == [record for pair in zip(notes, vitals, strict=True) for record in pair]


def test_a_partition_keeps_the_order_of_its_offsets_where_timestamps_go_back(
    ward: Pipeline, make_recording: Callable[..., Path]
) -> None:
    path = make_recording(ward, [note(ward, 0, 5.0), note(ward, 1, 3.0), note(ward, 2, 4.0)])
    assert [one.record.offset for one in read_recording([path])] == [0, 1, 2]


def test_what_lasts_is_handed_over_when_it_is_over(ward: Pipeline) -> None:
    spoken = note(ward, 0, 1.0)
    spoken = Record(
        *[getattr(spoken, name) for name in spoken.__struct_fields__[:-1]],
        [*spoken.headers, ("ce_duration", b"1500")],
    )
    assert Handover(ward).time_us(spoken) == T0_US + 2_500_000


def test_a_record_without_a_timestamp_follows_the_one_before_it(ward: Pipeline) -> None:
    handover = Handover(ward)
    handover.time_us(series(ward, 0, 2.0))
    untimed = Record(ward.topic("vitals"), 1, 1, -1, b"bed-1", b"{}")
    assert handover.time_us(untimed) == T0_US + 2_000_000


def test_any_reader_of_mcap_finds_topics_and_times(
    ward: Pipeline, make_recording: Callable[..., Path]
) -> None:
    path = make_recording(ward, [note(ward, 7, 1.5)])
    with path.open("rb") as file:
        ((schema, channel, message),) = make_reader(file).iter_messages()
    assert schema is not None
    assert (schema.name, schema.encoding) == ("sensorium.Record", "protobuf")
    assert (channel.topic, channel.metadata["input"]) == (ward.topic("notes"), "notes")
    assert message.publish_time == (T0_US + 1_500_000) * 1000
    assert message.sequence == 7


@pytest.mark.parametrize("compression", ["zstd", "lz4", "none"])
def test_every_compression_is_read_back(ward: Pipeline, tmp_path: Path, compression: str) -> None:
    path = tmp_path / "r.mcap"
    channels = channels_of(ward, ["notes"], [])
    with Writer(path, ward, channels, compression=compression) as file:  # type: ignore[arg-type]
        file.add(note(ward, 0, 0.0), T0_US)
    assert [one.record for one in read_recording([path])] == [note(ward, 0, 0.0)]


def big(ward: Pipeline, count: int) -> list[Record]:
    return [
        note(
            ward, k, float(k), text=bytes((k * 31 + j * j * 7) % 251 for j in range(400_000)).hex()
        )
        for k in range(count)
    ]


def test_a_full_file_is_followed_by_another(ward: Pipeline, tmp_path: Path) -> None:
    records = big(ward, 6)
    with Writer(
        tmp_path / "r.mcap",
        ward,
        channels_of(ward, ["notes"], []),
        compression="none",
        max_bytes=2_000_000,
    ) as file:
        for record in records:
            file.add(record, T0_US + record.offset)
    names = [path.name for path in file.files]
    assert names == ["r-0001.mcap", "r-0002.mcap", "r-0003.mcap"][: len(names)]
    assert len(names) >= 2
    assert [one.record for one in read_recording(file.files)] == records


def test_a_file_that_was_cut_short_is_read_as_far_as_it_goes(
    ward: Pipeline, make_recording: Callable[..., Path]
) -> None:
    path = make_recording(ward, big(ward, 6))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    found = [one.record.offset for one in read_recording([path])]
    assert found == list(range(len(found)))
    assert 0 < len(found) < 6
    assert contents(path).cut_short


@pytest.mark.parametrize("damage", [b"", b"not an MCAP file at all", b"\x89MCAP0\r\n\x01\x02"])
def test_other_files_are_refused_in_one_line(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "r.mcap"
    path.write_bytes(damage)
    with pytest.raises(FeedError, match=r"r\.mcap: expected an MCAP file, got \w+; it is damaged"):
        contents(path)


def test_damage_inside_a_chunk_is_an_error(
    ward: Pipeline, make_recording: Callable[..., Path]
) -> None:
    path = make_recording(ward, big(ward, 2))
    data = bytearray(path.read_bytes())
    data[len(data) // 3 : len(data) // 3 + 64] = bytes(64)
    path.write_bytes(data)
    with pytest.raises(FeedError, match="damaged"):
        list(read_recording([path]))


def test_a_file_that_is_there_is_not_replaced(
    ward: Pipeline, make_recording: Callable[..., Path]
) -> None:
    path = make_recording(ward, [])
    with pytest.raises(RecordError, match="expected no such file, got one"):
        Writer(path, ward, {})


def test_files_of_an_earlier_recording_are_not_taken_for_parts_of_this_one(
    ward: Pipeline, tmp_path: Path
) -> None:
    stale = tmp_path / "r-0002.mcap"
    stale.write_bytes(b"of yesterday")
    channels = channels_of(ward, ["notes"], [])
    with pytest.raises(RecordError, match=r"r-0002\.mcap: expected no such file, got one"):
        Writer(tmp_path / "r.mcap", ward, channels, max_bytes=2_000_000)
    Writer(tmp_path / "r.mcap", ward, channels, max_bytes=2_000_000, force=True).close()
    assert [path.name for path in tmp_path.iterdir()] == ["r-0001.mcap"]


def test_a_file_without_a_summary_is_read_whole(ward: Pipeline, tmp_path: Path) -> None:
    from mcap.writer import IndexType
    from mcap.writer import Writer as OtherWriter

    path = tmp_path / "other.mcap"
    with path.open("wb") as file:
        writer = OtherWriter(
            file,
            index_types=IndexType.NONE,
            repeat_channels=False,
            repeat_schemas=False,
            use_statistics=False,
            use_summary_offsets=False,
        )
        writer.start()
        schema = writer.register_schema("sensorium.Record", "protobuf", file_descriptor_set())
        topic = ward.topic("notes")
        channel = writer.register_channel(topic, "protobuf", schema, {"input": "notes"})
        writer.add_message(channel, 1, encode(note(ward, 0, 0.0)), 1)
        writer.finish()
    held = contents(path)
    assert (held.cut_short, dict(held.counts)) == (False, {topic: 1})
    assert [one.record for one in read_recording([path])] == [note(ward, 0, 0.0)]


def test_a_folder_that_is_not_there_is_one_line(ward: Pipeline, tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"gone/r\.mcap: cannot be written \(No such file"):
        Writer(tmp_path / "gone" / "r.mcap", ward, {})
