"""The player against a real broker: all of it, in order, as the envelope reads it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from schemas.envelope import SESSION_END_TYPE, decode_sample
from schemas.pipeline import Pipeline
from schemas.sample import Sample
from streams.errors import FeedError
from streams.feed.plan import plan_feed
from streams.feed.player import play
from streams.stack import Stack

pytestmark = pytest.mark.integration
NOW_US = 1_769_846_400_000_000


async def create_topics(stack: Stack, pipeline: Pipeline) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka_bootstrap)
    await admin.start()
    try:
        await admin.create_topics(
            [NewTopic(pipeline.topic(name), pipeline.partitions, 1) for name in pipeline.inputs]
        )
    finally:
        await admin.close()


async def fetch(stack: Stack, pipeline: Pipeline, name: str, count: int) -> list[ConsumerRecord]:
    """``count`` records of one input, partition by partition in order of offset."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=stack.kafka_bootstrap,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=20_000_000,
    )
    await consumer.start()
    found: list[ConsumerRecord] = []
    try:
        partitions = [TopicPartition(pipeline.topic(name), n) for n in range(pipeline.partitions)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning()
        while len(found) < count:
            for records in (await consumer.getmany(timeout_ms=10_000)).values():
                found += records
    finally:
        await consumer.stop()
    found.sort(key=lambda record: (record.partition, record.offset))
    return found


async def read_back(stack: Stack, pipeline: Pipeline, name: str, count: int) -> list[Sample]:
    """``count`` samples of one input, partition by partition in order of offset."""
    return [
        decode_sample(
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            timestamp_ms=record.timestamp,
            key=record.key,
            value=record.value,
            headers=record.headers,
            input_name=name,
            spec=pipeline.inputs[name],
            clock=pipeline.clock,
        )
        for record in await fetch(stack, pipeline, name, count)
    ]


async def test_every_sample_arrives_in_its_sessions_order(
    stack: Stack,
    make_pipeline: Callable[..., Pipeline],
    unique_name: Callable[[str], str],
    tone: Callable[..., Path],
) -> None:
    pipeline = make_pipeline(
        unique_name("call"), audio={"modality": "audio", "sensors": ["mic.a", "mic.b"]}
    )
    await create_topics(stack, pipeline)
    plan = plan_feed(
        [str(tone(channels=2, seconds=20.0))],
        pipeline,
        now_us=NOW_US,
        session="call",
        sessions=8,
    )

    summary = await play(
        plan.items(),
        kafka={"bootstrap_servers": stack.kafka_bootstrap},
        pipeline=pipeline,
        speed=None,
    )

    samples = await read_back(stack, pipeline, "audio", 1_600)
    assert summary.samples == {"audio/mic.a": 800, "audio/mic.b": 800}
    for session in plan.sessions:
        for sensor in ("mic.a", "mic.b"):
            of_one = [s for s in samples if (s.session, s.sensor) == (session, sensor)]
            assert [s.sequence for s in of_one] == list(range(100))
            assert all(a.end_us == b.start_us for a, b in pairwise(of_one))
        assert len({s.partition for s in samples if s.session == session}) == 1


async def test_the_kitti_drive_arrives_byte_for_byte(
    stack: Stack,
    make_pipeline: Callable[..., Pipeline],
    unique_name: Callable[[str], str],
    shared_data: Path,
) -> None:
    folder = shared_data / "vehicle/kitti_raw_2011_09_26_drive_0052"
    pipeline = make_pipeline(
        unique_name("vehicle"), camera={"modality": "video"}, lidar={"modality": "points"}
    )
    await create_topics(stack, pipeline)

    await play(
        plan_feed([str(folder)], pipeline, now_us=NOW_US).items(),
        kafka={"bootstrap_servers": stack.kafka_bootstrap},
        pipeline=pipeline,
        speed=None,
    )

    for name, kind in (("camera", "image_02/*.jpg"), ("lidar", "velodyne_fov/*.bin")):
        samples = await read_back(stack, pipeline, name, 78)
        assert [s.payload for s in samples] == [f.read_bytes() for f in sorted(folder.glob(kind))]
        assert [s.start_us - NOW_US for s in samples] == [100_000 * n for n in range(78)]


async def test_a_sample_beyond_what_the_producer_may_send_is_refused_by_name(
    stack: Stack,
    make_pipeline: Callable[..., Pipeline],
    unique_name: Callable[[str], str],
    write: Callable[[str, str], Path],
) -> None:
    pipeline = make_pipeline(unique_name("ward"), notes={"modality": "text"})
    await create_topics(stack, pipeline)
    path = write("note.txt", "x" * 5_000)
    with pytest.raises(FeedError, match=r"sample 0 of notes/notes .* got 5000 bytes"):
        await play(
            plan_feed([str(path)], pipeline, now_us=NOW_US).items(),
            kafka={"bootstrap_servers": stack.kafka_bootstrap, "max_request_size": 4_000},
            pipeline=pipeline,
        )


async def test_each_session_s_end_lies_behind_its_samples_on_its_own_partition(
    stack: Stack,
    make_pipeline: Callable[..., Pipeline],
    unique_name: Callable[[str], str],
    tone: Callable[..., Path],
) -> None:
    pipeline = make_pipeline(
        unique_name("call"),
        audio={"modality": "audio", "sensors": ["mic.a", "mic.b"]},
    )
    await create_topics(stack, pipeline)
    plan = plan_feed(
        [str(tone(channels=2, seconds=1.0))],
        pipeline,
        now_us=NOW_US,
        session="call",
        sessions=8,
    )

    await play(
        plan.items(),
        kafka={"bootstrap_servers": stack.kafka_bootstrap},
        pipeline=pipeline,
        speed=None,
        end_sessions=True,
    )

    samples = dict.fromkeys(plan.sessions, 0)
    for record in await fetch(stack, pipeline, "audio", 8 * 11):
        session = record.key.decode()
        if dict(record.headers)["ce_type"] == SESSION_END_TYPE.encode():
            # Nothing of the session comes after it: a further sample would find no count.
            assert samples.pop(session) == 10
        else:
            samples[session] += 1
    assert samples == {}
